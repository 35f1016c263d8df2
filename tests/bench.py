"""Speed, as ratios within one run: `make bench`.

Each line compares what the pipeline does with the plain way of doing it, on one machine in one
minute, in turn, so that a machine that drifts drifts for both. Medians of several rounds.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

ROUNDS = 5


def compare(name: str, ours: Callable[[], int], plain: Callable[[], int], unit: str) -> None:
    """Print throughput of both and their ratio; each callable returns how many units it did."""
    ours(), plain()  # warm up
    speeds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        for label, function in (("ours", ours), ("plain", plain)):
            started = time.perf_counter()
            done = function()
            speeds[label].append(done / (time.perf_counter() - started))
    ratio = statistics.median(a / b for a, b in zip(speeds["ours"], speeds["plain"], strict=True))
    mine, theirs = (statistics.median(speeds[label]) for label in ("ours", "plain"))
    print(f"{name:<52} {mine:>12,.0f} {theirs:>12,.0f} {unit:<10} x {ratio:.2f}", flush=True)


def training(layers: int, width: int, vocabulary: int = 4096) -> None:
    """Our training step against a plain loop over torch's own layers, float32 and eager."""
    from pipeline.models import ModelConfig, build_model
    from pipeline.params import ModelParams, OptimizerParams, TrainingParams
    from pipeline.training.batches import Batches
    from pipeline.training.loop import Plan, train
    from pipeline.training.optimizers import build_optimizers
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
    events = train(model, build_optimizers(model, settings), batches, held, plan, settings, machine)

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


def generation() -> None:
    """Writing 200 tokens with the key/value cache against reading everything again each time."""
    from pipeline.generation.sampling import sample_tokens
    from pipeline.models import ModelConfig, build_model
    from pipeline.params import ModelParams

    model = build_model(ModelConfig.from_params(ModelParams(context=256), 4096)).eval()

    def cached() -> int:
        return len(list(sample_tokens(model, [1], tokens=200, temperature=0)))

    @torch.inference_mode()
    def again() -> int:
        ids = [1]
        for _ in range(200):
            ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
        return len(ids) - 1

    compare("generation with a cache, 200 tokens", cached, again, "tokens/s")


def encoding() -> None:
    """Encoding documents, file to file, against `datasets.map` with the same tokenizer."""
    import datasets

    from pipeline.corpus.demo import demo_documents
    from pipeline.documents import read_texts, write_documents
    from pipeline.params import DemoParams
    from pipeline.tokenization.encode import SPLITS, encode_splits
    from pipeline.tokenization.train import train_bpe

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = list(demo_documents(DemoParams(documents=4000)))
        for split in SPLITS:
            copies = (row for _ in range(8 if split == "train" else 1) for row in rows)
            write_documents(folder / "clean" / split, copies)
        texts = [text for split in SPLITS for text in read_texts(folder / "clean" / split)]
        tokenizer = train_bpe(texts[:4000], 1024)
        table = datasets.Dataset.from_dict({"text": texts})
        size = sum(len(text.encode()) for text in texts)

        def ours() -> int:
            encode_splits(folder / "clean", tokenizer, folder / "tokens")
            return size

        def plain() -> int:
            table.map(
                lambda rows: {"ids": [e.ids for e in tokenizer.encode_batch(rows["text"])]},
                batched=True,
                load_from_cache_file=False,
                num_proc=2,
            )
            return size

        compare("encoding, against datasets.map with two processes", ours, plain, "bytes/s")


def main() -> None:
    print(f"{'':<52} {'ours':>12} {'plain':>12}")
    training(4, 128)
    training(6, 256)
    generation()
    encoding()


if __name__ == "__main__":
    main()
