"""Telling what happened: figures, one HTML page that opens offline, a summary on the terminal."""
