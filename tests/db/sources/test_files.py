from __future__ import annotations

import json
import math
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.sources.files import (
    JsonProblem,
    Unreadable,
    clean_text,
    open_directory,
    open_regular,
    read_json_object,
    read_regular,
    text_of_name,
)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def name_of(path: Path) -> bytes:
    return os.fsencode(path)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A directory of things that are no regular files, each named by its kind."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    (tmp_path / "real").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "device-link").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    return tmp_path


ODD = [
    ("pipe", "A named pipe, not a file"),
    ("directory", "A directory, not a file"),
    ("link", "Symbolic link, not followed"),
    ("device-link", "Symbolic link, not followed"),
    ("loop", "Symbolic link, not followed"),
    ("socket", "A socket, not a file"),
]


@pytest.mark.timeout(5)
@pytest.mark.parametrize(("name", "reason"), ODD)
def test_only_regular_files_are_opened(odd: Path, name: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        open_regular(name_of(odd / name))
    assert (caught.value.reason, caught.value.is_missing) == (reason, False)


@pytest.mark.parametrize(("name", "reason"), ODD)
def test_refusing_a_file_leaves_no_descriptor_open(odd: Path, name: str, reason: str) -> None:
    before = open_descriptors()
    assert read_json_object(name_of(odd / name)) == ({}, JsonProblem(reason))
    assert open_descriptors() == before


def test_a_device_is_refused() -> None:
    with pytest.raises(Unreadable, match="A device, not a file"):
        open_regular(b"/dev/zero")


def test_a_missing_file_is_no_problem_and_told_apart(tmp_path: Path) -> None:
    assert read_json_object(name_of(tmp_path / "none.json")) == ({}, None)
    with pytest.raises(Unreadable) as caught:
        open_regular(name_of(tmp_path / "none.json"))
    assert caught.value.is_missing


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"", "Empty file", None),
        (b" \n ", "Empty file", None),
        (b'{"a": 1,\n "b": ', "Not JSON: Expecting value", 2),
        (b'{"a": 1,\n\n "b": 2 "c"}', "Not JSON: Expecting ',' delimiter", 3),
        (b'{"a":\n"\xff"}', "Not UTF-8", 2),
        (b"[1, 2]", "Not a JSON object", None),
        (b"null", "Not a JSON object", None),
        (b'{"a": ' + b"[" * 200_000, "Nested too deeply", None),
        (b'{"a": ' + b"9" * 5000 + b"}", "A number has too many digits", None),
        (b'{"a": 1}' + b" " * 2000, "Larger than 0 MiB", None),
    ],
)
def test_damage_gives_nothing_and_says_where(tmp_path: Path, content: bytes, message: str, line: int | None) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    limit = 2000 if message.startswith("Larger") else 2**24
    assert read_json_object(name_of(path), max_bytes=limit) == ({}, JsonProblem(message, line))


def test_a_terabyte_of_nothing_is_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(2**40)
    assert read_json_object(name_of(tmp_path / "sparse.json")) == ({}, JsonProblem("Larger than 16 MiB"))


def test_not_a_number_and_infinity_are_read_as_python_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": NaN, "b": -Infinity, "c": 1e999}')
    content, problem = read_json_object(name_of(path))
    assert problem is None
    assert math.isnan(content["a"])
    assert (content["b"], content["c"]) == (-math.inf, math.inf)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
        max_leaves=8,
    ),
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([b"", b'"', b"\\", b"0", b"-", b"e9", b",", b"\x1f", b"\xff"]))
    ),
    st.booleans(),
)
def test_everything_is_read_as_python_reads_it(
    tmp_path_factory: pytest.TempPathFactory, value: object, damages: list[tuple[int, bytes]], is_ascii: bool
) -> None:
    content = json.dumps({"value": value}, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    for place, damage in damages:
        content = content[:place] + damage + content[place + 1 :]
    path = tmp_path_factory.getbasetemp() / "value.json"
    path.write_bytes(content)
    try:
        expected = json.loads(content.decode("utf-8-sig"))
    except ValueError:
        expected = {}
    found, _ = read_json_object(name_of(path))
    # As text: NaN equals NaN then, and 1 is not True.
    assert repr(found) == repr(expected if isinstance(expected, dict) else {})


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    assert read_regular(name_of(tmp_path / "file"), max_bytes=100) == b"x" * 100
    with pytest.raises(Unreadable):
        read_regular(name_of(tmp_path / "file"), max_bytes=99)


def test_a_directory_is_opened_only_along_real_directories(tmp_path: Path) -> None:
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    (tmp_path / "root/a/file").touch()
    root = str(tmp_path / "root")
    descriptor = open_directory(root, b"a/b")
    assert os.fstat(descriptor).st_ino == (tmp_path / "root/a/b").stat().st_ino
    os.close(descriptor)
    before = open_descriptors()
    for path in (b"link", b"link/x", b"a/file", b"a/../a/b", b"/etc", b"a//b", b"a/.", b"a/none"):
        with pytest.raises(Unreadable) as caught:
            open_directory(root, path)
        assert caught.value.is_missing == (path == b"a/none")
    assert open_descriptors() == before


def test_clean_text_replaces_what_cannot_be_stored_and_nothing_else() -> None:
    assert clean_text("a\0b\ud800c\udfffd") == "a\ufffdb\ufffdc\ufffdd"
    assert clean_text("实验 ☃ \x1b[31m \u202e 😀") == "实验 ☃ \x1b[31m \u202e 😀"
    assert text_of_name(b"caf\xe9") == "caf\ufffd"
