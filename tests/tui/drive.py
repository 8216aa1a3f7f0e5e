"""Drives the browser from a test: keys in, the text of the screen out."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import pytest
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot
from textual.widget import Widget

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.app import RunicornApp
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.widgets import filter_bar
from tests.tui import indexed

P = ParamSpec("P")
T = TypeVar("T")

DEADLINE = 30.0

# So that a test on a slow machine still finds what was said.
RunicornApp.NOTIFICATION_TIMEOUT = 3600.0


def key_event(key: str) -> Key:
    """A key as the driver sends it, by the name that bindings give it or by its character."""
    name = _character_to_key(key) if len(key) == 1 else key
    try:
        character = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
    except KeyError:
        character = key if len(key) == 1 else None
    return Key(name, character)


class _CountingApp(RunicornApp):
    """Knows how many answers are awaited."""

    asked = 0

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.asked += 1
        try:
            return await super().ask(question, *args, **kwargs)
        finally:
            self.asked -= 1


@dataclass(frozen=True)
class Browser:
    """An open browser."""

    app: _CountingApp
    pilot: Pilot[None]

    async def press(self, *keys: str) -> None:
        """Types the keys in no time, each when what the one before has set off is done."""
        with self.typed_in_no_time():
            for key in keys:
                self.app.post_message(key_event(key))
                await self._work_done(0)
        await self.settle()

    async def type(self, text: str) -> None:
        """Types a text in no time, then waits for the end of the pause after the last letter."""
        await self.press(*("space" if c == " " else c for c in text))
        await self.pause_is_over()

    async def pause_is_over(self) -> None:
        """Waits until what was typed is listed."""
        screen = self.app.screen
        if isinstance(screen, ExperimentsScreen):
            await self.until(lambda: not screen.bar.is_waiting)
        await self.settle()

    @contextmanager
    def typed_in_no_time(self) -> Iterator[None]:
        """However slow the machine, what is typed here is a filter only when all of it is."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(filter_bar, "DEBOUNCE_SECONDS", 2 * DEADLINE)
            yield
        screen = self.app.screen
        if isinstance(screen, ExperimentsScreen) and screen.bar.is_waiting:
            # A pause that is as long as it should be begins.
            screen.bar._wait()

    async def settle(self) -> None:
        """Waits for keys, for workers (but those that wait for a person) and for what they posted."""
        await self._work_done(None)

    async def _work_done(self, pause: float | None) -> None:
        """`pause`: how long it must rest again and again, seconds; None while the process works hard."""
        quiet = 0
        async with asyncio.timeout(DEADLINE):
            while quiet < 3 and self.app.is_running:
                if self._is_busy:
                    quiet = 0
                    await asyncio.sleep(0.002)
                else:
                    quiet += 1
                    await self.app.animator.wait_until_complete()
                    await self.pilot.pause(pause)

    @property
    def _is_busy(self) -> bool:
        waiting = len(self.app.screen_stack) > 1
        at_work = (w for w in self.app.workers if w.is_running and not (waiting and w.group == "delete"))
        return self.app._is_passing or self.app.asked > 0 or any(at_work)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something to become true; it is wrong if it never does."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self.pilot.pause(0.01)
        await self.pilot.pause(0)

    @property
    def screen(self) -> ExperimentsScreen:
        screen = self.app.screen
        assert isinstance(screen, ExperimentsScreen), screen
        return screen

    @property
    def marked(self) -> set[str]:
        return set(self.app.store.id_list(self.screen.table.marks.snapshot))

    @property
    def current(self) -> str:
        row = self.screen.table.current
        assert row is not None
        return row.name

    @property
    def lines(self) -> list[str]:
        """The screen as text."""
        return ["".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    @property
    def notices(self) -> list[str]:
        return [str(notice.message) for notice in self.app._notifications]

    def widget(self, selector: str) -> Widget:
        return self.app.screen.query_one(selector)


Script = Callable[[Browser], Awaitable[None]]


def drive(store: Store, script: Script, *, size: tuple[int, int] = (80, 24), **options: Any) -> RunicornApp:
    """Opens the browser on `store`, without the pane beside the list, lets `script` use it, closes it."""
    options = {"watch": False, "preview": False, "clock": lambda: indexed.NOW, **options}

    async def run() -> RunicornApp:
        app = _CountingApp(store, **options)
        async with app.run_test(size=size, notifications=True) as pilot:
            browser = Browser(app, pilot)
            await browser.settle()
            await script(browser)
        return app

    return asyncio.run(run())


def opened(
    store: Store, script: Script, *, size: tuple[int, int] = (80, 24), id: str | None = None, **options: Any
) -> None:
    """Opens the newest experiment, or the one with this id, then lets `script` use its screen."""

    async def then(browser: Browser) -> None:
        newest = id or store.find(ExperimentQuery(per_page=1)).experiments[0].id
        await browser.app.push_screen(ExperimentScreen(newest))
        await browser.settle()
        await script(browser)

    drive(store, then, size=size, **options)
