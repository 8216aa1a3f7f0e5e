"""The browser as a person meets it: a process in a terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.tui import indexed
from tests.tui.terminal_harness import Terminal
from tests.tui.test_golden import HOSTILE


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The index of four hundred experiments, on disk."""
    with Store(tmp_path / "index.db") as store:
        indexed.add(store, indexed.varied(400), root=tmp_path / "root")
    return tmp_path / "index.db"


@pytest.fixture
def terminal(index: Path) -> Iterator[Terminal]:
    terminal = Terminal.browse(index)
    yield terminal
    terminal.kill()


def test_filter_mark_delete_undo_quit(terminal: Terminal, index: Path) -> None:
    terminal.until("1/400")
    terminal.press("/", *"status:inter")
    terminal.until("57 of 400")
    terminal.press("enter", "space", "shift+down", "d")
    terminal.until("Move 2 experiments")
    terminal.paste("y\n")
    terminal.press("enter")
    terminal.press("y")
    terminal.until("2 moved to trash, z undoes")
    terminal.until("55 of 398")
    with Store(index) as store:
        assert store.find(ExperimentQuery(per_page=1)).total == 398
    terminal.press("z")
    terminal.until("57 of 400")
    terminal.press("escape")
    terminal.until("1/400")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.is_restored()


def test_start_and_keys_write_little_and_idling_nothing(index: Path) -> None:
    terminal = Terminal.browse(index, columns=160, rows=50)
    terminal.until("1/400")
    terminal.read(0.5)
    assert len(terminal.received) <= 60_000
    assert terminal.read(2.0) == b""
    terminal.press("down")
    moved = len(terminal.read(0.5))
    terminal.press("pagedown")
    turned = len(terminal.read(0.5))
    terminal.kill()
    assert 0 < moved <= 900
    assert moved < turned <= 15_000


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_the_terminal_restored(terminal: Terminal, number: signal.Signals, status: int) -> None:
    terminal.until("1/400")
    assert not terminal.is_restored()
    terminal.deadline = 3.0
    terminal.process.kill(number)
    assert terminal.end() == status
    assert terminal.is_restored()


def test_a_signal_during_a_dialog_deletes_nothing(terminal: Terminal, index: Path) -> None:
    terminal.until("1/400")
    terminal.press("a", "d")
    terminal.until("type 322")
    terminal.process.kill(signal.SIGTERM)
    assert terminal.end() == 143
    with Store(index) as store:
        assert store.batches() == []


def test_hostile_names_send_no_sequence_that_harmless_ones_do_not(tmp_path: Path) -> None:
    kinds: list[set[bytes]] = []
    for case, names in (("harmless", [f"name {n}" for n in range(len(HOSTILE))]), ("hostile", HOSTILE)):
        entries = [
            replace(entry, name=name, project=name, tags=(name,) if name else (), hostname=name)
            for entry, name in zip(indexed.varied(len(HOSTILE)), names, strict=True)
        ]
        with Store(tmp_path / f"{case}.db") as store:
            indexed.add(store, entries, root=tmp_path / case)
        terminal = Terminal.browse(tmp_path / f"{case}.db", columns=160)
        terminal.until(f"1/{len(HOSTILE)}")
        terminal.press("a", "d")
        terminal.until("y moves them")
        terminal.press("y")
        terminal.until("moved to trash")
        terminal.press("X", "enter")
        terminal.until("in the trash")
        # A byte right after an escape would be read as one key with it.
        terminal.press("escape")
        terminal.until("in 1 deletion")
        terminal.press("escape")
        terminal.until("/ filter")
        terminal.press("q")
        assert terminal.end() == 0
        assert b"]0;title" in terminal.received or case == "harmless"
        kinds.append(terminal.sequence_kinds())
    assert kinds[1] == kinds[0]


def test_nothing_heavy_is_imported_before_the_first_rows(index: Path) -> None:
    probe = (
        "import sys\n"
        "import runicorn_tui.app\n"
        "heavy = {'falcon', 'waitress', 'plotext', 'textual_plotext', 'numpy', 'runicorn_api', 'psutil'}\n"
        "print('HEAVY', sorted(heavy.intersection(sys.modules)))\n"
    )
    terminal = Terminal(["-c", probe])
    terminal.until("HEAVY []")
    assert terminal.end() == 0
