"""Writes the tables of README.md and keys.md from the program: run it after a key, a setting or an option changed.

    python docs/make_tables.py

`tests/test_docs.py` fails while they say something else than the program.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from runicorn_tui import keys
from runicorn_tui.cli import COMMANDS, PROGRAM, cli
from runicorn_tui.key_names import shown
from runicorn_tui.settings import ENVIRONMENT_PREFIX, Settings, explanations

README = Path(__file__).parent.parent / "README.md"
KEYS = Path(__file__).parent / "keys.md"


def key_table() -> str:
    """One row for each group of keys."""
    rows: list[str] = []
    for group, members in keys.grouped(keys.KEYS).items():
        said = [f"`{key.shown}` {key.label}" for key in members]
        rows.append(f"| {group} | {', '.join(said)} |")
    return "\n".join(["| | keys |", "|---|---|", *rows])


def key_name_table() -> str:
    """One row for each name that keys.toml may have."""
    rows = [
        f"| `{key.id}` | {' '.join(f'`{shown(name)}`' for name in key.keys)} | {key.label} | {', '.join(key.scopes)} |"
        for key in keys.KEYS
    ]
    return "\n".join(["| name | keys | | where |", "|---|---|---|---|", *rows])


def setting_table() -> str:
    """Name in a file and in the environment, default, meaning."""
    defaults = Settings()
    rows = [
        f"| `{name}` | `{ENVIRONMENT_PREFIX}{name.upper()}` | {_default(getattr(defaults, name))} | {sentence} |"
        for name, sentence in explanations().items()
    ]
    return "\n".join(["| in a file | in the environment | default | |", "|---|---|---|---|", *rows])


def _default(value: object) -> str:
    if value in (None, (), ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def command_table() -> str:
    """How each command is written, and what it does."""
    context = click.Context(cli, info_name=PROGRAM)
    rows: list[str] = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        options = [_written(p, context) for p in command.params]
        inner = [f"[{' or '.join(command.commands)}]"] if isinstance(command, click.Group) else []
        written = " ".join([name, *inner, *options]).replace("|", "\\|")
        rows.append(f"| `{written}` | {command.short_help} |")
    return "\n".join(["| command | |", "|---|---|", *rows])


def _written(parameter: click.Parameter, context: click.Context) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(context)
    name = parameter.opts[0]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return f"[{name}]"
    return f"[{name} {parameter.metavar or 'FIELD'}]"


TABLES: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"keys": key_table, "commands": command_table, "settings": setting_table},
    KEYS: {"names": key_name_table},
}


def renewed(path: Path) -> str:
    """The file's text with every table between `<!-- NAME -->` and `<!-- end -->` as the program has it."""
    text = path.read_text("utf-8")
    for name, table in TABLES[path].items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        if text.count(begin) != 1:
            raise SystemExit(f"{path} needs one {begin.strip()} … {end}")
        before, _, after = text.partition(begin)
        text = before + begin + table() + "\n" + end + after.partition(end)[2]
    return text


if __name__ == "__main__":
    for path in TABLES:
        path.write_text(renewed(path), "utf-8")
