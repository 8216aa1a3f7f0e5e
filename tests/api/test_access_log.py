from __future__ import annotations

import json
import os
import re
import select

import pytest

from runicorn_api.access_log import MAX_TARGET, access_log
from runicorn_api.exchanges import Exchange


def exchange(target: str = "/api/health?x=1", method: str = "GET") -> Exchange:
    return Exchange(
        client="127.0.0.1", method=method, target=target, route="/api/health", status=200, size_bytes=12, seconds=0.0123
    )


def line(capsys: pytest.CaptureFixture[str], style: str, said: Exchange) -> str:
    observe = access_log(style)
    assert observe is not None
    observe(said)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err[:-1]


def test_off_writes_nothing() -> None:
    assert access_log("off") is None


def test_text_is_one_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    written = line(capsys, "text", exchange())

    time, rest = written.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", time)
    assert rest == '127.0.0.1 "GET /api/health?x=1" 200 12 12.3ms'


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(line(capsys, "json", exchange()))

    assert list(said) == ["time", "client", "method", "target", "route", "status", "bytes", "ms"]
    assert (said["target"], said["status"], said["bytes"], said["ms"]) == ("/api/health?x=1", 200, 12, 12.3)


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("hostile", ["\x1b[2J", "\n200", '"', "\\", "\x7f", "\x9b", "\u202e", "é", "\ud800", "\0"])
def test_nothing_in_a_request_ends_the_line_or_reaches_a_terminal(
    capsys: pytest.CaptureFixture[str], style: str, hostile: str
) -> None:
    written = line(capsys, style, exchange(f"/{hostile}/end", f"GET{hostile}"))

    assert all(" " <= character <= "~" for character in written)
    assert "/end" in written
    if style == "json":
        assert json.loads(written)["target"] == f"/{hostile}/end"


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_long_target_is_cut(capsys: pytest.CaptureFixture[str], style: str) -> None:
    assert len(line(capsys, style, exchange("/" + "x" * 20_000))) < MAX_TARGET + 300


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("character", ["x", '"', "\x01", "\x7f", "é"])
def test_a_line_fits_a_pipe_that_has_any_room(capsys: pytest.CaptureFixture[str], style: str, character: str) -> None:
    assert len(line(capsys, style, exchange(20_000 * character, 20_000 * character))) < select.PIPE_BUF


@pytest.mark.timeout(20)
@pytest.mark.parametrize("style", ["text", "json"])
def test_a_reader_that_pauses_holds_up_nobody_and_is_told_what_it_missed(
    monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    read_end, write_end = os.pipe()
    with open(read_end, "rb", buffering=0) as reader, open(write_end, "w") as writer:
        monkeypatch.setattr("sys.stderr", writer)
        observe = access_log(style)
        assert observe is not None
        for _ in range(1000):
            observe(exchange("/" + "x" * 1000))
        written = reader.read(1 << 20)
        observe(exchange("/after"))
        after = reader.read(1 << 20).decode().splitlines()
        monkeypatch.undo()
    count = written.count(b"\n")
    assert written.endswith(b"\n")
    assert 0 < count < 1000
    assert len(after) == 2
    assert "/after" in after[0]
    assert json.loads(after[1])["lost"] == 1000 - count


def test_a_reader_that_has_gone_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stderr", full)
        observe = access_log("text")
        assert observe is not None
        observe(exchange())
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.close()
