"""Gather the experiments into one table, best last."""

from pathlib import Path

from pipeline.files import read_json, write_json
from pipeline.params import Params
from stages import run


def main(params: Params) -> None:
    """Write reports/experiments.json from the variants that params name now."""
    rows = [
        read_json(Path("data/experiments") / f"{name}.json")
        | read_json(Path("reports/experiment_costs") / f"{name}.json")
        for name in params.experiments.variants
    ]
    rows.sort(key=lambda row: -row["bits_per_byte"])
    write_json(Path("reports/experiments.json"), {"variants": rows})


if __name__ == "__main__":
    run(main)
