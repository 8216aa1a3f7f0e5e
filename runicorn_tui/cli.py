"""The command line: finds the command, turns what goes wrong into a sentence and an exit code."""

from __future__ import annotations

import difflib
import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem, shell_complete

from runicorn_db import __version__
from runicorn_db.errors import StoreError
from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE, INTERRUPTED, OK, OUTPUT_CLOSED, USAGE, exit_code_of
from runicorn_tui.settings import InvalidSetting, explanations, user_file

PROGRAM = "runicorn-tui"
COMPLETION_VARIABLE = "_RUNICORN_TUI_COMPLETE"

COMMANDS = {
    "browse": "runicorn_tui.commands.browse",
    "ls": "runicorn_tui.commands.ls",
    "show": "runicorn_tui.commands.show",
    "metrics": "runicorn_tui.commands.metrics",
    "compare": "runicorn_tui.commands.compare",
    "export": "runicorn_tui.commands.export",
    "tag": "runicorn_tui.commands.tag",
    "describe": "runicorn_tui.commands.describe",
    "pin": "runicorn_tui.commands.pin",
    "unpin": "runicorn_tui.commands.unpin",
    "rm": "runicorn_tui.commands.rm",
    "restore": "runicorn_tui.commands.restore",
    "trash": "runicorn_tui.commands.trash",
    "purge": "runicorn_tui.commands.purge",
    "clean": "runicorn_tui.commands.clean",
    "sync": "runicorn_tui.commands.sync",
    "serve": "runicorn_tui.commands.serve",
    "roots": "runicorn_tui.commands.roots",
    "demo": "runicorn_tui.commands.demo",
    "doctor": "runicorn_tui.commands.doctor",
    "keys": "runicorn_tui.commands.keys",
    "completion": "runicorn_tui.commands.completion",
}

_HELP = """Browse, search, chart, clean up and script Runicorn experiments in a terminal.

Without a command, the browser opens: on the folders named as ROOT, otherwise on the storage root that
Runicorn itself would use, otherwise on everything in the index. A first word that is a command is a
command: write ./demo for a folder called demo.
"""

_EPILOG = """\b
Examples:
  runicorn-tui                       the browser
  runicorn-tui ~/runs /mnt/lab       the browser on two storage roots
  runicorn-tui --serve               the same, with the REST API beside it
  runicorn-tui ls 'status:failed acc<0.5' --json
  runicorn-tui rm --where 'status:failed age>30d' --dry-run

\b
Settings, as RUNICORN_TUI_DB and so on in the environment, or as db = "..." in
.runicorn-tui.toml here or in {user_file}:
{settings}

\b
Exit codes:
  0 ok   1 failure   2 usage   3 the index cannot be used   4 not found
  5 partly failed   130 interrupted   141 whoever read the output went away
"""


def _setting_names() -> str:
    return textwrap.fill(", ".join(explanations()), 76, initial_indent="  ", subsequent_indent="  ")


class Commands(click.Group):
    """Imports a command when it is used; what begins with no command is `browse`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        return None if module is None else import_module(module).command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = ("--help", "-h", "--version")
        is_completing_first_word = ctx.resilient_parsing and not args
        # These may stand before a command, whose word then is the next.
        word = next((word for word in args if word not in ("--ascii", "--no-ascii")), None)
        if not is_completing_first_word and word not in COMMANDS and word not in own:
            args = ["browse", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        browse = self.get_command(ctx, "browse")
        assert browse is not None
        parameters = [p for p in (*browse.params, *self.params) if isinstance(p, click.Option)]
        records = [record for p in (*parameters, self.get_help_option(ctx)) if p and (record := p.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(records)
        self.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [*super().shell_complete(ctx, incomplete), CompletionItem(incomplete, type="dir")]


@click.group(
    cls=Commands,
    help=_HELP,
    epilog=_EPILOG.format(user_file=user_file(), settings=_setting_names()),
    subcommand_metavar="[ROOT]... | COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@options.ascii
def cli(ascii: bool | None) -> None:
    from runicorn_tui.settings import Settings, load
    from runicorn_tui.terminal import settle

    try:
        settings = load({"ascii": ascii})
    except InvalidSetting:
        # A command that needs them says so.
        settings = Settings(ascii=ascii)
    settle(is_ascii=settings.ascii, is_slow=settings.slow_line)


def suggestion(word: str) -> str:
    """The command that `word` may have been meant to be, as a sentence, or nothing."""
    if word in COMMANDS:
        return f" '{word}' is a command, and a command comes first: {PROGRAM} {word} ..."
    close = difflib.get_close_matches(word, COMMANDS, n=1)
    return f" Did you mean the command '{close[0]}'?" if close else ""


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A locale without the glyphs of the tables must not end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not cli.main(): it turns a broken pipe into exit code 1.
        with cli.make_context(PROGRAM, list(sys.argv[1:] if arguments is None else arguments)) as context:
            result: Any = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUTPUT_CLOSED
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo("\nInterrupted.", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        # It may quote what was typed, or a name from a shell's glob.
        error.message = _safe_lines(error.message)  # pyright: ignore[reportAttributeAccessIssue]
        error.show()
        return error.exit_code
    except InvalidSetting as error:
        return _fail(error, USAGE)
    except StoreError as error:
        return _fail(error, exit_code_of(error))
    except OSError as error:
        # str(error) would begin with the number of the error.
        reason = error.strerror or str(error)
        return _fail(reason if error.filename is None else f"{error.filename!s}: {reason}", FAILURE)
    return result if isinstance(result, int) else OK


def _safe_lines(text: str) -> str:
    from runicorn_tui.terminal import safe

    return "\n".join(map(safe, text.split("\n")))


def _fail(error: Exception | str, code: int) -> int:
    from runicorn_tui.terminal import safe

    click.echo(f"{PROGRAM}: {safe(error)}", err=True)
    return code


def _fill_closed_streams() -> None:
    """What the caller closed (`>&-`) becomes /dev/null: the index must not get the number of stdout."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  open as long as the program


def main() -> NoReturn:
    _fill_closed_streams()
    instruction = os.environ.get(COMPLETION_VARIABLE)
    sys.exit(shell_complete(cli, {}, PROGRAM, COMPLETION_VARIABLE, instruction) if instruction else run())
