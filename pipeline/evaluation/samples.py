"""What the model writes, judged by machine: known words, repetition, copying from training.

The same figures for held-out text that people wrote stand beside, since only against them does a
number say something: people, too, use rare words and set phrases.
"""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pipeline.evaluation.overlap import RunFinder, run_phrases, words
from pipeline.generation import generate
from pipeline.models import LanguageModel
from pipeline.params import GenerationParams
from pipeline.progress import track

PROMPT_WORDS = 2
COPIED_WORDS = (8, 16, 32)


def sample_prompts(held_out: Sequence[str], count: int, seed: int) -> list[str]:
    """Half of the prompts are empty, the others the first words of held-out texts."""
    generator = np.random.default_rng(seed)
    split = [text.split() for text in held_out]
    starts = sorted({" ".join(w[:PROMPT_WORDS]) for w in split if len(w) > PROMPT_WORDS})
    given = min(count // 2, len(starts))
    chosen = generator.permutation(len(starts))[:given]
    return [""] * (count - given) + [starts[index] for index in chosen]


def write_samples(
    model: LanguageModel, tokenizer: Tokenizer, prompts: Sequence[str], settings: GenerationParams
) -> list[dict[str, Any]]:
    """One text for each prompt, each with a seed of its own; `text` begins with the prompt."""
    samples = []
    for index, prompt in enumerate(track(prompts, "samples")):
        one = settings.model_dump() | {"seed": settings.seed + index}
        continuation = generate(model, tokenizer, prompt, **one)
        text = prompt + continuation
        samples.append({"prompt": prompt, "text": text, "temperature": settings.temperature})
    return samples


class Judge:
    """Judges texts against the training text, after `finder.search`."""

    def __init__(self, texts: Sequence[str], finder: RunFinder) -> None:
        self._texts, self._finder = texts, finder
        self._places = [finder.add(run_phrases(text)) for text in texts]

    def verdicts(self, known: Container[str]) -> list[dict[str, float | int | None]]:
        """For each text: words, shares of known words and distinct trigrams, longest copied run."""
        verdicts: list[dict[str, float | int | None]] = []
        for text, place in zip(self._texts, self._places, strict=True):
            spelt = words(text)
            trigrams = list(zip(spelt, spelt[1:], spelt[2:], strict=False))
            verdicts.append(
                {
                    "words": len(spelt),
                    "known_words": sum(word in known for word in spelt) / len(spelt)
                    if spelt
                    else None,
                    "distinct_trigrams": len(set(trigrams)) / len(trigrams) if trigrams else None,
                    "longest_copied_run": int(self._finder.longest(place).max(initial=0)),
                }
            )
        return verdicts


def summary(verdicts: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Means over texts, and the share of texts with a copied run of more than 8, 16, 32 words."""
    means: dict[str, float | None] = {}
    for key in ("words", "known_words", "distinct_trigrams", "longest_copied_run"):
        values = [verdict[key] for verdict in verdicts if verdict[key] is not None]
        means[key] = float(np.mean(values)) if values else None
    for limit in COPIED_WORDS:
        over = [verdict["longest_copied_run"] > limit for verdict in verdicts]
        means[f"copied_over_{limit}"] = float(np.mean(over)) if over else None
    return means
