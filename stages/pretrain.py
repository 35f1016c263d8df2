"""Train the model and draw its loss."""

import argparse
import os
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

    from pipeline.evaluation.probe import make_prober
    from pipeline.reporting.figures import loss_curve
    from pipeline.training.pretrain import Places, pretrain

    first = os.environ.get("RANK", "0") == "0"  # of many processes only one asks
    prober = make_prober(params, Path("data/clean"), Path("data/probes")) if first else None
    curve = pretrain(params, Places(), resume, prober)
    if curve:  # empty in all processes but the first
        loss_curve(curve, Path("reports/loss.png"))


if __name__ == "__main__":
    run(main)
