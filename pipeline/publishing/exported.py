"""What `export` wrote, as others need to know it; torch is not needed for that."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

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


def file_hash(path: Path) -> str:
    """SHA-256 of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
