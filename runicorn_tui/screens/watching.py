"""Telling when experiments end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from runicorn_tui import format, watched
from runicorn_tui.messages import IndexChanged
from runicorn_tui.screens import BrowserScreen

if TYPE_CHECKING:
    from runicorn_db.query import Snapshot
    from runicorn_tui.widgets.experiment_table import ExperimentTable


class Watching(BrowserScreen[None]):
    """`w` watches the chosen experiments that run; at its end each is told once and then no longer watched."""

    if TYPE_CHECKING:

        @property
        def table(self) -> ExperimentTable: ...

    def on_mount(self) -> None:
        if self.app.memory is not None and self.app.memory.state.watched:
            self.table.watched = frozenset(self.app.memory.state.watched)
            # What ended while nobody looked is told too.
            self._look_at_watched()

    def on_index_changed(self, message: IndexChanged) -> None:
        if self.table.watched:
            self._look_at_watched()

    @work(group="watch")
    async def action_watch(self) -> None:
        await self.watch_chosen(await self.table.chosen())

    async def watch_chosen(self, chosen: Snapshot) -> None:
        """Watches them, or no longer if all of them that run are watched."""
        with self.reporting():
            running = await self.app.ask(watched.running_of, self.app.store, chosen)
            before = self.table.watched
            if not running:
                self.say("Only what still runs can be watched.")
            elif before.issuperset(running):
                self._watch(before.difference(running))
                self.say(f"{format.plural(len(running), 'experiment')} no longer watched")
            elif len(before.union(running)) > watched.MOST:
                self.say(f"At most {watched.MOST:,} experiments can be watched.", is_warning=True)
            else:
                self._watch(before.union(running))
                key = self.app.keymap.hint("watch")
                self.say(f"Watching {format.plural(len(running), 'running experiment')}, {key} stops")

    def _watch(self, ids: frozenset[str]) -> None:
        self.table.show_watched(ids)
        self.app.remember(watched=sorted(ids))

    @work(group="watched", exclusive=True)
    async def _look_at_watched(self) -> None:
        before = self.table.watched
        with self.reporting():
            found = await self.app.ask(watched.look, self.app.store, sorted(before))
            # Meanwhile others may have been chosen, and some not any more.
            ended = [experiment for experiment in found.ended if experiment.id in self.table.watched]
            gone = before.difference(found.running)
            if gone:
                self._watch(self.table.watched.difference(gone))
            for sentence in watched.said(ended):
                self.app.alert(sentence)
