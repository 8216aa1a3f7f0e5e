from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from runicorn_tui.ascii_glyphs import glyph_in_ascii, in_ascii


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"))))
def test_every_text_keeps_its_cells(text: str) -> None:
    shown = in_ascii(text)
    assert shown.isascii()
    # Each by itself: what joins two emoji into one is gone with them.
    assert len(shown) == sum(map(cell_len, text))


def test_glyphs_are_drawn_otherwise_and_other_characters_are_question_marks() -> None:
    assert in_ascii("╭─┈╮ ● 1/3 ✓ name… ━━─ ⠉⣀") == "+-.+ * 1/3 + name. ==- **"
    assert in_ascii("né日") == "n???"


def test_only_our_glyphs_have_another_one() -> None:
    assert glyph_in_ascii("…") == "."
    assert glyph_in_ascii("é") is None
