from __future__ import annotations

import click

from runicorn_tui.commands import options


@click.command(
    "keys",
    short_help="List the keys of the browser and their names.",
    epilog=options.examples("runicorn-tui keys", "runicorn-tui keys --json | jq '.[] | select(.id == \"delete\")'"),
)
@options.json
def command(as_json: bool) -> None:
    """List what the keys of the browser do, by the names under which keys.toml changes them.

    A line such as `delete = "f8"` there gives an action another key, `"experiments.delete" = ["x", "f8"]` in one place
    alone, and `range = ""` none. The file stands beside your config.toml.
    """
    from runicorn_tui import keymap, output

    rows = list(keymap.load().rows())
    if as_json:
        names = ("id", "scopes", "keys", "label", "group")
        output.write_json([{name: getattr(row, name) for name in names} for row in rows])
        return
    table = output.Table(
        [
            output.Column(title="NAME"),
            output.Column(title="KEYS"),
            output.Column(title="WHAT IT DOES", is_elastic=True),
            output.Column(title="WHERE", is_elastic=True),
        ]
    )
    table.add((row.id, row.shown, row.label, ", ".join(row.scopes)) for row in rows)
    output.note(f"Other keys are read from {keymap.keys_file()}")
