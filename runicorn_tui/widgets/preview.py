"""The pane beside the list: the experiment or the group under the cursor in short."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from textual.strip import Strip

from runicorn_db.groups import Group, GroupBy
from runicorn_db.query import Snapshot
from runicorn_db.store import Store
from runicorn_tui.widgets.chart_canvas import ChartCanvas
from runicorn_tui.widgets.experiment_table import Ask

if TYPE_CHECKING:
    from runicorn_tui.widgets.preview_lines import PreviewLines


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedGroup:
    """A group in the list: `members` are those known by now, in an order which is named safely."""

    group: Group
    by: GroupBy
    members: Snapshot
    order: str


class Preview(ChartCanvas):
    """Shows what it was last given to show; of all that it is given while it reads only the last is read."""

    def __init__(self, ask: Ask, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ask = ask
        self._store = store
        self._subject: str | ListedGroup | None = None
        self._is_gone = False
        self._lines: PreviewLines | None = None

    def show(self, experiment_id: str | None, *, is_gone: bool = False) -> None:
        """Reads an experiment, again if it is the one shown; for None shows nothing, or that it `is_gone`."""
        self._subject, self._is_gone = experiment_id, is_gone
        self.request()

    def show_group(self, group: ListedGroup) -> None:
        """Reads the first experiments of a group."""
        self._subject, self._is_gone = group, False
        self.request()

    @property
    def is_live(self) -> bool:
        """Whether what is shown may change at any time."""
        return self._lines is not None and self._lines.is_live

    async def draw_once(self) -> None:
        lines = self._lines
        if lines is None:
            # The first rows of the list do not wait for what only this pane needs.
            await self._ask(import_module, "runicorn_tui.widgets.preview_lines")
            from runicorn_tui.widgets.preview_lines import PreviewLines

            lines = self._lines = PreviewLines(self, self._ask, self._store)
        subject = self._subject
        match subject:
            case str():
                drawn = await lines.of(subject)
            case ListedGroup():
                drawn = await lines.of_group(subject)
            case None:
                drawn = lines.gone() if self._is_gone else []
        if subject == self._subject:
            self.paint([Strip(line) for line in drawn])
