"""Options that several commands share, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from runicorn_db.criteria import Criteria
from runicorn_db.query import DEFAULT_DELETE_REASON

Command = TypeVar("Command", bound=Callable[..., Any])

db = click.option(
    "--db",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Index file; without it, yours in your data directory.",
)
ascii = click.option(
    "--ascii/--no-ascii", default=None, help="Show nothing but ASCII; without it, where the locale is not UTF-8."
)
json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
csv = click.option("--csv", "as_csv", is_flag=True, help="Print CSV (RFC 4180).")
reason = click.option(
    "--reason", metavar="TEXT", default=DEFAULT_DELETE_REASON, help=f"Kept with the deletion ({DEFAULT_DELETE_REASON})."
)
move_to_recycle = click.option(
    "--move-to-recycle",
    is_flag=True,
    help="Move run directories of Runicorn 0.7 to its .recycle folder too, where it looks for deleted runs.",
)
roots = click.argument("roots", nargs=-1, type=click.Path(path_type=Path), metavar="[ROOT]...")
ids = click.argument("prefixes", nargs=-1, metavar="[ID]...")


def server(command: Command) -> Command:
    """`--host` and `--port`."""
    command = click.option(
        "--port", type=click.IntRange(0, 65535), metavar="P", help="Port of the REST server (23300); 0: a free one."
    )(command)
    return click.option("--host", metavar="H", help="Address of the REST server (127.0.0.1).")(command)


def examples(*lines: str) -> str:
    """An epilog that shows command lines as they are typed."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """The callback of an option that takes a duration as the filter language writes it, such as `30d`; seconds."""
    from runicorn_db.errors import InvalidQuery
    from runicorn_db.policy import read_duration

    try:
        return None if value is None else read_duration(value)
    except InvalidQuery as error:
        raise click.BadParameter(str(error), ctx, param) from error


FILTER_TERMS = """\b
FILTER is terms that all must match; `or` separates alternatives, a leading ! negates:
  word "two words"           occurs in project, name or description
  project:x name=x host:x    contains, is exactly; also root: and id:
  status:failed,running      tag:a,b   is:pinned   is:deleted   is:missing
  age>30d duration<20s       created>2025-01-31   updated:2025-01
  size>1GB files>100         steps<10
  acc>0.9 last.loss<0.1      a metric; best>=0.9 is the best one, whatever its name
  param.lr<=1e-3             has:acc   has:tags   has:param.lr
@NAME alone is the filter saved under that name (F in the browser), the same for all indexes.
"""


def where(sentence: str) -> Callable[[Command], Command]:
    """`--where`."""
    return click.option("--where", metavar="FILTER", shell_complete=saved_filters_that_begin, help=sentence)


def saved_filters_that_begin(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """For the shell: `@name`s, once an @ is typed."""
    if not begun.startswith("@"):
        return []
    return [f"@{name}" for name in sorted(_saved()) if name.startswith(begun[1:])]


def _saved() -> dict[str, str]:
    from runicorn_tui.state import saved_filters, state_file

    return saved_filters(state_file())


class FilterNotUnderstood(click.UsageError):
    """A filter of which a part was not understood: it would match more than was meant, so it never acts."""

    def __init__(self, text: str, marks: list[tuple[int, int, str]]) -> None:
        super().__init__("\n".join(message for _, _, message in marks))
        self._text = text
        self._marks = marks

    def show(self, file: Any = None) -> None:
        from runicorn_tui.output import width
        from runicorn_tui.terminal import safe

        click.echo(f"  {safe(self._text)}", file=file, err=True)
        for column, length, message in self._marks:
            before = safe(self._text[:column])
            marked = max(1, width(safe(self._text[column : column + length])))
            click.echo(f"  {' ' * width(before)}{'^' * marked} {safe(message)}", file=file, err=True)
        click.echo("This filter was not understood. How filters are written: runicorn-tui ls --help", err=True)


def written_out(text: str) -> str:
    """What the filter says, with the filter itself in the place of the name it is saved under."""
    from runicorn_tui.saved_filters import written_out

    return written_out(text, _saved()) if "@" in text else text


def criteria(text: str) -> Criteria:
    """The filter, or the one saved as `@name`, as criteria. Raises FilterNotUnderstood, which ends in exit code 2."""
    from runicorn_tui.saved_filters import read

    parsed, notes = read(text, _saved() if "@" in text else {})
    if notes:
        raise FilterNotUnderstood(text, [(note.column, note.length, note.message) for note in notes])
    return parsed
