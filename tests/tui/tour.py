"""A visit of every screen and dialog of the browser, by keys, for what must hold on all of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from runicorn_db.demo import write_demo
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.screens.quit import QuitScreen
from tests.tui.drive import Browser

BEGAN = 1_760_000_000.0
EXPERIMENTS = 24

NAMES = ("[/]", "esc\x1b[2J", "日本語の実験", "naïve ±0.5", "👩‍💻 emoji", "\u202etxt.exe")
"""For experiments that try to be more than text, or are not ASCII."""

_COMPARED = ("space", "down", "space", "c")
STOPS: dict[str, tuple[str, ...]] = {
    "list": (),
    "marks": ("space", "v", "down", "down", "v"),
    "completion": ("slash", *"status:f"),
    "filter not understood": ("slash", *"acc", "greater_than_sign"),
    "nothing found": ("slash", *"nothing", "enter"),
    "column": ("l", "l"),
    "columns": ("C",),
    "columns searched": ("C", "slash", *"a"),
    "confirm one": ("d",),
    "confirm many": ("a", "d", *"12"),
    "tags": ("t", *"ke"),
    "description": ("E",),
    "export": ("e",),
    "saved filters": ("F",),
    "query": ("colon", *"cli", "enter"),
    "palette": ("ctrl+p",),
    "help": ("question_mark",),
    "trash": ("X",),
    "trash batch": ("X", "enter"),
    "purge": ("X", "P"),
    "journal": ("X", "J"),
    "overview": ("enter",),
    "parameters": ("enter", "2"),
    "charts small": ("enter", "3"),
    "charts large": ("enter", "3", "enter"),
    "metric search": ("enter", "3", "slash", *"l"),
    "log": ("enter", "4"),
    "log search": ("enter", "4", "slash", *"loss", "enter"),
    "files": ("enter", "5"),
    "file": ("enter", "5", "down", "enter"),
    "experiment help": ("enter", "question_mark"),
    "compare": _COMPARED,
    "compare baseline": (*_COMPARED, "b", "right"),
    "pick metric": (*_COMPARED, "slash", *"a"),
    "scatter": (*_COMPARED, "P", "enter", "enter"),
    "write comparison": (*_COMPARED, "w"),
}

Look = Callable[[str], Awaitable[None]]


def fill(store: Store, directory: Path) -> None:
    """A demo of two dozen experiments, a few with names of their own, one deleted."""
    root = write_demo(directory, EXPERIMENTS, steps=40, now=BEGAN)
    files = sorted(root.rglob("meta.json"))[: len(NAMES)]
    for file, name in zip(files, NAMES, strict=True):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"name": name}))
    for log in root.rglob("logs.txt"):
        log.write_bytes("épisode 1 \x1b[31mréd\x1b[0m █▌ 日本\n".encode() + log.read_bytes())
    store.add_root(root)
    sync(store)
    oldest = store.find(ExperimentQuery(per_page=1, order_desc=False)).experiments[0]
    store.delete((oldest.id,), source="tui", reason="tour")


async def tour(browser: Browser, look: Look, *, only: tuple[str, ...] = tuple(STOPS)) -> None:
    """Goes to each stop, awaits `look` with its name there, and comes back to the list."""
    for name in only:
        await browser.press(*STOPS[name])
        await browser.settle()
        await look(name)
        await _back(browser)
    browser.app.push_screen(QuitScreen(lambda: ["restoring deletion 1"]))
    await browser.settle()
    await look("quit")
    await _back(browser)


async def _back(browser: Browser) -> None:
    """To the list as it was at first."""
    for _ in range(8):
        if len(browser.app.screen_stack) == 1:
            break
        await browser.press("escape")
    assert len(browser.app.screen_stack) == 1, browser.text
    screen = browser.screen
    screen.table.focus()
    screen.bar.set_text("")
    await browser.press("escape", "U", "home")
    await browser.pause_is_over()
