"""Where a server is, and a socket to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import socket

DEFAULT_ADDRESS = "http://127.0.0.1:23300"

_VISIBLE = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What a Bearer token may be (RFC 6750, 2.1)."""


class Address(NamedTuple):
    """`host` and `port` or, with the scheme `unix`, the `path` of a socket file; `base` goes before every path."""

    scheme: str
    host: str = "localhost"
    port: int = 80
    path: str = ""
    base: str = ""

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.scheme == "unix" else f"{self.scheme}://{self.authority}{self.base}"

    @property
    def authority(self) -> str:
        """Host and port as the header `Host` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.scheme == "unix" or self.port == (443 if self.scheme == "https" else 80)
        return host if is_usual else f"{host}:{self.port}"

    def open(self, timeout: float) -> socket.socket:
        """A connected socket whose operations take at most so many seconds each. Raises OSError."""
        import socket

        if self.scheme == "unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(timeout)
                sock.connect(self.path)
            except BaseException:
                sock.close()
                raise
            return sock
        sock = socket.create_connection((self.host, self.port), timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._encrypted(sock) if self.scheme == "https" else sock
        except BaseException:
            sock.close()
            raise

    def _encrypted(self, sock: socket.socket) -> socket.socket:
        import ssl

        return ssl.create_default_context().wrap_socket(sock, server_hostname=self.host)


def read_address(text: str) -> Address:
    """`http://host:port`, `https://host` (a proxy before the server) or `unix:/path/of/socket`.

    What `serve` prints, with `/api` at its end, will do as well. Raises ValueError.
    """
    if text.startswith("unix:"):
        if path := text.removeprefix("unix:").removeprefix("//"):
            return Address("unix", path=path)
        raise ValueError("unix: needs the path of a socket, such as unix:/run/user/1000/runicorn-tui/rest.sock")
    parts = urlsplit(text)
    is_plain = _VISIBLE.fullmatch(text) and not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise ValueError(f"An address is http://HOST:PORT, https://HOST or unix:/PATH, not {text!r}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    base = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
    return Address(parts.scheme, parts.hostname, port, base=base)


def check_token(token: str) -> str:
    """`token` itself. Raises ValueError, which does not tell the token."""
    if not _TOKEN.fullmatch(token):
        raise ValueError("The token must be of ASCII letters, digits and . _ ~ + / - alone")
    return token
