"""The examples of docs/client.md and of the docstrings, run against a live server over a root of the real Runicorn."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import runicorn_tui.client
from runicorn_api import websocket
from runicorn_tui.client import Client, ClientError, connect, errors
from tests.client.conftest import Lab, Open

DOCUMENT = Path(__file__).parents[2] / "docs" / "client.md"
WRITTEN_ADDRESS = "http://127.0.0.1:23300"


@pytest.fixture
def real_lab(open_lab: Open, real_root: Path) -> Lab:
    return open_lab(real_root)


def run(test: doctest.DocTest) -> int:
    """How many examples there were, all of which do what they say."""
    said: list[str] = []
    result = doctest.DocTestRunner().run(test, out=said.append, clear_globs=False)
    assert result.failed == 0, "".join(said)
    return result.attempted


def parsed(text: str, lab: Lab, name: str, names: dict[str, Any]) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(text.replace(WRITTEN_ADDRESS, lab.url), names, name, name, 0)


def test_how_long_a_silent_listener_is_kept_is_told_as_it_is() -> None:
    seconds = f"{websocket.PING_SECONDS + websocket.PONG_SECONDS:.0f} seconds"
    assert f"has not been heard of for {seconds}" in DOCUMENT.read_text("utf-8")
    assert f"does not come for the next line for {seconds}" in " ".join((Client.logs.__doc__ or "").split())


def test_the_examples_of_the_document_do_what_they_say(real_lab: Lab) -> None:
    test = parsed(DOCUMENT.read_text("utf-8"), real_lab, "client.md", {})
    try:
        assert run(test) > 20
    finally:
        test.globs["client"].close()


def test_the_examples_of_the_docstrings_do_what_they_say(real_lab: Lab, scenarios: dict[str, str]) -> None:
    names = {"client": real_lab.client, "connect": connect, "experiment_id": scenarios["finished_max"]}
    modules = [
        importlib.import_module(f"runicorn_tui.client.{m.name}")
        for m in pkgutil.iter_modules(runicorn_tui.client.__path__)
    ]
    attempted = 0
    for module in (runicorn_tui.client, *modules):
        for found in doctest.DocTestFinder(exclude_empty=True).find(module):
            if found.examples:
                attempted += run(parsed(found.docstring or "", real_lab, found.name, dict(names)))
    assert attempted > 10


def test_the_document_names_every_error() -> None:
    named = set(re.findall(r"`(\w+)`", DOCUMENT.read_text("utf-8").partition("## Errors")[2]))
    kinds = [
        kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClientError)
    ]

    assert [name for name in kinds if name not in named] == []


def test_the_document_names_every_call() -> None:
    text = DOCUMENT.read_text("utf-8")
    calls = [name for name in vars(runicorn_tui.client.Client) if not name.startswith("_")]

    assert [name for name in calls if not re.search(rf"\b{name}\b", text)] == []
