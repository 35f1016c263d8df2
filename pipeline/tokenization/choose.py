"""Which tokenizer of a sweep is taken, and the sentence that says why.

Small differences between small models are noise, and a larger vocabulary costs parameters and time
in the model to come. So the smallest vocabulary within the spread of the best bits per byte is
taken.
"""

import math
from typing import Any, Literal

from pipeline.errors import UserError
from pipeline.params import Choice

WORTH = 0.005  # of the best bits per byte: less is not worth a larger vocabulary, however certain
LIKELY = 2.0  # standard errors

BUDGETS = {"bytes": "read the same text", "compute": "cost the same"}


def spread(sweep: list[dict[str, Any]], budget: str) -> float:
    """How far two means of bits per byte may differ and still be called equal.

    Twice the standard error of the difference of two means over the seeds; the deviation between
    seeds is pooled over all tokenizers that had several. At least `WORTH` of the best.
    """
    seeds = [entry["proxies"][budget]["seeds"] for entry in sweep if entry.get("proxies")]
    means = [sum(bits) / len(bits) for bits in seeds]
    squares = freedom = 0.0
    for bits, mean in zip(seeds, means, strict=True):
        squares += sum((bit - mean) ** 2 for bit in bits)
        freedom += len(bits) - 1
    error = 0.0
    if freedom:
        error = math.sqrt(squares / freedom) * math.sqrt(2 / max(map(len, seeds)))
    return max(LIKELY * error, WORTH * min(means))


def choose(
    sweep: list[dict[str, Any]], wanted: Literal["auto"] | int | Choice, budget: str = "bytes"
) -> tuple[dict[str, Any], str]:
    """Pick one entry of `sweep` and explain it in a sentence or two.

    Args:
        sweep: entries with `kind`, `size`, `ready` and `proxies`: for each budget what the judge
            wrote down, or None where there was nothing to compare.
        budget: which of them decides.

    Ready tokenizers are taken only if they are asked for by name, or if there are no others.

    Raises:
        UserError: `wanted` is a kind or a size that the sweep has not tried.
    """
    entries = sorted(sweep, key=lambda entry: entry["size"])
    judged = [entry for entry in entries if entry.get("proxies")]
    if wanted != "auto":
        chosen = _wanted(entries, wanted)
        if len(entries) == 1:
            return chosen, f"{_name(chosen, entries)} is the only tokenizer that was tried."
        why = f"{_name(chosen, entries)} was set by tokenizer.choose"
        if chosen.get("proxies"):
            best = min(judged, key=lambda entry: _mean(entry, budget))
            why += (
                f"; small models that {BUDGETS[budget]} reach {_bits(chosen, budget)} bits per "
                f"byte on it and {_bits(best, budget)} on the best, {_name(best, entries)}"
            )
        return chosen, why + "."
    if len(entries) == 1:
        return entries[0], f"{_name(entries[0], entries)} is the only tokenizer that was tried."
    ours = [entry for entry in judged if not entry.get("ready")] or judged
    if not ours:
        raise UserError(
            "no tokenizer of the sweep was judged: delete data/tokenizer_sweep and run `dvc repro`"
        )
    chosen, best, allowed = _smallest_good(ours, budget)
    others = ", ".join(
        f"{_bits(entry, budget)} on {_name(entry, entries)}"
        for entry in judged
        if entry is not chosen
    )
    reached = f"small models that {BUDGETS[budget]} reach {_bits(chosen, budget)} bits per byte"
    if chosen is best:
        why = f"{_name(chosen, entries)} is the best: {reached} on it ({others})."
    else:
        why = (
            f"{_name(chosen, entries)} is the smallest within {allowed:.3f} bits per byte of the "
            f"best, which seeds may make or which is not worth more tokens: {reached} on it "
            f"({others})."
        )
    other = next(name for name in BUDGETS if name != budget)
    rival, _, _ = _smallest_good(ours, other)
    if rival is chosen:
        why += f" Small models that {BUDGETS[other]} say the same."
    else:
        why += f" Small models that {BUDGETS[other]} would take {_name(rival, entries)}."
    return chosen, why + _at_an_end(chosen, ours, entries)


def _at_an_end(
    chosen: dict[str, Any], ours: list[dict[str, Any]], entries: list[dict[str, Any]]
) -> str:
    """Say so where the list of sizes ends with the one taken: nobody knows what lies beyond."""
    sizes = [entry["size"] for entry in ours if entry["kind"] == chosen["kind"]]
    if len(sizes) > 1 and chosen["size"] in (min(sizes), max(sizes)):
        end, beyond = ("last", "larger") if chosen["size"] == max(sizes) else ("first", "smaller")
        return (
            f" {_name(chosen, entries)} is the {end} of tokenizer.sizes: a {beyond} one may be "
            "better still."
        )
    return ""


def _smallest_good(
    entries: list[dict[str, Any]], budget: str
) -> tuple[dict[str, Any], dict[str, Any], float]:
    """The smallest that is as good as the best, the best, and how far they may differ."""
    best = min(entries, key=lambda entry: _mean(entry, budget))
    allowed = spread(entries, budget)
    good = [entry for entry in entries if _mean(entry, budget) <= _mean(best, budget) + allowed]
    smallest = min(good, key=lambda entry: (entry["size"], _mean(entry, budget)))
    return smallest, best, allowed


def _wanted(entries: list[dict[str, Any]], wanted: int | str | Choice) -> dict[str, Any]:
    kind, size = (wanted.kind, wanted.size) if isinstance(wanted, Choice) else (None, wanted)
    for entry in entries:
        if kind is None and (entry.get("ready") or entry["size"] != size):
            continue
        if kind is not None and (entry["kind"] != kind or size not in (None, entry["size"])):
            continue
        return entry
    said = f"{kind} {size or ''}".strip() if kind else str(size)
    tried = ", ".join(f"{entry['kind']} {entry['size']}" for entry in entries)
    raise UserError(f"tokenizer.choose is {said}, but the sweep has tried only {tried}")


def _name(entry: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """The size, and the kind where there are several."""
    several = len({one["kind"] for one in entries}) > 1
    return f"{entry['kind']} {entry['size']}" if several else str(entry["size"])


def _mean(entry: dict[str, Any], budget: str) -> float:
    return float(entry["proxies"][budget]["mean"])


def _bits(entry: dict[str, Any], budget: str) -> str:
    return f"{_mean(entry, budget):.3f}"
