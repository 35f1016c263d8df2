"""The sweep: every kind at every size, and ready tokenizers beside them, with their measures."""

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from tokenizers import Tokenizer

from pipeline.files import atomic_folder, write_json
from pipeline.params import TokenizerParams
from pipeline.progress import progress
from pipeline.tokenization.bulk import BulkEncoder
from pipeline.tokenization.encode import library_threads
from pipeline.tokenization.family import cut_counts, is_cut_of
from pipeline.tokenization.judge import Candidate, Train, judge
from pipeline.tokenization.kinds import train_sizes
from pipeline.tokenization.measure import Counts, Material, count, describe, measure
from pipeline.tokenization.ready import load_ready
from pipeline.tokenization.sample import groups, sample_texts
from pipeline.tokenization.tokenizer import save_tokenizer

MEASURES, TOKENS = "measures.json", "tokens.json"
HELD_OUT_MEGABYTES = 1.0
JUDGED_MEGABYTES = 0.2
COUNTED_MEGABYTES = 4.0  # of the training text, in which tokens are counted
TIMED_CHARACTERS = 1 << 15
SEED_STEP = 1000  # between seeds of the small models: another tokenizer.seed shares none of them


@dataclass
class Tried:
    """One tokenizer of the sweep, and how often its tokens occur."""

    kind: str
    tokenizer: Tokenizer
    ready: bool
    counts: Counts | None = None

    @cached_property
    def encoder(self) -> BulkEncoder:
        """Encodes text with it."""
        return BulkEncoder(self.tokenizer)

    @cached_property
    def state(self) -> dict[str, Any]:
        """What its file says."""
        return cast(dict[str, Any], json.loads(self.tokenizer.to_str()))

    @property
    def size(self) -> int:
        """How many tokens it has."""
        return int(self.tokenizer.get_vocab_size())


def name_of(kind: str, size: int) -> str:
    """The folder of one tokenizer inside the sweep's; `kind` is the name of a ready one."""
    return re.sub(r"[^\w.-]+", "-", f"{kind}-{size}").strip("-")


def sweep(
    params: TokenizerParams,
    dropout: float,
    cost: Callable[[int], float],
    clean: Path,
    folder: Path,
    train: Train,
) -> dict[str, Any]:
    """Write all tokenizers, `measures.json` and `tokens.json` into `folder`; return what took how
    long.

    The measures are the same in every run; seconds are not, so they are returned instead.
    One tokenizer alone is not judged, for there is nothing to compare it with. `dropout` is that
    of the model to come, `cost` the operations that a token costs it with so large a vocabulary.

    Raises:
        UserError: a split is empty, the text supports fewer tokens than the largest size, or a
            ready tokenizer cannot be used.
    """
    with atomic_folder(folder) as partial:
        tried, entries, seconds = try_out(params, clean, partial)
        if len(tried) > 1:
            texts = sample_texts(clean / "train", params.proxy_megabytes, params.seed)
            held_out = sample_texts(clean / "validation", JUDGED_MEGABYTES, params.seed)
            candidates = [Candidate.make(one.tokenizer, texts, held_out) for one in tried]
            seeds = [params.seed + SEED_STEP * index for index in range(params.proxy_seeds)]
            judged = judge(candidates, params.proxy_megabytes, seeds, dropout, cost, train)
            for entry, timed, found in zip(entries, seconds["sizes"], judged, strict=True):
                entry["proxies"] = {budget: one.to_dict() for budget, one in found.items()}
                timed["proxy"] = sum(one.seconds for one in found.values())
        write_json(partial / MEASURES, {"sweep": entries})
    return seconds


def try_out(
    params: TokenizerParams, clean: Path, folder: Path
) -> tuple[list[Tried], list[dict[str, Any]], dict[str, Any]]:
    """Train and measure: all of `sweep` but the judge. Returns the tokenizers, their entries in the
    report with no judgement, and what took how long."""
    loaded = [(name, load_ready(name)) for name in params.ready]  # what fails fast goes first
    texts = sample_texts(clean / "train", params.sample_megabytes, params.seed)
    held_out = sample_texts(clean / "validation", HELD_OUT_MEGABYTES, params.seed)
    started = time.perf_counter()
    tried = [
        Tried(kind, tokenizer, False)
        for kind in params.kinds
        for tokenizer in train_sizes(kind, texts, params.sizes).values()
    ]
    seconds = {"training": time.perf_counter() - started}
    tried += [Tried(name, tokenizer, True) for name, tokenizer in loaded]
    every = math.ceil(len("".join(texts).encode()) / 1e6 / COUNTED_MEGABYTES)
    material = Material(texts[::every], held_out)
    with library_threads(False):  # they take longer, all together, over single words
        entries, timed = _measure(tried, material, folder)
    return tried, entries, seconds | {"sizes": timed}


def _measure(
    tried: list[Tried], material: Material, folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Save and measure every tokenizer: the entries of the report, and how fast each encodes."""
    entries, timed, listed = [], [], {}
    with progress("measuring tokenizers", len(tried)) as bar:
        for one in tried:
            save_tokenizer(one.tokenizer, folder / name_of(one.kind, one.size))
            one.counts = _count(one, tried, material)
            found = measure(one.tokenizer, one.counts, material)
            entries.append(
                {"kind": one.kind, "size": one.size, "ready": one.ready} | found | {"proxies": None}
            )
            listed[name_of(one.kind, one.size)] = describe(one.tokenizer, one.counts)
            speed = _encode_speed(one.encoder, material)
            timed.append({"kind": one.kind, "size": one.size, "encode_megabytes_per_second": speed})
            bar.advance()
    write_json(folder / TOKENS, listed)
    return entries, timed


def _count(one: Tried, tried: list[Tried], material: Material) -> Counts:
    """Counted from the text, or from the counts of a larger tokenizer of the same training."""
    alike = [other for other in tried if other.kind == one.kind and other.size > one.size]
    for other in sorted(alike, key=lambda other: -other.size):
        if is_cut_of(one.state, other.state):
            if other.counts is None:
                other.counts = count(other.encoder, material)
            return cut_counts(other.counts, other.tokenizer, one.tokenizer)
    return one.counts or count(one.encoder, material)


def _encode_speed(encoder: BulkEncoder, material: Material) -> float:
    """Megabytes a second on a little held-out text, none of which has been seen."""
    texts = pa.array(next(groups(material.held_out, TIMED_CHARACTERS)), pa.large_string())
    started = time.perf_counter()
    encoder.encode(texts)
    return float(texts.nbytes / 1e6 / (time.perf_counter() - started))
