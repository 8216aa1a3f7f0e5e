"""The browser in a real pty, read back by a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

KEYS = {
    "down": "\x1b[B", "up": "\x1b[A", "pagedown": "\x1b[6~", "home": "\x1b[H", "end": "\x1b[F", "enter": "\r",
    "escape": "\x1b", "space": " ", "tab": "\t", "shift+down": "\x1b[1;2B",
}  # fmt: skip

BROWSE = """
import sys
from runicorn_db.store import Store
from runicorn_tui.app import RunicornApp
from runicorn_tui.terminal import settle
settle()
with Store(sys.argv[1]) as store:
    app = RunicornApp(store, watch=False)
    app.run()
    sys.exit(app.return_code)
"""

ALTERNATE_SCREEN = (b"\x1b[?1049h", b"\x1b[?1049l")
MOUSE = (b"\x1b[?1000h", b"\x1b[?1000l")
BRACKETED_PASTE = (b"\x1b[?2004h", b"\x1b[?2004l")

# CSI, OSC, DCS, APC, PM, SOS and two-byte sequences; their kinds, without the parameters that data may change.
_SEQUENCES = re.compile(
    rb"\x1b\[([0-?]*)([ -/]*[@-~])|\x1b([\]PX^_])|\x1b([ -/]*[0-OQ-WYZ\\`-~])|([\x00-\x08\x0b-\x0c\x0e-\x1a\x7f])"
)


class Terminal:
    """One program in a pty of `columns` by `rows`; `deadline` seconds are the most that anything may take."""

    def __init__(
        self,
        arguments: list[str],
        *,
        program: str = sys.executable,
        columns: int = 80,
        rows: int = 24,
        deadline: float = 30.0,
        **environ: str,
    ) -> None:
        self.deadline = deadline
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = bytearray()
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environ}
        self.process = pexpect.spawn(program, arguments, dimensions=(rows, columns), env=environment, timeout=deadline)
        self.process.setecho(False)

    @classmethod
    def browse(cls, index: Path, *, columns: int = 80, rows: int = 24) -> Terminal:
        """The browser on an index, with nothing but the shell around it."""
        return cls(["-W", "error", "-c", BROWSE, str(index)], columns=columns, rows=rows)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def read(self, seconds: float) -> bytes:
        """What arrives until nothing more has come for `seconds`."""
        received = bytearray()
        try:
            while True:
                part = self.process.read_nonblocking(1 << 16, timeout=seconds)
                received += part
                self._stream.feed(part)
        except (pexpect.TIMEOUT, pexpect.EOF):
            self.received += received
            return bytes(received)

    def until(self, condition: Callable[[str], bool] | str) -> None:
        """Reads until the screen shows a text or fulfils a condition."""
        is_met = (lambda text: condition in text) if isinstance(condition, str) else condition
        end = time.monotonic() + self.deadline
        while not is_met(self.text):
            assert time.monotonic() < end, f"waited for {condition!r} on\n{self.text}"
            assert self.process.isalive() or self.read(0.05), f"ended before {condition!r} on\n{self.text}"
            self.read(0.05)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.process.send(KEYS.get(key, key))

    def paste(self, text: str) -> None:
        """What a terminal sends for pasted text."""
        self.process.send(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int) -> None:
        """What a terminal does whose window is dragged."""
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def end(self) -> int:
        """Waits for the end of the program; its exit status."""
        end = time.monotonic() + self.deadline
        while self.process.isalive():
            assert time.monotonic() < end, f"still there:\n{self.text}"
            self.read(0.05)
        self.read(0.05)
        self.process.close()
        status = self.process.exitstatus
        assert status is not None, f"ended by signal {self.process.signalstatus}"
        return status

    def kill(self) -> None:
        if self.process.isalive():
            self.process.kill(signal.SIGKILL)
            self.process.wait()
        self.process.close()

    def is_restored(self) -> bool:
        """Whether every mode that was switched on was switched off again, the last time."""
        return all(
            self.received.rfind(on) < self.received.rfind(off) for on, off in (ALTERNATE_SCREEN, MOUSE, BRACKETED_PASTE)
        )

    def sequence_kinds(self) -> set[bytes]:
        """The kinds of escape sequences and control characters that were received."""
        return {match[2] or match[3] or match[4] or match[5] for match in _SEQUENCES.finditer(bytes(self.received))}
