from __future__ import annotations

import click

from runicorn_tui.commands import options


@click.command(
    "completion",
    short_help="Print the completion script of a shell.",
    epilog=options.examples(
        'eval "$(runicorn-tui completion bash)"    # in ~/.bashrc',
        'eval "$(runicorn-tui completion zsh)"     # in ~/.zshrc',
        "runicorn-tui completion fish > ~/.config/fish/completions/runicorn-tui.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script that makes the shell complete commands, options and folders."""
    from click.shell_completion import get_completion_class

    from runicorn_tui.cli import COMPLETION_VARIABLE, PROGRAM, cli

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(cli, {}, PROGRAM, COMPLETION_VARIABLE).source())
