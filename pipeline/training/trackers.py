"""Where curves go while a model trains: TensorBoard and wandb behind one small interface."""

import os
from pathlib import Path
from typing import Any, Protocol

from pipeline.params import TrackingParams


class Tracker(Protocol):
    """Takes numbers and texts of a step."""

    def numbers(self, step: int, values: dict[str, float]) -> None: ...

    def text(self, step: int, name: str, text: str) -> None: ...

    def close(self) -> str | None:
        """Finish; perhaps a line that tells the user where to look."""


class TensorBoard:
    """Event files under `folder`, for `tensorboard --logdir runs`."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def numbers(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def text(self, step: int, name: str, text: str) -> None:
        self.writer.add_text(name, text, step)

    def close(self) -> str:
        self.writer.close()
        return "curves: tensorboard --logdir runs"


class Wandb:
    """A wandb run; offline, nothing leaves the machine until the user syncs it."""

    def __init__(self, params: TrackingParams, identifier: str, config: dict[str, Any]) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        self.mode = params.wandb
        self.run = wandb.init(
            project=params.project,
            id=identifier,
            resume="allow",
            mode=params.wandb,
            config=config,
            settings=wandb.Settings(console="off", x_disable_stats=True, disable_git=True),
        )

    def numbers(self, step: int, values: dict[str, float]) -> None:
        self.run.log(values, step=step)

    def text(self, step: int, name: str, text: str) -> None:
        import wandb

        self.run.log({name: wandb.Html(f"<pre>{_escape(text)}</pre>")}, step=step)

    def close(self) -> str | None:
        folder = Path(self.run.dir).parent
        self.run.finish()
        if self.mode != "offline":
            return None
        name = os.path.relpath(folder)
        return f"wandb ran offline; to upload it later: wandb sync {name}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def open_trackers(params: TrackingParams, identifier: str, config: dict[str, Any]) -> list[Tracker]:
    """The trackers that params ask for; `identifier` makes a resumed run one run."""
    trackers: list[Tracker] = []
    if params.tensorboard:
        trackers.append(TensorBoard(Path("runs") / identifier))
    if params.wandb != "disabled":
        trackers.append(Wandb(params, identifier, config))
    return trackers
