"""Giving the model away: a folder that `transformers` loads, and its model card."""
