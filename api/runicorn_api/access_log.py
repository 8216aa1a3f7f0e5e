"""One line for each answer, for people or for programs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from runicorn_api.exchanges import Exchange, Observer

MAX_TARGET = 2048
"""Characters of a request's target that are written."""


def access_log(style: str) -> Observer | None:
    """What writes the lines to stderr, as `text` or `json`; None for `off`."""
    if style == "off":
        return None
    write_line = _text if style == "text" else _json

    def observe(exchange: Exchange) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            # In one piece: other threads write too.
            sys.stderr.write(write_line(exchange, now) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            # Whoever read the log has gone; the server stays.
            pass

    return observe


def _text(exchange: Exchange, now: str) -> str:
    request = _quoted(f"{exchange.method} {exchange.target}")
    milliseconds = f"{1000 * exchange.seconds:.1f}ms"
    return f"{now} {exchange.client} {request} {exchange.status} {exchange.size_bytes} {milliseconds}"


def _json(exchange: Exchange, now: str) -> str:
    return _quoted(
        {
            "time": now,
            "client": exchange.client,
            "method": exchange.method,
            "target": exchange.target[:MAX_TARGET],
            "route": exchange.route,
            "status": exchange.status,
            "bytes": exchange.size_bytes,
            "ms": round(1000 * exchange.seconds, 2),
        }
    )


def _quoted(value: object) -> str:
    """JSON in printable ASCII: nothing in it ends a line, or moves the cursor of whoever reads the log."""
    short = value[:MAX_TARGET] if isinstance(value, str) else value
    return json.dumps(short).replace("\x7f", "\\u007f")
