"""A line chart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.message import Message
from textual.strip import Strip

from runicorn_tui.charts.curve import Curve
from runicorn_tui.charts.drawing import Drawing, draw
from runicorn_tui.charts.view import View
from runicorn_tui.widgets.chart_canvas import ChartCanvas


class Chart(ChartCanvas):
    """Shows the curves that `show` was last given."""

    class Drawn(Message):
        """A new drawing is on screen."""

        def __init__(self, drawing: Drawing) -> None:
            super().__init__()
            self.drawing = drawing

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._curves: Sequence[Curve] = ()
        self._view = View()

    def show(self, curves: Sequence[Curve], view: View) -> None:
        self._curves, self._view = curves, view
        self.request()

    async def draw_once(self) -> None:
        width, height = self.size
        drawing = await asyncio.to_thread(draw, self._curves, self._view, width, height, self.theme_colors())
        self.paint([Strip(line) for line in self.styled(drawing.rows)])
        self.post_message(self.Drawn(drawing))
