"""The browser: owns the store's threads, the screens, and what is remembered of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, cast

from textual import events, work
from textual.app import ComposeResult, ScreenStackError
from textual.binding import Binding, BindingType
from textual.dom import NoScreen
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.notifications import Notify
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import NoActiveWorker, Worker, get_current_worker  # pyright: ignore[reportUnknownVariableType]

from runicorn_db.errors import StoreError
from runicorn_tui import acts, keys, list_status, themes
from runicorn_tui.companions import Companions, ServerHandle
from runicorn_tui.keymap import Keymap
from runicorn_tui.line_filters import Colorless, OnlyAscii
from runicorn_tui.notices import Alert, Notices
from runicorn_tui.screens import LOW_BELOW
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.settings import Settings
from runicorn_tui.terminal import alert, copying, on_end_signals, passed_on, safe, shows
from runicorn_tui.terse import TerseDriver
from runicorn_tui.typed_ahead import TypedAhead
from runicorn_tui.widgets.status_line import PRESSES

if TYPE_CHECKING:
    from runicorn_db.outcomes import ChangeResult
    from runicorn_db.store import Store
    from runicorn_tui.state import Memory

P = ParamSpec("P")
T = TypeVar("T")

MIN_WIDTH, MIN_HEIGHT = 40, 10
REMEMBER_SECONDS = 1.0


class RunicornApp(Companions, Notices, TypedAhead):
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
        super().__init__(watch=watch, intervals=(running_interval, full_interval), make_server=make_server, serve=serve)
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
        self._going_on: list[Callable[[], str]] = []
        self._stays_open = False
        self.one_by_one = asyncio.Lock()
        """Held by what turns something over: pressed twice, it is as before."""
        self.history = acts.History()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="store")
        self._forget_signals: Callable[[], None] | None = None

    def get_default_screen(self) -> Screen[None]:
        return ExperimentsScreen()

    @property
    def first_screen(self) -> ExperimentsScreen:
        """The one that all others lie on."""
        return cast("ExperimentsScreen", self.screen_stack[0])

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerseDriver if chosen is LinuxDriver else chosen

    # How it looks.

    def _choose_themes(self) -> None:
        """Ours in the place of Textual's; the one that is set, else the one of last time."""
        for name in self.available_themes:
            self.unregister_theme(name)
        colors = "none" if self.is_colorless else themes.colors_of(self.console.color_system)
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
            answer = asyncio.get_running_loop().run_in_executor(self._threads, partial(question, *args, **kwargs))
        except RuntimeError:
            # The browser has ended, and its threads.
            raise asyncio.CancelledError from None
        try:
            return await answer
        finally:
            if self._is_asked_for_nobody():
                raise asyncio.CancelledError

    def _is_asked_for_nobody(self) -> bool:
        """Whether this runs in a worker of a screen that is or gets closed, which Textual cancels a moment later."""
        try:
            worker = cast("Worker[Any]", get_current_worker())
            is_closing = not self.is_running and worker.node is not self
            return worker.is_running and (is_closing or worker.node.screen not in self.screen_stack)
        except (NoActiveWorker, NoScreen, ScreenStackError):
            return False

    async def restore_batch(self, batch_id: int) -> ChangeResult:
        """Takes back what an act of deletion still holds, however much."""
        with self.doing(lambda: f"restoring deletion {batch_id}"):
            result = await self.ask(self.store.restore_batch, batch_id)
            if result.errors:
                self.stay_open()
            return result

    # What must not be cut off without a word.

    @contextmanager
    def doing(self, what: Callable[[], str]) -> Generator[None]:
        """Something that changes experiments goes on inside; `what` says what, and how far it is."""
        self._going_on.append(what)
        try:
            yield
        except Exception:
            self.stay_open()
            raise
        finally:
            self._going_on.remove(what)
            # A dialog learns what came of it right after this.
            self.call_later(self.stop_asking)

    def stay_open(self) -> None:
        """Something is to be read or answered: the browser does not end by itself now."""
        self._stays_open = True

    def stop_asking(self) -> None:
        """Quits, as it was asked to, once there is nothing to wait for any more and nothing else to be said."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(screen, QuitScreen) and not self.going_on():
            screen.dismiss(not self._stays_open)

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
            self._stays_open = False
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

    def _end(self, status: int) -> None:
        self.exit(return_code=status)

    async def on_unmount(self) -> None:
        if self._forget_signals is not None:
            self._forget_signals()
        if self._remembering is not None:
            # `_stop_threads` writes, and leaves no thread to ask.
            self._remembering.stop()
        await asyncio.to_thread(self._stop_threads)

    def _stop_threads(self) -> None:
        self._write()
        self._stop_companions()
        self._threads.shutdown(wait=True, cancel_futures=True)

    # Telling the person who is not looking.

    def alert(self, text: str) -> None:
        """A notice, and what the setting `notify` wants of the terminal besides."""
        self.post_message(Notify(Alert(safe(text), timeout=self.NOTIFICATION_TIMEOUT)))
        if self._driver is not None:
            self._driver.write(passed_on(alert(self._alert_by, text)))

    def copy_to_clipboard(self, text: str) -> None:
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(copying(text))

    # Whatever the screen.

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
        told = self._told_too_small
        if is_small and told is None:
            self.push_screen(TooSmall())
        elif told is not None and not is_small:
            self._take_away(told)

    def _screen_changed(self, screen: Screen[object]) -> None:
        super()._screen_changed(screen)
        told = self._told_too_small
        if told is not None and not isinstance(self.screen, TooSmall | QuitScreen):
            # Nobody could read what a key agrees to on a screen that opens late.
            self._take_away(told)
            self.push_screen(TooSmall())

    @property
    def _told_too_small(self) -> TooSmall | None:
        return next((screen for screen in self._screen_stack if isinstance(screen, TooSmall)), None)

    def _take_away(self, screen: Screen[None]) -> None:
        """Wherever it lies: behind what was opened over it, it would hide the screens."""
        if screen is self.screen:
            self.pop_screen()
        else:
            # Textual takes away only the topmost.
            self._screen_stack.remove(screen)
            screen.remove()


class TooSmall(ModalScreen[None]):
    """Shown instead of a screen that would be unreadable."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", show=False)]

    def compose(self) -> ComposeResult:
        yield Static(f"Needs {MIN_WIDTH}x{MIN_HEIGHT} cells (q quits)", markup=False)
