"""Keys in turn: what is typed behind a key goes to what that key has opened."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import wraps
from typing import Any, ParamSpec, TypeGuard, cast

from textual import events, on
from textual.app import App
from textual.message import Message
from textual.screen import Screen
from textual.signal import Signal
from textual.worker import Worker, WorkerError

from runicorn_tui.key_names import shown
from runicorn_tui.widgets.status_line import SLOW_SECONDS, working

P = ParamSpec("P")

_ROUNDS = 2
"""A key is passed up from what has the focus to the app; what it sets off there is passed up the same way."""
_GIVES_UP = "escape"
_LOST_SECONDS = 1.0
"""A widget that goes away passes nothing on."""


class Passed(Message):
    """Sent right behind a key: where this arrives the key has been."""

    def __init__(self, turn: int, left: int) -> None:
        super().__init__()
        self.turn = turn
        self.left = left


class TypedAhead(App[None]):
    """One key, or pasted text, at a time: the next waits until all that the one before it opens has the focus."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._turn = 0
        self._is_passing = False
        self._began = 0.0
        self._openers: dict[Worker[Any], ExitStack] = {}
        self._asked_for: set[Worker[Any]] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._opening_since = 0.0

    def on_mount(self) -> None:
        changed = cast("Signal[Screen[object]]", self.screen_change_signal)  # pyright: ignore[reportUnknownMemberType]
        changed.subscribe(self, self._screen_changed)

    @property
    def is_typed_ahead(self) -> bool:
        """Whether there are keys that are not done yet."""
        return self._is_passing or bool(self._typed)

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, (events.Key, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
            return
        if self._is_given_up_by(event) and self._give_up() and event.key == _GIVES_UP:
            return
        self._typed.append(event)
        if self._is_passing and time.monotonic() - self._began > _LOST_SECONDS:
            self._is_passing = False
        await self._take_next()

    async def _take_next(self) -> None:
        if self._typed and not self._is_passing and not self._openers:
            target = self.focused or self.screen
            await super().on_event(self._typed.popleft())
            self._send_behind(target)

    def _send_behind(self, target: Any, left: int = _ROUNDS) -> None:
        self._turn += 1
        self._is_passing, self._began = True, time.monotonic()
        passed = Passed(self._turn, left)
        # By whomever it is sent: a widget's own messages come no further than to that widget.
        passed.set_sender(self)
        if not target.post_message(passed):
            self.post_message(passed)

    @on(Passed)
    async def _passed(self, message: Passed) -> None:
        if message.turn != self._turn or not self.screen_stack:
            return
        if message.left > 1:
            self._send_behind(self.focused or self.screen, message.left - 1)
            return
        self._is_passing = False
        await self._take_next()

    def _screen_changed(self, screen: Screen[object]) -> None:
        """What was to be opened is there, and what was sent behind a key went with the screen that is closed."""
        for opener in [opener for opener in self._openers if screen not in opener.node.ancestors_with_self]:
            self._forget(opener)
        if self._is_passing or self._typed:
            self._send_behind(self.focused or self.screen)

    # What opens after a while.

    def wait_for(self, opener: Worker[Any], *, is_asked_for: bool = False) -> None:
        """Keys wait until this has opened a screen or has ended, or is given up.

        What a person has asked for says that it takes its time, and ends when it is given up.
        """
        if not self._openers:
            self._opening_since = time.monotonic()
        self._openers[opener] = telling = ExitStack()
        if is_asked_for:
            self._asked_for.add(opener)
            telling.enter_context(working(self.screen, f"one moment… {shown(_GIVES_UP)} gives up"))
        watch = asyncio.create_task(self._until_ended(opener))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _until_ended(self, opener: Worker[Any]) -> None:
        with suppress(WorkerError):
            await opener.wait()
        if opener in self._openers and self.screen_stack:
            self._forget(opener)
            self._send_behind(self.focused or self.screen)

    def _forget(self, opener: Worker[Any]) -> None:
        self._asked_for.discard(opener)
        self._openers.pop(opener).close()

    def _is_given_up_by(self, event: events.Key | events.Paste) -> TypeGuard[events.Key]:
        is_slow = bool(self._openers) and time.monotonic() - self._opening_since > SLOW_SECONDS
        return is_slow and isinstance(event, events.Key) and event.key in (_GIVES_UP, "ctrl+c")

    def _give_up(self) -> bool:
        """Forgets what was typed meanwhile; whether something ends by that."""
        ended = list(self._asked_for)
        self._typed.clear()
        for opener in list(self._openers):
            self._forget(opener)
        for opener in ended:
            opener.cancel()
        return bool(ended)


def opening(action: Callable[P, Worker[None]]) -> Callable[P, Worker[None]]:
    """Of a worker at the end of which something else has the keys: those that are typed meanwhile wait for it."""

    @wraps(action)
    def opens(*args: P.args, **kwargs: P.kwargs) -> Worker[None]:
        worker = action(*args, **kwargs)
        app = cast("object", worker.node.app)  # pyright: ignore[reportUnknownMemberType]
        assert isinstance(app, TypedAhead)
        app.wait_for(worker, is_asked_for=True)
        return worker

    return opens
