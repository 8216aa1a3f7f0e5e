from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_api.v1.csv_text import printable
from runicorn_db.text import csv_cell
from runicorn_tui.terminal import harmless


@pytest.mark.parametrize("shown", [printable, harmless])
@given(text=st.text())
def test_no_text_in_a_csv_cell_begins_a_formula_or_moves_a_cursor(shown, text: str) -> None:
    cell = csv_cell(text, shown)

    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cell)
    assert cell.removeprefix("'") == shown(text).removeprefix("'")


@given(st.one_of(st.floats(), st.integers(), st.none(), st.booleans()))
def test_numbers_in_a_csv_cell_stay_as_they_are(value: float | None) -> None:
    assert csv_cell(value, str.upper) is value
