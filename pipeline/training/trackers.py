"""Where curves go while a model trains: TensorBoard, wandb, DVCLive and JSON lines behind one small
interface."""

import json
import os
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.params import TrackingParams

Samples = list[tuple[int, str]]


class Tracker(Protocol):
    """Takes numbers and texts of a step, and in the end the model."""

    def numbers(self, step: int, values: dict[str, float]) -> None:
        """Take numbers by name."""

    def text(self, step: int, name: str, text: str) -> None:
        """Take a text by its name."""

    def model(self, folder: Path) -> None:
        """The finished model folder; kept only where the tracker keeps such things."""

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

    def model(self, folder: Path) -> None:
        pass

    def close(self) -> str:
        self.writer.close()
        return "curves: tensorboard --logdir runs"


class Wandb:
    """A wandb run: params, curves, samples as a table, the model as an artifact.

    Offline, nothing leaves the machine until the user syncs it. A run that is resumed has the
    identifier of the run before, so that wandb puts both parts together; steps between the last
    checkpoint and the kill are in both, so curves go over our own `step` and not over wandb's,
    which only grows. `samples` are those that the run had written by then: a table is logged whole
    each time.
    """

    def __init__(
        self, params: TrackingParams, identifier: str, config: dict[str, Any], samples: Samples
    ) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        os.environ.setdefault("WANDB_DATA_DIR", "wandb")  # artifacts wait here, not in the home
        import wandb

        self.mode, self.identifier, self.samples = params.wandb, identifier, list(samples)
        try:
            self.run = wandb.init(
                project=params.project,
                id=identifier,
                resume="allow",
                mode=params.wandb,
                config=config,
                settings=wandb.Settings(
                    console="off",
                    x_disable_stats=True,
                    disable_git=True,
                    x_transaction_log_flush_interval=0.2,  # s; a killed run loses no more
                ),
            )
            self.run.define_metric("*", step_metric="step")
        except wandb.Error as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"wandb does not start ({reason}): run `wandb login`, or set tracking.wandb to "
                "offline"
            ) from None

    def numbers(self, step: int, values: dict[str, float]) -> None:
        self.run.log(values | {"step": step})

    def text(self, step: int, name: str, text: str) -> None:
        import wandb

        self.samples.append((step, text))
        table = wandb.Table(columns=["step", "text"], data=[list(row) for row in self.samples])
        self.run.log({f"{name}s": table, "step": step})

    def model(self, folder: Path) -> None:
        import wandb

        artifact = wandb.Artifact(f"model-{self.identifier}", type="model")
        artifact.add_dir(str(folder))
        self.run.log_artifact(artifact)

    def close(self) -> str | None:
        folder = Path(self.run.dir).parent.parent
        self.run.finish()
        if self.mode != "offline":
            return None
        parts = Path(os.path.relpath(folder)) / f"offline-run-*-{self.identifier}"
        return f"wandb ran offline; to upload it later: wandb sync {parts}"


class DvcLive:
    """Metrics and plots under `folder`, for DVC's own tools and editors.

    It rewrites its files at every step that it is told of, so it is told only of those with a
    validation, together with the last training figures. A resumed run goes on after the `step` of
    its checkpoint; later rows of the run before go.
    """

    def __init__(self, folder: Path, config: dict[str, Any], step: int) -> None:
        from dvclive import Live

        for path in folder.glob("plots/metrics/**/*.tsv"):
            head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [row for row in rows if row.endswith("\n") and int(row.split("\t")[0]) <= step]
            write_text(path, "".join([head, *kept]))
        for name in ("metrics.json", "params.yaml"):  # made anew; a kill may have left half of them
            (folder / name).unlink(missing_ok=True)
        # No dvc.yaml: the recipe is ours. No experiment: `dvc exp run` makes those.
        self.live = Live(dir=str(folder), resume=step > 0, dvcyaml=None, save_dvc_exp=False)
        self.live.log_params(config)
        self.latest: dict[str, float] = {}

    def numbers(self, step: int, values: dict[str, float]) -> None:
        self.latest |= values
        if any(name.startswith("validation/") for name in values):
            self.live.step = step
            for name, value in self.latest.items():
                self.live.log_metric(name, value)
            self.live.make_summary()

    def text(self, step: int, name: str, text: str) -> None:
        pass

    def model(self, folder: Path) -> None:
        pass

    def close(self) -> str:
        self.live.end()
        return f"DVCLive: dvc plots show {self.live.plots_dir}"


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

    def model(self, folder: Path) -> None:
        pass

    def _write(self, entry: dict[str, Any]) -> None:
        self.file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.file.flush()

    def close(self) -> str:
        self.file.close()
        return f"events: {self.path}"


def open_trackers(
    params: TrackingParams, identifier: str, config: dict[str, Any], step: int, samples: Samples
) -> list[Tracker]:
    """The trackers that params ask for; `identifier` makes a run that is resumed at `step`, after
    the texts of `samples`, one."""
    trackers: list[Tracker] = []
    folder = Path("runs") / identifier
    if params.tensorboard:
        trackers.append(TensorBoard(folder))
    if params.json_lines:
        trackers.append(JsonLines(folder / "events.jsonl", step))
    if params.dvclive:
        trackers.append(DvcLive(folder / "dvclive", config, step))
    if params.wandb != "disabled":
        trackers.append(Wandb(params, identifier, config, samples))
    return trackers
