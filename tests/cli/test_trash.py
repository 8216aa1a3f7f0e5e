from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.cli.conftest import Run
from tests.cli.test_rm import listed


@pytest.fixture
def two_batches(run: Run, db: Path) -> Path:
    """Batch 1 took a1 and a2, a2 is back; batch 2 took b2 over REST."""
    run("rm", "a1", "a2", "--yes", "--reason", "first", "--db", db)
    run("restore", "a2", "--db", db)
    with Store(db) as store:
        store.delete(["b2"], source="api", reason="second \x1b[31m")
    return db


def test_batches_are_listed_newest_first(run: Run, two_batches: Path) -> None:
    result = run("trash", "--db", two_batches)

    lines = [line.split() for line in result.out.splitlines()]
    assert result.code == 0
    assert lines[0][:3] == ["BATCH", "DELETED", "FROM"]
    assert [(line[0], line[3], line[4], line[5]) for line in lines[1:]] == [
        ("2", "api", "1", "1"),
        ("1", "cli", "2", "1"),
    ]
    assert "second \\x1b[31m" in result.out


def test_the_json_of_batches_is_what_the_store_says(run: Run, two_batches: Path) -> None:
    second, first = run("trash", "--json", "--db", two_batches).json

    assert (first["id"], first["source"], first["reason"], first["count"], first["remaining"]) == (
        1,
        "cli",
        "first",
        2,
        1,
    )
    assert (second["id"], second["source"], second["reason"]) == (2, "api", "second \x1b[31m")
    assert second["size_bytes"] > 0
    assert second["created_at"] >= first["created_at"]


def test_a_batch_lists_what_it_still_holds(run: Run, two_batches: Path) -> None:
    assert [line.split()[0] for line in run("trash", "--batch", 1, "--db", two_batches).out.splitlines()] == [
        "ID",
        "a1",
    ]
    (held,) = run("trash", "--batch", 2, "--json", "--db", two_batches).json
    assert (held["id"], held["delete_reason"]) == ("b2", "second \x1b[31m")


def test_a_batch_of_another_door_is_restored_by_its_number(run: Run, two_batches: Path) -> None:
    assert run("restore", "--batch", 2, "--db", two_batches).code == 0

    assert listed(run, two_batches) == {"a2", "b1", "b2"}
    result = run("trash", "--batch", 2, "--db", two_batches)
    assert (result.code, result.out) == (0, "")
    assert result.err == "Nothing of batch 2 is in the trash any more.\n"


def test_the_limit_says_that_there_is_more(run: Run, two_batches: Path) -> None:
    result = run("trash", "--limit", 1, "--db", two_batches)
    assert len(result.out.splitlines()) == 2
    assert result.err == "The newest 1 deletion; --limit 0 lists all.\n"
    everything = run("trash", "--limit", 0, "--json", "--db", two_batches)
    assert (len(everything.json), everything.err) == (2, "")


def test_the_limit_of_a_batch_says_how_many_it_holds(run: Run, db: Path) -> None:
    with Store(db) as store:
        store.delete(store.ids(ExperimentQuery()), source="tui")

    result = run("trash", "--batch", 1, "--limit", 3, "--db", db)

    assert len(result.out.splitlines()) == 4
    assert result.err == "3 of 4 experiments; --limit 0 lists all.\n"


def test_an_unknown_batch_is_exit_4(run: Run, db: Path) -> None:
    result = run("trash", "--batch", 99, "--db", db)

    assert (result.code, result.err) == (4, "runicorn-tui: Batch 99 not found\n")


def test_two_lists_at_once_are_a_usage_error(run: Run, db: Path) -> None:
    assert run("trash", "--batch", 1, "--purged", "--db", db).code == 2


def test_an_empty_trash_is_no_error(run: Run, db: Path) -> None:
    assert run("trash", "--db", db).err == "Nothing was deleted yet.\n"
    assert run("trash", "--json", "--db", db).json == []
    assert run("trash", "--purged", "--db", db).err == "Nothing was removed for good yet.\n"
    assert run("trash", "--purged", "--json", "--db", db).json == []


def test_the_journal_tells_what_was_removed_for_good(run: Run, two_batches: Path, root: Path) -> None:
    assert run("purge", "--batch", 1, "--yes", "--db", two_batches).code == 0

    (record,) = run("trash", "--purged", "--json", "--db", two_batches).json
    assert (record["id"], record["source"], record["pattern"], record["problem"]) == ("a1", "cli", None, None)
    assert record["path"] == str(root / "vision/resnet/runs/a1")
    assert record["size_bytes"] > 0
    line = run("trash", "--purged", "--db", two_batches).out.splitlines()[1]
    assert str(root / "vision/resnet/runs/a1") in line
