"""Pins, tags and exports of the chosen experiments: in a dialog's reach and in a real terminal."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.terminal_harness import BROWSE, Terminal
from tests.tui.test_golden import HOSTILE


@pytest.fixture
def five(store: Store, tmp_path: Path) -> Store:
    """Five experiments, the newest pinned."""
    entries = [replace(entry, is_pinned=number == 0) for number, entry in enumerate(indexed.numbered(5))]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


def pinned(store: Store) -> set[str]:
    page = store.find(ExperimentQuery(per_page=1000))
    return {experiment.name for experiment in page.experiments if experiment.is_pinned}


def test_the_marked_ones_are_pinned_whatever_the_one_under_the_cursor_is(five: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "space", "space", "home", "p")
        assert browser.notices == ["2 experiments pinned"]
        assert [line[2] for line in browser.lines[2:7]] == ["◆", "◆", "◆", " ", " "]

    drive(five, script)
    assert pinned(five) == {"run 0", "run 1", "run 2"}


def test_they_are_unpinned_only_when_all_are_pinned(five: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "p")
        assert pinned(five) == {f"run {number}" for number in range(5)}
        await browser.press("p")
        assert pinned(five) == set()
        assert browser.notices == ["4 experiments pinned", "5 experiments unpinned"]

    drive(five, script)


def test_one_alone_is_pinned_and_unpinned_without_a_word(five: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("p", "down", "p")
        assert browser.notices == []

    drive(five, script)
    assert pinned(five) == {"run 1"}


@pytest.mark.parametrize(
    ("filter_text", "keys"),
    [
        ("-has:description", ("E", *"good", "ctrl+o")),
        ("-tag:seen", ("t", *"seen", "enter")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_one_that_matches_no_longer_stays_where_it_is_and_is_counted_at_once(
    five: Store, filter_text: str, keys: tuple[str, ...]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type(filter_text)
        await browser.press("enter")
        await browser.press("down")
        name = browser.current
        await browser.press(*keys)
        await browser.until(lambda: "1 no longer matches: r" in browser.text)
        assert browser.current == name
        await browser.press("r")
        assert browser.current != name

    drive(five, script)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The browser on thirty experiments, in an empty current directory."""
    with Store(tmp_path / "index.db") as store:
        indexed.add(store, indexed.numbered(30), root=tmp_path / "root")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    terminal = Terminal.browse(tmp_path / "index.db")
    yield terminal
    terminal.kill()


def test_tags_and_an_export_in_a_real_terminal(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until("1/30")
    terminal.press("space", "space", "t")
    terminal.until("Tags of 2 experiments")
    terminal.press(*"paper")
    terminal.until("adds +paper")
    terminal.press("enter")
    terminal.until("+paper: 2 experiments changed")
    terminal.press("e")
    terminal.until("Export 2 experiments")
    terminal.until("experiments.csv")
    terminal.press("enter")
    # Where the sentence is broken depends on how long the path is.
    terminal.until(lambda text: "Export 2" not in text and "rows" in text)
    terminal.press("E")
    terminal.until("A description is about one experiment")
    terminal.press("U", "E")
    terminal.until("Description of run 2")
    terminal.press(*"noted", "\x0f")
    terminal.until("Description saved")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.is_restored()
    with Store(tmp_path / "index.db") as store:
        assert store.tag_counts() == {"paper": 2}
        assert store.get("20250101_000000_000002").experiment.description == "noted"
    with Path("experiments.csv").open(newline="") as file:
        assert [(row["name"], row["tags"]) for row in csv.DictReader(file)] == [("run 0", "paper"), ("run 1", "paper")]


def test_hostile_tags_and_descriptions_send_no_sequence_that_harmless_ones_do_not(tmp_path: Path) -> None:
    kinds: list[set[bytes]] = []
    for case, texts in (("harmless", [f"text {n}" for n in range(len(HOSTILE))]), ("hostile", HOSTILE)):
        path = tmp_path / f"{case}.db"
        with Store(path) as store:
            entries = [
                replace(entry, tags=(text,) if text else ())
                for entry, text in zip(indexed.numbered(len(HOSTILE)), texts, strict=True)
            ]
            indexed.add(store, entries, root=tmp_path / case)
            store.annotate(["20250101_000000_000000"], description="\n".join(texts[:7]))
        terminal = Terminal([*("-W", "error", "-c", BROWSE), str(path)], columns=160)
        terminal.until(f"1/{len(HOSTILE)}")
        terminal.press("a", "t")
        terminal.until("Tags of")
        terminal.press("down", "down", "\t")
        terminal.until("adds")
        terminal.press("escape")
        terminal.until(lambda text: "Tags of" not in text)
        terminal.press("U", "E")
        terminal.until("Description of")
        terminal.press("escape")
        terminal.until(lambda text: "Description of" not in text)
        terminal.press("q")
        assert terminal.end() == 0
        kinds.append(terminal.sequence_kinds())
    assert kinds[1] == kinds[0]


def test_nothing_of_an_export_is_imported_before_it_is_asked_for() -> None:
    probe = (
        "import sys\n"
        "import runicorn_tui.app, runicorn_tui.screens.chosen_acts\n"
        "late = {'pyarrow', 'runicorn_tui.export', 'runicorn_tui.screens.export', 'runicorn_tui.screens.tags'}\n"
        "sys.exit(bool(late.intersection(sys.modules)))\n"
    )
    terminal = Terminal(["-c", probe])
    assert terminal.end() == 0
