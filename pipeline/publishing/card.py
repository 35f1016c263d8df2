"""The model card: README.md of the exported folder, with the metadata that the Hub reads.

It says what the model is, what it was made from and under which licences, how good it is beside
simple baselines, how to use it and what it is not for. Nothing in it depends on the clock, so that
the same run writes the same card. Format: https://huggingface.co/docs/hub/model-cards.
"""

import re
from typing import Any

from pipeline.publishing.export import Exported
from pipeline.publishing.results import dig

# The Hub's identifiers of licences, found again however a source spells them.
HUB_LICENCES = (
    "apache-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "mit",
    "odc-by",
)


def model_card(
    language: str,
    name: str,
    exported: Exported,
    sources: list[dict[str, Any]],
    reports: dict[str, Any],
) -> str:
    """The text of README.md.

    Args:
        language: its ISO 639-3 code; `name` is what people call it.
        sources: the records of data/raw/sources.json: `name`, `licence`, `bytes`.
        reports: the reports by name; see `pipeline.publishing.results.read_reports`.
    """
    sections = [
        _metadata(language, exported, sources),
        f"# A small language model of {name}",
        f"A decoder-only language model with {exported.parameters:,} parameters "
        f"(family `{exported.family}`, context {exported.context:,} tokens, vocabulary "
        f"{exported.vocabulary:,}), trained from scratch with tugantel.",
        "## Use",
        _usage(exported),
        "## Made from",
        _sources(sources, reports),
        "## Measured",
        _measured(reports),
        "## Limits",
        "A model of this size writes sentences that look like its text; it knows little and states "
        "falsehoods as readily as facts. It was trained on one language and on the sources above "
        "alone, shares their gaps and their bias, and is meant for study and comparison.",
    ]
    return "\n\n".join(sections) + "\n"


def _metadata(language: str, exported: Exported, sources: list[dict[str, Any]]) -> str:
    lines = ["---", f"language: {language}", f"license: {_licence(sources)}"]
    if exported.for_transformers:
        lines.append("library_name: transformers")
    lines += ["pipeline_tag: text-generation", "tags:", "- tugantel", "- from-scratch", "---"]
    return "\n".join(lines)


def _licence(sources: list[dict[str, Any]]) -> str:
    """The licence of all sources in the Hub's words; `other` for several, `unknown` if any is."""
    found = {hub_licence(str(source.get("licence", ""))) for source in sources}
    if not found or None in found:
        return "unknown"
    return str(found.pop()) if len(found) == 1 else "other"


def hub_licence(name: str) -> str | None:
    """The Hub's identifier of a licence, None for one that it does not name.

    >>> hub_licence("CC BY-SA 4.0"), hub_licence("CC0"), hub_licence("unknown")
    ('cc-by-sa-4.0', 'cc0-1.0', None)
    """
    key = re.sub(r"[^a-z0-9.]+", "-", name.lower())
    return {"cc0": "cc0-1.0"}.get(key, key if key in HUB_LICENCES else None)


def _usage(exported: Exported) -> str:
    if not exported.for_transformers:
        return (
            "`transformers` has no class for this family; the folder is for our loader:\n\n"
            "```python\nfrom pathlib import Path\n\n"
            "from pipeline.generation import generate\nfrom pipeline.models import load_model\n\n"
            'model, tokenizer = load_model(Path("data/export"))\n'
            'print(generate(model, tokenizer, ""))\n```'
        )
    return (
        "```python\nimport torch\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'folder = "data/export"  # or its name on the Hub\n'
        "tokenizer = AutoTokenizer.from_pretrained(folder)\n"
        "model = AutoModelForCausalLM.from_pretrained(folder)\n"
        'text = ""  # what the model goes on from\n'
        "ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer.encode(text)]])\n"
        "written = model.generate(ids, attention_mask=torch.ones_like(ids))[0]\n"
        "print(tokenizer.decode(written, skip_special_tokens=True))\n```\n\n"
        "Every text begins with the token `<|endoftext|>`, which the tokenizer does not add by "
        "itself; written out inside a text it is ordinary text."
    )


def _sources(sources: list[dict[str, Any]], reports: dict[str, Any]) -> str:
    lines = ["| source | licence | size |", "| --- | --- | ---: |"]
    for source in sources:
        size = source.get("bytes")
        amount = f"{size / 1e6:,.2f} MB" if isinstance(size, int | float) else "not known"
        lines.append(
            f"| {source.get('name', '?')} | {source.get('licence', 'unknown')} | {amount} |"
        )
    raw, kept = (dig(reports.get("cleaning"), f"documents.{x}") for x in ("raw", "kept"))
    if raw and kept is not None:
        lines.append(f"\nCleaning kept {kept:,} of {raw:,} documents ({kept / raw:.1%}).")
    return "\n".join(lines)


def _measured(reports: dict[str, Any]) -> str:
    evaluation = reports.get("evaluation")
    rows = [
        ("bits per byte on test text (lower is better)", "bits_per_byte.model", ".3f"),
        ("the same, character 5-gram on the same text", "bits_per_byte.char_5gram", ".3f"),
        ("minimal pairs, accuracy (chance 0.5)", "minimal_pairs.accuracy", ".3f"),
        ("facts, accuracy in a formulation never seen", "facts.accuracy", ".3f"),
        ("facts, chance", "facts.chance", ".3f"),
        ("facts, always the most frequent answer", "facts.majority", ".3f"),
        ("facts, character 5-gram", "facts.char_5gram", ".3f"),
        ("facts, same answer to all formulations", "facts.consistency", ".3f"),
    ]
    lines = ["| measure | value |", "| --- | ---: |"]
    for label, path, form in rows:
        value = dig(evaluation, path)
        if value is not None:
            lines.append(f"| {label} | {value:{form}} |")
    return "\n".join(lines) if len(lines) > 2 else "Not evaluated."
