"""The lines of a run's log, as the server streams them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runicorn_tui.client.errors import ClientError, ConnectionLost, NotFound, RateLimited, Refused, ServerError
from runicorn_tui.client.websocket import Closed, WebSocket

SILENCE_SECONDS = 75.0
"""The server asks for a sign of life every 20 seconds: one that is silent for so long is gone."""

_ENDED = 1000
_REFUSALS: Mapping[int, tuple[type[Refused], int]] = {
    1011: (ServerError, 500),
    1013: (RateLimited, 429),
    4404: (NotFound, 404),
}
"""What the codes mean by which the server ends a stream, as the statuses of other answers."""


def lines_of(web_socket: WebSocket, *, follow: bool) -> Iterator[str]:
    """The lines that a stream brings, until the run has ended or, without `follow`, there are no more for now.

    Closes the stream. Raises ClientError.
    """
    try:
        yield from _followed(web_socket) if follow else _caught_up(web_socket)
    except Closed as end:
        if end.code != _ENDED:
            raise _error_of(end) from None
    finally:
        web_socket.close()


def _followed(web_socket: WebSocket) -> Iterator[str]:
    while True:
        line = web_socket.receive(SILENCE_SECONDS)
        if line is not None:
            yield line


def _caught_up(web_socket: WebSocket) -> Iterator[str]:
    """Lines until a ping is answered without one before the answer: then the server had none left to send."""
    has_more = True
    while has_more:
        has_more = False
        web_socket.ping()
        while (line := web_socket.receive(SILENCE_SECONDS)) is not None:
            has_more = True
            yield line


def _error_of(end: Closed) -> ClientError:
    if end.code in _REFUSALS:
        kind, status = _REFUSALS[end.code]
        return kind(end.reason, status)
    return ConnectionLost(f"The server ended the log stream: {end.reason or end.code}")
