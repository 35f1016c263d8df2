"""The whole benchmark of one model: what goes into reports/evaluation.json.

Everything that can be wrong with the input is found first. Then the model writes its samples, one
pass over the training text counts words, one looks for overlaps and one trains the n-grams; then
both score. Training text streams by and is never held.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from pipeline.documents import read_texts
from pipeline.evaluation.baselines import ngram_bits_per_byte, xz_bits_per_byte
from pipeline.evaluation.facts import (
    Question,
    answer_shares,
    majority_answers,
    question_bits,
    read_questions,
    score_facts,
)
from pipeline.evaluation.held_out import (
    Document,
    DocumentOverlap,
    FactOverlap,
    PairOverlap,
    count_words,
    sample_documents,
    training_texts,
)
from pipeline.evaluation.likelihood import bits_per_byte, text_bits, utf8_bytes
from pipeline.evaluation.made_pairs import Sifter, WordForms, candidates
from pipeline.evaluation.overlap import RunFinder
from pipeline.evaluation.pairs import Pair, Scorer, choose_pairs, read_pairs, score_pairs
from pipeline.evaluation.samples import Judge, sample_prompts, summary, write_samples
from pipeline.evaluation.uncertainty import interval
from pipeline.models import LanguageModel
from pipeline.ngrams import CharNgram
from pipeline.params import EvaluationParams, GenerationParams
from pipeline.progress import progress

PAIRS, FACTS = "pairs.jsonl", "facts.json"
BESIDE = 5  # the order of the n-gram that stands beside the model on pairs and facts


class Clock:
    """Wall-clock seconds of each part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.monotonic()

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = round(time.monotonic() - began, 2)

    def total(self) -> dict[str, float]:
        """All seconds so far, and those of each part."""
        return {"total": round(time.monotonic() - self._began, 2), **self.seconds}


def run_benchmark(
    model: LanguageModel,
    tokenizer: Tokenizer,
    clean: Path,
    probes: Path,
    settings: EvaluationParams,
    generation: GenerationParams,
) -> dict[str, Any]:
    """Measure `model` on `clean`/test and `probes`, which may be empty, beside n-grams.

    Raises:
        UserError: a split has no text, or a probe is malformed.
    """
    clock, seed = Clock(), settings.seed
    given = read_pairs(probes / PAIRS) if (probes / PAIRS).exists() else None
    questions = read_questions(probes / FACTS) if (probes / FACTS).exists() else []
    documents = sample_documents(clean / "test", settings.test_megabytes, seed)
    texts = [document.text for document in documents]

    with clock("samples"):
        prompts = sample_prompts(texts, settings.samples, seed)
        samples = write_samples(model, tokenizer, prompts, generation)
    with clock("overlap"):
        fair = compare_with_training(
            clean / "train", texts, given, questions, samples, settings.pairs, seed
        )
    with clock("ngrams"):
        training = training_texts(clean / "train", "character n-grams")
        ngram = CharNgram.train(training, settings.ngram_order)

    def ngram_scorer(chosen: list[str]) -> np.ndarray:
        return ngram.bits_by_order(chosen)[:, BESIDE - 1]

    def model_scorer(chosen: list[str]) -> np.ndarray:
        with progress("scoring", len(chosen)) as bar:
            return text_bits(model, tokenizer, chosen, bar)

    with clock("likelihood"):
        likelihood = measure_likelihood(model_scorer, ngram, documents, fair.documents, seed)
        mine = [texts[number] for number in fair.documents]
        likelihood["bits_per_byte"]["xz"] = xz_bits_per_byte(read_texts(clean / "train"), mine)
    with clock("minimal_pairs"):
        pairs = choose_pairs(fair.pairs, settings.pairs, seed)
        minimal_pairs = measure_pairs(pairs, model_scorer, ngram_scorer, seed)
        minimal_pairs["made"] = given is None
        minimal_pairs["contaminated"] = None if given is None else len(given) - len(fair.pairs)
    with clock("facts"):
        facts = measure_facts(questions, model_scorer, ngram_scorer, seed, fair.told)
    return {
        **likelihood,
        "minimal_pairs": minimal_pairs,
        "facts": facts,
        "samples": [
            sample | verdict for sample, verdict in zip(samples, fair.verdicts, strict=True)
        ],
        "writing": {"model": summary(fair.verdicts), "held_out": summary(fair.people)},
        "seconds": clock.total(),
    }


class Comparison(NamedTuple):
    """What is fair to ask, since the training text does not hold it, and what samples copied."""

    documents: list[int]  # test documents without overlap
    pairs: list[Pair]
    told: frozenset[int]  # held-out questions that training text answers word for word
    verdicts: list[dict[str, Any]]  # of the samples
    people: list[dict[str, Any]]  # of held-out text of the same length


def compare_with_training(
    train: Path,
    texts: Sequence[str],
    given: Sequence[Pair] | None,
    questions: Sequence[Question],
    samples: Sequence[dict[str, Any]],
    wanted_pairs: int,
    seed: int,
) -> Comparison:
    """Count the training words, make pairs where none are given, and look for overlaps at once."""
    known = count_words(train)
    finder = RunFinder()
    documents = DocumentOverlap(texts, finder)
    pairs: PairOverlap | Sifter
    if given is not None:
        pairs = PairOverlap(given, finder)
    else:
        pairs = Sifter(candidates(texts, WordForms(known), wanted_pairs, seed), finder)
    facts = FactOverlap(questions, finder)
    judge = Judge([sample["text"] for sample in samples], finder)
    people = Judge(_cut_like(texts, samples, seed), finder)
    finder.search(training_texts(train, "overlap with the training text"))
    return Comparison(
        documents.clean(),
        pairs.pairs(),
        facts.told(read_texts(train)),
        judge.verdicts(known),
        people.verdicts(known),
    )


def measure_likelihood(
    scorer: Scorer,
    ngram: CharNgram,
    documents: Sequence[Document],
    own: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """Bits per byte of the model and the n-grams on the documents numbered in `own`.

    `bits_per_byte_all` also holds the documents that overlap with training.
    """
    texts = [document.text for document in documents]
    mine = [texts[index] for index in own]
    size = np.array([utf8_bytes(text) for text in texts])
    bits = scorer(texts)
    by_source = {}
    for source in sorted({document.source for document in documents}):
        members = [index for index in own if documents[index].source == source]
        by_source[source] = bits_per_byte(bits[members], [texts[index] for index in members])
    return {
        "bits_per_byte": {
            "model": bits_per_byte(bits[own], mine),
            **ngram_bits_per_byte(ngram, mine),
        },
        "bits_per_byte_interval": interval(bits[own], seed, weights=size[own]),
        "bits_per_byte_by_source": by_source,
        "bits_per_byte_all": {
            "model": bits_per_byte(bits, texts),
            **ngram_bits_per_byte(ngram, texts),
        },
        "test": {
            "documents": len(own),
            "bytes": int(size[own].sum()),
            "sampled_documents": len(texts),
            "sampled_bytes": int(size.sum()),
            "contaminated_documents": len(texts) - len(own),
            "contaminated_share": 1 - len(own) / len(texts),
        },
    }


def measure_pairs(
    pairs: Sequence[Pair], scorer: Scorer, ngram_scorer: Scorer, seed: int
) -> dict[str, Any]:
    """The model's scores, and the n-gram's under keys that begin with char_5gram."""
    result = score_pairs(pairs, scorer, seed)
    beside = score_pairs(pairs, ngram_scorer, seed)
    result["char_5gram"] = beside["accuracy"]
    result["char_5gram_per_byte"] = beside["accuracy_per_byte"]
    for name, scores in result["by_phenomenon"].items():
        scores["char_5gram"] = beside["by_phenomenon"][name]["accuracy"]
    return result


def measure_facts(
    questions: Sequence[Question],
    scorer: Scorer,
    ngram_scorer: Scorer,
    seed: int,
    retold: frozenset[int],
) -> dict[str, Any]:
    """The model's scores, the n-gram's beside, and both by relation."""
    bits = question_bits(questions, scorer)
    shares = answer_shares(questions, bits)
    plain = answer_shares(questions, bits, normalised=False)
    other = answer_shares(questions, question_bits(questions, ngram_scorer))
    result = score_facts(questions, shares, seed, retold)
    beside = score_facts(questions, other, seed, retold)
    result["accuracy_unnormalised"] = score_facts(questions, plain, seed, retold)["accuracy"]
    result["char_5gram"] = beside["accuracy"]
    for key in ("accuracy_all", "consistency", "pairwise_consistency", "accurate_and_consistent"):
        result[f"char_5gram_{key}"] = beside[key]
    result["by_relation"] = {}
    for relation in sorted(majority_answers(questions)):
        members = [
            index for index, question in enumerate(questions) if question.relation == relation
        ]
        within = frozenset(rank for rank, index in enumerate(members) if index in retold)
        chosen = [questions[index] for index in members]
        scores = score_facts(chosen, [shares[index] for index in members], seed, within)
        scores["char_5gram"] = score_facts(
            chosen, [other[index] for index in members], seed, within
        )["accuracy"]
        result["by_relation"][relation] = scores
    return result


def _cut_like(texts: Sequence[str], samples: Sequence[dict[str, Any]], seed: int) -> list[str]:
    """As many held-out texts as there are samples, each of as many words at most."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(texts))[: len(samples)]
    return [
        " ".join(texts[index].split()[: len(sample["text"].split())])
        for index, sample in zip(order, samples, strict=False)
    ]
