from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.store import Store
from tests.tui.drive import Browser, opened
from tests.tui.recorded import index, write_run


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Path:
    params = {"model": {"depth": 12, "layers": [64, 128], "[/]\x1b": "x\x1b[2J"}, "lr": 3e-4, "optimizer": "adamw"}
    run = write_run(tmp_path / "root", params=params)
    index(store, tmp_path / "root")
    return run


def test_nested_parameters_stand_under_dotted_names(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("2")
        golden("parameters_nested", browser.text)

    opened(store, script)


def test_a_search_narrows_while_it_is_typed_and_escape_shows_all(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("2", "slash", *"mod")
        assert "optimizer" not in browser.text
        assert "model.depth" in browser.text
        await browser.press("enter")
        golden("parameters_search", browser.text)
        await browser.press("slash", *"zzz")
        assert "No parameter has 'zzz' in its name or value." in browser.text
        await browser.press("escape")
        assert "optimizer" in browser.text
        assert browser.app.focused is not None
        assert browser.app.focused.id == "parameter-lines"

    opened(store, script)
