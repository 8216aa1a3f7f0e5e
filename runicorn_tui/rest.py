"""The REST server as the settings want it, for `serve` and for the browser."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

from runicorn_db import __version__
from runicorn_tui.settings import InvalidSetting, Settings

if TYPE_CHECKING:
    from runicorn_api.server import Server
    from runicorn_db.store import Store


def check_settings(settings: Settings) -> None:
    """Raises InvalidSetting for what would open the server to others or cannot be meant."""
    if not _is_loopback(settings.host):
        raise InvalidSetting(
            f"host must be an address of this machine alone, such as 127.0.0.1, not '{settings.host}': REST has no"
            f" passwords. From another machine: ssh -L {settings.port}:127.0.0.1:{settings.port} THIS_MACHINE"
        )
    from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS

    for kind, limit in settings.rate_limits:
        if kind not in DEFAULT_RATE_LIMITS or limit < 1:
            raise InvalidSetting(
                f"rate_limits must give whole numbers from 1 for {', '.join(DEFAULT_RATE_LIMITS)}, not {kind} = {limit}"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_server(store: Store, settings: Settings, *, syncing: Callable[[], bool]) -> Server:
    """A server that holds its port and serves once it is started."""
    from runicorn_api.app import ServerSettings, create_app
    from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS
    from runicorn_api.server import Server

    check_settings(settings)
    app = create_app(
        store,
        ServerSettings(
            version=__version__,
            allowed_hosts=settings.allowed_hosts,
            rate_limits={**DEFAULT_RATE_LIMITS, **dict(settings.rate_limits)} if settings.rate_limit else None,
            syncing=syncing,
        ),
    )
    return Server(app, settings.host, settings.port)
