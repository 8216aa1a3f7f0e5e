"""What an empty list says: why it is empty, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from runicorn_db.query import Root
from runicorn_tui.terminal import Drawn

_SHOWN_ROOTS = 8


def empty_lines(
    *, is_filtered: bool, sync: str, roots: Sequence[Root] | None, index: Path, hint: Callable[[str], str]
) -> tuple[str, ...]:
    """`sync` is how far a running sync is, `roots` are None until they are known, `hint` gives the key of an action."""
    if is_filtered:
        ways = f"{hint('clear')} clears it, {hint('filter')} changes it, {hint('help')} shows examples"
        return ("No experiment matches this filter.", "", ways)
    if sync:
        return (Drawn("Reading the roots for the first time…"), "", sync)
    if roots is None:
        return ()
    if not roots:
        return (
            "This index has no experiments yet.",
            str(index),
            "",
            "Start with the folder of a Runicorn storage:  runicorn-tui FOLDER",
            "or look around first:  runicorn-tui demo",
        )
    places = tuple(root.path + (f": {root.problem}" if root.problem else "") for root in roots[:_SHOWN_ROOTS])
    return (
        "No experiments here yet.",
        *places,
        "",
        "What a program logs with Runicorn to this folder appears here;",
        f"{hint('reload')} looks again now, runicorn-tui doctor says what is wrong with a root",
    )
