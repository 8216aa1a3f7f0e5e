from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE, INDEX_UNUSABLE, OK

if TYPE_CHECKING:
    from runicorn_db.checks import Check
    from runicorn_db.query import Health, Problem
    from runicorn_db.store import Store
    from runicorn_tui.settings import Settings


@click.command(
    "doctor",
    short_help="Say how the index and its roots are, and mend them.",
    epilog=options.examples(
        "runicorn-tui doctor",
        "runicorn-tui doctor --prune",
        "runicorn-tui doctor --rebuild",
        "runicorn-tui doctor --json",
    ),
)
@click.argument("roots", nargs=-1, type=click.Path(path_type=Path), metavar="[ROOT]...")
@click.option("--prune", is_flag=True, help="Drop experiments from the index whose directories are gone.")
@click.option("--rebuild", is_flag=True, help="Make the index anew from the files; the old one is kept as .bak.")
@options.db
@options.json
def command(roots: tuple[Path, ...], prune: bool, rebuild: bool, db: Path | None, as_json: bool) -> int:
    """Say how the index and its roots are: where it lies, what was skipped and why, what is still to be written.

    Marker files of deletions that could not be written before are tried again. The exit code is 0 when nothing is
    broken, 1 when something beside the index is, and 3 when the index itself is.

    --rebuild reads everything again. Tags, pins, descriptions and deletions that no file holds are taken over from
    the old index, as far as it can be read. ROOT names roots that it does not tell any more.
    """
    from runicorn_db.checks import Check, check_index, check_machine
    from runicorn_db.errors import IndexUnusable, StoreError
    from runicorn_tui import output
    from runicorn_tui.index import index_path, open_index
    from runicorn_tui.settings import load

    if roots and not rebuild:
        raise click.UsageError("Roots are named for --rebuild only; runicorn-tui roots lists those of the index.")
    settings = load({"db": db})
    path = index_path(settings)
    answer: dict[str, object] = _rebuild(settings, path, roots) if rebuild else {}
    checks = [*_check_program(), *check_machine(path, **_files(settings))]
    facts: _Facts | None = None
    pruned: int | None = None
    try:
        with open_index(settings) as store:
            try:
                pruned = store.prune() if prune else None
                facts = _Facts.of(store)
            except StoreError as error:
                sentence = f"{error}; mend it with runicorn-tui doctor --rebuild"
                checks.append(Check(name="index", state="error", sentence=sentence))
            checks += check_index(store)
    except IndexUnusable as error:
        checks.append(Check(name="index", state="error", sentence=str(error)))
        if as_json:
            output.write_json({"checks": [asdict(check) for check in checks]})
        else:
            _print_checks(checks)
        raise
    if as_json:
        answer |= {**(facts.answer() if facts else {}), "checks": [asdict(check) for check in checks]}
        output.write_json(answer if pruned is None else {**answer, "pruned": pruned})
    else:
        _print(facts, checks, pruned)
    return _exit_code(checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What an index that works tells."""

    health: Health
    problems: list[Problem]
    free_bytes: int
    in_trash: int
    missing: int
    waiting: int

    @classmethod
    def of(cls, store: Store) -> _Facts:
        import shutil

        from runicorn_db.filter_language import parse
        from runicorn_db.query import ExperimentQuery

        in_trash, missing = (
            store.find(ExperimentQuery(filter=parse(f)[0])).total for f in ("is:deleted", "is:missing")
        )
        return cls(
            waiting=store.flush_outbox(),
            health=store.health(),
            problems=store.problems(),
            free_bytes=shutil.disk_usage(store.path.parent).free,
            in_trash=in_trash,
            missing=missing,
        )

    def answer(self) -> dict[str, object]:
        import sqlite3

        from runicorn_db.checks import has_wal_reset_fault

        return {
            **asdict(self.health),
            "sqlite_has_wal_reset_fault": has_wal_reset_fault(sqlite3.sqlite_version_info[:3]),
            "free_bytes": self.free_bytes,
            "in_trash": self.in_trash,
            "missing": self.missing,
            "waiting_marker_files": self.waiting,
            "problems": [asdict(problem) for problem in self.problems],
        }


def _files(settings: Settings) -> dict[str, list[Path]]:
    from runicorn_tui.settings import PROJECT_FILE, user_file

    secrets = [] if settings.token_file is None else [settings.token_file]
    return {"secrets": secrets, "settings": [user_file(), Path.cwd() / PROJECT_FILE]}


def _rebuild(settings: Settings, path: Path, roots: tuple[Path, ...]) -> dict[str, object]:
    """Replaces the index; what there is to tell of it in JSON."""
    from runicorn_db.rebuild import rebuild
    from runicorn_tui import output
    from runicorn_tui.format import plural
    from runicorn_tui.progress import ProgressLine
    from runicorn_tui.stopping import Stopping

    with Stopping() as stopping, ProgressLine() as progress:
        rebuilt = rebuild(path, list(roots), progress=progress, should_stop=lambda: stopping.is_asked)
    output.note(
        f"Rebuilt from the files: {plural(rebuilt.experiments, 'experiment')}, {rebuilt.in_trash:,} in the trash;"
        f" of {rebuilt.carried:,} something was taken over that no file holds. The old index is {rebuilt.backup}."
    )
    if not rebuilt.is_whole:
        output.note("Parts of the old index could not be read: tags and deletions that only they held are lost.")
    return {"rebuilt": {**asdict(rebuilt), "backup": str(rebuilt.backup)}}


def _check_program() -> list[Check]:
    """The versions, and what the terminal can show."""
    import importlib.metadata
    import os
    import platform
    import sys

    from runicorn_db import __version__
    from runicorn_db.checks import Check
    from runicorn_tui.terminal import shows

    parts = [f"runicorn-tui {__version__}", f"Python {platform.python_version()}"]
    parts += [f"{name} {importlib.metadata.version(name)}" for name in ("textual", "falcon", "waitress", "pony")]
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    term = os.environ.get("TERM", "")
    if shows.is_ascii or encoding != "utf8":
        writes = "ASCII" if shows.is_ascii else sys.stdout.encoding
        sentence = f"writes {writes}, not UTF-8: set LANG to one such as C.UTF-8"
        terminal = Check(name="terminal", state="warning", sentence=sentence)
    else:
        has_colours = os.environ.get("COLORTERM", "") in ("truecolor", "24bit") or "256color" in term
        colours = "many colours" if has_colours else "few colours, as TERM and COLORTERM say"
        if os.environ.get("NO_COLOR"):
            colours = "no colours, as NO_COLOR asks"
        terminal = Check(name="terminal", state="ok", sentence=f"{term or 'no TERM'}, UTF-8, {colours}")
    return [Check(name="versions", state="ok", sentence=", ".join(parts)), terminal]


def _exit_code(checks: list[Check]) -> int:
    broken = {check.name for check in checks if check.state == "error"}
    if broken & {"index", "integrity"}:
        return INDEX_UNUSABLE
    return FAILURE if broken else OK


def _print(facts: _Facts | None, checks: list[Check], pruned: int | None) -> None:
    from runicorn_tui import format, output

    if facts is not None:
        _print_index(facts)
        _print_problems(facts.problems)
    _print_checks(checks)
    if pruned is not None:
        output.note(f"Dropped from the index, as their directories are gone: {format.plural(pruned, 'experiment')}.")


def _print_index(facts: _Facts) -> None:
    from runicorn_tui import format, output

    health = facts.health
    output.write_fields(
        {
            "index": health.database_path,
            "size": f"{format.size(health.database_size_bytes)}, {format.size(facts.free_bytes)} free on its disk",
            "experiments": f"{health.experiments:,}, in the trash {facts.in_trash:,},"
            f" directory missing {facts.missing:,}",
            "waiting": f"{format.plural(facts.waiting, 'experiment')} whose marker file could not be written yet",
            "roots": format.count(len(health.roots)),
        }
    )
    for root in health.roots:
        access = "" if root.is_writable else ", read-only"
        state = f"{root.state}{access}, {format.plural(root.experiments, 'experiment')}"
        click.echo(f"  {output.safe(root.name)}: {output.safe(root.path)} ({state})")
        if root.problem:
            click.echo(f"    {output.safe(root.problem)}")


def _print_problems(problems: list[Problem]) -> None:
    from runicorn_tui import format, output

    click.echo(f"{format.plural(len(problems), 'problem')} while reading the roots")
    for problem in problems:
        place = problem.path if problem.line is None else f"{problem.path}:{problem.line}"
        times = f" ({problem.count:,} times)" if problem.count > 1 else ""
        click.echo(f"  {output.safe(problem.root)}: {output.safe(place)}: {output.safe(problem.message)}{times}")


def _print_checks(checks: list[Check]) -> None:
    """The worst last, where a person looks first."""
    from runicorn_tui import output

    states = ("ok", "warning", "error")
    for check in sorted(checks, key=lambda check: states.index(check.state)):
        click.echo(f"{check.state:<7}  {output.safe(check.name)}: {output.safe(check.sentence)}")
