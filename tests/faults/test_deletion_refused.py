"""The system refuses a step of `rm`: the answer is true all the same, and the index goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import write_run
from tests.faults.injected import Injected, needs_strace

NAMES = ["one", "two", "three"]
# How often one `rm` makes each call, with a little to spare, and how many of these the suite passes over.
CALLS = {
    "pwrite64": (90, 40),
    "fdatasync": (7, 4),
    "fsync": (3, 2),
    "ftruncate": (4, 3),
    "write": (6, 3),
    "rename,renameat,renameat2": (2, 2),
}


@needs_strace
@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.partition(",")[0])
def test_a_refused_step_is_told_and_the_index_says_what_is_true(
    tmp_path: Path, injected: Injected, call: str, error: str
) -> None:
    root, pristine = tmp_path / "root", tmp_path / "pristine.db"
    for name in NAMES:
        write_run(root, name)
    with Store(pristine) as store:
        store.add_root(root)
        sync(store)
    calls, passed_over = CALLS[call]
    failed = 0
    for step in range(1, calls + 1, scaled(passed_over, 1)):
        index = tmp_path / f"{step}.db"
        shutil.copyfile(pristine, index)
        given = ("rm", "one", "two", "--yes", "--db", index)
        done = injected.run("runicorn_tui.cli.main()", *given, calls=call, inject=f"error={error}:when={step}")
        assert "Traceback" not in done.stderr, done.stderr
        is_told = "Moved 2 experiments to the trash" in done.stderr
        failed += done.returncode != 0
        with Store(index) as store:
            trash = set(store.id_list(store.trash()))
            live = set(store.id_list(store.ids(ExperimentQuery())))
            with store.database.snapshot() as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert trash in (set(), {"one", "two"})
            assert live == set(NAMES) - trash
            # Only what it would have told it with was refused, perhaps.
            assert bool(trash) == (is_told or (call == "write" and bool(trash))), done.stderr
            if done.returncode == 0:
                assert trash
            else:
                assert done.stderr.strip()
            assert store.flush_outbox() == 0
            sync(store)
            assert set(store.id_list(store.trash())) == trash
            assert store.delete(["one", "two"], source="cli").succeeded == 2
            assert store.restore(["one", "two"]).changed == 2
            assert store.flush_outbox() == 0
    if call in ("pwrite64", "fdatasync"):
        assert failed
