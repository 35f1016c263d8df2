"""Writing with probabilities: the same text as without, and every token where it stands."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.generation import generate
from pipeline.generation.sampling import Sampling
from pipeline.generation.text import Writer
from pipeline.serving.completions import ApiError, CompletionRequest, parse
from pipeline.serving.voices import Voice
from pipeline.serving.writing import Marker, Pen, Piece, read, write
from tests.unit.voices import make_voice

PROMPT = "Ул мәктәп"


@pytest.fixture(scope="module")
def voice(tokenizer: Tokenizer) -> Voice:
    return make_voice(tokenizer)


def collect(steps: list[list[Piece]]) -> dict[int, list[Piece]]:
    """The pieces of each text."""
    found: dict[int, list[Piece]] = {}
    for pieces in steps:
        for piece in pieces:
            assert not found.get(piece.choice) or not found[piece.choice][-1].finish
            found.setdefault(piece.choice, []).append(piece)
    return found


@pytest.mark.parametrize("family", ["modern", "gpt2", "lstm", "bigram"])
@pytest.mark.parametrize("stop", [[], ["ш"], ["е", "ан"]])
def test_each_text_is_what_generate_writes_with_its_seed(
    tokenizer: Tokenizer, family: str, stop: list[str]
) -> None:
    voice = make_voice(tokenizer, family=family)
    ids = voice.encode(PROMPT)
    sampling = Sampling(top_p=0.9)
    steps = list(write(voice, ids, tokens=50, seeds=[3, 4, 5], sampling=sampling, stop=stop, top=3))
    for number, pieces in collect(steps).items():
        alone = generate(
            voice.model, tokenizer, PROMPT, tokens=50, seed=3 + number, stop=stop, top_p=0.9
        )
        assert "".join(piece.text for piece in pieces) == alone
        assert pieces[-1].finish == ("length" if pieces[-1].written == 50 else "stop")


def test_probabilities_are_the_models_own_whatever_the_temperature(voice: Voice) -> None:
    ids = voice.encode(PROMPT)
    (pieces,) = collect(
        list(write(voice, ids, tokens=20, seeds=[1], sampling=Sampling(0.3, top_k=4), top=5))
    ).values()
    tokens = [token for piece in pieces for token in piece.tokens]
    names = {voice.token(index): index for index in range(len(voice.raw))}
    text = list(ids)
    for token in tokens:
        with torch.inference_mode():
            logits, _ = voice.model(torch.tensor([text]))
        likely = logits[0, -1].log_softmax(-1)
        assert token.logprob == pytest.approx(float(likely[names[token.text]]), abs=1e-4)
        assert list(token.top.values()) == pytest.approx(likely.topk(5).values.tolist(), abs=1e-4)
        text.append(names[token.text])
    assert len(tokens) == 20


def test_a_prompt_is_read_with_the_probabilities_that_score_gives(voice: Voice) -> None:
    from pipeline.evaluation.likelihood import score_lines

    text, tokens = read(voice, voice.encode(PROMPT), top=2)
    assert text == PROMPT
    bits = -sum(token.logprob for token in tokens) / math.log(2)
    scored = score_lines(voice.model, voice.tokenizer, [PROMPT])
    assert bits == pytest.approx(scored["lines"][0]["bits"], rel=1e-4)
    assert read(voice, voice.encode(PROMPT), None) == (PROMPT, [])
    assert read(voice, voice.encode(""), 2) == ("", [])


@given(
    st.lists(st.binary(min_size=1, max_size=5) | st.sampled_from([w.encode() for w in "аң🌾 b"])),
    st.lists(st.text(alphabet="аb ң", min_size=1, max_size=2), max_size=2),
)
@settings(max_examples=200, deadline=None)
def test_tokens_cover_the_text_in_order_however_they_cut_letters(
    cut: list[bytes], stop: list[str]
) -> None:
    """Any bytes as tokens. A token is told with its text, never before; its offset is a place."""
    voice = Voice("any", None, None, cut, 0)  # type: ignore[arg-type]
    logits = torch.zeros(max(len(cut), 1))
    pen = Pen(voice, 0, stop, Marker(voice, 0))
    pieces = []
    for token in range(len(cut)):
        pieces.append(pen.write(token, logits))
        if pen.finish:
            break
    if not pen.finish:
        pieces.append(pen.end("length"))
    writer, whole = Writer(stop), ""
    for raw in cut:
        whole += writer.push(raw)
        if writer.ended:
            break
    whole += "" if writer.ended else writer.finish()
    assert "".join(piece.text for piece in pieces) == whole
    told, length = [], 0
    for piece in pieces:
        length += len(piece.text)
        for token in piece.tokens:
            assert token.offset <= length
        told += piece.tokens
    offsets = [token.offset for token in told]
    assert offsets == sorted(offsets)
    assert offsets[:1] == ([0] if told else [])
    if whole:
        assert told, "a text was made by tokens"
    valid = b"".join(cut[: len(told)]).decode("utf-8", "replace") == whole
    if told and valid and "\ufffd" not in whole:
        for token, after in zip(told, [*offsets[1:], len(whole)], strict=True):
            if not token.text.startswith("bytes:"):
                assert whole[token.offset : after] == token.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
settings_of_requests = st.dictionaries(
    st.sampled_from([*CompletionRequest.model_fields, "best_of", "logit_bias", "messages"]),
    json_values,
)


@given(st.binary(max_size=40) | settings_of_requests.map(lambda body: json.dumps(body).encode()))
@settings(max_examples=400, deadline=None)
def test_any_body_is_a_request_or_a_refusal_in_one_line(raw: bytes) -> None:
    try:
        request = parse(raw)
    except ApiError as error:
        assert error.status == 400 and error.message and "\n" not in error.message
        assert set(error.body()["error"]) == {"message", "type", "param", "code"}
    else:
        assert request.prompts()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": ["a"] * 5, "n": 16}, "prompt"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 4097}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": float("nan")}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", ""]}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include": True}}, "stream_options"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"best_of": 3}, "best_of"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logit_bias": {"5": 100}}, "logit_bias"),
        ({"suffix": "end"}, "suffix"),
        ({"messages": []}, "messages"),
        ({"model": 5}, "model"),
        ({"model": None}, "model"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(change: dict[str, object], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(json.dumps({"model": "m", "prompt": "a"} | change).encode())
    assert caught.value.status == 400 and caught.value.param == param
    assert param in caught.value.message


def test_null_and_what_changes_nothing_are_accepted() -> None:
    neutral = {"best_of": 1, "frequency_penalty": 0.0, "presence_penalty": 0, "logit_bias": {}}
    nothing = dict.fromkeys(["stop", "seed", "logprobs", "suffix", "max_tokens", "stream"])
    body = json.dumps({"model": "m"} | neutral | nothing)
    assert parse(body.encode()) == CompletionRequest(model="m")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[" * 100_000, b"5", b"[]", b"\xff\xfe\x00", b'{"a":' * 50_000, b"9" * 5000]
)
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ApiError, match="the body is not"):
        parse(raw)


def test_half_a_surrogate_pair_is_no_text() -> None:
    for change in ({"prompt": "\ud800"}, {"stop": ["a\udfff"]}, {"model": "\ud800"}):
        with pytest.raises(ApiError, match="surrogate"):
            parse(json.dumps({"model": "m", "prompt": "a"} | change).encode())
