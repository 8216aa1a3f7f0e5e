"""`keys`: what the keys of the browser are called, for keys.toml."""

from __future__ import annotations

import json

import pytest

from runicorn_tui import keys
from runicorn_tui.cli import run
from runicorn_tui.keymap import keys_file


def test_it_lists_every_name_with_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys"]) == 0
    listed = capsys.readouterr()
    title, *rows = listed.out.splitlines()
    assert title.split() == ["NAME", "KEYS", "WHAT", "IT", "DOES", "WHERE"]
    assert [row.split()[0] for row in rows] == [key.id for key in keys.KEYS]
    assert str(keys_file()) in listed.err


def test_it_tells_the_keys_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    keys_file().parent.mkdir(parents=True)
    keys_file().write_text('"experiment.delete" = ["f8", "ctrl+x"]\nrange = ""', encoding="utf-8")
    assert run(["keys", "--json"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["id"] in ("delete", "range")]
    assert [(row["id"], row["keys"], row["scopes"]) for row in rows] == [
        ("range", [], ["marks"]),
        ("delete", ["d"], ["experiments"]),
        ("delete", ["f8", "ctrl+x"], ["experiment"]),
    ]
