"""README's walk-through, typed by a person without patience into the demo of the command line."""

from __future__ import annotations

import re
from pathlib import Path

from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.tui.terminal_harness import Terminal

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
MOST_KEYS = 40
NAMES = {"esc": "escape"}


def steps() -> list[tuple[list[str], list[str]]]:
    """The keys of each row and the texts that are on the screen after it, one after the other."""
    _, _, rest = README.partition("<!-- walk-through -->\n")
    table, _, _ = rest.partition("<!-- end -->")
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    return [(re.findall("`([^`]+)`", typed), re.findall("`([^`]+)`", seen)) for typed, seen in rows]


def one_spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_walk_through_takes_fewer_than_forty_keys_and_tells_how_many() -> None:
    count = sum(len(typed) for typed, _ in steps())
    assert 0 < count < MOST_KEYS
    assert f"{count} keys, on the\nexperiments of `runicorn-tui demo`" in README


def test_the_walk_through_shows_what_readme_says(tmp_path: Path) -> None:
    terminal = Terminal(["-m", "runicorn_tui", "demo", "--dir", str(tmp_path)], columns=100, rows=30, deadline=60)
    try:
        terminal.until("● live")
        for typed, seen in steps():
            assert seen, typed
            terminal.press(*(NAMES.get(key, key) for key in typed))
            for text in seen:
                terminal.until(lambda shown, text=text: text in one_spaced(shown))
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.is_restored()
    finally:
        terminal.kill()
    project = ExperimentQuery(filter=parse("project:cv")[0], order_by="best_metric_value", per_page=10)
    with Store(tmp_path / "index.db") as store:
        # What still trains has no best value yet.
        best, *others = (experiment for experiment in store.find(project).experiments if experiment.best_metric_value)
        assert (best.tags, [other.tags for other in others]) == (("best",), [()] * 3)
        assert best.best_metric_value is not None
        assert all(best.best_metric_value > (other.best_metric_value or 0) for other in others)
        assert store.batches()[0].remaining == 18
