"""The sweep: every kind at every size, and ready tokenizers beside them, with their measures."""

import re
import time
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipeline.documents import atomic_folder, write_json
from pipeline.params import TokenizerParams
from pipeline.progress import track
from pipeline.tokenization.judge import Train, judge
from pipeline.tokenization.kinds import train_sizes
from pipeline.tokenization.measure import measure, tail
from pipeline.tokenization.ready import load_ready
from pipeline.tokenization.sample import sample_texts
from pipeline.tokenization.tokenizer import save_tokenizer
from pipeline.tokenization.words import WordEncoder, count_pieces

MEASURES = "measures.json"
HELD_OUT_MEGABYTES = 2.0
JUDGED_MEGABYTES = 0.2


def name_of(kind: str, size: int) -> str:
    """The folder of one tokenizer inside the sweep's; `kind` is the name of a ready one."""
    return re.sub(r"[^\w.-]+", "-", f"{kind}-{size}").strip("-")


def sweep(params: TokenizerParams, clean: Path, folder: Path, train: Train) -> dict[str, Any]:
    """Write a tokenizer for each size and `measures.json` into `folder`; return what took how long.

    The measures are the same in every run; seconds are not, so they are returned instead.
    One size alone is not judged, for there is nothing to compare it with.

    Raises:
        UserError: a split is empty, or the text supports fewer tokens than the largest size.
    """
    texts = sample_texts(clean / "train", params.sample_megabytes, params.seed)
    held_out = sample_texts(clean / "validation", HELD_OUT_MEGABYTES, params.seed)
    started = time.perf_counter()
    tried: list[tuple[str, Tokenizer]] = [
        (kind, tokenizer)
        for kind in params.kinds
        for tokenizer in train_sizes(kind, texts, params.sizes).values()
    ]
    tried += [(name, load_ready(name)) for name in params.ready]
    seconds: dict[str, Any] = {"training": time.perf_counter() - started, "sizes": []}
    pieces = count_pieces(texts)
    megabytes = sum(len(text.encode()) for text in held_out) / 1e6
    entries: list[dict[str, Any]] = []
    with atomic_folder(folder) as partial:
        for kind, tokenizer in track(tried, "measuring tokenizers"):
            size = tokenizer.get_vocab_size()
            save_tokenizer(tokenizer, partial / name_of(kind, size))
            started = time.perf_counter()
            encoded = WordEncoder(tokenizer).encode(held_out)
            speed = megabytes / (time.perf_counter() - started)
            seconds["sizes"].append(
                {"kind": kind, "size": size, "encode_megabytes_per_second": speed}
            )
            entries.append(
                {"kind": kind, "size": size}
                | measure(tokenizer, held_out, encoded)
                | tail(tokenizer, pieces)
                | {"proxy_bits_per_byte": None}
            )
        del texts, pieces, held_out
        if len(tried) > 1:
            texts = sample_texts(clean / "train", params.proxy_megabytes, params.seed)
            held_out = sample_texts(clean / "validation", JUDGED_MEGABYTES, params.seed)
            for index, (_, tokenizer) in enumerate(tried):
                verdict = judge(
                    tokenizer, texts, held_out, params.proxy_megabytes, params.seed, train
                )
                entries[index]["proxy_bits_per_byte"] = verdict.bits_per_byte
                seconds["sizes"][index]["proxy"] = verdict.seconds
        write_json(partial / MEASURES, {"sweep": entries})
    return seconds
