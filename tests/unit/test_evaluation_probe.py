"""What a training is asked at each validation: few and fixed questions, and nothing is touched."""

from pathlib import Path

import numpy as np
import torch
from evaluation_doubles import small_model, small_tokenizer

from pipeline.documents import write_documents
from pipeline.evaluation.choices import Item
from pipeline.evaluation.facts import Question
from pipeline.evaluation.pairs import Pair
from pipeline.evaluation.probe import Prober, make_prober
from pipeline.params import load_params

ROOT = Path(__file__).parents[2]
COLOURS = ["ак", "кара"]
QUESTIONS = [
    Question("төс", name, "бер", True, 0, COLOURS, [f"{name} {c}" for c in COLOURS], COLOURS)
    for name in ("Күк", "Кар", "Төн")
]
PROBER = Prober(
    pairs=[Pair("бер ике", "ике бер", "order")],
    questions=QUESTIONS,
    cloze=[Item("", "", ["бер ике", "бер өч"], 0)] * 3,
    limit=2,
    shots=[0, 1],
    seed=0,
)


def test_it_gives_one_number_for_each_kind_and_number_of_examples() -> None:
    tokenizer = small_tokenizer()
    found = PROBER(small_model("modern", tokenizer), tokenizer)  # type: ignore[arg-type]
    kinds = {f"{kind}/{n}_examples" for kind in ("facts", "cloze") for n in (0, 1)}
    assert set(found) == {"pairs"} | kinds
    assert all(0 <= value <= 1 for value in found.values())


def test_asking_draws_no_random_numbers_and_leaves_the_model_as_it_was() -> None:
    tokenizer = small_tokenizer()
    model = small_model("modern", tokenizer).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    np.random.seed(5)
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = PROBER(model, tokenizer)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numbers).all()
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert first == PROBER(model, tokenizer)  # type: ignore[arg-type]


def test_without_given_pairs_they_are_made_from_validation_text(tmp_path: Path) -> None:
    words = ["китап", "дәфтәр", "алма", "балык", "урман", "каләм", "машина", "күлмәк"]

    def rows(start: int, count: int) -> list[dict[str, str]]:
        return [
            {
                "id": f"{start + n}",
                "text": f"Кичә Айдар {words[n % 8]}ны {words[(n * 3 + start) % 8]} белән алды {n}.",
                "source": "x",
            }
            for n in range(count)
        ]

    write_documents(tmp_path / "clean/train", rows(0, 60))
    write_documents(tmp_path / "clean/validation", rows(100, 30))
    params = load_params(ROOT / "presets/demo.yaml")
    params = params.model_copy(
        update={"corpus": params.corpus.model_copy(update={"language": "xxx"})}
    )
    prober = make_prober(params, tmp_path / "clean", tmp_path / "probes")
    assert prober is not None
    assert 0 < len(prober.pairs) <= params.tracking.probes
    assert prober.questions == []
    none = params.tracking.model_copy(update={"probes": 0})
    assert make_prober(params.model_copy(update={"tracking": none}), tmp_path, tmp_path) is None
