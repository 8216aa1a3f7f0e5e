from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from runicorn_db.store import Store
from runicorn_tui.ascii_glyphs import glyph_in_ascii, in_ascii
from runicorn_tui.terminal import shows
from tests.tui.drive import Browser, drive
from tests.tui.tour import BEGAN, tour

_ESCAPE = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"))))
def test_every_text_keeps_its_cells(text: str) -> None:
    shown = in_ascii(text)
    assert shown.isascii()
    # Each by itself: what joins two emoji into one is gone with them.
    assert len(shown) == sum(map(cell_len, text))


def test_glyphs_are_drawn_otherwise_and_other_characters_are_question_marks() -> None:
    assert in_ascii("╭─┈╮ ● 1/3 ✓ name… ━━─ ⠉⣀") == "+-.+ * 1/3 + name~ ==- **"
    assert in_ascii("né日") == "n???"


def test_what_a_log_draws_with_blocks_is_drawn_otherwise_and_never_blank() -> None:
    assert in_ascii("|██████▍   | ━━━╸ ▁▂▃▄▅▆▇█") == "|######|   | ==== __--==##"
    assert " " not in in_ascii("".join(map(chr, range(0x2581, 0x2590))))


def test_only_our_glyphs_have_another_one() -> None:
    assert glyph_in_ascii("…") == "~"
    assert glyph_in_ascii("é") is None


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_on_no_screen_a_glyph_that_can_be_redrawn_is_an_escape(toured: Store, size: tuple[int, int]) -> None:
    escaped: set[tuple[str, str]] = set()

    async def script(browser: Browser) -> None:
        async def look(stop: str) -> None:
            for line in browser.text.splitlines():
                for escape in _ESCAPE.findall(line):
                    glyph = chr(int(escape[2:], 16))
                    if glyph_in_ascii(glyph) is not None:
                        escaped.add((stop, line.strip()))

        shows.is_ascii = True
        await tour(browser, look)

    drive(toured, script, size=size, preview=True, clock=lambda: BEGAN + 3600)
    assert not escaped
