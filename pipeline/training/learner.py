"""Everything that training changes, in one place: what a checkpoint must hold to go on exactly."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim import Optimizer

from pipeline.models import LanguageModel
from pipeline.params import OptimizerParams
from pipeline.training.optimizers import build_optimizers
from pipeline.training.precision import Machine


class Average:
    """A moving average of the weights, which wanders less than they do (Polyak and Juditsky 1992).

    The decay grows from 0.1 towards its value, (1 + n) / (10 + n) after n steps, so that the first
    weights are forgotten. What BatchNorm counts goes along: it belongs to the weights it was
    counted under.
    """

    def __init__(self, model: LanguageModel, decay: float) -> None:
        self.decay = decay
        saved = model.state_dict()
        counted = [tensor for name, tensor in model.named_buffers() if name in saved]
        self.parameters = [
            tensor.detach()
            for tensor in (*model.parameters(), *counted)
            if tensor.is_floating_point()
        ]
        self.weights = [tensor.clone() for tensor in self.parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        if self.weights:
            torch._foreach_lerp_(self.weights, self.parameters, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the weights; a second time puts them back, bit for bit."""
        for parameter, weight in zip(self.parameters, self.weights, strict=True):
            kept = parameter.clone()
            parameter.copy_(weight)
            weight.copy_(kept)


class Learner:
    """A model with its optimizers, the scale of float16 and, where params say so, an average."""

    def __init__(self, model: LanguageModel, params: OptimizerParams, machine: Machine) -> None:
        self.model = model
        self.optimizers: list[Optimizer] = build_optimizers(model, params, machine.muon_dtype)
        self.scaler = machine.scaler()
        self.average = None if params.average is None else Average(model, params.average)

    def set_rate(self, factor: float) -> None:
        """Set every group to `factor` of its peak."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor

    def gradient_norm(self, clip: float) -> Tensor:
        """The norm of the whole gradient, which is then cut to `clip`."""
        for optimizer in self.optimizers:
            if any(p.grad is not None for g in optimizer.param_groups for p in g["params"]):
                self.scaler.unscale_(optimizer)
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)

    def step(self, number: int, learnt: bool) -> None:
        """Move the weights, unless float16 overflowed; `number` steps are done then.

        A model that counts has no gradient, and nothing moves (`learnt` is false).
        """
        for optimizer in self.optimizers:
            if learnt:
                self.scaler.step(optimizer)
            optimizer.zero_grad(set_to_none=True)
        if learnt:
            self.scaler.update()
        if self.average is not None:
            self.average.update(number)

    @contextmanager
    def at_its_best(self) -> Iterator[LanguageModel]:
        """The model with the weights that are validated and saved: the average, if one is kept."""
        if self.average is not None:
            self.average.swap()
        try:
            yield self.model
        finally:
            if self.average is not None:
                self.average.swap()
