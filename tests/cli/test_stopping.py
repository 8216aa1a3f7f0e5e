from __future__ import annotations

import os
import signal
import time

import pytest

from runicorn_tui.stopping import Stopping


def test_the_first_signal_asks_and_its_double_changes_nothing() -> None:
    with Stopping() as stopping:
        assert not stopping.is_asked
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

        assert stopping.is_asked
        assert stopping.signal is signal.SIGINT


def test_a_later_signal_interrupts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.monotonic() + 1
    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping.is_asked
        monkeypatch.setattr(time, "monotonic", lambda: later)

        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_afterwards_the_signals_mean_what_they_meant() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stopping():
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before
