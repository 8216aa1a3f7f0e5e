"""One line for each answer, for people or for programs."""

from __future__ import annotations

import json
import select
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from runicorn_api.exchanges import Exchange, Observer

MAX_TARGET = 2048
"""Characters of a request's target that are written, fewer where many of them have to be escaped."""

_MAX_METHOD = 32
_MAX_SENTENCE = select.PIPE_BUF // 4 - 1
_MOST_ESCAPED = 6
"""Characters that one may take when it is escaped."""


_writing = threading.Lock()
"""One line at a time: the room that there is for one may be the last."""


class Log:
    """Writes the lines to stderr. Thread-safe; whoever reads them slowly, or not at all, holds up no request."""

    def __init__(self, write_line: Callable[[Exchange, str], str]) -> None:
        self._write_line = write_line
        self._lost = 0

    def observe(self, exchange: Exchange) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = self._write_line(exchange, now)
        with _writing:
            if not _write(line):
                self._lost += 1
            elif self._lost and _write(json.dumps({"time": now, "lost": self._lost})):
                self._lost = 0


def access_log(style: str) -> Observer | None:
    """What writes the lines to stderr, as `text` or `json`; None for `off`."""
    if style == "off":
        return None
    return Log(_text if style == "text" else _json).observe


def say(sentence: str) -> None:
    """A line on stderr between those of the log, which nobody has to read either."""
    with _writing:
        _write(sentence[:_MAX_SENTENCE])


def _write(line: str) -> bool:
    """Whether there was room for the line."""
    if not _has_room():
        return False
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        # Whoever read it has gone; the server stays.
        pass
    return True


def _has_room() -> bool:
    """Whether stderr takes a line (a pipe, PIPE_BUF bytes) at once: its reader may have paused."""
    try:
        poll = select.poll()
        poll.register(sys.stderr, select.POLLOUT)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        # No file at all, or closed: the attempt to write tells.
        return True


def _text(exchange: Exchange, now: str) -> str:
    request = _quoted(f"{exchange.method[:_MAX_METHOD]} {exchange.target}")
    milliseconds = f"{1000 * exchange.seconds:.1f}ms"
    return f"{now} {exchange.client} {request} {exchange.status} {exchange.size_bytes} {milliseconds}"


def _json(exchange: Exchange, now: str) -> str:
    return _quoted(
        {
            "time": now,
            "client": exchange.client,
            "method": exchange.method[:_MAX_METHOD],
            "target": _cut(exchange.target),
            "route": exchange.route,
            "status": exchange.status,
            "bytes": exchange.size_bytes,
            "ms": round(1000 * exchange.seconds, 2),
        }
    )


def _quoted(value: object) -> str:
    """JSON in printable ASCII: nothing in it ends a line, or moves the cursor of whoever reads the log."""
    short = _cut(value) if isinstance(value, str) else value
    return json.dumps(short).replace("\x7f", "\\u007f")


def _cut(text: str) -> str:
    # The line must not be longer than what a pipe with any room takes.
    is_long = len(json.dumps(text[:MAX_TARGET])) > 3 * MAX_TARGET // 2
    return text[: MAX_TARGET // _MOST_ESCAPED if is_long else MAX_TARGET]
