"""A web server on the loopback that misbehaves on request: cuts, lies, refuses, and remembers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """One file and how it is served; `plan` holds what to do with the first requests, in order.

    A step is a status code, "cut:N" (send N bytes and close), "lie:N" (announce N bytes too many,
    or too few) or "hang:N" (send N bytes, then nothing until `go_on` is set). After the plan all
    goes well.
    """

    content: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    kind: str = "application/gzip"
    plan: list[int | str] = field(default_factory=list)
    retry_after: str | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(files: dict[str, Served]) -> Iterator[str]:
    """Serve `files` by path (without the slash); gives the address of the server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served = files.get(self.path.lstrip("/"))
            if served is None:
                self.answer(404, b"<!DOCTYPE html><p>Not here", {"Content-Type": "text/html"})
                return
            served.requests.append(dict(self.headers))
            step = served.plan.pop(0) if served.plan else 200
            if isinstance(step, int) and step != 200:
                wait = {"Retry-After": served.retry_after} if served.retry_after else {}
                self.answer(step, b"<html>sorry", {"Content-Type": "text/html", **wait})
                return
            self.send(served, str(step))

        def send(self, served: Served, step: str) -> None:
            content, status = served.content, 200
            headers = {"Content-Type": served.kind}
            if served.etag:
                headers["ETag"] = served.etag
            asked = self.headers.get("Range")
            fits = self.headers.get("If-Range", served.etag) == served.etag
            if asked and served.ranges and fits:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                    return
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                content, status = content[start:], 206
            what, _, number = step.partition(":")
            announced = len(content) + (int(number) if what == "lie" else 0)
            if what in ("cut", "hang"):
                content = content[: int(number)]
            self.answer(status, content, headers, announced)
            if what == "hang":
                served.go_on.wait(30)

        def answer(
            self, status: int, content: bytes, headers: dict[str, str], announced: int | None = None
        ) -> None:
            length = len(content) if announced is None else announced
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
            if length != len(content):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
