"""What the engine promises of itself: parts, averages, formats and layers computed again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import UserError
from pipeline.models import LanguageModel, ModelConfig, build_model
from pipeline.params import ModelParams, OptimizerParams, TrainingParams
from pipeline.training import fitting
from pipeline.training.batches import Batches
from pipeline.training.checkpoints import Checkpoints, Progress
from pipeline.training.learner import Average, Learner
from pipeline.training.loop import Plan, Step, train
from pipeline.training.precision import choose_machine
from pipeline.training.speed import operations_per_token
from pipeline.training.trackers import JsonLines
from pipeline.training.validate import Held

SHAPE = {"layers": 2, "width": 32, "heads": 2, "context": 32, "dropout": 0.0}


def made(**changes: object) -> LanguageModel:
    torch.manual_seed(0)
    return build_model(ModelConfig.from_params(ModelParams(**(SHAPE | changes)), 320))


def losses(tokens: np.ndarray, model: LanguageModel, precision: str, **changes: object) -> list:
    settings = OptimizerParams(**({"batch": 8} | changes))
    machine = choose_machine(TrainingParams(compile="off", precision=precision, threads=1))
    batches = Batches(tokens, 32, 8, 0)
    plan = Plan(12, batches.steps_per_epoch, frozenset({12}), 256)
    learner = Learner(model, settings, machine)
    held = Held(tokens[:500], np.ones(320))
    events = train(learner, batches, held, plan, settings, machine)
    return [event.loss for event in events if isinstance(event, Step)]


@pytest.mark.parametrize("parts", [2, 8])
def test_a_batch_in_parts_trains_as_the_whole_batch(tokens: np.ndarray, parts: int) -> None:
    whole = losses(tokens, made(), "float32", optimizer="sgd", learning_rate=0.1)
    cut = losses(tokens, made(), "float32", optimizer="sgd", learning_rate=0.1, accumulation=parts)
    assert np.abs(np.array(whole) - cut).max() < 1e-5


@pytest.mark.parametrize(("optimizer", "learning_rate"), [("adam", 0.01), ("sgd", 0.3)])
def test_every_optimizer_lowers_the_loss(
    tokens: np.ndarray, optimizer: str, learning_rate: float
) -> None:
    seen = losses(tokens, made(), "float32", optimizer=optimizer, learning_rate=learning_rate)
    assert seen[-1] < 0.95 * seen[0]


def test_float16_trains_like_float32(tokens: np.ndarray) -> None:
    exact, half = (losses(tokens, made(), name) for name in ("float32", "float16"))
    # The first steps may be left out, until the scale is small enough.
    assert half[-1] < 0.9 * half[0] and abs(half[-1] - exact[-1]) < 0.25 * exact[0]


@pytest.mark.parametrize("family", ["modern", "gpt2"])
def test_layers_computed_again_give_the_same_loss_and_gradients(family: str) -> None:
    rows = torch.randint(0, 320, (2, 32))
    seen = []
    for again in (False, True):
        model = made(family=family, dropout=0.2).train()
        model.checkpoint_layers = again
        torch.manual_seed(7)
        loss = model(rows)[0].float().square().mean()
        loss.backward()
        seen.append([loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    assert len(seen[0]) == len(seen[1]) > 10
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))


def test_layers_computed_again_keep_less_for_the_backward_pass() -> None:
    rows, kept = torch.randint(0, 320, (4, 32)), {}
    for again in (False, True):
        model = made(layers=4).train()
        model.checkpoint_layers = again
        sizes: list[int] = []

        def pack(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(rows)
        kept[again] = sum(sizes)
    assert kept[True] < kept[False] / 3, kept


def test_an_average_lies_between_the_weights_and_swaps_back_exactly() -> None:
    model = made()
    average = Average(model, 0.9)
    start = [parameter.detach().clone() for parameter in model.parameters()]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    average.update(1000)
    moved = [parameter.detach().clone() for parameter in model.parameters()]
    for weight, old in zip(average.weights, start, strict=True):
        torch.testing.assert_close(weight, old + 0.1)
    average.swap()
    torch.testing.assert_close(next(model.parameters()).detach(), start[0] + 0.1)
    average.swap()
    assert all(torch.equal(p, m) for p, m in zip(model.parameters(), moved, strict=True))


def test_what_batchnorm_counts_is_averaged_with_the_weights() -> None:
    model = made(norm="batch")
    counted = [tensor for name, tensor in model.named_buffers() if "mean" in name or "var" in name]
    assert counted
    average, before = Average(model, 0.9), [tensor.clone() for tensor in counted]
    model.train()(torch.randint(0, 320, (4, 32)))
    after = [tensor.clone() for tensor in counted]
    average.update(1000)
    average.swap()
    for tensor, old, new in zip(counted, before, after, strict=True):
        assert not torch.equal(old, new)
        torch.testing.assert_close(tensor, old.lerp(new, 0.1))
    average.swap()
    assert all(torch.equal(a, b) for a, b in zip(counted, after, strict=True))


def test_a_checkpoint_holds_average_scale_and_random_state(
    tmp_path: Path, tokens: np.ndarray
) -> None:
    settings = OptimizerParams(batch=8, average=0.9)
    machine = choose_machine(TrainingParams(compile="off", precision="float16", threads=1))
    learner = Learner(made(), settings, machine)
    learner.average.weights[0].fill_(3.0)
    learner.scaler.load_state_dict(learner.scaler.state_dict() | {"scale": 128.0})
    torch.manual_seed(5)
    saved = Checkpoints(tmp_path, {"a": 1}, 2)
    for step in (1, 2, 3):
        saved.save(learner, Progress(step=step))
    expected = torch.rand(3)
    other = Learner(made(), settings, machine)
    assert saved.load(other).step == 3
    assert torch.equal(torch.rand(3), expected)
    assert other.average.weights[0].eq(3.0).all() and other.scaler.get_scale() == 128.0
    assert [path.name for path in sorted(saved.folder.iterdir())] == [
        "step-00000002",
        "step-00000003",
    ]


def test_shares_of_a_batch_are_the_batch(tokens: np.ndarray) -> None:
    whole, _ = Batches(tokens, 16, 6, 3)(11)
    shares = [Batches(tokens, 16, 6, 3, rank, 3)(11)[0] for rank in range(3)]
    assert torch.equal(torch.cat(shares), whole)


def test_too_large_a_batch_is_refused_with_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = choose_machine(TrainingParams(compile="off", precision="float32"))
    model = made()
    monkeypatch.setattr(fitting, "free_memory", lambda: 12 * model.size() + 1_500_000)
    with pytest.raises(UserError, match=r"training\.accumulation to \d+ "):
        fitting.check_memory(model, 64, 1, machine)
    monkeypatch.setattr(fitting, "free_memory", lambda: 1000)
    with pytest.raises(UserError, match="one window takes more than"):
        fitting.check_memory(model, 64, 1, machine)


def test_an_allocator_that_gives_up_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = OptimizerParams(batch=8)
    machine = choose_machine(TrainingParams(compile="off", precision="float32"))
    learner = Learner(made(), settings, machine)
    inputs = torch.zeros(8, 32, dtype=torch.int64)
    hidden = learner.model.hidden

    def limited(rows: torch.Tensor, state: object = None) -> tuple:
        if len(rows) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried too much")
        return hidden(rows, state)

    monkeypatch.setattr(learner.model, "hidden", limited)
    with (
        pytest.raises(UserError, match=r"8 windows.*but 2 do: set training\.accumulation to 4"),
        fitting.explained(learner, inputs, 1, machine),
    ):
        learner.model.hidden(inputs)


def test_operations_of_a_token_are_six_a_weight_and_attention() -> None:
    model = made(family="gpt2", tied=True)
    matrices = sum(
        p.numel() for n, p in model.named_parameters() if p.dim() == 2 and "positions" not in n
    )
    assert operations_per_token(model) == 6 * matrices + 12 * 32 * 2 * 16
    assert operations_per_token(made(family="bigram")) == 0


def test_json_lines_of_a_resumed_run_go_on_after_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = JsonLines(path, 0)
    for step in (1, 2, 3):
        first.numbers(step, {"train/loss": 1.0})
    first.close()
    path.write_text(path.read_text() + '{"step": 4, "tra')
    second = JsonLines(path, 2)
    second.numbers(3, {"train/loss": 2.0})
    second.close()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [1, 2, 3] and entries[-1]["train/loss"] == 2.0
