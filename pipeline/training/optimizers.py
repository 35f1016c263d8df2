"""Optimizers: AdamW, Adam or SGD for everything, or Muon for the matrices and AdamW for the rest.

Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon/) takes the momentum of a matrix and
replaces it by the nearest orthogonal one, so that every direction of it moves at the same rate.
Attention is a sum over heads and a feed-forward layer one over its units, so each head, and each
quarter of the units, has matrices of its own: those train no worse than one matrix for all, and are
cheaper to orthogonalise (docs/log.md). Embeddings, norms and the head are no maps between hidden
states and stay with AdamW.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from pipeline.models import LanguageModel, ModelConfig
from pipeline.params import OptimizerParams

UNIT_PARTS = 4  # of a feed-forward layer; eight train worse
ROUNDS = 4  # of Newton and Schulz
CUT_BY = {  # what cuts a matrix of Muon's, by its module; others are whole
    **dict.fromkeys(("query", "key", "value"), "head rows"),
    "output": "head columns",
    **dict.fromkeys(("gate", "up"), "unit rows"),
    "down": "unit columns",
}


def orthogonalise(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The nearest (semi-)orthogonal matrices to [N, rows, columns], approximately, in `dtype`.

    A quintic Newton-Schulz iteration with coefficients that drive all singular values towards one;
    they end between about 0.7 and 1.2, which is all that an optimizer needs: bfloat16 is enough,
    and so are four rounds for matrices that are parts of larger ones (docs/log.md).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)
    for _ in range(ROUNDS):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


class Muon(Optimizer):
    """Orthogonalised momentum with Nesterov's look-ahead and decoupled weight decay.

    A group's `rows` or `columns` cuts its matrices into parts of so many; None leaves them whole.
    Those of one shape go through the iteration together, as one batch of products in `dtype`.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.dtype = dtype
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(parameters, defaults | {"rows": None, "columns": None})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for shape, parameters in alike.items():
                self._step_alike(shape, parameters, group)

    def _step_alike(self, shape: torch.Size, parameters: list[Tensor], group: dict) -> None:
        momentum = group["momentum"]
        looks_ahead = torch.empty(len(parameters), *shape, device=parameters[0].device)
        for parameter, look_ahead in zip(parameters, looks_ahead, strict=True):
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            gradient = parameter.grad
            assert gradient is not None
            state["momentum"].lerp_(gradient, 1 - momentum)
            torch.lerp(gradient, state["momentum"], momentum, out=look_ahead)
        rows, columns = group["rows"] or shape[0], group["columns"] or shape[1]
        grid = looks_ahead.view(-1, shape[0] // rows, rows, shape[1] // columns, columns)
        parts = grid.transpose(2, 3)
        moved = orthogonalise(parts.reshape(-1, rows, columns), self.dtype).view(parts.shape)
        updates = moved.transpose(2, 3).reshape(looks_ahead.shape)
        # Together they are as large as a matrix whose rows have a length of one.
        scale = (shape[0] / (parts.shape[1] * parts.shape[2] * min(rows, columns))) ** 0.5
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update.to(parameter.dtype), alpha=-group["lr"] * scale)


def label(name: str, parameter: Tensor, optimizer: str) -> str:
    """The group of a parameter: `tables` (they decay) or `vectors` (they do not), and Muon's own:
    `head rows`, `head columns`, `unit rows`, `unit columns`, by what cuts them, and `whole`."""
    if parameter.dim() < 2:
        return "vectors"
    if optimizer != "muon" or not name.startswith("blocks."):
        return "tables"
    return CUT_BY.get(name.split(".")[-2], "whole")


def _muon_groups(labels: dict[str, list[Tensor]], config: ModelConfig) -> list[dict[str, Any]]:
    """Muon's groups: what is in them, and into how many rows or columns their matrices are cut;
    units that do not divide into quarters stay together."""
    head, inner = config.width // config.heads, config.feedforward
    units = inner // (UNIT_PARTS if inner % UNIT_PARTS == 0 else 1)
    cuts = {
        "head rows": {"rows": head},
        "head columns": {"columns": head},
        "unit rows": {"rows": units},
        "unit columns": {"columns": units},
        "whole": {},
    }
    return [
        {"params": labels[name], "label": name, **cut} for name, cut in cuts.items() if labels[name]
    ]


def build_optimizers(
    model: LanguageModel, params: OptimizerParams, dtype: torch.dtype = torch.float32
) -> list[Optimizer]:
    """The optimizers that together hold every parameter exactly once, in labelled groups.

    Muon's products are in `dtype`; everything else is float32.

    AdamW and Muon shrink weights apart from the gradient (Loshchilov and Hutter 2019,
    arXiv:1711.05101); in Adam and SGD `weight_decay` is part of the gradient, as it was before.
    SGD has Nesterov's momentum of 0.9.
    """
    labels: dict[str, list[Tensor]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        labels[label(name, parameter, params.optimizer)].append(parameter)
    groups = [
        {"params": labels["tables"], "weight_decay": params.weight_decay, "label": "tables"},
        {"params": labels["vectors"], "weight_decay": 0.0, "label": "vectors"},
    ]
    muon = params.optimizer == "muon"
    rate = params.adam_learning_rate if muon else params.learning_rate
    if params.optimizer == "sgd":
        optimizers: list[Optimizer] = [SGD(groups, lr=rate, momentum=0.9, nesterov=True)]
    else:
        kind = Adam if params.optimizer == "adam" else AdamW
        optimizers = [kind(groups, lr=rate, betas=(0.9, 0.95), fused=True)]
    muon_groups = _muon_groups(labels, model.config)
    if muon_groups:
        muon_only = {"lr": params.learning_rate, "weight_decay": params.weight_decay}
        optimizers.append(Muon(muon_groups, dtype=dtype, **muon_only))
    held = [id(p) for one in optimizers for group in one.param_groups for p in group["params"]]
    assert sorted(held) == sorted(map(id, model.parameters())), "not each parameter in one group"
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers
