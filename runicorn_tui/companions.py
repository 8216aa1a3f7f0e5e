"""What runs beside the screens: the thread that follows the roots, and the REST server."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from textual import work
from textual.app import App
from textual.timer import Timer

from runicorn_db.errors import StoreError
from runicorn_tui.messages import IndexChanged, ServerChanged, SyncFailed, SyncMoved
from runicorn_tui.terminal import safe

if TYPE_CHECKING:
    from runicorn_db.store import Store
    from runicorn_db.sync_report import SyncProgress, SyncReport
    from runicorn_db.watch import Watcher

P = ParamSpec("P")
T = TypeVar("T")

_SWITCH_SECONDS, _PYTHON_SWITCH_SECONDS = 0.0005, 0.005
"""How long a thread keeps the interpreter while others want it: here, and by Python's own choice."""


class ServerHandle(Protocol):
    """A REST server that is not running yet."""

    def start(self) -> object: ...
    def stop(self) -> object: ...
    @property
    def url(self) -> str: ...


class Companions(App[None]):
    """Starts and stops them, and tells every screen what they find."""

    def __init__(
        self,
        *,
        watch: bool,
        intervals: tuple[float, float],
        make_server: Callable[[], ServerHandle] | None,
        serve: bool,
    ) -> None:
        super().__init__()
        self.is_watching = watch
        self._intervals = intervals
        self._make_server = make_server
        self._serves_at_start = serve
        self._server: ServerHandle | None = None
        self._watcher: Watcher | None = None
        self._sync_end: Timer | None = None
        self._sync: SyncProgress | None = None

    if TYPE_CHECKING:
        store: Store
        roots: tuple[str, ...]

        def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]: ...
        def stop_asking(self) -> None: ...

    def on_load(self) -> None:
        self._share_interpreter()

    async def on_unmount(self) -> None:
        sys.setswitchinterval(_PYTHON_SWITCH_SECONDS)

    def first_rows_are_shown(self) -> None:
        """Begins what can wait until there is something to look at."""
        if self.is_watching and self._watcher is None:
            self._watch()
        if self._serves_at_start:
            self._serves_at_start = False
            self.action_toggle_server()

    def _stop_companions(self) -> None:
        """In a thread: waits for their end."""
        if self._watcher is not None:
            self._watcher.stop(timeout=1.0)
        if self._server is not None:
            self._server.stop()

    # Roots.

    def _watch(self) -> None:
        """Reads the roots in a thread of its own, from now to the end."""
        from runicorn_db.watch import Watcher

        self._watcher = Watcher(
            self.store,
            list(self.roots) or None,
            running_interval=self._intervals[0],
            full_interval=self._intervals[1],
            on_change=self._index_changed,
            on_progress=self._sync_moved,
            on_problem=self._sync_failed,
        )
        self._watcher.start()

    # In the watcher's thread: posting is all that may be done there.

    def _index_changed(self, report: SyncReport) -> None:
        self.post_message(IndexChanged(report))

    def _sync_moved(self, progress: SyncProgress) -> None:
        self.post_message(SyncMoved(progress))

    def _sync_failed(self, reason: str) -> None:
        self.post_message(SyncFailed(reason))

    @property
    def is_syncing(self) -> bool:
        """Whether all roots are being read right now."""
        return self._watcher is not None and self._watcher.is_syncing

    def look_now(self) -> None:
        """Reads the roots again, soon."""
        if self._watcher is not None:
            self._watcher.look_now()

    def on_index_changed(self, message: IndexChanged) -> None:
        for screen in self.screen_stack:
            screen.post_message(IndexChanged(message.report))

    def on_sync_moved(self, message: SyncMoved) -> None:
        for screen in self.screen_stack:
            screen.post_message(SyncMoved(message.progress))
        progress = message.progress
        # What is done with one part is not yet done with the next.
        if progress is None or progress.done < progress.total or self._sync is not None:
            self._sync = progress
        self.stop_asking()
        if message.progress is not None and self._sync_end is None:
            self._sync_end = self.set_interval(0.25, self._notice_end_of_sync)

    def _notice_end_of_sync(self) -> None:
        """A look that found nothing new ends without a word."""
        if self._sync_end is not None and self._watcher is not None and not self._watcher.is_syncing:
            self._sync_end.stop()
            self._sync_end = None
            self.post_message(SyncMoved(None))

    def on_sync_failed(self, message: SyncFailed) -> None:
        for screen in self.screen_stack:
            screen.post_message(SyncFailed(message.reason))

    # The REST server.

    @work(group="server", exclusive=True)
    async def action_toggle_server(self) -> None:
        if self._make_server is None:
            self.notify("No REST server can be started from here.", markup=False)
            return
        running, self._server = self._server, None
        if running is not None:
            await self.ask(running.stop)
            self._share_interpreter()
            self._tell(ServerChanged(None))
            return
        try:
            server = await self.ask(self._make_server)
            await self.ask(server.start)
        except (OSError, StoreError) as error:
            self._tell(ServerChanged(None, str(error)))
            return
        self._server = server
        self._share_interpreter()
        self._tell(ServerChanged(server.url))

    def _share_interpreter(self) -> None:
        # A key that was pressed waits for the interpreter while a question is asked, at each of the threads it passes
        # through. With a server in the process, whose threads want it too, so short a turn makes keys slower.
        sys.setswitchinterval(_SWITCH_SECONDS if self._server is None else _PYTHON_SWITCH_SECONDS)

    def _tell(self, message: ServerChanged) -> None:
        for screen in self.screen_stack:
            screen.post_message(ServerChanged(message.address, message.reason))
        if message.reason is not None:
            self.notify(safe(f"REST server: {message.reason}"), severity="error", markup=False)
