from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_tui.commands.doctor import has_wal_reset_fault
from tests.cli.conftest import Run


def test_problems_are_named_with_file_and_line(run: Run, db: Path, root: Path) -> None:
    events = root / "vision/resnet/runs/a1/events.jsonl"
    events.write_text(events.read_text() + "{not json}\n")
    run("sync", root, "--db", db)

    result = run("doctor", "--db", db)

    assert result.code == 0
    assert "1 problem while reading the roots" in result.out
    assert "a1/events.jsonl:4" in result.out


def test_json_tells_everything(run: Run, db: Path, root: Path) -> None:
    answer = run("doctor", "--db", db, "--json").json

    assert answer["experiments"] == 4
    assert answer["database_path"] == str(db)
    assert answer["roots"][0]["path"] == str(root)
    assert answer["waiting_marker_files"] == 0
    assert answer["free_bytes"] > 0
    assert answer["problems"] == []


def test_prune_drops_what_is_gone_from_disk(run: Run, db: Path, root: Path) -> None:
    (root / "nlp").rename(root.parent / "elsewhere")
    run("sync", root, "--db", db)

    assert run("doctor", "--prune", "--db", db, "--json").json["pruned"] == 1
    assert run("show", "b2", "--db", db).code == 4


@pytest.mark.parametrize("command", ["doctor", "ls", "sync"])
def test_a_damaged_index_gets_the_way_out(run: Run, db: Path, command: str) -> None:
    whole = db.read_bytes()
    db.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))

    result = run(command, "--db", db)

    assert result.code == 3
    assert "move it away and make it again with runicorn-tui sync" in result.err
    assert len(result.err.splitlines()) == 1


def test_a_file_that_is_no_index_gets_the_way_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an index " * 100)

    result = run("doctor", "--db", tmp_path / "notes.txt")

    assert result.code == 3
    assert "move it away, or name another file with --db" in result.err


def test_the_numbers_of_index_trash_and_roots_agree(run: Run, db: Path, root: Path) -> None:
    run("rm", "a1", "--yes", "--db", db)
    (root / "nlp").rename(root.parent / "elsewhere")
    run("sync", root, "--db", db)

    result = run("doctor", "--db", db)
    answer = run("doctor", "--db", db, "--json").json

    assert "experiments  2, in the trash 1, directory missing 1\n" in result.out
    assert (answer["experiments"], answer["in_trash"], answer["missing"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("version", "is_faulty"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_the_wal_reset_fault_is_told_by_version(version: tuple[int, int, int], is_faulty: bool) -> None:
    assert has_wal_reset_fault(version) is is_faulty
