"""Execute the notebook that shows what the exported model can do."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.params import Params
from stages import run

NOTEBOOK = Path("notebooks/demo.ipynb")
EXPORT = Path("data/export")
OUT = Path("reports/demo.ipynb")


def main(params: Params) -> None:
    """Write reports/demo.ipynb."""
    from pipeline.publishing.notebook import execute

    if not (EXPORT / "config.json").is_file():
        raise UserError(f"there is no exported model in {EXPORT}: run `dvc repro` to make one")
    execute(NOTEBOOK, OUT, Path.cwd())
    print(f"notebook: {OUT}")


if __name__ == "__main__":
    run(main)
