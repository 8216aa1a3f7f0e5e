"""The browser as a person meets it: a process in a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.tui import indexed
from tests.tui.recorded import index as index_root
from tests.tui.recorded import write_run
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


def test_a_paste_confirms_no_deletion(terminal: Terminal, index: Path) -> None:
    terminal.until("1/400")
    terminal.press("d")
    terminal.until("y moves them")
    terminal.paste("y")
    terminal.until("Pasted text confirms nothing")
    terminal.press("escape")
    terminal.until(lambda text: "to the trash" not in text)
    terminal.press("a", "d")
    terminal.until("type 322 and Enter")
    terminal.paste("322\n")
    terminal.until("Pasted text confirms nothing")
    # The number is not half confirmed either.
    terminal.press("enter")
    terminal.until("type 322 and Enter")
    terminal.press("escape")
    terminal.until(lambda text: "to the trash" not in text)
    terminal.press("q")
    assert terminal.end() == 0
    with Store(index) as store:
        assert store.batches() == []


def test_what_was_deleted_before_a_restart_is_restored_from_the_trash(terminal: Terminal, index: Path) -> None:
    terminal.until("1/400")
    terminal.press("a", "d")
    terminal.until("type 322 and Enter")
    terminal.press(*"322", "enter")
    terminal.until("322 moved to trash, z undoes")
    terminal.press("q")
    assert terminal.end() == 0
    terminal = Terminal.browse(index)
    terminal.until("1/78")
    terminal.press("z")
    terminal.until("Nothing to undo in this session")
    terminal.press("X")
    terminal.until("322 experiments in 1 deletion")
    terminal.press("r")
    terminal.until("322 experiments restored, deleted")
    terminal.press("escape")
    terminal.until("/400")
    terminal.press("q")
    assert terminal.end() == 0


def test_what_a_command_deleted_is_restored_from_the_trash(terminal: Terminal, index: Path) -> None:
    terminal.until("1/400")
    command = [sys.executable, "-m", "runicorn_tui", "rm", "--where", "status:interrupted", "--yes", "--db", str(index)]
    subprocess.run(command, check=True, capture_output=True)
    terminal.press("X")
    terminal.until("in 1 deletion")
    assert "command" in terminal.text
    terminal.press("r")
    terminal.until("restored, deleted")
    assert "from command" in terminal.text
    with Store(index) as store:
        assert store.find(ExperimentQuery(per_page=1)).total == 400
    terminal.press("escape")
    terminal.until("/400")
    terminal.press("q")
    assert terminal.end() == 0


def test_start_and_keys_write_little_and_idling_nothing(index: Path) -> None:
    terminal = Terminal.browse(index, columns=160, rows=50)
    terminal.until("1/400")
    terminal.read(0.5)
    assert len(terminal.received) <= 60_000
    assert terminal.read(2.0) == b""
    # What the pane beside the list paints after the cursor has come to rest is counted in its own tests.
    terminal.press("V")
    terminal.read(0.5)
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
        terminal.press("X")
        terminal.until("in 1 deletion")
        terminal.press("enter")
        terminal.until(" 11 of 11 in the trash")
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


def test_the_log_opens_in_the_pager_and_the_browser_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "root", log=b"".join(b"\x1b[32mstep\x1b[0m %d\n" % step for step in range(500)))
    with Store(tmp_path / "index.db") as store:
        index_root(store, tmp_path / "root")
    pager = tmp_path / "pager"
    pager.write_text('#!/bin/sh\necho "BEGIN OF THE PAGER"; tail -n 1 "$1"; read line\n')
    pager.chmod(0o755)
    monkeypatch.setenv("PAGER", str(pager))
    terminal = Terminal.browse(tmp_path / "index.db")
    try:
        terminal.until("vit_b")
        terminal.press("enter")
        terminal.until("1 Overview")
        terminal.press("4")
        terminal.until("lines 1 to")
        terminal.press("o")
        terminal.until("BEGIN OF THE PAGER")
        terminal.until("step 499")
        assert terminal.is_restored()
        terminal.press("enter")
        # What the emulator shows is not cleared when the browser gives way.
        terminal.until(lambda _: not terminal.is_restored())
        terminal.press("G")
        terminal.until("to 500 of 500")
        terminal.press("q")
        terminal.until("1/1")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.is_restored()
    finally:
        terminal.kill()
