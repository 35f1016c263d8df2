"""Text from any model of the family: functions that yield it, collect it, or write many at once."""

from pipeline.generation.text import generate, generate_batch, stream

__all__ = ["generate", "generate_batch", "stream"]
