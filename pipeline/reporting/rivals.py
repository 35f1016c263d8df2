"""What stands beside the model in every table of the benchmark, as it is called there."""

NGRAMS = {"char_5gram": "5-gram", "char_7gram": "7-gram", "word_3gram": "word 3-gram"}
