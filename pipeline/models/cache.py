"""What a layer of attention remembers: keys and values, of all places or of the last few.

A layer with a window needs only as many places as it looks back on. They lie in a ring: place p in
slot p mod window, over the one that has just fallen out of sight. Attention does not ask in which
order keys come (their positions are in them already), so one new token needs no reordering.
"""

from typing import Any

import torch
from torch import Tensor


class KeyValueCache:
    """Keys and values [B, kv_heads, slots, head_dim], grown in steps; `seen` places went by."""

    def __init__(self, keys: Tensor, values: Tensor, window: int | None) -> None:
        """Begin with the places from the start of a text."""
        self.window, self.seen = window, keys.shape[2]
        self.joined: Any = None  # what the layer prepared for one place at a time
        self.keys, self.values = keys.detach(), values.detach()
        if window is not None and self.seen >= window:  # a ring of its own to write into
            self.seen, self.keys, self.values = 0, self.keys[:, :, :0], self.values[:, :, :0]
            self._remember(keys, values)

    def read(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Remember T new places, and give what they look at: keys, values and a mask.

        The mask [T, places] is None for one place, which may look at all that is given.
        """
        length = keys.shape[2]
        if length == 1:
            self._remember(keys, values)
            slots = self.seen if self.window is None else min(self.seen, self.window)
            return self.keys[:, :, :slots], self.values[:, :, :slots], None
        old = self._in_order()
        keys = torch.cat((self.keys[:, :, old], keys), 2)
        values = torch.cat((self.values[:, :, old], values), 2)
        mask = causal_mask(length, len(old), self.window, keys.device)
        self._remember(keys[:, :, -length:], values[:, :, -length:])
        return keys, values, mask

    def _in_order(self) -> Tensor:
        """The slots of the places that a new one may see, oldest first."""
        first = 0 if self.window is None else max(0, self.seen - self.window + 1)
        places = torch.arange(first, self.seen, device=self.keys.device)
        return places if self.window is None else places % self.window

    def _remember(self, keys: Tensor, values: Tensor) -> None:
        length, window = keys.shape[2], self.window
        if window is not None and length > window:
            self.seen += length - window
            keys, values, length = keys[:, :, -window:], values[:, :, -window:], window
        self._grow(self.seen + length)
        if length == 1:
            slot = self.seen if window is None else self.seen % window
            self.keys[:, :, slot] = keys[:, :, 0].detach()
            self.values[:, :, slot] = values[:, :, 0].detach()
        else:
            slots = torch.arange(self.seen, self.seen + length, device=keys.device)
            slots = slots if window is None else slots % window
            self.keys[:, :, slots] = keys.detach()
            self.values[:, :, slots] = values.detach()
        self.seen += length

    def _grow(self, places: int) -> None:
        """Make room for so many places, twice as many as before or more; a window is the most."""
        have = self.keys.shape[2]
        if (places if self.window is None else min(places, self.window)) <= have:
            return
        room = max(places, 2 * have, 64)
        room = room if self.window is None else min(room, self.window)
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_empty(*old.shape[:2], room, old.shape[3])
            new[:, :, :have] = old
            setattr(self, name, new)


def causal_mask(
    length: int, before: int, window: int | None, device: torch.device | None = None
) -> Tensor:
    """Which of `before` + `length` places each of the last `length` sees, bool [length, places].

    >>> causal_mask(2, 1, 2).int().tolist()
    [[1, 1, 0], [0, 1, 1]]
    """
    mask = torch.ones(length, before + length, dtype=torch.bool, device=device).tril(before)
    return mask if window is None else mask.triu(before - window + 1)
