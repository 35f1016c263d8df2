"""Counted n-grams of tokens: no gradient, one pass, and hard to beat on little text.

Interpolated Witten-Bell smoothing (Witten and Bell 1991; Chen and Goodman 1998, section 2.6): after
a context seen N times with T different followers,

    p_n(token | context) = (count(context, token) + T * p_{n-1}(token | shorter context)) / (N + T)

down to p_0, which is even over the vocabulary. Order 2 is the bigram, counted.

The n-grams are a trie in sorted arrays, one level for each length: the key of a node is
`parent * vocabulary + token`, where `parent` is the place of its first n-1 tokens a level above.
"""

from typing import Any

import torch
from torch import Tensor

from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel

Level = tuple[Tensor, Tensor]  # keys, sorted, and how often each was seen


class NGram(LanguageModel):
    """The state is the last `order` - 1 tokens, [B, at most order - 1].

    It learns in `forward` while it trains, as BatchNorm learns its averages: it counts the n-grams
    that lie within the tokens it is given. What it says meanwhile rests on the counts of before.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.pending: list[Tensor] = []
        self.sums: list[Tensor] = []  # of the counts before each n-gram, made when first needed
        for length in range(1, config.order + 1):
            for name in ("keys", "counts"):
                self.register_buffer(f"{name}_{length}", torch.zeros(0, dtype=torch.int64))

    def size(self) -> int:
        self._merge()
        return sum(len(counts) for _, counts in self._levels())

    def _levels(self) -> list[Level]:
        lengths = range(1, self.config.order + 1)
        return [(getattr(self, f"keys_{n}"), getattr(self, f"counts_{n}")) for n in lengths]

    @torch.compiler.disable
    @torch.no_grad()
    def hidden(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[B, T, order - 1]: the tokens before each next one, -1 where the text has not begun."""
        length, reach = tokens.shape[1], self.config.order - 1
        if self.training:
            self.pending.append(tokens.clone())
            waiting = sum(part.numel() for part in self.pending)
            if waiting >= max(1 << 14, len(self._levels()[-1][0])):
                self._merge()
        else:
            self._merge()
        before = tokens if state is None else torch.cat((state, tokens), dim=1)
        padded = torch.nn.functional.pad(before, (reach, 0), value=-1)
        contexts = padded.unfold(1, reach, 1)[:, -length:]
        return contexts, before[:, -reach:].clone()

    @torch.compiler.disable
    @torch.no_grad()
    def logits(self, hidden: Tensor) -> Tensor:
        """log p, float32 [..., vocabulary], so that their softmax is p."""
        contexts = hidden.reshape(-1, hidden.shape[-1])
        if not self.sums:
            self.sums = [torch.cat((c.new_zeros(1), c.cumsum(0))) for _, c in self._levels()]
        p = self._unigram().repeat(len(contexts), 1)
        for length in range(1, self.config.order):
            self._sharpen(p, contexts[:, contexts.shape[1] - length :])
        return p.log().view(*hidden.shape[:-1], -1)

    def _unigram(self) -> Tensor:
        """p_1, float32 [vocabulary]: the same for every place."""
        keys, counts = self._levels()[0]
        vocabulary = self.config.vocabulary
        whole = (counts.sum() + len(keys)).clamp(min=1)
        even = (len(keys) / whole if len(keys) else torch.ones_like(whole)) / vocabulary
        p = even.float().repeat(vocabulary)
        p[keys] += counts / whole
        return p

    def _sharpen(self, p: Tensor, contexts: Tensor) -> None:
        """Turn p_{n-1} [places, vocabulary] into p_n, in place, by contexts [places, n - 1]."""
        levels, vocabulary = self._levels(), self.config.vocabulary
        node = torch.zeros(len(contexts), dtype=torch.int64, device=contexts.device)
        known = (contexts >= 0).all(dim=1)
        for level, column in zip(levels, contexts.unbind(1), strict=False):
            node, found = _find(level[0], node * vocabulary + column)
            known &= found
        keys, counts = levels[contexts.shape[1]]
        first = torch.searchsorted(keys, node * vocabulary)
        types = torch.searchsorted(keys, (node + 1) * vocabulary) - first
        types = torch.where(known, types, 0)
        rows = torch.repeat_interleave(types)
        within = torch.arange(len(rows), device=rows.device)
        starts = types.cumsum(0) - types
        children = first[rows] + within - starts[rows]
        sums = self.sums[contexts.shape[1]]
        seen = torch.where(known, sums[first + types] - sums[first], 0)
        whole = (seen + types).clamp(min=1)
        p.mul_(torch.where(types > 0, types / whole, 1.0).unsqueeze(1))
        followers = keys[children] - node[rows] * vocabulary
        p[rows, followers] += counts[children] / whole[rows]

    @torch.no_grad()
    def _merge(self) -> None:
        """Take what waits into the counts."""
        if not self.pending:
            return
        rows: dict[int, list[Tensor]] = {}
        for part in self.pending:
            rows.setdefault(part.shape[1], []).append(part)
        self.pending = []
        for parts in rows.values():
            new = _count(torch.cat(parts), self.config.order, self.config.vocabulary)
            self._set(_union(self._levels(), new, self.config.vocabulary))

    def _set(self, levels: list[Level]) -> None:
        for length, (keys, counts) in enumerate(levels, start=1):
            setattr(self, f"keys_{length}", keys)
            setattr(self, f"counts_{length}", counts)
        self.sums = []

    def _save_to_state_dict(self, *arguments: Any) -> None:
        self._merge()
        super()._save_to_state_dict(*arguments)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Make room first: how many n-grams there are depends on the text."""
        self.pending, self.sums = [], []
        for name, buffer in list(self.named_buffers()):
            if prefix + name in state:
                setattr(self, name, buffer.new_zeros(state[prefix + name].shape))
        super()._load_from_state_dict(state, prefix, *rest)


def _find(keys: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The place of each wanted key among sorted ones, and whether it is there."""
    if not len(keys):
        return torch.zeros_like(wanted), torch.zeros_like(wanted, dtype=torch.bool)
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return place, keys[place] == wanted


def _count(rows: Tensor, order: int, vocabulary: int) -> list[Level]:
    """The n-grams within rows [R, T], for each length up to `order`."""
    levels = []
    parents = torch.zeros_like(rows)
    for length in range(1, order + 1):
        here = parents[:, : max(rows.shape[1] - length + 1, 0)] * vocabulary + rows[:, length - 1 :]
        keys, inverse, counts = here.unique(return_inverse=True, return_counts=True)
        levels.append((keys, counts))
        parents = inverse
    return levels


def _union(one: list[Level], other: list[Level], vocabulary: int) -> list[Level]:
    """Both tries in one: level by level, since a new parent moves the keys of its children."""
    levels = []
    moved = [torch.zeros(1, dtype=torch.int64, device=one[0][0].device)] * 2
    for parts in zip(one, other, strict=True):
        renamed = [
            map_[keys // vocabulary] * vocabulary + keys % vocabulary
            for map_, (keys, _) in zip(moved, parts, strict=True)
        ]
        keys, inverse = torch.cat(renamed).unique(return_inverse=True)
        counts = torch.zeros_like(keys)
        counts.index_add_(0, inverse, torch.cat([counts_ for _, counts_ in parts]))
        levels.append((keys, counts))
        moved = list(inverse.split([len(part) for part in renamed]))
    return levels
