"""What an experiment must satisfy: the parsed form of the filter language.

A `Criteria` is an OR of groups, each group an AND of terms. `str(criteria)` is a text of the
filter language that parses to the same criteria.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Comparison = Literal["=", "<", "<=", ">", ">="]
TextField = Literal["project", "name", "host", "root", "id"]
TextOperation = Literal["contains", "exact", "regex"]
DateField = Literal["created", "updated"]
NumberField = Literal["age", "duration", "size", "files", "steps", "best"]
MetricValue = Literal["", "last", "min", "max"]
Presence = Literal["metric", "param", "tags", "description", "environment"]
State = Literal["deleted", "pinned", "running", "missing"]

STATUSES = ("running", "finished", "failed", "interrupted")

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
"""How a number is written; float() knows more, such as `nan` and `1_000`."""

_PLAIN_VALUE = re.compile(r"[\w.@+%-][\w.@+%/-]*")
# A word that begins with @ could be taken for the name of a saved filter.
_PLAIN_WORD = re.compile(r"[\w.+%][\w.@+%/-]*")


def quote(text: str) -> str:
    """A word, name or value in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_value(text: str) -> str:
    """A value of a term, quoted where it has to be."""
    return text if _PLAIN_VALUE.fullmatch(text) else quote(text)


def _values(texts: Iterable[str]) -> str:
    return ",".join(map(write_value, texts))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _sign(negated: bool) -> str:
    return "-" if negated else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """`word` or `"two words"`: a substring of project, name or description."""

    text: str
    negated: bool = False

    def __str__(self) -> str:
        is_plain = _PLAIN_WORD.fullmatch(self.text) and self.text.casefold() != "or"
        return _sign(self.negated) + (self.text if is_plain else quote(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """`name:x` contains (caseless), `name=x` exact (case-sensitive), any of the values; `name:/x/` a pattern."""

    field: TextField
    operation: TextOperation
    values: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        if self.operation == "regex":
            # Pair by pair: a slash behind an escaped backslash is a bare one, a slash behind a single backslash is not.
            pattern = re.sub(r"(\\.)|/", lambda match: match[1] or r"\/", self.values[0], flags=re.DOTALL)
            return f"{_sign(self.negated)}{self.field}:/{pattern}/"
        operator = "=" if self.operation == "exact" else ":"
        return f"{_sign(self.negated)}{self.field}{operator}{_values(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`status:failed,running`: any of the whole status names."""

    values: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        return f"{_sign(self.negated)}status:{','.join(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """`tag:a,b`: has any of them; exact and case-sensitive."""

    values: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        return f"{_sign(self.negated)}tag:{_values(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Date:
    """`created>=2025-01`: a month, a day or a minute in the local time zone.

    The value names an interval: `<` is before it begins, `>` from its end on, `=` inside it.
    """

    field: DateField
    comparison: Comparison
    date: str
    negated: bool = False

    def __str__(self) -> str:
        operator = ":" if self.comparison == "=" else self.comparison
        return f"{_sign(self.negated)}{self.field}{operator}{self.date}"

    def interval(self) -> tuple[float, float]:
        """First instant inside and first instant after, in Unix seconds."""
        return date_interval(self.date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """`age>30d`, `duration<20s`, `size>1GB`, `files>100`, `steps<10`, `best>=0.9`.

    Ages and durations are seconds, sizes are bytes. Only `=` has more than one value (any of them).
    """

    field: NumberField
    comparison: Comparison
    values: tuple[float, ...]
    negated: bool = False

    def __str__(self) -> str:
        unit = {"age": "s", "duration": "s", "size": "B"}.get(self.field, "")
        operator = ":" if self.comparison == "=" else self.comparison
        return f"{_sign(self.negated)}{self.field}{operator}" + ",".join(_number(v) + unit for v in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`acc>0.9`: the best value if it is the best metric, else the last; `last.`, `min.`, `max.` say which."""

    metric: str
    value: MetricValue
    comparison: Comparison
    values: tuple[float, ...]
    negated: bool = False

    def __str__(self) -> str:
        name = f"{self.value}.{self.metric}" if self.value else self.metric
        operator = ":" if self.comparison == "=" else self.comparison
        # Quoted always: a metric may be called like a field ("size"), and only a quoted name is surely a metric.
        return f"{_sign(self.negated)}{quote(name)}{operator}" + ",".join(map(_number, self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """`param.lr<=1e-3`, `param.optimizer:adam` (contains, caseless), `param.optimizer=adam` (exact).

    A value that is a number compares with numeric parameters as a number.
    """

    param: str
    comparison: Comparison | Literal["contains"]
    values: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        operator = ":" if self.comparison == "contains" else self.comparison
        name = f"param.{self.param}"
        field = name if re.fullmatch(r"[A-Za-z_][\w./]*", name) else quote(name)
        return f"{_sign(self.negated)}{field}{operator}{_values(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """`has:acc` (a metric), `has:param.lr`, `has:tags`, `has:description`, `has:environment`."""

    presence: Presence
    name: str = ""
    negated: bool = False

    def __str__(self) -> str:
        if self.presence in ("metric", "param"):
            name = self.name if self.presence == "metric" else f"param.{self.name}"
            # Quoted always: `has:"tags"` is the metric, `has:tags` is the presence of tags.
            return f"{_sign(self.negated)}has:{quote(name)}"
        return f"{_sign(self.negated)}has:{self.presence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Is:
    """`is:deleted`, `is:pinned`, `is:running`, `is:missing`."""

    state: State
    negated: bool = False

    def __str__(self) -> str:
        return f"{_sign(self.negated)}is:{self.state}"


Term = Text | Field | Status | Tag | Date | Number | Metric | Param | Has | Is


@dataclass(frozen=True, slots=True)
class Criteria:
    """An OR of groups of ANDed terms; no group at all means every experiment.

    A group without a positive `is:deleted` leaves the trash out, one without a positive
    `is:missing` leaves out what is no longer on disk.
    """

    groups: tuple[tuple[Term, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(group for group in self.groups if group))

    def __bool__(self) -> bool:
        return bool(self.groups)

    @property
    def depends_on_now(self) -> bool:
        """Whether what matches changes by the passing of time alone."""
        return any(isinstance(term, Number) and term.field == "age" for group in self.groups for term in group)

    def __str__(self) -> str:
        return " or ".join(" ".join(map(str, group)) for group in self.groups)


_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}))?)?", re.ASCII)


def date_interval(text: str) -> tuple[float, float]:
    """The month `2025-01`, day `2025-01-31` or minute `2025-01-31T12:00` as Unix seconds [begin, end), local time.

    Raises ValueError for any other text and for dates that do not exist.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date: {text}")
    year, month, day, hour, minute = (int(part) if part else None for part in match.groups())
    assert year is not None
    assert month is not None
    begin = datetime(year, month, day or 1, hour or 0, minute or 0)
    try:
        if minute is not None:
            end = begin + timedelta(minutes=1)
        elif day is not None:
            end = begin + timedelta(days=1)
        else:
            end = datetime(year + month // 12, month % 12 + 1, 1)
        return begin.timestamp(), end.timestamp()
    except (OverflowError, OSError) as error:
        raise ValueError(f"not a date this system knows: {text}") from error
