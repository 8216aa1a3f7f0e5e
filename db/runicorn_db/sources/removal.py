"""Removing run directories for good, without ever touching anything else.

Each step from the root down is taken from an open directory to the next without following links, so
nobody can lead it astray by swapping a folder for a link meanwhile. A run directory is first moved aside,
in one step, into a folder of ours in the root; what lies there is then removed from within.

That folder is `.runicorn-tui-purge/<user number>/`. It is hidden, as our own scan passes over it, and
two levels deep: Runicorn takes every folder of `<any>/<any>/runs` for a run, and a run may hold a folder `runs`.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from runicorn_db.sources.files import reason_of

ASIDE_NAME: Final = b".runicorn-tui-purge"
MAX_DEPTH: Final = 100
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Taken = Callable[[bytes], bool]
"""Whether what lies at this path below the run directory is to be removed."""


class Refused(Exception):
    """Nothing was removed; the text is a sentence fit for a person."""


class NotRemoved(Exception):
    """Not everything could be removed; the text says what the system said."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that is open, told apart from all others on this host."""

    device: int
    inode: int
    mount: str

    @classmethod
    def of(cls, directory: int) -> Place:
        status = os.fstat(directory)
        return cls(status.st_dev, status.st_ino, _mount_of(directory))

    def shares_mount_with(self, other: Place) -> bool:
        return (self.device, self.mount) == (other.device, other.mount)


def _mount_of(directory: int) -> str:
    """The number of the mount (Linux): a folder mounted from the same disk has the same device."""
    with suppress(OSError), open(f"/proc/self/fdinfo/{directory}", encoding="ascii") as lines:
        return next((line for line in lines if line.startswith("mnt_id:")), "")
    return ""


@dataclass(slots=True)
class Tally:
    """How many files were found or removed, and what that frees: nothing for one that keeps a name elsewhere."""

    file_count: int = 0
    _freed_bytes: int = 0
    # Of files with several names: how many names there are, how many were seen, and the size.
    _linked: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)

    @property
    def freed_bytes(self) -> int:
        return self._freed_bytes + sum(size for names, seen, size in self._linked.values() if seen >= names)

    def see(self, status: os.stat_result) -> None:
        self.file_count += 1
        if not stat.S_ISREG(status.st_mode):
            return
        if status.st_nlink == 1:
            self._freed_bytes += status.st_size
        else:
            self._see_link((status.st_dev, status.st_ino), status.st_nlink, 1, status.st_size)

    def removed(self, status: os.stat_result) -> None:
        """`status` was taken right before: the last name frees the file."""
        self.file_count += 1
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            self._freed_bytes += status.st_size

    def add(self, other: Tally) -> None:
        self.file_count += other.file_count
        self._freed_bytes += other._freed_bytes
        for key, (names, seen, size) in other._linked.items():
            self._see_link(key, names, seen, size)

    def _see_link(self, key: tuple[int, int], names: int, seen: int, size: int) -> None:
        _, before, _ = self._linked.get(key, (0, 0, 0))
        self._linked[key] = (names, before + seen, size)


class OpenRoot:
    """A storage root, opened once. Raises Refused when it cannot be opened or, later, is another directory."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            # The root itself may be reached by links: the user named it.
            self._directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Refused(f"{path}: {reason_of(error)}") from error
        self.place = Place.of(self._directory)

    def close(self) -> None:
        os.close(self._directory)

    def __enter__(self) -> OpenRoot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def text_of(self, path: bytes) -> str:
        """The full path as text, for sentences and the journal."""
        return os.fsdecode(os.fsencode(self.path) + b"/" + path)

    @contextmanager
    def opened(self, path: bytes) -> Iterator[int]:
        """The directory `path` below the root. Raises Refused; FileNotFoundError when it is not there."""
        directory = os.dup(self._directory)
        try:
            self._check_identity()
            for part in path.split(b"/") if path else ():
                if part in (b"", b".", b".."):
                    raise self._outside(path)
                try:
                    below = os.open(part, _OPEN_DIRECTORY, dir_fd=directory)
                except OSError as error:
                    if error.errno in (errno.ELOOP, errno.ENOTDIR):
                        raise self._outside(path) from error
                    raise
                os.close(directory)
                directory = below
            yield directory
        finally:
            os.close(directory)

    def exists(self, path: bytes) -> bool:
        try:
            with self.opened(path):
                return True
        except FileNotFoundError:
            return False

    def move(self, source: bytes, target: bytes, *, place: Place | None = None) -> None:
        """Rename the directory `source`, which is at `place`, to `target`; the folder of `target` is there.

        Raises Refused when something else is there by now (it stays), FileExistsError when `target` is taken.
        """
        (source_folder, source_name), (target_folder, target_name) = _split(source), _split(target)
        with self.opened(source_folder) as before, self.opened(target_folder) as after:
            if _exists(target_name, after):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.rename(source_name, target_name, src_dir_fd=before, dst_dir_fd=after)
            moved = os.stat(target_name, dir_fd=after, follow_symlinks=False)
            if place is not None and (moved.st_dev, moved.st_ino) != (place.device, place.inode):
                if not _exists(source_name, before):
                    os.rename(target_name, source_name, src_dir_fd=after, dst_dir_fd=before)
                raise Refused(f"Refused: {self.text_of(source)} was replaced while it was looked at")

    def make_folders(self, path: bytes, *, mode: int = 0o777) -> None:
        """Make the folder `path` and those above it that are missing."""
        parts = path.split(b"/")
        for depth in range(1, len(parts) + 1):
            with self.opened(b"/".join(parts[: depth - 1])) as directory, suppress(FileExistsError):
                os.mkdir(parts[depth - 1], mode, dir_fd=directory)

    @staticmethod
    def new_aside() -> bytes:
        """A path where nothing is yet, in the folder for what is moved aside."""
        return _aside_folder() + b"/" + secrets.token_hex(8).encode()

    def make_aside_folders(self) -> None:
        """Make the folder for what is moved aside where it is missing. Raises Refused when it is not ours alone."""
        with self.opened(b"") as directory, suppress(FileExistsError):
            os.mkdir(ASIDE_NAME, dir_fd=directory)
            # Others who may write into the root purge there too.
            os.chmod(ASIDE_NAME, stat.S_IMODE(os.fstat(directory).st_mode), dir_fd=directory)
        folder = _aside_folder()
        self.make_folders(folder, mode=0o700)
        with self.opened(folder) as directory:
            status = os.fstat(directory)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise Refused(f"Refused: others can reach into {self.text_of(folder)}")

    def end_aside(self, aside: bytes) -> None:
        """Have what was moved to `aside` and removed be gone after a power cut too; drop the folder when it is empty.

        Raises OSError when that cannot be made sure of.
        """
        folder = _split(aside)[0]
        with suppress(FileNotFoundError), self.opened(folder) as directory:
            make_durable(directory)
        for name in (folder, ASIDE_NAME):
            # Something else that lies aside keeps it.
            with suppress(OSError, Refused), self.opened(_split(name)[0]) as directory:
                os.rmdir(_split(name)[1], dir_fd=directory)

    def survey(self, directory: int, taken: Taken | None = None) -> Tally:
        """What removing an open run directory (or what is `taken` of it) would remove. Raises Refused, OSError."""
        sweep = _Sweep(Place.of(directory), taken, removes=False)
        if not sweep.place.shares_mount_with(self.place):
            raise Refused("Refused: it lies on another file system than the storage root")
        sweep.go(directory, b"", 0, is_taken=taken is None)
        if taken is None:
            _check_writable(directory)
        return sweep.tally

    def remove(self, aside: bytes, tally: Tally, *, inode: int) -> None:
        """Remove the run directory `inode` that was moved aside, adding to `tally`. Raises NotRemoved."""
        folder, name = _split(aside)
        try:
            with self.opened(folder) as parent:
                for is_last in (False, True):
                    with self.opened(aside) as directory:
                        if Place.of(directory).inode != inode:
                            raise Refused(f"Refused: something else lies at {self.text_of(aside)}")
                        _removed(directory, None, tally)
                    try:
                        os.rmdir(name, dir_fd=parent)
                        break
                    except OSError as error:
                        # Somebody was just writing a file there.
                        if is_last or error.errno != errno.ENOTEMPTY:
                            raise
        except FileNotFoundError:
            return
        except (OSError, Refused) as error:
            raise NotRemoved(reason_of(error) if isinstance(error, OSError) else str(error)) from error

    def remove_taken(self, directory: int, taken: Taken, tally: Tally) -> None:
        """Remove what is `taken` of an open run directory, adding to `tally`. Raises NotRemoved."""
        try:
            _removed(directory, taken, tally)
        except (OSError, Refused) as error:
            raise NotRemoved(reason_of(error) if isinstance(error, OSError) else str(error)) from error

    def _check_identity(self) -> None:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise Refused(f"{self.path}: {reason_of(error)}") from error
        if (status.st_dev, status.st_ino) != (self.place.device, self.place.inode):
            raise Refused(f"Refused: {self.path} is another directory than before")

    def _outside(self, path: bytes) -> Refused:
        return Refused(f"Refused: {self.text_of(path)} is outside the storage root")


def _removed(directory: int, taken: Taken | None, tally: Tally) -> None:
    sweep = _Sweep(Place.of(directory), taken, removes=True, tally=tally)
    sweep.go(directory, b"", 0, is_taken=taken is None)
    if sweep.failure is not None:
        raise sweep.failure


@dataclass(slots=True)
class _Sweep:
    """Counts, or removes, what lies below an open directory; never enters another mount, follows nothing."""

    place: Place
    taken: Taken | None
    removes: bool
    tally: Tally = field(default_factory=Tally)
    failure: OSError | None = None
    """The first one: the rest is removed all the same."""

    def go(self, directory: int, path: bytes, depth: int, *, is_taken: bool) -> None:
        if depth > MAX_DEPTH:
            raise Refused(f"Refused: folders are nested more than {MAX_DEPTH} deep")
        if not Place.of(directory).shares_mount_with(self.place):
            raise Refused("Refused: another file system is mounted in it")
        with os.scandir(directory) as entries:
            names = [os.fsencode(entry.name) for entry in entries]
        for name in names:
            below = path + name
            is_it = is_taken or (self.taken is not None and self.taken(below))
            try:
                self._visit(directory, name, below, depth, is_taken=is_it)
            except FileNotFoundError:
                continue
            except OSError as error:
                if not self.removes:
                    raise
                self.failure = self.failure or error

    def _visit(self, directory: int, name: bytes, below: bytes, depth: int, *, is_taken: bool) -> None:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            inner = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
            try:
                self.go(inner, below + b"/", depth + 1, is_taken=is_taken)
                if is_taken and not self.removes:
                    _check_writable(inner)
            finally:
                os.close(inner)
            if is_taken and self.removes:
                os.rmdir(name, dir_fd=directory)
        elif is_taken:
            if self.removes:
                os.unlink(name, dir_fd=directory)
                self.tally.removed(status)
            else:
                self.tally.see(status)


def _check_writable(directory: int) -> None:
    """What cannot be emptied is better told before anything is removed."""
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=directory, effective_ids=True):
        with os.scandir(directory) as entries:
            if next(entries, None) is not None:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _aside_folder() -> bytes:
    return ASIDE_NAME + b"/" + str(os.geteuid()).encode()


def _split(path: bytes) -> tuple[bytes, bytes]:
    folder, _, name = path.rpartition(b"/")
    return folder, name


def _exists(name: bytes, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def make_durable(directory: int) -> None:
    """Have the entries of an open directory survive a power cut."""
    try:
        os.fsync(directory)
    except OSError as error:
        # Some network file systems cannot flush a directory; the entry itself is already there.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
