"""The keys by which a chart is looked at otherwise: zoom, pan, scale, smoothing."""

from __future__ import annotations

from abc import abstractmethod

from runicorn_tui.charts.view import View
from runicorn_tui.terminal import shows


class ViewKeys:
    """The actions of those keys, for what has a view and shows another one."""

    @property
    @abstractmethod
    def view(self) -> View: ...

    @property
    @abstractmethod
    def _extent(self) -> tuple[float, float]:
        """From where to where on the axis there is something to see."""

    @abstractmethod
    def _look(self, view: View) -> None:
        """Shows this view."""

    def action_zoom_in(self) -> None:
        self._look(self.view.zoomed_in(self._extent))

    def action_zoom_out(self) -> None:
        self._look(self.view.zoomed_out(self._extent))

    def action_pan(self, direction: int) -> None:
        self._look(self.view.panned(self._extent, direction))

    def action_zoom_reset(self) -> None:
        self._look(self.view.whole())

    def action_log_scale(self) -> None:
        self._look(self.view.with_log_scale())

    def action_smoothing(self, by: int) -> None:
        self._look(self.view.smoother(by))

    def action_clip(self) -> None:
        self._look(self.view.next_clip())

    def action_marker(self) -> None:
        # Where there is nothing but ASCII there is nothing to choose.
        if not shows.is_ascii:
            self._look(self.view.next_marker())
