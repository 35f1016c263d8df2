"""Trials: the same small model on different makings of a corpus, to see which making helps."""
