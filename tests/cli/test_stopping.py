from __future__ import annotations

import os
import signal
import sys
import time
from threading import Timer
from types import FrameType

import pytest

from runicorn_tui.stopping import Stopping


def test_the_first_signal_asks_and_its_double_changes_nothing() -> None:
    with Stopping() as stopping:
        assert not stopping.is_asked
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

        assert stopping.is_asked
        assert stopping.signal is signal.SIGINT


@pytest.mark.timeout(20)
@pytest.mark.parametrize("moment", range(1, 80, 3))
def test_a_signal_ends_the_wait_at_whatever_instruction_it_arrives(moment: int) -> None:
    left = moment

    def at_each_instruction(frame: FrameType, _event: str, _argument: object) -> object:
        nonlocal left
        frame.f_trace_opcodes = True
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return at_each_instruction

    with Stopping() as stopping:
        # For moments after the last instruction: the wait itself.
        late = Timer(0.02, lambda: None if stopping.is_asked else os.kill(os.getpid(), signal.SIGTERM))
        late.start()
        tracing = sys.gettrace()
        sys.settrace(at_each_instruction)
        try:
            stopping.wait()
        finally:
            sys.settrace(tracing)
            late.cancel()
            late.join()

        assert stopping.is_asked


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
