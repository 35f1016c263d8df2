"""The model card: README.md of the exported folder, with the metadata that the Hub reads.

It says what the model is, what it was made from and under which licences, how it was trained, how
good it is beside simple baselines, how to use it and what it is not for. `export` writes one beside
the model; `publish` writes it again with what only a publication knows: the licence, pictures, the
commit. Nothing in it depends on the clock, so that the same run writes the same card. Format:
https://huggingface.co/docs/hub/model-cards.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pipeline.languages import Language
from pipeline.publishing.exported import Exported
from pipeline.publishing.licences import Licence
from pipeline.publishing.metadata import front_matter
from pipeline.publishing.provenance import Provenance
from pipeline.publishing.results import dig

LIMITS = (
    "A model of this size writes sentences that look like its text; it knows little and states "
    "falsehoods as readily as facts. It was trained on one language and on the sources above "
    "alone, shares their gaps and their bias, and is meant for study and comparison. It was not "
    "taught to follow instructions, and nothing keeps it from writing what hurts."
)


@dataclass(frozen=True)
class Story:
    """All that a card tells.

    `code` is the ISO 639-3 code of the language, `language` its facts where there is a file of
    them. `sources` are the records of data/raw/sources.json, `reports` those of
    `pipeline.publishing.results.read_reports`. `place` is the model's name on the Hub, or its
    folder. Without a `licence` (of an export, where none follows from the sources) the card
    says `unknown`.
    `pictures` gives the path of each in the folder, by what it shows.
    """

    code: str
    language: Language | None
    exported: Exported
    sources: list[dict[str, Any]]
    reports: dict[str, Any]
    place: str
    licence: Licence | None = None
    origin: Provenance | None = None
    pictures: dict[str, str] = field(default_factory=dict)

    @property
    def language_name(self) -> str:
        """What people call the language; its code where no file names it."""
        return self.language.name if self.language else self.code


def model_card(story: Story) -> str:
    """The text of README.md."""
    exported, reports = story.exported, story.reports
    sections = [
        front_matter(
            exported,
            code=(story.language.iso639_1 if story.language else None) or story.code,
            licence=story.licence.identifier if story.licence else "unknown",
            name=story.place.rpartition("/")[2],
            sources=story.sources,
            evaluation=reports.get("evaluation"),
        ),
        f"# A small language model of {story.language_name}",
        f"A decoder-only language model with {exported.parameters:,} parameters "
        f"(family `{exported.family}`, context {exported.context:,} tokens, vocabulary "
        f"{exported.vocabulary:,}), trained from scratch with tugantel. It continues a text.",
        "## Use",
        _usage(exported, story.place),
        "## Made from",
        _sources(story.sources, reports),
        *([] if story.licence is None else [_licence(story.licence)]),
        "## Training",
        _training(reports),
        *_picture(story, "loss"),
        "## Measured",
        _measured(reports),
        *_picture(story, "bits per byte"),
        *_picture(story, "ladder"),
        *_samples(reports),
        "## Limits",
        LIMITS,
        *([] if story.origin is None else _origin(story.origin, reports)),
    ]
    return "\n\n".join(sections) + "\n"


def _picture(story: Story, shows: str) -> list[str]:
    path = story.pictures.get(shows)
    return [f"![{shows}]({path})"] if path else []


def _usage(exported: Exported, place: str) -> str:
    if not exported.for_transformers:
        return (
            f"`transformers` has no class for {exported.obstacle}; in an environment that has "
            "tugantel's code:\n\n"
            "```python\nfrom pipeline.publishing.hub_model import HubModel\n\n"
            f'model = HubModel.from_pretrained("{place}")\n'
            'print(model.generate(""))  # or the beginning of a text\n```'
        )
    return (
        "```python\nfrom transformers import pipeline\n\n"
        f'write = pipeline("text-generation", "{place}")\n'
        'print(write("")[0]["generated_text"])  # or the beginning of a text\n```\n\n'
        "In training every text begins with a token of its own (`tokenizer.bos_token`), which the "
        "tokenizer does not add by itself; its letters inside a text are ordinary text. To write "
        "as in training:\n\n"
        "```python\nimport torch\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{place}")\n'
        f'model = AutoModelForCausalLM.from_pretrained("{place}")\n'
        'text = ""  # what the model goes on from\n'
        "ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer.encode(text)]])\n"
        "written = model.generate(ids, attention_mask=torch.ones_like(ids))[0]\n"
        "print(tokenizer.decode(written, skip_special_tokens=True))\n```"
    )


def _sources(sources: list[dict[str, Any]], reports: dict[str, Any]) -> str:
    lines = ["| source | licence | documents | size |", "| --- | --- | ---: | ---: |"]
    for source in sources:
        size, documents = source.get("bytes"), source.get("documents")
        name, licence = (_cell(str(source.get(key, "?"))) for key in ("name", "licence"))
        if source.get("url"):
            name = f"[{name}]({_address(source['url'])})"
        if source.get("revision"):
            name += f" at `{_cell(source['revision'])}`"
        amount = f"{size / 1e6:,.2f} MB" if isinstance(size, int | float) else "not known"
        many = f"{documents:,}" if isinstance(documents, int) else "not known"
        lines.append(f"| {name} | {licence} | {many} | {amount} |")
    cleaning = reports.get("cleaning")
    raw, kept = (dig(cleaning, f"documents.{x}") for x in ("raw", "kept"))
    if raw and kept is not None:
        size = dig(cleaning, "bytes.kept")
        amount = f", {size / 1e6:,.2f} MB" if size is not None else ""
        lines.append(f"\nCleaning kept {kept:,} of {raw:,} documents ({kept / raw:.1%}{amount}).")
    if any(source.get("kind") == "demo" for source in sources):
        lines.append("The source `demo` is an invented world: its people and places do not exist.")
    if dig(cleaning, "personal"):
        lines.append(
            "E-mail addresses, telephone numbers and IP addresses were replaced; "
            "names of people were not."
        )
    return "\n".join(lines)


def _licence(licence: Licence) -> str:
    if licence.chosen:
        return f"The model's licence, `{licence.identifier}`, was named by those who published it."
    return (
        f"The model's licence, `{licence.identifier}`, is the strictest of those of its sources; "
        "whoever passes the model on names them."
    )


def _training(reports: dict[str, Any]) -> str:
    training = reports.get("training")
    if not isinstance(training, dict):
        return "Not recorded."
    read, seconds = training.get("tokens"), training.get("seconds")
    words = [f"Read {read:,} tokens in {training.get('steps'):,} steps" if read else "Trained"]
    if seconds:
        words.append(f"in {seconds:,.0f} s on {training.get('device')}")
        words.append(
            f"({training.get('precision')}, {training.get('tokens_per_second'):,} a second)"
        )
    chosen = dig(reports.get("tokenizer"), "chosen")
    text = " ".join(words) + "."
    if chosen:
        kind = str(chosen.get("kind")).replace("_", " ")
        text += f" Tokenizer: {kind}, {chosen.get('size'):,} tokens."
    lines = [
        text,
        "",
        "| epoch | training loss | validation loss | bits per byte |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for epoch in training.get("epochs") or []:
        lines.append(
            f"| {epoch['epoch']:g} | {epoch['train_loss']:.4f} | {epoch['validation_loss']:.4f} | "
            f"{epoch['validation_bits_per_byte']:.4f} |"
        )
    return "\n".join(lines)


def _measured(reports: dict[str, Any]) -> str:
    evaluation = reports.get("evaluation")
    rows = [
        ("bits per byte on test text (lower is better)", "bits_per_byte.model", ".3f"),
        ("the same, character 5-gram on the same text", "bits_per_byte.char_5gram", ".3f"),
        ("minimal pairs, accuracy (chance 0.5)", "minimal_pairs.accuracy", ".3f"),
        ("minimal pairs, character 5-gram", "minimal_pairs.char_5gram", ".3f"),
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


def _samples(reports: dict[str, Any]) -> list[str]:
    """Texts of the benchmark as they came; each in a fence that it does not hold itself."""
    samples = dig(reports.get("evaluation"), "samples")
    if not samples:
        return []
    parts = ["## Samples", "As they came, none left out."]
    for sample in samples:
        prompt, text = sample["prompt"], sample["text"]
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        begun = f"From `{prompt}`" if prompt and "`" not in prompt else "From a given beginning"
        if not prompt:
            begun = "From nothing"
        shown = f"{fence}text\n{text}\n{fence}"
        parts.append(f"{begun}, temperature {sample['temperature']:g}:\n\n{shown}")
    return parts


def _origin(origin: Provenance, reports: dict[str, Any]) -> list[str]:
    torch = dig(reports.get("training"), "torch")
    made = f"params in [params.yaml](params.yaml), torch {torch}" if torch else "params.yaml beside"
    if origin.commit is None:
        text = f"Made without a git commit; {made}."
    elif origin.clean:
        text = f"Made by commit `{origin.commit}`, with nothing changed; {made}."
    else:
        text = f"Made by commit `{origin.commit}`; {made}."
    return ["## Made by", "\n".join([text, *(f"- {note}" for note in origin.notes(named=False))])]


def _cell(text: str) -> str:
    """A text that may hold anything, in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")


def _address(url: str) -> str:
    """Without what may be a key: the question and the fragment."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment="")).replace(" ", "%20")
