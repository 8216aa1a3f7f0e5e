from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options
from runicorn_tui.exit_codes import INTERRUPTED, OK
from runicorn_tui.settings import ACCESS_LOGS, explanations

if TYPE_CHECKING:
    from runicorn_db.store import Store
    from runicorn_tui.settings import Settings
    from runicorn_tui.stopping import Stopping

_SAID = explanations()
_PATH = click.Path(path_type=Path)


@click.command(
    "serve",
    short_help="Serve the index over REST.",
    epilog=options.examples(
        "runicorn-tui serve",
        "runicorn-tui serve ~/runs --port 8080",
        "runicorn-tui serve --unix-socket ~/.runicorn.sock",
        "curl 'http://127.0.0.1:23300/api/v2/experiments?status=failed'",
    ),
)
@options.roots
@options.db
@options.server
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A further name that clients may call this server by; may be given again.",
)
@click.option("--unix-socket", type=_PATH, metavar="PATH", help=_SAID["unix_socket"])
@click.option("--token-file", type=_PATH, metavar="PATH", help=_SAID["token_file"])
@click.option("--require-peer", is_flag=True, help=_SAID["require_peer"])
@click.option("--read-only", is_flag=True, help=_SAID["read_only"])
@click.option("--allow-purge", is_flag=True, help=_SAID["allow_purge"])
@click.option("--cors-origin", metavar="URL", help=_SAID["cors_origin"])
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    help="A proxy whose X-Forwarded-For names the client; may be given again.",
)
@click.option("--query-timeout", type=float, metavar="SECONDS", help=_SAID["query_timeout"])
@click.option("--access-log", type=click.Choice(ACCESS_LOGS), metavar="STYLE", help=_SAID["access_log"])
@click.option("--metrics", is_flag=True, help=_SAID["metrics"])
@click.option("--no-rate-limit", is_flag=True, help="Take any number of requests.")
@click.option("--no-watch", is_flag=True, help="Read new roots once, and then nothing more.")
def command(roots: tuple[Path, ...], no_rate_limit: bool, no_watch: bool, **flags: object) -> int:
    """Serve the index over REST until Ctrl-C or SIGTERM.

    Prints `Serving http://HOST:PORT/api` once every experiment of new roots can be asked for; known roots are
    brought up to date behind it.
    """
    from runicorn_tui.rest import check_settings
    from runicorn_tui.root_choice import open_with_roots
    from runicorn_tui.settings import load
    from runicorn_tui.stopping import Stopping

    # What was not given, flags and lists too, leaves the settings as they are.
    given = {name: value or None for name, value in flags.items()}
    # A port of 0 is one.
    given |= {"port": flags["port"], "query_timeout": flags["query_timeout"]}
    settings = load({**given, "rate_limit": False if no_rate_limit else None, "watch": False if no_watch else None})
    check_settings(settings)
    with Stopping() as stopping:
        store, names = open_with_roots(settings, roots)
        with store:
            _serve(store, names, settings, stopping)
    return INTERRUPTED if stopping.signal is signal.SIGINT else OK


def _serve(store: Store, names: tuple[str, ...], settings: Settings, stopping: Stopping) -> None:
    from runicorn_api.access_log import say
    from runicorn_db.watch import Watcher
    from runicorn_tui.rest import hints, make_server
    from runicorn_tui.terminal import safe

    def note(sentence: str) -> None:
        say(safe(sentence))

    watcher = Watcher(
        store,
        names or None,
        running_interval=settings.running_interval,
        full_interval=settings.full_interval,
        on_problem=note,
    )
    # Made before the roots are read: a port that is taken should be known at once.
    server = make_server(store, settings, syncing=lambda: watcher.is_syncing)
    try:
        if not _sync_new(store, names, settings, stopping):
            return
        if settings.watch:
            watcher.start()
        else:
            # The watcher does this after its first look.
            store.flush_in_background()
        server.start()
        click.echo(f"Serving {server.url}")
        for hint in hints(settings):
            note(hint)
        stopping.wait()
        note("Stopping.")
    finally:
        server.stop()
        watcher.stop()


def _sync_new(store: Store, names: tuple[str, ...], settings: Settings, stopping: Stopping) -> bool:
    """Reads the roots that were never read; whether to go on."""
    from runicorn_db.sync import sync
    from runicorn_tui import output
    from runicorn_tui.index import option
    from runicorn_tui.progress import ProgressLine, summary
    from runicorn_tui.root_choice import new_roots

    if not store.roots():
        output.note("There is no storage root to serve: name one, as in runicorn-tui serve ~/runs")
    new = new_roots(store, names)
    if new:
        with ProgressLine() as progress:
            report = sync(store, new, progress=progress, should_stop=lambda: stopping.is_asked)
        output.note(summary(report, option(settings)))
    return not stopping.is_asked
