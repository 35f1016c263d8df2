"""Does cleaning help? Train one small model on raw and on clean text, where params ask for it."""

from pathlib import Path

from pipeline.files import write_json
from pipeline.params import Params
from stages import run

REPORT = Path("reports/trials.json")


def main(params: Params) -> None:
    """Write reports/trials.json; without variants, that there are none."""
    if not params.trials.variants:
        write_json(REPORT, {"variants": []})
        print("trials: off; trials.variants names what to compare")
        return

    from rich import box
    from rich.console import Console
    from rich.table import Table

    from pipeline.tokenization.tokenizer import load_tokenizer
    from pipeline.trials.compare import compare
    from pipeline.trials.verdict import HEADINGS, cells, verdicts

    data = Path("data")
    report = compare(
        params.trials, data / "raw", data / "clean", load_tokenizer(data / "tokenizer")
    )
    write_json(REPORT, report)
    table = Table(*HEADINGS, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells(report):
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    for sentence in verdicts(report):
        console.print(sentence, markup=False)


if __name__ == "__main__":
    run(main)
