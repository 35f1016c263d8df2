"""The benchmark: how well a model knows its language, beside chance and beside simple baselines.

Every measure here rests on one function, the bits that a model needs for a text. A scorer is
anything that gives those bits for a list of texts, so that the model and the character n-grams
answer the same questions.
"""
