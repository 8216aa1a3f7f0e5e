from __future__ import annotations

import os
from pathlib import Path

import pytest

from runicorn_db.sources.files import Unreadable
from runicorn_tui import file_text
from runicorn_tui.file_text import hexdump, is_binary, lines_of


def shown(directory: Path, name: str, content: bytes) -> tuple[list[str], str]:
    (directory / name).write_bytes(content)
    lines, remark = lines_of(str(directory), os.fsencode(name))
    while lines.extend():
        pass
    return lines.lines(0, 1000), remark


def test_text_is_shown_as_it_is(tmp_path):
    assert shown(tmp_path, "a.yaml", "a: é\nb: 2\n".encode()) == (["a: é", "b: 2"], "")
    assert shown(tmp_path, "empty", b"") == ([], "")


def test_json_is_set_out(tmp_path):
    assert shown(tmp_path, "a.json", b'{"b":[1,NaN],"a":"\xc3\xa9"}') == (
        ["{", '  "b": [', "    1,", "    NaN", "  ],", '  "a": "é"', "}"],
        "set out",
    )


def test_a_lone_surrogate_in_json_is_shown(tmp_path):
    assert shown(tmp_path, "a.json", rb'{"a":"\ud800"}')[0][1] == r'  "a": "\ud800"'


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        (b'{"a": 1,\n x', "as it is: Not JSON: Expecting property name enclosed in double quotes in line 2"),
        (b"[1]", "as it is: Not a JSON object"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "as it is: Nested too deeply"),
    ],
)
def test_json_that_is_broken_is_shown_as_it_is_with_the_reason(tmp_path, content, remark):
    lines, said = shown(tmp_path, "a.json", content)
    assert said == remark
    assert "".join(lines)[:5] == content.decode()[:5]


def test_json_that_is_too_large_is_shown_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(file_text, "MAX_JSON_BYTES", 10)
    assert shown(tmp_path, "a.json", b'{"a": 1, "b": 2}') == (['{"a": 1, "b": 2}'], "too large to be set out")


def test_of_what_is_no_text_the_first_bytes_are_shown(tmp_path):
    lines, remark = shown(tmp_path, "a.bin", b"\x89PNG\r\n\x1a\n\x00[/]" + bytes(5000))
    assert lines[0] == "00000000  89 50 4e 47 0d 0a 1a 0a 00 5b 2f 5d 00 00 00 00  .PNG.....[/]...."
    assert len(lines) == 64
    assert remark == "no text: the first 1,024 bytes of 5.0 kB"


def test_bytes_become_letters_only_where_they_are_some():
    assert hexdump(b"") == b""
    assert hexdump(bytes([0x1B, 0x9B, 0x41, 0x7F])).endswith(b" ..A.")


def test_a_few_stray_bytes_do_not_make_a_text_binary():
    assert not is_binary(b"")
    assert not is_binary("日本語".encode() * 100)
    assert not is_binary(b"a log \xff with a stray byte")
    assert not is_binary("日本語".encode()[:-1])
    assert is_binary(bytes(range(128, 256)) * 4)
    assert is_binary(b"text\0")


def test_a_link_is_refused(tmp_path):
    (tmp_path / "a.json").symlink_to("/etc/passwd")
    with pytest.raises(Unreadable, match="link"):
        lines_of(str(tmp_path), b"a.json")
