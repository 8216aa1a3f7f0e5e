"""Nothing that blocks happens on the thread of the event loop: no store, no file of a run, no drawing of a chart."""

from __future__ import annotations

import builtins
import inspect
import io
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.store import Store
from runicorn_tui.charts import drawing
from runicorn_tui.charts.canvas import Canvas
from runicorn_tui.charts.view import View
from runicorn_tui.state import Memory
from runicorn_tui.widgets import scatter
from tests.tui import tour
from tests.tui.drive import Browser, drive
from tests.tui.test_charts_drawing import THEME

FILE_FUNCTIONS = ("open", "stat", "lstat", "scandir", "listdir", "readlink", "unlink", "mkdir", "replace", "rename")
DESCRIPTOR_FUNCTIONS = ("pread", "fstat")
STORE_METHODS = [
    name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_") and name != "close"
]

ACTS: tuple[tuple[str, ...], ...] = (
    # The first closes the hints.
    ("escape", "space", "space"), ("p",), ("w",), ("y",), ("Z",), ("z",),
    ("t",), (*"keep", "enter"), ("U", "home", "E"), (*"seen", "ctrl+o"),
    ("slash",), (*"status:finished", "enter"), ("F",), ("s",), (*"old", "enter"), ("escape",),
    ("s",), ("S",), ("l", "l", "o"), ("greater_than_sign", "minus", "escape"),
    ("O",), (*"proj", "enter"), ("down", "right"), ("O",), ("escape",), ("escape",),
    ("home", "space", "d"), ("y",), ("z",), ("Z",), ("z",), ("U",),
    ("e",), ("enter",), ("ctrl+p",), (*"reload", "enter"), ("G",), ("g",),
    ("d",), ("y",), ("X",), ("enter",), ("r",), ("escape",), ("G", "P"), ("1", "enter"),
    ("J",), ("escape",), ("escape",),
    ("home", "space", "space", "c"), ("w",), ("enter",), ("b", "equals_sign", "n", "x", "L", "E", "plus", "s"), ("P",),
    ("enter",), ("enter",), ("P",), ("u",), ("enter",),
    ("3", "n", "enter", "plus", "h", "x", "m", "right_square_bracket", "0"), ("4", "F", "w", "c", "e"),
    ("5", "s"), ("slash",), (*"log", "enter"), ("t",), (*"best", "enter"), ("D",), (*"good", "ctrl+o"), ("d",), ("y",),
)  # fmt: skip
"""Keys, each group after what the one before it set off."""


class Watch:
    """Counts calls by what they are, and keeps where those on this thread come from."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self._thread = threading.get_ident()
        self._directory = os.fsencode(directory)
        self._patch = patch
        self.here: dict[str, str] = {}
        self.elsewhere: Counter[str] = Counter()
        for name in STORE_METHODS:
            self._watch(Store, name, f"Store.{name}")
        for name in FILE_FUNCTIONS:
            self._watch(os, name, f"os.{name}", self._is_watched)
        for name in DESCRIPTOR_FUNCTIONS:
            self._watch(os, name, f"os.{name}")
        opened = self._watched(open, "open", self._is_watched)
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)
        for name in ("__init__", "add_marks", "add_lines", "cells"):
            self._watch(Canvas, name, f"Canvas.{name}")
        for function in (drawing.draw, scatter.scatter):
            watched = self._watched(function, function.__name__)
            for module in [module for name, module in sys.modules.items() if name.startswith("runicorn_tui")]:
                for name in [name for name, value in vars(module).items() if value is function]:
                    patch.setattr(module, name, watched)

    def _is_watched(self, path: object = None, *_: object, dir_fd: int | None = None, **__: object) -> bool:
        is_path = isinstance(path, (str, bytes, os.PathLike))
        return dir_fd is not None or (is_path and os.fsencode(path).startswith(self._directory))

    def _watch(self, owner: Any, name: str, what: str, is_watched: Callable[..., bool] | None = None) -> None:
        self._patch.setattr(owner, name, self._watched(getattr(owner, name), what, is_watched))

    def _watched(
        self, function: Callable[..., Any], what: str, is_watched: Callable[..., bool] | None = None
    ) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if is_watched is None or is_watched(*args, **kwargs):
                if threading.get_ident() != self._thread:
                    self.elsewhere[what] += 1
                elif what not in self.here:
                    frames = [frame for frame in traceback.extract_stack() if "/runicorn_" in frame.filename]
                    self.here[what] = " < ".join(f"{frame.name} {frame.lineno}" for frame in reversed(frames[-4:]))
            return function(*args, **kwargs)

        return called


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_every_screen_leaves_the_event_loop_alone(
    toured: Store, patch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    watches: list[Watch] = []

    async def look(_: str) -> None:
        return

    async def script(browser: Browser) -> None:
        # Only now: what happened before was the test's own.
        watches.append(Watch(toured.path.parent, patch))
        await browser.press("r")
        await tour.tour(browser, look)

    drive(toured, script, size=size, preview=True, clock=lambda: tour.BEGAN)
    patch.undo()
    (watch,) = watches
    assert watch.here == {}
    # So that the watch is known to have seen something.
    expected = {"Store.find", "Store.rows", "Store.ids", "os.open", "os.scandir", "os.fstat", "draw", "scatter"}
    assert expected <= watch.elsewhere.keys(), sorted(watch.elsewhere)


def test_every_act_leaves_the_event_loop_alone(store: Store, tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    tour.fill(store, tmp_path / "demo")
    (tmp_path / "here").mkdir()
    patch.chdir(tmp_path / "here")
    memory = Memory(tmp_path / "state" / "state.json", store.path)
    memory.load()
    watches: list[Watch] = []

    async def script(browser: Browser) -> None:
        watches.append(Watch(tmp_path, patch))
        for typed in ACTS:
            await browser.press(*typed)

    options = {"watch": True, "running_interval": 0.2, "full_interval": 1.0, "memory": memory}
    drive(store, script, size=(160, 50), preview=True, clock=lambda: tour.BEGAN, **options)
    patch.undo()
    (watch,) = watches
    assert watch.here == {}
    expected = {"Store.annotate", "Store.delete", "Store.restore_batch", "Store.purge", "Store.batches", "os.replace"}
    assert expected <= watch.elsewhere.keys(), sorted(watch.elsewhere)
    assert list((tmp_path / "here").iterdir())


def test_the_watch_sees_what_happens_on_the_loop(toured: Store, patch: pytest.MonkeyPatch) -> None:
    watches: list[Watch] = []

    async def script(browser: Browser) -> None:
        watches.append(Watch(toured.path.parent, patch))
        browser.app.store.roots()
        next(toured.path.parent.glob("demo/*")).stat()
        (toured.path.parent / "demo" / ".runicorn-tui-demo").read_bytes()
        drawing.draw([], View(), 20, 8, THEME)

    drive(toured, script, size=(160, 50), preview=True)
    patch.undo()
    assert {"Store.roots", "os.stat", "open", "draw"} <= watches[0].here.keys()
