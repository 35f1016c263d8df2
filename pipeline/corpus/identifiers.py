"""Ready-made language identifiers by name: fetched once into the cache, with their origin.

They are fastText models that others trained. Each has a licence of its own, which is not this
project's: none is kept here, and what is made with one of them is to name it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corpus.fetch import DOWNLOADS, fetch
from pipeline.corpus.fingerprint import Fingerprints
from pipeline.errors import UserError

MIRROR = "TUGANTEL_IDENTIFIERS_URL"
"""Environment variable: the address of a folder that holds the files of `KNOWN` by their names."""

_MAGIC = (793712314).to_bytes(4, "little")  # fastText's FASTTEXT_FILEFORMAT_MAGIC_INT32


@dataclass(frozen=True)
class KnownIdentifier:
    """Where an identifier is; `sha256` is None where nobody we can name has published it."""

    file: str
    url: str
    sha256: str | None
    licence: str


KNOWN = {
    # 176 languages, 0.9 MB; https://fasttext.cc/docs/en/language-identification.html
    "lid.176": KnownIdentifier(
        "lid.176.ftz",
        "https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.ftz",
        "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",
        "CC BY-SA 3.0",
    ),
    # 2,102 labels, 1.7 GB; Kargaran et al. 2023, https://github.com/cisnlp/GlotLID
    "glotlid": KnownIdentifier(
        "glotlid_v3.bin",
        "https://huggingface.co/cis-lmu/glotlid/resolve/main/model_v3.bin",
        None,
        "Apache-2.0",
    ),
    # 201 languages, 1.2 GB; Burchell et al. 2023, https://huggingface.co/laurievb/OpenLID
    "openlid": KnownIdentifier(
        "openlid_v1.bin",
        "https://huggingface.co/laurievb/OpenLID/resolve/"
        "35c4b811b2e95f6ba50a074f436957a245d6e9d9/model.bin",
        "0e2bc6d0d3048b38c4e2e8aa77b4618108670eb91cb72544d3340f605964a78b",
        "GPL-3.0",
    ),
}


def identifier_file(wanted: str) -> tuple[Path, str]:
    """The model file that `cleaning.identifier` asks for, and the name that the report shows.

    Args:
        wanted: a name in `KNOWN`, which is fetched unless it lies in the cache, or a local path.

    Raises:
        UserError: there is no such name and no such file, or it cannot be fetched.
    """
    known = KNOWN.get(wanted)
    if known is None:
        path = Path(wanted).expanduser()
        if not path.is_file():
            raise UserError(
                f"cleaning.identifier: {wanted} is no file; "
                f"allowed: made, none, {', '.join(KNOWN)}, a file"
            )
        return path, path.name
    mirror = os.environ.get(MIRROR)
    fetched = fetch(
        f"{mirror.rstrip('/')}/{known.file}" if mirror else known.url,
        DOWNLOADS / known.file,
        magic=_MAGIC,
        sha256=known.sha256,
        what="a fastText model",
        key="cleaning.identifier",
    )
    return fetched.path, wanted


def identifier_origin(wanted: str) -> dict[str, Any]:
    """What the report says of the file: name, bytes, SHA-256, licence, address; never a path.

    Raises:
        UserError: as `identifier_file`, which it calls.
    """
    path, _ = identifier_file(wanted)
    known = KNOWN.get(wanted)
    with Fingerprints() as fingerprints:
        digest = fingerprints.sha256(path)
    return {
        "name": path.name,
        "bytes": path.stat().st_size,
        "sha256": digest,
        "licence": known.licence if known else "unknown",
        "url": known.url if known else None,
    }
