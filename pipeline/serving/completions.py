"""The request and the answers of OpenAI's `POST /v1/completions`, without the network.

https://platform.openai.com/docs/api-reference/completions. What is not supported is refused by
name, and never left out in silence. Beyond OpenAI's, `top_k`, `min_p` and `repetition_penalty`
are understood.
"""

import json
import secrets
import time
from collections.abc import Generator, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.generation.sampling import Sampling
from pipeline.serving.voices import Voice
from pipeline.serving.writing import Piece, Token, read, write

MOST_TOKENS = 4096  # that one text may get
MOST_TEXTS = 64  # of one request: prompts times n
# OpenAI's settings that have no meaning here: only what changes nothing is accepted.
NEUTRAL: dict[str, Any] = {
    "best_of": 1,
    "frequency_penalty": 0,
    "logit_bias": {},
    "presence_penalty": 0,
    "suffix": "",
}
PROMPT = "a text, a list of texts, a list of token ids, or a list of such lists"
STOP = "a text or a list of at most 4 texts, none of them empty"


class ApiError(Exception):
    """What a client did wrong, in the shape that OpenAI gives to errors."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }


class StreamOptions(BaseModel):
    """How a stream ends: with a chunk that counts tokens, or without."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False


StopText = Annotated[str, Field(min_length=1)]


class CompletionRequest(BaseModel):
    """A request with OpenAI's defaults; null stands for a default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    prompt: str | list[str] | list[int] | list[list[int]] = ""
    max_tokens: int = Field(default=16, ge=0, le=MOST_TOKENS)
    temperature: float = Field(default=1, ge=0, le=10, allow_inf_nan=False)
    top_p: float = Field(default=1, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    min_p: float | None = Field(default=None, gt=0, le=1)
    repetition_penalty: float = Field(default=1, ge=1, le=10)
    n: int = Field(default=1, ge=1, le=16)
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] = []
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=20)
    user: str = ""

    @model_validator(mode="before")
    @classmethod
    def _without_what_changes_nothing(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        kept = {name: value for name, value in body.items() if value is not None}
        for name, neutral in NEUTRAL.items():
            if kept.get(name) == neutral:
                del kept[name]
        return kept

    def prompts(self) -> list[str | list[int]]:
        """The prompts one by one."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if self.prompt and isinstance(self.prompt[0], int):
            return [self.prompt]
        return list(self.prompt)  # type: ignore[arg-type]


def parse(raw: bytes) -> CompletionRequest:
    """The request in the body of a POST.

    Raises:
        ApiError: it is no JSON, a value is wrong or a name unknown.
    """
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise ApiError(400, "the body is not a JSON object")
    try:
        request = CompletionRequest.model_validate(body)
    except ValidationError as error:
        raise _refusal(error) from None
    count = len(request.prompts()) * request.n
    if not 1 <= count <= MOST_TEXTS:
        raise ApiError(400, f"prompts times n: {count} is not between 1 and {MOST_TEXTS}", "prompt")
    return request


def _refusal(error: ValidationError) -> ApiError:
    """The first thing that is wrong, in one line."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else None
    if first["type"] == "extra_forbidden":
        what = "is not supported here" if name in NEUTRAL else "is no setting of a completion"
        return ApiError(400, f"{name} {what}", name, "unknown_parameter")
    if first["type"] == "missing":
        return ApiError(400, f"{name} is missing", name, "missing_required_parameter")
    if name in ("prompt", "stop"):
        return ApiError(400, f"{name}: not {PROMPT if name == 'prompt' else STOP}", name)
    return ApiError(400, f"{name}: {first['msg']}", name)


def encode(voice: Voice, request: CompletionRequest) -> list[list[int]]:
    """The ids of every prompt, behind the token that begins a text.

    Raises:
        ApiError: a prompt does not fit into the model's context, or an id is no token of it.
    """
    found = []
    for prompt in request.prompts():
        if isinstance(prompt, str):
            ids = voice.encode(prompt)
        else:
            ids = prompt if prompt[:1] == [voice.begin] else [voice.begin, *prompt]
        wrong = next((index for index in ids if not 0 <= index < len(voice.raw)), None)
        if wrong is not None:
            raise ApiError(
                400, f"prompt: {wrong} is no token of {voice.name}: it has {len(voice.raw):,}",
                "prompt",
            )  # fmt: skip
        if len(ids) > voice.context:
            raise ApiError(
                400,
                f"the context of {voice.name} is {voice.context:,} tokens, but the prompt has "
                f"{len(ids):,}, with the one that begins a text: make it shorter",
                "prompt",
                "context_length_exceeded",
            )
        found.append(ids)
    return found


def complete(
    voice: Voice, request: CompletionRequest, prompts: list[list[int]]
) -> Generator[list[Piece]]:
    """Write all texts of a request, one prompt after the other, those of a prompt together."""
    seed = secrets.randbits(62) if request.seed is None else request.seed
    sampling = Sampling(
        temperature=request.temperature,
        top_k=request.top_k,
        top_p=request.top_p,
        min_p=request.min_p,
        repetition_penalty=request.repetition_penalty,
    )
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    for number, ids in enumerate(prompts):
        first, offset = number * request.n, 0
        choices = range(first, first + request.n)
        if request.echo:
            text, tokens = read(voice, ids, request.logprobs)
            offset = len(text)
            yield [Piece(choice, text, tokens) for choice in choices]
        yield from write(
            voice,
            ids,
            tokens=request.max_tokens,
            seeds=[seed + choice for choice in choices],
            sampling=sampling,
            stop=stop,
            top=request.logprobs,
            offset=offset,
            first=first,
        )


class Answer:
    """The answer to one request: whole, or as the chunks of a stream."""

    def __init__(self, request: CompletionRequest, prompts: list[list[int]]) -> None:
        self.request = request
        self.head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": request.model,
        }
        self.read = sum(len(ids) for ids in prompts)
        self.written: dict[int, int] = {}
        self.pieces: dict[int, list[Piece]] = {}

    def add(self, pieces: list[Piece]) -> None:
        """Keep pieces for `whole`."""
        for piece in pieces:
            self.written[piece.choice] = piece.written
            self.pieces.setdefault(piece.choice, []).append(piece)

    def whole(self) -> dict[str, Any]:
        """All that was added."""
        choices = [
            self._choice(
                index,
                "".join(piece.text for piece in pieces),
                [token for piece in pieces for token in piece.tokens],
                pieces[-1].finish,
            )
            for index, pieces in sorted(self.pieces.items())
        ]
        return self.head | {"choices": choices, "usage": self.usage()}

    def chunks(self, pieces: list[Piece]) -> Iterator[dict[str, Any]]:
        """What a stream tells of these pieces; nothing of those that are empty."""
        for piece in pieces:
            self.written[piece.choice] = piece.written
            if piece.text or piece.tokens or piece.finish:
                choice = self._choice(piece.choice, piece.text, piece.tokens, piece.finish)
                yield self.head | {"choices": [choice]} | self._no_usage()

    def last_chunks(self) -> Iterator[dict[str, Any]]:
        """What a stream ends with, where it was asked for."""
        if self.request.stream_options.include_usage:
            yield self.head | {"choices": [], "usage": self.usage()}

    def _no_usage(self) -> dict[str, None]:
        return {"usage": None} if self.request.stream_options.include_usage else {}

    def usage(self) -> dict[str, int]:
        """Tokens read and written; the one that begins a text counts."""
        written = sum(self.written.values())
        return {
            "prompt_tokens": self.read,
            "completion_tokens": written,
            "total_tokens": self.read + written,
        }

    def _choice(
        self, index: int, text: str, tokens: list[Token], finish: str | None
    ) -> dict[str, Any]:
        logprobs = None
        if self.request.logprobs is not None:
            logprobs = {
                "tokens": [token.text for token in tokens],
                "token_logprobs": [token.logprob for token in tokens],
                "top_logprobs": [token.top for token in tokens] if self.request.logprobs else None,
                "text_offset": [token.offset for token in tokens],
            }
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
