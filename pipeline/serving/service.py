"""A local HTTP service: OpenAI's completions for programs, and one page for people.

It listens on the loopback unless told otherwise, asks for no password, and refuses what pages of
other sites send (`guard`). Requests write in turn (`scheduler`); one whose client leaves stops.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from pipeline.errors import UserError
from pipeline.serving.completions import (
    Answer,
    ApiError,
    complete,
    encode,
    parse,
)
from pipeline.serving.guard import is_loopback, page_headers, refuse_strangers
from pipeline.serving.scheduler import Busy, Scheduler, Stopping
from pipeline.serving.voices import Voice

PAGE = Path(__file__).with_name("page.html")
BODY_BYTES = 1 << 20
BODY_SECONDS = 20  # for a client to send it
READ_SECONDS = 60  # for a client to take what was written to it

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """The handlers, over some voices and one scheduler."""

    def __init__(self, voices: list[Voice], host: str) -> None:
        self.voices = {voice.name: voice for voice in voices}
        self.host = host
        self.scheduler = Scheduler()
        self.page = PAGE.read_text(encoding="utf-8")
        self.page_headers = page_headers(self.page)

    def app(self) -> web.Application:
        """The addresses, behind the guard."""
        app = web.Application(middlewares=[self.guard], client_max_size=BODY_BYTES)
        app.router.add_get("/", self.show_page)
        app.router.add_get("/v1/models", self.list_models)
        app.router.add_get("/v1/models/{name:.+}", self.show_model)
        app.router.add_post("/v1/completions", self.completions)
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse strangers, and give every failure OpenAI's shape."""
        headers = {}
        try:
            refuse_strangers(request.headers, self.host)
            return await handler(request)
        except ApiError as error:
            failure = error
        except web.HTTPRequestEntityTooLarge:
            failure = ApiError(413, f"the body is longer than {BODY_BYTES:,} bytes")
        except web.HTTPException as error:
            code = "unknown_url" if error.status == 404 else None
            message = f"{request.method} {request.path}: {error.reason}"
            failure = ApiError(error.status, message, code=code)
            headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        except Exception as error:
            print(f"tugantel serve: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            failure = ApiError(500, "the service failed; its terminal says why")
        if failure.status == 503:
            headers["Retry-After"] = "1"
        return as_json(failure.body(), failure.status, headers)

    async def show_page(self, request: web.Request) -> web.Response:
        """`GET /`."""
        return web.Response(text=self.page, content_type="text/html", headers=self.page_headers)

    async def list_models(self, request: web.Request) -> web.Response:
        """`GET /v1/models`."""
        models = [describe(voice) for voice in self.voices.values()]
        return as_json({"object": "list", "data": models})

    async def show_model(self, request: web.Request) -> web.Response:
        """`GET /v1/models/NAME`."""
        return as_json(describe(self.voice(request.match_info["name"])))

    def voice(self, name: str) -> Voice:
        """The model of that name. Raises ApiError 404 where there is none."""
        if name not in self.voices:
            known = ", ".join(self.voices)
            message = f"there is no model {name} here, only: {known}"
            raise ApiError(404, message, "model", "model_not_found")
        return self.voices[name]

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/completions`: whole, or as a stream."""
        if request.content_type != "application/json":
            raise ApiError(415, "send JSON, with the header Content-Type: application/json")
        try:
            raw = await asyncio.wait_for(request.read(), BODY_SECONDS)
        except TimeoutError:
            raise ApiError(408, f"the body did not arrive in {BODY_SECONDS} seconds") from None
        loop = asyncio.get_running_loop()
        asked = await loop.run_in_executor(None, parse, raw)
        voice = self.voice(asked.model)
        prompts = await loop.run_in_executor(None, encode, voice, asked)
        results: asyncio.Queue[Any] = asyncio.Queue()

        def deliver(result: Any) -> None:
            loop.call_soon_threadsafe(results.put_nowait, result)

        try:
            job = self.scheduler.submit(complete(voice, asked, prompts), deliver)
        except Busy:
            raise ApiError(503, "too many requests wait already: try again later") from None
        except Stopping:
            raise stopping() from None
        answer = Answer(asked, prompts)

        async def take() -> Any:
            result = await results.get()
            self.scheduler.taken(job)
            return checked(result)

        try:
            if asked.stream:
                return await stream(request, answer, take)
            while (pieces := await take()) is not None:
                answer.add(pieces)
            return as_json(answer.whole())
        finally:  # a client that leaves cancels this handler, and with it the writing
            self.scheduler.cancel(job)


async def stream(
    request: web.Request, answer: Answer, take: Callable[[], Awaitable[Any]]
) -> web.StreamResponse:
    """Answer with server-sent events, one for each piece of text as it comes.

    The headers wait for the first piece, so that what fails before it gets its HTTP status.
    """
    pieces = await take()
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        try:
            while pieces is not None:
                await _send(response, *answer.chunks(pieces))
                pieces = await take()
            await _send(response, *answer.last_chunks(), "[DONE]")
        except ApiError as error:  # too late for a status
            await _send(response, error.body())
        await response.write_eof()
    except (ConnectionError, TimeoutError):  # nobody listens any more
        if request.transport is not None:
            request.transport.abort()
    return response


async def _send(response: web.StreamResponse, *events: dict[str, Any] | str) -> None:
    if events:
        texts = [event.encode() if isinstance(event, str) else readable(event) for event in events]
        written = b"".join(b"data: %b\n\n" % text for text in texts)
        await asyncio.wait_for(response.write(written), READ_SECONDS)


def as_json(
    value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """An answer whose body is JSON."""
    return web.Response(
        body=readable(value), status=status, headers=headers, content_type="application/json"
    )


def readable(value: dict[str, Any]) -> bytes:
    """JSON in one line, with the letters of every script as they are."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def checked(result: Any) -> Any:
    """A result of the scheduler; a failure is raised here, where the client can be told."""
    if isinstance(result, Stopping):
        raise stopping()
    if isinstance(result, Exception):
        print(f"tugantel serve: {type(result).__name__}: {result}", file=sys.stderr, flush=True)
        raise ApiError(500, "writing failed; the terminal of the service says why")
    return result


def stopping() -> ApiError:
    """What clients are told when the service ends."""
    return ApiError(503, "the service is stopping")


def describe(voice: Voice) -> dict[str, Any]:
    """A model as OpenAI lists it, and what people ask of a small one."""
    return {
        "id": voice.name,
        "object": "model",
        "created": 0,
        "owned_by": "tugantel",
        "family": voice.model.config.family,
        "parameters": voice.model.size(),
        "context": voice.context,
        "vocabulary": len(voice.raw),
    }


def serve(voices: list[Voice], host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UserError: the address cannot be listened on.
    """
    asyncio.run(_serve(voices, host, port))


async def _serve(voices: list[Voice], host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(Service(voices, host), port) as address:
        for voice in voices:
            print(voice.describe())
        print(f"listening on {address} (Ctrl-C ends)", flush=True)
        if not is_loopback(host):
            print(
                "tugantel serve: whoever reaches this machine can use it: there is no password",
                file=sys.stderr,
                flush=True,
            )
        await stop.wait()
        print("stopping", flush=True)


@contextlib.asynccontextmanager
async def listening(service: Service, port: int) -> AsyncIterator[str]:
    """Answer on the service's host while the block lasts; gives the address. Port 0: a free one.

    At the end what is being written stops, and its clients are told.

    Raises:
        UserError: the address cannot be listened on.
    """
    host = service.host
    runner = web.AppRunner(
        service.app(),
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=30,
        shutdown_timeout=2,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UserError(
                f"cannot listen on {host} port {port} ({error.strerror or error}): "
                "choose others with --host and --port"
            ) from None
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{runner.addresses[0][1]}"
    finally:
        await asyncio.get_running_loop().run_in_executor(None, service.scheduler.stop)
        await runner.cleanup()
