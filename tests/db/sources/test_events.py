from __future__ import annotations

import io
import json
import math
import os
import resource
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.series import TextPoint
from runicorn_db.sources import event_columns
from runicorn_db.sources.events import EventBatch, Position, read_events
from runicorn_db.sources.files import Unreadable

ROOTS = Path(__file__).parents[2] / "data" / "roots"


def line(step: object, /, type: str = "metrics", **data: object) -> bytes:
    return (
        json.dumps({"ts": 1000.5, "type": type, "data": {**data, "global_step": step, "time": 1000.5}}).encode() + b"\n"
    )


def gathered(batches: list[EventBatch]) -> dict[str, list[tuple[int, str]]]:
    """Every value by metric in the order read; as text, so that NaN equals NaN."""
    series: dict[str, list[tuple[int, str]]] = {}
    for batch in batches:
        for name, points in batch.points.items():
            series.setdefault(name, []).extend(zip(points.steps, map(repr, points.values), strict=True))
    return series


def texts(batches: list[EventBatch]) -> list[TextPoint]:
    return [text for batch in batches for text in batch.texts]


def skipped(batches: list[EventBatch]) -> dict[str, tuple[int, int]]:
    """First line and number of everything left out, by message."""
    found: dict[str, tuple[int, int]] = {}
    for batch in batches:
        for item in batch.skipped:
            first, count = found.get(item.message, (item.line, 0))
            found[item.message] = (min(first, item.line), count + item.count)
    return found


def everything(batches: list[EventBatch]) -> tuple[object, ...]:
    times = [batch.last_event_at for batch in batches if batch.last_event_at is not None]
    return gathered(batches), texts(batches), skipped(batches), times[-1:], batches[-1].position


@pytest.fixture
def read(tmp_path: Path):
    """Reads these bytes as a file."""

    def read(content: bytes, position: Position | None = None, **limits: int) -> list[EventBatch]:
        path = tmp_path / "events.jsonl"
        path.write_bytes(content)
        return list(read_events(os.fsencode(path), position, **limits))

    return read


def events_of(root: str, run: str) -> bytes:
    """The `events.jsonl` of the only run of an experiment in one of the real roots."""
    with tarfile.open(ROOTS / f"{root}.tar.gz") as archive:
        for member in archive:
            if f"/{run}/" in member.name and member.name.endswith("/events.jsonl"):
                content = archive.extractfile(member)
                assert content is not None
                return content.read()
    raise AssertionError(f"{root} has no {run}")


def test_steps_of_a_real_run_come_in_the_order_of_the_file(read):
    batches = read(events_of("root-0.4.1", "numerics/steps"))
    series = gathered(batches)
    assert series["a"] == [
        *[(1, "1.0"), (2, "2.0"), (10, "10.0"), (11, "11.0"), (11, "11.5"), (3, "3.0"), (4, "4.0"), (7, "5.0")],
        *[(8, "6.0"), (8, "6.5"), (-1, "0.5"), (0, "0.25"), (1, "7.0"), (3, "8.0")],
    ]
    assert series["flag"] == [(4, "1.0")]
    assert series["big"] == [(4, "1e+20")]
    assert sorted(series) == ["a", "acc", "b", "big", "epoch_loss", "flag", "metric/with.slash", "with space", "精度"]
    assert texts(batches) == [("stage", 2, "eval"), ("stage", 3, "train"), ("text", 4, "hello")]
    assert batches[-1].last_event_at == 1795304858.594848
    assert batches[-1].position.line == 19
    assert skipped(batches) == {}


@pytest.mark.parametrize("root", ["root-0.4.1", "root-0.7.2"])
def test_non_finite_values_of_a_real_run_are_kept(read, root):
    batches = read(events_of(root, "numerics/nan_inf"))
    assert gathered(batches) == {
        "score": [(1, "0.5"), (2, "nan"), (3, "inf"), (4, "0.75")],
        "loss": [(1, "1.0"), (2, "nan"), (3, "-inf"), (4, "0.5")],
    }
    assert skipped(batches) == {}


def test_a_long_real_run_equals_its_json_lines(read):
    content = events_of("root-0.4.1", "long_runs/steps_50000")
    expected: dict[str, list[tuple[int, str]]] = {}
    for text in content.decode().splitlines():
        data = json.loads(text)["data"]
        for name in data.keys() - {"global_step", "time"}:
            expected.setdefault(name, []).append((data["global_step"], repr(data[name])))
    batches = read(content)
    assert gathered(batches) == expected
    assert batches[-1].position.line == 50_000
    assert batches[-1].position.offset == len(content)
    assert len(batches) > 1


MIXED = (
    line(1, loss=0.5, note="né", stage="train")
    + b'{"ts": 1001.0, "type": "image", "data": {"key": "x", "path": "p", "step": 1}}\n'
    + b'{"ts": 1002.0, "type": "metrics", "data": {"loss": NaN, "global_step": 2}}\r\n'
    + b"\n"
    + b"{broken\n"
    + '{"ts": 1003.0, "type": "metrics", "data": {"精度": 7, "step": -3}}\n'.encode()
    + b'{"type": "metrics", "data": {"bad": "\xff", "global_step": 4}}\n'
    + line(5, loss=1)
)


def test_reading_in_two_parts_at_any_byte_equals_reading_at_once(read):
    whole = everything(read(MIXED))
    for cut in range(len(MIXED) + 1):
        first = read(MIXED[:cut])
        assert first[-1].position.offset == MIXED.rfind(b"\n", 0, cut) + 1
        second = read(MIXED, first[-1].position)
        assert everything(first + second) == whole
        assert not any(batch.is_restart for batch in first + second)


@pytest.mark.parametrize("block_bytes", [1, 2, 7, 64, 100, 1000])
def test_the_size_of_blocks_changes_nothing(read, block_bytes):
    assert everything(read(MIXED, block_bytes=block_bytes)) == everything(read(MIXED))


def test_a_truncated_line_at_any_byte_waits_and_nothing_is_lost_before_it(read):
    complete = [line(step, loss=step / 4) for step in range(3)]
    content = b"".join(complete)
    for cut in range(len(content)):
        batches = read(content[:cut])
        whole_lines = content[:cut].count(b"\n")
        assert gathered(batches).get("loss", []) == [(step, repr(step / 4)) for step in range(whole_lines)]
        assert skipped(batches) == {}


def test_a_truncated_line_that_another_process_completed_costs_only_itself(read):
    for cut in range(1, len(line(2, loss=2.0)) - 1):
        batches = read(line(1, loss=1.0) + line(2, loss=2.0)[:cut] + b"\n" + line(3, loss=3.0))
        assert gathered(batches) == {"loss": [(1, "1.0"), (3, "3.0")]}
        assert skipped(batches) == {event_columns.NOT_JSON: (2, 1)}


def test_nothing_new_gives_no_batch(read):
    position = read(MIXED)[-1].position
    assert read(MIXED, position) == []
    assert read(MIXED + b'{"unfinished', position) == []


def test_an_empty_file_tells_its_inode_once(read):
    (batch,) = read(b"")
    assert batch.position.inode is not None
    assert not batch.is_restart
    assert read(b"", batch.position) == []


def test_a_file_that_shrank_is_read_from_its_beginning(read):
    position = read(line(1, loss=1.0) + line(2, loss=2.0))[-1].position
    batches = read(line(7, loss=7.0), position)
    assert [batch.is_restart for batch in batches] == [True]
    assert gathered(batches) == {"loss": [(7, "7.0")]}
    assert batches[-1].position.line == 1


def test_a_file_that_was_emptied_says_so(read):
    (batch,) = read(b"", read(line(1, loss=1.0))[-1].position)
    assert batch.is_restart
    assert (batch.position.offset, batch.position.line) == (0, 0)


def test_a_file_with_other_lines_at_the_old_end_is_read_from_its_beginning(read):
    position = read(line(1, loss=1.0))[-1].position
    batches = read(line(1, loss=1.25, acc=0.5) + line(2, loss=3.0), position)
    assert batches[0].is_restart
    assert gathered(batches)["loss"] == [(1, "1.25"), (2, "3.0")]


def test_a_file_that_was_replaced_is_read_from_its_beginning(tmp_path):
    path, other = tmp_path / "events.jsonl", tmp_path / "other"
    path.write_bytes(line(1, loss=1.0))
    position = list(read_events(path.as_posix()))[-1].position
    other.write_bytes(line(1, loss=5.0) + line(2, loss=6.0))
    other.rename(path)
    batches = list(read_events(path.as_posix(), position, block_bytes=64))
    assert [batch.is_restart for batch in batches] == [True] + [False] * (len(batches) - 1)
    assert gathered(batches) == {"loss": [(1, "5.0"), (2, "6.0")]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", event_columns.NOT_JSON),
        (b"\0\0\0\0", event_columns.NOT_JSON),
        (b'{"type": "metrics"} {}', event_columns.NOT_JSON),
        (b'\xef\xbb\xbf{"type": "metrics"}', event_columns.NOT_JSON),
        (b'{"type": "metrics", "data": {"a": "\xff"}}', event_columns.NOT_UTF8),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", event_columns.TOO_DEEP),
        (b'{"data": [NaN, ' + b"[" * 100_000 + b"]" * 100_000 + b"]}", event_columns.TOO_DEEP),
        (b"[1]", event_columns.NOT_AN_OBJECT),
        (b"NaN", event_columns.NOT_AN_OBJECT),
        (b'{"type": "metrics"}', event_columns.NO_DATA),
        (b'{"type": "metrics", "data": [1]}', event_columns.NO_DATA),
        (b'{"type": "metrics", "data": {"a": 1.0}}', event_columns.BAD_STEP),
        (line("7", a=1.0), event_columns.BAD_STEP),
        (line(True, a=1.0), event_columns.BAD_STEP),
        (line(1.5, a=1.0), event_columns.BAD_STEP),
        (line(math.inf, a=1.0), event_columns.BAD_STEP),
        (line(math.nan, a=1.0), event_columns.BAD_STEP),
        (line(2**63, a=1.0), event_columns.BAD_STEP),
        (line(-(2**63) - 1, a=1.0), event_columns.BAD_STEP),
        (line(1e19, a=1.0), event_columns.BAD_STEP),
        (line(1, **{"x" * 1001: 1.0}), event_columns.BAD_NAME),
        (line(1, **{"x" * 1001: "text"}), event_columns.BAD_NAME),
        (b'{"type": "metrics", "data": {"a": ' + b"9" * 400 + b', "step": 1}}', event_columns.BAD_NUMBER),
        (b'{"type": "metrics", "data": {"a": -' + b"9" * 9000 + b', "step": 1}}', event_columns.BAD_NUMBER),
        (b'{"ts": 1e999}', event_columns.BAD_TIME),
        (b'{"ts": NaN}', event_columns.BAD_TIME),
        (b'{"ts": -1}', event_columns.BAD_TIME),
        (b'{"ts": 253402300800}', event_columns.BAD_TIME),
        (b'{"ts": "now"}', event_columns.BAD_TIME),
    ],
)
def test_what_cannot_be_used_is_counted_with_its_first_line_and_costs_nothing_else(read, content, message):
    content = content.strip() + b"\n"
    batches = read(line(0, loss=1.0) + content + line(2, loss=2.0) + content)
    assert skipped(batches) == {message: (2, 2)}
    assert gathered(batches) == {"loss": [(0, "1.0"), (2, "2.0")]}
    assert texts(batches) == []
    assert batches[-1].last_event_at == 1000.5
    assert batches[-1].position.line == 4


@pytest.mark.parametrize(
    ("content", "step"),
    [
        (line(-7, a=1.0), -7),
        (line(2**63 - 1, a=1.0), 2**63 - 1),
        (line(-(2**63), a=1.0), -(2**63)),
        (line(3.0, a=1.0), 3),
        (line(1, a=1.0, step=9), 1),
        (line(None, a=1.0, step=9), 9),
        (b'{"type": "metrics", "data": {"a": 1.0, "step": 4}}\n', 4),
    ],
)
def test_the_step_is_global_step_or_else_step(read, content, step):
    assert gathered(read(content)) == {"a": [(step, "1.0")]}


def test_numbers_and_booleans_are_metrics_and_nothing_else_is(read):
    batches = read(
        line(1, a=1, b=False, c=None, d=[1], e={"x": 1}, f="", epoch=3, step=8, stage=None, g=10**300, h=-0.0)
        + b'{"type": "metrics", "data": {"i": 1e999, "j": -Infinity, "epoch": "x", "global_step": 2}}\n'
        + line(3, type="image", k=1.0)
    )
    assert gathered(batches) == {
        "a": [(1, "1.0")],
        "b": [(1, "0.0")],
        "g": [(1, "1e+300")],
        "h": [(1, "-0.0")],
        "i": [(2, "inf")],
        "j": [(2, "-inf")],
    }
    assert texts(batches) == [("f", 1, "")]
    assert skipped(batches) == {}


def test_a_stage_of_any_type_is_a_text(read):
    batches = read(
        line(1, stage="warm\0up") + line(2, stage={"fold": 3, "é": [1]}) + line(3, stage=0) + line(4, stage="x" * 2000)
    )
    assert texts(batches) == [
        ("stage", 1, "warm\ufffdup"),
        ("stage", 2, '{"fold": 3, "é": [1]}'),
        ("stage", 3, "0"),
        ("stage", 4, "x" * 1000),
    ]


def test_names_and_texts_can_be_stored_as_utf8(read):
    content = rb'{"type": "metrics", "data": {"a\ud800": 1.0, "a\ud801": 2.0, "t\u0000": "\udfff", "global_step": 1}}'
    batches = read(content + b"\n")
    assert gathered(batches) == {"a\ufffd": [(1, "1.0"), (1, "2.0")]}
    assert texts(batches) == [("t\ufffd", 1, "\ufffd")]


def long_line(step: int, length: int) -> bytes:
    head = line(step, loss=1.0)[:-1]
    return head + b" " * (length - len(head)) + b"\n"


def test_a_line_that_is_too_long_is_skipped_once_however_it_is_read(read):
    content = line(1, loss=1.0) + long_line(2, 201) + line(3, loss=1.0) + long_line(4, 500) + long_line(5, 200)
    expected = {"loss": [(1, "1.0"), (3, "1.0"), (5, "1.0")]}
    for block_bytes in (9, 199, 200, 10_000):
        limits = {"block_bytes": block_bytes, "longest_line": 200}
        for cut in range(0, len(content) + 1, 3):
            first = read(content[:cut], **limits)
            both = first + read(content, first[-1].position, **limits)
            assert gathered(both) == expected
            assert skipped(both) == {event_columns.TOO_LONG: (2, 2)}
            assert (both[-1].position.offset, both[-1].position.line) == (len(content), 5)


def test_a_line_that_is_too_long_and_not_whole_yet_is_not_read_again(read):
    limits = {"block_bytes": 100, "longest_line": 400}
    content = line(1, loss=1.0) + b"x" * 1000
    batches = read(content, **limits)
    assert batches[-1].position.offset == len(content)
    assert batches[-1].position.line == 1
    assert read(content, batches[-1].position, **limits) == []


def test_a_file_that_shrank_inside_a_line_that_is_too_long_is_read_from_its_beginning(read):
    limits = {"block_bytes": 100, "longest_line": 400}
    position = read(line(1, loss=1.0) + b"x" * 1000, **limits)[-1].position
    batches = read(line(1, loss=1.0) + b"x" * 900, position, **limits)
    assert batches[0].is_restart
    assert gathered(batches) == {"loss": [(1, "1.0")]}
    assert skipped(batches) == {event_columns.TOO_LONG: (2, 1)}


def test_a_huge_line_is_not_held(tmp_path):
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.write(line(1, loss=1.0))
        # A hole: reads as zeros and takes no space.
        file.seek(256 << 20, os.SEEK_CUR)
        file.write(b"\n" + line(2, loss=2.0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batches = list(read_events(path.as_posix()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024
    assert gathered(batches) == {"loss": [(1, "1.0"), (2, "2.0")]}
    assert skipped(batches) == {event_columns.TOO_LONG: (2, 1)}


def test_a_sparse_file_of_a_tebibyte_is_refused(tmp_path):
    path = tmp_path / "events.jsonl"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(Unreadable, match="Larger than 64 GiB"):
        list(read_events(path.as_posix()))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    (tmp_path / "target").write_bytes(MIXED)
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "loop", "pipe", "missing", "."):
        with pytest.raises(Unreadable):
            list(read_events(os.fsencode(tmp_path / name)))


def test_a_file_is_found_below_an_open_directory(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(line(1, loss=1.0))
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        assert gathered(list(read_events(b"events.jsonl", directory=directory))) == {"loss": [(1, "1.0")]}
    finally:
        os.close(directory)


def test_what_is_appended_while_reading_waits_for_the_next_look(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(1, loss=1.0) + line(2, loss=2.0))
    batches = read_events(path.as_posix(), block_bytes=2 * len(line(1, loss=1.0)) - 5)
    first = next(batches)
    with path.open("ab") as file:
        file.write(line(3, loss=3.0))
    (second,) = batches
    assert gathered([first, second]) == {"loss": [(1, "1.0"), (2, "2.0")]}
    assert gathered(list(read_events(path.as_posix(), second.position))) == {"loss": [(3, "3.0")]}


def test_a_file_that_shrinks_while_it_is_read_ends_there(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(1, loss=1.0) + line(2, loss=2.0))
    batches = read_events(path.as_posix(), block_bytes=len(line(1, loss=1.0)))
    first = next(batches)
    os.truncate(path, 3)
    assert list(batches) == []
    assert [batch.is_restart for batch in read_events(path.as_posix(), first.position)] == [True]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives errors when read")
def test_an_error_of_the_disk_is_told_in_its_own_words():
    with pytest.raises(Unreadable, match="Input/output error"):
        list(read_events("/proc/self/mem", Position(inode=1, offset=1, line=1)))


def test_nesting_of_any_depth_costs_at_most_its_own_line(read):
    for depth in (*range(950, 1000), 5000):
        stage = b'{"type": "metrics", "data": {"stage": ' + b"[" * depth + b"]" * depth + b', "loss": 1.0, "step": 1}}'
        assert gathered(read(stage + b"\n" + line(2, loss=2.0)))["loss"][-1] == (2, "2.0")


def test_no_descriptor_stays_open_when_reading_is_broken_off(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(MIXED)
    before = sorted(Path("/dev/fd").iterdir())
    batches = read_events(path.as_posix(), block_bytes=10)
    next(batches)
    batches.close()
    assert sorted(Path("/dev/fd").iterdir()) == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["loss", "acc", "epoch", "time", "step", "stage", "精度", "a b", "\ud800"])
steps = st.integers(-3, 9) | st.integers() | st.floats() | st.none() | st.booleans() | st.text(max_size=2)


@given(st.lists(st.tuples(steps, st.dictionaries(names, json_values, max_size=4))))
def test_metrics_are_what_the_plain_rules_say(tmp_path_factory, entries):
    expected: dict[str, list[tuple[int, str]]] = {}
    for step, data in entries:
        step = data.get("step") if step is None else step
        is_whole = not isinstance(step, bool) and (
            isinstance(step, int) or (isinstance(step, float) and step.is_integer())
        )
        if not is_whole or not -(2**63) <= step < 2**63:
            continue
        for name, value in data.items():
            if isinstance(value, int | float) and name not in ("epoch", "time", "step", "stage"):
                expected.setdefault(name.replace("\ud800", "\ufffd"), []).append((int(step), repr(float(value))))
    file = io.StringIO()
    for step, data in entries:
        file.write(json.dumps({"type": "metrics", "data": {**data, "global_step": step}}) + "\n")
    path = tmp_path_factory.getbasetemp() / "events.jsonl"
    path.write_text(file.getvalue())
    assert gathered(list(read_events(path.as_posix(), block_bytes=50))) == expected


@given(st.lists(st.binary(max_size=30) | st.sampled_from(MIXED.splitlines(keepends=True))), st.integers(1, 40))
def test_no_bytes_at_all_stop_the_reading(tmp_path_factory, parts, block_bytes):
    content = b"\n".join([*parts, line(77, survivor=1.0)])
    path = tmp_path_factory.getbasetemp() / "events.jsonl"
    path.write_bytes(content)
    batches = list(read_events(path.as_posix(), block_bytes=block_bytes))
    assert gathered(batches)["survivor"] == [(77, "1.0")]
    assert batches[-1].position.line == content.count(b"\n")
