"""Does cleaning help? The same small model, trained on different makings of the same corpus.

Every variant gets the same model, the same initial weights and the same number of tokens, and is
measured in bits per byte of the same clean test text. What differs is the text that it reads:

- `clean`: the training split, as the main run reads it;
- `raw`: what came in, before cleaning;
- `unweighted`: the training split without the repetitions that the weights of sources make;
- `clean_dropout`: the training split, its tokens cut with BPE-dropout, anew in each pass.

Where one side has less text, it reads it more often. That is the honest comparison: cleaning costs
text. Seeds change the initial weights, the order and, of a large corpus, the part that is read; how
far their results lie apart is the spread that a difference has to exceed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.params import TrialParams
from pipeline.tokenization.dropout import DropoutEncoder
from pipeline.tokenization.judge import as_stream
from pipeline.tokenization.tokenizer import bos_id
from pipeline.training.data import token_lengths
from pipeline.training.quick import train_quickly
from pipeline.training.validate import LIMIT
from pipeline.trials.held_out import HeldOut
from pipeline.trials.texts import holds_repeats, read_held_out, take

SPARE = 2  # times the text that a training needs: dirt takes more tokens, and some is left out
NOTE = (
    "All variants share the tokenizer, which was trained on clean text. Lines copied from "
    "validation or test documents are left out of every variant's training text, so neither side "
    "has seen the test. The test text is what cleaning calls clean: language that cleaning drops "
    "by mistake is not missed here."
)
DROPOUT_NOTE = (
    " The test text is cut plainly; what a model trained with BPE-dropout holds likely for other "
    "cuts of the same words does not count for it."
)


def compare(params: TrialParams, raw: Path, clean: Path, tokenizer: Tokenizer) -> dict[str, Any]:
    """Train and measure every variant that `params` name; what goes to reports/trials.json.

    Raises:
        UserError: `unweighted` is asked for and nothing is repeated, or a side has too little text.
    """
    if "unweighted" in params.variants and not holds_repeats(clean / "train"):
        raise UserError(
            "trials.variants names unweighted, but no document of data/clean/train is repeated: "
            "give a source a weight above 1, or leave unweighted out"
        )
    held_out = read_held_out(clean)
    lengths = token_lengths(tokenizer)
    test = as_stream(tokenizer, take(clean / "test", HeldOut([]), 16 * LIMIT, 0).texts)[:LIMIT]
    size = SPARE * params.tokens * lengths[test].mean()
    rows = []
    for name in params.variants:
        folder = raw if name == "raw" else clean / "train"
        runs = []
        for seed in range(params.seeds):
            taken = take(folder, held_out, size, seed, once=name == "unweighted")
            tokens, copies = _tokens(name, taken.texts, tokenizer, params, seed)
            result = train_quickly(
                params.model,
                params.training,
                tokens,
                test,
                tokenizer.get_vocab_size(),
                lengths,
                params.tokens,
                seed,
                f"trial {name}, seed {seed + 1} of {params.seeds}",
            )
            runs.append(
                {
                    "seed": seed,
                    "bits_per_byte": result.bits_per_byte,
                    "tokens": result.tokens,
                    "passes": result.tokens / len(tokens) * copies * taken.share,
                    "left_out": taken.left_out,
                    "seconds": result.seconds,
                }
            )
        rows.append(_summary(name, runs))
    note = NOTE + DROPOUT_NOTE * ("clean_dropout" in params.variants)
    return {"variants": rows, "test_bytes": int(lengths[test].sum()), "note": note}


def _tokens(
    name: str, texts: Sequence[str], tokenizer: Tokenizer, params: TrialParams, seed: int
) -> tuple[np.ndarray, int]:
    """The tokens that a variant trains on, int64[tokens], and how many passes over the texts they
    are: one, but for BPE-dropout, which cuts anew in each.

    Raises:
        UserError: they do not fill one batch.
    """
    if name == "clean_dropout":
        encoder = DropoutEncoder(tokenizer, params.bpe_dropout, seed)
        begin = bos_id(tokenizer)
        passes = [_joined(encoder.encode(texts), begin)]
        while sum(map(len, passes)) < params.tokens:
            passes.append(_joined(encoder.encode(texts, len(passes) * len(texts)), begin))
        tokens, copies = np.concatenate(passes), len(passes)
    else:
        tokens, copies = as_stream(tokenizer, texts), 1
    needed = (params.training.batch + 1) * params.model.context + 1
    if len(tokens) < needed:
        raise UserError(
            f"trials: the text of {name} has {len(tokens):,} tokens, and one batch needs "
            f"{needed:,}: add text, or lower trials.training.batch or trials.model.context"
        )
    return tokens, copies


def _joined(encoded: Sequence[np.ndarray], begin: int) -> np.ndarray:
    """One row of tokens, int64, each text begun by the token `begin`."""
    first = np.array([begin])
    return np.concatenate([part for ids in encoded for part in (first, ids)]).astype(np.int64)


def _summary(name: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row of the report: means over the seeds, and how far they lie apart."""
    bits = [run["bits_per_byte"] for run in runs]
    return {
        "name": name,
        "bits_per_byte": float(np.mean(bits)),
        "spread": max(bits) - min(bits),
        "seeds": [{"seed": run["seed"], "bits_per_byte": run["bits_per_byte"]} for run in runs],
        "tokens": runs[0]["tokens"],
        "passes": round(float(np.mean([run["passes"] for run in runs])), 3),
        "left_out": round(float(np.mean([run["left_out"] for run in runs])), 5),
        "seconds": round(sum(run["seconds"] for run in runs), 2),
    }
