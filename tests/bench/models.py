"""Training against a plain loop over torch's own layers."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.bench.compare import compare, heading


def training() -> None:
    """Two sizes of model."""
    heading()
    training_step(4, 128)
    training_step(6, 256)


def training_step(layers: int, width: int, vocabulary: int = 4096) -> None:
    """Our training step against a plain loop over torch's own layers, float32 and eager."""
    from pipeline.models import ModelConfig, build_model
    from pipeline.params import ModelParams, OptimizerParams, TrainingParams
    from pipeline.training.batches import Batches
    from pipeline.training.learner import Learner
    from pipeline.training.loop import Plan, train
    from pipeline.training.precision import choose_machine
    from pipeline.training.validate import Held

    context, batch, heads = 256, 16, width // 32
    machine = choose_machine(TrainingParams())
    tokens = np.random.default_rng(0).integers(0, vocabulary, 8 * batch * context).astype("<u2")
    shape = ModelParams(layers=layers, width=width, heads=heads, context=context, dropout=0.0)
    settings = OptimizerParams(batch=batch)
    model = build_model(ModelConfig.from_params(shape, vocabulary)).to(machine.device)
    batches = Batches(tokens, context, batch, 0)
    plan = Plan(10**6, batches.steps_per_epoch, frozenset(), batch * context)
    held = Held(tokens, np.ones(vocabulary))
    events = train(Learner(model, settings, machine), batches, held, plan, settings, machine)

    embedding, positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
    )
    body = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
    head = nn.Linear(width, vocabulary, bias=False)
    reference = nn.ModuleList([embedding, positions, body, head])
    optimizer = torch.optim.AdamW(reference.parameters(), lr=1e-3)
    mask = nn.Transformer.generate_square_subsequent_mask(context)

    def ours() -> int:
        for _ in range(2):
            next(events)
        return 2 * batch * context

    def plain() -> int:
        for step in range(2):
            inputs, targets = batches(step)
            hidden = embedding(inputs) + positions.weight
            logits = head(body(hidden, mask=mask, is_causal=True))
            F.cross_entropy(logits.flatten(0, 1), targets.reshape(-1)).backward()
            optimizer.step()
            optimizer.zero_grad()
        return 2 * batch * context

    compare(f"training, {layers} layers of {width}", ours, plain, "tokens/s")
