"""Experiments beside each other: what they were given, what came out, and by how much that differs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

from runicorn_db.query import Experiment, ExperimentDetail
from runicorn_tui.parameter_leaves import leaves, natural
from runicorn_tui.terminal import Drawn, safe

FEWEST, MOST = 2, 20

Kind = Literal["best", "last", "parameter"]
Mode = Literal["min", "max"]
Verdict = Literal["better", "worse"]

_SHORTEST_TAIL = 6


class Absent(Enum):
    """Instead of a value that an experiment does not have; None is a parameter that is null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How far a value is from that of the baseline.

    `percent` is None where the baseline is 0, `verdict` where the values are equal or nobody knows what is better.
    """

    absolute: float
    percent: float | None
    verdict: Verdict | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A parameter or a metric of every experiment, in their order; `mode` says what is better, where that is known.

    A parameter is what it was written as, a metric a float, NaN when it is not finite.
    """

    kind: Kind
    name: str
    values: tuple[object, ...]
    mode: Mode | None = None

    @cached_property
    def differs(self) -> bool:
        """Whether any two experiments have different values here; to have none is a value too."""
        return len({_identity(value) for value in self.values}) > 1

    def delta(self, index: int, baseline: int | None) -> Delta | None:
        """How far a metric of one experiment is from the baseline; None where either has no finite value."""
        if self.kind == "parameter" or baseline is None or index == baseline:
            return None
        value, base = self.values[index], self.values[baseline]
        if not isinstance(value, float) or not isinstance(base, float):
            return None
        if not (math.isfinite(value) and math.isfinite(base)):
            return None
        verdict: Verdict | None = None
        if self.mode is not None and value != base:
            verdict = "better" if (value > base) == (self.mode == "max") else "worse"
        share = (value - base) / abs(base) if base else None
        return Delta(absolute=value - base, percent=None if share is None else 100 * share, verdict=verdict)


def _identity(value: object) -> tuple[str, object]:
    """Equal for equal values alone: 1 is 1.0 and no truth, NaN is itself."""
    if isinstance(value, bool):
        return "truth", value
    if isinstance(value, int | float):
        return "number", "nan" if value != value else value
    if isinstance(value, str):
        return "text", value
    return ("absent", None) if value is ABSENT else ("other", json.dumps(value, sort_keys=True))


def compare(details: Sequence[ExperimentDetail]) -> list[Row]:
    """Everything that any of the experiments has.

    First the metrics of which it is known what is better, then the parameters, then the other metrics.
    """
    better = modes(details)
    judged: list[Row] = []
    others: list[Row] = []
    for name in metrics(details):
        mode = better.get(name)
        if mode is not None:
            best = tuple(_best(detail, name, mode) for detail in details)
            judged.append(Row(kind="best", name=name, values=best, mode=mode))
        last = tuple(_last(detail, name) for detail in details)
        if any(value is not ABSENT for value in last):
            (others if mode is None else judged).append(Row(kind="last", name=name, values=last, mode=mode))
    return [*judged, *_parameters(details), *sorted(others, key=lambda row: natural(row.name))]


def _parameters(details: Sequence[ExperimentDetail]) -> list[Row]:
    given = [leaves(detail.params) for detail in details]
    paths = {path: ".".join(path) for params in given for path in params}
    return [
        Row(kind="parameter", name=paths[path], values=tuple(params.get(path, ABSENT) for params in given))
        for path in sorted(paths, key=lambda path: (natural(paths[path]), path))
    ]


def modes(details: Sequence[ExperimentDetail]) -> Mapping[str, Mode]:
    """Whether more or less is better, of each metric of which that was said and not contradicted."""
    said: dict[str, set[Mode]] = {}
    for detail in details:
        name, mode = detail.experiment.best_metric_name, detail.experiment.best_metric_mode
        if name is not None and (mode == "min" or mode == "max"):
            said.setdefault(name, set()).add(mode)
    return {name: mode for name, (mode, *contradiction) in said.items() if not contradiction}


def metrics(details: Sequence[ExperimentDetail]) -> list[str]:
    """Every metric: what is the best metric of most experiments first, then what most of them have."""
    votes = Counter(name for detail in details if (name := detail.experiment.best_metric_name) is not None)
    holders = Counter(name for detail in details for name in detail.metrics)
    return sorted({*votes, *holders}, key=lambda name: (-votes[name], -holders[name], natural(name)))


def first_metric(details: Sequence[ExperimentDetail]) -> str | None:
    """The one to look at first, of those that can be compared: what most call their best, else a loss."""
    holders = Counter(name for detail in details for name in detail.metrics)
    ordered = metrics(details)
    shared = [name for name in ordered if holders[name] >= FEWEST] or ordered
    is_best = {detail.experiment.best_metric_name for detail in details}
    losses = (name for name in shared if "loss" in name.casefold())
    return next((name for name in shared if name in is_best), next(losses, next(iter(shared), None)))


def _best(detail: ExperimentDetail, name: str, mode: Mode) -> object:
    experiment, summary = detail.experiment, detail.metrics.get(name)
    if experiment.best_metric_name == name and experiment.best_metric_value is not None:
        return float(experiment.best_metric_value)
    if summary is None:
        return ABSENT
    value = summary.min if mode == "min" else summary.max
    return math.nan if value is None else float(value)


def _last(detail: ExperimentDetail, name: str) -> object:
    summary = detail.metrics.get(name)
    if summary is None:
        return ABSENT
    return math.nan if summary.last is None else float(summary.last)


def labels(experiments: Sequence[Experiment]) -> list[str]:
    """The names as they are shown; those that look alike are told apart by the ends of their ids."""
    names = [safe(experiment.name) or "(no name)" for experiment in experiments]
    ids = [safe(experiment.id) for experiment in experiments]
    found: list[str] = []
    for name, own in zip(names, ids, strict=True):
        rivals = [other for twin, other in zip(names, ids, strict=True) if twin == name and other != own]
        found.append(Drawn(f"{name} …{_tail(own, rivals)}") if rivals else name)
    return found


def _tail(own: str, rivals: Sequence[str]) -> str:
    """The shortest end, from six characters on, that no rival has."""
    for length in range(_SHORTEST_TAIL, len(own)):
        if not any(rival.endswith(own[-length:]) for rival in rivals):
            return own[-length:]
    return own
