from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_tui import log_file
from runicorn_tui.log_file import LogFile
from runicorn_tui.progress_lines import Collapsed, label_of


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (b" 45%|####5     | 45/100 [00:01<00:02, 30.2it/s]", b""),
        ("Epoch 3:  45%|████▌     | 45/100 [00:01<00:02, 30.2it/s, loss=0.1]".encode(), b"Epoch 3:"),
        (b"[08:53:01] train: 100%|##########| 9/9 [00:01<00:00,  9.1it/s]", b"train:"),
        (b"08:53:01 | 30it [00:10, 3.1it/s]", b""),
        (b"Downloading: 3.2MB [00:01, 2.9MB/s]", b"Downloading:"),
        (b"30/100 [=====>........................] - ETA: 3s - loss: 0.12", b""),
        ("   ━━━━━━━━━╸      1.2/3.4 MB 2.1 MB/s".encode(), b""),
        (b"model.bin:  12% 4.1MB/s", b"model.bin:"),
    ],
)
def test_bars_are_known_with_what_stands_before_them(line, label):
    assert label_of(line) == label


@pytest.mark.parametrize(
    "line", [b"", b"accuracy 45%", b"step 3/10 loss 0.1", b"shape [3, 4]", b"layers 3 [1, 2]", b"a | b", b"50% done"]
)
def test_ordinary_lines_are_no_bars(line):
    assert label_of(line) is None


def collapsed(log: LogFile) -> Collapsed:
    found = Collapsed(log)
    while log.extend():
        pass
    while found.extend():
        pass
    return found


BAR = b"%s: %d%%| | %d/9 [00:01<00:02, 3it/s]"


@settings(max_examples=150)
@given(
    kinds=st.lists(st.sampled_from([b"train", b"val", b""]), max_size=20),
    parts=st.lists(st.integers(1, 60), max_size=8),
    block=st.integers(1, 80),
)
def test_of_neighbours_with_one_label_the_last_is_left_however_the_file_grew(tmp_path_factory, kinds, parts, block):
    lines = [BAR % (kind, n, n) if kind else b"line %d" % n for n, kind in enumerate(kinds)]
    content = b"\n".join(lines)
    directory = tmp_path_factory.mktemp("log")
    log = LogFile(str(directory))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "_BLOCK", block)
        (directory / "logs.txt").write_bytes(b"")
        found = collapsed(log)
        for part in [*parts, len(content)]:
            with (directory / "logs.txt").open("ab") as file:
                file.write(content[:part])
            content = content[part:]
            while log.extend():
                pass
            while found.extend():
                pass
    expected: list[int] = []
    for (kind, _), group in groupby(enumerate(kinds), key=lambda pair: (pair[1], None if pair[1] else pair[0])):
        numbers = [number for number, _ in group]
        expected += numbers[-1:] if kind else numbers
    # A text that ends with a line break, or is empty, has no further line.
    assert list(found.lines(0, len(found))) == expected[: len(found)]
    assert len(expected) - len(found) == (1 if lines and not lines[-1] else 0)


def test_a_line_is_found_in_the_last_state_of_its_bar(tmp_path: Path):
    (tmp_path / "logs.txt").write_bytes(b"begin\n" + b"\n".join(BAR % (b"x", n, n) for n in range(5)) + b"\nend\n")
    found = collapsed(LogFile(str(tmp_path)))
    assert list(found.lines(0, 9)) == [0, 5, 6]
    assert [found.row(line) for line in (0, 1, 5, 6)] == [0, 1, 1, 2]
