"""What the status line says about the list, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from runicorn_db.filter_terms import Note
from runicorn_db.query import Order, Root
from runicorn_tui import format
from runicorn_tui.group_text import is_overlapping
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.experiment_columns import order_name
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.line_layout import shortened

if TYPE_CHECKING:
    from runicorn_db.sync_report import SyncProgress
    from runicorn_tui.keymap import Keymap
    from runicorn_tui.tree import Tree

_ORDER_WIDTH = 24
_PHASES = {"scan": "looking through", "list": "reading", "series": "reading metrics of", "measure": "measuring"}


def order(order_by: Order, *, is_descending: bool) -> Content:
    name = shortened(order_name(order_by), _ORDER_WIDTH)
    return Content.styled(f"{name} {'↓' if is_descending else '↑'}", "$text-muted")


def marks(table: ExperimentTable, keymap: Keymap) -> list[Content]:
    """An open range, and how many are marked."""
    parts: list[Content] = []
    if table.range_start is not None:
        parts.append(Content.styled(f"range: move, then {keymap.hint('range')} marks", "$accent"))
    if len(table.marks):
        size = "" if table.marks.size_bytes is None else f" ({format.size(table.marks.size_bytes)})"
        parts.append(Content.styled(f"{len(table.marks):,} marked{size}", "$accent"))
    return parts


def groups(tree: Tree | None) -> list[Content]:
    """What the list is grouped by, and whether experiments stand in several groups."""
    if tree is None:
        return []
    count = format.plural(len(tree.groups.groups) + tree.groups.more, "group")
    overlap = ", overlapping" if is_overlapping(tree.groups) else ""
    return [Content.styled(f"{count} by {shortened(str(tree.by), _ORDER_WIDTH)}{overlap}", "$primary")]


def changed_groups(keymap: Keymap) -> list[Content]:
    """That there are other groups, or larger or smaller ones, by now."""
    return [Content.styled(f"groups changed: {keymap.hint('reload')}", "$live")]


def changes(new: int, gone: int, keymap: Keymap) -> list[Content]:
    """How many experiments came since the list was made, and how many of it match the filter no longer."""
    parts = [f"{new:,} new"] if new else []
    if gone:
        parts.append(f"{gone:,} no longer {'matches' if gone == 1 else 'match'}")
    return [Content.styled(f"{', '.join(parts)}: {keymap.hint('reload')}", "$live")] if parts else []


def notices(notes: Sequence[Note], *, is_kept: bool) -> list[Content]:
    """Why the rows are not those of the filter. `is_kept`: nothing matches what is typed so far."""
    if notes:
        return [Content.styled("filter unclear: last good rows", "$warning")]
    return [Content.styled("no match: last rows", "$warning")] if is_kept else []


def surroundings(roots: Sequence[Root], address: str | None) -> list[Content]:
    """Roots that cannot be written, and the address of the REST server."""
    parts: list[Content] = []
    read_only = sum(not root.is_writable for root in roots)
    if read_only:
        parts.append(Content.styled("read-only root" if read_only == 1 else "read-only roots", "$text-muted"))
    if address is not None:
        parts.append(Content.styled(safe(address), "$live"))
    return parts


def watching(sync: str) -> Content:
    """That the roots are followed, or how far reading them is."""
    return Content.styled(sync, "$live") if sync else Content.styled("● live", "$success")


def reading(progress: SyncProgress) -> str:
    """`reading lab: 1,234/5,678`"""
    of = f"/{progress.total:,}" if progress.total else ""
    return f"{_PHASES[progress.phase]} {safe(progress.root)}: {progress.done:,}{of}"
