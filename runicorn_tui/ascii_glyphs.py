"""What stands for a glyph where a terminal shows nothing but ASCII: as many cells, so that every frame stays right."""

from __future__ import annotations

from rich.cells import cell_len

_GLYPHS = {
    # Status, marks, pins, watches, choices.
    "▸": ">", "✓": "+", "✗": "x", "■": "#", "◌": "o", "●": "*", "○": "o", "◆": "!", "◎": "@", "›": ">", "▌": ">",
    "◐": "~", "≥": ">",
    # Order and arrows.
    "↓": "v", "↑": "^", "←": "<", "→": ">", "▴": "^", "▾": "v",
    # What was cut off, and texts.
    "…": "~", "—": "-", "–": "-", "×": "x", "·": ".",
    # Lines of frames and of charts.
    "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┈": ".", "┅": ":", "╍": "=", "╌": "-", "╴": "-", "╷": "|", "╶": "-",
    "╵": "|",
    # Cursors of fields, scroll bars, blocks; what logs draw bars and curves with.
    "▏": "|", "▎": "|", "▍": "|", "▋": "#", "▊": "#", "▉": "#", "█": "#", "▕": "|", "▐": "|", "▀": "#",
    "░": ".", "▒": ":", "▓": "#", "╸": "=", "╺": "-", "□": ".", "▰": "#", "▱": ".",
    "▔": "-", "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#",
}  # fmt: skip
_HORIZONTAL, _VERTICAL = "─━┄┅┈┉═", "│┃┆┇┊┋║"


def _glyphs() -> dict[int, str]:
    drawn = dict.fromkeys(map(chr, range(0x2500, 0x2580)), "+")
    drawn |= dict.fromkeys(_HORIZONTAL, "-") | dict.fromkeys(_VERTICAL, "|") | {"━": "=", "═": "="}
    dots = dict.fromkeys(map(chr, range(0x2801, 0x2900)), "*") | {"⠀": " "}
    return {ord(glyph): text for glyph, text in (drawn | dots | _GLYPHS).items()}


class _Shown(dict[int, str]):
    """What to show for a code point; filled as code points are met."""

    def __missing__(self, code: int) -> str:
        shown = chr(code) if code < 0x80 else "?" * cell_len(chr(code))
        self[code] = shown
        return shown


_OURS = _glyphs()
_SHOWN = _Shown(_OURS)


def in_ascii(text: str) -> str:
    """The text in ASCII, on as many cells; `?` for what is no glyph of ours."""
    return text if text.isascii() else text.translate(_SHOWN)


def glyph_in_ascii(character: str) -> str | None:
    """What stands for one of our glyphs; None for any other character."""
    return _OURS.get(ord(character))
