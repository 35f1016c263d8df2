"""A mixture of experts: many feed-forward parts, of which each place uses a few.

The parameters grow with the experts, the work with those used. A router gives each expert a
probability; the top k answer, weighted by their probabilities, which are made to sum to one (as in
Qwen3). Left alone, a router soon sends everything to the same experts, so training adds a loss that
is smallest where all are used alike (Fedus et al. 2021, arXiv:2101.03961).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.config import ModelConfig
from pipeline.models.feedforward import FeedForward


class Experts(nn.Module):
    """[B, T, width] -> (the same shape, the loss of balance, which is 1 where all are used alike).

    The places are sorted by expert, so that each expert does one product; no place is dropped.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.experts is not None
        self.used = config.experts_per_token
        self.router = nn.Linear(config.width, config.experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(config) for _ in range(config.experts))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, width] -> the same shape, and the loss of balance."""
        places = x.flatten(0, 1)
        count = len(self.experts)
        probabilities = self.router(places).float().softmax(-1)
        shares, chosen = probabilities.topk(self.used, dim=-1)
        shares = (shares / shares.sum(-1, keepdim=True)).to(x.dtype)
        order = chosen.flatten().argsort(stable=True)
        load = torch.bincount(chosen.flatten(), minlength=count)
        parts = places[order // self.used].split(load.tolist())
        answers = [expert(part) for expert, part in zip(self.experts, parts, strict=True)]
        answer = torch.cat(answers)[order.argsort()].view(-1, self.used, x.shape[-1])
        mixed = (answer * shares.unsqueeze(-1)).sum(1)
        used = F.normalize(load.float(), p=1, dim=0)
        balance = count * (used * probabilities.mean(0)).sum()
        return mixed.view_as(x).to(x.dtype), balance
