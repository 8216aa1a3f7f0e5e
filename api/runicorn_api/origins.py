"""Web origins as browsers write them (RFC 6454)."""

from __future__ import annotations

import re

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


def is_origin(text: str) -> bool:
    """Whether `text` is an origin: scheme, host and port, in lower case, nothing behind."""
    return _ORIGIN.fullmatch(text) is not None
