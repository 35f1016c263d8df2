"""tugantel's library: from raw text to a language model. Knows nothing of DVC and imports nothing from `stages`."""
