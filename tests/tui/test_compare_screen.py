from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from runicorn_db import series
from runicorn_db.errors import QueryFailed
from runicorn_db.query import ExperimentQuery, MetricsQuery, MetricTable
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.app import RunicornApp
from runicorn_tui.screens.compare import CompareScreen
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.widgets.chart import Chart
from runicorn_tui.widgets.compare_legend import CompareLegend
from runicorn_tui.widgets.scatter import ScatterChart
from runicorn_tui.widgets.status_line import StatusLine
from tests.tui import recorded
from tests.tui.drive import Browser, drive

HOSTILE: tuple[str, ...] = (
    "[/]",
    "[@click=app.quit]go[/]",
    "esc\x1b[2J\x1b]0;t\x07",
    "日本語" * 30,
    "x" * 200,
    "\u202eevil",
)

Script = Callable[[Browser], Awaitable[None]]
Golden = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def braille() -> Iterator[None]:
    """Whatever the locale of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LC_ALL", raising=False)
        patch.setenv("LANG", "en_US.UTF-8")
        yield


@dataclass
class Sweep:
    """A root of runs; each is of its own time, the first written is the newest."""

    root: Path
    store: Store
    count: int = 0

    def run(
        self,
        name: str,
        *,
        metrics: Sequence[Mapping[str, object]] = (),
        params: Mapping[str, object] | None = None,
        best: float | None = None,
        status: str = "finished",
    ) -> Path:
        began = recorded.BEGAN - 3600 * self.count
        self.count += 1
        run = self.root / "vision" / "default" / "runs" / f"2025{self.count:04}_000000_{self.count * 4369:06x}"
        run.mkdir(parents=True)
        meta = {"id": run.name, "project": "vision", "name": name, "created_at": began, "hostname": "gpu07", "pid": 1}
        state = {"status": status, "started_at": began, **({} if status == "running" else {"ended_at": began + 754})}
        files: dict[str, object] = {
            "meta.json": meta,
            "status.json": state,
            "assets.json": {"config": {"args": params}},
        }
        if best is not None:
            files["summary.json"] = {
                "best_metric_name": "accuracy",
                "best_metric_value": best,
                "best_metric_mode": "max",
            }
        for file, content in files.items():
            (run / file).write_text(json.dumps(content), encoding="utf-8")
        log_steps(run, metrics, began=began)
        return run

    def index(self) -> None:
        self.store.add_root(self.root)
        sync(self.store)


def log_steps(run: Path, metrics: Sequence[Mapping[str, object]], *, began: float, first: int = 1) -> None:
    with (run / "events.jsonl").open("a", encoding="utf-8") as file:
        for step, values in enumerate(metrics, first):
            event = {"ts": began + step, "type": "metrics", "data": {**values, "global_step": step}}
            file.write(json.dumps(event) + "\n")


def curves(count: int, rate: float) -> list[dict[str, object]]:
    return [
        {"accuracy": 0.9 - 0.8 * math.exp(-step * rate), "loss": 2.4 * math.exp(-step * rate) + 0.1}
        for step in range(1, count + 1)
    ]


@pytest.fixture
def sweep(store: Store, tmp_path: Path) -> Sweep:
    """Nothing yet."""
    return Sweep(tmp_path / "root", store)


@pytest.fixture
def four(sweep: Sweep) -> Sweep:
    """Four experiments, indexed: other rates and lengths, two of one name, one without accuracy and best metric."""
    for number, (name, rate) in enumerate((("vit_b", 0.02), ("vit_b", 0.05), ("bert_c", 0.01))):
        optim = {"lr": rate, "name": "adam" if number else "sgd", "betas": [0.9, 0.99]}
        params = {"optim": optim, "seed": 7, "layers": 12 + number}
        metrics = curves(100 + 50 * number, rate)
        best = (0.7917, 0.8996, 0.7417)[number]
        sweep.run(name, metrics=metrics, params=params, best=best)
    broken = [{"loss": math.nan if step > 5 else 3.0 - step / 10} for step in range(1, 11)]
    sweep.run("baseline [/]", metrics=broken, params={"optim": {"lr": 0.1, "name": None}, "seed": 7})
    sweep.index()
    return sweep


def screen(browser: Browser) -> CompareScreen:
    assert isinstance(browser.app.screen, CompareScreen), browser.app.screen
    return browser.app.screen


def legend(browser: Browser) -> list[str]:
    """Each experiment of the legend, as far as its value and note."""
    compared = screen(browser)._compared
    items = compared.items(screen(browser)._drawing)
    return [" ".join(f"{item.number} {item.label} {item.value} {item.note}".split()) for item in items]


def table(browser: Browser) -> list[list[str]]:
    """The lines of the table on screen, as words."""
    widget = screen(browser).table
    lines = browser.lines[widget.region.y : widget.region.bottom]
    return [line.replace("▐", " ").split() for line in lines if line.strip()]


def column(browser: Browser, name: str) -> list[str]:
    """The words of one row of the table."""
    words = name.split()
    return next(line[len(words) :] for line in table(browser) if line[: len(words)] == words)


def compared(store: Store, script: Script, *, size: tuple[int, int] = (80, 24), **options: object) -> RunicornApp:
    """Marks everything and compares it, then lets `script` use the screen."""

    async def then(browser: Browser) -> None:
        await browser.press("a", "c")
        await browser.until(lambda: isinstance(browser.app.screen, CompareScreen))
        await browser.settle()
        await script(browser)

    return drive(store, then, size=size, **options)


class Counting(Store):
    """Counts how often a series is asked for."""

    asked: ClassVar[list[str]] = []

    def series(self, query: MetricsQuery) -> MetricTable:
        self.asked.append(query.experiment_id)
        return super().series(query)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_a_screen_that_finds_its_size_reads_every_line_once(four: Sweep, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.until(lambda: len(screen(browser)._compared.curves()) == 3)
        assert len(Counting.asked) == len(set(Counting.asked)) == 3

    Counting.asked.clear()
    with Counting(four.store.path) as store:
        compared(store, script, size=size)


# How it looks.


@pytest.mark.parametrize(("name", "size"), [("compare", (80, 24)), ("compare_wide", (160, 50))])
@pytest.mark.parametrize(
    ("state", "keys"),
    [
        ("", []),
        ("_baseline", ["right", "b", "equals_sign"]),
        ("_scatter", ["P", *"optim.lr", "enter", "enter"]),
        ("_table", ["tab", "tab"]),
        ("_pick", ["slash", *"a"]),
        ("_write", ["w"]),
    ],
)
def test_screen(four: Sweep, golden: Golden, name: str, size: tuple[int, int], state: str, keys: list[str]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*keys)
        golden(name + state, browser.text)

    compared(four.store, script, size=size)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (160, 50)])
def test_hostile_names_are_only_text(sweep: Sweep, size: tuple[int, int]) -> None:
    for number, name in enumerate(HOSTILE):
        steps = [dict.fromkeys(HOSTILE, step * number) for step in range(20)]
        sweep.run(name, metrics=steps, params={**dict.fromkeys(HOSTILE, name), name: {name: number}})
    sweep.index()

    async def script(browser: Browser) -> None:
        keys = (
            "right",
            "right",
            "b",
            "n",
            "tab",
            "tab",
            "tab",
            "P",
            "enter",
            "enter",
            "a",
            "escape",
            "slash",
            "escape",
        )
        for key in (*keys, "w", "escape", "down", "down", "end", "question_mark"):
            await browser.press(key)
            assert all(line.isprintable() for line in browser.lines), (key, browser.text)

    compared(sweep.store, script, size=size)


# Which experiments.


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ([], "Comparing takes 2 to 20 marked experiments, none is marked: space marks"),
        (["a"], "Comparing takes 2 to 20 marked experiments, 21 are marked: space marks"),
    ],
)
def test_too_few_and_too_many_are_said(sweep: Sweep, keys: list[str], sentence: str) -> None:
    for number in range(21):
        sweep.run(f"run {number}")
    sweep.index()

    async def script(browser: Browser) -> None:
        await browser.press(*keys, "c")
        assert browser.notices == [sentence]
        assert isinstance(browser.app.screen, ExperimentsScreen)

    drive(sweep.store, script)


def test_equal_names_are_told_apart_and_last_values_are_told(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        assert legend(browser) == [
            "1 vit_b …001111 0.7917",
            "2 vit_b …002222 0.8996",
            "3 bert_c 0.7917",
            "4 baseline [/] — not logged",
        ]
        assert "more is better" in browser.lines[0]

    compared(four.store, script)


def test_digits_hide_lines_and_s_shows_one_alone(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        shown = screen(browser)._compared
        ids = list(shown.details)
        await browser.press("2")
        assert shown.charted == [ids[0], ids[2]]
        assert "2 vit_b …002222 — hidden" in legend(browser)
        await browser.press("2", "right", "space")
        assert shown.charted == [ids[0], ids[2]]
        await browser.press("s")
        assert shown.charted == [ids[1]]
        await browser.press("s")
        assert shown.charted == ids[:3]
        for key, alone in (("exclamation_mark", 0), ("number_sign", 2)):
            await browser.press(key)
            assert shown.charted == [ids[alone]]

    compared(four.store, script)


def test_a_dropped_experiment_is_gone_and_the_others_keep_their_numbers(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("b", "u")
        assert [line[:1] for line in legend(browser)] == ["2", "3", "4"]
        assert "compare 3 experiments" in browser.lines[0]
        assert column(browser, "best accuracy")[0] == "0.8996"
        await browser.press("3")
        assert "3 bert_c — hidden" in legend(browser)
        await browser.press("u", "u")
        assert browser.notices == ["Comparing takes at least 2 experiments."]

    compared(four.store, script)


def test_enter_opens_the_experiment_under_the_cursor(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("right", "right", "enter")
        assert isinstance(browser.app.screen, ExperimentScreen)
        assert "bert_c" in browser.lines[0]
        await browser.press("escape")
        assert screen(browser).table.place == 2
        await browser.press("escape")
        assert isinstance(browser.app.screen, ExperimentsScreen)

    compared(four.store, script)


# The table.


def test_only_what_differs_is_shown_until_equal_rows_are_asked_for(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        # The fourth has no layers and no betas: to have none is a difference.
        assert column(browser, "optim.lr")[:2] == ["0.02", "0.05"]
        assert not any(line[0] == "seed" for line in table(browser))
        await browser.press("equals_sign")
        assert column(browser, "seed")[:2] == ["7", "7"]
        await browser.press("equals_sign")
        assert not any(line[0] == "seed" for line in table(browser))

    compared(four.store, script, size=(160, 50))


def test_a_baseline_judges_by_the_direction_of_the_metric_alone(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("b")
        judged = column(browser, "best accuracy")
        assert judged == ["0.7917", "0.8996", "✓", "+0.1079", "+13.6%", "0.7417", "✗", "-0.0500", "-6.3%", "—"]
        # Nobody said whether a loss should be high or low.
        assert "✓" not in column(browser, "last loss")
        assert "✗" not in column(browser, "last loss")
        assert column(browser, "last loss")[-2:] == ["not", "finite"]
        await browser.press("b")
        assert column(browser, "best accuracy") == ["0.7917", "0.8996", "0.7417", "—"]

    compared(four.store, script, size=(160, 50))


def test_the_names_stay_while_one_goes_to_experiments_that_did_not_fit(sweep: Sweep) -> None:
    for number in range(20):
        sweep.run(f"run {number}", params={"number": number})
    sweep.index()

    async def script(browser: Browser) -> None:
        await browser.press(*["right"] * 19)
        assert column(browser, "number")[-1] == "19"
        assert "experiment 20 of 20" in browser.text
        await browser.press("right", *["left"] * 19)
        assert column(browser, "number")[0] == "0"

    compared(sweep.store, script)


# The chart.


def test_n_and_a_search_choose_the_metric(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        assert "accuracy" in browser.lines[0]
        await browser.press("n")
        assert "loss" in browser.lines[0]
        assert "4 baseline [/] —" in legend(browser)
        assert "5 not finite" in browser.text
        await browser.press("N", "slash", *"los", "enter")
        assert "loss" in browser.lines[0]
        await browser.press("slash", *"nothing", "enter", "escape")
        assert "loss" in browser.lines[0]

    compared(four.store, script)


def test_zoom_and_crosshair_tell_values_there(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("plus")
        assert "steps" in browser.text
        await browser.press("0", "right_square_bracket")
        step = round(screen(browser).view.cursor or 0)
        assert f"step {step}" in browser.text
        assert legend(browser)[1] == f"2 vit_b …002222 {0.9 - 0.8 * math.exp(-step * 0.05):.4f} @{step}"

    compared(four.store, script)


def test_relative_time_puts_the_beginnings_over_each_other(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("x")
        assert screen(browser)._extent == (1.0, 200.0)
        await browser.press("x")
        low, high = screen(browser)._extent
        assert high - low > 7000

    compared(four.store, script)


def test_tab_shows_the_chart_alone_the_table_alone_and_both(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        heights = []
        for _ in range(3):
            await browser.press("tab")
            heights.append((browser.widget("Chart").size.height, screen(browser).table.size.height))
        assert heights[0][1] == 1
        assert heights[1][0] == 0
        assert heights[0][0] > heights[2][0] > 0
        await browser.press("n")
        assert "loss" in browser.lines[0]

    compared(four.store, script)


# A scatter.


def test_a_scatter_has_a_dot_for_each_and_tells_who_has_no_place(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("P", *"optim.lr", "enter", *"best", "enter")
        assert browser.text.count("●") == 3
        assert "best accuracy over optim.lr" in browser.text
        assert "1 without a place on both axes" in browser.text
        await browser.press("1")
        assert browser.text.count("●") == 2
        await browser.press("escape")
        assert "●" not in browser.text
        assert screen(browser)._scatter is None

    compared(four.store, script, size=(160, 50))


def test_a_scatter_can_have_everything_that_matches_behind(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "down", "space", "c")
        await browser.until(lambda: isinstance(browser.app.screen, CompareScreen))
        await browser.press("P", *"optim.lr", "enter", *"last loss", "enter", "a")
        assert "all 4 that match" in browser.text
        drawn = screen(browser).query_one(ScatterChart)._dots
        assert sorted(dot.x for dot in drawn if isinstance(dot.x, float)) == [0.01, 0.02, 0.05, 0.1]
        assert [dot.number for dot in drawn if dot.number is not None] == [1, 2]
        await browser.press("a")
        assert "that match" not in browser.text

    drive(four.store, script, size=(160, 50))


# While things happen.


def test_an_experiment_that_runs_grows(sweep: Sweep) -> None:
    running = sweep.run("growing", metrics=curves(50, 0.02), status="running")
    sweep.run("done", metrics=curves(50, 0.05))
    sweep.index()

    async def script(browser: Browser) -> None:
        assert screen(browser)._extent == (1, 50)
        log_steps(running, curves(100, 0.02)[50:], began=recorded.BEGAN, first=51)
        await browser.app.ask(sync, sweep.store)
        screen(browser)._look_again()
        await browser.settle()
        assert screen(browser)._extent == (1, 100)
        assert f"{0.9 - 0.8 * math.exp(-2):.4f}" in column(browser, "last accuracy")

    compared(sweep.store, script)


def test_experiments_that_were_deleted_or_left_the_index_are_said(four: Sweep) -> None:
    async def script(browser: Browser) -> None:
        ids = list(screen(browser)._compared.details)
        four.store.delete([ids[0]], source="cli")
        with four.store.database.writing() as connection:
            connection.execute("DELETE FROM experiment WHERE id = ?", (ids[1],))
        await browser.press("r")
        assert "1 vit_b …001111 0.7917 in the trash" in legend(browser)
        assert "2 vit_b …002222 0.8996 left the index" in legend(browser)
        assert "1 in the trash  1 left the index" in screen(browser).query_one(StatusLine).plain
        assert "1 experiment left the index" in browser.notices
        await browser.press("n", "plus", "u")
        assert len(legend(browser)) == 3

    compared(four.store, script)


def test_what_the_store_cannot_do_is_said_and_the_rest_stays(four: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(browser: Browser) -> None:
        with monkeypatch.context() as patch:

            def fail(id: str) -> None:
                raise QueryFailed("Database query failed: disk I/O error")

            patch.setattr(four.store, "get", fail)
            await browser.press("r")
            assert "disk I/O error" in browser.text
            assert column(browser, "best accuracy")[0] == "0.7917"
        await browser.press("r")
        assert "disk I/O error" not in browser.text

    compared(four.store, script)


def test_experiments_that_could_not_be_read_at_first_are_not_called_unknown(
    four: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(id: str) -> None:
        raise QueryFailed("the index is locked")

    async def script(browser: Browser) -> None:
        assert "the index is locked" in browser.text
        assert "None of these experiments is known." not in browser.text
        assert "The experiments were not read." in browser.text
        monkeypatch.undo()
        await browser.press("r")
        assert "not read" not in browser.text
        assert len(legend(browser)) == 4

    monkeypatch.setattr(four.store, "get", fail)
    compared(four.store, script, size=(120, 40))


# Writing.


def test_the_table_is_written_once_its_name_is_confirmed(
    four: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    async def script(browser: Browser) -> None:
        await browser.press("w", "tab", "enter")
        document = json.loads((tmp_path / "here" / "comparison.json").read_text())
        assert [row["name"] for row in document["rows"]][:2] == ["accuracy", "accuracy"]
        assert all(row["differs"] for row in document["rows"])
        assert browser.notices == [f"{tmp_path / 'here' / 'comparison.json'}: 7 rows of 4 experiments"]
        await browser.press("w", "tab", "enter")
        assert "is there already: enter again replaces it" in browser.text
        before = (tmp_path / "here" / "comparison.json").stat().st_mtime_ns
        await browser.press("enter")
        assert (tmp_path / "here" / "comparison.json").stat().st_mtime_ns > before
        await browser.press("w", "escape")
        assert screen(browser)

    compared(four.store, script)


# Many long ones.


@pytest.mark.slow
def test_twenty_long_experiments_are_read_as_finely_as_the_chart_can_show(sweep: Sweep) -> None:
    for number in range(20):
        sweep.run(f"run {number}", params={"number": number})
    sweep.index()
    seqs = sweep.store.ids(ExperimentQuery()).keys
    fill(sweep.store, list(seqs), steps=100_000)

    async def script(browser: Browser) -> None:
        shown = screen(browser)
        await browser.until(lambda: len(shown.query_one(Chart)._curves) == 20)
        assert all(len(curve.xs) <= 4096 for curve in shown.query_one(Chart)._curves)
        assert "of 2,000,000 points" in browser.text
        assert len(shown.query_one(CompareLegend)._items) == 20

    compared(sweep.store, script, size=(160, 50))


def fill(store: Store, seqs: list[int], *, steps: int) -> None:
    """The same noisy series for each experiment, as if they had been synced."""
    values = array("d", (math.exp(-step / 20_000) + (step * 7919 % 101) / 1000 for step in range(steps)))
    times = array("d", (recorded.BEGAN + step for step in range(steps)))
    numbers = array("q", range(steps))
    batch = series.SeriesBatch(
        points={"loss": series.Points(numbers, values)}, texts=[], times=series.Points(numbers, times)
    )
    packed = series.pack(batch)
    with store.database.writing() as connection:
        series.replace(connection, [(seq, packed) for seq in seqs])


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (160, 30)])
def test_a_legend_without_room_for_all_says_how_many_more_there_are(sweep: Sweep, size: tuple[int, int]) -> None:
    for number in range(20):
        sweep.run(f"vit_{number:02}", metrics=curves(5, 0.01 * (number + 1)))
    sweep.index()

    async def script(browser: Browser) -> None:
        for place in range(20):
            region = screen(browser).query_one(CompareLegend).region
            said = [line[region.x : region.right] for line in browser.lines[region.y : region.bottom]]
            names = re.findall(r"vit_\d\d", " ".join(said))
            assert f"vit_{place:02}" in names
            more = re.findall(r"\+(\d+) more", " ".join(said))
            assert more == ([str(20 - len(names))] if len(names) < 20 else [])
            await browser.press("right")

    compared(sweep.store, script, size=size)


def test_a_legend_that_is_just_full_shows_every_experiment(sweep: Sweep) -> None:
    for number in range(6):
        sweep.run(f"vit_{number:02}", metrics=curves(5, 0.01 * (number + 1)))
    sweep.index()

    async def script(browser: Browser) -> None:
        await browser.press(*["right"] * 5)
        region = screen(browser).query_one(CompareLegend).region
        said = " ".join(browser.lines[region.y : region.bottom])
        assert len(re.findall(r"vit_\d\d", said)) == 6
        assert "more" not in said

    compared(sweep.store, script)
