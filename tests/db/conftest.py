from __future__ import annotations

import codecs
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.store import Store
from runicorn_db.sync import sync

REAL_ROOTS = Path(__file__).parents[1] / "data" / "roots"

Snapshot = dict[str, tuple[int, int, int]]


def _unpack(version: str, target: Path) -> Path:
    with tarfile.open(REAL_ROOTS / f"root-{version}.tar.gz") as archive:
        archive.extractall(target, filter="data")
    return target / f"root-{version}"


@pytest.fixture
def real_root_041(tmp_path: Path) -> Path:
    """A root that Runicorn 0.4.1 wrote; its database is empty, as from pip."""
    return _unpack("0.4.1", tmp_path)


@pytest.fixture
def real_root_072(tmp_path: Path) -> Path:
    """A root that Runicorn 0.7.2 wrote, with its database."""
    return _unpack("0.7.2", tmp_path)


@pytest.fixture
def scenarios() -> Callable[[str], dict[str, dict[str, Any]]]:
    """The runs of a real root by scenario: id and directory, told by what wrote it."""

    def read(version: str) -> dict[str, dict[str, Any]]:
        index = json.loads((REAL_ROOTS / f"root-{version}.index.json").read_text())
        return {name: entry for name, entry in index.items() if not name.startswith("_")}

    return read


@pytest.fixture
def snapshot() -> Callable[[Path], Snapshot]:
    """Every name below a directory with mode, size and modification time."""

    def take(root: Path) -> Snapshot:
        found: Snapshot = {}
        for directory, names, files in os.walk(root):
            for name in [".", *names, *files]:
                path = os.path.join(directory, name)
                status = os.lstat(path)
                found[path] = (status.st_mode, status.st_size, status.st_mtime_ns)
        return found

    return take


@pytest.fixture
def directory_of_ordinary_user() -> Iterator[Path]:
    """A directory of a user without the rights of root, who could write anywhere; the test runs as that user."""
    user, nobody = os.geteuid(), 65534
    path = Path(tempfile.mkdtemp(prefix="runicorn-tui-test-"))
    # Python may lie where that user cannot read it, and remembers a codec that it did not find.
    codecs.lookup("ascii")
    if user == 0:
        os.chown(path, nobody, -1)
        os.seteuid(nobody)
    yield path
    os.seteuid(user)
    shutil.rmtree(path)


@pytest.fixture
def store(tmp_path: Path, root: Path) -> Iterator[Store]:
    """An index of the `root` of a test."""
    with Store(tmp_path / "index.db") as opened:
        opened.add_root(root)
        sync(opened)
        yield opened
