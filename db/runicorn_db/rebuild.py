"""Makes an index anew from the files of its roots, and keeps what of the old one the files do not hold.

The old file is only read, and lies beside the new one afterwards. Nothing is replaced before the new one is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runicorn_db import salvage
from runicorn_db.carrying import carry_over, reserve_batches
from runicorn_db.errors import IndexUnusable, Interrupted, InvalidQuery, NotAnIndex, SchemaTooNew
from runicorn_db.index_file import APPLICATION_ID, migrations
from runicorn_db.salvage import OldRoot, Salvaged
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_db.sync_report import SyncProgress

# Where SQLite notes who has a database open, in locks of these bytes of the file: see "Locking" in its os_unix.c.
_SHARED_FIRST = 0x40000002
_SHARED_SIZE = 510
_SIDE_FILES = ("-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did. `carried` counts what only the old index knew: tags, pins, descriptions, deletions.

    `is_whole` is False when parts of the old index could not be read, and may have held more of that.
    """

    backup: Path
    experiments: int
    in_trash: int
    carried: int
    batches: int
    is_whole: bool


def rebuild(
    path: Path,
    roots: list[Path],
    *,
    progress: Callable[[SyncProgress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Rebuilt:
    """Replace the index `path` by one read from the files of its roots and of `roots`; the old one is kept aside.

    With `roots`, those that the old index names and that are not there are left out.

    Raises `NotAnIndex` or `SchemaTooNew` for a file that is left alone, `IndexUnusable` when another process has it
    open, a root cannot be read, or none is known, and `Interrupted`. Nothing is changed then.
    """
    path = path.expanduser().absolute()
    _check_ours(path)
    new = path.with_name(f"{path.name}.new-{os.getpid()}")
    with _alone(path) as still_alone:
        old = salvage.read(path)
        try:
            with Store(new) as store:
                carried = _fill(store, old, roots, progress, should_stop)
                counts = store.health().experiments, len(store.trash())
            still_alone()
            backup = _swap(path, new)
        finally:
            for end in ("", *_SIDE_FILES, ".lock", ".purge.lock"):
                new.with_name(new.name + end).unlink(missing_ok=True)
    return Rebuilt(
        backup=backup,
        experiments=counts[0],
        in_trash=counts[1],
        carried=carried,
        batches=len(old.batches),
        is_whole=old.is_whole,
    )


def _check_ours(path: Path) -> None:
    """By the bytes themselves: of a damaged file SQLite may refuse to tell even what it is."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise IndexUnusable(f"Cannot open the index {path}: {error.strerror}; name another file with --db") from error
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        raise NotAnIndex(f"{path} is not an index of runicorn-tui; it was left alone: move it away and sync again")
    version, application = struct.unpack(">i4xi", head[60:72])
    if application != APPLICATION_ID:
        raise NotAnIndex(f"{path} is another program's database; it was left alone: name another file with --db")
    if version > len(migrations()):
        raise SchemaTooNew(f"{path} was written by a newer runicorn-tui: upgrade, and let that one rebuild it")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[Callable[[], None]]:
    """Nobody else writes to the index inside, nor has it open; what is given asks the latter again."""
    in_use = IndexUnusable(
        f"{path} is open in another process, a server or a browser say: stop it and try again; nothing was changed"
    )

    def check() -> None:
        # Who opened a database holds a shared lock on these bytes for as long.
        with path.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
            except OSError:
                raise in_use from None

    with path.with_name(path.name + ".lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise in_use from None
        check()
        yield check


def _fill(
    store: Store,
    old: Salvaged,
    roots: list[Path],
    progress: Callable[[SyncProgress], None] | None,
    should_stop: Callable[[], bool],
) -> int:
    for root in old.roots:
        if Path(root.path).is_dir():
            _add(store, root)
        elif not roots:
            raise _unreadable(root.name, root.path)
    for path in roots:
        store.add_root(path)
    if not store.root_names():
        raise IndexUnusable(
            f"The roots cannot be read from {old.path}: name them, as in runicorn-tui doctor --rebuild ~/runs"
        )
    reserve_batches(store.database, old)
    report = sync(store, progress=progress, should_stop=should_stop)
    if not report.is_complete:
        raise Interrupted("The rebuild was interrupted; nothing was changed")
    found = {root.path: root for root in store.roots()}
    for root in [] if roots else old.roots:
        now = found[str(Path(root.path).resolve())]
        if now.state == "unreadable" or (root.experiments and not now.experiments):
            raise _unreadable(root.name, root.path)
    return carry_over(store.database, old)


def _add(store: Store, root: OldRoot) -> None:
    try:
        store.add_root(root.path, root.name)
    except InvalidQuery:
        # Of a damaged index only the name is not one.
        store.add_root(root.path)


def _unreadable(name: str, path: str) -> IndexUnusable:
    return IndexUnusable(
        f"Root {name} ({path}) cannot be read now, and what the index alone knows of it would be lost: mount it and"
        " try again, or name the roots to rebuild it from; nothing was changed"
    )


def _swap(path: Path, new: Path) -> Path:
    """Put the new file in the place of the old one; where the old one is now."""
    backup, number = path.with_name(path.name + ".bak"), 2
    while backup.exists():
        backup, number = path.with_name(f"{path.name}.bak{number}"), number + 1
    path.rename(backup)
    for end in _SIDE_FILES:
        # Before the new file comes: the log of the old one must never be taken for its own.
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(backup.with_name(backup.name + end))
    new.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return backup
