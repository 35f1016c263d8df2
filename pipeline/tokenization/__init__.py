"""Tokenizers: trained on the clean corpus, measured, judged by small models, used to encode."""
