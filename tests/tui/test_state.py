from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from runicorn_tui.state import Memory, State, saved_filters, state_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.json"


def remembered(file: Path, index: str = "/data/index.db") -> State:
    """What a program that starts now knows."""
    memory = Memory(file, Path(index))
    memory.load()
    return memory.state


def write(file: Path, index: str = "/data/index.db", **changes: object) -> None:
    memory = Memory(file, Path(index))
    memory.remember(**changes)
    memory.write()


def test_it_lies_in_the_state_directory_of_the_user() -> None:
    assert state_file() == Path(os.environ["XDG_STATE_HOME"]) / "runicorn-tui" / "state.json"


def test_the_next_start_knows_what_was_remembered(file: Path) -> None:
    write(file, columns=["name", "max:acc"], order_by="max:acc", order_desc=False, filter="acc>1", marks=["a", "b"])
    assert remembered(file) == State(
        columns=["name", "max:acc"], order_by="max:acc", order_desc=False, filter="acc>1", marks=["a", "b"]
    )


def test_each_index_has_its_own(file: Path) -> None:
    write(file, "/one.db", filter="one")
    write(file, "/two.db", filter="two")
    assert (remembered(file, "/one.db").filter, remembered(file, "/two.db").filter) == ("one", "two")
    assert remembered(file, "/three.db") == State()


def test_the_file_is_for_its_user_alone(file: Path) -> None:
    write(file, filter="x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["state.json"]


def test_only_what_changed_is_written_over_what_another_program_wrote(file: Path) -> None:
    ours, theirs = Memory(file, Path("/data/index.db")), Memory(file, Path("/data/index.db"))
    ours.remember(filter="ours")
    theirs.remember(order_by="name")
    ours.write()
    theirs.write()
    assert (remembered(file).filter, remembered(file).order_by) == ("ours", "name")


def test_nothing_is_written_when_nothing_was_noted(file: Path) -> None:
    memory = Memory(file, Path("/data/index.db"))
    memory.write()
    assert not file.exists()
    memory.remember(filter="x")
    memory.write()
    file.unlink()
    memory.write()
    assert not file.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"indexes": 3}', b"[" * 100_000, b'{"indexes": {"/data/index.db": []}}'],
)
def test_a_damaged_file_counts_as_empty_and_is_written_anew(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert remembered(file) == State()
    write(file, filter="x")
    assert remembered(file).filter == "x"


def test_values_of_a_wrong_kind_are_left_out(file: Path) -> None:
    write(file, columns="name", marks=[1, 2], filter=["x"], order_desc=1, order_by="name")
    assert remembered(file) == State(order_by="name")


def test_a_file_of_a_newer_version_is_neither_read_nor_written(file: Path) -> None:
    file.parent.mkdir()
    content = {"version": 2, "indexes": {"/data/index.db": {"filter": "newer"}}}
    file.write_text(json.dumps(content))
    assert remembered(file) == State()
    write(file, filter="older")
    assert json.loads(file.read_text()) == content


def test_what_this_version_does_not_know_stays_in_the_file(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"version": 1, "more": 1, "indexes": {"/data/index.db": {"theme": "dark"}}}))
    write(file, filter="x")
    document = json.loads(file.read_text())
    assert document["more"] == 1
    assert document["indexes"]["/data/index.db"]["theme"] == "dark"


def test_indexes_that_were_not_used_for_longest_are_forgotten(file: Path) -> None:
    for number in range(105):
        write(file, f"/index{number}.db", filter="x")
    assert len(json.loads(file.read_text())["indexes"]) == 100
    assert (remembered(file, "/index4.db").filter, remembered(file, "/index104.db").filter) == ("", "x")


def test_what_could_not_be_written_is_written_the_next_time(file: Path) -> None:
    file.parent.parent.joinpath("state").write_text("a file where the folder should be")
    memory = Memory(file, Path("/data/index.db"))
    memory.remember(filter="first", order_by="name")
    with pytest.raises(FileExistsError):
        memory.write()
    memory.remember(filter="second")
    file.parent.unlink()
    memory.write()
    assert (remembered(file).filter, remembered(file).order_by) == ("second", "name")


def test_a_function_is_asked_when_it_is_written_and_by_who_writes(file: Path) -> None:
    asked: list[int] = []
    memory = Memory(file, Path("/data/index.db"))
    memory.remember(marks=lambda: asked.append(threading.get_ident()) or ["a"])
    assert not asked
    thread = threading.Thread(target=memory.write)
    thread.start()
    thread.join()
    assert len(asked) == 1
    assert asked != [threading.get_ident()]
    assert remembered(file).marks == ["a"]


def test_programs_that_write_at_once_leave_a_whole_file(file: Path) -> None:
    def often(index: str) -> None:
        for number in range(30):
            write(file, index, filter=f"{number}")

    threads = [threading.Thread(target=often, args=(f"/{name}.db",)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(json.loads(file.read_text())["indexes"]) <= {f"/{name}.db" for name in "abcd"}
    assert [path.name for path in file.parent.iterdir()] == ["state.json"]


def test_saved_filters_are_the_same_for_all_indexes_and_change_one_by_one(file: Path) -> None:
    write(file, "/one.db", saved_filters={"a": "vit", "b": "bert"})
    # Each knows only what was there when it began.
    first, second = Memory(file, Path("/one.db")), Memory(file, Path("/two.db"))
    first.remember(saved_filters={"a": None, "c": "moe"})
    first.remember(saved_filters={"d": "x"})
    assert first.saved_filters() == {"b": "bert", "c": "moe", "d": "x"}
    second.remember(saved_filters={"b": "resnet"})
    first.write()
    second.write()
    assert saved_filters(file) == {"b": "resnet", "c": "moe", "d": "x"}
    assert remembered(file, "/three.db").saved_filters == saved_filters(file)


def test_a_saved_filter_that_could_not_be_meant_is_not_there(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"everywhere": {"saved_filters": {"a b": "x", "c": 1, "ok": "y"}}}))
    assert saved_filters(file) == {"ok": "y"}


def test_without_restoring_what_is_no_place_to_begin_at_is_known(file: Path) -> None:
    write(file, filter="vit", history=["vit"], saved_filters={"a": "vit"})
    memory = Memory(file, Path("/data/index.db"))
    memory.load(restore=False)
    assert memory.state == State(history=["vit"], saved_filters={"a": "vit"})
