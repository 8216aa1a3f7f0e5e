"""A line chart: drawn in a thread, painted from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from runicorn_tui.charts.drawing import Drawing, draw
from runicorn_tui.charts.frame import Color, Theme
from runicorn_tui.charts.series import Series
from runicorn_tui.charts.view import View

# Told apart with every kind of colour blindness (Okabe and Ito), the darkest last.
PALETTE: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 188, 135),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (160, 160, 160),
    (0, 114, 178),
)


class Chart(Widget):
    """Shows what `show` was last given; while it is drawn the drawing before it stays."""

    DEFAULT_CSS = """
    Chart {
        width: 1fr;
        height: 1fr;
        & > .chart--axis { color: $foreground 35%; }
        & > .chart--label { color: $foreground 60%; }
        & > .chart--grid { color: $foreground 14%; }
        & > .chart--cursor { color: $foreground 70%; }
        & > .chart--warning { color: $error; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"chart--{part}" for part in ("axis", "label", "grid", "cursor", "warning")
    }

    class Drawn(Message):
        """A new drawing is on screen."""

        def __init__(self, drawing: Drawing) -> None:
            super().__init__()
            self.drawing = drawing

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._series: Sequence[Series] = ()
        self._view = View()
        self._strips: list[Strip] = []
        self._wanted = 0
        self._is_drawing = False

    def show(self, series: Sequence[Series], view: View) -> None:
        """Draws this as soon as the drawing under way is done; what was wanted in between is never drawn."""
        self._series, self._view = series, view
        self._request()

    def on_resize(self, event: events.Resize) -> None:
        self._request()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self._request()

    def _request(self) -> None:
        self._wanted += 1
        if self.size and not self._is_drawing:
            self._is_drawing = True
            self.run_worker(self._draw_latest, group="draw")

    async def _draw_latest(self) -> None:
        drawn = 0
        try:
            while drawn != self._wanted:
                drawn = self._wanted
                size = self.size
                drawing = await asyncio.to_thread(
                    draw, self._series, self._view, size.width, size.height, self._theme()
                )
                if drawn == self._wanted:
                    self._paint(drawing)
        finally:
            self._is_drawing = False

    def _paint(self, drawing: Drawing) -> None:
        plain = self.rich_style
        styles: dict[Color | None, Style] = {None: plain}
        for color in {color for row in drawing.rows for _, color in row if color is not None}:
            styles[color] = plain + Style.from_color(RichColor.from_rgb(*color))
        strips = [Strip([Segment(text, styles[color]) for text, color in row]) for row in drawing.rows]
        if strips != self._strips:
            self._strips = strips
            self.refresh()
        self.post_message(self.Drawn(drawing))

    def _theme(self) -> Theme:
        def color(part: str) -> Color:
            found = self.background_colors[1] + self.get_component_styles(f"chart--{part}").color
            return found.rgb

        return Theme(
            axis=color("axis"),
            label=color("label"),
            grid=color("grid"),
            cursor=color("cursor"),
            warning=color("warning"),
            background=self.background_colors[1].rgb,
        )

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._strips):
            return Strip.blank(width, self.rich_style)
        return self._strips[y].adjust_cell_length(width, self.rich_style)
