"""Uploading a folder to the Hub: only what is missing there, as one commit or none at all.

Files are compared by the hashes that the Hub keeps (git's of small files, SHA-256 of large ones),
so a repeat sends nothing and makes no commit. Large files go first and are kept by the Hub where an
upload breaks off; the commit that names them comes last, so that a repository never shows half of a
publication. The token goes into request headers and nowhere else.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import file_hash
from pipeline.publishing.publication import CARD

TAG = "tugantel"  # every card of ours has it
UNTOUCHED = (".gitattributes", CARD)  # what the Hub itself puts into a new repository


@dataclass(frozen=True)
class Uploaded:
    """Where the model is, and the files that had to be sent."""

    url: str
    sent: list[str]


def find_token() -> str | None:
    """The user's token from where `hf auth login` or the environment put it; None if nowhere."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import OIDCError

    try:
        return get_token()
    except (OIDCError, OSError) as error:
        raise UserError(f"the token of the Hub cannot be read: {_line(error)}") from None


def require_token(token: str | None) -> str:
    """The token. Raises UserError where there is none."""
    if token is None:
        raise UserError(
            "there is no token of the Hub: run `hf auth login`, or set HF_TOKEN to one that may "
            "write; --dry-run needs none"
        )
    return token


def upload(files: list[Path], folder: Path, name: str, private: bool, token: str) -> Uploaded:
    """Bring `files` of `folder` into the repository `name`, which is made where it is missing.

    Raises:
        UserError: the Hub refuses, cannot be reached, or holds another model under that name.
    """
    local = {path.relative_to(folder).as_posix(): path for path in files}
    try:
        return _upload(local, name, private, token)
    except UserError:
        raise
    except Exception as error:  # httpx2, hf_xet and threads of both raise almost anything
        raise UserError(_explain(error, name).replace(token, "***")) from None


def _upload(local: dict[str, Path], name: str, private: bool, token: str) -> Uploaded:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(token=token)
    url = api.create_repo(name, private=private or None, exist_ok=True)
    there = api.model_info(name, files_metadata=True)
    if private and there.private is False:
        raise UserError(
            f"{name} exists and is public: make it private on its settings page first, "
            "or leave --private out"
        )
    remote = {file.rfilename: file for file in there.siblings or []}
    missing = [path for path, file in local.items() if not _same(file, remote.get(path))]
    if TAG not in (there.tags or []):
        strangers = [path for path in remote if path not in local or path in missing]
        strangers = [path for path in strangers if path not in UNTOUCHED]
        if strangers:
            raise UserError(
                f"the name {name} is taken: it holds something that this command did not put there "
                f"({', '.join(strangers[:3])}); choose another name"
            )
    if missing:
        api.create_commit(
            name,
            [CommitOperationAdd(path, local[path]) for path in missing],
            commit_message="Publish the model",
            parent_commit=there.sha,
        )
    return Uploaded(str(url), missing)


def _same(path: Path, remote: Any) -> bool:
    """Whether the Hub has this content under this name."""
    if remote is None or remote.size != path.stat().st_size:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == file_hash(path))
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return bool(remote.blob_id == blob.hexdigest())


def _explain(error: Exception, name: str) -> str:
    """One line on what went wrong, from the first link of the chain of errors that says so."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    link: BaseException | None = error
    while link is not None:
        if isinstance(link, HfHubHTTPError):
            return _refusal(link.response.status_code, link, name)
        if isinstance(link, OfflineModeIsEnabled):
            return "the Hub is switched off by HF_HUB_OFFLINE: unset it, or use --dry-run"
        if isinstance(link, httpx2.RequestError):
            host = link.request.url.host
            return (
                f"{host} cannot be reached ({_line(link)}): is there a network? Run the same "
                "command again; what was sent is kept"
            )
        link = link.__cause__ or link.__context__
    return f"the upload of {name} failed: {_line(error)}; run the same command again"


def _refusal(status: int, error: Any, name: str) -> str:
    said = error.server_message or ""
    if status == 401:
        return (
            "the Hub refuses the token: it is wrong or has expired; make one that may write "
            "(https://huggingface.co/settings/tokens) and run `hf auth login`, or set HF_TOKEN"
        )
    if status == 403:
        return (
            f"the token may not write to {name}: choose a name under your own account, or a token "
            f"with the right to write there {_brackets(said)}"
        )
    if status == 404:
        return f"the Hub knows no place {name}: is the organisation spelt right? {_brackets(said)}"
    if status == 412:
        return f"somebody else changed {name} meanwhile: run the same command again"
    if status == 429 or status >= 500:
        return f"the Hub is busy (status {status}): run the same command again later"
    return f"the Hub refuses {name} with status {status} {_brackets(said or _line(error))}"


def _brackets(text: str) -> str:
    return f"({' '.join(text.split())[:200]})" if text else ""


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
