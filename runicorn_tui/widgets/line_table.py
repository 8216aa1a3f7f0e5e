"""A list of any length that draws only the lines on screen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from runicorn_tui import keys
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.line_layout import GAP, Column, Tone, around, fit, shortened, widths
from runicorn_tui.widgets.line_scroll import lines_of_a_page

Row = TypeVar("Row")
Other = TypeVar("Other")
RowT_co = TypeVar("RowT_co", covariant=True)


class Rows(Protocol[RowT_co]):
    """Where a table reads from. `row` answers at once, with None for what is not loaded."""

    def __len__(self) -> int: ...
    def row(self, index: int) -> RowT_co | None: ...
    def is_loaded(self, first: int, last: int) -> bool: ...
    async def ensure(self, first: int, last: int) -> None: ...


class RowList(Generic[Row]):
    """Rows that are all in memory."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> Row | None:
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def is_loaded(self, first: int, last: int) -> bool:
        return True

    async def ensure(self, first: int, last: int) -> None:
        return


class LineTable(ScrollView, Generic[Row], can_focus=True):
    """Header, cursor and columns over any `Rows`. The cursor's move repaints two lines."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"table--{part}"
        for part in (
            *("header", "column", "cursor", "muted", "mark", "group", "good", "bad", "live", "warn", "dimmed"),
            "empty",
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("table")

    class Moved(Message):
        """The cursor stands on another row, the rows are others, or the cursor's was read only now."""

    class Sorted(Message):
        """A click on a column's title."""

        def __init__(self, column_id: str) -> None:
            super().__init__()
            self.column_id = column_id

    class Chosen(Message):
        """A second click on the cursor's row."""

    def __init__(self, columns: Sequence[Column[Row]], *, gutter: int = 1, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._gutter = gutter
        self._shown: list[tuple[Column[Row], int]] = []
        self._styles: dict[tuple[str, str], Style] = {}
        self._reading: tuple[int, int, int] | None = None
        self.rows: Rows[Row] = RowList[Row]()
        self.cursor = 0
        self.is_dimmed = False
        self.empty: tuple[str, ...] = ()
        """Lines to show, centred, instead of no rows."""
        self.order: tuple[str, bool] | None = None
        """The column of the order and whether it descends."""
        self.column: str | None = None
        """The column that the keys for columns are about; it is always shown."""

    # What is shown.

    def show(self, rows: Rows[Row], cursor: int = 0) -> None:
        """Other rows, with the cursor on one of them."""
        self.rows = rows
        self.cursor = max(0, min(cursor, len(rows) - 1))
        self._set_virtual_size()
        self._scroll_to_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def grown(self) -> None:
        """The same rows, of which all can be read by now, maybe with another length."""
        if self.virtual_size.height != len(self.rows) + 1:
            self.cursor = max(0, min(self.cursor, len(self.rows) - 1))
            self._set_virtual_size()
            self.refresh()
            self.post_message(self.Moved())
        self._reading = None
        self._read_visible()

    @property
    def current(self) -> Row | None:
        """The row under the cursor, when it is loaded."""
        return self.rows.row(self.cursor) if len(self.rows) else None

    @property
    def is_known(self) -> bool:
        """Whether the row under the cursor was read: without a `current` one it is then no longer there."""
        return len(self.rows) > 0 and self.rows.is_loaded(self.cursor, self.cursor)

    @property
    def body_height(self) -> int:
        return max(1, self.size.height - 1)

    @property
    def top(self) -> int:
        """The first row on screen."""
        return self.scroll_offset.y

    def refresh_row(self, index: int) -> None:
        self.refresh(Region(0, index - self.top + 1, self.size.width, 1))

    def refresh_header(self) -> None:
        self.refresh(Region(0, 0, self.size.width, 1))

    def _set_virtual_size(self) -> None:
        # One line more than rows: the header always covers the first line.
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns over the same rows."""
        self._columns = columns
        self._lay_out()

    def go_to_column(self, column_id: str | None) -> None:
        """Moves the cursor among the columns, or takes it away."""
        self.column = column_id
        shown = self._shown
        self._lay_out()
        if shown == self._shown:
            self.refresh_header()

    def _lay_out(self) -> None:
        room = self.size.width - self._gutter - 1
        fitting = widths(self._columns, room) if self.column is None else around(self._columns, room, self.column)
        shown = [(column, fitting[column.id]) for column in self._columns if column.id in fitting]
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()
        self._set_virtual_size()
        self._scroll_to_cursor()
        self._read_visible()

    def _scroll_to_cursor(self) -> None:
        top = self.top
        if not top <= self.cursor < top + self.body_height:
            self._scroll(self.cursor - self.body_height // 2)

    def _scroll(self, top: int) -> None:
        top = max(0, min(top, len(self.rows) - self.body_height))
        self.scroll_to(y=top, animate=False, immediate=True, force=True)

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def gutter_text(self, index: int, row: Row | None) -> tuple[str, Tone]:
        """What stands before the columns."""
        return " " * self._gutter, "plain"

    def is_highlighted(self, index: int, row: Row) -> bool:
        """Whether the whole row is drawn as marked."""
        return False

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._header(width)
        index = self.top + y - 1
        if not len(self.rows):
            return self._empty_line(y - 1, width)
        if index >= len(self.rows):
            return Strip.blank(width, self._style("plain", "row"))
        row = self.rows.row(index)
        if row is None:
            return self._absent_line(index, width)
        return self._line(index, row, width)

    def _header(self, width: int) -> Strip:
        return self.draw_header(self._shown, width)

    def draw_header(self, shown: Sequence[tuple[Column[Any], int]], width: int) -> Strip:
        """The titles of these columns with their widths."""
        style = self._style("header", "header")
        segments = [Segment(" " * self._gutter, style)]
        for column, size in shown:
            is_current = column.id == self.column
            segments.append(
                Segment(self._title(column, size), self._style("column", "column") if is_current else style)
            )
            segments.append(Segment(" " * GAP, style))
        return Strip(Segment.simplify(segments)).adjust_cell_length(width, style)

    def _title(self, column: Column[Any], size: int) -> str:
        arrow = ""
        if self.order is not None and self.order[0] == column.id:
            arrow = "↓" if self.order[1] else "↑"
        # A long title gives way to the arrow, which says what the whole list is ordered by.
        title = shortened(column.title, size - GAP if arrow else size)
        title = Drawn(f"{arrow} {title}" if column.is_right and arrow else f"{title} {arrow}".rstrip())
        return fit(title, size, is_right=column.is_right)

    def _empty_line(self, y: int, width: int) -> Strip:
        line = y - max(0, (self.body_height - len(self.empty)) // 2 - 1)
        text = safe(self.empty[line]) if 0 <= line < len(self.empty) else ""
        style = self._style("empty" if line else "plain", "row")
        return Strip([Segment(" " * max(0, (width - cell_len(text)) // 2) + text, style)]).adjust_cell_length(
            width, style
        )

    def _absent_line(self, index: int, width: int) -> Strip:
        is_loaded = self.rows.is_loaded(index, index)
        if not is_loaded:
            self._read_visible()
        style = self._style("muted", "cursor" if index == self.cursor else "row")
        text = " " * self._gutter + ("no longer in the index" if is_loaded else "…")
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _line(self, index: int, row: Row, width: int) -> Strip:
        gutter = self.gutter_text(index, row)
        return self.draw_line(index, row, self._shown, gutter, width, is_marked=self.is_highlighted(index, row))

    def draw_line(
        self,
        index: int,
        row: Other,
        shown: Sequence[tuple[Column[Other], int]],
        gutter: tuple[str, Tone],
        width: int,
        *,
        is_marked: bool,
    ) -> Strip:
        """A line that says of `row` what these columns have room for."""
        state = "cursor" if index == self.cursor else "row"
        pieces: list[tuple[Tone, str]] = []

        def add(tone: Tone, text: str) -> None:
            # Neighbours of one style share an escape sequence.
            if pieces and pieces[-1][0] == tone:
                pieces[-1] = (tone, pieces[-1][1] + text)
            else:
                pieces.append((tone, text))

        text, tone = gutter
        add(self._tone(tone, is_marked, state), text)
        for number, (column, size) in enumerate(shown):
            tone = column.tone(row) if callable(column.tone) else column.tone
            gap = " " * GAP if number else ""
            cell = fit(column.text(row), size, is_right=column.is_right)
            add(self._tone(tone, is_marked and number == 0, state), gap + cell)
        used = self._gutter + sum(size for _, size in shown) + GAP * (len(shown) - 1)
        add(pieces[-1][0], " " * (width - used - 1) + self._thumb(index - self.top))
        return Strip([Segment(text, self._style(tone, state)) for tone, text in pieces], width)

    def _thumb(self, line: int) -> str:
        """The last cell of a line of the body: where in the list the screen is. A scroll bar would cost
        an escape sequence a line."""
        total, height = len(self.rows), self.body_height
        if total <= height:
            return " "
        length = max(1, height * height // total)
        begin = self.top * (height - length) // (total - height)
        return "▐" if begin <= line < begin + length else " "

    def _tone(self, tone: Tone, is_marked: bool, state: str) -> Tone:
        if self.is_dimmed:
            return "plain" if state == "cursor" else "dimmed"
        if is_marked:
            return "mark"
        # The cursor's line is one style: each more costs forty bytes with every move, and the state is a word too.
        return "plain" if state == "cursor" else tone

    def _style(self, tone: str, state: str) -> Style:
        key = (tone, state)
        style = self._styles.get(key)
        if style is None:
            style = self.rich_style
            if tone != "plain":
                style += Style(color=self.get_component_rich_style(f"table--{tone}").color)
            if state in ("cursor", "header", "column"):
                component = self.get_component_rich_style(f"table--{state}")
                style += Style(bgcolor=component.bgcolor, bold=component.bold)
            self._styles[key] = style
        return style

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._styles.clear()
        self.refresh_row(self.cursor)

    # Moving.

    async def go(self, index: int) -> None:
        """Moves the cursor, reading what will be on screen before it is scrolled to."""
        if not len(self.rows):
            return
        index = max(0, min(index, len(self.rows) - 1))
        before, self.cursor = self.cursor, index
        top, height = self.top, self.body_height
        if top <= index < top + height:
            self.refresh_row(before)
            self.refresh_row(index)
        else:
            # A step over the edge turns half a page: over a slow line half a page now and then is
            # cheaper than a whole page for each line.
            is_step = index in (top - 1, top + height)
            overlap = height // 2 if is_step else 0
            target = index - overlap if index < top else index - height + 1 + overlap
            target = max(0, min(target, len(self.rows) - height))
            await self.rows.ensure(target, target + height - 1)
            self._scroll(target)
            self.refresh()
        self.post_message(self.Moved())

    async def action_move(self, by: int) -> None:
        await self.go(self.cursor + by)

    async def action_page(self, by: int) -> None:
        await self.go(self.cursor + by * lines_of_a_page(self.body_height))

    async def action_first(self) -> None:
        await self.go(0)

    async def action_last(self) -> None:
        await self.go(len(self.rows) - 1)

    def _read_visible(self) -> None:
        """Reads what a dragged scroll bar or a larger window brought on screen."""
        rows, first, last = self.rows, self.top, min(self.top + self.body_height, len(self.rows)) - 1
        wanted = (id(rows), first, last)
        if wanted != self._reading and len(rows) and not rows.is_loaded(first, last):
            self._reading = wanted
            self.run_worker(partial(self._ensure, rows, first, last), group="visible", exclusive=True)

    async def _ensure(self, rows: Rows[Row], first: int, last: int) -> None:
        was_known = self.is_known
        await rows.ensure(first, last)
        # What could not be read is not tried again until something else is looked at.
        if rows.is_loaded(first, last):
            self._reading = None
            if rows is self.rows:
                self.refresh()
                if self.is_known and not was_known:
                    self.post_message(self.Moved())

    async def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            column = self._column_at(event.x)
            if column is not None:
                self.post_message(self.Sorted(column.id))
            return
        if event.x >= self.size.width - 1 and len(self.rows) > self.body_height:
            await self.go((event.y - 1) * (len(self.rows) - 1) // max(1, self.body_height - 1))
            return
        index = self.top + event.y - 1
        if index >= len(self.rows):
            return
        is_current = index == self.cursor
        await self.go(index)
        if is_current and event.chain > 1:
            self.post_message(self.Chosen())

    def _column_at(self, x: int) -> Column[Row] | None:
        begin = self._gutter
        for column, size in self._shown:
            if begin <= x < begin + size:
                return column
            begin += size + GAP
        return None
