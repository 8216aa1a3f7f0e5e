from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from runicorn_tui.widgets.experiment_columns import columns
from runicorn_tui.widgets.line_layout import GAP, around, fit, widths

COLUMNS = columns(lambda: 0.0)


@given(st.text(alphabet=st.characters(), max_size=60), st.integers(0, 40), st.booleans())
def test_any_text_takes_exactly_its_cells(text: str, width: int, is_right: bool) -> None:
    shown = fit(text, width, is_right=is_right)
    assert cell_len(shown) == width
    assert "\x1b" not in shown


def test_what_is_cut_says_so() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 4) == "日 …"
    assert fit("ab", 4, is_right=True) == "  ab"


@given(st.integers(0, 400))
def test_columns_never_take_more_than_there_is(room: int) -> None:
    found = widths(COLUMNS, room)
    assert sum(found.values()) + GAP * max(0, len(found) - 1) <= room


@given(st.integers(0, 400))
def test_columns_leave_in_the_order_of_their_rank(room: int) -> None:
    ranked = [column.id for column in sorted(COLUMNS, key=lambda column: column.rank)]
    assert set(widths(COLUMNS, room)) == set(ranked[: len(widths(COLUMNS, room))])


def test_a_wide_screen_has_every_column_in_full() -> None:
    assert widths(COLUMNS, 400) == {column.id: column.width + column.grow for column in COLUMNS}


@given(st.integers(36, 400), st.sampled_from([column.id for column in COLUMNS]))
def test_the_column_that_is_looked_at_is_shown_beside_the_first(room: int, column_id: str) -> None:
    found = around(COLUMNS, room, column_id)
    assert {column_id, "name"} <= set(found)
    assert sum(found.values()) + GAP * (len(found) - 1) <= room


@given(st.integers(36, 400), st.sampled_from([column.id for column in COLUMNS]))
def test_a_column_that_fits_anyway_changes_nothing(room: int, column_id: str) -> None:
    fitting = widths(COLUMNS, room)
    assert around(COLUMNS, room, column_id) == fitting or column_id not in fitting
    assert around(COLUMNS, room, "nothing") == fitting
