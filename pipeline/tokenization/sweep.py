"""The sweep: one training at the largest size, a tokenizer cut from it for each, their measures."""

import time
from pathlib import Path
from typing import Any

from pipeline.documents import atomic_folder, write_json
from pipeline.params import TokenizerParams
from pipeline.progress import track
from pipeline.tokenization.judge import Train, judge
from pipeline.tokenization.measure import measure, tail
from pipeline.tokenization.sample import sample_texts
from pipeline.tokenization.tokenizer import save_tokenizer
from pipeline.tokenization.train import cut, train_bpe
from pipeline.tokenization.words import WordEncoder, count_pieces

MEASURES = "measures.json"
HELD_OUT_MEGABYTES = 2.0
JUDGED_MEGABYTES = 0.2


def name_of(kind: str, size: int) -> str:
    """The folder of one tokenizer inside the sweep's."""
    return f"{kind}-{size}"


def sweep(params: TokenizerParams, clean: Path, folder: Path, train: Train) -> dict[str, Any]:
    """Write a tokenizer for each size and `measures.json` into `folder`; return what took how long.

    The measures are the same in every run; seconds are not, so they are returned instead.
    One size alone is not judged, for there is nothing to compare it with.

    Raises:
        UserError: a split is empty, or the text supports fewer tokens than the largest size.
    """
    texts = sample_texts(clean / "train", params.sample_megabytes, params.seed)
    held_out = sample_texts(clean / "validation", HELD_OUT_MEGABYTES, params.seed)
    sizes = sorted(params.sizes)
    started = time.perf_counter()
    largest = train_bpe(texts, sizes[-1])
    seconds: dict[str, Any] = {"training": time.perf_counter() - started, "sizes": []}
    pieces = count_pieces(texts)
    megabytes = sum(len(text.encode()) for text in held_out) / 1e6
    entries: list[dict[str, Any]] = []
    with atomic_folder(folder) as partial:
        tokenizers = [cut(largest, size) for size in sizes]
        for size, tokenizer in zip(sizes, track(tokenizers, "measuring tokenizers"), strict=True):
            save_tokenizer(tokenizer, partial / name_of(params.kind, size))
            started = time.perf_counter()
            encoded = WordEncoder(tokenizer).encode(held_out)
            speed = megabytes / (time.perf_counter() - started)
            seconds["sizes"].append({"size": size, "encode_megabytes_per_second": speed})
            entries.append(
                {"kind": params.kind, "size": size}
                | measure(tokenizer, held_out, encoded)
                | tail(tokenizer, pieces)
                | {"proxy_bits_per_byte": None}
            )
        del texts, pieces, held_out
        if len(sizes) > 1:
            texts = sample_texts(clean / "train", params.proxy_megabytes, params.seed)
            held_out = sample_texts(clean / "validation", JUDGED_MEGABYTES, params.seed)
            for index, tokenizer in enumerate(tokenizers):
                verdict = judge(
                    tokenizer, texts, held_out, params.proxy_megabytes, params.seed, train
                )
                entries[index]["proxy_bits_per_byte"] = verdict.bits_per_byte
                seconds["sizes"][index]["proxy"] = verdict.seconds
        write_json(partial / MEASURES, {"sweep": entries})
    return seconds
