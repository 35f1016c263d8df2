"""Write the model in the Hugging Face format, and prove that it is the trained one."""

import sys
import time
from dataclasses import asdict
from pathlib import Path

from pipeline.documents import read_texts
from pipeline.errors import UserError
from pipeline.files import file_hash, read_json, write_json
from pipeline.languages import load_language
from pipeline.params import Params
from pipeline.publishing.card import Story, model_card
from pipeline.publishing.check import check_export
from pipeline.publishing.export import export
from pipeline.publishing.exported import OUR_LOADER, Exported
from pipeline.publishing.licences import known_licence
from pipeline.publishing.results import read_reports
from stages import run

MODEL = Path("data/model")
FOLDER = Path("data/export")
REPORTS = Path("reports")


def main(params: Params) -> None:
    """Write data/export and reports/export.json."""
    started = time.monotonic()
    sources = read_json(Path("data/raw/sources.json"))["sources"]
    reports = read_reports(REPORTS)
    language = load_language(params.corpus.language)

    licence = known_licence([(str(one["name"]), str(one["licence"])) for one in sources])

    def card(written: Exported) -> str:
        code, place = params.corpus.language, str(FOLDER)
        return model_card(Story(code, language, written, sources, reports, place, licence))

    exported = export(MODEL, FOLDER, params.generation, card)
    if not exported.for_transformers:
        say = f"transformers has no class for {exported.obstacle}"
        print(f"{say}: {FOLDER} is for {OUR_LOADER}", file=sys.stderr)
    try:
        checked = check_export(
            MODEL, FOLDER, read_texts(Path("data/clean/test")), exported.for_transformers
        )
    except UserError as error:
        raise UserError(f"the export does not equal the model: {error}") from None
    write_json(
        REPORTS / "export.json",
        {
            "class": exported.class_name,
            "parameters": exported.parameters,
            **checked,
            "exported": asdict(exported),
            "files": {path.name: file_hash(path) for path in sorted(FOLDER.iterdir())},
            "model": file_hash(MODEL / "model.safetensors"),
            "seconds": round(time.monotonic() - started, 2),
        },
    )
    print(
        f"exported {exported.parameters:,} parameters as {exported.class_name}: "
        f"{checked['documents_compared']:,} documents with equal ids, "
        f"logits within {checked['max_logit_difference']:.1g}"
    )


if __name__ == "__main__":
    run(main)
