"""What the small files of a run say, as lines of a given width."""

from __future__ import annotations

from textual.content import Content

from runicorn_tui import format
from runicorn_tui.fact_lines import MARGIN, wrapped
from runicorn_tui.run_facts import Asset, RunFacts
from runicorn_tui.widgets.line_table import fit

_KIND = 11
_SIZE = 8
_COMMIT = 12


def environment_lines(facts: RunFacts, width: int, *, with_variables: bool, key: str = "e") -> list[Content]:
    """Where it ran and from which code; the environment variables only when they are asked for, by `key`."""
    lines: list[Content] = []
    for problem in facts.problems:
        lines += wrapped("unreadable", problem, width, style="$warning")
    told = {
        "python": facts.python,
        "platform": facts.platform,
        "gpu": "\n".join(facts.gpus),
        "packages": "" if facts.package_count is None else format.count(facts.package_count),
        "git": _git(facts),
    }
    for label, text in told.items():
        if text:
            lines += wrapped(label, text, width)
    lines += _variable_lines(facts, width, "" if with_variables else key)
    return lines


def _git(facts: RunFacts) -> str:
    branch = f"branch {facts.branch}" if facts.branch else ""
    commit = f"commit {facts.commit[:_COMMIT]}" if facts.commit else ""
    changes = {True: "with changes that were not committed", False: "clean", None: ""}[facts.is_dirty]
    return "  ".join(filter(None, (branch, commit, changes)))


def _variable_lines(facts: RunFacts, width: int, hidden_by: str) -> list[Content]:
    if not facts.variables:
        return []
    if hidden_by:
        count = format.plural(len(facts.variables), "environment variable")
        return wrapped("variables", f"{count}, {hidden_by} shows them", width, style="$text-muted")
    lines: list[Content] = []
    for number, (name, value) in enumerate(facts.variables):
        lines += wrapped("" if number else "variables", f"{name}={value}", width)
    return lines


def asset_lines(assets: tuple[Asset, ...], width: int) -> list[Content]:
    """A line for each thing that the run made or used; none for none."""
    return [_asset_line(asset, width) for asset in assets]


def _asset_line(asset: Asset, width: int) -> Content:
    room = max(10, width - MARGIN - _KIND - _SIZE - 2)
    size = "" if asset.size_bytes is None else format.size(asset.size_bytes)
    text = "  ".join(filter(None, (asset.name, asset.note)))
    return Content.assemble(
        " " * MARGIN,
        Content.styled(fit(asset.kind, _KIND), "$text-muted"),
        fit(text, room),
        Content.styled("  " + fit(size, _SIZE, is_right=True), "$text-muted"),
    )
