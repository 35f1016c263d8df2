"""Train the model and draw its loss."""

from pathlib import Path

from pipeline.params import Params
from stages import run


def main(params: Params) -> None:
    """Write data/model, reports/training.json, reports/curves and reports/loss.png."""
    from pipeline.reporting.figures import loss_curve
    from pipeline.training.pretrain import Places, pretrain

    loss_curve(pretrain(params, Places()), Path("reports/loss.png"))


if __name__ == "__main__":
    run(main)
