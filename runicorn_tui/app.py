"""The browser: owns the store's threads, the optional REST server and the screens."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Protocol, TypeVar, cast

from textual import events, work
from textual.app import App, ComposeResult, ScreenStackError
from textual.binding import Binding, BindingType
from textual.dom import NoScreen
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import NoActiveWorker, Worker, get_current_worker  # pyright: ignore[reportUnknownVariableType]

from runicorn_db.errors import StoreError
from runicorn_tui import acts, keys, list_status, themes
from runicorn_tui.keymap import Keymap
from runicorn_tui.line_filters import Colorless, OnlyAscii
from runicorn_tui.messages import IndexChanged, ServerChanged, SyncFailed, SyncMoved
from runicorn_tui.screens import LOW_BELOW
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.settings import Settings
from runicorn_tui.terminal import alert, copying, on_end_signals, passed_on, safe, shows
from runicorn_tui.terse import TerseDriver
from runicorn_tui.widgets.status_line import PRESSES

if TYPE_CHECKING:
    from runicorn_db.query import ChangeResult
    from runicorn_db.store import Store
    from runicorn_db.sync_report import SyncProgress, SyncReport
    from runicorn_db.watch import Watcher
    from runicorn_tui.state import Memory

P = ParamSpec("P")
T = TypeVar("T")

MIN_WIDTH, MIN_HEIGHT = 40, 10
REMEMBER_SECONDS = 1.0
_SWITCH_SECONDS, _PYTHON_SWITCH_SECONDS = 0.0005, 0.005
"""How long a thread keeps the interpreter while others want it: here, and by Python's own choice."""


class ServerHandle(Protocol):
    """A REST server that is not running yet."""

    def start(self) -> object: ...
    def stop(self) -> object: ...
    @property
    def url(self) -> str: ...


class RunicornApp(App[None]):
    """Browse the experiments of `store`; with `roots` (names) only theirs."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "runicorn-tui"
    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-low"), (LOW_BELOW, "-high")]  # pyright: ignore[reportIncompatibleVariableOverride]
    TYPED_COMMANDS: ClassVar[dict[str, tuple[str, str]]] = {
        ":help": ("help", "every key that works here"),
        ":quit": ("quit", "end the browser"),
    }
    """For the palette, wherever it is opened: an action and what it is."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("app"),
        # Textual would show a notice about ctrl+q instead; people expect it to end a program.
        Binding("ctrl+c", "quit", show=False, priority=False),
    ]

    def __init__(
        self,
        store: Store,
        *,
        roots: tuple[str, ...] = (),
        watch: bool = True,
        running_interval: float = 2.0,
        full_interval: float = 60.0,
        make_server: Callable[[], ServerHandle] | None = None,
        serve: bool = False,
        clock: Callable[[], float] = time.time,
        memory: Memory | None = None,
        preview: bool = True,
        notify: str = "off",
        settings: Settings | None = None,
        keymap: Keymap | None = None,
    ) -> None:
        super().__init__()
        self.keymap = keymap or Keymap()
        """Which key does what."""
        self.store = store
        self.roots = roots
        self.clock = clock
        self.memory = memory
        self.settings = settings or Settings()
        """What commands have to say that are shown to be used elsewhere."""
        if shows.is_slow:
            self.animation_level = "none"
        self.is_colorless = bool(os.environ.get("NO_COLOR"))
        """As https://no-color.org asks."""
        self._last_filters = [*([Colorless()] if self.is_colorless else []), *([OnlyAscii()] if shows.is_ascii else [])]
        self._choose_themes()
        self.memory_problem: str | None = None
        """Why the last that was to be remembered was not written."""
        self._remembering: Timer | None = None
        self.shows_preview = preview if memory is None else memory.state.preview
        """Whether the pane beside the list is wanted; where there is no room it is not there all the same."""
        self._alert_by = notify
        self.is_watching = watch
        self._intervals = (running_interval, full_interval)
        self._make_server = make_server
        self._serves_at_start = serve
        self._server: ServerHandle | None = None
        self._watcher: Watcher | None = None
        self._sync_end: Timer | None = None
        self._sync: SyncProgress | None = None
        self._going_on: list[Callable[[], str]] = []
        self.history = acts.History()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="store")
        self._forget_signals: Callable[[], None] | None = None

    def get_default_screen(self) -> Screen[None]:
        return ExperimentsScreen()

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerseDriver if chosen is LinuxDriver else chosen

    # How it looks.

    def _choose_themes(self) -> None:
        """Ours in the place of Textual's; the one that is set, else the one of last time."""
        for name in self.available_themes:
            self.unregister_theme(name)
        colors = "none" if self.is_colorless else "sixteen" if self.console.color_system == "standard" else "all"
        for theme in themes.themes(colors):
            self.register_theme(theme)
        remembered = "" if self.memory is None else self.memory.state.theme
        wanted = (self.settings.theme, remembered, themes.DEFAULT, *self.available_themes)
        self.theme = next(name for name in wanted if name in self.available_themes)

    def watch_theme(self, before: str, theme: str) -> None:
        if before != theme and before in self.available_themes:
            self.remember(theme=theme)

    def get_line_filters(self) -> Sequence[LineFilter]:
        # Textual's own filter for NO_COLOR makes greys of the colours.
        return self._last_filters if self.is_colorless else [*super().get_line_filters(), *self._last_filters]

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer of something that blocks, such as a method of the store, asked in a thread.

        A worker of a screen that was left meanwhile ends here: there is nothing any more to show the answer on.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(question, *args, **kwargs))
        finally:
            if self._is_asked_for_nobody():
                raise asyncio.CancelledError

    def _is_asked_for_nobody(self) -> bool:
        """Whether this runs in a worker of a screen that is closed, which Textual cancels a moment later."""
        try:
            worker = cast("Worker[Any]", get_current_worker())
            return worker.is_running and worker.node.screen not in self.screen_stack
        except (NoActiveWorker, NoScreen, ScreenStackError):
            return False

    async def restore_batch(self, batch_id: int) -> ChangeResult:
        """Takes back what an act of deletion still holds, however much."""
        with self.doing(lambda: f"restoring deletion {batch_id}"):
            return await self.ask(self.store.restore_batch, batch_id)

    # What must not be cut off without a word.

    @contextmanager
    def doing(self, what: Callable[[], str]) -> Generator[None]:
        """Something that changes experiments goes on inside; `what` says what, and how far it is."""
        self._going_on.append(what)
        try:
            yield
        finally:
            self._going_on.remove(what)
            self._stop_asking()

    def _stop_asking(self) -> None:
        """There is nothing to ask about any more."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(screen, QuitScreen) and not self.going_on():
            screen.dismiss(False)

    def going_on(self) -> list[str]:
        """What is being done, in words."""
        sync = [] if self._sync is None else [list_status.reading(self._sync)]
        return [what() for what in self._going_on] + sync

    async def action_quit(self) -> None:
        """Ends the browser; says first what is being done, if something is."""
        if self.going_on():
            self.ask_to_quit()
        else:
            self.exit()

    def ask_to_quit(self) -> None:
        """Says what is being done; ends the browser if that is wanted all the same."""

        def answered(is_wanted: bool | None) -> None:
            if is_wanted:
                self.exit()

        if isinstance(self.screen, QuitScreen):
            self.exit()
        else:
            self.push_screen(QuitScreen(self.going_on), answered)

    # What is remembered for the next start.

    def remember(self, **changes: object) -> None:
        """Fields of `state.State`; written a moment later, and at the end."""
        if self.memory is not None:
            self.memory.remember(**changes)
            if self._remembering is None:
                self._remembering = self.set_timer(REMEMBER_SECONDS, self._write_memory)

    @work(group="memory")
    async def _write_memory(self) -> None:
        self._remembering = None
        before = self.memory_problem
        await self.ask(self._write)
        if self.memory_problem is not None and before is None:
            self.notify(safe(self.memory_problem), severity="warning", markup=False)

    def _write(self) -> None:
        """In a thread."""
        if self.memory is not None:
            try:
                self.memory.write()
                self.memory_problem = None
            except (OSError, StoreError) as error:
                self.memory_problem = f"Not remembered for the next start: {error}"

    # Beginning and end.

    def get_theme_variable_defaults(self) -> dict[str, str]:
        # The style sheet is read before the theme is set.
        return themes.themes("all")[0].variables

    def on_load(self) -> None:
        self.set_keymap(self.keymap.of_bindings())
        # Before the terminal is switched to full screen.
        self._forget_signals = on_end_signals(self._end)
        self._share_interpreter()

    def first_rows_are_shown(self) -> None:
        """Begins what can wait until there is something to look at."""
        if self.is_watching and self._watcher is None:
            self._watch()
        if self._serves_at_start:
            self._serves_at_start = False
            self.action_toggle_server()

    def _end(self, status: int) -> None:
        self.exit(return_code=status)

    async def on_unmount(self) -> None:
        if self._forget_signals is not None:
            self._forget_signals()
        sys.setswitchinterval(_PYTHON_SWITCH_SECONDS)
        await asyncio.to_thread(self._stop_threads)

    def _stop_threads(self) -> None:
        self._write()
        if self._watcher is not None:
            self._watcher.stop(timeout=1.0)
        if self._server is not None:
            self._server.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)

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
        self._sync = progress if progress is not None and progress.done < progress.total else None
        self._stop_asking()
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

    # Telling the person who is not looking.

    def alert(self, text: str) -> None:
        """A notice, and what the setting `notify` wants of the terminal besides."""
        self.notify(safe(text), markup=False)
        if self._driver is not None:
            self._driver.write(passed_on(alert(self._alert_by, text)))

    def copy_to_clipboard(self, text: str) -> None:
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(copying(text))

    # Whatever the screen.

    def on_key(self, event: events.Key) -> None:
        """A field takes every letter it is given: one that comes by here was typed before the field had the focus."""
        if isinstance(self.focused, Input) and event.is_printable and event.character is not None:
            self.focused.insert_text_at_cursor(event.character)
            event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        if isinstance(key := event.style.meta.get(PRESSES), str):
            self.simulate_key(key)

    def action_help(self) -> None:
        from runicorn_tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(getattr(self.screen, "SCOPES", ("app",))))

    def action_palette(self, text: str = "") -> None:
        from runicorn_tui.screens.palette import Entry, PaletteScreen, entries

        async def chosen(entry: Entry | None) -> None:
            if entry is not None:
                await self.run_action(entry.action, entry.node)

        self.push_screen(PaletteScreen(entries(self), text), chosen)

    def action_theme(self, name: str) -> None:
        self.theme = name

    def on_resize(self, event: events.Resize) -> None:
        is_small = event.size.width < MIN_WIDTH or event.size.height < MIN_HEIGHT
        if is_small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not is_small and isinstance(self.screen, TooSmall):
            self.pop_screen()


class TooSmall(ModalScreen[None]):
    """Shown instead of a screen that would be unreadable."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", show=False)]

    def compose(self) -> ComposeResult:
        yield Static(f"Needs {MIN_WIDTH}x{MIN_HEIGHT} cells (q quits)", markup=False)
