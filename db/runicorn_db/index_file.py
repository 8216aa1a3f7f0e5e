"""What an index file is: a regular file on a local disk, with the newest schema, and an SQLite that can read it."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import sqlite3
import stat
from pathlib import Path

from runicorn_db import errors

APPLICATION_ID = 1383427689
OLDEST_SQLITE = (3, 34, 0)
NETWORK_FILESYSTEMS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2"}
    | {"glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2", "panfs", "pvfs2", "smb3", "smbfs"}
)


def check_sqlite() -> None:
    """Raises `IndexUnusable` when this interpreter's SQLite is too old or has no trigram search."""
    advice = "run it with an interpreter that brings its own SQLite: uvx --python 3.13 runicorn-tui"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise errors.IndexUnusable(f"SQLite {sqlite3.sqlite_version} is too old (3.34 is needed): {advice}")
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5 (text, tokenize = 'trigram')")
        except sqlite3.OperationalError as error:
            raise errors.IndexUnusable(f"SQLite {sqlite3.sqlite_version} has no full-text search: {advice}") from error


def network_filesystem(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The type of the network filesystem that `path` is or would be on, None on a local one (or where unknown)."""
    try:
        lines = mountinfo.read_text(errors="replace").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, found = -1, None
    for line in lines:
        left, _, right = line.partition(" - ")
        mount_point = left.split()[4].replace("\\040", " ")
        if (real + "/").startswith(mount_point.rstrip("/") + "/") and len(mount_point) >= best:
            best, found = len(mount_point), right.split()[0]
    return found if found in NETWORK_FILESYSTEMS else None


def prepare_file(path: Path) -> None:
    """Make an empty file where there is none. Raises `IndexUnusable`, `NotAnIndex` for what cannot become an index."""
    if (kind := network_filesystem(path)) is not None:
        raise errors.IndexUnusable(
            f"{path} is on a network filesystem ({kind}), where SQLite cannot share an index safely:"
            " name a file on a local disk with --db"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except IsADirectoryError:
        raise errors.NotAnIndex(f"{path} is a folder: name a file with --db") from None
    except OSError as error:
        raise errors.IndexUnusable(
            f"Cannot open the index {path}: {error.strerror}; name another file with --db"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise errors.NotAnIndex(f"{path} is not a regular file: name another one with --db")
        head = os.pread(descriptor, 16, 0)
    finally:
        os.close(descriptor)
    if head and head != b"SQLite format 3\0":
        raise errors.NotAnIndex(
            f"{path} is not an index of runicorn-tui; it was left alone: move it away, or name another file with --db"
        )


def migrations() -> list[str]:
    """The SQL of each schema version, oldest first; version n is the n-th."""
    folder = importlib.resources.files("runicorn_db") / "migrations"
    return [
        file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".sql")
    ]


def pending_migrations(path: Path, timeout: float) -> list[str]:
    """What the file lacks of the newest schema. Raises `NotAnIndex`, `SchemaTooNew`."""
    with contextlib.closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        return _pending(path, connection)


def migrate(path: Path, timeout: float) -> None:
    """Bring the file to the newest schema, all or nothing; a foreign or newer file is left alone."""
    with contextlib.closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        pending = _pending(path, connection)
        if not pending:
            return
        connection.execute("PRAGMA journal_mode = wal")
        for number, step in enumerate(pending, len(migrations()) - len(pending) + 1):
            connection.executescript(f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {number};\nCOMMIT;")


def _pending(path: Path, connection: sqlite3.Connection) -> list[str]:
    steps = migrations()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or application):
        raise errors.NotAnIndex(f"{path} is another program's database; it was left alone: name another file with --db")
    if version > len(steps):
        raise errors.SchemaTooNew(
            f"{path} was written by a newer runicorn-tui (schema {version}, this one knows {len(steps)}):"
            " upgrade, or name another file with --db"
        )
    return steps[version:]
