from __future__ import annotations

import asyncio

from textual.app import App, ComposeResult

from runicorn_tui.charts.curve import Curve
from runicorn_tui.charts.palette import PALETTE, style
from runicorn_tui.charts.view import View
from runicorn_tui.themes import themes
from runicorn_tui.widgets.chart import Chart
from runicorn_tui.widgets.legend import Entry, legend_text


class ChartApp(App[None]):
    """Nothing but a chart."""

    def __init__(self) -> None:
        super().__init__()
        self.drawings: list[Chart.Drawn] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes("all")[0].variables

    def compose(self) -> ComposeResult:
        yield Chart()

    def on_chart_drawn(self, message: Chart.Drawn) -> None:
        self.drawings.append(message)


def curve(count: int) -> Curve:
    return Curve(label="loss", xs=range(count), ys=[float(x % 50) for x in range(count)], style=style(0))


def test_of_many_views_asked_for_at_once_few_are_drawn_and_the_last_is_shown():
    async def drive() -> None:
        app = ChartApp()
        async with app.run_test(size=(60, 16)) as pilot:
            chart = app.query_one(Chart)
            for high in range(100, 200):
                chart.show([curve(1000)], View(low=0, high=high))
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert app.drawings[-1].drawing.span == (0, 199)
            assert len(app.drawings) < 5

    asyncio.run(drive())


def test_the_drawing_has_the_size_of_the_widget_and_follows_it():
    async def drive() -> None:
        app = ChartApp()
        async with app.run_test(size=(60, 16)) as pilot:
            app.query_one(Chart).show([curve(100)], View())
            for width, height in ((60, 16), (150, 44), (1, 1), (200, 3), (30, 10)):
                await pilot.resize_terminal(width, height)
                await app.workers.wait_for_complete()
                await pilot.pause()
                rows = app.drawings[-1].drawing.rows
                assert len(rows) == height
                assert all(sum(len(text) for text, _ in row) == width for row in rows)

    asyncio.run(drive())


def entry(label: str, **values: object) -> Entry:
    return Entry(label=label, color=PALETTE[0], swatch="━━", **{"value": 0.5, **values})  # pyright: ignore[reportArgumentType]


def test_the_legend_says_what_is_left_out():
    text = legend_text(["last values"], [entry("loss", not_finite=3, shown=4000, points=1_203_440)], 80).plain
    assert text.splitlines() == [
        "last values".ljust(80),
        "━━ loss      0.5000  3 not finite  4,000 of 1,203,440 points",
    ]


def test_the_legend_names_as_many_lines_as_it_has_room_for():
    lines = legend_text([""], [entry(f"m{number}") for number in range(9)], 80).plain.splitlines()
    assert len(lines) == 5
    assert lines[-1].strip() == "and 6 more"


def test_hostile_labels_stay_in_their_line():
    text = legend_text([""], [entry("[/]\x1b[2J\nx" * 40), entry("中文" * 90)], 60)
    assert len(text.plain.splitlines()) == 3
    assert all(part.cell_len <= 60 for part in text.split("\n"))
    assert "\x1b" not in text.plain
