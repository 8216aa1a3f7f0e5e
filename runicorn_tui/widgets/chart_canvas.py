"""What is drawn in a thread and painted from memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, cast

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from runicorn_tui.charts.canvas import Span
from runicorn_tui.charts.frame import Theme
from runicorn_tui.charts.palette import Color
from runicorn_tui.themes import line_colors


class ChartCanvas(Widget):
    """Shows what was drawn last while the next drawing is made; what is wanted in between is never drawn."""

    DEFAULT_CSS = """
    ChartCanvas {
        width: 1fr;
        height: 1fr;
        & > .chart--axis { color: $rule; }
        & > .chart--label { color: $text-muted; }
        & > .chart--grid { color: $grid; }
        & > .chart--cursor { color: $frame; }
        & > .chart--warning { color: $error; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"chart--{part}" for part in ("axis", "label", "grid", "cursor", "warning")
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: list[Strip] = []
        self._wanted = 0
        self._is_drawing = False

    def on_resize(self, event: events.Resize) -> None:
        self.request()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self.request()

    def request(self) -> None:
        """Draws as soon as the drawing under way is done."""
        self._wanted += 1
        if self.size and not self._is_drawing:
            self._is_drawing = True
            self.run_worker(self._draw_latest, group="draw")

    async def _draw_latest(self) -> None:
        drawn = 0
        try:
            while drawn != self._wanted:
                drawn = self._wanted
                await self.draw_once()
        finally:
            self._is_drawing = False

    @abstractmethod
    async def draw_once(self) -> None:
        """Draws what is wanted now, the slow part in a thread, and paints it."""

    def paint(self, strips: list[Strip]) -> None:
        """Shows other lines; those that are as before cost nothing."""
        before, self._strips = self._strips, strips
        lines = range(max(len(before), len(strips)))
        changed = [y for y in lines if before[y : y + 1] != strips[y : y + 1]]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def styled(self, rows: Iterable[Sequence[Span]]) -> list[list[Segment]]:
        """Rows of coloured text on the background of the widget."""
        plain = self.rich_style
        styles: dict[Color | None, Style] = {None: plain}
        lines: list[list[Segment]] = []
        for row in rows:
            for _, color in row:
                if color is not None and color not in styles:
                    styles[color] = plain + Style.from_color(RichColor.from_rgb(*color))
            lines.append([Segment(text, styles[color]) for text, color in row])
        return lines

    @property
    def line_colors(self) -> tuple[Color, ...]:
        """Of the lines, in the order in which they are given out."""
        # The type of `app` is that of any app.
        return line_colors(cast("App[object]", self.app).current_theme)  # pyright: ignore[reportUnknownMemberType]

    def theme_colors(self) -> Theme:
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
