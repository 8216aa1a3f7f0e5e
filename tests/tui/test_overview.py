from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.tui.drive import Browser, opened
from tests.tui.recorded import curves, index, write_details, write_run

SUMMARY = {
    "best_metric_name": "accuracy",
    "best_metric_value": 0.8354,
    "best_metric_step": 200,
    "best_metric_mode": "max",
}


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment with all that can be known, under a path of a fixed length."""
    run = write_run(
        tmp_path / "root", metrics=curves(200), params={"lr": 3e-4, "model": {"depth": 12}}, summary=SUMMARY
    )
    write_details(run)
    index(store, tmp_path / "root")
    return run


def shown(browser: Browser, run: Path) -> str:
    """The screen without what depends on where the tests keep their files."""
    kept = [line for line in browser.text.splitlines() if "/" not in line or "[/]" in line]
    return "\n".join(line for line in kept if run.name not in line or line.startswith(" id"))


@pytest.mark.parametrize(("name", "size"), [("wide", (160, 50)), ("narrow", (40, 24))])
def test_all_that_is_known_stands_on_one_page(store, run, golden, name, size):
    async def script(browser: Browser) -> None:
        screen = browser.app.screen.query_one("#overview")
        height = screen.virtual_size.height
        await browser.pilot.resize_terminal(size[0], height + 4)
        await browser.settle()
        lines = browser.text.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith(" directory"))
        last = next(number for number, line in enumerate(lines) if line.startswith(" python"))
        golden(f"overview_{name}", "\n".join([*lines[2:first], *lines[last:]]))

    opened(store, script, size=size)


def test_environment_variables_are_shown_when_asked_for(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("end")
        assert "2 environment variables, e shows them" in browser.text
        assert "TOKEN" not in browser.text
        await browser.press("e")
        assert r"TOKEN=secret[/]\x1b[2J" in browser.text
        await browser.press("e")
        assert "TOKEN" not in browser.text

    opened(store, script, size=(80, 40))


def test_a_broken_file_says_so(store, run):
    (run / "environment.json").write_text('{"a": 1,\n x')
    (run / "status.json").write_text("{")

    async def script(browser: Browser) -> None:
        assert "environment.json cannot be read: Not JSON" in browser.text
        assert "status.json cannot be read: Not JSON" in browser.text
        (run / "environment.json").write_text('{"python_version": "3.12.1"}')
        await browser.press("r")
        assert "environment.json cannot" not in browser.text
        assert "3.12.1" in browser.text

    opened(store, script, size=(120, 40))


def test_what_lies_in_the_trash_says_since_when_by_which_deletion_and_why(store, run):
    result = store.delete([run.name], source="tui", reason="diverged [/]")

    async def script(browser: Browser) -> None:
        line = next(line for line in browser.lines if line.startswith(" in the trash"))
        assert f", deletion {result.batch}, diverged [/]" in line
        assert "UTC" in line

    opened(store, script, id=run.name)


def test_a_running_experiments_small_files_are_read_again_when_they_change(store, tmp_path):
    run = write_run(tmp_path / "root", status="running", metrics=curves(5))
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        assert "3.13.0" not in browser.text
        write_details(run)
        (run / "environment.json").write_text('{"python_version": "3.13.0"}')
        await browser.app.ask(sync, store)
        await browser.press("r")
        assert "3.13.0" in browser.text

    opened(store, script, size=(80, 40))
