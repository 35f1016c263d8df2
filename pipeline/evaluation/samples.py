"""What the model writes, judged by machine: is it the language, does it repeat, does it copy?

The same figures for held-out text that people wrote stand beside, since only against them does a
number say something: people, too, use rare words and set phrases.
"""

import re
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pipeline.evaluation.overlap import RunFinder, run_phrases, words
from pipeline.generation import generate_batch
from pipeline.models import LanguageModel
from pipeline.params import GenerationParams
from pipeline.progress import track

PROMPT_WORDS = 2
COPIED_WORDS = (8, 16, 32)
REPEATED = 4  # words of a run that should not come again

Verdict = dict[str, float | int | bool | None]
Identify = Callable[[list[str]], list[bool]]  # whether each text is in the language
_END = re.compile(r"[.!?…։。؟۔।][\"'»”’)\]]*\s*$")


def sample_prompts(held_out: Sequence[str], count: int, seed: int) -> list[str]:
    """Half of the prompts are empty, the others the first words of held-out texts."""
    generator = np.random.default_rng(seed)
    split = [text.split() for text in held_out]
    starts = sorted({" ".join(w[:PROMPT_WORDS]) for w in split if len(w) > PROMPT_WORDS})
    given = min(count // 2, len(starts))
    chosen = generator.permutation(len(starts))[:given]
    return [""] * (count - given) + [starts[index] for index in chosen]


def write_samples(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    settings: GenerationParams,
    temperatures: Sequence[float],
) -> list[dict[str, Any]]:
    """One text for each prompt at each temperature, each with a seed of its own.

    `text` begins with the prompt.
    """
    samples = []
    for rank, temperature in enumerate(track(temperatures, "samples")):
        first = settings.seed + rank * len(prompts)
        one = settings.model_dump(exclude={"seed"}) | {"temperature": temperature}
        seeds = range(first, first + len(prompts))
        continuations = generate_batch(model, tokenizer, prompts, seeds=list(seeds), **one)
        samples += [
            {"prompt": prompt, "text": prompt + continuation, "temperature": temperature}
            for prompt, continuation in zip(prompts, continuations, strict=True)
        ]
    return samples


class Judge:
    """Judges texts against the training text, after `finder.search`."""

    def __init__(self, texts: Sequence[str], finder: RunFinder) -> None:
        self.texts, self._finder = list(texts), finder
        self._places = [finder.add(run_phrases(text)) for text in texts]

    def verdicts(
        self,
        known: Container[str],
        held_out: Container[str] = frozenset(),
        identify: Identify | None = None,
    ) -> list[Verdict]:
        """What there is to say of each text; a share is None where there is nothing to divide.

        `known` are the words of the training text, `held_out` those of other text by people.
        `repeated` is the share of runs of four words that stood in the text before (seq-rep-4 of
        Welleck et al. 2020, https://arxiv.org/abs/1908.04319).
        """
        inside = identify(self.texts) if identify else [None] * len(self.texts)
        return [
            _verdict(text, known, held_out, identified)
            | {"longest_copied_run": int(self._finder.longest(place).max(initial=0))}
            for text, place, identified in zip(self.texts, self._places, inside, strict=True)
        ]


def _verdict(
    text: str, known: Container[str], held_out: Container[str], identified: bool | None
) -> Verdict:
    spelt = words(text)
    runs = _grams(spelt, REPEATED)
    return {
        "words": len(spelt),
        "characters": len(text),
        "identified": identified,
        "known_words": _share([word in known for word in spelt]),
        "real_words": _share([word in known or word in held_out for word in spelt]),
        "distinct_trigrams": _distinct(_grams(spelt, 3)),
        "repeated": 1 - len(set(runs)) / len(runs) if runs else None,
        "ends": _END.search(text) is not None,
    }


def summary(texts: Sequence[str], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Means over texts, shares of texts, and the share of texts with a copied run of more than 8,
    16, 32 words.

    `distinct_1` to `distinct_3` are over all texts together (Li et al. 2016,
    https://arxiv.org/abs/1510.03055): a model that writes one thing again and again is found there.
    """
    result: dict[str, Any] = {"samples": len(texts)}
    keys = ("words", "characters", "known_words", "real_words", "distinct_trigrams", "repeated")
    for key in (*keys, "identified", "ends", "longest_copied_run"):
        values = [verdict[key] for verdict in verdicts if verdict[key] is not None]
        result[key] = float(np.mean(values)) if values else None  # type: ignore[arg-type]
    runs = [int(verdict["longest_copied_run"] or 0) for verdict in verdicts]
    result["longest_copied_run_of_all"] = max(runs) if runs else None
    for limit in COPIED_WORDS:
        result[f"copied_over_{limit}"] = _share([run > limit for run in runs])
    spelt = [words(text) for text in texts]
    for length in (1, 2, 3):
        result[f"distinct_{length}"] = _distinct(
            [gram for one in spelt for gram in _grams(one, length)]
        )
    return result


def by_temperature(
    samples: Sequence[dict[str, Any]], verdicts: Sequence[Verdict]
) -> dict[str, dict[str, Any]]:
    """The summary at each temperature."""
    found = {}
    for temperature in dict.fromkeys(sample["temperature"] for sample in samples):
        of = [i for i, sample in enumerate(samples) if sample["temperature"] == temperature]
        found[f"{temperature:g}"] = summary(
            [samples[i]["text"] for i in of], [verdicts[i] for i in of]
        )
    return found


def _grams(spelt: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return list(zip(*(spelt[start:] for start in range(length)), strict=False))


def _distinct(grams: Sequence[tuple[str, ...]]) -> float | None:
    return len(set(grams)) / len(grams) if grams else None


def _share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None
