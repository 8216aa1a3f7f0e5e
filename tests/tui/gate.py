"""Holds work back until a test lets it go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.tui.drive import DEADLINE, Browser


class Gate:
    """What comes to it in a thread waits until it is opened, at most DEADLINE seconds."""

    def __init__(self) -> None:
        self._has_come, self._is_open = threading.Event(), threading.Event()

    @classmethod
    def before(
        cls, monkeypatch: pytest.MonkeyPatch, owner: object, *names: str, error: Exception | None = None
    ) -> Gate:
        """One before functions of an object or a module; behind it they raise `error`, if there is one."""
        gate = cls()

        def behind(function: Callable[..., Any]) -> Callable[..., Any]:
            def held(*args: Any, **kwargs: Any) -> Any:
                gate.wait()
                if error is not None:
                    raise error
                return function(*args, **kwargs)

            return held

        for name in names:
            monkeypatch.setattr(owner, name, behind(getattr(owner, name)))
        return gate

    def wait(self) -> None:
        """In the thread that is held back."""
        self._has_come.set()
        assert self._is_open.wait(DEADLINE), "the gate was not opened"

    def open(self) -> None:
        self._is_open.set()

    async def reached(self, browser: Browser, *keys: str) -> None:
        """Presses keys that begin something, and waits until it has come to the gate."""
        await browser.pilot.press(*keys)
        await browser.until(self._has_come.is_set)

    async def open_while_too_small(self, browser: Browser) -> None:
        """Lets it go on in a window too small to show anything, then makes that large again."""
        covered = browser.app.screen
        await browser.pilot.resize_terminal(30, 8)
        await browser.until(lambda: browser.app.screen is not covered)
        self.open()
        await browser.settle()
        assert "Needs 40x10" in browser.text
        await browser.pilot.resize_terminal(80, 24)
        await browser.settle()
