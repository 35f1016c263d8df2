"""fastText classifiers: one trained on the spot, and any that the user brings.

Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification". Training runs in one thread,
which makes it repeatable. The library is C++ and may end the whole process on a file it cannot
read, so a user's file is first opened in a process of its own.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

PREFIX = "__label__"
LONGEST = 600  # characters of a text that the classifier looks at: more does not change its mind
LIKELIEST = 5  # labels of a text among which one is looked for
RATES = (0.5, 0.2, 0.05)

PROBE = """
import json, os, sys
sys.stderr = open(os.devnull, "w")
import fasttext
model = fasttext.load_model(sys.argv[1])
model.f.predict("a b c\\n", 1, 0.0, "strict")
print(json.dumps(model.get_labels()))
"""


class Classifier:
    """A fastText model: text in, the likeliest label and its probability out."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.labels = [label.removeprefix(PREFIX) for label in model.get_labels()]

    @classmethod
    def train(cls, examples: Sequence[tuple[str, str]], seed: int) -> "Classifier":
        """Train on (label, text) pairs, which are shuffled first.

        Raises:
            UserError: training gave no finite numbers at any of three learning rates.
        """
        import fasttext

        order = np.random.default_rng(seed).permutation(len(examples))
        lines = [f"{PREFIX}{examples[i][0]} {examples[i][1][:LONGEST]}\n" for i in order]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "examples.txt"
            path.write_text("".join(lines), encoding="utf-8")
            for rate in RATES:
                with contextlib.suppress(RuntimeError):  # the library's word for NaN
                    model = fasttext.train_supervised(
                        str(path),
                        lr=rate,
                        dim=16,
                        epoch=4,
                        minn=2,
                        maxn=5,
                        minCount=3,
                        bucket=1 << 18,
                        thread=1,
                        verbose=0,
                        seed=seed,
                    )
                    probability, _ = (found := cls(model)).predict(["a", *lines[:20]])
                    if (
                        np.isfinite(probability).all()
                        and np.isfinite(model.get_output_matrix()).all()
                    ):
                        return found
        raise UserError(
            "the language identifier could not be trained (its numbers overflow): "
            "give more text in cleaning.contaminants or name an identifier in cleaning.identifier"
        )

    @classmethod
    def load(cls, path: Path) -> "Classifier":
        """Load a model file.

        Raises:
            UserError: there is no such file, or it is no whole fastText classifier.
        """
        if not path.is_file():
            raise UserError(f"cleaning.identifier: {path} is no file; allowed: made, none, a file")
        probe = subprocess.run(
            [sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=False
        )
        try:
            labels = json.loads(probe.stdout) if probe.returncode == 0 else []
        except json.JSONDecodeError:
            labels = []
        if not labels or not labels[0].startswith(PREFIX):
            raise UserError(
                f"cleaning.identifier: {path} is not a whole fastText model "
                f"({os.path.getsize(path):,} bytes): download it again or use identifier: made"
            )
        import fasttext

        return cls(fasttext.load_model(str(path)))

    def __getstate__(self) -> bytes:
        """The model as the library writes it, so that it can be sent to another process."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            self.model.save_model(str(path))
            return path.read_bytes()

    def __setstate__(self, state: bytes) -> None:
        import fasttext

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            path.write_bytes(state)
            self.__init__(fasttext.load_model(str(path)))  # type: ignore[misc]

    def predict(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
        """The probability and the name of the likeliest label of each text (one line each)."""
        probabilities, labels = self._likeliest(texts, 1)
        best = [float(p[0]) if len(p) else 0.0 for p in probabilities]
        names = [str(found[0]).removeprefix(PREFIX) if found else "" for found in labels]
        return np.array(best, np.float32), names

    def probability(self, texts: Sequence[str], label: str) -> NDArray[np.float32]:
        """The probability of one label for each text; 0 where it is not among the likeliest."""
        wanted = PREFIX + label
        found = zip(*self._likeliest(texts, LIKELIEST), strict=True)
        return np.array(
            [
                next((p for p, name in zip(*both, strict=True) if name == wanted), 0)
                for both in found
            ],
            np.float32,
        )

    def _likeliest(self, texts: Sequence[str], count: int) -> tuple[list[Any], list[Any]]:
        """Probabilities and labels of the `count` likeliest of each text."""
        if not texts:
            return [], []
        cut = [text[:LONGEST].replace("\n", " ") + "\n" for text in texts]
        labels, probabilities = self.model.f.multilinePredict(cut, count, 0.0, "strict")
        return probabilities, labels
