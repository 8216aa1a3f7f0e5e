"""Everything about an experiment on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runicorn_db.query import ExperimentDetail
from runicorn_tui import keys
from runicorn_tui.experiment_text import overview
from runicorn_tui.run_facts import RunFacts
from runicorn_tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp


class Overview(Sheet):
    """What the index says at once, what the small files of the run say as soon as they are read."""

    BINDINGS = keys.bindings("overview")

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._detail: ExperimentDetail | None = None
        self._facts: RunFacts | None = None
        self._shows_variables = False

    def show_detail(self, detail: ExperimentDetail) -> None:
        self._detail = detail
        self._show()

    def show_facts(self, facts: RunFacts) -> None:
        self._facts = facts
        self._show()

    def action_variables(self) -> None:
        """Environment variables may hold secrets: they are shown when they are asked for."""
        self._shows_variables = not self._shows_variables
        self._show()

    def _show(self) -> None:
        detail, facts, with_variables = self._detail, self._facts, self._shows_variables
        key = self.app.keymap.hint("environment")
        if detail is not None:
            self.show(lambda width: overview(detail, width, facts, with_variables=with_variables, key=key))
