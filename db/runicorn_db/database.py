"""Opens the index: one way to read and one way to write it.

Pony owns the connections (one per thread). Reads are snapshots on that connection; writes are short
transactions under a lock file, because SQLite up to 3.51.2 can corrupt a WAL database when a
checkpoint races with a commit, and because its busy handler is not fair between processes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from pony import orm
from pony.orm.core import DatabaseContainsIncorrectValue, DBException, TransactionError

from runicorn_db import errors
from runicorn_db.entities import define_entities
from runicorn_db.index_file import check_sqlite, migrate, pending_migrations, prepare_file
from runicorn_db.patterns import begin_question, matches
from runicorn_db.text import fold, printable
from runicorn_db.time_limits import within_limit

# Pony only warns of a null that no table of ours allows, and hands it out.
warnings.filterwarnings("error", category=DatabaseContainsIncorrectValue)

_CHECKPOINT_BYTES = 16 << 20
_TRUNCATE_BYTES = 48 << 20
_RETRY_BYTES = 4 << 20
_PATIENCE_MILLISECONDS = 4200
"""Longer than two questions over HTTP take, one after the other, and shorter than other writers wait."""
_LOCK_POLL_SECONDS = 0.004
_LONGEST_REASON = 200


class Interrupt:
    """Lets one thread take back the question that another is asking of the store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """Make the running question, or the next one with this object, raise `errors.Interrupted`."""
        with self._lock:
            self._is_cancelled = True
            if self._connection is not None:
                self._connection.interrupt()

    def check(self) -> None:
        if self._is_cancelled:
            raise errors.Interrupted("The question was taken back")

    @contextlib.contextmanager
    def watching(self, connection: sqlite3.Connection) -> Iterator[None]:
        with self._lock:
            self.check()
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None


class Database:
    """One index file, opened; created and brought to the newest schema where needed.

    Raises `IndexUnusable` (or a subclass) with a sentence that says what to do.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        self.path = Path(path).expanduser().absolute()
        self.timeout = timeout
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._write_lock = threading.Lock()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._connections_lock = threading.Lock()
        self._watching: sqlite3.Connection | None = None
        self._watching_lock = threading.Lock()
        self._token = os.urandom(8).hex()
        self._truncate_from = _TRUNCATE_BYTES
        check_sqlite()
        prepare_file(self.path)
        self._identity = _identity(self.path)
        # Without the lock where there is nothing to change: a sync in another process may hold it.
        with _unusable_if_broken(self.path):
            if pending_migrations(self.path, timeout):
                with self._locked():
                    migrate(self.path, timeout)
        self.pony = orm.Database()
        self.entities = define_entities(self.pony)
        # A lambda: Pony registers plain functions only and passes over a bound method in silence.
        self.pony.on_connect(provider="sqlite")(lambda _, connection: self._configure(connection))
        with _unusable_if_broken(self.path):
            self.pony.bind(
                "sqlite",
                str(self.path),
                create_db=False,
                timeout=timeout,
                check_same_thread=False,
                cached_statements=256,
            )
            # The tables are made by the migrations; create_tables=True would take the write lock at every start.
            self.pony.generate_mapping(create_tables=False, check_tables=False)

    def _configure(self, connection: sqlite3.Connection) -> None:
        with self._connections_lock:
            for thread in [thread for thread in self._connections if not thread.is_alive()]:
                self._connections.pop(thread).close()
            self._connections[threading.current_thread()] = connection
        connection.text_factory = str
        for pragma in (
            "journal_mode = wal",
            "synchronous = normal",
            "wal_autocheckpoint = 0",
            # Below what calls for a checkpoint: a log that was long once would call for one at every commit.
            f"journal_size_limit = {_CHECKPOINT_BYTES // 2}",
            "temp_store = memory",
            # Of every thread; more of it is no faster: what does not fit here the system keeps.
            "cache_size = -2000",
            # Pony switches this on; searches here fold case themselves and use no LIKE.
            "case_sensitive_like = false",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.create_function("fold", 1, _fold_or_none, deterministic=True)
        connection.create_function("matches", 2, matches, deterministic=True)

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection, as Pony has it now. Needs a db_session around it."""
        try:
            self.pony.select("1")
        except OSError as error:
            raise errors.QueryFailed(f"Database query failed: {self.path} is gone") from error
        return self._connections[threading.current_thread()]

    @contextlib.contextmanager
    def snapshot(self, interrupt: Interrupt | None = None) -> Iterator[sqlite3.Connection]:
        """Everything read inside is of one moment; writers are not held up."""
        with translated(), orm.db_session:
            connection = self._connection()
            begin_question()
            with interrupt.watching(connection) if interrupt else contextlib.nullcontext():
                connection.execute("BEGIN")
                try:
                    with within_limit(connection), damage_told():
                        yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One write transaction, committed at the end; `durable` survives a power cut as well as a crash.

        Raises `StoreBusy` when other writers do not let go in time, `StorageFull` when nothing could be written.
        """
        with translated(), self._locked(), orm.db_session:
            connection = self._connection()
            connection.execute(f"PRAGMA synchronous = {'full' if durable else 'normal'}")
            connection.execute("BEGIN IMMEDIATE")
            begin_question()
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._checkpoint(connection)

    def give_way(self) -> None:
        """Between two of many writes: who waits for the lock asks only now and then, and gets it now."""
        time.sleep(3 * _LOCK_POLL_SECONDS)

    def stamp(self) -> str | None:
        """Another text after every change to the index, whoever made it; None where that cannot be told.

        What was read between two equal stamps is of the one state that both name.
        """
        with translated(), self._watching_lock:
            if self._watching is None:
                self._watching = sqlite3.connect(
                    self.path, timeout=self.timeout, isolation_level=None, check_same_thread=False
                )
            # The number moves with the commits of other connections only, so this one never writes.
            ((version,),) = self._watching.execute("PRAGMA data_version").fetchall()
        # Threads that read may hold another file than the watching one when the path was given a new one.
        return f"{self._token}-{version}" if _identity(self.path) == self._identity else None

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        # Here and nowhere else (autocheckpoint is off): the lock is held, so no commit can race with it.
        try:
            size = self.path.with_name(self.path.name + "-wal").stat().st_size
        except FileNotFoundError:
            return
        if size <= _CHECKPOINT_BYTES:
            return
        # Readers that follow each other without a gap never let the log begin anew: then they are waited for, and
        # those that come meanwhile read the file itself. After one that took longer, only when the log has grown.
        is_patient = size > self._truncate_from
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MILLISECONDS if is_patient else 50}")
        is_blocked = True
        # What is committed is safe in the log: a full disk or a long reader only puts this off.
        with contextlib.suppress(sqlite3.OperationalError):
            mode = "truncate" if is_patient else "passive"
            ((is_blocked, _, _),) = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        connection.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")
        if is_patient:
            self._truncate_from = size + _RETRY_BYTES if is_blocked else _TRUNCATE_BYTES

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        deadline = time.monotonic() + self.timeout
        if not self._write_lock.acquire(timeout=self.timeout):
            raise errors.StoreBusy("Database is busy")
        try:
            try:
                descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise errors.StorageFull("Storage is full: nothing was changed") from error
                raise errors.QueryFailed(f"Database query failed: {self._lock_path}: {error.strerror}") from error
            try:
                if not take_lock(descriptor, deadline):
                    raise errors.StoreBusy("Database is busy")
                yield
            finally:
                os.close(descriptor)
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Close the connections of every thread; the last one to close moves the WAL into the file."""
        # Who cannot have the lock leaves the closing to the end of the process: the last to close checkpoints.
        with contextlib.suppress(errors.StoreBusy), self._locked(), self._connections_lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()
            with self._watching_lock:
                if self._watching is not None:
                    self._watching.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _fold_or_none(value: object) -> str | None:
    return None if value is None else fold(str(value))


def take_lock(descriptor: int, deadline: float) -> bool:
    """Lock an open file for this process alone; False when others hold it until `deadline` (monotonic seconds)."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_POLL_SECONDS)


@contextlib.contextmanager
def _unusable_if_broken(path: Path) -> Iterator[None]:
    try:
        yield
    except errors.StoreBusy:
        raise errors.IndexUnusable(f"{path} is in use by another process that does not let go: try again") from None
    except (sqlite3.Error, DBException, UnicodeDecodeError) as error:
        raise errors.NotAnIndex(
            f"{path} cannot be used as an index ({_reason(error)}); it was left alone: mend it with runicorn-tui"
            " doctor --rebuild, or move it away and make it again with runicorn-tui sync ROOT..., or name another file"
            " with --db"
        ) from error


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turns what SQLite and Pony raise into the store's own errors."""
    try:
        yield
    except DBException as error:
        original = getattr(error, "original_exc", None)
        cause = original if isinstance(original, sqlite3.Error) else sqlite3.Error(str(error))
        raise _translate(cause) from error
    except sqlite3.Error as error:
        raise _translate(error) from error
    except (UnicodeDecodeError, DatabaseContainsIncorrectValue) as error:
        # Text of a damaged file, and nothing where no version of ours leaves it.
        raise errors.QueryFailed("Database query failed: the index holds damaged text") from error


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """For reading only: what is read is as we wrote it, unless the file was damaged where SQLite cannot see it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TransactionError, TypeError, ValueError) as error:
        raise errors.QueryFailed("Database query failed: the index holds damaged values") from error


def _translate(error: sqlite3.Error) -> errors.StoreError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return errors.StoreBusy("Database is busy")
    if name == "SQLITE_FULL":
        return errors.StorageFull("Storage is full: nothing was changed")
    if name == "SQLITE_INTERRUPT":
        return errors.Interrupted("The question was taken back")
    if "user-defined function raised exception" in str(error):
        return errors.InvalidQuery("The regular expression takes too long: make it simpler")
    if str(error).startswith("Could not decode to UTF-8"):
        # Goes on with the bytes themselves.
        return errors.QueryFailed("Database query failed: the index holds damaged text")
    return errors.QueryFailed(f"Database query failed: {_reason(error)}")


def _reason(error: Exception) -> str:
    # Of a damaged schema SQLite quotes all lines, with whatever is in them.
    return printable(str(error).partition("\n")[0][:_LONGEST_REASON])
