from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runicorn_db.checks import has_wal_reset_fault
from tests.cli.conftest import Result, Run, write_run


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


def states(result: Result) -> dict[str, str]:
    return {check["name"]: check["state"] for check in result.json["checks"]}


def sentence(result: Result, name: str) -> str:
    (found,) = [check["sentence"] for check in result.json["checks"] if check["name"] == name]
    return found


def test_where_all_is_well_every_check_says_so(run: Run, db: Path, root: Path) -> None:
    result = run("doctor", "--db", db, "--json")

    assert result.code == 0
    assert states(result).keys() >= {
        *("versions", "terminal", "sqlite", "filesystem", "disk", "modes"),
        *("integrity", "schema", "log", "clock", "files", "purges", "root root"),
    }
    assert {name for name, state in states(result).items() if state != "ok"} <= {"terminal"}
    assert sentence(result, "root root") == f"{root} can be read and written"


def test_files_that_others_can_read_or_write_are_warned_of(
    run: Run, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o644)
    monkeypatch.setenv("RUNICORN_TUI_TOKEN_FILE", str(token))
    (tmp_path / "folder/.runicorn-tui.toml").write_text("watch = false\n")
    (tmp_path / "folder/.runicorn-tui.toml").chmod(0o666)
    db.chmod(0o640)

    result = run("doctor", "--db", db, "--json")

    assert result.code == 0
    assert states(result)["modes"] == "warning"
    told = sentence(result, "modes")
    assert f"{db} (0640): others can read it, chmod 600 it" in told
    assert f"{token} (0644): others can read it" in told
    assert ".runicorn-tui.toml (0666): others can write it, chmod go-w it" in told


def test_an_experiment_of_the_future_is_warned_of(run: Run, db: Path, root: Path) -> None:
    write_run(root, "tomorrow", created_at=time.time() + 86400)
    run("sync", root, "--db", db)

    result = run("doctor", "--db", db, "--json")

    assert states(result)["clock"] == "warning"
    assert "1 experiments were created in the future (tomorrow)" in sentence(result, "clock")


def test_a_root_that_is_not_there_is_an_error(run: Run, db: Path, root: Path) -> None:
    root.rename(root.with_name("unmounted"))

    result = run("doctor", "--db", db)

    assert result.code == 1
    assert f"error    root root: {root} cannot be read now: mount it" in result.out


def test_a_marker_that_cannot_be_written_is_told_with_its_reason(run: Run, db: Path, root: Path) -> None:
    folder = root / "vision/resnet/runs/a1"
    hidden = folder.rename(folder.with_name("a1.elsewhere"))
    folder.symlink_to(hidden)
    run("rm", "a1", "--yes", "--db", db)

    result = run("doctor", "--db", db, "--json")

    assert result.code == 0
    assert states(result)["files"] == "warning"
    assert sentence(result, "files").startswith("marker and sidecar files that could not be written")
    assert result.json["waiting_marker_files"] == 1


def test_what_a_purge_left_behind_is_told(run: Run, db: Path, root: Path) -> None:
    (root / ".runicorn-tui-purge/0/0123456789abcdef").mkdir(parents=True)

    result = run("doctor", "--db", db, "--json")

    assert states(result)["purges"] == "warning"
    assert f"{root}/.runicorn-tui-purge holds what another index is purging" in sentence(result, "purges")


def flipped(data: bytes, *, every: int) -> bytes:
    """The file with a byte of every so many changed, its header left alone."""
    damaged = bytearray(data)
    for place in range(100 + every // 2, len(data), every):
        damaged[place] ^= 0x55
    return bytes(damaged)


def test_flipped_bytes_are_found_and_the_exit_code_says_so(run: Run, db: Path) -> None:
    db.write_bytes(flipped(db.read_bytes(), every=1500))

    result = run("doctor", "--db", db)

    assert result.code == 3
    assert "runicorn-tui doctor --rebuild" in result.out + result.err
    assert "Traceback" not in result.err


def test_a_damaged_index_is_rebuilt_from_the_files_and_kept_aside(run: Run, db: Path, root: Path) -> None:
    run("tag", "a2", "--add", "keep", "--yes", "--db", db)
    run("pin", "a2", "--yes", "--db", db)
    run("rm", "a1", "--yes", "--reason", "junk", "--db", db)
    damaged = flipped(db.read_bytes(), every=700)
    db.write_bytes(damaged)

    result = run("doctor", "--rebuild", root, "--db", db, "--json")

    assert result.code == 0
    assert result.json["rebuilt"]["experiments"] == 3
    assert states(result)["integrity"] == "ok"
    assert Path(result.json["rebuilt"]["backup"]).read_bytes() == damaged
    assert result.json["rebuilt"]["backup"] == f"{db}.bak"
    shown = run("show", "a2", "--db", db, "--json").json["experiment"]
    assert shown["tags"] == ["keep"]
    assert run("ls", "is:pinned", "--db", db, "--json").json[0]["id"] == "a2"
    assert run("ls", "is:deleted", "--db", db, "--json").json[0]["delete_reason"] == "junk"
    assert stat.S_IMODE(db.stat().st_mode) == 0o600
    assert sorted(path.name for path in db.parent.glob("index.db.new*")) == []


def test_a_rebuild_without_damage_keeps_batches_and_a_second_backup(run: Run, db: Path, root: Path) -> None:
    batch = run("rm", "a1", "--yes", "--reason", "junk", "--db", db, "--json").json["batch"]

    first = run("doctor", "--rebuild", "--db", db)
    second = run("doctor", "--rebuild", "--db", db)

    assert (first.code, second.code) == (0, 0)
    assert f"The old index is {db}.bak." in first.err
    assert f"The old index is {db}.bak2." in second.err
    assert run("restore", "--batch", batch, "--db", db).code == 0
    assert run("ls", "--db", db, "--json").json[0]["id"] == "b2"
    assert not (root / "vision/resnet/runs/a1/.deleted").exists()


def test_an_index_that_is_open_elsewhere_is_not_rebuilt(run: Run, db: Path) -> None:
    before = db.read_bytes()
    program = "import sys; from runicorn_db.store import Store; s = Store(sys.argv[1]); s.health(); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        result = run("doctor", "--rebuild", "--db", db)
        other.communicate("\n")

    assert result.code == 3
    assert "is open in another process" in result.err
    assert db.read_bytes() == before
    assert run("doctor", "--rebuild", "--db", db).code == 0


def test_a_rebuild_refuses_while_a_root_is_not_there(run: Run, db: Path, root: Path) -> None:
    root.rename(root.with_name("unmounted"))

    result = run("doctor", "--rebuild", "--db", db)

    assert result.code == 3
    assert f"Root root ({root}) cannot be read now" in result.err
    root.mkdir()
    assert run("doctor", "--rebuild", "--db", db).code == 3
    assert run("ls", "--db", db, "--json").code == 0
    assert not db.with_name("index.db.bak").exists()


def test_another_programs_database_is_never_rebuilt(run: Run, tmp_path: Path, root: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()

    result = run("doctor", "--rebuild", root, "--db", path)

    assert result.code == 3
    assert "another program's database; it was left alone" in result.err
    assert path.read_bytes() == before
