"""Who may ask, and in which form: checks before a request reaches a resource.

Other users of the machine reach a loopback address as the owner does, so a connection has to be the owner's. A web
page in the owner's own browser reaches it too, so every request proves by `Host`, `Origin` and `Sec-Fetch-Site` that
it was meant for this server by its user.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import falcon

from runicorn_api import peers
from runicorn_api.exchanges import PEER_UID

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
JSON_TYPE = "application/json"

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@,?#]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)


_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)

_CORS_HEADERS = "Authorization, Content-Type, If-None-Match"
_CORS_EXPOSED = "ETag, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
_CORS_SECONDS = 600


def _split_authority(text: str) -> tuple[str, int] | None:
    """Host in lower case and port (80 when there is none); None for what is no authority."""
    match = _AUTHORITY.fullmatch(text)
    return (match[1].lower(), int(match[2] or 80)) if match else None


def is_host(text: str) -> bool:
    """Whether clients may call a server so: a name or an address, without scheme and port."""
    try:
        ipaddress.ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return _HOST_NAME.fullmatch(text.strip()) is not None
    return True


def _canonical_host(host: str) -> str:
    host = host.strip().lower()
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class PeerGuard:
    """Against other users of this machine, who reach its loopback address as the owner does."""

    def __init__(self, *, requires_peer: bool = False, trusted_proxies: frozenset[str] = frozenset()) -> None:
        self._requires_peer = requires_peer
        self._trusted_proxies = trusted_proxies
        self._allowed = peers.own_uids()

    def check(self, request: falcon.Request) -> None:
        if request.env.get("REMOTE_ADDR") in self._trusted_proxies:
            return
        uid = self.uid_of(request)
        is_refused = self._requires_peer if uid is None else uid not in self._allowed
        if is_refused:
            raise falcon.HTTPError(403, description="Refused: this server belongs to another user")

    def uid_of(self, request: falcon.Request) -> int | None:
        """The user at the other end, None where nobody can tell."""
        ask = request.env.get(PEER_UID)
        return ask() if ask is not None else None


class TokenGuard:
    """Against everybody without the token, where there is one."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode("ascii")

    def check(self, request: falcon.Request) -> None:
        if self._token is None:
            return
        scheme, _, given = request.env.get("HTTP_AUTHORIZATION", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
        if scheme.lower() != "bearer" or not is_right:
            raise falcon.HTTPError(401, description="Token required", headers={"WWW-Authenticate": "Bearer"})


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

    def __init__(self, hosts: HostGuard, cors_origin: str | None = None) -> None:
        self._hosts = hosts
        self._cors_origin = cors_origin

    def check(self, request: falcon.Request) -> None:
        origin = request.env.get("HTTP_ORIGIN")
        if origin is not None and origin == self._cors_origin:
            return
        if origin is not None and not self._is_own(origin, request.env.get("HTTP_HOST", "")):
            raise falcon.HTTPError(403, description="Origin not allowed")
        sites = {site.strip().lower() for site in request.env.get("HTTP_SEC_FETCH_SITE", "").split(",")}
        if sites & {"cross-site", "same-site"}:
            raise falcon.HTTPError(403, description="Requests from other sites are not allowed")

    def _is_own(self, origin: str, host: str) -> bool:
        scheme, separator, authority = origin.partition("://")
        split, own = _split_authority(authority), _split_authority(host)
        if scheme != "http" or not separator or split is None or own is None:
            return False
        return self._hosts.allows(authority) and split[1] == own[1]


class CrossOrigin:
    """Tells browsers that pages of one other origin may read the answers; without one no browser is told anything."""

    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def _is_allowed(self, request: falcon.Request) -> bool:
        return self._origin is not None and request.env.get("HTTP_ORIGIN") == self._origin

    def mark(self, request: falcon.Request, response: falcon.Response) -> None:
        if self._origin is None:
            return
        # To everybody, so that no cache gives one origin's answer to another.
        response.append_header("Vary", "Origin")
        if self._is_allowed(request):
            response.set_header("Access-Control-Allow-Origin", self._origin)
            response.set_header("Access-Control-Expose-Headers", _CORS_EXPOSED)

    def is_preflight(self, request: falcon.Request) -> bool:
        is_asking = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.env
        return is_asking and self._is_allowed(request)

    def answer_preflight(self, response: falcon.Response, methods: Iterable[str]) -> None:
        response.status = 204
        response.set_header("Access-Control-Allow-Methods", ", ".join(methods))
        response.set_header("Access-Control-Allow-Headers", _CORS_HEADERS)
        response.set_header("Access-Control-Max-Age", str(_CORS_SECONDS))
        response.complete = True


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
