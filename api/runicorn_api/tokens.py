"""The secret that clients have to send where the address alone proves nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

MIN_TOKEN_BYTES = 16
MAX_TOKEN_BYTES = 4096

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What a Bearer token may be (RFC 6750, 2.1)."""


class BadToken(ValueError):
    """No token that could be used; `str(error)` is a sentence fit for a person."""


def check_token(token: str, where: str) -> str:
    """`token` itself. Raises BadToken, naming `where` it was read, never the token."""
    if len(token) > MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token):
        raise BadToken(
            f"{where} must hold one token of ASCII letters, digits and . _ ~ + / - alone:"
            " make one with openssl rand -hex 32"
        )
    if len(token) < MIN_TOKEN_BYTES:
        raise BadToken(
            f"{where} must hold at least {MIN_TOKEN_BYTES} characters, not {len(token)}, or the token can be guessed:"
            " make one with openssl rand -hex 32"
        )
    return token


def read_token(path: Path) -> str:
    """The token in the file `path`, which nobody else may read. Raises BadToken."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if status.st_mode & 0o077 or status.st_uid not in (os.getuid(), 0):
                raise BadToken(f"Token file {path} can be read or changed by others: chmod 600 {path}")
            text = file.read(MAX_TOKEN_BYTES + 2).decode("ascii").strip()
    except OSError as error:
        raise BadToken(f"Token file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    return check_token(text, f"Token file {path}")


def _open_at_once(path: str, flags: int) -> int:
    # A FIFO would have it wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK)
