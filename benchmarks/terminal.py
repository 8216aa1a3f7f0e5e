"""Prints what the browser costs on an index as a Markdown table: `python benchmarks/terminal.py INDEX [--delete]`.

The program runs in a pty and is read back by a terminal emulator; `make_index.py` makes an index of any size.
With `--delete` experiments are moved to the trash and brought back, so that the index is written to.
With `--files N` run directories of N experiments are made first and all moved to the trash, with their marker files.
"""

from __future__ import annotations

import argparse
import os
import select
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pexpect
import psutil
import pyte
from figures import highest, machine

from runicorn_db.demo import write_demo
from runicorn_db.store import Store
from runicorn_db.sync import sync

DOWN, PAGE_DOWN, HOME, END, ESCAPE = "\x1b[B", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b"
SLOW_FILTER = "-norm -tuned"
LARGE_FILTER = "project:project_11"
DEMANDING_FILTERS = ("v1", "学习", "name~res.*5", "name:res", SLOW_FILTER)


class Browser:
    """The browser in a pty of `columns` by `rows`."""

    def __init__(self, index: Path, columns: int, rows: int) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "RUNICORN_TUI_WATCH": "false"}
        environment.pop("NO_COLOR", None)
        # Neither begins where another run ended nor leaves its own place to the next one.
        self._state = tempfile.TemporaryDirectory()
        environment["XDG_STATE_HOME"] = environment["XDG_CONFIG_HOME"] = self._state.name
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.began = time.perf_counter()
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "runicorn_tui", "--db", str(index)],
            dimensions=(rows, columns),
            env=environment,
        )
        # Its pause before every send would count as the time of a key.
        self.child.delaybeforesend = None
        self.process = psutil.Process(self.child.pid)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def _read(self, seconds: float) -> bytes:
        if not select.select([self.child.child_fd], [], [], seconds)[0]:
            return b""
        return os.read(self.child.child_fd, 1 << 16)

    def until(self, is_met: Callable[[str], bool], limit: float = 80.0) -> float:
        """Seconds from the last `send` (or the start) to the bytes that made the screen fulfil a condition."""
        while not is_met(self.text):
            if time.perf_counter() - self.began > limit:
                sys.exit(f"This did not come:\n{self.text}")
            data = self._read(0.5)
            arrived = time.perf_counter()
            self._stream.feed(data)
            self._arrived = arrived
        return self._arrived - self.began

    def settle(self, quiet: float = 1.0) -> int:
        """Reads until nothing comes any more; how many bytes that were."""
        size = 0
        while data := self._read(quiet):
            self._stream.feed(data)
            size += len(data)
        return size

    def send(self, keys: str) -> None:
        self.began = self._arrived = time.perf_counter()
        self.child.send(keys)

    def press(self, key: str, quiet: float = 0.15) -> tuple[float, int]:
        """Milliseconds from a key to its first byte, and all bytes it makes."""
        self.send(key)
        data = self._read(10.0)
        waited = (time.perf_counter() - self.began) * 1000
        self._stream.feed(data)
        return waited, len(data) + self.settle(quiet)

    @property
    def memory(self) -> float:
        """MiB in use now."""
        return self.process.memory_info().rss / 2**20

    @property
    def peak(self) -> float:
        """MiB at the highest so far."""
        return highest(self.process.pid)

    def quit(self) -> None:
        self.send("q")
        while self.child.isalive():
            try:
                self._read(0.2)
            except OSError:
                break
        self.child.close()
        self._state.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("--delete", action="store_true")
    parser.add_argument("--files", type=int, default=0, metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine(), "\n| terminal | median | max |\n|---|---|---|", sep="\n", flush=True)
    starting(options.index, options.rounds)
    for columns, rows in ((80, 24), (160, 50)):
        moving(options.index, columns, rows, options.rounds)
    typing(options.index)
    filtering(options.index)
    marking(options.index)
    if options.delete:
        deleting(options.index)
    if options.files:
        trashing(options.files)


def row(label: str, values: Sequence[float], unit: str) -> None:
    print(f"| {label} | {statistics.median(values):,.1f} {unit} | {max(values):,.1f} {unit} |", flush=True)


def memory(label: str, browser: Browser) -> None:
    row(label, [browser.memory], "MiB")
    row(f"{label}, highest", [browser.peak], "MiB")


def starting(index: Path, rounds: int) -> None:
    firsts: list[float] = []
    totals: list[float] = []
    orders: list[float] = []
    sizes: list[float] = []
    for _ in range(rounds):
        browser = Browser(index, 160, 50)
        firsts.append(browser.until(lambda text: "project_" in text))
        totals.append(browser.until(lambda text: " 1/" in text))
        browser.send(END)
        orders.append(totals[-1] + browser.until(is_at_end))
        sizes.append(browser.memory)
        browser.quit()
    row("start to first rows", firsts, "s")
    row("start to exact total", totals, "s")
    row("start to the last row (End at once)", orders, "s")
    row("RSS then", sizes, "MiB")


def is_at_end(text: str) -> bool:
    position = next((word for word in text.split() if "/" in word and word[0].isdigit()), "0/1")
    first, _, last = position.partition("/")
    return first == last


def moving(index: Path, columns: int, rows: int, rounds: int) -> None:
    browser = Browser(index, columns, rows)
    browser.until(lambda text: " 1/" in text)
    browser.settle(6.0)
    before = sum(browser.process.cpu_times()[:2])
    written = browser.settle(4.0)
    row(f"idle {columns}x{rows}: CPU in 4 s", [(sum(browser.process.cpu_times()[:2]) - before) * 1000], "ms")
    row(f"idle {columns}x{rows}: written", [written], "B")
    for label, keys, count in (
        ("down", (DOWN,), 3 * rounds),
        ("page", (PAGE_DOWN,), 3 * rounds),
        ("End, Home", (END, HOME), rounds),
    ):
        pressed = [browser.press(key) for _ in range(count) for key in keys]
        row(f"{label} {columns}x{rows}: to the first byte", [waited for waited, _ in pressed], "ms")
        row(f"{label} {columns}x{rows}: written", [size for _, size in pressed], "B")
    # The pane beside the list follows when the cursor has rested.
    moved = [(browser.press(DOWN, quiet=0.05)[1], browser.settle(0.3))[0] for _ in range(3 * rounds)]
    row(f"down {columns}x{rows}: written before the pane follows", moved, "B")
    row(f"RSS {columns}x{rows}", [browser.memory], "MiB")
    browser.quit()


def typing(index: Path) -> None:
    """Letters of a filter that takes long, each while the question of the one before runs."""
    browser = Browser(index, 160, 50)
    browser.until(lambda text: " 1/" in text)
    browser.settle(2.0)
    browser.press("/")
    echoes: list[float] = []
    for count in range(1, len(SLOW_FILTER) + 1):
        typed = SLOW_FILTER[:count]
        browser.send(typed[-1])
        echo = browser.until(lambda text: typed.rstrip() in text.splitlines()[0])  # noqa: B023 - called at once
        # A blank cannot be seen.
        if not typed.endswith(" "):
            echoes.append(echo * 1000)
        # Longer than the bar waits for another letter, shorter than the question takes.
        end = time.perf_counter() + 0.2
        while (left := end - time.perf_counter()) > 0:
            browser._stream.feed(browser._read(left))
    row("letter of a filter while the one before is asked: echo", echoes, "ms")
    browser.send(ESCAPE)
    browser.settle(2.0)
    browser.quit()


def filtering(index: Path) -> None:
    """Filters that look at every experiment, typed one after the other, then another order."""
    browser = Browser(index, 160, 50)
    browser.until(lambda text: " 1/" in text)
    browser.settle(2.0)
    for text in DEMANDING_FILTERS:
        browser.press("/")
        # The one before goes first.
        browser.press("\x15")
        browser.send(text)
        browser.settle(4.0)
        browser.send("\r")
        browser.settle(2.0)
    memory("RSS after demanding filters", browser)
    browser.send("s")
    browser.settle(4.0)
    memory("RSS in another order then", browser)
    browser.quit()


def marking(index: Path) -> None:
    browser = Browser(index, 160, 50)
    browser.until(lambda text: " 1/" in text)
    browser.settle(2.0)
    before = browser.memory
    browser.send("a")
    row("a: all marked", [browser.until(lambda text: " marked" in text)], "s")
    browser.settle()
    row("a: memory for it", [browser.memory - before], "MiB")
    row("down among a million marks", [browser.press(DOWN)[0] for _ in range(9)], "ms")
    browser.send("d")
    row("d: dialog", [browser.until(lambda text: " type " in text or "Nothing to move" in text)], "s")
    memory("d: RSS", browser)
    browser.send(ESCAPE)
    browser.settle()
    browser.send("s")
    browser.settle(2.0)
    browser.send("U")
    browser.settle()
    browser.send("a")
    row("a in another order", [browser.until(lambda text: " marked" in text)], "s")
    memory("RSS then", browser)
    browser.quit()


def deleting(index: Path) -> None:
    browser = Browser(index, 160, 50)
    browser.until(lambda text: " 1/" in text)
    browser.settle(2.0)
    browser.send(f"/{LARGE_FILTER}")
    browser.until(lambda text: " of 9" in text)
    browser.settle()
    browser.send("\r")
    browser.settle()
    browser.send("a")
    browser.until(lambda text: " marked" in text)
    browser.settle()
    browser.send("d")
    row("d on what one project holds: dialog", [browser.until(lambda text: " type " in text)], "s")
    number = next(line.split(" type ")[1].split()[0] for line in browser.text.splitlines() if " type " in line)
    browser.send(f"{number}\r")
    row(f"{int(number):,} to the trash", [browser.until(lambda text: "moved to trash" in text)], "s")
    browser.settle()
    browser.send("z")
    row(f"{int(number):,} brought back", [browser.until(lambda text: " restored" in text)], "s")
    memory("RSS then", browser)
    browser.settle()
    browser.quit()


def trashing(experiments: int) -> None:
    """The keys of a person, each as soon as the one before is answered."""
    with tempfile.TemporaryDirectory() as folder:
        root, index = Path(folder) / "root", Path(folder) / "index.db"
        write_demo(root, experiments, steps=2)
        with Store(index) as store:
            store.add_root(root)
            sync(store)
        browser = Browser(index, 160, 50)
        browser.until(lambda text: " 1/" in text)
        browser.settle(2.0)
        browser.send("a")
        waited = [browser.until(lambda text: " marked" in text)]
        browser.send("d")
        waited.append(browser.until(lambda text: " type " in text))
        number = next(line.split(" type ")[1].split()[0] for line in browser.text.splitlines() if " type " in line)
        began = time.perf_counter()
        browser.send(f"{number}\r")
        waited.append(browser.until(lambda text: "moved to trash" in text))
        row(f"{int(number):,} with their files, a d number Enter: to the trash", [sum(waited)], "s")
        with closing(sqlite3.connect(index)) as connection:
            while connection.execute("SELECT count(*) FROM outbox").fetchone() != (0,):
                browser.settle(0.1)
        row("until the last marker file is there", [time.perf_counter() - began], "s")
        browser.send("z")
        row("z: all brought back", [browser.until(lambda text: " restored" in text)], "s")
        memory("RSS then", browser)
        browser.settle()
        browser.quit()


if __name__ == "__main__":
    main()
