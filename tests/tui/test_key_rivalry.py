"""Where text is typed, a key that does something elsewhere types its letter and does nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.keys import key_to_character
from textual.widget import Widget
from textual.widgets import Input, TextArea

import runicorn_tui
from runicorn_db.store import Store
from runicorn_tui import keys
from runicorn_tui.key_names import is_printable, shown
from runicorn_tui.screens import columns, confirm, export, pick, saved_filters, write_comparison
from runicorn_tui.state import Memory
from runicorn_tui.widgets import description_area, filter_input, log_pane, search_line, still_input, tag_input
from runicorn_tui.widgets.experiment_table import ExperimentTable
from tests.tui import tour
from tests.tui.drive import Browser, drive

COMPARED = ("space", "down", "space", "c")
FIELDS: dict[str, tuple[type[Widget], tuple[str, ...]]] = {
    "filter": (filter_input.FilterInput, ("slash",)),
    "search of columns": (columns.SearchInput, ("C", "slash")),
    "name of a filter": (saved_filters.NameInput, ("slash", "v", "i", "t", "enter", "F", "s")),
    "tags": (tag_input.TagInput, ("t",)),
    "tags of one": (tag_input.TagInput, ("enter", "t")),
    "description": (description_area.DescriptionArea, ("E",)),
    "description of one": (description_area.DescriptionArea, ("enter", "D")),
    "name of an export": (export.NameInput, ("e", "n")),
    "reason": (confirm.ReasonInput, ("d", "e")),
    "reason for many": (confirm.ReasonInput, ("a", "d", "e")),
    "palette": (pick.PickInput, ("ctrl+p",)),
    "grouping": (pick.PickInput, ("O",)),
    "search of parameters": (search_line.SearchLine, ("enter", "2", "slash")),
    "search of metrics": (search_line.SearchLine, ("enter", "3", "slash")),
    "find in a log": (log_pane.FindInput, ("enter", "4", "slash")),
    "find in a file": (log_pane.FindInput, ("enter", "5", "down", "enter", "slash")),
    "search of files": (search_line.SearchLine, ("enter", "5", "slash")),
    "metric to compare": (pick.PickInput, (*COMPARED, "slash")),
    "scatter": (pick.PickInput, (*COMPARED, "P")),
    "name of a comparison": (write_comparison.FileInput, (*COMPARED, "w")),
}


def bound() -> dict[str, str]:
    """The keys of the table that type something, and all letters and digits; what each types."""
    names = {name for key in keys.KEYS for name in key.keys if is_printable(name)}
    names |= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    return {name: " " if name == "space" else shown(name) for name in sorted(names)}


def fields_of_the_program() -> Iterator[type[Widget]]:
    for module in pkgutil.walk_packages(runicorn_tui.__path__, "runicorn_tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[Widget]] = [Input, TextArea]
    while waiting:
        found = waiting.pop().__subclasses__()
        waiting += found
        yield from (kind for kind in found if kind.__module__.startswith("runicorn_tui"))


def test_every_field_of_the_program_is_in_the_table() -> None:
    tried = {kind for kind, _ in FIELDS.values()} | {still_input.StillInput}
    assert set(fields_of_the_program()) == tried


def test_the_keys_that_are_tried_type_what_they_show() -> None:
    assert len(bound()) > 75
    for name, character in bound().items():
        assert key_to_character(name) in (character, None), name


def value(field: Widget) -> str:
    assert isinstance(field, (Input, TextArea))
    return field.value if isinstance(field, Input) else field.text


@pytest.mark.parametrize("name", FIELDS)
def test_a_letter_is_typed_and_does_nothing_else(toured: Store, tmp_path: Path, name: str) -> None:
    kind, opening = FIELDS[name]
    memory = Memory(tmp_path / "state.json", toured.path)

    async def script(browser: Browser) -> None:
        app = browser.app
        await browser.press("escape")
        for key in opening:
            await browser.press(key)
        field = app.focused
        assert isinstance(field, kind), field
        screens, notices, expected = list(app.screen_stack), browser.notices, value(field)
        if isinstance(field, Input) and field.select_on_focus:
            expected = ""
        marked = app.screen_stack[0].query_one(ExperimentTable).marks.snapshot
        # As the terminal's driver hands them over, one right after the other.
        for key, character in bound().items():
            app.post_message(events.Key(key, character))
            expected += character
        await browser.until(lambda: len(value(field)) >= len(expected))
        await browser.settle()
        assert value(field) == expected
        assert (app.focused, list(app.screen_stack), browser.notices) == (field, screens, notices)
        assert app.screen_stack[0].query_one(ExperimentTable).marks.snapshot is marked
        assert app.return_code is None

    drive(toured, script, size=(100, 30), clock=lambda: tour.BEGAN, memory=memory)
