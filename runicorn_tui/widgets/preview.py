"""The pane beside the list: the experiment under the cursor in short."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textual.strip import Strip

from runicorn_db.store import Store
from runicorn_tui.widgets.chart_canvas import ChartCanvas
from runicorn_tui.widgets.experiment_table import Ask

if TYPE_CHECKING:
    from runicorn_tui.widgets.preview_lines import PreviewLines


class Preview(ChartCanvas):
    """Shows the experiment that `show` was last given; of those given while it reads only the last is read."""

    def __init__(self, ask: Ask, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ask = ask
        self._store = store
        self._experiment_id: str | None = None
        self._is_gone = False
        self._lines: PreviewLines | None = None

    def show(self, experiment_id: str | None, *, is_gone: bool = False) -> None:
        """Reads an experiment, again if it is the one shown; for None shows nothing, or that it `is_gone`."""
        self._experiment_id, self._is_gone = experiment_id, is_gone
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
        experiment_id = self._experiment_id
        if experiment_id is not None:
            drawn = await lines.of(experiment_id)
        else:
            drawn = lines.gone() if self._is_gone else []
        if experiment_id == self._experiment_id:
            self.paint([Strip(line) for line in drawn])
