"""Text from any model of the family: one free function that yields text, one that collects it."""

from pipeline.generation.sampling import generate, stream

__all__ = ["generate", "stream"]
