"""The benchmark's pairs and choices as tasks of EleutherAI's lm-evaluation-harness.

Somebody who trusts that program more than this one, or wants its other tasks beside, runs

    lm_eval --model hf --model_args pretrained=data/export,dtype=float32 \\
        --include_path data/harness --tasks tugantel

in the project's folder. Every choice is a whole text after the beginning-of-text token, as it is
here, so that `acc` is our accuracy, and on pairs `acc_bytes` our accuracy by bits per byte. The
harness counts a tie as won by the first; a trained model gives none. It refuses a text longer than
the context; items with such a text are left out, and a line says how many.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from tokenizers import Tokenizer

from pipeline.evaluation.material import Material
from pipeline.files import atomic_folder, write_text
from pipeline.tokenization.tokenizer import encode_batch

GROUP = "tugantel"


def write_harness(
    folder: Path, material: Material, tokenizer: Tokenizer, context: int
) -> list[str]:
    """Write a task for each set of pairs and of choices, and the group of them all.

    Data files are named by their path from here, so the tasks are run from here too. Returns the
    names of the tasks.
    """
    tasks: dict[str, tuple[list[dict[str, Any]], list[str]]] = {}
    for name, pairs in material.pairs.items():
        rows = [
            {"choices": [pair.good, pair.bad], "answer": 0, "phenomenon": pair.phenomenon}
            for pair in pairs.pairs
        ]
        tasks[f"{GROUP}_pairs_{name}"] = (rows, ["acc", "acc_bytes"])
    for name, items in material.choices.items():
        rows = [{"choices": item.texts, "answer": item.answer} for item in items.items]
        tasks[f"{GROUP}_choices_{name}"] = (rows, ["acc"])
    for name, (rows, metrics) in tasks.items():
        kept = [row for row in rows if _fits(row["choices"], tokenizer, context)]
        if len(kept) < len(rows):
            left = f"{len(rows) - len(kept):,} of {len(rows):,} items"
            print(f"{folder}: {name} leaves out {left}, longer than the context", flush=True)
        tasks[name] = (kept, metrics)
    tasks = {name: task for name, task in tasks.items() if task[0]}
    with atomic_folder(folder) as partial:
        for name, (rows, metrics) in tasks.items():
            write_text(partial / f"{name}.jsonl", _lines(rows))
            task = _task(name, folder / f"{name}.jsonl", metrics)
            write_text(partial / f"{name}.yaml", yaml.safe_dump(task, sort_keys=False))
        group = {"group": GROUP, "task": list(tasks)}
        write_text(partial / f"{GROUP}.yaml", yaml.safe_dump(group, sort_keys=False))
    return list(tasks)


def _fits(texts: Any, tokenizer: Tokenizer, context: int) -> bool:
    """Whether every text, after the beginning-of-text token, is within the context."""
    return all(len(ids) <= context for ids in encode_batch(tokenizer, texts))


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _task(name: str, data: Path, metrics: Sequence[str]) -> dict[str, Any]:
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": data.as_posix()}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "target_delimiter": "",
        "num_fewshot": 0,
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True}
            for metric in metrics
        ],
        "metadata": {"version": 1.0},
    }
