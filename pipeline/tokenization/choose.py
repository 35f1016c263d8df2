"""Which tokenizer of a sweep is taken, and the sentence that says why.

Small differences between small models are noise, and a larger vocabulary costs parameters and time
in the model to come. So the smallest size within `SPREAD` of the best bits per byte is taken.
"""

from typing import Any, Literal

from pipeline.errors import UserError
from pipeline.params import Choice

SPREAD = 0.005


def choose(
    sweep: list[dict[str, Any]], wanted: Literal["auto"] | int | Choice
) -> tuple[dict[str, Any], str]:
    """Pick one entry of `sweep` (`kind`, `size`, `proxy_bits_per_byte`) and explain it.

    Raises:
        UserError: `wanted` is a kind or a size that the sweep has not tried.
    """
    entries = sorted(sweep, key=lambda entry: entry["size"])
    if isinstance(wanted, Choice):
        entries = [entry for entry in entries if entry["kind"] == wanted.kind]
        if not entries:
            raise UserError(f"tokenizer.choose is {wanted.kind}, which the sweep has not tried")
        wanted = wanted.size or entries[0]["size"]
    if len(entries) == 1 and wanted in ("auto", entries[0]["size"]):
        return entries[0], f"{entries[0]['size']} is the only size that was tried."
    judged = [entry for entry in entries if entry["proxy_bits_per_byte"] is not None]
    best = min(judged, key=lambda entry: entry["proxy_bits_per_byte"], default=None)
    if wanted != "auto":
        chosen = next((entry for entry in entries if entry["size"] == wanted), None)
        if chosen is None:
            sizes = ", ".join(str(entry["size"]) for entry in entries)
            raise UserError(f"tokenizer.choose is {wanted}, but the sweep has tried only {sizes}")
        why = f"{wanted} was set by tokenizer.choose"
        if best is not None:
            why += (
                f"; small models reach {_bits(chosen)} bits per byte on it "
                f"and {_bits(best)} on the best, {best['size']}"
            )
        return chosen, why + "."
    if best is None:
        raise UserError(
            "no size of the sweep was judged: delete data/tokenizer_sweep and run `dvc repro`"
        )
    allowed = best["proxy_bits_per_byte"] * (1 + SPREAD)
    chosen = next(entry for entry in judged if entry["proxy_bits_per_byte"] <= allowed)
    others = ", ".join(
        f"{_bits(entry)} on {entry['size']}" for entry in judged if entry is not chosen
    )
    if chosen is best:
        why = (
            f"Small models reach the fewest bits per byte on {best['size']}: "
            f"{_bits(best)} ({others})."
        )
    else:
        why = (
            f"{chosen['size']} is the smallest size within {SPREAD:.1%} of the best: small "
            f"models reach {_bits(chosen)} bits per byte on it ({others})."
        )
    return chosen, why


def _bits(entry: dict[str, Any]) -> str:
    return f"{entry['proxy_bits_per_byte']:.3f}"
