"""The head of a model card: what the Hub reads, sorts and filters by; made by its own classes.

The benchmark stands there as `model-index` (https://huggingface.co/docs/hub/model-cards), with the
95 % interval of each figure where one was measured.
"""

import math
from typing import Any

from pipeline.publishing.exported import Exported
from pipeline.publishing.results import dig

DATASETS = "https://huggingface.co/datasets/"
TASK = "text-generation"

# data set, its name, where the figure stands in reports/evaluation.json, its name, its interval
RESULTS = (
    (
        "held-out-text",
        "test split of the corpus",
        "bits_per_byte.model",
        "bits per byte (lower is better)",
        "bits_per_byte_interval",
    ),
    (
        "minimal-pairs",
        "minimal pairs of right and broken sentences",
        "minimal_pairs.accuracy",
        "accuracy (chance 0.5)",
        "minimal_pairs.interval",
    ),
    (
        "facts",
        "questions in a wording never seen",
        "facts.accuracy",
        "accuracy",
        "facts.interval",
    ),
    (
        "facts",
        "questions in a wording never seen",
        "facts.consistency",
        "same answer to all wordings",
        "facts.consistency_interval",
    ),
)


def front_matter(
    exported: Exported,
    code: str,
    licence: str,
    name: str,
    sources: list[dict[str, Any]],
    evaluation: dict[str, Any] | None,
) -> str:
    """The YAML between the two lines of dashes, those included."""
    from huggingface_hub import ModelCardData

    tags = ["tugantel", "from-scratch", exported.family]
    if not exported.for_transformers:
        tags += ["model_hub_mixin", "pytorch_model_hub_mixin"]
    addresses = [str(source.get("url") or "") for source in sources]
    results = eval_results(evaluation)
    data = ModelCardData(
        language=code,
        license=licence,
        library_name="transformers" if exported.for_transformers else "tugantel",
        pipeline_tag=TASK,
        tags=tags,
        datasets=[url.removeprefix(DATASETS) for url in addresses if url.startswith(DATASETS)]
        or None,
        eval_results=results or None,
        model_name=name if results else None,
    )
    return f"---\n{data.to_yaml()}\n---"


def eval_results(evaluation: dict[str, Any] | None) -> list[Any]:
    """The benchmark's figures as the Hub's `EvalResult`, those that were measured."""
    from huggingface_hub import EvalResult

    found = []
    for dataset, title, path, metric, bounds in RESULTS:
        value = dig(evaluation, path)
        if value is None or not math.isfinite(value):
            continue
        interval = dig(evaluation, bounds)
        found.append(
            EvalResult(
                task_type=TASK,
                dataset_type=dataset,
                dataset_name=title,
                dataset_split="test",
                metric_type=path.replace("bits_per_byte.model", "bits_per_byte").split(".")[-1],
                metric_name=metric,
                metric_value=round(value, 6),
                metric_args={"interval_95": [round(x, 6) for x in interval]} if interval else None,
            )
        )
    return found
