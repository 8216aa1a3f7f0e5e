"""Opening what lies in a run directory, and nothing outside of it: no link is followed on the way."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from runicorn_db.sources.files import Unreadable, open_directory, open_regular, reason_of

LOG_NAME = b"logs.txt"


@contextmanager
def opened_directory(run_dir: str, path: bytes = b"") -> Generator[int]:
    """A descriptor of a directory of the run, the run directory itself for no path. Raises Unreadable."""
    parent, name = os.path.split(run_dir.rstrip("/"))
    below = os.fsencode(name) + (b"/" + path if path else b"")
    with _held(open_directory(parent or "/", below)) as descriptor:
        yield descriptor


@contextmanager
def opened_file(run_dir: str, path: bytes) -> Generator[int]:
    """A descriptor of a regular file of the run, for reading. Raises Unreadable."""
    directory, _, name = path.rpartition(b"/")
    with opened_directory(run_dir, directory) as holder:
        descriptor = open_regular(name, directory=holder)
    with _held(descriptor):
        yield descriptor


@contextmanager
def _held(descriptor: int) -> Generator[int]:
    """Until it is closed: what fails meanwhile is told as Unreadable."""
    try:
        yield descriptor
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    finally:
        os.close(descriptor)
