"""The commands that the browser shows find the same experiments."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.groups import parse_group_by
from runicorn_db.named_values import NamedValue
from runicorn_db.query import MAX_PER_PAGE, ExperimentQuery, Order
from runicorn_db.store import Store
from runicorn_tui.command_line import as_command, shell_word
from runicorn_tui.rest import as_curl, make_server
from runicorn_tui.settings import Settings
from runicorn_tui.terminal import safe
from tests.tui import indexed
from tests.tui.test_golden import HOSTILE


@pytest.fixture
def hostile(store: Store, tmp_path: Path) -> Store:
    """Names, tags and metrics that try to be more than text, in two roots."""
    for root in ("one, two", "it's [/]"):
        entries = [
            indexed.Entry(
                id=f"{root[0]}{number}",
                name=name,
                project=name,
                tags=(name,) if name else (),
                metrics={name: number} if name else {},
                params={name: "x"} if name else {},
                created_at=indexed.NOW - number,
                size_bytes=number * 7 % 5,
            )
            for number, name in enumerate(HOSTILE)
        ]
        indexed.add(store, entries, root=tmp_path / root[0], root_name=root)
    return store


def query_of(text: str, **more: object) -> ExperimentQuery:
    criteria, notes = parse(text)
    assert not notes, notes
    return replace(ExperimentQuery(filter=criteria, per_page=MAX_PER_PAGE), **more)


FILTERS = [
    "",
    "run",
    "-[red]",
    "@x or -@y",
    'tag:"[/]","{} %s $(id) `id`" or name:/^esc\\x1b/',
    'project="line\none\ttab" or project="\u202etxt.exe"',
    'tag:"esc\x1b[2J\x1b]0;title\x07"',
    '"[red]x[/red]">0 or has:"param.c1 \x9b5;5H"',
    'name="日本語の実験" or name:"👩‍💻 emoji" -tag:"it\'s"',
]
ORDERS: list[tuple[Order, bool]] = [
    ("created_at", True),
    ("created_at", False),
    ("name", False),
    ("size_bytes", True),
    ("status", True),
]


def test_the_command_lists_the_same_in_a_shell(hostile: Store, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "runicorn-tui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runicorn_tui "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    queries = [
        query_of(text, order_by=order, order_desc=is_descending, roots=roots)
        for text in FILTERS
        for (order, is_descending), roots in zip(ORDERS[:1], [()], strict=True)
    ]
    queries += [query_of("", order_by=order, order_desc=is_descending) for order, is_descending in ORDERS[1:]]
    queries += [query_of("run or -tag:x", roots=("one, two",)), query_of("", roots=("it's [/]", "one, two"))]
    queries += [
        query_of("", order_by=NamedValue("max", "[/]")),
        query_of("", order_by=NamedValue("best", "[red]x[/red]")),
    ]
    lines = [as_command(query, db=hostile.path) + " --json" for query in queries]
    assert all(line == safe(line) for line in lines)
    # The options come before the filter, and a filter may begin with a minus sign.
    lines = [line.removesuffix(" --json").replace(" ls ", " ls --json ", 1) for line in lines]
    ended = subprocess.run(
        ["bash", "-c", "\n".join(f"{line}; echo ,;" for line in lines)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(f"[{ended.stdout.rstrip().removesuffix(',')}]")
    for query, answer in zip(queries, answers, strict=True):
        assert [item["id"] for item in answer] == hostile.id_list(hostile.ids(query)), str(query.filter)


@pytest.mark.parametrize("by", ["status", *(f"param.{name}" for name in HOSTILE[:2])])
def test_the_command_lists_the_same_groups(hostile: Store, by: str) -> None:
    query = query_of("run or -tag:x", order_by="name", order_desc=True)
    line = as_command(query, db=hostile.path, group_by=parse_group_by(by))
    program, *arguments = shlex.split(line)
    assert program == "runicorn-tui"
    ended = subprocess.run(
        [sys.executable, "-m", "runicorn_tui", arguments[0], "--json", *arguments[1:]],
        capture_output=True,
        text=True,
        check=True,
    )
    groups = hostile.groups(query, parse_group_by(by))
    assert [(item["value"], item["count"]) for item in json.loads(ended.stdout)] == [
        (group.value, group.count) for group in groups.groups
    ]


@pytest.mark.parametrize("text", FILTERS)
def test_the_call_lists_the_same_from_a_server(hostile: Store, text: str) -> None:
    settings = Settings(port=0, rate_limit=False)
    with make_server(hostile, settings, syncing=lambda: False) as server:
        for order, is_descending in ORDERS:
            query = query_of(text, order_by=order, order_desc=is_descending)
            line = as_curl(query, settings, server.url)
            assert line == safe(line)
            command, quiet, url = shlex.split(line)
            assert (command, quiet) == ("curl", "-sS")
            with urllib.request.urlopen(url) as response:
                listed = [item["id"] for item in json.load(response)["experiments"]]
            assert listed == hostile.id_list(hostile.ids(query))


def test_the_call_is_for_the_address_of_the_settings(tmp_path: Path) -> None:
    query = ExperimentQuery(roots=("lab",))
    assert as_curl(query, Settings(port=8080)) == "curl -sS 'http://127.0.0.1:8080/api/v2/experiments?roots=lab'"
    assert "http://[::1]:23300/" in as_curl(query, Settings(host="::1"))
    assert as_curl(query, Settings(unix_socket=tmp_path / "a b")).startswith(
        f"curl -sS --unix-socket '{tmp_path}/a b' "
    )
    assert '-H "Authorization: Bearer $(cat /run/token)"' in as_curl(query, Settings(token_file=Path("/run/token")))
    assert "secret" not in as_curl(query, Settings(token="secret"))


def test_what_rest_cannot_be_asked_for_is_said() -> None:
    with pytest.raises(InvalidQuery):
        as_curl(ExperimentQuery(order_by=NamedValue("max", "acc")), Settings())


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), max_size=20))
def test_a_shell_reads_the_same_words(words: list[str]) -> None:
    line = " ".join(map(shell_word, words))
    assert line == safe(line)
    ended = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    assert ended.stdout.decode().split("\0")[:-1] == (words or [""])
