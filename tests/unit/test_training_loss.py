"""The loss in chunks: the number and the gradients of a plain cross entropy, in less memory."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from pipeline.models import ModelConfig, auxiliary_loss, build_model
from pipeline.params import ModelParams
from pipeline.training import loss
from pipeline.training.loss import Objective, token_losses
from tests.project import ROOT, environment

SHAPES = {
    "tied": {"family": "modern"},
    "untied and capped": {"family": "modern", "tied": False, "soft_cap": 5.0},
    "gpt2": {"family": "gpt2", "dropout": 0.0},
    "lstm": {"family": "lstm", "dropout": 0.0},
    "bigram": {"family": "bigram"},
    "experts": {"family": "modern", "experts": 3},
}


def made(changes: dict) -> tuple[Objective, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    shape = {"layers": 1, "width": 32, "heads": 2, "context": 24, "dropout": 0.0} | changes
    model = build_model(ModelConfig.from_params(ModelParams(**shape), 300)).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    rows = torch.randint(0, 300, (3, 25))
    return Objective(model), rows[:, :-1], rows[:, 1:]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_in_chunks_loss_and_gradients_are_those_of_the_whole(
    name: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, inputs, targets = made(SHAPES[name])
    model = objective.model
    tolerance = 1e-5 if precision == torch.float32 else 0.03  # bfloat16 has eight bits
    autocast = torch.autocast("cpu", precision, enabled=precision != torch.float32)
    with autocast:
        logits, state = model(inputs)
    whole = F.cross_entropy(logits.float().flatten(0, 1), targets.reshape(-1))
    extra = auxiliary_loss(state)
    (3.0 * (whole if extra is None else whole + extra)).backward()
    gradients = {n: p.grad for n, p in model.named_parameters()}
    for limit in (1 << 20, 300 * 7):  # 72 places: all at once, and in chunks of seven with a rest
        monkeypatch.setitem(loss.LIMITS, "cpu", limit)
        objective.zero_grad(set_to_none=True)
        with autocast:
            value, total = objective(inputs, targets)
        (3.0 * total).backward()
        torch.testing.assert_close(value, whole, rtol=1e-5, atol=1e-6)
        assert len(gradients) > 0
        for key, parameter in model.named_parameters():
            gradient, other = gradients[key], parameter.grad
            assert gradient is not None and gradient.abs().max() > 0, key
            if "key.bias" in key:
                continue  # softmax does not see it: what there is of a gradient is rounding
            assert other is not None, key
            assert (other - gradient).norm() < tolerance * (gradient.norm() + 1e-3), key


@pytest.mark.parametrize("size", [1.0, 300.0, 3e4])
def test_a_token_that_was_held_impossible_costs_what_a_plain_cross_entropy_says(
    size: float,
) -> None:
    logits = size * torch.randn(40, 50)
    targets = logits.argmin(-1)  # shares that no float can hold
    value, slope = loss._loss_and_slope(logits, targets)
    logits.requires_grad_()
    expected = F.cross_entropy(logits, targets, reduction="sum")
    expected.backward()
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(slope, logits.grad)


def test_losses_of_single_tokens_in_chunks_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objective, inputs, targets = made({"soft_cap": 3.0})
    with torch.no_grad():
        hidden, _ = objective.model.hidden(inputs)
        whole = token_losses(objective.model, hidden, targets)
        monkeypatch.setitem(loss.LIMITS, "cpu", 300 * 5)
        parts = token_losses(objective.model, hidden, targets)
    torch.testing.assert_close(parts, whole)
    assert whole.mean().item() == pytest.approx(objective(inputs, targets)[0].item(), rel=1e-5)


def test_chunks_take_a_fraction_of_the_memory_of_whole_logits() -> None:
    script = """
import sys, torch
from pipeline.models import ModelConfig, build_model
from pipeline.params import ModelParams
from pipeline.training import loss
from pipeline.training.memory import PeakMemory
if sys.argv[1] == "whole":
    loss.LIMITS["cpu"] = 1 << 40
else:
    loss.LIMITS["cpu"] = 1 << 19
params = ModelParams(layers=1, width=32, heads=2, context=512, dropout=0)
model = build_model(ModelConfig.from_params(params, 32000)).train()
rows = torch.randint(0, 32000, (1, 512))
objective = loss.Objective(model)
objective(rows[:1, :8], rows[:1, :8])[1].backward()  # what a first use loads is not counted
memory = PeakMemory("cpu")
objective(rows, rows)[1].backward()
print(memory.megabytes())
"""
    peaks = {}
    for kind in ("whole", "chunks"):
        # so that memory which is given back counts as given back
        settings = environment() | {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
        run = [sys.executable, "-c", script, kind]
        said = subprocess.run(
            run, cwd=ROOT, env=settings, capture_output=True, text=True, check=True
        ).stdout.strip()
        if said == "None":
            pytest.skip("the system does not tell the peak of memory")
        peaks[kind] = float(said)
    # 512 places x 32,000 logits are 66 MB in float32; whole, several copies exist at a time
    assert peaks["whole"] > 125
    assert peaks["chunks"] < peaks["whole"] / 4, peaks
