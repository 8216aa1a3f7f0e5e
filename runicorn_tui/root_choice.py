"""Which storage roots a command works on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.format import plural
from runicorn_tui.index import index_path, is_there, open_index
from runicorn_tui.output import note
from runicorn_tui.settings import Settings

if TYPE_CHECKING:
    from runicorn_db.store import Store


def open_with_roots(
    settings: Settings, given: Sequence[Path], *, needs_root: bool = False
) -> tuple[Store, tuple[str, ...]]:
    """The store, made if there was none, and the names of the roots to work on; none means all that it holds.

    Those are the given ones, otherwise the one that Runicorn itself would use. New ones are added, not read.
    Raises UsageError for a path that is neither a folder nor a root of the index, and with `needs_root` when there is
    no root at all; no index is made then.
    """
    paths = [path.expanduser().resolve() for path in given]
    absent = [shown for shown, path in zip(given, paths, strict=True) if not path.is_dir()]
    is_new = not is_there(index_path(settings))
    if absent and is_new:
        raise _no_folder(absent[0])
    if needs_root and is_new and not given and _default({}) is None:
        raise _no_root()
    store = open_index(settings, create=True)
    try:
        names = _names(store, given, paths)
        if needs_root and not names and not store.root_names():
            raise _no_root()
        return store, names
    except BaseException:
        store.close()
        raise


def _names(store: Store, given: Sequence[Path], paths: Sequence[Path]) -> tuple[str, ...]:
    known = store.root_names()
    if not given:
        default = _default(known)
        paths = [] if default is None else [default]
        given = paths
    names: list[str] = []
    for shown, path in zip(given, paths, strict=True):
        # An unmounted root is still a root of the index.
        if str(path) not in known and not path.is_dir():
            raise _no_folder(shown)
        names.append(known.get(str(path)) or store.add_root(path).name)
    return tuple(dict.fromkeys(names))


def _default(known: dict[str, str]) -> Path | None:
    from runicorn_db.sources.locate import default_root

    default = default_root(os.environ, Path.cwd())
    if default is None:
        return None
    if default.path.is_dir() or str(default.path) in known:
        return default.path
    note(f"{default.origin} names {default.path}, which is not there.")
    return None


def new_roots(store: Store, names: Sequence[str]) -> list[str]:
    """Those of the roots (none named: of all) that were never read to the end."""
    return [root.name for root in store.roots() if root.last_synced_at is None and (not names or root.name in names)]


def note_unread(store: Store, names: Sequence[str]) -> tuple[int, int]:
    """Says which of the roots (none named: of all) could not be read; how many those are, and of how many."""
    chosen = [root for root in store.roots() if not names or root.name in names]
    unread = [root for root in chosen if root.state in ("unreadable", "empty")]
    for root in unread:
        kept = f"; what the index holds of it ({plural(root.experiments, 'experiment')}) stays"
        note(f"Root {root.name} was not read: {root.problem or root.path}{kept if root.experiments else ''}.")
    return len(unread), len(chosen)


def _no_root() -> click.UsageError:
    return click.UsageError("There is no storage root here: name one, as in runicorn-tui sync ~/runs")


def _no_folder(path: Path) -> click.UsageError:
    from runicorn_tui.cli import suggestion

    return click.UsageError(f"There is no folder {path}.{suggestion(str(path))}")
