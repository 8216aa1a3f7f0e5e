from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_db.query import ExperimentQuery
from runicorn_tui.commands import options
from runicorn_tui.exit_codes import INTERRUPTED, OK
from runicorn_tui.settings import THEMES

if TYPE_CHECKING:
    from runicorn_db.store import Store
    from runicorn_tui.settings import Settings

PLAIN_ROWS = 50


@click.command(
    "browse",
    short_help="Open the browser (the same as no command).",
    epilog=options.examples(
        "runicorn-tui browse",
        "runicorn-tui browse ~/runs --serve --port 8080",
        "ssh -t box runicorn-tui",
    ),
)
@options.roots
@options.db
@click.option("--serve", is_flag=True, help="Serve REST while the browser is open.")
@click.option(
    "--no-restore", is_flag=True, help="Begin without the columns, order, filter, groups and marks of last time."
)
@click.option(
    "--theme",
    type=click.Choice(THEMES),
    metavar="NAME",
    help=f"Colours: {', '.join(THEMES)}; without it, those of last time.",
)
@options.ascii
@options.server
def command(
    roots: tuple[Path, ...],
    db: Path | None,
    serve: bool,
    no_restore: bool,
    theme: str | None,
    ascii: bool | None,
    host: str | None,
    port: int | None,
) -> int:
    """Open the browser on the storage roots, otherwise on the one Runicorn would use, otherwise on the whole index.

    Without a terminal it prints the newest experiments as a table.
    """
    from runicorn_tui.rest import check_settings
    from runicorn_tui.root_choice import open_with_roots
    from runicorn_tui.settings import load
    from runicorn_tui.terminal import settle

    restore = False if no_restore else None
    if ascii is None:
        # It may have been said before the command.
        ascii = click.get_current_context().find_root().params["ascii"]
    given = {"db": db, "serve": serve or None, "restore": restore, "theme": theme, "ascii": ascii}
    settings = load({**given, "host": host, "port": port})
    check_settings(settings)
    settle(is_ascii=settings.ascii, is_slow=settings.slow_line)
    store, names = open_with_roots(settings, roots)
    with store:
        return browse(store, names, settings)


def browse(store: Store, names: tuple[str, ...], settings: Settings) -> int:
    """Opens the browser on the roots (none named: on all), or prints a table where no screen can be shown."""
    from runicorn_tui import output
    from runicorn_tui.terminal import refusal

    reason = refusal()
    if reason is not None:
        return _print_plain(store, names, settings, reason)
    from runicorn_tui import keymap
    from runicorn_tui.allocation import return_freed_memory
    from runicorn_tui.app import RunicornApp
    from runicorn_tui.rest import make_server
    from runicorn_tui.state import Memory, state_file

    return_freed_memory()
    memory = Memory(state_file(), store.path)
    memory.load(restore=settings.restore)
    app = RunicornApp(
        store,
        roots=names,
        watch=settings.watch,
        running_interval=settings.running_interval,
        full_interval=settings.full_interval,
        make_server=lambda: make_server(store, settings, syncing=lambda: app.is_syncing),
        serve=settings.serve,
        memory=memory,
        notify=settings.notify,
        settings=settings,
        keymap=keymap.load(),
    )
    app.run()
    if app.memory_problem is not None:
        output.note(app.memory_problem)
    store.flush_outbox()
    return app.return_code or OK


def _print_plain(store: Store, names: tuple[str, ...], settings: Settings, reason: str) -> int:
    from runicorn_db.sync import sync
    from runicorn_tui import output
    from runicorn_tui.commands.ls import print_experiments
    from runicorn_tui.index import option
    from runicorn_tui.progress import ProgressLine, summary
    from runicorn_tui.root_choice import note_unread
    from runicorn_tui.stopping import Stopping

    if settings.watch and store.roots():
        with Stopping() as stopping, ProgressLine() as progress:
            report = sync(store, names or None, progress=progress, should_stop=lambda: stopping.is_asked)
        note_unread(store, names)
        output.note(summary(report, option(settings)))
        if not report.is_complete:
            return INTERRUPTED
    listed, total = print_experiments(store, ExperimentQuery(roots=names), limit=PLAIN_ROWS, form="table")
    if not total:
        output.note("There are no experiments here: name a storage root, as in runicorn-tui ~/runs")
    output.note(f"{listed:,} of {total:,} experiments.")
    output.note(f"{reason} Run the same command in one; over ssh: ssh -t HOST COMMAND")
    return OK
