"""Lines, axes, grid and crosshair as rows of coloured text. No text of a user is among them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from runicorn_tui.charts.canvas import Span
from runicorn_tui.charts.curve import (
    LARGEST,
    NOTHING_MISSING,
    Curve,
    Missing,
    Reading,
    drawable,
    extent,
    outlier_bounds,
    smoothed,
)
from runicorn_tui.charts.envelope import Point, clipped, dashed, envelope
from runicorn_tui.charts.frame import Frame, Theme
from runicorn_tui.charts.palette import Color
from runicorn_tui.charts.raster import DOTS, Marker, Stroke
from runicorn_tui.charts.view import View

_ASCII_FAINT = "."
# More faint lines than this only hide the smoothed ones.
_MOST_FAINT_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart as rows of text.

    The canvas of `columns` cells shows `span` of the axis; `readings` has for each curve what it is worth at the
    crosshair, without one at the right edge.
    """

    rows: tuple[tuple[Span, ...], ...]
    missing: Missing = NOTHING_MISSING
    columns: int = 0
    span: tuple[float, float] = (0.0, 0.0)
    readings: tuple[Reading | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stroke:
    points: list[Point]
    color: Color
    mark: str
    dash: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A curve ready to be drawn: its own points and, where the view smooths, those to draw instead."""

    curve: Curve
    raw: list[Point]
    averaged: list[Point] | None
    missing: Missing
    reading: Reading | None


def draw(curves: Sequence[Curve], view: View, width: int, height: int, theme: Theme) -> Drawing:
    """A chart of exactly `height` rows of `width` columns; no curve and no size makes it raise."""
    whole = extent(curves)
    if whole is None:
        return _message("nothing to draw", width, height, theme, (None,) * len(curves))
    span = _widened(*sorted(max(-LARGEST, min(LARGEST, end)) for end in view.span(whole)))
    prepared = [_prepared(curve, view, span) for curve in curves]
    readings = tuple(one.reading for one in prepared)
    missing = sum((one.missing for one in prepared), NOTHING_MISSING)
    strokes = _strokes(prepared, span, theme)
    bounds, outliers = _bounds(prepared, strokes, view, span)
    if bounds is None:
        return _message("no value in this range can be drawn", width, height, theme, readings, missing)
    missing = replace(missing, clipped=len(outliers))
    frame = Frame(x=span, y=bounds, is_log=view.is_log, size=(width, height), marker=view.marker, axis=view.axis)
    if frame.columns < 4 or frame.rows < 1:
        return _message("too small", width, height, theme, readings, missing)
    canvas = frame.canvas(theme)
    frame.add_cursor(canvas, view.cursor, theme)
    canvas.add_lines(_scaled(strokes, frame, view.marker))
    frame.add_clipped(canvas, outliers, theme)
    broken = [x for curve in curves for x in curve.broken() if span[0] <= x <= span[1]]
    rows = frame.finished(canvas, broken, theme)
    return Drawing(rows=rows, missing=missing, columns=frame.columns, span=span, readings=readings)


def _prepared(curve: Curve, view: View, span: tuple[float, float]) -> _Prepared:
    points: list[Point] = list(zip(curve.xs, curve.ys, strict=True))
    raw, missing = drawable(points, is_log=view.is_log, low=span[0], high=span[1])
    averaged = smoothed(points, view.smoothing, curve.smoothing_unit) if view.smoothing else None
    place = curve.index_near(span[1] if view.cursor is None else view.cursor)
    reading = None
    if place is not None:
        reading = Reading(
            x=curve.xs[place],
            step=curve.steps[place] if curve.steps else curve.xs[place],
            value=curve.ys[place],
            smoothed=None if averaged is None else averaged[place][1],
        )
    if averaged is not None:
        averaged = drawable(averaged, is_log=view.is_log)[0]
    return _Prepared(curve=curve, raw=raw, averaged=averaged, missing=missing, reading=reading)


def _strokes(prepared: Sequence[_Prepared], span: tuple[float, float], theme: Theme) -> list[_Stroke]:
    """What to draw, the last on top: smoothed lines over their faint originals."""
    strokes: list[_Stroke] = []
    if len(prepared) <= _MOST_FAINT_LINES:
        for one in prepared:
            if one.averaged is not None:
                color = _faded(one.curve.style.color, theme.background)
                strokes.append(_Stroke(points=clipped(one.raw, *span), color=color, mark=_ASCII_FAINT))
    for one in prepared:
        style = one.curve.style
        points = clipped(one.raw if one.averaged is None else one.averaged, *span)
        strokes.append(_Stroke(points=points, color=style.color, mark=style.mark, dash=style.dash))
    return strokes


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range, or one around it where it is too narrow for floats to tell points apart."""
    largest = max(abs(low), abs(high))
    if high - low > largest * 1e-9:
        return low, high
    margin = largest * 0.05 or 1.0
    return low - margin, high + margin


def _bounds(
    prepared: Sequence[_Prepared], strokes: Sequence[_Stroke], view: View, span: tuple[float, float]
) -> tuple[tuple[float, float] | None, list[tuple[float, float]]]:
    """Lowest and highest y of the canvas, and the points of `span` that lie outside."""
    if not view.clip:
        return _around([y for stroke in strokes for _, y in stroke.points if y is not None], is_log=view.is_log), []
    inside = [[(x, y) for x, y in one.raw if y is not None and span[0] <= x <= span[1]] for one in prepared]
    found = outlier_bounds([[y for _, y in points] for points in inside], view.clip)
    if found is None:
        return None, []
    bottom, top = _around(found, is_log=view.is_log) or found
    return (bottom, top), [(x, y) for points in inside for x, y in points if not bottom <= y <= top]


def _around(values: Sequence[float], *, is_log: bool) -> tuple[float, float] | None:
    """An axis for the values; None without any."""
    if not values:
        return None
    low, high = min(values), max(values)
    if is_log:
        return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)
    # An axis that nearly reaches zero had better begin there.
    if 0 < low < 0.15 * high:
        low = 0.0
    return _widened(low, high)


def _faded(color: Color, background: Color) -> Color:
    red, green, blue = ((a + 2 * b) // 3 for a, b in zip(color, background, strict=True))
    return red, green, blue


def _scaled(strokes: Sequence[_Stroke], frame: Frame, marker: Marker) -> list[Stroke]:
    """No more points of each line than can be seen, x and y from 0 to 1."""
    width, height = frame.high - frame.low, frame.top - frame.bottom
    columns = frame.columns * DOTS[marker][0]
    scaled: list[Stroke] = []
    for stroke in strokes:
        points: list[Point] = [
            (
                max(0.0, min(1.0, (x - frame.low) / width)),
                None if y is None else max(0.0, min(1.0, (y - frame.bottom) / height)),
            )
            for x, y in envelope(stroke.points, frame.low, frame.high, columns)
        ]
        # In ASCII each line has a sign of its own.
        if stroke.dash and marker != "ascii":
            points = dashed(points, stroke.dash, columns)
        scaled.append(Stroke(points=points, color=stroke.color, mark=stroke.mark))
    return scaled


def _message(
    text: str,
    width: int,
    height: int,
    theme: Theme,
    readings: tuple[Reading | None, ...],
    missing: Missing = NOTHING_MISSING,
) -> Drawing:
    """The sentence in the middle of an empty chart."""
    blank: tuple[Span, ...] = ((" " * max(0, width), None),)
    lines = textwrap.wrap(text, width)[:height] if width > 0 and height > 0 else []
    words: list[tuple[Span, ...]] = [((line.center(width), theme.label),) for line in lines]
    above = max(0, (height - len(words) + 1) // 2)
    rows = [blank] * above + words + [blank] * (height - above - len(words))
    return Drawing(rows=tuple(rows), missing=missing, readings=readings)
