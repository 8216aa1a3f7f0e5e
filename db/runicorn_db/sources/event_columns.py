"""Lines of a Runicorn `events.jsonl` as columns: what each of them may hold, and what is left out of them."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import chain, compress, repeat
from operator import eq, is_not, itemgetter, or_
from typing import Any, NamedTuple

import msgspec

from runicorn_db.chunks import Points, no_points
from runicorn_db.sources import line_shapes
from runicorn_db.sources.files import clean_text
from runicorn_db.sources.line_shapes import ABSENT, Kind, ShapedLines
from runicorn_db.text_series import TextColumns, TextPoint

RESERVED = ("global_step", "step", "time", "stage", "epoch")
# Where there is a `global_step`.
_UNUSED = ("step", "time", "epoch")
MAX_TEXT_LENGTH = 1000
MAX_NAME_LENGTH = 1000

NOT_JSON = "Line is not valid JSON"
NOT_UTF8 = "Line is not UTF-8"
TOO_DEEP = "Line is nested too deeply"
TOO_LONG = "Line is longer than 4 MiB"
NOT_AN_OBJECT = "Line is not an object"
NO_DATA = "Metrics are not an object"
BAD_STEP = "Step is missing or not a whole number of 64 bits"
BAD_NUMBER = "Number is too large for a float"
BAD_NAME = f"Metric name is longer than {MAX_NAME_LENGTH} characters"
BAD_TIME = "Time is not in the years 1970 to 9999"

_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1
_END_OF_9999 = 253402300800
# Where the lines share less of their names than this, looking at each line costs less than at each name.
_SPARSEST = 0.25


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    ts: Any = None
    data: Any = None


def _integer(digits: str) -> int:
    # Python refuses to convert thousands of digits; the first 400 are as far beyond any float.
    return int(digits[:400])


_decode = msgspec.json.Decoder(_Event).decode
# For what msgspec refuses: NaN, Infinity, 1e999, lone surrogates, integers of thousands of digits.
_decode_tolerantly = json.JSONDecoder(parse_int=_integer).decode


class EventColumns:
    """Gathers the values of lines, metric by metric; `times` are those of the lines that hold a metric, by step."""

    def __init__(self) -> None:
        self.points: dict[str, Points] = {}
        self.times = no_points()
        self.texts: Sequence[TextPoint] = ()
        self._single_texts: list[TextPoint] = []
        self.last_event_at: float | None = None
        self.skipped: dict[str, tuple[int, int]] = {}
        # By name as logged; None: not a metric.
        self._by_name: dict[str, Points | None] = dict.fromkeys(RESERVED)

    def skip(self, message: str, line: int) -> None:
        first, count = self.skipped.get(message, (line, 0))
        self.skipped[message] = (min(first, line), count + 1)

    def read(self, lines: list[bytes], first_line: int) -> None:
        if self._take_shaped(lines):
            return
        try:
            events = list(map(_decode, lines))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            events = [self._event(line, number) for number, line in enumerate(lines, first_line)]
        if not self._take_regular(events):
            self._take_rows(events, first_line)
            self.texts = self._single_texts

    def _take_shaped(self, lines: Sequence[bytes]) -> bool:
        """Take lines that hold what others before them held; False, with nothing taken, where they do not."""
        shaped = line_shapes.decode(lines)
        if shaped is None or not _are_in_range(shaped.times):
            return False
        try:
            steps = array("q", shaped.steps)
        except OverflowError:
            return False
        self._take_columns(_shaped_columns(shaped, steps), steps, shaped.times)
        self.last_event_at = shaped.times[-1]
        return True

    def _take_regular(self, events: Sequence[_Event]) -> bool:
        """Take everything column by column, which is several times faster than row by row.

        False, with nothing taken, unless these are such events as trackers write: all values usable, each
        metric of one kind.
        """
        times = [event.ts for event in events if event.ts is not None]
        logged = [event for event in events if event.type == "metrics"]
        rows = [event.data for event in logged]
        if not _are_times(times) or set(map(type, rows)) - {dict}:
            return False
        steps = _integers([row.get("global_step") for row in rows])
        columns = None if steps is None else _columns(rows, steps)
        if steps is None or columns is None:
            return False
        if times:
            self.last_event_at = times[-1]
        self._take_columns(columns, steps, [event.ts for event in logged])
        if rows and len(logged) == len(events) == len(times):
            _learn(rows, columns)
        return True

    def _take_columns(self, columns: Sequence[_Column], steps: array[int], times: Sequence[Any]) -> None:
        """Take columns of lines of metrics; `times` are those of the lines, or None."""
        texts: dict[str, tuple[array[int], list[str]]] = {}
        for column in columns:
            if isinstance(column.values, list):
                texts[column.name] = (column.steps, column.values)
            else:
                self.points[column.name] = Points(column.steps, column.values)
        self.texts = TextColumns(texts) if texts else ()
        self.times = _times_of(times, steps, columns)

    def _take_rows(self, events: Iterable[_Event], first_line: int) -> None:
        for number, event in enumerate(events, first_line):
            time = None if event.ts is None else self._take_time(event.ts, number)
            if event.type == "metrics":
                self._take_metrics(event.data, time, number)

    def _event(self, line: bytes, number: int) -> _Event:
        try:
            return _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            value = _decode_tolerantly(line.decode("utf-8")) if line.strip() else {}
        except UnicodeDecodeError:
            self.skip(NOT_UTF8, number)
        except RecursionError:
            self.skip(TOO_DEEP, number)
        except json.JSONDecodeError:
            self.skip(NOT_JSON, number)
        else:
            if isinstance(value, dict):
                return _Event(value.get("type"), value.get("ts"), value.get("data"))
            self.skip(NOT_AN_OBJECT, number)
        return _Event()

    def _take_time(self, time: Any, line: int) -> float | None:
        if type(time) in (float, int) and 0 <= time < _END_OF_9999:
            self.last_event_at = float(time)
            return self.last_event_at
        self.skip(BAD_TIME, line)
        return None

    def _take_metrics(self, data: Any, time: float | None, line: int) -> None:
        if type(data) is not dict:
            return self.skip(NO_DATA, line)
        step = data.get("global_step")
        if step is None:
            step = data.get("step")
        if type(step) is float and step.is_integer():
            step = int(step)
        if type(step) is not int or not _MIN_STEP <= step <= _MAX_STEP:
            return self.skip(BAD_STEP, line)
        by_name = self._by_name
        has_metric = False
        for name, value in data.items():
            kind = type(value)
            if kind is float or kind is int or kind is bool:
                points = by_name[name] if name in by_name else self._new_metric(name, line)
                if points is None:
                    continue
                try:
                    points.values.append(value)
                except OverflowError:
                    self.skip(BAD_NUMBER, line)
                else:
                    points.steps.append(step)
                    has_metric = True
            elif kind is str and name not in RESERVED:
                self._take_text(name, step, value, line)
        if has_metric and time is not None:
            self.times.steps.append(step)
            self.times.values.append(time)
        if (stage := data.get("stage")) is not None:
            self._take_stage(step, stage, line)
        return None

    def _new_metric(self, name: str, line: int) -> Points | None:
        if len(name) > MAX_NAME_LENGTH:
            self.skip(BAD_NAME, line)
            return None
        # Two names may become one.
        points = self.points.setdefault(clean_text(name), Points(array("q"), array("d")))
        self._by_name[name] = points
        return points

    def _take_text(self, name: str, step: int, text: str, line: int) -> None:
        if len(name) > MAX_NAME_LENGTH:
            self.skip(BAD_NAME, line)
        else:
            self._single_texts.append(TextPoint(clean_text(name), step, clean_text(text[:MAX_TEXT_LENGTH])))

    def _take_stage(self, step: int, stage: object, line: int) -> None:
        try:
            text = stage if isinstance(stage, str) else json.dumps(stage, ensure_ascii=False)
        except RecursionError:
            self.skip(TOO_DEEP, line)
        else:
            self._take_text("stage", step, text, line)


def _are_times(times: Sequence[Any]) -> bool:
    return not times or (set(map(type, times)) == {float} and _are_in_range(times))


def _are_in_range(times: Sequence[float]) -> bool:
    # The sum of anything with a NaN or an infinity is one.
    return math.isfinite(sum(times)) and min(times) >= 0 and max(times) < _END_OF_9999


class _Column(NamedTuple):
    """What was logged under a name in the order of the rows; `chosen`: 1 for each row that has it, None when all do."""

    name: str
    steps: array[int]
    values: array[float] | list[str]
    chosen: bytes | None


def _columns(rows: Sequence[dict[str, Any]], steps: array[int]) -> list[_Column] | None:
    """Steps and values by name; None where the rows are not regular."""
    # Few, mostly: what is logged at every step, and that with what is logged now and then.
    kinds = dict.fromkeys(map(tuple, rows))
    names = dict.fromkeys(chain.from_iterable(kinds))
    if len(names) * len(rows) * _SPARSEST > sum(map(len, rows)):
        return None
    kinds_of_names = [frozenset(kind) for kind in kinds]
    parts: dict[tuple[bool, ...], _Part] = {}
    columns: list[_Column] = []
    for name in names:
        if name in RESERVED and name != "stage":
            continue
        kinds_with = tuple([name in kind for kind in kinds_of_names])
        if kinds_with not in parts:
            parts[kinds_with] = _part(rows, steps, None if all(kinds_with) else bytes([name in row for row in rows]))
        part = parts[kinds_with]
        column = list(map(itemgetter(name), part.rows))
        values = _numbers(column) if name != "stage" else None
        if values is None:
            values = _texts(column)
        if values is None or len(name) > MAX_NAME_LENGTH or clean_text(name) != name:
            return None
        columns.append(_Column(name, part.steps, values, part.chosen))
    return columns


class _Part(NamedTuple):
    """Those of the rows that have the same names among theirs."""

    rows: Sequence[dict[str, Any]]
    steps: array[int]
    chosen: bytes | None


def _part(rows: Sequence[dict[str, Any]], steps: array[int], chosen: bytes | None) -> _Part:
    if chosen is None:
        return _Part(rows, steps, None)
    return _Part(list(compress(rows, chosen)), array("q", compress(steps, chosen)), chosen)


def _shaped_columns(shaped: ShapedLines, steps: array[int]) -> list[_Column]:
    steps_of: dict[bytes, array[int]] = {}
    columns: list[_Column] = []
    for name, kind, values in shaped.columns:
        if kind == "anything":
            continue
        taken = _numbers(values) if kind == "number" else _cleaned(values)
        if taken is not None:
            columns.append(_Column(name, steps, taken, None))
            continue
        # Few different ones, mostly.
        chosen = bytes(map(is_not, values, repeat(ABSENT)))
        if 1 not in chosen:
            continue
        if chosen not in steps_of:
            steps_of[chosen] = array("q", list(compress(steps, chosen)))
        there = list(compress(values, chosen))
        taken = array("d", there) if kind == "number" else _cleaned(there)
        assert taken is not None
        columns.append(_Column(name, steps_of[chosen], taken, chosen))
    return columns


def _learn(rows: Sequence[dict[str, Any]], columns: Sequence[_Column]) -> None:
    kinds: dict[str, Kind] = dict.fromkeys(_UNUSED, "anything")
    kinds |= {column.name: "text" if isinstance(column.values, list) else "number" for column in columns}
    line_shapes.learn(list(rows[0]), kinds)


def _times_of(times: Sequence[Any], steps: array[int], columns: Sequence[_Column]) -> Points:
    """The known times of the rows that hold a metric."""
    # Few different ones, mostly.
    chosen = {column.chosen for column in columns if not isinstance(column.values, list)}
    holds_metric = b"\1" * len(steps)
    if None not in chosen:
        masks = (int.from_bytes(one or b"", "little") for one in chosen)
        holds_metric = reduce(or_, masks, 0).to_bytes(len(steps), "little")
    if 0 not in holds_metric and None not in times:
        return Points(steps, array("d", times))
    known = [is_there and time is not None for is_there, time in zip(holds_metric, times, strict=True)]
    return Points(array("q", compress(steps, known)), array("d", compress(times, known)))


def _integers(column: Sequence[Any]) -> array[int] | None:
    try:
        return array("q", column) if set(map(type, column)) <= {int} else None
    except OverflowError:
        return None


def _numbers(column: Sequence[Any]) -> array[float] | None:
    # Of what JSON knows, only numbers and booleans can be had as floats.
    try:
        return array("d", column)
    except (TypeError, OverflowError):
        return None


def _texts(column: Sequence[Any]) -> list[str] | None:
    return _cleaned(column) if set(map(type, column)) == {str} else None


def _cleaned(column: Sequence[str]) -> list[str] | None:
    """Texts fit to be stored, None where one is absent."""
    # Few different ones, mostly: the name of a stage.
    distinct = set(column)
    if ABSENT in distinct:
        return None
    cleaned = {text: clean_text(text[:MAX_TEXT_LENGTH]) for text in distinct}
    if all(map(eq, cleaned, cleaned.values())):
        return list(column)
    return list(map(cleaned.__getitem__, column))
