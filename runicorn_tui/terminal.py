"""The border between data and a terminal: harmless text, refusals, signals."""

from __future__ import annotations

import base64
import codecs
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TextIO

_JOINERS = frozenset("\u200c\u200d")
# Invisible though Unicode calls them letters or marks: Hangul fillers, the grapheme joiner, Mongolian selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_HARMFUL = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))

# Longer ones are cut by some terminals and refused by others.
_LONGEST_ALERT = 200

# GNU screen 4 drops a string of more than 768 bytes, older ones of more than 256, and shows the rest of it as text: so
# many characters are at most 240 bytes.
_SCREEN_PIECE = 60

# What a shell reports for a program that was ended by the signal.
EXIT_STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129}


_ASCII = "runicorn_tui_ascii"


@dataclass(slots=True)
class Terminal:
    """What the one terminal of this process can show; settled before anything is shown."""

    is_ascii: bool = False
    """Nothing but ASCII: our own glyphs are redrawn, everything else becomes an escape."""
    is_slow: bool = False
    """It is far away: less is painted, nothing moves by itself."""


shows = Terminal()


def settle(*, is_ascii: bool | None = None, is_slow: bool | None = None) -> None:
    """What `shows` says and is printed from now on; what is None is found out from the environment."""
    shows.is_ascii = knows_only_ascii(os.environ) if is_ascii is None else is_ascii
    # Wherever the terminal is at the other end of an ssh connection.
    shows.is_slow = bool(os.environ.get("SSH_CONNECTION")) if is_slow is None else is_slow
    if mistakes_true_colors(os.environ):
        del os.environ["COLORTERM"]
    for stream in (sys.stdout, sys.stderr):
        settle_stream(stream)


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


class Drawn(str):
    """Text of our own, in which glyphs stay glyphs; what it holds of data was made safe before."""

    __slots__ = ()


class _ShownInAscii(dict[int, str]):
    """The same where only ASCII can be shown: redrawn glyphs would make two different names look alike."""

    def __missing__(self, code: int) -> str:
        shown = _SHOWN[code]
        self[code] = shown if shown.isascii() else _escape(code)
        return self[code]


_SHOWN_IN_ASCII = _ShownInAscii()


class _DrawnInAscii(dict[int, str]):
    """The same for what is our own: its glyphs stay, for the last step before the terminal to redraw."""

    def __missing__(self, code: int) -> str:
        from runicorn_tui.ascii_glyphs import glyph_in_ascii

        character = chr(code)
        self[code] = _SHOWN_IN_ASCII[code] if glyph_in_ascii(character) is None else character
        return self[code]


_DRAWN_IN_ASCII = _DrawnInAscii()


def harmless(value: object) -> str:
    r"""`value` as text of one line that can only be read: nothing in it moves a cursor or hides.

    Control, bidirectional, formatting and invisible characters and lone surrogates are shown as
    `\xNN`, `\uNNNN` or `\UNNNNNNNN`, newline and tab too. Joiners stay: emoji and scripts need them.
    """
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_SHOWN)


def safe(value: object) -> str:
    """As `harmless`, for this terminal: where it shows nothing but ASCII, all else is an escape, except in `Drawn`."""
    text = harmless(value)
    if isinstance(value, Drawn):
        return Drawn(text.translate(_DRAWN_IN_ASCII) if shows.is_ascii else text)
    return text.translate(_SHOWN_IN_ASCII) if shows.is_ascii and not text.isascii() else text


def knows_only_ascii(environ: Mapping[str, str]) -> bool:
    """Whether the locale says that the terminal cannot show UTF-8."""
    # LC_CTYPE is C.UTF-8 when Python itself has set it: it tells nothing about the terminal.
    names = ("LC_ALL", "LANG") if environ.get("LC_CTYPE") == "C.UTF-8" else ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((environ[name] for name in names if environ.get(name)), "UTF-8")
    return "UTF" not in locale.upper()


def mistakes_true_colors(environ: Mapping[str, str]) -> bool:
    """Whether `COLORTERM` is that of the terminal around GNU screen, which takes a 24-bit colour for other ones."""
    is_screen = environ.get("TERM", "").startswith("screen") and not environ.get("TMUX")
    return is_screen and "COLORTERM" in environ


def settle_stream(stream: TextIO) -> None:
    """What is printed there is ASCII if the terminal shows nothing else: our glyphs by others, the rest as escapes."""
    if not isinstance(stream, TextIOWrapper):
        return
    if shows.is_ascii:
        codecs.register(_ascii_codec)
        stream.reconfigure(encoding=_ASCII)
    elif stream.encoding == _ASCII:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


class _AsciiEncoder(codecs.IncrementalEncoder):
    def encode(self, input: str, final: bool = False) -> bytes:
        return _encoded(input)[0]


def _encoded(text: str, errors: str = "") -> tuple[bytes, int]:
    from runicorn_tui.ascii_glyphs import glyph_in_ascii

    if not text.isascii():
        text = "".join(c if c.isascii() else glyph_in_ascii(c) or _escape(ord(c)) for c in text)
    return text.encode("ascii"), len(text)


def _ascii_codec(name: str) -> codecs.CodecInfo | None:
    # Not Python's own: click takes a stream that is ASCII for one that was set wrongly, and writes UTF-8.
    if name != _ASCII:
        return None
    return codecs.CodecInfo(
        _encoded,
        codecs.ascii_decode,
        incrementalencoder=_AsciiEncoder,
        incrementaldecoder=codecs.getincrementaldecoder("ascii"),
        name=_ASCII,
    )


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


def passed_on(sequence: str, environ: Mapping[str, str] | None = None) -> str:
    r"""An OSC sequence as tmux or screen hands it to the terminal outside; as it is where neither of them runs.

    tmux does so where `allow-passthrough` is on. Nothing else ends the sequence than a bell: screen takes `ESC \`
    for the end of the whole. To screen it is handed in pieces.
    """
    environ = os.environ if environ is None else environ
    ended = sequence.replace("\x1b\\", "\a")
    if not sequence.startswith("\x1b]"):
        return sequence
    if environ.get("TMUX"):
        return f"\x1bPtmux;{ended.replace(chr(27), chr(27) * 2)}\x1b\\"
    if not environ.get("STY"):
        return sequence
    pieces = (ended[start : start + _SCREEN_PIECE] for start in range(0, len(ended), _SCREEN_PIECE))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def copying(text: str, environ: Mapping[str, str] | None = None) -> str:
    """What makes a terminal copy `text` (OSC 52). tmux has a clipboard of its own, so that nothing is passed on."""
    environ = os.environ if environ is None else environ
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode('utf-8', 'backslashreplace')).decode()}\a"
    return sequence if environ.get("TMUX") else passed_on(sequence, environ)


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
    # Here: the command line needs none of it.
    import asyncio

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
