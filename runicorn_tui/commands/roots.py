from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options

if TYPE_CHECKING:
    from runicorn_db.store import Store


@click.group(
    "roots",
    invoke_without_command=True,
    short_help="List, add, remove and rename storage roots.",
    epilog=options.examples(
        "runicorn-tui roots",
        "runicorn-tui roots add /mnt/lab/runicorn --name lab",
        "runicorn-tui roots rename lab archive",
        "runicorn-tui roots remove archive",
    ),
)
@options.db
@options.json
@click.pass_context
def command(ctx: click.Context, db: Path | None, as_json: bool) -> None:
    """The storage roots that the index holds. Without a command: list them."""
    ctx.obj = db
    if ctx.invoked_subcommand is None:
        with _open(db, None) as store:
            _print(store, as_json=as_json)


@command.command(epilog=options.examples("runicorn-tui roots add ~/runs --name mine"))
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True))
@click.option("--name", metavar="NAME", help="What to call it; otherwise its folder's name.")
@options.db
@options.json
@click.pass_obj
def add(group_db: Path | None, path: Path, name: str | None, db: Path | None, as_json: bool) -> None:
    """Add a storage root; `runicorn-tui sync` then reads it."""
    from runicorn_tui import output

    with _open(db, group_db, create=True) as store:
        root = store.add_root(path, name)
        output.note(f"Root {root.name}: {root.path}")
        if name not in (None, root.name):
            output.note(f"It was there already; another name: runicorn-tui roots rename {root.name} {name}")
        if as_json:
            _print(store, as_json=True)


@command.command(epilog=options.examples("runicorn-tui roots remove mine"))
@click.argument("name", metavar="NAME_OR_PATH")
@options.db
@options.json
@click.pass_obj
def remove(group_db: Path | None, name: str, db: Path | None, as_json: bool) -> None:
    """Take a storage root and its experiments out of the index. Its files stay as they are."""
    from runicorn_tui import output

    with _open(db, group_db) as store:
        store.remove_root(name)
        output.note(f"Root {name} is no longer in the index; its files are untouched.")
        if as_json:
            _print(store, as_json=True)


@command.command(epilog=options.examples("runicorn-tui roots rename mine ours"))
@click.argument("name", metavar="NAME_OR_PATH")
@click.argument("new_name", metavar="NEW_NAME")
@options.db
@options.json
@click.pass_obj
def rename(group_db: Path | None, name: str, new_name: str, db: Path | None, as_json: bool) -> None:
    """Call a storage root by another name."""
    from runicorn_tui import output

    with _open(db, group_db) as store:
        root = store.rename_root(name, new_name)
        output.note(f"Root {root.name}: {root.path}")
        if as_json:
            _print(store, as_json=True)


def _open(db: Path | None, group_db: Path | None, *, create: bool = False) -> Store:
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    return open_index(load({"db": db or group_db}), create=create)


def _print(store: Store, *, as_json: bool) -> None:
    from runicorn_tui import format, output

    roots = store.roots()
    if as_json:
        output.write_json(roots)
        return
    if not roots:
        output.note("The index holds no storage root yet: runicorn-tui roots add PATH")
        return
    table = output.Table(
        [
            output.Column(title="NAME"),
            output.Column(title="STATE"),
            output.Column(title="EXPERIMENTS", align="right"),
            output.Column(title="SYNCED"),
            output.Column(title="PATH"),
        ]
    )
    table.add(
        (
            root.name,
            root.state + ("" if root.is_writable else ", read-only"),
            format.count(root.experiments),
            format.when(root.last_synced_at),
            root.path,
        )
        for root in roots
    )
