"""What keeps strangers out of a service that asks for no password.

Nobody else reaches the loopback but programs of this machine. Its browser is one of them: a page of
another site could send requests here or, by a name that it points here (DNS rebinding), even read
the answers. So a request is refused whose Host is no name of this machine, or whose Origin is
another site. https://en.wikipedia.org/wiki/DNS_rebinding
"""

import base64
import hashlib
import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from pipeline.serving.completions import ApiError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def refuse_strangers(headers: Any, bound: str) -> None:
    """Check the headers (a multi-dict) of a request to a service that listens on `bound`.

    Raises:
        ApiError: 403 for a Host that is not ours, or an Origin that is not that Host.
    """
    hosts, origins = headers.getall("Host", []), headers.getall("Origin", [])
    if len(hosts) != 1 or not is_ours(hosts[0], bound):
        told = ", ".join(hosts) or "none"
        raise ApiError(403, f"Host {told} is no name of this service", code="foreign_host")
    for origin in origins:
        if origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}"):
            raise ApiError(
                403, f"Origin {origin}: pages of other sites may not ask", code="foreign_origin"
            )


def is_ours(header: str, bound: str) -> bool:
    """Whether a Host header names this service, which listens on `bound`.

    On the loopback only its names do. On the network a bare address does too, for rebinding needs
    a name, and so do the machine's own name and the one that was bound.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in LOOPBACK or is_loopback(bound):
        return name in (*LOOPBACK, bound.lower())
    return is_address(name) or name in (bound.lower(), socket.gethostname().lower())


def is_address(name: str) -> bool:
    """Whether a name is an address, of IPv4 or IPv6, which nobody can point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def page_headers(page: str) -> dict[str, str]:
    """A policy that lets the page run its own script and style, and talk to this service alone."""

    def source(tag: str) -> str:
        found = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert found is not None
        digest = hashlib.sha256(found[1].encode()).digest()
        return f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'"

    policy = (
        f"default-src 'none'; {source('script')}; {source('style')}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
