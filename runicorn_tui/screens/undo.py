"""Back and forth: what this session deleted is restored, and deleted again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from textual.screen import ScreenResultType

from runicorn_tui import acts, format
from runicorn_tui.acts import Failure
from runicorn_tui.screens import BrowserScreen


class UndoScreen(BrowserScreen[ScreenResultType]):
    """A screen where `z` takes back this session's last deletion and `Z` does it again."""

    @abstractmethod
    def restored_or_deleted(self) -> None:
        """Other experiments are in the trash now."""

    def show_change(self) -> None:
        """On this screen, or on those below it that are still there."""
        stack = self.app.screen_stack
        for screen in [self] if self in stack else stack:
            if isinstance(screen, UndoScreen):
                screen.restored_or_deleted()

    def show_problem(self, reason: str) -> None:
        if self in self.app.screen_stack:
            super().show_problem(reason)
        else:
            self.say(reason, is_warning=True)

    # Workers of the app: who leaves the screen at once wants it done all the same.

    def action_undo(self) -> None:
        self.app.run_worker(self._undo(), group="undo")

    def action_redo(self) -> None:
        self.app.run_worker(self._redo(), group="undo")

    async def _undo(self) -> None:
        app = self.app
        with self.reporting(), app.doing(lambda: "restoring the last deletion"):
            taken = await app.ask(app.history.take_back, app.store)
            if taken is None:
                key = app.keymap.hint("trash")
                self.say(f"Nothing to undo in this session. {key} opens the trash: any deletion can be restored there.")
                return
            restored, errors = taken
            self.say(f"{format.plural(restored, 'experiment')} restored, {app.keymap.hint('redo')} deletes again")
            self.show_change()
            await self.show_errors("not restored", errors)

    async def _redo(self) -> None:
        app = self.app
        with self.reporting(), app.doing(lambda: "deleting again what was restored last"):
            deleted = await app.ask(app.history.do_again, app.store)
            if deleted is None:
                self.say(f"Nothing to do again: {app.keymap.hint('undo')} has taken nothing back.")
                return
            self.say(f"{deleted:,} moved to trash again, {app.keymap.hint('undo')} undoes")
            self.show_change()

    async def show_errors(self, title: str, errors: dict[str, str]) -> None:
        """What the store could not do, id by id."""
        if errors:
            self.show_failures(title, await self.app.ask(acts.failures_of, self.app.store, errors))

    def show_failures(self, title: str, failures: Sequence[Failure]) -> None:
        """A screen of them, if there are any."""
        if failures:
            from runicorn_tui.screens.report import FailuresScreen

            self.app.stay_open()
            self.app.push_screen(FailuresScreen(f"{format.plural(len(failures), 'experiment')} {title}", failures))
