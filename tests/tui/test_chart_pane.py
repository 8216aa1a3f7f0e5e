from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.geometry import Offset

from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.terminal import settle
from runicorn_tui.widgets.chart_pane import ChartPane
from runicorn_tui.widgets.legend import Legend
from runicorn_tui.widgets.search_line import SearchLine
from tests.tui.drive import Browser, opened
from tests.tui.recorded import curves, index, log_steps, write_run

HOSTILE = ("[/]", "[red]x[/red]", "[@click=app.quit]go[/]", "a\x1b[2Jb", "c\x9b31m", "\u202eevil", "中文" * 20, "🧪 é")

BEST = {"best_metric_name": "accuracy", "best_metric_value": 0.8354, "best_metric_step": 200, "best_metric_mode": "max"}


@pytest.fixture(autouse=True)
def braille() -> Iterator[None]:
    """Whatever the locale of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LC_ALL", raising=False)
        patch.setenv("LANG", "en_US.UTF-8")
        yield


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Path:
    """A finished experiment with three metrics, indexed."""
    run = write_run(tmp_path / "root", metrics=curves(200), summary=BEST)
    index(store, tmp_path / "root")
    return run


@pytest.fixture
def seven(store: Store, tmp_path: Path) -> Path:
    """A finished experiment with seven metrics, one of them with a spike and values that are not finite."""
    metrics = [
        {
            **{f"metric {number}": math.sin(step / (5 + 3 * number)) for number in range(6)},
            "spiky": math.nan if step == 30 else 5e6 if step == 60 else step % 10,
        }
        for step in range(1, 101)
    ]
    run = write_run(tmp_path / "root", metrics=metrics)
    index(store, tmp_path / "root")
    return run


def pane(browser: Browser) -> ChartPane:
    assert isinstance(browser.app.screen, ExperimentScreen)
    return browser.app.screen.query_one(ChartPane)


def legend(browser: Browser) -> str:
    return pane(browser).query_one(Legend).plain


def page(browser: Browser) -> str:
    """The screen without what it has on every page: title, tabs, keys."""
    return "\n".join(browser.text.splitlines()[2:-1])


async def synced(browser: Browser) -> None:
    """What an open browser does when files have changed."""
    await browser.app.ask(sync, browser.app.store)
    assert isinstance(browser.app.screen, ExperimentScreen)
    browser.app.screen._look()
    await browser.settle()


# Side by side and large.


def test_the_metrics_stand_side_by_side_with_the_best_one_chosen(store, seven, golden):
    async def script(browser: Browser) -> None:
        await browser.press("3")
        golden("charts_grid", page(browser))
        assert not pane(browser).is_large
        assert "metrics 1 to 6 of 7" in browser.text

    opened(store, script)


def test_the_best_metric_is_chosen_first(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert pane(browser).metrics.current_name == "accuracy"
        assert "▌accuracy" in browser.text

    opened(store, script)


def test_enter_makes_the_chosen_chart_large_and_escape_small_again(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter")
        golden("experiment_chart", page(browser))
        assert pane(browser).chosen == ["accuracy"]
        await browser.press("escape")
        assert not pane(browser).is_large
        assert pane(browser).chosen == []
        await browser.press("right", "enter", "enter")
        assert not pane(browser).is_large
        await browser.press("escape")
        assert isinstance(browser.app.screen, ExperimentsScreen)

    opened(store, script)


def test_a_lone_metric_is_large_at_once_and_escape_leaves(store, tmp_path):
    write_run(tmp_path / "root", metrics=[{"loss": 1 / step} for step in range(1, 50)])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert pane(browser).is_large
        await browser.press("escape")
        assert isinstance(browser.app.screen, ExperimentsScreen)

    opened(store, script)


def test_arrows_go_from_chart_to_chart_and_over_the_end_of_the_page(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3")
        found: list[str | None] = []
        for key in ("right", "down", "left", "up", "end", "pageup", "n", "N", "N"):
            await browser.press(key)
            found.append(pane(browser).metrics.current_name)
        numbers = ["metric 1", "metric 4", "metric 3", "metric 0", "spiky", "metric 0", "metric 1", "metric 0", "spiky"]
        assert found == numbers
        assert "metrics 7 to 7 of 7" in browser.text
        assert "▌spiky" in browser.text

    opened(store, script)


def test_a_click_chooses_a_chart_and_a_second_one_makes_it_large(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3")
        place = pane(browser).grid.region.offset + Offset(30, 12)
        await browser.pilot.click(offset=place)
        await browser.settle()
        assert pane(browser).metrics.current_name == "metric 4"
        await browser.pilot.click(offset=place, times=2)
        await browser.settle()
        assert pane(browser).is_large
        assert pane(browser).chosen == ["metric 4"]

    opened(store, script)


def test_the_small_charts_say_what_is_not_finite_and_what_is_hidden(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3", "end")
        assert "×1" in browser.text
        await browser.press("L")
        assert "8 values of zero or less hidden  logarithmic" in browser.text

    opened(store, script)


def test_on_a_wide_screen_the_metrics_stand_left_of_the_chart(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "down", "space")
        golden("experiment_chart_wide", page(browser))

    opened(store, script, size=(160, 50))


def test_a_wide_grid_has_the_list_beside_it(store, seven, golden):
    async def script(browser: Browser) -> None:
        await browser.press("3")
        golden("charts_grid_wide", page(browser))

    opened(store, script, size=(160, 50))


def test_resizing_moves_the_list_of_metrics(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter")
        metrics = pane(browser).metrics
        assert metrics.region.y > 10
        await browser.pilot.resize_terminal(160, 50)
        await browser.settle()
        assert (metrics.region.x, metrics.region.y) == (0, 2)
        await browser.pilot.resize_terminal(41, 11)
        await browser.settle()
        assert not metrics.display
        await browser.pilot.resize_terminal(80, 24)
        await browser.settle()
        assert metrics.region.y > 10

    opened(store, script)


def test_forty_columns_and_ten_lines_show_one_chart_and_what_it_is_worth(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert "▌accuracy" in browser.text
        assert "metrics 1 to 1 of 3" in browser.text
        assert any("⠉" <= character <= "⣿" for character in browser.text)
        await browser.press("enter")
        assert "━━ accuracy    0.8343" in browser.text
        assert any("⠉" <= character <= "⣿" for character in browser.text)

    opened(store, script, size=(40, 10))


# Several in one chart.


def test_n_shows_the_next_metric_alone_and_space_lays_another_over_it(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "n")
        assert pane(browser).chosen == ["loss"]
        await browser.press("N", "N")
        assert pane(browser).chosen == ["lr"]
        await browser.press("up", "space")
        assert pane(browser).chosen == ["lr", "loss"]
        await browser.press("space")
        assert pane(browser).chosen == ["lr"]
        await browser.press("space", "enter")
        assert pane(browser).chosen == ["loss"]

    opened(store, script)


def test_charts_marked_with_space_are_laid_over_each_other(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "space", "right", "space", "enter")
        assert pane(browser).chosen == ["accuracy", "loss"]
        await browser.press("escape")
        assert pane(browser).chosen == ["accuracy", "loss"]
        assert browser.text.count("━━") == 2

    opened(store, script)


# Looking for a metric.


def test_a_search_narrows_the_charts_as_it_is_typed(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3", "slash", *"ME3")
        assert pane(browser).listed == []
        await browser.press("backspace", "space", "3")
        assert pane(browser).listed == ["metric 3"]
        assert "▌metric 3" in browser.text
        await browser.press("enter")
        assert not pane(browser).query_one(SearchLine).display
        assert "1 metric  with 'ME 3'" in browser.text
        await browser.press("escape")
        assert len(pane(browser).listed) == 7
        await browser.press("slash", *"spi", "escape")
        assert len(pane(browser).listed) == 7

    opened(store, script)


def test_a_metric_found_while_one_is_large_is_shown_instead(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "slash", *"spik", "enter")
        assert pane(browser).chosen == ["spiky"]
        assert pane(browser).is_large

    opened(store, script)


def test_no_metric_with_that_name_is_said(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3", "slash", *"zzz", "enter", "n", "space", "enter", "plus", "left_square_bracket", "x")
        assert "0 metrics  with 'zzz'" in browser.text

    opened(store, script)


def test_a_thousand_metrics_are_paged_and_searched(store, tmp_path):
    write_run(
        tmp_path / "root",
        metrics=[{f"layer.{number:04d}": step * number for number in range(1000)} for step in range(5)],
    )
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert "metrics 1 to 6 of 1,000" in browser.text
        await browser.press("pagedown", "pagedown")
        assert "metrics 13 to 18 of 1,000" in browser.text
        await browser.press("end")
        assert "▌layer.0999" in browser.text
        await browser.press("slash", *"071")
        assert "metrics 1 to 6 of 11" in browser.text

    opened(store, script)


def test_a_name_is_found_by_what_is_shown_of_it(store, tmp_path):
    write_run(tmp_path / "root", metrics=[dict.fromkeys(HOSTILE, step) for step in range(20)])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3", "slash", *r"\x1b", "enter")
        assert pane(browser).listed == ["a\x1b[2Jb"]

    opened(store, script)


# Axes.


def test_x_goes_from_steps_to_time_since_the_beginning_to_the_clock(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "x")
        golden("charts_relative", page(browser))
        assert "relative time" in legend(browser)
        await browser.press("x")
        golden("charts_wall", page(browser))
        assert "wall time UTC" in legend(browser)
        await browser.press("x")
        assert "time" not in legend(browser)

    opened(store, script)


def test_another_axis_keeps_what_is_zoomed_to_and_pointed_at(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "plus", "left_square_bracket")
        assert "steps 51 to 150" in legend(browser)
        assert "step 100" in legend(browser)
        await browser.press("x")
        assert "50.8s to 2m 30s" in legend(browser)
        assert "step 100  at 1m 40s  2025-10-09 08:55:00" in legend(browser)
        await browser.press("x")
        assert "2025-10-09 08:54:10 to 2025-10-09 08:55:50" in legend(browser)
        await browser.press("x")
        assert "steps 51 to 150" in legend(browser)

    opened(store, script)


def test_a_time_axis_is_that_of_the_time_zone(store, run, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    import time

    time.tzset()

    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "x", "x")
        assert "10-09 17:53:30" in browser.text
        assert "wall time JST" in legend(browser)

    opened(store, script)


# Reading values.


def test_the_crosshair_reads_the_value_at_its_step(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "left_square_bracket")
        assert "step 100" in legend(browser)
        at_100 = 0.9 - 0.8 * math.exp(-100 / 80)
        assert f"accuracy    {at_100:.4f}" in legend(browser)
        await browser.press("0")
        assert "last values" in legend(browser)

    opened(store, script)


def test_a_metric_without_a_value_at_the_crosshair_says_which_step_it_tells(store, tmp_path):
    metrics = [{"loss": 1 / step, **({"val": step} if step % 30 == 0 else {})} for step in range(1, 101)]
    write_run(tmp_path / "root", metrics=metrics)
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "down", "space", "left_square_bracket")
        assert "step 50" in legend(browser)
        assert "val       30.000  @30" in legend(browser)

    opened(store, script)


def test_the_small_charts_read_the_crosshair_too(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "left_square_bracket")
        assert f"{0.9 - 0.8 * math.exp(-100 / 80):.4f}" in browser.text
        assert f"{2.4 * math.exp(-100 / 60) + 0.1:.4f}" in browser.text

    opened(store, script)


def test_the_legend_tells_lowest_and_highest_with_their_steps_and_which_is_best(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter")
        assert "best max 0.8343 @200  min 0.1099 @1" in legend(browser)
        await browser.press("n")
        assert "min 0.1856 @200  max 2.4603 @1" in legend(browser)

    opened(store, script)


def test_smoothing_tells_the_smoothed_value_beside_the_logged_one(store, tmp_path):
    write_run(tmp_path / "root", metrics=[{"loss": step % 2} for step in range(100)])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3", "E", "E", "E")
        assert "smoothed 0.8" in legend(browser)
        assert "1.0000  smoothed 0.5556" in legend(browser)
        await browser.press("e", "e")
        assert "smoothed 0.3" in legend(browser)
        await browser.press("e")
        assert "smoothed" not in legend(browser)

    opened(store, script)


def test_zoom_pan_scale_and_smoothing_are_said_in_the_legend(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "plus")
        assert "steps 51 to 150" in browser.text
        await browser.press("l")
        assert "steps 71 to 170" in browser.text
        await browser.press("left")
        assert "steps 51 to 150" in browser.text
        await browser.press("L", "E", "E")
        assert "logarithmic  smoothed 0.6" in browser.text
        golden("charts_log", page(browser))
        await browser.press("minus")
        assert "steps" not in legend(browser)

    opened(store, script)


def test_m_changes_the_marker_down_to_ascii(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "m", "m")
        # Title, pages and keys have their own signs.
        chart = [line for line in browser.lines[2:-1] if "│" not in line]
        assert "".join(chart).replace("…", "").replace("▐", "").isascii()
        assert "**" in browser.text

    opened(store, script)


def test_without_a_locale_that_knows_more_the_charts_are_ascii(store, run, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    settle()

    async def script(browser: Browser) -> None:
        await browser.press("3", "space")
        assert pane(browser).view.marker == "ascii"
        assert "".join(browser.lines[2:-1]).isascii()
        assert ">**accuracy" in browser.text

    opened(store, script)


# What is not shown.


def test_values_that_are_not_finite_are_counted_in_the_legend(store, tmp_path):
    values = [math.nan if step in (10, 20, 30) else step / 2 for step in range(100)]
    write_run(tmp_path / "root", metrics=[{"loss": value} for value in values])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert "3 not finite" in browser.text
        assert browser.text.count("×") == 3
        await browser.press("L")
        assert "1 value of zero or less hidden" in browser.text

    opened(store, script)


def test_outliers_are_clipped_and_counted(store, seven):
    async def script(browser: Browser) -> None:
        await browser.press("3", "end", "enter")
        assert "4M" in browser.text
        await browser.press("o")
        assert "1 value clipped  percentiles 1 to 99" in legend(browser)
        assert "▴" in browser.text
        assert "4M" not in browser.text
        await browser.press("o", "o")
        assert "clipped" not in legend(browser)

    opened(store, script)


def test_points_left_out_are_said_until_the_zoom_shows_them_all(store, tmp_path):
    write_run(tmp_path / "root", metrics=[{"loss": step % 17} for step in range(10_000)])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert "1,024 of 10,000 points" in legend(browser)
        await browser.press("plus", "plus")
        assert "1,024 of 2,502 points" in legend(browser)
        await browser.press("plus", "plus")
        assert " points" not in legend(browser)
        await browser.press("0")
        assert "1,024 of 10,000 points" in legend(browser)

    opened(store, script)


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 10)])
def test_values_at_the_ends_of_what_a_float_can_hold_are_drawn_or_counted(store, tmp_path, size):
    values = {
        "huge": lambda step: 1e308 * (-1) ** step,
        "denormal": lambda step: 5e-324 * step,
        "nan": lambda step: math.nan,
        "constant": lambda step: 3.0,
        "negative": lambda step: -step,
    }
    metrics = [{name: value(step) for name, value in values.items()} for step in range(1, 30)]
    write_run(tmp_path / "root", metrics=[*metrics, {"single": 1.0}])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3", "L", "E", "o", "x", "m")
        for _ in values:
            await browser.press("enter", "plus", "left_square_bracket", "L", "escape", "n")
        await browser.press("0", "slash", *"huge", "enter", "enter")
        assert "29 values beyond 1e150 hidden" in legend(browser)
        await browser.press("slash", "ctrl+u", *"denormal", "enter")
        assert "29 values below 1e-290 drawn as 0" in legend(browser)
        await browser.press("slash", "ctrl+u", *"nan", "enter")
        assert "29 not finite" in legend(browser)

    opened(store, script, size=size)


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 10)])
def test_hostile_names_are_only_text(store, tmp_path, golden, size):
    write_run(tmp_path / "root", metrics=[dict.fromkeys(HOSTILE, step) for step in range(20)])
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3")
        golden(f"charts_hostile_{size[0]}", page(browser))
        for _ in HOSTILE:
            assert all(line.isprintable() for line in browser.lines), browser.text
            await browser.press("space", "enter", "escape", "n")
        await browser.press("slash", "left_square_bracket", "slash", "enter")
        assert all(line.isprintable() for line in browser.lines), browser.text

    opened(store, script, size=size)


# While it runs.


def test_a_zoom_to_the_end_goes_along_and_another_stays(store, tmp_path):
    run = write_run(tmp_path / "root", status="running", metrics=curves(100))
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3", "enter", "plus", *"llllll")
        before = pane(browser).view
        assert before.high == 100
        log_steps(run, curves(50, first=101), first=101)
        await synced(browser)
        after = pane(browser).view
        assert after.high == 150
        assert after.span((0, 0))[0] - before.span((0, 0))[0] == 50
        await browser.press("h")
        panned = pane(browser).view
        log_steps(run, curves(50, first=151), first=151)
        await synced(browser)
        assert pane(browser).view == panned

    opened(store, script)


def test_a_curve_grows_while_its_file_does(store, tmp_path):
    run = write_run(tmp_path / "root", status="running", metrics=curves(50))
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3", "enter")
        log_steps(run, curves(50, first=51), first=51)
        await browser.until(lambda: f"{0.9 - 0.8 * math.exp(-100 / 80):.4f}" in legend(browser))
        await browser.until(lambda: "100" in browser.lines[browser.lines.index(_axis(browser)) + 1])

    def _axis(browser: Browser) -> str:
        return next(line for line in browser.lines if "└" in line)

    opened(store, script, watch=True, running_interval=0.2)


def test_nothing_is_read_before_the_charts_are_looked_at(store, run, monkeypatch):
    asked: list[object] = []
    series = Store.series
    monkeypatch.setattr(Store, "series", lambda self, query: (asked.append(query), series(self, query))[1])

    async def script(browser: Browser) -> None:
        assert asked == []
        await browser.press("3")
        await browser.until(lambda: len(asked) == 3)

    opened(store, script)


def test_a_click_on_a_page_reads_only_what_is_missing(store, seven, monkeypatch):
    asked: list[tuple[str, ...]] = []
    series = Store.series
    monkeypatch.setattr(Store, "series", lambda self, query: (asked.append(query.metrics), series(self, query))[1])

    async def script(browser: Browser) -> None:
        await browser.press("3")
        await browser.until(lambda: len(asked) == 6)
        await browser.press("end", "home", "E", "L", "m")
        assert sorted(asked) == [(f"metric {number}",) for number in range(6)] + [("spiky",)]
        assert pane(browser).view.smoothing

    opened(store, script)
