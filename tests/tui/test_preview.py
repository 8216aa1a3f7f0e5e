"""The pane beside the list, and how both follow what happens to the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentDetail, ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import SyncReport
from runicorn_tui import preview
from runicorn_tui.messages import IndexChanged
from runicorn_tui.preview import shares
from runicorn_tui.screens.previewing import rest_seconds
from runicorn_tui.state import Memory
from runicorn_tui.terminal import settle
from tests.tui import indexed, recorded
from tests.tui.drive import Browser, Script, drive
from tests.tui.gate import Gate
from tests.tui.recorded import BEGAN, curves, end, log_steps, write_run
from tests.tui.terminal_harness import BROWSE, Terminal

WIDE = (160, 50)
LOG = b"epoch 1 of 3\nepoch 2 of 3\n\x1b[32mepoch 3 of 3\x1b[0m\n"
PARAMS = {"lr": 3e-4, "optimizer": {"name": "adamw", "betas": [0.9, 0.95]}, "seed": 7}


def previewed(store: Store, script: Script, *, size: tuple[int, int] = WIDE, **options: object) -> None:
    """Opens the browser with the pane on, lets `script` use it."""
    drive(store, script, size=size, **{"preview": True, "clock": lambda: BEGAN + 3600, **options})


def pane(browser: Browser) -> str:
    """What the pane says, without what stands at its left."""
    region = browser.widget("Preview").content_region
    rows = browser.lines[region.y : region.bottom]
    return "\n".join(row[region.x - browser.app.size.width :].strip() for row in rows)


async def shows(browser: Browser, *texts: str) -> None:
    await browser.until(lambda: all(text in pane(browser) for text in texts))


def another(run: Path, *, name: str, created_at: float) -> Path:
    """A run like this one, of another time."""
    copy = run.with_name(f"{run.name[:-6]}{int(created_at - BEGAN):06x}")
    shutil.copytree(run, copy)
    meta = json.loads((copy / "meta.json").read_bytes())
    (copy / "meta.json").write_text(json.dumps({**meta, "id": copy.name, "name": name, "created_at": created_at}))
    return copy


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """One finished run with metrics, parameters and a log."""
    return write_run(
        tmp_path / "root",
        metrics=curves(200),
        log=LOG,
        params=PARAMS,
        summary={"best_metric_name": "accuracy", "best_metric_value": 0.83, "best_metric_mode": "max"},
    )


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """One run that goes on."""
    return write_run(tmp_path / "root", status="running", metrics=curves(20), log=b"epoch 1\n")


# What it shows.


@pytest.mark.parametrize("size", [(160, 50), (120, 30), (160, 24)])
def test_summary_chart_and_log_share_the_pane(
    store: Store, run: Path, golden: Callable[[str, str], None], size: tuple[int, int]
) -> None:
    recorded.index(store, run.parents[3])

    async def script(browser: Browser) -> None:
        await shows(browser, "accuracy", "epoch 3 of 3")
        await browser.settle()
        golden(f"preview_{size[0]}x{size[1]}", browser.text)

    previewed(store, script, size=size)


def test_hostile_texts_are_only_text(store: Store, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    hostile = "[/]\x1b[2J[@click=app.quit]x\x9b5;5H\u202e"
    write_run(
        tmp_path / "root",
        name=hostile,
        metrics=[{hostile: float(step)} for step in range(20)],
        log=f"{hostile}\nbar 1%\rbar 2%\r\n".encode() + b"\xff\xfe no utf-8\n" + b"x" * 10_000,
        params={hostile: hostile},
    )
    recorded.index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await shows(browser, "bar 2%")
        await browser.settle()
        golden("preview_hostile_160x50", browser.text)

    previewed(store, script)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda run: (run / "logs.txt").unlink(), "No log: the program wrote no logs.txt"),
        (lambda run: (run / "logs.txt").write_bytes(b""), "The log is empty"),
        (lambda run: shutil.rmtree(run), "No log:"),
        (lambda run: ((run / "logs.txt").unlink(), (run / "logs.txt").mkdir()), "A directory, not a file"),
        (lambda run: ((run / "logs.txt").unlink(), (run / "logs.txt").symlink_to("meta.json")), "Symbolic link"),
        (lambda run: (run / "logs.txt").rename(run / "train.out"), "train.out"),
    ],
)
def test_a_log_that_cannot_be_shown_says_why(
    store: Store, run: Path, make: Callable[[Path], object], sentence: str
) -> None:
    recorded.index(store, run.parents[3])
    make(run)

    async def script(browser: Browser) -> None:
        await shows(browser, sentence, "accuracy")

    previewed(store, script)


def test_a_run_without_metrics_and_one_with_nothing_finite_say_so(store: Store, tmp_path: Path) -> None:
    run = write_run(tmp_path / "root")
    log_steps(another(run, name="diverged", created_at=BEGAN + 60), [{"loss": float("nan")}] * 3, first=1)
    recorded.index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await shows(browser, "diverged", "no value in this range can be drawn", "3 not finite")
        await browser.press("down")
        await shows(browser, "vit_b", "No metrics: the program never logged a number.")

    previewed(store, script)


def test_what_is_purged_while_it_is_shown_is_said_to_be_gone(store: Store, run: Path) -> None:
    recorded.index(store, run.parents[3])

    async def script(browser: Browser) -> None:
        await shows(browser, "accuracy")
        await browser.app.ask(store.remove_root, str(run.parents[3]))
        browser.app.post_message(IndexChanged(SyncReport(missing=1)))
        await shows(browser, "no longer in the index")
        assert "accuracy" not in pane(browser)

    previewed(store, script)


def test_an_empty_list_has_nothing_beside_it(store: Store) -> None:
    async def script(browser: Browser) -> None:
        assert pane(browser).strip() == ""

    previewed(store, script)


def test_a_disk_that_does_not_answer_holds_up_the_log_alone(
    store: Store, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another(run, name="other", created_at=BEGAN + 60)
    (other / "logs.txt").write_bytes(b"log of the other\n")
    recorded.index(store, run.parents[3])
    gate = Gate.before(monkeypatch, preview, "log_end")

    async def script(browser: Browser) -> None:
        await shows(browser, "other", "accuracy", "Reading the log…")
        await browser.press("down")
        await shows(browser, "vit_b", "Reading the log…")
        gate.open()
        await shows(browser, "vit_b", "epoch 3 of 3")

    previewed(store, script)


@pytest.mark.parametrize("height", range(1, 60))
@pytest.mark.parametrize(("facts", "legend"), [(9, 1), (16, 4)])
def test_the_parts_never_take_more_than_the_pane(height: int, facts: int, legend: int) -> None:
    found = shares(height, facts, legend)

    between = 2 + (legend if found.chart else 0)
    assert min(found.facts, found.chart, found.log) >= 0
    assert found.facts + found.chart + found.log + between <= max(height, found.facts + 2)


# When it reads.


class Asked(Store):
    """Remembers which experiments were asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[str] = []

    def get(self, experiment_id: str) -> ExperimentDetail:
        self.asked.append(experiment_id)
        return super().get(experiment_id)


def test_only_where_the_cursor_rests_is_read(tmp_path: Path) -> None:
    store = Asked(tmp_path / "index.db")
    with store:
        indexed.add(store, indexed.varied(40), root=tmp_path / "root")

        async def script(browser: Browser) -> None:
            await shows(browser, "vit_b_lr1e-2_s0")
            browser.screen._rest_seconds = 0.5
            store.asked.clear()
            for _ in range(6):
                await browser.screen.table.action_move(1)
            assert store.asked == []
            assert "vit_b_lr1e-2_s0" in pane(browser)
            await shows(browser, "moe_a_lr1e-2_s6")
            listed = store.find(ExperimentQuery(per_page=7)).experiments
            assert store.asked == [listed[6].id]

        previewed(store, script)


@pytest.mark.parametrize("came", [False, True])
def test_an_end_that_was_gone_to_before_the_order_was_known_is_read_with_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, came: bool
) -> None:
    indexed.add(store, indexed.numbered(400), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        gate = Gate.before(monkeypatch, store, "ids")
        browser.screen.action_reload()
        browser.screen.action_reverse()
        browser.screen.action_reverse()
        await browser.until(lambda: browser.screen.table.order == ("age", True) and "run 0" in browser.text)
        await browser.pilot.press("G")
        await browser.until(lambda: "400/400" in browser.text and "run 0" not in pane(browser))
        assert browser.screen.table.current is None
        assert pane(browser).strip() == ""
        if came:
            # The first page is not the one that was shown.
            newer = replace(indexed.numbered(1)[0], id="20260101_000000_000000", created_at=indexed.NOW)
            indexed.add(store, [newer], root=tmp_path / "root")
        gate.open()
        await shows(browser, "run 399" if not came else "run 398")
        table = browser.screen.table
        assert all(table.rows.row(index) is not None for index in range(table.top, table.top + table.body_height))
        assert "no longer in the index" not in browser.text

    previewed(store, script)


def test_a_row_that_was_purged_says_so_in_the_pane(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.numbered(3), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await shows(browser, "run 0")
        with store.database.writing() as connection:
            connection.execute("DELETE FROM experiment WHERE name = 'run 0'")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await shows(browser, "no longer in the index")

    previewed(store, script)


def test_over_a_remote_line_the_rest_is_longer_unless_it_is_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    settle()
    assert rest_seconds() == 0.08
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22")
    settle()
    assert rest_seconds() == 0.2
    settle(is_slow=False)
    assert rest_seconds() == 0.08


def test_a_move_writes_little_and_the_pane_waits_for_its_end(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        indexed.add(store, indexed.varied(400), root=tmp_path / "root")
    arguments = ["-W", "error", "-c", BROWSE, str(tmp_path / "index.db")]
    terminal = Terminal(arguments, columns=160, rows=50, SSH_CONNECTION="10.0.0.1 50000 10.0.0.2 22")
    try:
        terminal.until("duration     1m 01s")
        terminal.read(0.5)
        before = len(terminal.received)
        terminal.press("down")
        terminal.until(" 2/400")
        assert 0 < len(terminal.received) - before <= 600
        terminal.until("duration     17m 18s")
    finally:
        terminal.kill()


# Where it is.


def test_below_120_columns_there_is_no_pane_and_the_key_says_why(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        assert not browser.widget("Preview").display
        await browser.press("V")
        assert browser.notices == ["The preview needs 120 columns, and here are 119."]
        await browser.pilot.resize_terminal(120, 30)
        await shows(browser, "vit_b_lr1e-2_s0")
        await browser.pilot.resize_terminal(119, 30)
        await browser.until(lambda: not browser.widget("Preview").display)

    previewed(four_hundred, script, size=(119, 30))


def test_a_narrow_screen_is_the_same_with_and_without_it(four_hundred: Store) -> None:
    screens: list[str] = []

    async def script(browser: Browser) -> None:
        screens.append(browser.text)

    for is_on in (True, False):
        drive(four_hundred, script, preview=is_on)
    assert screens[0] == screens[1]


def test_the_key_hides_it_for_the_next_start_too(four_hundred: Store, tmp_path: Path) -> None:
    async def first(browser: Browser) -> None:
        await shows(browser, "vit_b_lr1e-2_s0")
        await browser.press("V")
        assert not browser.widget("Preview").display
        assert "host" in browser.lines[1]

    async def second(browser: Browser) -> None:
        assert not browser.widget("Preview").display
        await browser.press("V")
        await shows(browser, "vit_b_lr1e-2_s0")
        assert "host" not in browser.lines[1]

    for script in (first, second):
        memory = Memory(tmp_path / "state.json", four_hundred.path)
        memory.load()
        previewed(four_hundred, script, memory=memory)


# What happens meanwhile.

FOLLOWING = {"watch": True, "running_interval": 0.2, "full_interval": 0.3}


def test_chart_and_log_of_a_running_experiment_follow_its_files(store: Store, live: Path) -> None:
    recorded.index(store, live.parents[3])

    async def script(browser: Browser) -> None:
        await shows(browser, "▸ running", "accuracy", "epoch 1")
        with (live / "logs.txt").open("ab") as log:
            log.write(b"epoch 2\n")
        log_steps(live, [{"accuracy": 123.5}], first=21)
        await shows(browser, "epoch 2", "123.50", "max 123.50 @21")
        end(live, "failed")
        await shows(browser, "✗ failed")

    previewed(store, script, **FOLLOWING)


def test_the_list_follows_its_files_and_the_cursor_stays(store: Store, live: Path) -> None:
    crashed = another(live, name="crashes", created_at=BEGAN + 60)
    another(live, name="goes on", created_at=BEGAN + 120)
    recorded.index(store, live.parents[3])

    async def script(browser: Browser) -> None:
        def line(name: str) -> str:
            return next(text for text in browser.lines[2:] if name in text[:30])[:100]

        await browser.press("down")
        await shows(browser, "crashes", "▸ running")
        for number in range(3):
            another(live, name=f"new {number}", created_at=BEGAN + 180 + number)
        (live / "summary.json").write_text(json.dumps({"best_metric_name": "accuracy", "best_metric_value": 0.75}))
        end(live, "finished")
        end(crashed, "failed")
        await browser.until(lambda: "3 new: r" in browser.text)
        await browser.until(lambda: "✗ failed" in line("crashes") and "✓ finished" in line("vit_b"))
        await browser.until(lambda: "0.7500" in line("vit_b"))
        assert "10m 00s" in line("vit_b")
        assert "▸ running" in line("goes on")
        assert browser.current == "crashes"
        assert " 2/3" in browser.text
        assert "new 0" not in browser.text
        await shows(browser, "crashes", "✗ failed")
        await browser.press("r")
        await browser.until(lambda: " 5/6" in browser.text)
        assert browser.current == "crashes"

    previewed(store, script, **FOLLOWING)


def test_a_closed_dialog_shows_its_change_in_the_pane(store: Store, run: Path) -> None:
    recorded.index(store, run.parents[3])

    async def script(browser: Browser) -> None:
        await shows(browser, "accuracy")
        await browser.press("t", *"keep", "enter")
        await shows(browser, "keep")

    previewed(store, script)
