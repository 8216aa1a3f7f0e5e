"""What is heavy is loaded only where it is used: start-up time depends on it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("pony", "textual", "rich", "plotext", "falcon", "waitress", "sqlite3", "psutil", "regex", "asyncio")


def loaded(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after the code."""
    report = f"{code}\nimport sys\nprint('loaded:', *[name for name in {names!r} if name in sys.modules])"
    # Measuring coverage would load modules of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run([sys.executable, "-c", report], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.rpartition("loaded:")[2].split()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["ls", "--help"], ["completion", "zsh"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(f"from runicorn_tui.cli import run; assert run({arguments!r}) == 0", HEAVY) == []


def test_listing_loads_neither_the_screens_nor_the_server() -> None:
    names = ("textual", "rich", "plotext", "falcon", "waitress")

    assert loaded("import runicorn_tui.commands.ls, runicorn_tui.listing, runicorn_db.store", names) == []


def test_the_server_loads_no_screens() -> None:
    names = ("textual", "rich", "plotext", "runicorn_tui")

    assert loaded("import runicorn_api.app, runicorn_api.server", names) == []


def test_the_store_loads_neither_screens_nor_server() -> None:
    names = ("textual", "rich", "plotext", "falcon", "waitress", "click", "runicorn_tui", "runicorn_api")

    assert loaded("import runicorn_db.store, runicorn_db.sync, runicorn_db.watch, runicorn_db.demo", names) == []


def test_questions_and_answers_need_the_standard_library_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import runicorn_db.query, runicorn_db.outcomes, runicorn_db.criteria\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "foreign = roots - set(sys.stdlib_module_names) - {'runicorn_db'}\n"
        "assert not foreign, foreign"
    )

    assert loaded(code, HEAVY) == []


FOREIGN = (
    "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
    "foreign = roots - set(sys.stdlib_module_names) - {'runicorn_tui'}\n"
    "assert not foreign, foreign"
)


def test_importing_the_client_loads_a_few_modules_of_the_standard_library() -> None:
    code = f"import sys; before = set(sys.modules); import runicorn_tui.client\n{FOREIGN}"

    assert loaded(code, (*HEAVY, "http.client", "email", "ssl", "socket", "dataclasses", "inspect")) == []


def test_a_client_at_work_needs_the_standard_library_only() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from runicorn_tui.client import ClientError, connect\n"
        "with connect('unix:/nowhere/at/all', deadline=0.01) as client:\n"
        "    for call in (client.health, lambda: next(client.logs('x')), lambda: client.delete('x')):\n"
        "        try: call()\n"
        "        except ClientError: pass\n"
        f"{FOREIGN}"
    )

    assert loaded(code, HEAVY) == []
