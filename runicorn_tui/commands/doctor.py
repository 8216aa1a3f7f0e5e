from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options

if TYPE_CHECKING:
    from runicorn_db.query import Health, Problem

Version = tuple[int, int, int]

# The fault that SQLite calls the WAL-reset bug: a checkpoint that races a commit of another connection.
_FAULTY_FROM: Version = (3, 7, 0)
_MENDED_IN: Version = (3, 51, 3)
_BACKPORTS: tuple[Version, ...] = ((3, 44, 6), (3, 50, 7))


def has_wal_reset_fault(version: Version) -> bool:
    """Whether this SQLite can lose a commit when a checkpoint of another connection races it."""
    has_backport = any(version[:2] == backport[:2] and version >= backport for backport in _BACKPORTS)
    return _FAULTY_FROM <= version < _MENDED_IN and not has_backport


@click.command(
    "doctor",
    short_help="Say how the index and its roots are.",
    epilog=options.examples("runicorn-tui doctor", "runicorn-tui doctor --prune", "runicorn-tui doctor --json"),
)
@click.option("--prune", is_flag=True, help="Drop experiments from the index whose directories are gone.")
@options.db
@options.json
def command(prune: bool, db: Path | None, as_json: bool) -> None:
    """Say how the index and its roots are: where it lies, what was skipped and why, what is still to be written.

    Marker files of deletions that could not be written before are tried again.
    """
    import shutil
    import sqlite3

    from runicorn_db.filter_language import parse
    from runicorn_db.query import ExperimentQuery
    from runicorn_tui import format, output
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    with open_index(load({"db": db})) as store:
        pruned = store.prune() if prune else None
        waiting = store.flush_outbox()
        health, problems = store.health(), store.problems()
        in_trash, missing = (
            store.find(ExperimentQuery(filter=parse(f)[0])).total for f in ("is:deleted", "is:missing")
        )
        free_bytes = shutil.disk_usage(store.path.parent).free
    is_faulty = has_wal_reset_fault(sqlite3.sqlite_version_info[:3])
    if as_json:
        answer: dict[str, object] = {
            **asdict(health),
            "sqlite_has_wal_reset_fault": is_faulty,
            "free_bytes": free_bytes,
            "in_trash": in_trash,
            "missing": missing,
            "waiting_marker_files": waiting,
            "problems": [asdict(problem) for problem in problems],
        }
        output.write_json(answer if pruned is None else {**answer, "pruned": pruned})
        return
    counts = f"{health.experiments:,}, in the trash {in_trash:,}, directory missing {missing:,}"
    _print_index(health, counts, is_faulty=is_faulty, free_bytes=free_bytes, waiting=waiting)
    _print_problems(problems)
    if pruned is not None:
        output.note(f"Dropped from the index, as their directories are gone: {format.plural(pruned, 'experiment')}.")


def _print_index(health: Health, counts: str, *, is_faulty: bool, free_bytes: int, waiting: int) -> None:
    from runicorn_tui import format, output

    sqlite = health.sqlite_version
    if is_faulty:
        sqlite += ", has the WAL-reset fault (mended in 3.51.3); a lock of this program guards against it"
    output.write_fields(
        {
            "index": health.database_path,
            "size": f"{format.size(health.database_size_bytes)}, {format.size(free_bytes)} free on its disk",
            "schema": str(health.schema_version),
            "SQLite": sqlite,
            "experiments": counts,
            "waiting": f"{format.plural(waiting, 'experiment')} whose marker file could not be written yet",
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
