"""Ctrl-C, SIGTERM and SIGHUP for commands that finish what they have begun."""

from __future__ import annotations

import signal
import time
from queue import SimpleQueue
from types import FrameType

_DOUBLED = 0.3
"""Seconds: `timeout`, `uv` and others pass on a Ctrl-C that the terminal has sent already."""


class Stopping:
    """Inside the `with` block the first SIGINT, SIGTERM or SIGHUP only asks to stop; the second one interrupts at once.

    Only the main thread may enter it.
    """

    def __init__(self) -> None:
        # Not an Event: its lock is held while it is waited for, and a handler that sets it just then waits for ever.
        self._asked: SimpleQueue[signal.Signals] = SimpleQueue()
        self.signal: signal.Signals | None = None
        self._asked_at = 0.0
        self._previous: dict[signal.Signals, signal.Handlers | object] = {}

    @property
    def is_asked(self) -> bool:
        return self.signal is not None

    def wait(self) -> None:
        """Returns when it is asked to stop; once only."""
        self._asked.get()

    def __enter__(self) -> Stopping:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup's wish is kept.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.is_asked:
            if now - self._asked_at < _DOUBLED:
                return
            raise KeyboardInterrupt
        self._asked_at = now
        self.signal = signal.Signals(number)
        self._asked.put(self.signal)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
