"""What is written to the terminal, without what has no effect there: over a slow line every byte of a key counts."""

from __future__ import annotations

import contextlib
import re
from typing import IO, Any, cast

from textual.drivers.linux_driver import LinuxDriver

_COLOUR = r"8;(?:2;\d+;\d+;\d+|5;\d+)"
# A place that is left at once for another one.
_PASSED = re.compile(r"(?:\n|\x1b\[\d+;\d+H)(?=\x1b\[\d+;\d+H)")
# Two colours, perhaps right after the end of another style, or any other style.
_STYLE = re.compile(rf"(\x1b\[0?m)?\x1b\[(3{_COLOUR});(4{_COLOUR})m|\x1b\[[\d;]*m")
_ENDS = ("\x1b[0m", "\x1b[m")


class Lasting:
    """A terminal that may go away: what is then written to it is lost, and nobody waits for it.

    The thread that writes would end by the error, and its queue would fill up with nobody to empty it.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


class TerseDriver(LinuxDriver):
    """Textual's driver, of which each write is shortened."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # Textual leaves its App's type open
        self._file = cast("IO[str]", Lasting(self._file))

    def write(self, data: str) -> None:
        super().write(shortened(data))


def shortened(data: str) -> str:
    """Fewer bytes that make a terminal show the same; no style is on where `data` begins."""
    # The colours that are on and nothing else is, both empty when none is; None with any other style.
    on: tuple[str, str] | None = ("", "")

    def changed(match: re.Match[str]) -> str:
        nonlocal on
        end, foreground, background = match.groups()
        before = on
        if foreground is None:
            on = ("", "") if match[0] in _ENDS else None
            return match[0]
        if end is not None or before is not None:
            on = (foreground, background)
        if end is None or not before or not before[0]:
            return match[0]
        changes = ";".join(now for now, then in zip(on or (), before, strict=True) if now != then)
        return changes and f"\x1b[{changes}m"

    return _STYLE.sub(changed, _PASSED.sub("", data))
