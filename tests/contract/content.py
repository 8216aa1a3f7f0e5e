"""Three storage roots with known content, and what a server must know of it.

    python -m tests.contract.content DIR

writes them into DIR. A server that the suite is pointed at with `--server URL` must serve exactly them, without
watching and without rate limits, from a fresh index:

    runicorn-tui serve DIR/main DIR/'Backup ß' DIR/nas_1 --db DIR/index.db --no-watch --no-rate-limit
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runicorn_db.criteria import STATUSES
from tests.db.model import ROOTS, Row, Series
from tests.db.runs import write_json
from tests.db.strategies import DAY, NASTY, NOW

DOCUMENTED = "20250114_153045_a1b2c3"
"""The experiment of the documentation's examples; with a thousand steps of three metrics."""
ALSO_DOCUMENTED = "20250114_120000_d4e5f6"
SPARSE = "lauf ü 1"
"""An experiment that logged everything that can be logged, here and there."""
LONG = "20250102_000000_long00"
"""An experiment of 5,000 steps."""
VICTIMS = tuple(f"20250103_000000_victim{number}" for number in range(8))
"""Experiments that tests may delete, as long as they take them back."""

NAN, INF = float("nan"), float("inf")
Steps = Sequence[tuple[int, Mapping[str, object]]]

_TIMES = (NOW, NOW - 0.25, NOW - DAY, NOW - 40 * DAY, 0.0, 0.5, 1_735_689_600.0, 1_738_368_000.0, 4e9)
_VALUES = (0.0, -0.0, 1.0, -1.0, 0.5, 0.9, 1e-3, 1e9, -1e300, 5e-324)
_METRICS = ("acc", "loss", "val/acc top-1", "Acc", "学习", 'a"b', "size", "tags")
_TAGS = ("keep", "Keep", "a,b", "学习", "caf\u00e9", "cafe\u0301", "%", 'a"b', "\\", "x y", "ß")
_PARAMS: Mapping[str, Sequence[object]] = {
    "lr": (1, 0.001, 1000, True, "1e-3", "NaN"),
    "optimizer": ("adam", "Adam W", "学"),
    "model.size": (3, "3", None),
    "a b": ("x", False),
}


@dataclass(kw_only=True)
class Recorded:
    """One experiment: what is written, and as a row what must be known of it."""

    row: Row
    steps: Steps = ()
    params: Mapping[str, object] = field(default_factory=dict)
    status_word: str | None = None
    """The word in status.json, where it is not the row's."""

    @property
    def series(self) -> dict[int, dict[str, float]]:
        """Step -> metric -> the value that counts: the last that was logged, NaN and infinities among them."""
        found: dict[int, dict[str, float]] = {}
        for step, values in self.steps:
            logged = {
                name: float(value)
                for name, value in values.items()
                if isinstance(value, (int, float)) and name not in ("global_step", "step", "time", "stage", "epoch")
            }
            if logged:
                found.setdefault(step, {}).update(logged)
        return dict(sorted(found.items()))


def experiments() -> list[Recorded]:
    """Everything that `write` writes; the same at every call."""
    dice = random.Random(20250114)
    found = [_documented(), _also_documented(), _sparse(), _long(), *_victims(), *_special()]
    found += [_random(dice, number) for number in range(70)]
    for recorded in found:
        _complete(recorded)
    return found


def _documented() -> Recorded:
    row = Row(
        id=DOCUMENTED,
        project="image_classification",
        name="resnet_baseline",
        created_at=1_704_067_200.0,
        started_at=1_704_067_200.0,
        ended_at=1_704_070_800.0,
        best_metric_name="accuracy",
        best_metric_value=0.9542,
        best_metric_step=940,
        best_metric_mode="max",
        pid=12345,
        tags=("baseline", "production"),
        has_environment=True,
    )
    steps = [
        (step, {"loss": 2.3 / step, "accuracy": 1 - math.exp(-step / 200), "learning_rate": 0.001})
        for step in range(1, 1001)
    ]
    return Recorded(row=row, steps=steps, params={"lr": 0.001, "optimizer": "adam"})


def _also_documented() -> Recorded:
    row = Row(
        id=ALSO_DOCUMENTED,
        project="image_classification",
        name="vit",
        description="Straße, second try",
        created_at=1_704_067_300.0,
        started_at=1_704_067_300.0,
        ended_at=1_704_067_400.0,
        best_metric_name="accuracy",
        best_metric_value=0.85,
        tags=("baseline",),
    )
    return Recorded(row=row, steps=[(1, {"accuracy": 0.85})])


def _sparse() -> Recorded:
    steps: Steps = [
        (-5, {"loss": 4.0}),
        (0, {"loss": NAN, "note": "text is no metric", "nothing": None, "list": [1], "object": {"a": 1}}),
        (3, {"accuracy": True}),
        (3, {"accuracy": 0.25, "epoch": 2, "stage": 1, "time": 5.0}),
        (5, {"note": "this step has no metric"}),
        (7, {"loss": INF, "accuracy": None}),
        (9, {"精度/top 1": 0.5}),
        (9, {"loss": -INF}),
        (8, {"loss": 1.0}),
        (8, {"loss": 2.0}),
    ]
    return Recorded(row=Row(id=SPARSE, project="übung", name="kürzel", created_at=1_735_000_000.0), steps=steps)


def _long() -> Recorded:
    dice = random.Random(5)
    steps = [(step, {"loss": dice.gauss(0, 1), "acc": dice.random()}) for step in range(5000)]
    return Recorded(row=Row(id=LONG, project="long", name="long", created_at=1_735_000_001.0), steps=steps)


def _victims() -> list[Recorded]:
    return [
        Recorded(row=Row(id=name, project="victims", name=f"v{number}", created_at=1_735_900_000.0 + number))
        for number, name in enumerate(VICTIMS)
    ]


def _special() -> list[Recorded]:
    """Words for a status that are not the four, and one whose end is known and whose reason is not."""
    words = {
        "completed": "finished",
        "success": "finished",
        "error": "failed",
        "crashed": "failed",
        "killed": "interrupted",
        "cancelled": "interrupted",
        "aborted": "interrupted",
        "Sleeping": "finished",
    }
    return [
        Recorded(
            row=Row(
                id=f"20250104_000000_{word}",
                project="words",
                name="status",
                status=status,
                exit_reason=word,
                created_at=1_735_990_000.0 + number,
            ),
            status_word=word,
        )
        for number, (word, status) in enumerate(words.items())
    ]


def _random(dice: random.Random, number: int) -> Recorded:
    created_at = dice.choice(_TIMES)
    started_at = dice.choice([None, created_at])
    status = dice.choice(STATUSES)
    seconds = dice.choice([0.0, 20.0, 0.5, DAY])
    names = dice.sample(_METRICS, dice.randrange(3))
    steps = [
        (step, {name: dice.choice([*_VALUES, NAN]) for name in names if dice.random() < 0.8})
        for step in range(dice.randrange(4))
    ]
    row = Row(
        id=dice.choice(["20250101_000000_{0:06x}", "Übung {0}", "a/b?{0}", "%2F{0}", "..{0}"]).format(number),
        root=dice.choice(ROOTS),
        project=dice.choice(NASTY),
        name=dice.choice(NASTY),
        status=status,
        exit_reason=None if status == "running" else dice.choice([None, "process_not_found", "two  words"]),
        created_at=created_at,
        started_at=started_at,
        ended_at=None if status == "running" else created_at + seconds,
        best_metric_name=dice.choice([None, "acc", "loss"]),
        pid=dice.choice([None, 4711]),
        description=dice.choice([None, None, *NASTY]),
        tags=tuple(sorted(dice.sample(_TAGS, dice.randrange(4)))),
        has_environment=dice.random() < 0.3,
        is_pinned=dice.random() < 0.2,
        deleted_at=dice.choice([None, None, None, NOW, NOW - 0.25]),
    )
    if row.best_metric_name is not None:
        row.best_metric_value = dice.choice(_VALUES)
        row.best_metric_step = dice.choice([None, 3])
        row.best_metric_mode = dice.choice([None, "max", "min"])
    if row.deleted_at is not None:
        row.delete_reason = dice.choice(["old", "学"])
    params = {name: dice.choice(values) for name, values in _PARAMS.items() if dice.random() < 0.4}
    return Recorded(row=row, steps=[step for step in steps if step[1]], params=params)


def _complete(recorded: Recorded) -> None:
    """What follows from what was recorded."""
    row, series = recorded.row, recorded.series
    row.hostname = "another-host"
    if row.started_at is not None and row.ended_at is not None:
        row.duration_seconds = row.ended_at - row.started_at
    events = [_event_time(row, number) for number, _ in enumerate(recorded.steps)]
    row.updated_at = events[-1] if events else row.created_at if row.ended_at is None else row.ended_at
    row.step_count = len(series)
    for name in {name for values in series.values() for name in values}:
        values = [values[name] for values in series.values() if name in values]
        finite = [value for value in values if math.isfinite(value)]
        row.metrics[name] = Series(
            last=values[-1] if math.isfinite(values[-1]) else None,
            min=min(finite, default=None),
            max=max(finite, default=None),
        )
    for name, value in recorded.params.items():
        text = value if isinstance(value, str) else json.dumps(value)
        row.params[name] = (text, float(value) if isinstance(value, (int, float)) else None)


def _event_time(row: Row, number: int) -> float:
    return row.created_at + number


def write(place: Path) -> dict[str, str]:
    """Writes the roots below `place`; their paths by name."""
    notes: dict[str, dict[str, Any]] = {name: {} for name in ROOTS}
    for number, recorded in enumerate(experiments()):
        row = recorded.row
        write_run(place / row.root / f"project{number % 7}" / f"name{number}", recorded)
        notes[row.root][row.id] = {"tags": list(row.tags), "description": row.description, "pinned": row.is_pinned}
    for name, entries in notes.items():
        write_json(place / name / ".experiments_metadata.json", entries)
    return {name: str(place / name) for name in ROOTS}


def write_run(folder: Path, recorded: Recorded) -> Path:
    """Writes one run below `folder` as Runicorn 0.4 does; its directory."""
    row = recorded.row
    directory = folder / "runs" / f"run-{number_of(row.id)}"
    directory.mkdir(parents=True)
    meta = {"id": row.id, "project": row.project, "name": row.name, "created_at": row.created_at}
    write_json(directory / "meta.json", _known(meta | {"hostname": row.hostname, "pid": row.pid}))
    # The word alone tells the reason, so it is not written a second time.
    reason = None if recorded.status_word else row.exit_reason
    status = {"status": recorded.status_word or row.status, "started_at": row.started_at, "ended_at": row.ended_at}
    write_json(directory / "status.json", _known(status | {"exit_reason": reason}))
    best = {name: getattr(row, name) for name in row.__dataclass_fields__ if name.startswith("best_metric_")}
    write_json(directory / "summary.json", _known(best) | dict(recorded.params))
    if row.has_environment:
        write_json(directory / "environment.json", {"python": "3.11"})
    if row.deleted_at is not None:
        write_json(directory / ".deleted", {"deleted_at": row.deleted_at, "reason": row.delete_reason})
    (directory / "events.jsonl").write_text("".join(_lines(recorded)), "utf-8")
    (directory / "events.jsonl.lock").write_bytes(b"")
    return directory


def number_of(text: str) -> int:
    """The same number for the same text in every process."""
    return random.Random(text).getrandbits(40)


def _known(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _lines(recorded: Recorded) -> Iterable[str]:
    for number, (step, values) in enumerate(recorded.steps):
        at = _event_time(recorded.row, number)
        data = {"global_step": step, **values}
        yield json.dumps({"ts": at, "type": "metrics", "data": data}, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
