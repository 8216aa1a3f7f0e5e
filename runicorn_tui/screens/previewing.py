"""The pane beside the list, and when it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.timer import Timer

from runicorn_tui import list_status
from runicorn_tui.messages import IndexChanged
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.terminal import Drawn, shows
from runicorn_tui.widgets.experiment_columns import order_of
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.preview import ListedGroup, Preview

if TYPE_CHECKING:
    from runicorn_tui.widgets.grouped_table import GroupedTable

LEAST_WIDTH = 120
"""From so many columns on there is room beside the list."""

_LIVE_SECONDS = 1.0
_REST_SECONDS = 0.08
# Over a slow line a pane that is painted in passing would hold up the next key.
_REST_SECONDS_REMOTE = 0.2


def rest_seconds() -> float:
    """How long the cursor rests on an experiment before it is read."""
    return _REST_SECONDS_REMOTE if shows.is_slow else _REST_SECONDS


class Previewing(BrowserScreen[None]):
    """Shows what the cursor rests on, and follows an experiment that runs. Moving only starts the rest anew."""

    if TYPE_CHECKING:

        @property
        def table(self) -> GroupedTable: ...

    def __init__(self) -> None:
        super().__init__()
        self._rest_seconds = rest_seconds()
        self._rest: Timer | None = None

    @property
    def preview(self) -> Preview:
        return self.query_one(Preview)

    def on_mount(self) -> None:
        self._fit_preview()
        self.set_interval(_LIVE_SECONDS, self._follow)

    def on_resize(self, event: events.Resize) -> None:
        self._fit_preview()

    def _fit_preview(self) -> None:
        is_shown = self.app.shows_preview and self.app.size.width >= LEAST_WIDTH
        if is_shown != self.preview.display:
            self.preview.display = is_shown
            self._read_preview()

    def action_preview(self) -> None:
        if self.app.size.width < LEAST_WIDTH:
            self.say(f"The preview needs {LEAST_WIDTH} columns, and here are {self.app.size.width}.")
            return
        self.app.shows_preview = not self.app.shows_preview
        self.app.remember(preview=self.app.shows_preview)
        self._fit_preview()

    # When it reads.

    @on(LineTable.Moved)
    def _rest_anew(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(self._rest_seconds, self._read_preview)

    def on_screen_resume(self) -> None:
        self._read_preview()

    def on_index_changed(self, message: IndexChanged) -> None:
        self._read_preview()

    def _follow(self) -> None:
        if self.preview.is_live and self.is_current:
            self._read_preview()

    def _read_preview(self) -> None:
        if not self.preview.display:
            return
        if (listed := self._listed_group()) is not None:
            self.preview.show_group(listed)
        else:
            current = self.table.current
            self.preview.show(None if current is None else current.id, is_gone=self.table.is_on_gone)

    def _listed_group(self) -> ListedGroup | None:
        """The group whose line the cursor is on."""
        table, tree, group = self.table, self.table.group_tree, self.table.group
        # Of the list as it is shown: another may have been asked for.
        order = None if table.order is None else order_of(table.order[0])
        if tree is None or group is None or table.order is None or order is None:
            return None
        named = Drawn(list_status.order(order, is_descending=table.order[1]).plain)
        return ListedGroup(group=tree.groups.groups[group], by=tree.by, members=tree.members[group], order=named)
