"""Where the index is, and opening it."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click
import platformdirs

from runicorn_db.errors import IndexUnusable
from runicorn_tui.settings import APP_NAME, Settings

if TYPE_CHECKING:
    from runicorn_db.store import Store

INDEX_NAME = "index.db"
LOCAL_DIRECTORY = Path("/var/tmp")


def default_index() -> Path:
    """The index in the data directory of this user, wherever that lies."""
    return platformdirs.user_data_path(APP_NAME) / INDEX_NAME


def index_path(settings: Settings) -> Path:
    """The index file to use: below LOCAL_DIRECTORY where the default one would lie on a network filesystem."""
    if settings.db is not None:
        return settings.db
    from runicorn_db.index_file import network_filesystem

    path = default_index()
    kind = network_filesystem(path)
    if kind is None:
        return path
    fallback = LOCAL_DIRECTORY / f"{APP_NAME}-{os.getuid()}"
    if _make_private(fallback):
        message = f"{path.parent} lies on a network filesystem ({kind}): the index is kept in {fallback} instead."
        click.echo(message, err=True)
    return fallback / INDEX_NAME


def _make_private(directory: Path) -> bool:
    """Whether the directory was made now. Anyone may write to /var/tmp, so one that is not ours alone is refused."""
    try:
        directory.mkdir(mode=0o700)
        return True
    except FileExistsError:
        status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise IndexUnusable(f"{directory} is not a private directory of yours; name another index with --db")
    return False


def is_there(path: Path) -> bool:
    """Whether there is a file. Raises IndexUnusable when that cannot be known."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        sentence = f"Cannot open the index {path}: {error.strerror}; name another file with --db"
        raise IndexUnusable(sentence) from error
    return True


def option(settings: Settings) -> str:
    """What a command line that we suggest needs at its end, to work on this index and not on the default one."""
    return "" if settings.db is None else f" --db {shlex.quote(str(settings.db))}"


def open_index(settings: Settings, *, create: bool = False) -> Store:
    """The store of the index in force. With `create` a missing one is made.

    Raises IndexUnusable, with what to run, when there is none.
    """
    path = index_path(settings)
    if not create and not is_there(path):
        advice = f"make one with: runicorn-tui sync [ROOT]...{option(settings)}"
        raise IndexUnusable(f"There is no index at {path} yet; {advice}")
    from runicorn_db.store import Store

    return Store(path)
