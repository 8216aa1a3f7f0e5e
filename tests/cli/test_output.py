from __future__ import annotations

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui import output
from runicorn_tui.numeral import Numeral
from runicorn_tui.output import Column, Table, shortened, width


@given(title=st.text(), text=st.text())
def test_no_text_in_csv_can_be_a_formula_or_move_a_cursor(title: str, text: str) -> None:
    file = io.StringIO(newline="")
    output.CsvTable(["1", title], file).add([("1", text)])

    cells = [cells[1] for cells in csv.reader(io.StringIO(file.getvalue(), newline=""))]
    assert len(cells) == 2
    for cell in cells:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cell)


def test_csv_quotes_as_rfc_4180_has_it(capfd: pytest.CaptureFixture[str]) -> None:
    output.CsvTable(["name", "note"]).add([('say "hi"', "a,b"), (None, 1.5)])

    text = capfd.readouterr().out
    assert text == 'name,note\r\n"say ""hi""","a,b"\r\n,1.5\r\n'
    assert list(csv.reader(io.StringIO(text)))[1] == ['say "hi"', "a,b"]


def test_json_has_no_bare_nan_and_no_lone_surrogate(capfd: pytest.CaptureFixture[str]) -> None:
    output.write_json({"value": float("nan"), "name": "a\ud800b", "\udfff": [float("inf")]})

    assert json.loads(capfd.readouterr().out) == {"value": None, "name": "a\ufffdb", "\ufffd": [None]}


def test_an_array_that_broke_off_is_not_valid_json(capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> object:
        with output.JsonArray() as array:
            array.add([1, 2])
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        broken()
    with pytest.raises(json.JSONDecodeError):
        json.loads(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("模型", 4), ("é", 1), ("e\u0301", 1), ("a\u200db", 2), ("", 0)]
)
def test_width_counts_terminal_columns(text: str, columns: int) -> None:
    assert width(text) == columns


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_shortened_text_fits(text: str, columns: int) -> None:
    assert width(shortened(text, columns)) <= columns


def test_a_number_without_room_has_fewer_digits() -> None:
    assert shortened(Numeral("1.0017127e-06"), 9) == "1.0017e-6"


def test_a_table_is_cut_on_a_terminal_only(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [Column(title="ID"), Column(title="NAME", is_elastic=True), Column(title="N", align="right")]
    rows = [("a1", "x" * 60, "1"), ("b2", "模型", "22")]
    Table(columns).add(rows)
    piped = capfd.readouterr().out.splitlines()

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 24)))
    Table(columns).add(rows)
    shown = capfd.readouterr().out.splitlines()

    assert piped[1] == f"a1  {'x' * 60}   1"
    assert {width(line) for line in shown} == {40}
    assert shown[1].endswith("…   1")
    assert shown[2].startswith("b2  模型 ")


def test_later_rows_keep_the_widths_of_the_first(capfd: pytest.CaptureFixture[str]) -> None:
    table = Table([Column(title="A"), Column(title="B")])
    table.add([("aaa", "1")])
    table.add([("b", "2")])

    assert capfd.readouterr().out == "A    B\naaa  1\nb    2\n"
