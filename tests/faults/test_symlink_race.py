"""Somebody swaps a folder on the way to run directories for a link, over and over, while these are purged."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import write_run

_AT_A_TIME = 100


def digest(folder: Path) -> str:
    """Every name below `folder`, what it is, when it was changed, and its content."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        told.update(repr((str(path), status.st_mode, status.st_ino, status.st_mtime_ns)).encode())
        if path.is_file():
            told.update(path.read_bytes())
    return told.hexdigest()


def swap(folder: Path, decoy: Path, is_over: threading.Event, swaps: list[int]) -> None:
    """Put a link to `decoy` in the place of `folder` and the folder back again, until it is over."""
    hidden = folder.with_name("hidden")
    while not is_over.is_set():
        folder.rename(hidden)
        folder.symlink_to(decoy)
        swaps.append(1)
        folder.unlink()
        hidden.rename(folder)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("level", ["vision", "vision/resnet", "vision/resnet/runs"])
def test_no_foreign_file_is_touched_while_a_folder_is_swapped_for_a_link(tmp_path: Path, level: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    purges = scaled(67, 3_334)
    for begin in range(0, purges, _AT_A_TIME):
        names = [f"run-{number:05d}" for number in range(begin, min(begin + _AT_A_TIME, purges))]
        for name in names:
            write_run(root, name, steps=[{"loss": 1.0}])
            # The same names outside: what a walk that is led astray would remove.
            write_run(outside, name, steps=[{"loss": 1.0}])
        decoy = outside / level
        before = digest(outside)
        is_over, swaps = threading.Event(), [0]
        with Store(tmp_path / "i.db") as store:
            store.add_root(root)
            sync(store)
            store.delete(names, source="cli")
            store.flush_outbox()
            attacker = threading.Thread(target=swap, args=(root / level, decoy, is_over, swaps))
            attacker.start()
            left, refusals = names, 0
            try:
                while left and refusals < 50:
                    result = store.purge(left, source="cli")
                    left = [name for name in left if name in result.errors]
                    refusals += bool(left)
            finally:
                is_over.set()
                attacker.join()
            assert store.purge(left, source="cli").errors == {}
            assert len(store.trash()) == 0
        assert swaps != [0]
        assert digest(outside) == before
    assert list((root / "vision/resnet/runs").iterdir()) == []
    assert sorted(os.listdir(root)) == ["vision"]
