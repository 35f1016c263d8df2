"""Linear layers that read the same input, as one product: fewer and larger products are faster."""

import torch
from torch import Tensor, nn


def joined(*parts: nn.Linear) -> tuple[Tensor, Tensor | None]:
    """The weights of all parts one below the other, and their biases; gradients find their way."""
    weight = torch.cat([part.weight for part in parts])
    bias = None if parts[0].bias is None else torch.cat([part.bias for part in parts])
    return weight, bias
