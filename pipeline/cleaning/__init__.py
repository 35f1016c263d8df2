"""Cleaning: what is left is the language, and what was dropped is kept with its reason."""
