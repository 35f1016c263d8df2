"""tugantel's library: from raw text to a language model.

It knows nothing of DVC and imports nothing from `stages`.
"""
