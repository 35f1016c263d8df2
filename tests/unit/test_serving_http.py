"""The service over HTTP: with OpenAI's own client, and with requests that no good client sends."""

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from openai import OpenAI
from tokenizers import Tokenizer

from pipeline.generation import generate
from pipeline.serving.guard import is_ours
from pipeline.serving.scheduler import AHEAD, Scheduler
from pipeline.serving.service import BODY_BYTES, Service, listening
from pipeline.serving.voices import Voice
from tests.unit.voices import make_voice

SECONDS = 30
PROMPT = "Ул мәктәп"


@contextlib.contextmanager
def running(service: Service) -> Iterator[str]:
    """The service in a thread of its own; gives its address."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    address = ""

    async def main() -> None:
        nonlocal address
        async with listening(service, 0) as address:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert ready.wait(SECONDS)
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def voices(tokenizer: Tokenizer) -> list[Voice]:
    return [make_voice(tokenizer), make_voice(tokenizer, name="other", family="lstm")]


@pytest.fixture(scope="module")
def service(voices: list[Voice]) -> Service:
    return Service(voices, "127.0.0.1")


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with running(service) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def send(
    address: str,
    method: str = "POST",
    path: str = "/v1/completions",
    body: Any = None,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """One request as it is given, with a body as bytes or to be written as JSON."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection.request(method, path, body=raw, headers=given)
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def refusal(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, Any]]:
    """The status and the error in the shape that OpenAI gives it."""
    status, headers, body = answer
    assert headers["Content-Type"].startswith("application/json")
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and "Traceback" not in error["message"]
    return status, error


def asked(**change: Any) -> dict[str, Any]:
    return {"model": "some/model", "prompt": PROMPT, "max_tokens": 12, "seed": 5} | change


# ---- what it is for ----


def test_a_completion_is_what_generate_writes(client: OpenAI, voices: list[Voice]) -> None:
    for voice in voices:
        answer = client.completions.create(**asked(model=voice.name, temperature=0.7, top_p=0.9))
        (choice,) = answer.choices
        assert choice.text == generate(
            voice.model, voice.tokenizer, PROMPT, tokens=12, seed=5, temperature=0.7, top_p=0.9
        )
        assert choice.finish_reason == "length" and choice.logprobs is None
        assert answer.model == voice.name and answer.object == "text_completion"
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == len(voice.encode(PROMPT))
        assert answer.usage.completion_tokens == 12
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + 12


def test_a_stream_gives_in_pieces_what_comes_whole_without(client: OpenAI) -> None:
    request = asked(n=3, logprobs=2, stop=["ш"], echo=True, max_tokens=30, prompt=[PROMPT, "Кояш"])
    whole = client.completions.create(**request)
    found: dict[int, dict[str, Any]] = {}
    usage, pieces = None, 0
    for chunk in client.completions.create(
        **request, stream=True, stream_options={"include_usage": True}
    ):
        assert chunk.object == "text_completion" and chunk.id.startswith("cmpl-")
        usage = chunk.usage
        for choice in chunk.choices:
            pieces += 1
            one = found.setdefault(choice.index, {"text": "", "tokens": [], "offsets": []})
            assert "end" not in one, "nothing comes after the end"
            one["text"] += choice.text
            assert "\ufffd" not in choice.text or choice.text in whole.choices[choice.index].text
            one["tokens"] += choice.logprobs.tokens
            one["offsets"] += choice.logprobs.text_offset
            if choice.finish_reason:
                one["end"] = choice.finish_reason
    assert pieces > 12
    assert len(whole.choices) == 6 and usage == whole.usage
    for choice in whole.choices:
        one = found[choice.index]
        assert one["text"] == choice.text and one["end"] == choice.finish_reason
        assert one["tokens"] == choice.logprobs.tokens
        assert one["offsets"] == choice.logprobs.text_offset
    assert len({choice.text for choice in whole.choices}) == 6, "each has a seed of its own"


def test_letters_can_be_read_in_the_answer_as_it_comes(address: str) -> None:
    assert PROMPT.encode() in send(address, body=asked(echo=True))[2]
    assert "китап".encode() in send(address, body=asked(model="китап"))[2]


def test_log_probabilities_have_openais_shape(client: OpenAI) -> None:
    answer = client.completions.create(**asked(logprobs=3, echo=True))
    text, logprobs = answer.choices[0].text, answer.choices[0].logprobs
    assert text.startswith(PROMPT)
    count = len(logprobs.tokens)
    assert count == len(logprobs.token_logprobs) == len(logprobs.text_offset)
    assert all(len(top) == 3 for top in logprobs.top_logprobs)
    assert all(value <= 0 for value in logprobs.token_logprobs)
    whole = [token for token in logprobs.tokens if not token.startswith("bytes:")]
    assert all(token in text for token in whole)
    assert client.completions.create(**asked(logprobs=0)).choices[0].logprobs.top_logprobs is None


def test_a_text_can_be_scored_and_not_continued(client: OpenAI, voices: list[Voice]) -> None:
    """What evaluation harnesses do: echo, log-probabilities, prompts as ids, no new token."""
    ids = voices[0].encode(PROMPT)
    for prompt in (PROMPT, ids, ids[1:]):
        answer = client.completions.create(
            **asked(prompt=prompt, echo=True, logprobs=1, max_tokens=0)
        )
        assert answer.choices[0].text == PROMPT
        assert len(answer.choices[0].logprobs.tokens) == len(ids) - 1
        assert answer.choices[0].finish_reason == "length"


def test_a_seed_repeats_a_text_and_no_seed_does_not(client: OpenAI) -> None:
    one, again = (client.completions.create(**asked()).choices[0].text for _ in range(2))
    assert one == again
    free = {client.completions.create(**asked(seed=None)).choices[0].text for _ in range(3)}
    assert len(free) > 1


def test_models_are_listed_and_found(client: OpenAI) -> None:
    listed = client.models.list().data
    assert [model.id for model in listed] == ["some/model", "other"]
    assert listed[0].object == "model" and listed[0].context == 64
    assert client.models.retrieve("some/model") == listed[0]


def test_thirty_two_clients_are_all_answered_right(client: OpenAI, voices: list[Voice]) -> None:
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        stream = client.completions.create(**asked(seed=number, max_tokens=24, stream=True))
        answers[number] = "".join(chunk.choices[0].text for chunk in stream)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    model, tokenizer = voices[0].model, voices[0].tokenizer
    for number in range(32):
        alone = generate(
            model, tokenizer, PROMPT, tokens=24, seed=number, temperature=1, top_p=None
        )
        assert answers[number] == alone


# ---- what is refused ----


def test_an_unknown_model_is_404_and_says_which_there_are(client: OpenAI, address: str) -> None:
    with pytest.raises(openai.NotFoundError, match="some/model, other") as caught:
        client.completions.create(**asked(model="gpt-5"))
    assert caught.value.code == "model_not_found" and caught.value.param == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_a_prompt_longer_than_the_context_is_refused_and_one_that_fills_it_is_not(
    client: OpenAI, voices: list[Voice]
) -> None:
    ids = voices[0].encode(PROMPT * 40)
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="64 tokens") as caught:
            client.completions.create(**asked(prompt=ids[:65], stream=stream))
        assert caught.value.code == "context_length_exceeded" and caught.value.param == "prompt"
    answer = client.completions.create(**asked(prompt=ids[:64], max_tokens=40))
    assert answer.usage is not None and answer.usage.completion_tokens == 40


@pytest.mark.parametrize("wrong", [320, -1, 10**30])
def test_an_id_that_is_no_token_is_refused(client: OpenAI, wrong: int) -> None:
    with pytest.raises(openai.BadRequestError, match="no token"):
        client.completions.create(**asked(prompt=[5, wrong]))


def test_wrong_types_reach_the_client_as_bad_requests(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**asked(temperature="hot"))
    assert caught.value.param == "temperature"
    with pytest.raises(openai.BadRequestError, match="best_of is not supported"):
        client.completions.create(**asked(best_of=3))


@pytest.mark.parametrize(
    ("status", "call"),
    [
        (400, {"body": b'{"model": "some/model", '}),
        (400, {"body": b"\xff"}),
        (400, {"body": b""}),
        (415, {"body": asked(), "Content_Type": "text/plain"}),
        (415, {"body": b"prompt=a", "Content_Type": "application/x-www-form-urlencoded"}),
        (413, {"body": b" " * (BODY_BYTES + 1)}),
        (404, {"path": "/v1/chat/completions", "body": asked()}),
        (404, {"method": "GET", "path": "/../etc/passwd"}),
        (404, {"method": "GET", "path": "/v1/models/%ff%00"}),
        (404, {"body": asked(model="китап")}),
        (405, {"method": "GET"}),
        (405, {"path": "/v1/models", "body": asked()}),
        (403, {"body": asked(), "Host": "evil.example"}),
        (403, {"body": asked(), "Host": "localhost.evil.example"}),
        (403, {"body": asked(), "Host": ""}),
        (403, {"body": asked(), "Host": "192.168.0.7:8000"}),
        (403, {"body": asked(), "Origin": "http://evil.example"}),
        (403, {"body": asked(), "Origin": "null"}),
        (403, {"body": asked(), "Origin": "http://127.0.0.1:1"}),
        (403, {"method": "OPTIONS", "Origin": "http://evil.example"}),
        (403, {"method": "GET", "path": "/", "Host": "evil.example"}),
    ],
)
def test_a_bad_request_gets_its_status_in_openais_shape(
    address: str, status: int, call: dict[str, Any]
) -> None:
    assert refusal(send(address, **call))[0] == status
    assert send(address, "GET", "/v1/models")[0] == 200, "it goes on"


def test_its_own_page_may_ask_under_every_name_of_the_loopback(address: str) -> None:
    port = urlsplit(address).port
    for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        host = f"{name}:{port}"
        assert send(address, body=asked(), Host=host, Origin=f"http://{host}")[0] == 200
        page = send(address, "GET", "/", Host=host)
        assert page[0] == 200 and b"<!doctype html>" in page[2]
        assert "default-src 'none'" in page[1]["Content-Security-Policy"]
        assert not any(name.lower().startswith("access-control") for name in page[1])


@pytest.mark.parametrize(
    ("host", "bound", "ours"),
    [
        ("localhost:8000", "127.0.0.1", True),
        ("[::1]:8000", "::1", True),
        ("127.0.0.1", "localhost", True),
        ("example.org", "127.0.0.1", False),
        ("10.0.0.5:8000", "127.0.0.1", False),
        ("10.0.0.5:8000", "0.0.0.0", True),
        ("[fe80::1]:8000", "::", True),
        ("example.org:8000", "0.0.0.0", False),
        ("box.example.org", "box.example.org", True),
        ("localhost", "0.0.0.0", True),
        ("[::1", "127.0.0.1", False),
        ("127.0.0.1.example.org", "0.0.0.0", False),
    ],
)
def test_a_name_is_ours_only_where_nobody_else_can_point_it_here(
    host: str, bound: str, ours: bool
) -> None:
    assert is_ours(host, bound) == ours


# ---- what may go wrong while it writes ----


class Endless:
    """Stands for `complete`: it writes until it is closed."""

    def __init__(self) -> None:
        self.began, self.closed = threading.Event(), threading.Event()
        self.pieces = 0

    def __call__(self, *_: Any) -> Iterator[list[Any]]:
        from pipeline.serving.writing import Piece

        try:
            while True:
                self.pieces += 1
                time.sleep(0.001)  # a model takes its time, and leaves others some
                yield [Piece(0, "a" * 10_000, [], None, 1)]
                self.began.set()
        finally:
            self.closed.set()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Endless:
    work = Endless()
    monkeypatch.setattr("pipeline.serving.service.complete", work)
    return work


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_writing(
    address: str, endless: Endless, stream: bool
) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    body = json.dumps(asked(stream=stream))
    connection.request(
        "POST", "/v1/completions", body=body, headers={"Content-Type": "application/json"}
    )
    if stream:
        assert connection.getresponse().read(20).startswith(b"data: {")
    assert endless.began.wait(SECONDS) and not endless.closed.is_set()
    connection.sock and connection.sock.close()
    connection.close()
    assert endless.closed.wait(SECONDS)


def test_a_client_that_does_not_read_is_left(
    address: str, endless: Endless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serving.service.READ_SECONDS", 0.1)
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    body = json.dumps(asked(stream=True))
    connection.request(
        "POST", "/v1/completions", body=body, headers={"Content-Type": "application/json"}
    )
    assert endless.closed.wait(SECONDS)
    connection.close()


def test_what_is_written_ahead_of_a_client_that_does_not_read_is_little(
    address: str, endless: Endless
) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    connection.request(
        "POST",
        "/v1/completions",
        body=json.dumps(asked(stream=True)),
        headers={"Content-Type": "application/json"},
    )
    before, now, end = -1, 0, time.monotonic() + SECONDS
    while before != now and time.monotonic() < end:  # what lies between the two may be filled
        before = endless.pieces
        time.sleep(0.5)
        now = endless.pieces
    assert AHEAD <= now == before
    answer = connection.getresponse()
    while endless.pieces == now:  # and it goes on where it stood
        assert answer.read(100_000)
    connection.close()
    answer.close()
    assert endless.closed.wait(SECONDS)


def test_a_queue_that_is_full_is_503_with_a_word_on_when_to_come_again(
    voices: list[Voice], endless: Endless
) -> None:
    service = Service(voices, "127.0.0.1")
    service.scheduler.stop()
    service.scheduler = Scheduler(active=1, waiting=1)
    with running(service) as address:
        others = [
            threading.Thread(target=send, args=(address,), kwargs={"body": asked()})
            for _ in range(2)
        ]
        end = time.monotonic() + SECONDS
        for other, held in zip(others, ("active", "waiting"), strict=True):
            other.start()  # the second when the first has its turn, or it would be refused itself
            while not getattr(service.scheduler, held):
                assert time.monotonic() < end
                time.sleep(0.01)
        answer = send(address, body=asked())
        assert refusal(answer)[0] == 503 and answer[1]["Retry-After"] == "1"
        assert json.loads(answer[2])["error"]["type"] == "server_error"
    for other in others:
        other.join(SECONDS)


def test_a_stop_tells_those_who_are_written_to(voices: list[Voice], endless: Endless) -> None:
    told: list[Any] = []
    service = Service(voices, "127.0.0.1")
    with running(service) as address:
        client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)

        def listen(stream: bool) -> None:
            try:
                for _ in client.completions.create(**asked(stream=stream)):
                    pass
            except openai.APIError as error:
                told.append(error)

        threads = [threading.Thread(target=listen, args=(stream,)) for stream in (True, False)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + SECONDS
        while len(service.scheduler.active) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
    for thread in threads:
        thread.join(SECONDS)
    assert len(told) == 2 and all("stopping" in str(error) for error in told)
    client.close()


def test_a_failure_inside_is_500_and_the_service_goes_on(
    address: str,
    client: OpenAI,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any) -> Iterator[Any]:
        raise RuntimeError("secret of the inside")
        yield

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.serving.service.complete", broken)
        for stream in (False, True):
            status, error = refusal(send(address, body=asked(stream=stream)))
            assert status == 500 and "secret" not in error["message"]
        patch.setattr("pipeline.serving.service.encode", broken_at_once)
        assert refusal(send(address, body=asked()))[0] == 500
    assert "RuntimeError: secret of the inside" in capsys.readouterr().err
    assert client.completions.create(**asked()).choices[0].text


def broken_at_once(*_: Any) -> None:
    raise RuntimeError("secret of the inside")


def test_a_port_that_is_taken_is_one_line(address: str, voices: list[Voice]) -> None:
    from pipeline.errors import UserError

    async def again() -> None:
        async with listening(Service(voices, "127.0.0.1"), urlsplit(address).port or 0):
            pass

    with pytest.raises(UserError, match="--port"):
        asyncio.run(again())
