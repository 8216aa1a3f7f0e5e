from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from runicorn_tui import log_file
from runicorn_tui.log_file import Block, LogFile
from runicorn_tui.themes import themes
from runicorn_tui.widgets.log_pane import FindInput, LogPane
from runicorn_tui.widgets.log_view import EMPTY_LOG, NO_LOG, LogView
from tests.tui.drive import DEADLINE
from tests.tui.gate import Gate


class LogApp(App[None]):
    """Nothing but a log."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes("all")[0].variables

    def compose(self) -> ComposeResult:
        yield LogPane()


class Reader:
    def __init__(self, pilot: Pilot[None], directory: Path) -> None:
        self.pilot = pilot
        self.directory = directory

    @property
    def view(self) -> LogView:
        return self.pilot.app.query_one(LogView)

    @property
    def pane(self) -> LogPane:
        return self.pilot.app.query_one(LogPane)

    @property
    def lines(self) -> list[str]:
        strips = self.pilot.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def place(self) -> str:
        return self.lines[-1]

    async def settle(self) -> None:
        for _ in range(3):
            await self.pilot.app.workers.wait_for_complete()
            await self.pilot.pause()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something to become true; it is wrong if it never does."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def open(self, *, follow: bool = False) -> None:
        self.pane.open_run(str(self.directory), follow=follow)
        self.view.focus()
        await self.settle()

    async def write(self, content: bytes, mode: str = "ab") -> None:
        with (self.directory / "logs.txt").open(mode) as file:
            file.write(content)
        self.view.reload()
        await self.settle()


Script = Callable[[Reader], Awaitable[None]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., None]:
    """Opens a log of this content in a window of 40 by 10 (9 lines and the place) and lets a script read it."""

    def run(script: Script, content: bytes | None = None, *, follow: bool = False) -> None:
        async def drive() -> None:
            if content is not None:
                (tmp_path / "logs.txt").write_bytes(content)
            async with LogApp().run_test(size=(40, 10)) as pilot:
                reader = Reader(pilot, tmp_path)
                await reader.open(follow=follow)
                await script(reader)

        asyncio.run(drive())

    return run


def numbered(count: int, first: int = 1) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, first + count))


def test_the_first_lines_are_shown_and_the_place_is_said(read):
    async def script(reader: Reader) -> None:
        assert reader.lines[0].startswith("line 1 ") or reader.lines[0].rstrip("▁▂▃▄▅▆▇█ ") == "line 1"
        assert reader.place == " lines 1 to 9 of 1,000"

    read(script, numbered(1000))


def test_the_end_of_a_long_log_is_one_key_away(read):
    async def script(reader: Reader) -> None:
        await reader.press("G")
        assert "line 100000" in reader.lines[8]
        assert reader.place == " lines 99,992 to 100,000 of 100,000"
        await reader.press("k", "pageup")
        assert "line 99980" in reader.lines[0]
        await reader.press("g")
        assert reader.place == " lines 1 to 9 of 100,000"

    read(script, numbered(100_000))


def test_following_keeps_the_end_on_screen_until_one_looks_up(read):
    async def script(reader: Reader) -> None:
        assert "line 100" in reader.lines[8]
        assert reader.place.startswith(" following")
        await reader.write(numbered(5, first=101))
        assert "line 105" in reader.lines[8]
        await reader.press("up")
        assert not reader.view.is_following
        await reader.write(numbered(5, first=106))
        assert "line 101" in reader.lines[8]
        assert reader.place == " lines 93 to 101 of 110"
        await reader.press("F")
        assert "line 110" in reader.lines[8]

    read(script, numbered(100), follow=True)


def test_an_unfinished_line_is_shown_and_finished_later(read):
    async def script(reader: Reader) -> None:
        assert reader.lines[1] == "unfin"
        await reader.write(b"ished\n")
        assert reader.lines[1] == "unfinished"

    read(script, b"first\nunfin")


def test_a_log_that_was_replaced_is_shown_anew(read):
    async def script(reader: Reader) -> None:
        await reader.press("G")
        await reader.write(b"all new\n", "wb")
        assert reader.lines[0] == "all new"
        assert reader.place == " lines 1 to 1 of 1"

    read(script, numbered(50))


def test_lines_are_cut_at_the_width_and_say_so(read):
    async def script(reader: Reader) -> None:
        assert reader.lines[0] == "x" * 39 + "…"
        assert reader.lines[1] == "y" * 40

    read(script, b"x" * 41 + b"\n" + b"y" * 40 + b"\n")


def test_colours_are_shown_and_other_control_characters_are_visible(read):
    async def script(reader: Reader) -> None:
        assert reader.lines[0] == r"ok \x1b[2J[/]\x9b\x07"
        strip = reader.view.render_line(0)
        colors = {segment.text: segment.style.color for segment in strip if segment.style is not None}
        assert colors["ok"] is not None
        assert colors["ok"] != colors[r" \x1b[2J[/]\x9b\x07"]

    read(script, "\x1b[32mok\x1b[0m \x1b[2J[/]\x9b\x07\n".encode())


def test_a_progress_bar_shows_its_last_state(read):
    async def script(reader: Reader) -> None:
        assert reader.lines[0] == "100% done"

    read(script, b"  1% \r 50% \r100% done\n")


def test_finding_goes_from_match_to_match_and_round(read):
    async def script(reader: Reader) -> None:
        await reader.press("slash", *"LINE", "space", *"77", "enter")
        assert "'LINE 77' in line 77, 1 of 11" in reader.place
        assert any("line 77" in line for line in reader.lines)
        await reader.press("n")
        assert "in line 770, 2 of 11" in reader.place
        await reader.press("N", "N")
        assert "in line 779, 11 of 11" in reader.place
        assert not reader.view.is_following

    read(script, numbered(1000), follow=False)


def test_what_is_not_there_is_said_and_the_place_stays(read):
    async def script(reader: Reader) -> None:
        await reader.press("G", "slash", *"[/]", "enter")
        assert "'[/]' is not in the log" in reader.place
        assert reader.view.top == 91

    read(script, numbered(100))


def test_escape_leaves_the_search_line(read):
    async def script(reader: Reader) -> None:
        await reader.press("slash", *"abc", "escape")
        assert not reader.pilot.app.query_one(FindInput).display
        assert reader.view.has_focus
        assert reader.view.found is None

    read(script, numbered(5))


def test_an_absent_and_an_empty_log_say_what_they_mean(read):
    async def script(reader: Reader) -> None:
        assert reader.view.message == NO_LOG
        assert any(line.strip().startswith("No log: ") for line in reader.lines)
        await reader.press("G", "k", "F", "n", "slash", "a", "enter")
        await reader.write(b"")
        assert reader.view.message == EMPTY_LOG
        await reader.write(b"at last\n")
        assert reader.lines[0] == "at last"

    read(script)


def test_a_log_that_is_no_file_says_why(read, tmp_path):
    (tmp_path / "logs.txt").mkdir()

    async def script(reader: Reader) -> None:
        assert reader.view.message == "The log cannot be read: A directory, not a file."

    read(script)


def test_only_a_few_pages_of_a_long_log_are_held(read):
    async def script(reader: Reader) -> None:
        for top in range(0, 100_000, 2500):
            await reader.view.go(top)
        assert reader.view._rows is not None
        assert 0 < sum(reader.view._rows.held) <= 24 * 64

    read(script, numbered(100_000))


def test_steps_turn_half_a_page_and_pages_overlap_by_a_line(read):
    async def script(reader: Reader) -> None:
        await reader.press("j")
        assert reader.view.top == 4
        await reader.press("pagedown")
        assert reader.view.top == 12

    read(script, numbered(1000))


def test_a_pattern_between_slashes_is_a_regular_expression(read):
    async def script(reader: Reader) -> None:
        await reader.press("slash", "slash", *"99", "dollar_sign", "slash", "enter")
        assert "'/99$/' in line 99, 1 of 10" in reader.place
        await reader.press("slash", "slash", "left_parenthesis", "slash", "enter")
        assert "Not a regular expression" in reader.place
        assert reader.view.found == 98

    read(script, numbered(1000))


def test_what_is_appended_is_found_too(read):
    async def script(reader: Reader) -> None:
        await reader.press("slash", *"late", "enter")
        assert "is not in the log" in reader.place
        await reader.write(b"too late")
        await reader.press("n")
        assert "'late' in line 51, 1 of 1" in reader.place
        await reader.write(b"r\nnow\n")
        await reader.press("n")
        assert "'late' in line 51, 1 of 1" in reader.place

    read(script, numbered(50))


def test_e_goes_to_the_first_error_and_brackets_from_one_to_the_other(read):
    log = numbered(300) + b"Traceback (most recent call last):\n  File x\n" + numbered(300) + b"loss nan\n"

    async def script(reader: Reader) -> None:
        await reader.press("G", "e")
        assert reader.view.found == 300
        assert "error in line 301, 1 of 2" in reader.place
        assert not reader.view.is_following
        await reader.press("right_square_bracket")
        assert reader.view.found == 602
        await reader.press("right_square_bracket")
        assert reader.view.found == 300
        await reader.press("left_square_bracket")
        assert reader.view.found == 602

    read(script, log, follow=True)


def test_a_log_without_errors_says_so(read):
    async def script(reader: Reader) -> None:
        await reader.press("e")
        assert reader.place.startswith(" No line looks like an error")

    read(script, numbered(30))


def test_w_wraps_long_lines_and_no_line_of_the_screen_is_out_of_reach(read):
    letters = "abcdefghijklmnopqrstuvwxyz"
    long = "".join(letter * 39 for letter in letters)

    async def script(reader: Reader) -> None:
        await reader.press("w")
        assert reader.lines[0].startswith("aaa")
        assert "wrapped" in reader.place
        seen: list[str] = []
        for _ in range(12):
            seen += [line[0] for line in reader.lines[:-1] if line]
            await reader.press("j")
        assert set(letters) <= set(seen)
        await reader.press("G")
        assert reader.lines[8].startswith("last")
        await reader.press("k")
        assert reader.lines[8].startswith("w")
        await reader.press("g")
        assert reader.lines[0].startswith("aaa")
        await reader.press("w")
        assert reader.lines[1].startswith("last")

    read(script, f"{long}\nlast\n".encode())


def test_wrapping_keeps_wide_letters_whole(read):
    async def script(reader: Reader) -> None:
        await reader.press("w")
        assert "".join(line.rstrip(" ▁▂▃▄▅▆▇█") for line in reader.lines[:3]) == "x" + "中" * 50

    read(script, ("x" + "中" * 50 + "\n").encode())


def test_a_wrapped_log_is_followed_to_its_last_line(read):
    async def script(reader: Reader) -> None:
        await reader.press("w")
        await reader.write(b"y" * 100 + b"END\n")
        assert reader.lines[8].rstrip("▁▂▃▄▅▆▇█ ").endswith("END")

    read(script, b"x" * 100 + b"\n" + numbered(50), follow=True)


def test_c_leaves_the_last_state_of_each_progress_bar(read):
    bars = b"".join(b"train: %3d%%|##  | %d/100 [00:01<00:09, 9.1it/s]\n" % (step, step) for step in range(1, 101))

    async def script(reader: Reader) -> None:
        await reader.press("c")
        assert [line.rstrip("▁▂▃▄▅▆▇█ ") for line in reader.lines[:4]] == [
            "begin",
            "×100 train: 100%|##  | 100/100 [00:01<0…",
            "epoch 1",
            "×100 train: 100%|##  | 100/100 [00:01<0…",
        ]
        assert "progress collapsed" in reader.place
        await reader.press("slash", *"50/100", "enter")
        assert "in line 51, 1 of 2" in reader.place
        await reader.write(b"val: 1%| | 1/2 [00:01<00:09, 9.1it/s]")
        await reader.write(b"\nval: 2%| | 2/2 [00:01<00:09, 9.1it/s]\nend\n")
        await reader.press("G")
        assert [line.strip() for line in reader.lines[4:6]] == ["×2 val: 2%| | 2/2 [00:01<00:09, 9.1it/s]"[:40], "end"]
        await reader.press("c", "g", "j")
        assert reader.view.line_count == 205
        assert reader.lines[0].startswith("train:   4%")

    read(script, b"begin\n" + bars + b"epoch 1\n" + bars)


def test_f_shows_the_other_log_files_in_turn(read, tmp_path):
    (tmp_path / "train.log").write_bytes(b"of training\n")
    (tmp_path / "meta.json").write_bytes(b"{}")

    async def script(reader: Reader) -> None:
        assert reader.place == " logs.txt  lines 1 to 9 of 50"
        await reader.press("f")
        assert reader.lines[0] == "of training"
        assert reader.place == " train.log  lines 1 to 1 of 1"
        await reader.press("f")
        assert reader.lines[0].startswith("line 1")

    read(script, numbered(50))


def test_without_logs_txt_another_log_is_shown(read, tmp_path):
    (tmp_path / "train.log").write_bytes(b"of training\n")

    async def script(reader: Reader) -> None:
        assert reader.lines[0] == "of training"
        await reader.press("f")
        assert "There is no other log file" in reader.place

    read(script)


def test_a_pager_is_refused_without_a_terminal(read):
    async def script(reader: Reader) -> None:
        await reader.press("o")
        assert "A pager needs a terminal" in reader.place

    read(script, numbered(5))


def test_a_dragged_scroll_bar_shows_what_it_stands_for(read):
    async def script(reader: Reader) -> None:
        reader.view.scroll_to(y=500, animate=False)
        await reader.settle()
        assert "line 501" in reader.lines[0]
        assert reader.place == " lines 501 to 509 of 1,000"

    read(script, numbered(1000))


def test_what_is_looked_for_before_all_is_read_is_found_where_it_stands(read, monkeypatch):
    monkeypatch.setattr(log_file, "_BLOCK", 2000)

    async def script(reader: Reader) -> None:
        await reader.press("slash", *"needle")
        with (reader.directory / "logs.txt").open("ab") as file:
            file.write(numbered(20_000) + b"the needle\n")
        reader.view.reload()
        await reader.press("enter")
        await reader.until(lambda: "'needle' in line 20,002, 1 of 1" in reader.place)

    read(script, b"first\n")


def test_while_it_searches_it_says_how_far_and_no_old_place(read, monkeypatch):
    monkeypatch.setattr(log_file, "_BLOCK", 2000)
    gate, block = Gate(), LogFile.block

    def slow(log: LogFile, first: int) -> Block:
        if first > 100:
            gate.wait()
        return block(log, first)

    async def script(reader: Reader) -> None:
        await reader.press("slash", *"line", "space", "3", "enter")
        assert "'line 3' in line 3, 1 of 111" in reader.place
        monkeypatch.setattr(LogFile, "block", slow)
        await reader.press("slash", *"xyz")
        await reader.pilot.press("enter")
        await reader.until(lambda: "lines for 'xyz'" in reader.place)
        await reader.pilot.press("G")
        assert re.fullmatch(r" searched [\d,]+ of 999 lines for 'xyz'.*", reader.place)
        gate.open()
        await reader.until(lambda: "'xyz' in line 999, 1 of 1" in reader.place)

    read(script, numbered(998) + b"xyz\n")


def test_a_match_is_told_only_while_it_is_on_screen(read):
    log = numbered(300) + b"loss nan\n" + numbered(300)

    async def script(reader: Reader) -> None:
        await reader.press("e")
        assert "error in line 301, 1 of 1" in reader.place
        await reader.press("g")
        assert reader.place == " lines 1 to 9 of 601"
        await reader.press("n", "right_square_bracket")
        assert "error in line 301, 1 of 1" in reader.place
        await reader.press("pagedown", "pagedown")
        assert "error" not in reader.place
        await reader.press("pageup", "pageup")
        assert "error in line 301, 1 of 1" in reader.place

    read(script, log)


def test_a_pattern_that_takes_too_long_is_not_told_where_another_was_found(read):
    async def script(reader: Reader) -> None:
        await reader.press("slash", *"line", "space", "2", "enter")
        assert "'line 2' in line 2, 1 of 1" in reader.place
        reader.pane.find("/(a|aa)+$/")
        await reader.settle()
        assert "This pattern takes too long" in reader.place
        await reader.press("w", "w")
        assert "'line 2' in line 2, 1 of 1" in reader.place

    read(script, numbered(5) + b"a" * 200 + b"b\n")
