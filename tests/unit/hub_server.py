"""A stand-in for the Hub on the loopback: repositories, commits, large files, tokens, trouble.

It answers what `huggingface_hub` asks when a model is uploaded and loaded again, keeps everything
in memory, and refuses what the Hub refuses: unknown tokens, foreign names, commits on an old
parent, commits that name large files which never came.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LARGE = (".safetensors", ".png")


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Repository:
    """Files by path, and the names of the files that each commit brought, the newest last."""

    private: bool = False
    files: dict[str, bytes] = field(
        default_factory=lambda: {".gitattributes": b"*.safetensors filter=lfs\n"}
    )
    commits: list[list[str]] = field(default_factory=lambda: [[".gitattributes"]])

    @property
    def sha(self) -> str:
        return hashlib.sha1(repr((len(self.commits), sorted(self.files))).encode()).hexdigest()

    @property
    def tags(self) -> list[str]:
        text = self.files.get("README.md", b"").decode()
        head = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else {}
        return head.get("tags", [])


@dataclass
class Hub:
    """`tokens` says which namespaces each may write to. `large` stores weights and pictures apart,
    as the Hub does; without it every file comes with the commit. `plan` holds, by the beginning of
    "METHOD /path", what to do with requests in order: a status to answer, "cut" to hang up, "hang"
    to say nothing until `go_on` is set."""

    tokens: dict[str, set[str]]
    large: bool = False
    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    plan: dict[str, list[int | str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def is_large(self, path: str) -> bool:
        return self.large and path.endswith(LARGE)

    def asked(self, beginning: str) -> int:
        return sum(request.startswith(beginning) for request in self.requests)


class Refused(Exception):
    def __init__(self, status: int, said: str, code: str = "", **more: Any) -> None:
        super().__init__(said)
        self.status, self.said, self.code, self.more = status, said, code, more


@contextmanager
def serving_hub(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.handle_one("POST")

        def do_PUT(self) -> None:
            self.handle_one("PUT")

        def do_GET(self) -> None:
            self.handle_one("GET")

        def do_HEAD(self) -> None:
            self.handle_one("HEAD")

        def handle_one(self, method: str) -> None:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                self.body = b"".join(iter(self.chunk, b""))
            request = f"{method} {self.path}"
            hub.requests.append(request)
            for beginning, steps in hub.plan.items():
                if request.startswith(beginning) and steps:
                    step = steps.pop(0)
                    if step == "hang":
                        hub.go_on.wait(300)
                    if step in ("cut", "hang"):
                        self.close_connection = True
                        self.connection.close()
                        return
                    if step != 200:
                        self.answer(int(step), json.dumps({"error": "trouble"}).encode())
                        return
            try:
                self.route(method, urlsplit(self.path))
            except Refused as error:
                headers = {"X-Error-Message": error.said}
                if error.code:
                    headers["X-Error-Code"] = error.code
                body = json.dumps({"error": error.said} | error.more).encode()
                self.answer(error.status, body, headers)

        def chunk(self) -> bytes:
            size = int(self.rfile.readline(), 16)
            data = self.rfile.read(size)
            self.rfile.readline()
            return data

        def route(self, method: str, url: Any) -> None:
            parts = unquote(url.path).strip("/").split("/")
            if parts[:3] == ["api", "repos", "create"]:
                self.create(json.loads(self.body))
            elif parts[:2] == ["api", "validate-yaml"]:
                self.send({"errors": [], "warnings": []})
            elif parts[:2] == ["api", "models"]:
                name, what = "/".join(parts[2:4]), parts[4:]
                self.model(method, name, what, parse_qs(url.query))
            elif url.path.endswith(".git/info/lfs/objects/batch"):
                self.writable("/".join(parts[:2]).removesuffix(".git"))
                objects = [self.offer(one) for one in json.loads(self.body)["objects"]]
                self.send({"transfer": "basic", "objects": objects})
            elif parts[0] == "blobs":
                assert sha256(self.body) == parts[1]
                hub.blobs[parts[1]] = self.body
                self.send({})
            elif parts[2:3] == ["resolve"]:
                self.file("/".join(parts[:2]), "/".join(parts[4:]))
            else:
                raise Refused(404, f"no such route {url.path}")

        def token(self) -> str | None:
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if given and given not in hub.tokens:
                raise Refused(401, "Invalid credentials in Authorization header")
            return given or None

        def writable(self, name: str) -> None:
            token = self.token()
            if token is None:
                raise Refused(401, "Invalid username or password.")
            if name.split("/")[0] not in hub.tokens[token]:
                raise Refused(403, "You don't have the rights to create a model under this name")

        def repository(self, name: str) -> Repository:
            found = hub.repositories.get(name)
            token = self.token()
            allowed = token is not None and name.split("/")[0] in hub.tokens[token]
            if found is None or (found.private and not allowed):
                raise Refused(401 if token is None else 404, "Repository not found", "RepoNotFound")
            return found

        def create(self, wanted: dict[str, Any]) -> None:
            name = f"{wanted['organization']}/{wanted['name']}"
            self.writable(name)
            url = f"{hub.address}/{name}"
            if name in hub.repositories:
                raise Refused(409, "You already created this model repo", url=url)
            hub.repositories[name] = Repository(wanted.get("visibility") == "private")
            self.send({"url": url, "name": name, "id": name})

        def model(self, method: str, name: str, what: list[str], query: Any) -> None:
            if method == "GET" and what[:1] in ([], ["revision"]):
                repository = self.repository(name)
                siblings = [self.sibling(*item) for item in sorted(repository.files.items())]
                self.send(
                    {
                        "id": name,
                        "sha": repository.sha,
                        "private": repository.private,
                        "tags": repository.tags,
                        "siblings": siblings,
                    }
                )
            elif method == "GET" and what[:1] == ["tree"]:
                files = self.repository(name).files
                self.send([self.entry(*item) for item in sorted(files.items())])
            elif what[:1] == ["preupload"]:
                self.writable(name)
                self.send({"files": [self.mode(name, x) for x in json.loads(self.body)["files"]]})
            elif what[:1] == ["commit"]:
                self.writable(name)
                self.commit(name, [json.loads(line) for line in self.body.splitlines()])
            else:
                raise Refused(404, f"no such route {self.path}")

        def sibling(self, path: str, content: bytes) -> dict[str, Any]:
            entry = self.entry(path, content)
            same = {"rfilename": path, "size": entry["size"], "blobId": entry["oid"]}
            lfs = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
            return same | ({"lfs": lfs} if "lfs" in entry else {})

        def entry(self, path: str, content: bytes) -> dict[str, Any]:
            entry = {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}
            if hub.is_large(path):
                # the hash of the small file that stands for it in git
                entry["oid"] = git_hash(b"pointer to " + sha256(content).encode())
                entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
            return entry

        def mode(self, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
            path = wanted["path"]
            there = hub.repositories[name].files.get(path)
            digest = sha256 if hub.is_large(path) else git_hash
            return {
                "path": path,
                "uploadMode": "lfs" if hub.is_large(path) else "regular",
                "shouldIgnore": False,
                "oid": None if there is None else digest(there),
            }

        def offer(self, wanted: dict[str, Any]) -> dict[str, Any]:
            known = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] in hub.blobs:
                return known
            return known | {"actions": {"upload": {"href": f"{hub.address}/blobs/{wanted['oid']}"}}}

        def commit(self, name: str, lines: list[dict[str, Any]]) -> None:
            repository = hub.repositories[name]
            parent = lines[0]["value"].get("parentCommit")
            if parent not in (None, repository.sha):
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            brought = {}
            for line in lines[1:]:
                value = line["value"]
                if line["key"] == "lfsFile":
                    if value["oid"] not in hub.blobs:
                        raise Refused(400, "LFS pointer pointed to a file that does not exist")
                    brought[value["path"]] = hub.blobs[value["oid"]]
                else:
                    assert not hub.is_large(value["path"])
                    brought[value["path"]] = base64.b64decode(value["content"])
            repository.files |= brought
            repository.commits.append(sorted(brought))
            url = f"{hub.address}/{name}/commit/{repository.sha}"
            self.send({"success": True, "commitOid": repository.sha, "commitUrl": url})

        def file(self, name: str, path: str) -> None:
            repository = self.repository(name)
            if path not in repository.files:
                raise Refused(404, "Entry not found", "EntryNotFound")
            content = repository.files[path]
            headers = {"ETag": f'"{git_hash(content)}"', "X-Repo-Commit": repository.sha}
            self.answer(200, content, headers)

        def send(self, value: Any) -> None:
            self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def answer(
            self, status: int, content: bytes, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
