"""Train the model and draw its loss."""

import argparse
from pathlib import Path

from pipeline.params import Params
from stages import run


def main(params: Params) -> None:
    """Write data/model, reports/training.json, reports/curves and reports/loss.png."""
    parser = argparse.ArgumentParser(prog="python -m stages.pretrain", description=__doc__)
    parser.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="go on from this checkpoint, or refuse"
    )
    resume = parser.parse_args().resume

    from pipeline.reporting.figures import loss_curve
    from pipeline.training.pretrain import Places, pretrain

    curve = pretrain(params, Places(), resume)
    if curve:  # empty in all processes but the first
        loss_curve(curve, Path("reports/loss.png"))


if __name__ == "__main__":
    run(main)
