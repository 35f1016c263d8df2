"""Encoding documents against `datasets.map` with the same tokenizer."""

import tempfile
from pathlib import Path

from tests.bench.compare import compare, heading


def encoding() -> None:
    """File to file, against the map with two processes."""
    import datasets

    from pipeline.corpus.demo import demo_documents
    from pipeline.documents import read_texts, write_documents
    from pipeline.params import DemoParams
    from pipeline.tokenization.encode import SPLITS, encode_splits
    from pipeline.tokenization.train import train_bpe

    heading()
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
