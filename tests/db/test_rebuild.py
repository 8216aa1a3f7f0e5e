from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db.errors import IndexUnusable, Interrupted, SchemaTooNew
from runicorn_db.query import ExperimentQuery
from runicorn_db.rebuild import rebuild
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Runs of 0.4 (a, b) and of 0.7 (x, y, z); no sidecar can be written beside x and y."""
    folder = tmp_path / "root"
    for number, name in enumerate("ab"):
        write_run(folder, name, created_at=1_700_000_000.0 + number, steps=[{"loss": 1.0}])
    for number, name in enumerate("xyz"):
        run = write_run(folder, name, layout="0.7", created_at=1_700_000_100.0 + number, steps=[{"loss": 2.0}])
        if name != "z":
            (run / ".runicorn-tui.json").mkdir()
    return folder


@pytest.fixture
def index(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "index.db"
    with Store(path) as store:
        store.add_root(root, "lab")
        sync(store)
    return path


@contextlib.contextmanager
def changing(index: Path) -> Iterator[Store]:
    with Store(index) as store:
        yield store
        store.flush_outbox()


def live(store: Store) -> list[str]:
    return sorted(store.id_list(store.ids(ExperimentQuery())))


def check_whole(store: Store) -> None:
    with store.database.writing() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")


def test_what_no_file_holds_is_taken_over(index: Path) -> None:
    with changing(index) as store:
        store.annotate(["x"], add_tags=["keep"], description="the good one", pinned=True)
        store.annotate(["z"], add_tags=["written"])
        batch = store.delete(["y", "a"], source="tui", reason="junk").batch
        store.delete(["b"], source="api")
        store.restore(["b"])
        assert batch is not None
        assert store.flush_outbox() == 2

    rebuilt = rebuild(index, [])

    assert (rebuilt.experiments, rebuilt.in_trash, rebuilt.carried, rebuilt.is_whole) == (3, 2, 2, True)
    with Store(index) as store:
        check_whole(store)
        assert [root.name for root in store.roots()] == ["lab"]
        assert live(store) == ["b", "x", "z"]
        x = store.get("x").experiment
        assert (x.tags, x.description, x.is_pinned) == (("keep",), "the good one", True)
        assert store.get("z").experiment.tags == ("written",)
        assert store.id_list(store.ids(ExperimentQuery(search="good one"))) == ["x"]
        first, second = sorted(store.batches(), key=lambda batch: batch.id)
        assert (first.id, first.source, first.reason, first.count, first.remaining) == (batch, "tui", "junk", 2, 2)
        assert (second.source, second.remaining) == ("api", 0)
        # What could not be written is still waiting, and sync does not take it for undone.
        assert store.flush_outbox() == 2
        sync(store)
        assert live(store) == ["b", "x", "z"]
        assert store.restore_batch(batch).changed == 2
        assert store.delete(["b"], source="tui").batch not in (first.id, second.id)


def test_a_later_act_of_the_files_wins_over_the_old_index(index: Path, root: Path) -> None:
    with changing(index) as store:
        store.delete(["a", "y"], source="tui")
    # As the original restores, and as another index of ours would.
    (root / "vision/resnet/runs/a/.deleted").unlink()
    sidecar = root / "runs/vision/resnet/y/.runicorn-tui.json"
    sidecar.rmdir()
    sidecar.write_text(json.dumps({"restored_at": 4_000_000_000.0}))

    rebuild(index, [])

    with Store(index) as store:
        assert live(store) == ["a", "b", "x", "y", "z"]


def test_the_journal_of_purges_and_what_it_has_to_finish_are_kept(index: Path, root: Path) -> None:
    with changing(index) as store:
        store.delete(["a", "b"], source="tui")
        store.flush_outbox()
        store.purge(["a"], source="tui")
        (before,) = store.purges()

    rebuild(index, [])

    with Store(index) as store:
        assert store.purges() == [before]
        store.purge(["b"], source="cli")
        assert [record.id for record in store.purges()] == ["b", "a"]


def test_deletions_in_the_log_of_a_killed_process_are_taken_over(index: Path) -> None:
    program = (
        "import os, signal, sys; from runicorn_db.store import Store\n"
        "Store(sys.argv[1]).delete(['y'], source='api'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, index], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert index.with_name("index.db-wal").stat().st_size > 0

    rebuilt = rebuild(index, [])

    assert rebuilt.in_trash == 1
    assert rebuilt.backup.with_name("index.db.bak-wal").stat().st_size > 0
    with Store(index) as store:
        assert live(store) == ["a", "b", "x", "z"]
    with Store(rebuilt.backup) as store:
        assert live(store) == ["a", "b", "x", "z"]


def test_a_stop_leaves_everything_as_it_was(index: Path) -> None:
    before = index.read_bytes()

    with pytest.raises(Interrupted, match="nothing was changed"):
        rebuild(index, [], should_stop=lambda: True)

    assert index.read_bytes() == before
    assert [path.name for path in index.parent.iterdir() if ".new" in path.name or ".bak" in path.name] == []


def test_a_newer_index_is_left_alone(index: Path) -> None:
    with contextlib.closing(sqlite3.connect(index)) as connection:
        connection.execute("PRAGMA user_version = 999")

    with pytest.raises(SchemaTooNew):
        rebuild(index, [])


def test_an_index_that_tells_no_root_asks_for_one(index: Path, root: Path) -> None:
    index.write_bytes(index.read_bytes()[:100] + b"\xff" * 20_000)

    with pytest.raises(IndexUnusable, match="name them, as in runicorn-tui doctor --rebuild"):
        rebuild(index, [])

    rebuilt = rebuild(index, [root])
    assert (rebuilt.experiments, rebuilt.is_whole) == (5, False)


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_whatever_bytes_are_flipped_the_rebuilt_index_is_whole_and_keeps_what_files_tell(
    index: Path, root: Path, tmp_path: Path
) -> None:
    with changing(index) as store:
        store.annotate(["b", "z"], add_tags=["keep"])
        store.delete(["a"], source="tui", reason="junk")
    image = index.read_bytes()
    lost = 0
    for seed in range(scaled(8, 2000)):
        chance = random.Random(seed)
        damaged = bytearray(image)
        for _ in range(chance.choice((1, 20, 300))):
            damaged[chance.randrange(100, len(image))] ^= 1 << chance.randrange(8)
        folder = tmp_path / f"damaged-{seed}"
        folder.mkdir()
        (folder / "index.db").write_bytes(damaged)
        rebuilt = rebuild(folder / "index.db", [root])
        assert rebuilt.backup.read_bytes() == damaged
        lost += not rebuilt.is_whole
        with Store(folder / "index.db") as store:
            check_whole(store)
            assert set(live(store)) <= {"b", "x", "y", "z"}
            assert {"b", "z"} <= set(live(store))
            assert store.get("a").experiment.delete_reason == "junk"
            assert store.get("z").experiment.tags == ("keep",)
        shutil.rmtree(folder)
    assert lost or os.environ.get("TORTURE") is None
