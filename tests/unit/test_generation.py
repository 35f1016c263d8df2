"""Sampling: the text is the same in pieces and whole, alone and among others; no letter is cut."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.generation import generate, generate_batch, stream
from pipeline.generation.sampling import Reader, penalise, restrict, sample_tokens
from pipeline.generation.text import Writer, complete_length
from pipeline.models import LanguageModel, ModelConfig, build_model
from pipeline.params import ModelParams

FAMILIES: dict[str, dict[str, Any]] = {
    "ngram": {"family": "ngram"},
    "bigram": {"family": "bigram"},
    "lstm": {"family": "lstm"},
    "gpt2": {"family": "gpt2"},
    "modern": {},
    "window": {"window": 5},
    "endless": {"window": 5, "window_pattern": "S", "layers": 2},
    "experts": {"experts": 3},
    "batchnorm": {"norm": "batch"},
}


def make(name: str = "modern") -> LanguageModel:
    torch.manual_seed(1)
    shape = {"layers": 1, "width": 32, "heads": 2, "context": 16, "dropout": 0.0}
    model = build_model(ModelConfig.from_params(ModelParams(**(shape | FAMILIES[name])), 320))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    if name == "ngram":
        model.train()(torch.randint(1, 320, (40, 16)))
    return model.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_join_to_the_whole_and_a_seed_repeats_it(family: str, tokenizer: Tokenizer) -> None:
    model = make(family)
    whole = generate(model, tokenizer, "Бүген", tokens=60, seed=3)
    assert whole == "".join(stream(model, tokenizer, "Бүген", tokens=60, seed=3))
    assert whole != generate(model, tokenizer, "Бүген", tokens=60, seed=4)


@pytest.mark.parametrize("family", FAMILIES)
def test_generation_goes_on_beyond_the_context(family: str) -> None:
    ids = list(sample_tokens(make(family), [5] * 40, tokens=50))
    assert len(ids) == 50


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_with_what_is_remembered_are_those_of_reading_anew(family: str) -> None:
    """Also past the end of the context, where a model with a limit reads its last half again."""
    model, reader = make(family), Reader(make(family))
    tokens = torch.randint(1, 320, (2, 70))
    with torch.inference_mode():
        reader.read(tokens[:, :11])
        for place in range(11, 70):
            found = reader.read(tokens[:, place : place + 1])
            if model.limit is None:
                begin = 0
            else:  # as long as the window that the reader has open, and no longer
                begin = place + 1 - reader.places
                assert 8 <= reader.places <= 16
            text, state = tokens[:, begin : place + 1], None
            for piece in text.split(16 if family != "endless" else 70, dim=1):
                logits, state = model(piece, state)
            torch.testing.assert_close(found, logits[:, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_is_the_same_alone_and_in_a_batch(family: str, tokenizer: Tokenizer) -> None:
    model = make(family)
    prompts = ["Бүген", "Ул", "", "Кояш чыкты", "Бүген", "Мин", "а"]
    seeds = [3, 4, 5, 6, 7, 3, 0]
    choice: dict[str, Any] = {"tokens": 30, "top_k": 50, "stop": ["ш"], "repetition_penalty": 1.2}
    together = generate_batch(model, tokenizer, prompts, seeds=seeds, **choice)
    for prompt, seed, text in zip(prompts, seeds, together, strict=True):
        assert text == generate(model, tokenizer, prompt, seed=seed, **choice)


@given(
    st.lists(st.floats(-8, 8, width=32), min_size=5, max_size=30, unique=True),
    st.integers(1, 9),
    st.floats(0.05, 0.99),
    st.floats(0.01, 0.9),
    st.floats(1, 3),
    st.sets(st.integers(0, 4)),
)
@settings(deadline=None)
def test_every_restriction_is_that_of_transformers(
    values: list[float], top_k: int, top_p: float, min_p: float, penalty: float, said: set[int]
) -> None:
    from transformers.generation import logits_process as theirs

    logits = torch.tensor(values)
    ids = torch.tensor([sorted(said)], dtype=torch.long)
    mask = torch.zeros(len(values), dtype=torch.bool)
    mask[ids[0]] = True
    pairs = [
        (restrict(logits, top_k=top_k), theirs.TopKLogitsWarper(top_k)),
        (restrict(logits, min_p=min_p), theirs.MinPLogitsWarper(min_p)),
        (penalise(logits, mask, penalty), theirs.RepetitionPenaltyLogitsProcessor(penalty)),
    ]
    for mine, processor in pairs:
        torch.testing.assert_close(mine, processor(ids, logits[None].clone())[0])
    # Sums of probabilities from above and from below may round to either side of top_p.
    likely = logits.softmax(0).sort(descending=True).values.cumsum(0)
    if (likely - top_p).abs().min() > 1e-5:
        expected = theirs.TopPLogitsWarper(top_p)(ids, logits[None].clone())[0]
        torch.testing.assert_close(restrict(logits, top_p=top_p), expected)


def test_a_repetition_penalty_keeps_a_stubborn_model_from_one_word() -> None:
    model = make("bigram")
    with torch.no_grad():
        model.table.weight.copy_(0.1 * torch.randn(320, 320))  # type: ignore[operator,union-attr]
        model.table.weight[:, 7] = 2.0  # type: ignore[operator,union-attr,index]
    greedy = list(sample_tokens(model, [1], tokens=10, temperature=0))
    varied = list(sample_tokens(model, [1], tokens=10, temperature=0, repetition_penalty=10.0))
    assert greedy == [7] * 10
    assert len(set(varied)) == 10


def test_min_p_leaves_only_what_is_nearly_as_likely() -> None:
    logits = torch.tensor([0.5, 0.26, 0.2, 0.04]).log()
    assert (restrict(logits, min_p=0.5) > -torch.inf).tolist() == [True, True, False, False]


@given(
    st.text(alphabet="абcd ", max_size=30),
    st.lists(st.text(alphabet="абcd", min_size=1, max_size=3), max_size=3),
    st.lists(st.integers(1, 5), min_size=1, max_size=60),
)
@settings(max_examples=300)
def test_a_stop_string_ends_the_text_however_tokens_cut_it(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    raw = text.encode()
    # The definition: the first end of a stop string, letter by letter.
    expected = text
    for end in range(len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            expected = text[: end - max(map(len, ending))]
            break
    writer, shown = Writer(stops), ""
    for cut in [*cuts, len(raw) + 1]:
        piece = writer.push(raw[:cut])
        assert "\ufffd" not in piece
        shown += piece
        assert expected.startswith(shown), "nothing is shown that must be taken back"
        raw = raw[cut:]
        if writer.ended:
            break
    shown += "" if writer.ended else writer.finish()
    assert shown == expected


def test_a_stop_string_is_found_across_tokens(tokenizer: Tokenizer) -> None:
    model = make()
    whole = generate(model, tokenizer, "Ул", tokens=60, seed=2)
    stop = next(whole[i : i + 3] for i in range(5, 50) if "\ufffd" not in whole[i : i + 3])
    assert (
        generate(model, tokenizer, "Ул", tokens=60, seed=2, stop=[stop])
        == (whole[: whole.index(stop)])
    )


def test_temperature_zero_and_top_k_one_take_the_likeliest_token() -> None:
    model = make()
    greedy = list(sample_tokens(model, [1, 2], tokens=12, temperature=0))
    assert greedy == list(sample_tokens(model, [1, 2], tokens=12, top_k=1, seed=9))
    assert greedy == list(sample_tokens(model, [1, 2], tokens=12, temperature=1e-300))
    logits, _ = model(torch.tensor([[1, 2]]))
    assert greedy[0] == int(logits[0, -1].argmax())


@given(
    st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=40),
    st.none() | st.integers(1, 50),
    st.none() | st.floats(0.01, 1),
)
def test_restriction_keeps_the_likeliest_and_leaves_a_distribution(
    values: list[float], top_k: int | None, top_p: float | None
) -> None:
    logits = torch.tensor(values)
    kept = restrict(logits, top_k, top_p)
    probabilities = kept.softmax(0)
    assert torch.isfinite(probabilities).all()
    assert probabilities[logits.argmax()] > 0
    if top_k is not None and len(set(values)) == len(values):
        assert int((kept > -torch.inf).sum()) <= top_k


@given(st.text(min_size=1), st.integers(0, 4))
@settings(max_examples=200)
def test_only_whole_characters_are_shown(text: str, cut: int) -> None:
    raw = text.encode("utf-8", "replace")
    part = raw[: max(len(raw) - cut, 0)]
    shown = part[: complete_length(part)]
    assert text.encode("utf-8", "replace").startswith(shown)
    shown.decode("utf-8")  # would raise on half a character
    assert len(part) - len(shown) < 4


def test_a_stop_token_ends_the_text() -> None:
    model = make("bigram")
    with torch.no_grad():
        model.table.weight.fill_(-10.0)
        model.table.weight[:, 0] = 10.0
    assert list(sample_tokens(model, [5], tokens=20, stop=0)) == []


def test_any_whole_number_is_a_seed() -> None:
    for seed in (2**63 - 1, 2**63, 10**30, -1):
        assert len(list(sample_tokens(make(), [1], tokens=3, seed=seed))) == 3
