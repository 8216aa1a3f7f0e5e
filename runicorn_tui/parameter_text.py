"""The parameters of one experiment as lines of a given width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from rich.cells import cell_len
from textual.content import Content

from runicorn_tui import format, parameter_leaves
from runicorn_tui.fact_lines import MARGIN, folded, room, wrapped
from runicorn_tui.numeral import Numeral
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.line_table import fit
from runicorn_tui.widgets.sheet import MakeLine

NO_PARAMETERS = "No parameters: nothing in the run directory names any."
_FIRST = 30
_LINES = 2


def leaves(params: Mapping[str, object]) -> list[tuple[str, str]]:
    """Dotted name and value of every parameter, in natural order; a list is one value."""
    found = [
        (".".join(path), value if isinstance(value, str) else format.written(value))
        for path, value in parameter_leaves.leaves(params).items()
    ]
    return sorted(found, key=lambda leaf: parameter_leaves.natural(leaf[0]))


def parameters(
    params: Sequence[tuple[str, str]], width: int, sought: str = "", problems: Sequence[str] = ()
) -> Sequence[MakeLine]:
    """Name and whole value of every parameter, or of those that have this text in either.

    `problems` are sentences on what may be missing.
    """
    lines = [partial(Content, "")]
    for problem in problems:
        lines += [partial(Content.styled, f" {part}", "$warning") for part in folded(problem, max(4, width - MARGIN))]
    chosen = [leaf for leaf in params if any(sought.casefold() in part.casefold() for part in leaf)]
    if not chosen:
        why = f"No parameter has '{safe(sought)}' in its name or value." if params else NO_PARAMETERS
        return lines if problems and not params else [*lines, partial(Content.styled, f" {why}", "$text-muted")]
    label = min(max(cell_len(safe(name[:200])) for name, _ in chosen) + 2, max(8, width // 3))
    for name, value in chosen:
        first, *others = folded(value, max(4, width - label - MARGIN))
        lines.append(partial(_line, fit(name, label - 2) + "  ", first))
        lines += [partial(_line, " " * label, other) for other in others]
    return lines


def _line(label: str, value: str) -> Content:
    return Content.assemble(" " * MARGIN, Content.styled(label, "$text-muted"), value)


def first_parameters(params: Sequence[tuple[str, str]], width: int) -> list[Content]:
    """As many as two lines hold, each of them whole."""
    if not params:
        return wrapped("parameters", format.DASH, width)
    said = [f"{safe(name)} {_short(value)}" for name, value in params[:_FIRST]]
    count = len(said)
    while count > 1 and len(folded(_joined(said[:count], len(params)), room(width))) > _LINES:
        count -= 1
    return wrapped("parameters", _joined(said[:count], len(params)), width, most=_LINES)


def _joined(said: Sequence[str], of: int) -> str:
    return Drawn("  ".join(said) + (" …" if len(said) < of else ""))


def _short(value: str) -> str:
    if isinstance(value, Numeral):
        return value.within(_FIRST)
    line = " ".join(value[: 4 * _FIRST].split())
    return safe(line) if len(line) <= _FIRST else safe(line[: _FIRST - 1]) + "…"
