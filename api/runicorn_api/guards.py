"""Who may ask, and in which form: checks before a request reaches a resource.

A web page in the owner's own browser can reach a server on the loopback address, so every request
proves by `Host`, `Origin` and `Sec-Fetch-Site` that it was meant for this server by its user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import falcon

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
JSON_TYPE = "application/json"

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@,?#]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)


def _split_authority(text: str) -> tuple[str, int] | None:
    """Host in lower case and port (80 when there is none); None for what is no authority."""
    match = _AUTHORITY.fullmatch(text)
    return (match[1].lower(), int(match[2] or 80)) if match else None


def _canonical_host(host: str) -> str:
    host = host.strip().lower()
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class HostGuard:
    """Against DNS rebinding: clients must have used one of our names.

    The port may be any: forwards change it.
    """

    def __init__(self, allowed_hosts: Iterable[str] = ()) -> None:
        self._hosts = frozenset(LOOPBACK_HOSTS) | {_canonical_host(host) for host in allowed_hosts}

    def check(self, request: falcon.Request) -> None:
        authorities = [request.env.get("HTTP_HOST", "")]
        uri: str = request.env.get("REQUEST_URI", "")
        if not uri.startswith("/") and (netloc := urlsplit(uri).netloc):
            # "GET http://host/path": the target names the host as well.
            authorities.append(netloc)
        if not all(map(self.allows, authorities)):
            raise falcon.HTTPError(403, description="Host not allowed")

    def allows(self, authority: str) -> bool:
        split = _split_authority(authority)
        return split is not None and split[0] in self._hosts


class OriginGuard:
    """Against requests that another site's page sends through the user's browser.

    An `Origin` is our own when its host is an allowed one and its port is the one in `Host`.
    """

    def __init__(self, hosts: HostGuard, own_origins: Iterable[str] = ()) -> None:
        self._hosts = hosts
        self._own_origins = frozenset(own_origins)

    def check(self, request: falcon.Request) -> None:
        origin = request.env.get("HTTP_ORIGIN")
        if origin is not None and not self._is_own(origin, request.env.get("HTTP_HOST", "")):
            raise falcon.HTTPError(403, description="Origin not allowed")
        sites = {site.strip().lower() for site in request.env.get("HTTP_SEC_FETCH_SITE", "").split(",")}
        if sites & {"cross-site", "same-site"}:
            raise falcon.HTTPError(403, description="Requests from other sites are not allowed")

    def _is_own(self, origin: str, host: str) -> bool:
        if origin in self._own_origins:
            return True
        scheme, separator, authority = origin.partition("://")
        split, own = _split_authority(authority), _split_authority(host)
        if scheme != "http" or not separator or split is None or own is None:
            return False
        return self._hosts.allows(authority) and split[1] == own[1]


def check_content_type(request: falcon.Request) -> None:
    """Against forms: a page can send those to any address, but JSON only to its own."""
    media_type = request.env.get("CONTENT_TYPE", "").partition(";")[0]
    if request.method == "POST" and media_type.strip().lower() != JSON_TYPE:
        raise falcon.HTTPError(415, description=f"Content-Type must be {JSON_TYPE}")


def peer_address(request: falcon.Request, trusted_proxies: frozenset[str]) -> str:
    """The client: the peer of the connection, or whom a trusted proxy names last."""
    peer: str = request.env.get("REMOTE_ADDR", "")
    if peer in trusted_proxies:
        forwarded = request.env.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        return forwarded[:64] or peer
    return peer
