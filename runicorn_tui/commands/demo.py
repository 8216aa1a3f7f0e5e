from __future__ import annotations

from pathlib import Path

import click

from runicorn_tui.commands import options

EXPERIMENTS = 200


@click.command(
    "demo",
    short_help="Try the browser on example experiments.",
    epilog=options.examples("runicorn-tui demo", "runicorn-tui demo --dir /tmp/demo --experiments 5000"),
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where to keep it; your cache otherwise.",
)
@click.option(
    "--experiments", type=click.IntRange(min=1), default=EXPERIMENTS, metavar="N", help="How many to make (200)."
)
@click.option(
    "--db", type=click.Path(path_type=Path), metavar="PATH", help="Index file; without it, one beside the experiments."
)
def command(directory: Path | None, experiments: int, db: Path | None) -> int:
    """Write a storage root of example experiments, some of them still training, and open the browser on it.

    It has an index of its own, so yours stays as it is. Remove the folder and everything is gone.
    """
    import platformdirs

    from runicorn_db.demo import DemoGrowth, adopt_running, write_demo
    from runicorn_tui import output
    from runicorn_tui.commands.browse import browse
    from runicorn_tui.index import INDEX_NAME, open_index
    from runicorn_tui.settings import APP_NAME, load
    from runicorn_tui.terminal import refusal

    place = (directory or platformdirs.user_cache_path(APP_NAME) / "demo").expanduser().resolve()
    place.mkdir(parents=True, exist_ok=True)
    root = write_demo(place / "demo", experiments)
    settings = load({"db": db or place / INDEX_NAME})
    with open_index(settings, create=True) as store:
        name = store.add_root(root).name
        output.note(f"The demo is in {place}")
        if refusal() is not None:
            # So that they are not taken for crashed ones.
            adopt_running(root)
            return browse(store, (name,), settings)
        growth = DemoGrowth(root)
        growth.start()
        try:
            return browse(store, (name,), settings)
        finally:
            growth.stop()
