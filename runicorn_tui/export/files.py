"""Where an export goes: a file that is there as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runicorn_tui.export import ExportError


def checked(typed: str, roots: Mapping[str, str]) -> Path:
    """The file that was meant; `roots` are path -> name of all storage roots.

    Raises ExportError for what cannot be a file, and for a place inside a storage root that was not typed in full.
    """
    if not typed.strip():
        raise ExportError("An export needs a file name")
    try:
        path = Path(typed).expanduser()
        is_directory = path.is_dir()
        has_parent = path.parent.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise ExportError(f"{typed}: {error}") from error
    if is_directory or typed.endswith(os.sep):
        raise ExportError(f"{path} is a folder")
    if not has_parent:
        raise ExportError(f"There is no folder {path.parent}")
    root = root_of(path, roots)
    if root is not None and not Path(typed).is_absolute():
        raise ExportError(f"{path} lies in the storage root {root}: type its whole path if that is meant")
    return path


def root_of(path: Path, roots: Mapping[str, str]) -> str | None:
    """The name of the storage root that `path` lies in."""
    place = path.parent.resolve()
    return next((name for root, name in roots.items() if place.is_relative_to(Path(root).resolve())), None)


def proposed(stem: str, suffix: str, roots: Mapping[str, str]) -> str:
    """A file name for an export: in the current directory, or at home where that is part of a storage root."""
    here = f"{stem}.{suffix}"
    return here if root_of(Path(here), roots) is None else f"~/{here}"


@contextmanager
def whole_file(path: Path, *, replaces: bool) -> Generator[BinaryIO]:
    """A new file beside `path` that takes its place once all is written, and leaves nothing behind otherwise.

    Raises ExportError where `path` is there and is not to be replaced.
    """
    if not replaces and os.path.lexists(path):
        raise _is_there(path)
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _put(temporary, path, replaces=replaces)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _put(temporary: Path, path: Path, *, replaces: bool) -> None:
    if not replaces:
        try:
            # Unlike a rename it never takes the place of a file that came meanwhile.
            os.link(temporary, path)
        except FileExistsError:
            raise _is_there(path) from None
        except OSError:
            # A file system without links.
            if os.path.lexists(path):
                raise _is_there(path) from None
        else:
            temporary.unlink()
            return
    temporary.replace(path)


def _is_there(path: Path) -> ExportError:
    return ExportError(f"{path} is there already")
