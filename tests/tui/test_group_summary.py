"""A group in short, beside the list."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from runicorn_db.criteria import STATUSES
from runicorn_db.errors import StoreBusy
from runicorn_db.filter_language import parse
from runicorn_db.groups import MOST_GROUPS, GroupBy
from runicorn_db.named_values import NamedValue
from runicorn_db.query import Experiment, ExperimentQuery, Snapshot
from runicorn_db.store import Store
from runicorn_db.sync_report import SyncReport
from runicorn_tui.group_summary import first_experiments, summary
from runicorn_tui.messages import IndexChanged
from runicorn_tui.terminal import Drawn
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.terminal_harness import Terminal
from tests.tui.test_golden import HOSTILE
from tests.tui.test_grouping import by
from tests.tui.test_preview import pane, shows
from tests.tui.test_tree import group

Golden = Callable[[str, str], None]
WIDE = (160, 50)
LR = NamedValue("param", "optimizer.schedule.learning_rate")


def experiment(name: str, **facts: object) -> Experiment:
    same = {"id": name, "project": "p", "status": "failed", "created_at": 0.0, "updated_at": 0.0}
    return Experiment(name=name, **{**same, **facts})  # type: ignore[arg-type]


def facts(browser: Browser) -> dict[str, str]:
    """The labelled lines of the pane."""
    found = (re.match(r"(\w+) {2,}(\S.*)", line) for line in pane(browser).splitlines()[:12])
    return {match[1]: match[2] for match in found if match}


def first_names(browser: Browser) -> list[str]:
    """The experiments in the pane."""
    lines = pane(browser).splitlines()
    begin = next(number for number, line in enumerate(lines) if " by " in line)
    return [line.split()[1] for line in lines[begin + 1 :] if line]


# What it says.


@pytest.mark.parametrize(
    ("count", "states", "said"),
    [
        (3, {"finished": 3}, ["100%"]),
        (1000, {"finished": 999, "failed": 1}, ["99%", "1%"]),
        (8, {"failed": 2, "finished": 3, "running": 3}, ["38%", "25%", "38%"]),
    ],
)
def test_a_share_is_neither_none_nor_all_as_long_as_that_is_not_so(
    count: int, states: dict[str, int], said: list[str]
) -> None:
    made = group("a", count, by_status={**dict.fromkeys(STATUSES, 0), **states})
    text = "\n".join(line.plain for line in summary(made, "project", 58))
    assert re.findall(r"\d+%", text) == said


@pytest.mark.parametrize(
    ("measured", "said"),
    [(0, "—"), (3, "1.0 GB"), (2, "≥1.0 GB, 2 of them measured")],
)
def test_a_size_that_is_not_known_of_all_says_of_how_many(measured: int, said: str) -> None:
    made = group("a", 3, measured=measured, size_bytes=10**9 if measured else 0)
    (line,) = [line.plain for line in summary(made, "project", 58) if line.plain.startswith(" size")]
    assert line.split(maxsplit=1)[1] == said


def test_only_the_number_of_the_best_is_bold() -> None:
    made = group("0.5", 3, best_metric_name="0.5", best_metric_value=0.5, best_metric_mode="min")
    (line,) = [line for line in summary(made, "project", 58) if line.plain.startswith(" best")]
    (bold,) = [span for span in line.spans if span.style == "bold"]
    assert (line.plain[bold.start : bold.end], line.plain[bold.end :]) == ("0.5000", "  ↓ 0.5")


@pytest.mark.parametrize("width", [1, 8, 30, 44, 58, 100])
@pytest.mark.parametrize("grouped_by", ["project", LR])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_line_is_wider_than_the_pane_or_more_than_text(width: int, grouped_by: GroupBy, name: str) -> None:
    made = group(
        name,
        1_000_000,
        by_status=dict.fromkeys(STATUSES, 250_000),
        best_metric_name=name or None,
        best_metric_value=-1.5e-300,
        best_metric_mode="max",
    )
    rows = [experiment(name, best_metric_name=name, best_metric_value=-1.5e300), None]
    lines = [*summary(made, grouped_by, width), *first_experiments(rows, made, Drawn("created ↓"), width)]
    assert all(line.plain.isprintable() or "\u200d" in line.plain for line in lines)
    # What is narrower is beside no list.
    if width >= 44:
        assert max(line.cell_length for line in lines) <= width


def test_values_of_several_metrics_stand_with_their_names() -> None:
    rows = [
        experiment("one", best_metric_name="loss", best_metric_value=0.25),
        experiment("two", best_metric_name="accuracy", best_metric_value=0.5),
    ]
    mixed = [line.plain for line in first_experiments(rows, group("a", 9), "name ↑", 58)]
    assert mixed[0] == " first 2 of 9 by name ↑"
    assert [line.split()[1:] for line in mixed[1:]] == [["one", "0.2500", "loss"], ["two", "0.5000", "accuracy"]]
    made = group("a", 2, best_metric_name="loss", best_metric_value=0.25, best_metric_mode="min")
    same = [line.plain for line in first_experiments(rows[:1] * 2, made, "name ↑", 58)]
    assert same[0] == " all by name ↑"
    assert same[1].split()[1:] == ["one", "0.2500", "1970-01-01", "00:00"]
    narrow = [line.plain for line in first_experiments(rows, made, "name ↑", 44)]
    assert narrow[1].split() == ["✗", "one", "0.2500"]


# Beside the list.


def test_the_pane_follows_the_cursor_from_groups_to_experiments_and_back(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        await shows(browser, "experiments  134")
        assert facts(browser)["project"] == "vision"
        assert facts(browser)["best"] == "0.9990  ↑ accuracy"
        assert facts(browser)["size"] == "5.9 GB"
        assert facts(browser)["newest"] == "2025-10-09 08:52 UTC"
        assert re.search("✗ failed +38 +28%", pane(browser))
        await browser.press("enter", "down")
        await shows(browser, "vit_b_lr1e-2_s0", "No log")
        assert "experiments  134" not in pane(browser)
        await browser.press("up", "right_square_bracket")
        await shows(browser, "experiments  133")
        assert facts(browser)["project"] == "audio"
        assert "vit_b_lr1e-2_s0" not in pane(browser)

    drive(four_hundred, script, size=WIDE, preview=True)


def test_its_experiments_are_the_first_in_the_order_of_the_list(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "s", "s")
        await shows(browser, "of 134 by name ↑")
        shown = first_names(browser)
        assert len(shown) > 30
        assert f"first {len(shown)} of 134" in pane(browser)
        await browser.press("enter")
        listed = [line[4:24].split()[0] for line in browser.lines[3:20]]
        assert listed == shown[: len(listed)]
        await browser.press("S")
        await shows(browser, "of 134 by name ↓")
        query = ExperimentQuery(filter=parse("project=vision")[0], order_by="name", per_page=len(shown))
        assert first_names(browser) == [row.name for row in four_hundred.find(query).experiments]

    drive(four_hundred, script, size=WIDE, preview=True)


def test_what_changes_in_a_group_is_said_beside_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        await browser.until(lambda: re.search("▸ running +19 ", pane(browser)) is not None)
        with four_hundred.database.writing() as connection:
            connection.execute("UPDATE experiment SET status = 'failed' WHERE status = 'running'")
        browser.app.post_message(IndexChanged(SyncReport(changed=57)))
        await browser.until(lambda: re.search("✗ failed +57 ", pane(browser)) is not None)
        assert "running" not in pane(browser)

    drive(four_hundred, script, size=WIDE, preview=True)


class Busy(Store):
    """Has no time for rows once it `is_busy`; remembers which threads asked for how many."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_busy = False
        self.asked: list[tuple[str, int]] = []

    def rows(self, snapshot: Snapshot, values: Sequence[NamedValue] = ()) -> list[Experiment | None]:
        self.asked.append((threading.current_thread().name, len(snapshot)))
        if self.is_busy:
            raise StoreBusy("The index is busy [/]")
        return super().rows(snapshot, values)


@pytest.fixture
def busy(tmp_path: Path) -> Busy:
    return Busy(tmp_path / "index.db")


def test_a_thread_reads_no_more_experiments_than_there_are_lines(busy: Busy, tmp_path: Path) -> None:
    with busy as store:
        indexed.add(store, indexed.numbered(900), root=tmp_path / "root")

        async def script(browser: Browser) -> None:
            await browser.press(*by("project"))
            await shows(browser, "first 39 of 900")
            assert {asked for _, asked in busy.asked} == {39}
            assert all(name.startswith("store") for name, _ in busy.asked)

        drive(store, script, size=WIDE, preview=True)


def test_experiments_that_cannot_be_read_leave_what_is_known_of_the_group(busy: Busy, tmp_path: Path) -> None:
    with busy as store:
        indexed.add(store, indexed.varied(60), root=tmp_path / "root")

        async def script(browser: Browser) -> None:
            await browser.press(*by("project"))
            await shows(browser, "all by created")
            busy.is_busy = True
            await browser.press("down")
            await shows(browser, "experiments  20", "The index is busy [/]")
            assert "by created" not in pane(browser)
            assert not browser.widget("#problem").display

        drive(store, script, size=WIDE, preview=True)


def test_a_pane_with_few_lines_says_what_is_said_first(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        await shows(browser, "experiments  134")
        assert pane(browser).splitlines()[0].split() == ["project", "vision"]

    drive(four_hundred, script, size=(120, 10), preview=True)


def test_where_many_values_are_left_out_their_line_has_nothing_beside_it(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.numbered(MOST_GROUPS + 2), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press(*by("name"))
        await shows(browser, "all by created")
        await browser.press("end")
        await browser.until(lambda: pane(browser).strip() == "")
        assert "2 more values" in browser.text

    drive(store, script, size=WIDE, preview=True)


def test_screen_with_a_group_beside_the_list(four_hundred: Store, golden: Golden) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        await shows(browser, "first 36 of 134")
        golden("preview_group_160x50", browser.text)

    drive(four_hundred, script, size=WIDE, preview=True)


@pytest.mark.parametrize(("number", "name"), [(0, "markup"), (3, "escape")])
def test_a_hostile_group_is_only_text(store: Store, tmp_path: Path, golden: Golden, number: int, name: str) -> None:
    hostile = HOSTILE[number]
    entries = [
        replace(entry, name=hostile, project=hostile, best_metric_name=hostile, best_metric_value=0.5)
        for entry in indexed.varied(3)
    ]
    indexed.add(store, entries, root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        await shows(browser, "all by created")
        golden(f"preview_group_{name}_160x50", browser.text)

    drive(store, script, size=WIDE, preview=True)


def test_a_group_is_shown_beside_the_list_in_a_terminal(four_hundred: Store) -> None:
    terminal = Terminal.browse(four_hundred.path, columns=160, rows=50)
    try:
        terminal.until("1/400")
        terminal.press("O", *"project")
        terminal.until("Group by")
        terminal.press("enter")
        terminal.until("experiments  134")
        terminal.until("first 36 of 134 by created")
        terminal.press("down")
        terminal.until("experiments  133")
        terminal.press("q")
        assert terminal.end() == 0
    finally:
        terminal.kill()
