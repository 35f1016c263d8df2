"""Where curves go while a model trains: TensorBoard, wandb and JSON lines behind one small
interface."""

import json
import os
from pathlib import Path
from typing import Any, Protocol

from pipeline.documents import write_text
from pipeline.params import TrackingParams


class Tracker(Protocol):
    """Takes numbers and texts of a step."""

    def numbers(self, step: int, values: dict[str, float]) -> None:
        """Take numbers by name."""

    def text(self, step: int, name: str, text: str) -> None:
        """Take a text by its name."""

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


class JsonLines:
    """One JSON object a line, to be read by anything: `{"step": 7, "train/loss": 3.2}`.

    A resumed run goes on after the step of its checkpoint; later lines of the run before go.
    """

    def __init__(self, path: Path, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                # A killed run may have left half a line.
                if line.endswith("\n") and json.loads(line)["step"] <= step:
                    kept.append(line)
        write_text(path, "".join(kept))
        self.path, self.file = path, path.open("a", encoding="utf-8")

    def numbers(self, step: int, values: dict[str, float]) -> None:
        self._write({"step": step} | values)

    def text(self, step: int, name: str, text: str) -> None:
        self._write({"step": step, name: text})

    def _write(self, entry: dict[str, Any]) -> None:
        self.file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.file.flush()

    def close(self) -> str:
        self.file.close()
        return f"events: {self.path}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def open_trackers(
    params: TrackingParams, identifier: str, config: dict[str, Any], step: int
) -> list[Tracker]:
    """The trackers that params ask for; `identifier` makes a run that is resumed at `step` one."""
    trackers: list[Tracker] = []
    folder = Path("runs") / identifier
    if params.tensorboard:
        trackers.append(TensorBoard(folder))
    if params.json_lines:
        trackers.append(JsonLines(folder / "events.jsonl", step))
    if params.wandb != "disabled":
        trackers.append(Wandb(params, identifier, config))
    return trackers
