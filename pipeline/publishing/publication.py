"""What is uploaded, in one folder and checked: the proven export, its full card, pictures, params.

Nothing is computed a second time: the weights are those that the stage `export` compared with the
trained model, which their hashes in reports/export.json show; curves and figures are those of the
report. Nothing here needs the network.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import atomic_folder, file_hash, read_json, write_text
from pipeline.languages import load_language
from pipeline.params import PARAMS, load_params
from pipeline.publishing.card import Story, model_card
from pipeline.publishing.exported import Exported
from pipeline.publishing.licences import asks_for_more, choose_licence
from pipeline.publishing.provenance import check_params, provenance, public_params
from pipeline.publishing.results import read_reports

EXPORT, MODEL = Path("data/export"), Path("data/model")
REPORTS, SOURCES = Path("reports"), Path("data/raw/sources.json")
FOLDER = Path("data/publication")
CARD = "README.md"
# what a picture shows, and where a stage drew it
PICTURES = {
    "loss": Path("loss.png"),
    "bits per byte": Path("figures/bits_per_byte.png"),
    "ladder": Path("figures/ladder.png"),
}


@dataclass(frozen=True)
class Publication:
    """A checked folder; `notes` is what its publisher should hear, one line each."""

    folder: Path
    licence: str
    notes: list[str]

    @property
    def files(self) -> list[Path]:
        """All files, in order."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def prepare(name: str, licence: str | None, token: str | None) -> Publication:
    """Write data/publication for the model `name` (ORG/NAME) and check every part of it.

    Args:
        licence: as the user named it; None for what follows from the sources.
        token: what must not be in any of the files.

    Raises:
        UserError: the run is not finished or its parts are not of one run, a licence is missing,
            or the result would not pass the Hub.
    """
    check_name(name)
    params = load_params()
    exported, hashes = proven_export()
    check_params(read_json(MODEL / "training.json"), params)
    sources = read_json(SOURCES)["sources"]
    reports = read_reports(REPORTS)
    for report in ("training", "evaluation"):
        if reports[report] is None:
            raise UserError(f"{REPORTS / report}.json is missing: run `make repro` to its end")
    licences = [(str(one["name"]), str(one["licence"])) for one in sources]
    chosen = choose_licence(licence, licences)
    pictures, notes = find_pictures()
    if laxer := asks_for_more(chosen.identifier, licences):
        notes.append(f"{chosen.identifier} asks for less than these sources: {', '.join(laxer)}")
    origin = provenance()
    notes += origin.notes()
    story = Story(
        code=params.corpus.language,
        language=load_language(params.corpus.language),
        exported=exported,
        sources=sources,
        reports=reports,
        place=name,
        licence=chosen,
        origin=origin,
        pictures={shows: f"figures/{path.name}" for shows, path in pictures.items()},
    )
    with atomic_folder(FOLDER) as partial:
        for file in hashes:
            if file != CARD:
                shutil.copyfile(EXPORT / file, partial / file)
        (partial / "figures").mkdir()
        for path in pictures.values():
            shutil.copyfile(REPORTS / path, partial / "figures" / path.name)
        text = public_params(PARAMS.read_text(encoding="utf-8"), params)
        write_text(partial / PARAMS.name, text)
        write_text(partial / CARD, model_card(story))
        check_card(partial, story)
        check_secrets(partial, token)
    return Publication(FOLDER, chosen.identifier, notes)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a repository. Raises UserError."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
        good = name.count("/") == 1
    except HFValidationError:
        good = False
    if not good:
        raise UserError(
            f"{name!r} is no name of a model on the Hub: write ORGANISATION/NAME, "
            "with letters, digits, '-', '_' and '.'"
        )


def proven_export() -> tuple[Exported, dict[str, str]]:
    """What was exported and the SHA-256 of each file, as long as all of it is as it was proven.

    Raises:
        UserError: there is no export, or files of it or the model changed after the comparison.
    """
    report = read_json(REPORTS / "export.json")
    if not isinstance(report, dict) or "files" not in report:
        raise UserError(f"{REPORTS / 'export.json'} is of an older version: run `dvc repro export`")
    wanted = {EXPORT / name: digest for name, digest in report["files"].items()}
    wanted[MODEL / "model.safetensors"] = report["model"]
    for path, digest in wanted.items():
        if not path.is_file():
            raise UserError(f"{path} is missing: run `make repro` to the end first")
        if file_hash(path) != digest:
            raise UserError(f"{path} changed after the export was checked: run `dvc repro export`")
    return Exported(**report["exported"]), report["files"]


def find_pictures() -> tuple[dict[str, Path], list[str]]:
    """The pictures that there are, and a line on each that is missing.

    Raises:
        UserError: there is not even one of the loss.
    """
    found = {shows: path for shows, path in PICTURES.items() if (REPORTS / path).is_file()}
    if "loss" not in found:
        raise UserError(f"{REPORTS / PICTURES['loss']} is missing: run `dvc repro pretrain`")
    missing = [REPORTS / path for shows, path in PICTURES.items() if shows not in found]
    return found, [f"without a picture: {path} is missing (run `dvc repro`)" for path in missing]


def check_card(folder: Path, story: Story) -> None:
    """Read the card back with the Hub's own classes and follow its links.

    Raises:
        UserError: it does not say what it was made to say, or a link leads nowhere.
    """
    from huggingface_hub import ModelCard

    from pipeline.publishing.metadata import eval_results

    text = (folder / CARD).read_text(encoding="utf-8")
    try:
        data = ModelCard(text).data
        said: dict[str, Any] = data.to_dict()
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"the model card is not valid ({error}): please report this") from None
    results = eval_results(story.reports["evaluation"])
    read = data.get("eval_results", [])
    if [one.metric_value for one in read] != [one.metric_value for one in results]:
        raise UserError("the model card lost figures of the benchmark: please report this")
    if story.licence is None or said.get("license") != story.licence.identifier:
        raise UserError("the model card has another licence: please report this")
    for link in (*story.pictures.values(), PARAMS.name):
        if f"]({link})" not in text or not (folder / link).is_file():
            raise UserError(f"the model card does not lead to {link}: please report this")


def check_secrets(folder: Path, token: str | None) -> None:
    """Refuse to publish a file that holds the token (weights cannot). Raises UserError."""
    for path in sorted(folder.rglob("*")) if token else []:
        text = path.is_file() and path.suffix != ".safetensors"
        if text and str(token).encode() in path.read_bytes():
            raise UserError(
                f"{path.relative_to(folder)} would hold your token of the Hub: take it out of "
                "params.yaml and of the texts, and make a new token"
            )
