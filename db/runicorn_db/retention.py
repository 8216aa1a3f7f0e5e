"""Retention: which experiments rules such as "the best 5 and the last 10 of each project stay" let go.

A rule is about the live experiments that match `where`. They form groups (`per`), and the ranks in a group count all
of them: pinned and running ones too, and whatever `status` and `older_than` say. An experiment goes when some rule
takes it and no rule keeps it:

- a rule *keeps* the `keep_best` best and the `keep_last` last of each of its groups;
- a rule *takes* what has one of `status` (none named: any) and is older than `older_than`, but pinned and running ones
  only where it says so.
"""

from __future__ import annotations

import heapq
import shlex
import sqlite3
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal, get_args

from runicorn_db import trash
from runicorn_db.conditions import Args, Sql, joined, matching
from runicorn_db.criteria import STATUSES, Criteria
from runicorn_db.errors import InvalidQuery
from runicorn_db.outcomes import DeletePreview
from runicorn_db.query import ExperimentQuery, Snapshot, shown

if TYPE_CHECKING:
    from runicorn_db.store import Store

Per = Literal["project", "name", "tag"]
PER: tuple[Per, ...] = get_args(Per)

Verdict = Literal["goes", "best", "last", "pinned", "running", "young", "status"]
"""What becomes of an experiment: it goes, or the first of these reasons for which it stays.

`best`, `last`: among those that a rule keeps. `pinned`, `running`: it would go otherwise. `young`: not older than
`older_than`. `status`: has none of `status`.
"""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

MAX_RULES = 50
MAX_KEPT = 1_000_000
MAX_GROUPS = 1000
"""So many groups of a rule are told one by one: those from which the most bytes go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of retention. Raises `InvalidQuery` for one that says nothing, or nothing that can be meant.

    `per`: the groups whose best and last are kept; None: all together. A name belongs to its project; an experiment is
    in the group of each of its tags, and one without tags in a group of those.
    `keep_best` compares experiments of one best metric and follows its mode (`max` where none is known); where several
    metrics are the best one in a group, so many of each are kept. Ties are won by the newer experiment.
    `older_than`: seconds since the creation.
    """

    where: Criteria = field(default_factory=Criteria)
    per: Per | None = None
    keep_best: int = 0
    keep_last: int = 0
    older_than: float | None = None
    status: tuple[str, ...] = ()
    include_running: bool = False
    include_pinned: bool = False

    def __post_init__(self) -> None:
        for name in ("keep_best", "keep_last"):
            if not 0 <= getattr(self, name) <= MAX_KEPT:
                raise InvalidQuery(
                    f"{name} must be an integer from 0 to {MAX_KEPT}, not '{shown(getattr(self, name))}'"
                )
        if self.per is not None and self.per not in PER:
            raise InvalidQuery(f"per must be one of {', '.join(PER)}, not '{shown(self.per)}'")
        for status in self.status:
            if status not in STATUSES:
                raise InvalidQuery(f"status must be one of {', '.join(STATUSES)}, not '{shown(status)}'")
        if self.older_than is not None and not 0 <= self.older_than < 1e12:
            raise InvalidQuery(f"older_than must be a duration such as 30d, not '{shown(self.older_than)}'")
        if self.per is not None and not self.is_keeping:
            raise InvalidQuery("per needs keep_best or keep_last: it says of which groups the best or last are kept")
        if not (self.is_keeping or self.status or self.older_than or self.where):
            raise InvalidQuery(
                "A rule that names none of keep_best, keep_last, older_than, status and where would take everything"
            )

    @property
    def is_keeping(self) -> bool:
        return bool(self.keep_best or self.keep_last)

    def __str__(self) -> str:
        """The rule as the options of the command line."""
        said: list[tuple[str, object]] = [
            ("keep-best", self.keep_best or None),
            ("keep-last", self.keep_last or None),
            ("per", self.per),
            ("older-than", None if self.older_than is None else _duration(self.older_than)),
            ("status", ",".join(self.status) or None),
            ("where", shlex.quote(str(self.where)) if self.where else None),
        ]
        switches = [name for name in ("running", "pinned") if getattr(self, f"include_{name}")]
        return " ".join(
            [f"--{name} {value}" for name, value in said if value is not None] + [f"--include-{s}" for s in switches]
        )


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:g}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of a rule. `labels` name it: project, project and name, or tag (None: without tags).

    `verdicts` counts what becomes of its experiments, `size_bytes` is the size of those that go.
    """

    labels: tuple[str | None, ...]
    verdicts: Mapping[Verdict, int]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """The groups of one rule from which the most bytes go, largest first, and how many groups it has."""

    rule: Rule
    groups: tuple[Group, ...]
    group_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes, as the index was at one moment: `snapshot`, newest first, and `preview` of moving it to the trash.

    `verdicts` counts each experiment that some rule is about once.
    """

    snapshot: Snapshot
    preview: DeletePreview
    verdicts: Mapping[Verdict, int]
    reports: tuple[RuleReport, ...]

    @property
    def considered(self) -> int:
        return sum(self.verdicts.values())


def plan(store: Store, rules: Sequence[Rule], *, now: float | None = None) -> Plan:
    """What `rules` let go of the index as it is; nothing changes. About 10 bytes an experiment are held."""
    if not 1 <= len(rules) <= MAX_RULES:
        raise InvalidQuery(f"A policy has 1 to {MAX_RULES} rules, not {len(rules)}")
    now = time.time() if now is None else now
    with store.database.snapshot() as connection:
        judged = _Judged(connection, rules, now)
        going = judged.going()
        return Plan(
            snapshot=Snapshot(going),
            preview=trash.preview(connection, going, now=now)[0],
            verdicts=_named([judged.verdicts.count(place) for place in range(len(VERDICTS))]),
            reports=tuple(_report(connection, rule, judged, now) for rule in rules),
        )


class _Judged:
    """The verdict on each experiment that some rule is about, oldest first."""

    def __init__(self, connection: sqlite3.Connection, rules: Sequence[Rule], now: float) -> None:
        self.keys: array[int] = array("q")
        self.verdicts = bytearray()
        for seq, verdict in _verdicts(connection, rules, now):
            self.keys.append(seq)
            self.verdicts.append(verdict)

    def going(self) -> array[int]:
        """What goes, newest first."""
        goes = VERDICTS.index("goes")
        going = array("q", (key for key, verdict in zip(self.keys, self.verdicts, strict=True) if verdict == goes))
        going.reverse()
        return going

    def verdict(self, seq: int) -> int:
        return self.verdicts[bisect_left(self.keys, seq)]


def _verdicts(connection: sqlite3.Connection, rules: Sequence[Rule], now: float) -> Iterator[tuple[int, int]]:
    """The seq of each experiment and the place of its verdict in VERDICTS, ordered by seq."""
    judged, args = joined(" UNION ALL ", [_judged_by(rule, now) for rule in rules])
    # `fits`: but for pins and running a rule takes it. `free`: but for running.
    order = (
        ("best", "max(is_best)"),
        ("last", "max(is_last)"),
        ("goes", "max(is_taken)"),
        ("running", "max(is_free)"),
        ("pinned", "max(fits)"),
        ("young", "max(has_status)"),
        ("status", "1"),
    )
    cases = " ".join(f"WHEN {condition} THEN {VERDICTS.index(verdict)}" for verdict, condition in order)
    yield from connection.execute(f"SELECT seq, CASE {cases} END FROM ({judged}) GROUP BY seq ORDER BY seq", args)


_COLUMNS = (
    "seq, project, name, status, created_at, size_bytes, is_pinned,"
    " best_metric_name, best_metric_value, best_metric_mode"
)
_BEST_RANK = """best_metric_name IS NOT NULL AND best_metric_value IS NOT NULL AND row_number() OVER (
    PARTITION BY {group}, best_metric_name, best_metric_mode IS 'min', best_metric_value IS NULL
    ORDER BY CASE best_metric_mode WHEN 'min' THEN best_metric_value ELSE -best_metric_value END, seq DESC
) <= ?"""
_AGE_RANK = "row_number() OVER (PARTITION BY {group} ORDER BY seq DESC) <= ?"


def _judged_by(rule: Rule, now: float) -> Sql:
    """What one rule says of each experiment it is about; in several rows for one with several tags."""
    group, source, args = _grouped(rule, now)
    is_best: Sql = (_BEST_RANK.format(group=group), [rule.keep_best]) if rule.keep_best else ("0", [])
    is_last: Sql = (_AGE_RANK.format(group=group), [rule.keep_last]) if rule.keep_last else ("0", [])
    marks = ", ".join("?" * len(rule.status))
    has_status: Sql = (f"status IN ({marks})", [*rule.status]) if rule.status else ("1", [])
    is_old: Sql = ("created_at < ?", [now - rule.older_than]) if rule.older_than is not None else ("1", [])
    fits = joined(" AND ", [has_status, is_old])
    free = joined(" AND ", [fits, ("1" if rule.include_pinned else "NOT is_pinned", [])])
    taken = joined(" AND ", [free, ("1" if rule.include_running else "status <> 'running'", [])])
    columns = {
        "is_best": is_best,
        "is_last": is_last,
        "is_taken": taken,
        "is_free": free,
        "fits": fits,
        "has_status": has_status,
    }
    selected, selected_args = joined(", ", [(f"{sql} AS {name}", values) for name, (sql, values) in columns.items()])
    return f"SELECT seq, {selected} FROM {source}", [*selected_args, *args]


def _grouped(rule: Rule, now: float) -> tuple[str, str, Args]:
    """The columns that name the groups of a rule, and what it is about: FROM with its arguments."""
    where, args = matching(ExperimentQuery(filter=rule.where), now=now)
    # A filter may ask for the trash or for what is gone from the disk.
    # Most of a table is read sooner row by row than by an index that does not hold these columns.
    hint = "" if rule.where else "NOT INDEXED"
    source = f"(SELECT {_COLUMNS} FROM experiment {hint} WHERE live = 1 AND ({where}))"
    match rule.per:
        case "project":
            group = "project"
        case "name":
            group = "project, name"
        case "tag":
            group = "tag"
            source += " LEFT JOIN experiment_tag ON experiment_seq = seq"
        case None:
            group = "NULL"
    return group, source, args


def _report(connection: sqlite3.Connection, rule: Rule, judged: _Judged, now: float) -> RuleReport:
    group, source, args = _grouped(rule, now)
    rows = connection.execute(f"SELECT seq, size_bytes, {group} FROM {source} ORDER BY {group}, seq", args)
    count = 0

    def groups() -> Iterator[Group]:
        nonlocal count
        for labels, members in groupby(rows, key=lambda row: row[2:]):
            count += 1
            yield _group(() if rule.per is None else labels, members, judged)

    largest = heapq.nsmallest(MAX_GROUPS, groups(), key=lambda g: (-g.size_bytes, -g.verdicts.get("goes", 0)))
    return RuleReport(rule=rule, groups=tuple(largest), group_count=count)


def _group(labels: tuple[str | None, ...], members: Iterator[tuple[int, int | None]], judged: _Judged) -> Group:
    goes = VERDICTS.index("goes")
    counts = [0] * len(VERDICTS)
    size = 0
    for seq, size_bytes, *_ in members:
        verdict = judged.verdict(seq)
        counts[verdict] += 1
        if verdict == goes:
            size += size_bytes or 0
    return Group(labels=labels, verdicts=_named(counts), size_bytes=size)


def _named(counts: Sequence[int]) -> dict[Verdict, int]:
    return {name: count for name, count in zip(VERDICTS, counts, strict=True) if count}
