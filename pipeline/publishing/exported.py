"""What `export` wrote, as others need to know it; torch is not needed for that."""

from dataclasses import dataclass

OUR_LOADER = "pipeline.models.load_model"


@dataclass(frozen=True)
class Exported:
    """What was written: the class that loads it, its size, and what `transformers` lacks for it."""

    class_name: str
    family: str
    parameters: int
    context: int
    vocabulary: int
    obstacle: str | None = None

    @property
    def for_transformers(self) -> bool:
        """Whether `transformers` loads it."""
        return self.class_name != OUR_LOADER
