"""The border between data and a terminal: harmless text, refusals, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Mapping

_JOINERS = frozenset("\u200c\u200d")
# Invisible though Unicode calls them letters or marks: Hangul fillers, the grapheme joiner, Mongolian selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_HARMFUL = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))

# Longer ones are cut by some terminals and refused by others.
_LONGEST_ALERT = 200

# What a shell reports for a program that was ended by the signal.
EXIT_STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129}


class _Shown(dict[int, str]):
    """What to show for a code point; filled as code points are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        harmful = unicodedata.category(character) in _HARMFUL and character not in _JOINERS
        shown = _escape(code) if harmful or character in _INVISIBLE else character
        self[code] = shown
        return shown


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_SHOWN = _Shown()


def safe(value: object) -> str:
    r"""`value` as text of one line that can only be read: nothing in it moves a cursor or hides.

    Control, bidirectional, formatting and invisible characters and lone surrogates are shown as
    `\xNN`, `\uNNNN` or `\UNNNNNNNN`, newline and tab too. Joiners stay: emoji and scripts need them.
    """
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_SHOWN)


def alert(way: str, text: str) -> str:
    r"""What makes a terminal tell `text` to who looks elsewhere: a `bell`, `osc9` or `osc777`; nothing for `off`.

    OSC 9 is iTerm2's, OSC 777 is urxvt's; others know one of them or both. The text is of one line, and can neither
    end the sequence nor be taken for another one.
    """
    shown = safe(text)[:_LONGEST_ALERT]
    match way:
        case "bell":
            return "\a"
        case "osc9":
            # A text that began with a number would be a command in some terminals.
            return f"\x1b]9;runicorn-tui: {shown}\x1b\\"
        case "osc777":
            # A semicolon would begin another field.
            return f"\x1b]777;notify;runicorn-tui;{shown.replace(';', ',')}\x1b\\"
        case _:
            return ""


def refusal(environ: Mapping[str, str] | None = None) -> str | None:
    """Why no full screen can be shown here, or None when it can."""
    environ = os.environ if environ is None else environ
    term = environ.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "The browser needs a terminal, and this is not one."
    if term in ("", "dumb", "unknown"):
        return f"The browser needs a terminal that can move its cursor, and TERM is '{safe(term)}'."
    return None


def on_end_signals(end: Callable[[int], None]) -> Callable[[], None]:
    """Calls `end(exit status)` in the running event loop at SIGTERM and SIGHUP; the answer undoes it.

    Without this the terminal stays in its alternate screen with mouse reports on.
    """
    loop = asyncio.get_running_loop()
    installed: list[signal.Signals] = []
    for number, status in EXIT_STATUS.items():
        try:
            loop.add_signal_handler(number, end, status)
        except (ValueError, RuntimeError):
            # Not the main thread: whoever owns the process owns its signals.
            break
        installed.append(number)

    def undo() -> None:
        for number in installed:
            loop.remove_signal_handler(number)

    return undo
