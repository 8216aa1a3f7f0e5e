"""What can be done to the chosen experiments of the list besides deleting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from runicorn_tui import acts, format
from runicorn_tui.key_sets import ordered_as
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.typed_ahead import opening

if TYPE_CHECKING:
    from runicorn_db.query import Snapshot
    from runicorn_tui.screens.tags import Tagged
    from runicorn_tui.widgets.grouped_table import GroupedTable


class ChosenActs(BrowserScreen[None]):
    """Chosen are the marked experiments, or else the one under the cursor."""

    if TYPE_CHECKING:

        @property
        def table(self) -> GroupedTable: ...

        def _is_refused(self, what: str) -> bool: ...
        def _list(self, *, keep: bool) -> object: ...
        def look_again(self, *, is_grown: bool) -> object: ...

    async def chosen(self) -> Snapshot:
        """What an act is about that needs experiments: on the line of a group there may be none, which is said."""
        chosen = await self.table.chosen()
        if not len(chosen):
            self.say_if_on_group()
        return chosen

    def say_if_on_group(self) -> None:
        """That the line under the cursor is that of a group."""
        if self.table.group is not None:
            self.say(f"A group is under the cursor: {self.app.keymap.hint('mark')} marks its experiments")

    def action_pin(self) -> None:
        """Pins them, or unpins them if all are pinned."""
        # A worker of the app: who opens another screen at once, or leaves, wants it done all the same.
        self.app.run_worker(self._pin(), group="pin")

    async def _pin(self) -> None:
        app, ask, store = self.app, self.app.ask, self.app.store
        with self.reporting(), app.doing(lambda: "pinning"):
            chosen = await self.chosen()
            async with app.one_by_one:
                preview = await ask(store.preview_annotate, chosen)
                pinned, changed = preview.pinned < preview.total, 0
                for part in acts.parts(chosen):
                    changed += (await ask(store.annotate, await ask(store.id_list, part), pinned=pinned)).changed
            if len(chosen) > 1:
                self.say(f"{format.plural(changed, 'experiment')} {'pinned' if pinned else 'unpinned'}")
            await self.table.read_again()

    @opening
    @work(group="tags")
    async def action_tags(self) -> None:
        from runicorn_tui.screens.tags import TagsScreen

        if self._is_refused("change tags"):
            return
        chosen = await self.chosen()
        with self.reporting():
            if len(chosen):
                hidden = await self.table.hidden()
                self.app.push_screen(TagsScreen(chosen, hidden=hidden), self._tagged)

    def _tagged(self, tagged: Tagged | None) -> None:
        if tagged is not None:
            self.say(str(tagged), is_warning=tagged.problem is not None)
            self.look_again(is_grown=False)

    @opening
    @work(group="describe")
    async def action_describe(self) -> None:
        from runicorn_tui.screens.description import DescriptionScreen

        chosen = await self.chosen()
        if len(chosen) > 1:
            key = self.app.keymap.hint("unmark")
            self.say(f"A description is about one experiment: {len(chosen):,} are marked, {key} unmarks them")
            return
        with self.reporting():
            for experiment_id in await self.app.ask(self.app.store.id_list, chosen):
                self.app.push_screen(DescriptionScreen(experiment_id), self._described)

    def _described(self, is_saved: bool | None) -> None:
        if is_saved:
            self.say("Description saved")
            self.look_again(is_grown=False)

    @opening
    @work(group="compare")
    async def action_compare(self) -> None:
        from runicorn_tui.comparison import FEWEST, MOST
        from runicorn_tui.screens.compare import CompareScreen

        table = self.table
        await table.chosen()
        marked = table.marks.snapshot
        if not FEWEST <= len(marked) <= MOST:
            said = f"{len(marked):,} are" if marked.keys else "none is"
            key = self.app.keymap.hint("mark")
            self.say(f"Comparing takes {FEWEST} to {MOST} marked experiments, {said} marked: {key} marks")
            return
        await table.is_listed.wait()
        with self.reporting():
            ordered = await self.app.ask(ordered_as, table.listed, marked)
            ids = await self.app.ask(self.app.store.id_list, ordered)
            self.app.push_screen(CompareScreen(ids, table.listed), self._compared)

    def _compared(self, is_changed: bool | None) -> None:
        if is_changed:
            self._list(keep=True)

    @opening
    @work(group="export")
    async def action_export(self) -> None:
        from runicorn_tui.screens.export import Exportable, ExportScreen

        table = self.table
        if self._is_refused("export") or table.pages is None or not len(table.rows):
            return
        current = table.pages.part(table.cursor)
        await table.chosen()
        await table.is_listed.wait()
        marked = await self.app.ask(ordered_as, table.listed, table.marks.snapshot)
        exportable = Exportable(marked=marked, listed=table.listed, current=current, columns=table.choice.shown)
        self.app.push_screen(ExportScreen(exportable), self._exported)

    def _exported(self, sentence: str | None) -> None:
        if sentence is not None:
            self.say(sentence)
