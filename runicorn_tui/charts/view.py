"""What of a chart is looked at: range, scale, smoothing, crosshair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Marker = Literal["braille", "blocks", "ascii"]
MARKERS: tuple[Marker, ...] = ("braille", "blocks", "ascii")
SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)

_ZOOM = 0.5
_PAN = 0.2
# Steps are whole numbers: nothing is to be seen between two of them.
_SMALLEST_SPAN = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`low` and `high` bound the steps shown, None for the whole range; `cursor` is the step of the crosshair."""

    low: float | None = None
    high: float | None = None
    is_log: bool = False
    smoothing: float = 0.0
    marker: Marker = "braille"
    cursor: float | None = None

    def span(self, extent: tuple[float, float]) -> tuple[float, float]:
        """The steps shown of a series that reaches over `extent`."""
        return (
            extent[0] if self.low is None else self.low,
            extent[1] if self.high is None else self.high,
        )

    @property
    def is_zoomed(self) -> bool:
        return self.low is not None or self.high is not None

    def zoomed_in(self, extent: tuple[float, float]) -> View:
        """Half as many steps around the crosshair, else around the middle."""
        return self._zoomed(extent, _ZOOM)

    def zoomed_out(self, extent: tuple[float, float]) -> View:
        return self._zoomed(extent, 1 / _ZOOM)

    def _zoomed(self, extent: tuple[float, float], factor: float) -> View:
        low, high = self.span(extent)
        width = (high - low) * factor
        if width < _SMALLEST_SPAN and factor < 1:
            return self
        if width >= extent[1] - extent[0]:
            return replace(self, low=None, high=None)
        inside = self.cursor is not None and low <= self.cursor <= high
        center = self.cursor if inside and self.cursor is not None else (low + high) / 2
        return self._placed(extent, center - (center - low) * factor, width)

    def panned(self, extent: tuple[float, float], direction: int) -> View:
        """A fifth of the range to the left (-1) or right (1), not past the ends."""
        if not self.is_zoomed:
            return self
        low, high = self.span(extent)
        return self._placed(extent, low + (high - low) * _PAN * direction, high - low)

    def _placed(self, extent: tuple[float, float], low: float, width: float) -> View:
        low = max(extent[0], min(low, extent[1] - width))
        return replace(self, low=low, high=low + width)

    def pointed(self, extent: tuple[float, float], direction: int, columns: int) -> View:
        """The crosshair one column on; from the middle when there was none."""
        low, high = self.span(extent)
        if self.cursor is None:
            return replace(self, cursor=(low + high) / 2)
        moved = self.cursor + (high - low) / max(1, columns) * direction
        return replace(self, cursor=max(low, min(high, moved)))

    def whole(self) -> View:
        """The whole range without a crosshair."""
        return replace(self, low=None, high=None, cursor=None)

    def over(self, extent: tuple[float, float]) -> View:
        """With the whole range as its own where it had none."""
        low, high = self.span(extent)
        return replace(self, low=low, high=high)

    def with_log_scale(self) -> View:
        """With the other scale."""
        return replace(self, is_log=not self.is_log)

    def next_smoothing(self) -> View:
        return replace(self, smoothing=SMOOTHINGS[(SMOOTHINGS.index(self.smoothing) + 1) % len(SMOOTHINGS)])

    def next_marker(self) -> View:
        return replace(self, marker=MARKERS[(MARKERS.index(self.marker) + 1) % len(MARKERS)])


def first_marker(environ: Mapping[str, str]) -> Marker:
    """Braille, or ASCII where the locale says that the terminal knows nothing else."""
    # LC_CTYPE is C.UTF-8 when Python itself has set it: it tells nothing about the terminal.
    names = ("LC_ALL", "LANG") if environ.get("LC_CTYPE") == "C.UTF-8" else ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((environ[name] for name in names if environ.get(name)), "UTF-8")
    return "braille" if "UTF" in locale.upper() else "ascii"
