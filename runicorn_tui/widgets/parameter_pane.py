"""The parameters of an experiment, and the line to look for some of them."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from runicorn_tui import keys
from runicorn_tui.parameter_text import leaves, parameters
from runicorn_tui.widgets.search_line import SearchLine
from runicorn_tui.widgets.sheet import Sheet

_SOURCES = ("assets.json", "summary.json")


class ParameterPane(Vertical):
    """`/` narrows what is shown."""

    BINDINGS = keys.bindings("parameters")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._leaves: list[tuple[str, str]] = []
        self._problems: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Sheet(id="parameter-lines")
        yield SearchLine("part of a name or a value", id="parameter-search")

    @property
    def sheet(self) -> Sheet:
        return self.query_one(Sheet)

    def show(self, params: Mapping[str, object]) -> None:
        """Other parameters; what is looked for stays."""
        self._leaves = leaves(params)
        self._show()

    def show_problems(self, problems: tuple[str, ...]) -> None:
        """Which of the files that name parameters cannot be read."""
        self._problems = tuple(problem for problem in problems if problem.startswith(_SOURCES))
        self._show()

    @on(Input.Changed)
    def _show(self) -> None:
        params, sought, problems = self._leaves, self.query_one(SearchLine).value, self._problems
        self.sheet.show(lambda width: parameters(params, width, sought, problems))

    def action_search(self) -> None:
        self.query_one(SearchLine).open()

    @on(SearchLine.Done)
    @on(SearchLine.Cleared)
    def _search_done(self) -> None:
        self.sheet.focus()
