"""A request and what it was answered, as logs and counters see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PEER_UID = "runicorn.peer_uid"
"""In the environment of a request: a function for the user at the other end, as `peers.uid_of` gives it."""

WAITED_SECONDS = "runicorn.waited_seconds"
"""In the environment of a request: how long it waited for a thread after it was complete."""

ROUTE = "runicorn.route"
"""In the environment of a request: the application writes there which of its routes was asked."""

NO_ROUTE = "none"
"""The route of requests that reached none: unknown paths, and what could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """`target` is the path with its parameters as they were sent, `route` the template it belongs to.

    `size_bytes` counts the body; `seconds` runs from the complete request to the last byte handed to the system
    or kept for a slow client.
    """

    client: str
    method: str
    target: str
    route: str
    status: int
    size_bytes: int
    seconds: float


Observer = Callable[[Exchange], None]
"""Called by the thread that answered; it must be quick and never raise."""
