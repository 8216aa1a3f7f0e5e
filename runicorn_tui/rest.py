"""The REST server as the settings want it, for `serve` and for the browser."""

from __future__ import annotations

import ipaddress
import shlex
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from runicorn_db import __version__
from runicorn_tui.command_line import shell_word
from runicorn_tui.settings import InvalidSetting, Settings

if TYPE_CHECKING:
    from runicorn_api.server import Server
    from runicorn_db.query import ExperimentQuery
    from runicorn_db.store import Store


def check_settings(settings: Settings) -> None:
    """Raises InvalidSetting for what would open the server to others or cannot be meant."""
    from runicorn_api.guards import is_host
    from runicorn_api.origins import is_origin
    from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS

    has_token = token_of(settings) is not None
    if settings.unix_socket is None and not _is_loopback(settings.host) and not has_token:
        raise InvalidSetting(
            f"host must be an address of this machine alone, such as 127.0.0.1, not '{settings.host}', unless clients"
            " must send a token (--token-file). From another machine without one:"
            f" ssh -L {settings.port}:127.0.0.1:{settings.port} THIS_MACHINE"
        )
    if settings.cors_origin and not is_origin(settings.cors_origin):
        raise InvalidSetting(
            "cors_origin must be one origin in lower case, such as https://lab.example or http://localhost:3000,"
            f" not '{settings.cors_origin}'"
        )
    for name in settings.allowed_hosts:
        if not is_host(name):
            raise InvalidSetting(
                f"allowed_hosts must be names or addresses without scheme and port, such as gpu07.lab, not '{name}'"
            )
    for address in settings.trusted_proxies:
        if not _is_address(address):
            raise InvalidSetting(f"trusted_proxies must be IP addresses, not '{address}'")
    for kind, limit in settings.rate_limits:
        if kind not in DEFAULT_RATE_LIMITS or limit < 1:
            raise InvalidSetting(
                f"rate_limits must give whole numbers from 1 for {', '.join(DEFAULT_RATE_LIMITS)}, not {kind} = {limit}"
            )


def token_of(settings: Settings) -> str | None:
    """What REST clients must send, None for nothing. Raises InvalidSetting when it could not protect anything."""
    from runicorn_api.tokens import BadToken, check_token, read_token

    try:
        if settings.token_file is not None:
            return read_token(settings.token_file)
        return check_token(settings.token, "RUNICORN_TUI_TOKEN") if settings.token else None
    except BadToken as error:
        raise InvalidSetting(str(error)) from error


def as_curl(query: ExperimentQuery, settings: Settings, address: str | None = None) -> str:
    """A command line that asks the server at `address` (None: where the settings say) for the same experiments.

    Raises InvalidQuery for what REST cannot be asked for, such as an order by a metric.
    """
    from runicorn_api.contract import write_query

    base = address or _address(settings)
    words = ["curl -sS"]
    if base.startswith("unix:"):
        words.append(f"--unix-socket {shell_word(base.removeprefix('unix:'))}")
        base = "http://localhost/api"
    if settings.token_file is not None:
        words.append(f'-H "Authorization: Bearer $(cat {shell_word(str(settings.token_file))})"')
    elif settings.token:
        words.append('-H "Authorization: Bearer $RUNICORN_TUI_TOKEN"')
    return " ".join([*words, shell_word(f"{base}/v2/experiments?{write_query(query)}")])


def _address(settings: Settings) -> str:
    if settings.unix_socket is not None:
        return f"unix:{settings.unix_socket.absolute()}"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port or Settings().port}/api"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_server(store: Store, settings: Settings, *, syncing: Callable[[], bool]) -> Server:
    """A server that holds its address and serves once it is started."""
    from runicorn_api.access_log import access_log
    from runicorn_api.app import ServerSettings, create_app
    from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS
    from runicorn_api.server import Server

    check_settings(settings)
    app = create_app(
        store,
        ServerSettings(
            version=__version__,
            allowed_hosts=settings.allowed_hosts,
            cors_origin=settings.cors_origin or None,
            token=token_of(settings),
            requires_peer=settings.require_peer,
            is_read_only=settings.read_only,
            trusted_proxies=frozenset(settings.trusted_proxies),
            rate_limits={**DEFAULT_RATE_LIMITS, **dict(settings.rate_limits)} if settings.rate_limit else None,
            query_timeout=settings.query_timeout,
            allows_purge=settings.allow_purge,
            has_metrics=settings.metrics,
            syncing=syncing,
        ),
    )
    log = access_log(settings.access_log)
    observers = () if log is None else (log,)
    return Server(app, settings.host, settings.port, unix_socket=settings.unix_socket, observers=observers)


def hints(settings: Settings) -> list[str]:
    """What whoever starts the server should know besides its address."""
    from runicorn_api import peers

    port = settings.port or Settings().port
    if (path := settings.unix_socket) is not None:
        socket_file = shlex.quote(str(path.absolute()))
        return [
            f"Here: curl --unix-socket {socket_file} http://localhost/api/health",
            f"From another machine: ssh -L {port}:{socket_file} {socket.gethostname()},"
            f" then http://127.0.0.1:{port}/api",
        ]
    if peers.can_tell():
        return []
    if settings.require_peer:
        return ["This system does not tell which user a connection belongs to, so every client is refused."]
    if token_of(settings) is None:
        return [
            "This system does not tell which user a connection belongs to: every user of this machine can use the"
            " server. Serve in a file of your own (--unix-socket) or ask for a token (--token-file) to prevent that."
        ]
    return []
