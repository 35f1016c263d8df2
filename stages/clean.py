"""Clean the raw documents: what is left is the language; what was dropped is kept with its
reason."""

from pathlib import Path

from pipeline.cleaning.run import clean
from pipeline.cleaning.statistics import plot_tables
from pipeline.files import atomic_folder, read_json, write_json
from pipeline.params import Params
from stages import run


def main(params: Params) -> None:
    """data/raw to data/clean/{train,validation,test}, data/dropped three reports and tables."""
    data, reports = Path("data"), Path("reports")
    references = read_json(data / "references.json")
    report, words, examples = clean(
        data / "raw",
        data / "clean",
        data / "dropped",
        params,
        references["weights"],
        references["parts"],
    )
    write_json(reports / "words.json", words)
    with atomic_folder(reports / "corpus") as folder:
        for name, table in plot_tables(words).items():
            (folder / name).write_text(table, encoding="utf-8")
    write_json(reports / "dropped_examples.json", examples)
    write_json(reports / "cleaning.json", report)
    kept, raw = report["documents"]["kept"], report["documents"]["raw"]
    share = report["bytes"]["kept"] / max(report["bytes"]["raw"], 1)
    print(f"clean: kept {kept:,} of {raw:,} documents, {share:.1%} of the bytes", flush=True)


if __name__ == "__main__":
    run(main)
