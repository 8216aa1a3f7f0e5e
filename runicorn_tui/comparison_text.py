"""A comparison as text: the cells for people, and whole tables as CSV, JSON and Markdown."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from runicorn_api.json_body import to_json
from runicorn_db.query import Experiment
from runicorn_tui import format
from runicorn_tui.comparison import ABSENT, Delta, Row, Verdict, labels
from runicorn_tui.output import Cell, CsvTable
from runicorn_tui.terminal import Drawn, harmless, safe

Form = Literal["csv", "json", "md"]
"""Each is also the ending of a file."""
FORMS: Mapping[Form, str] = {"csv": "CSV", "json": "JSON", "md": "Markdown"}

NOT_FINITE = "not finite"
VERDICTS: Mapping[Verdict | None, str] = {"better": "✓", "worse": "✗", None: " "}
"""A sign beside the colour, for those who cannot tell that."""

_DELTA, _PERCENT = 9, 7


def title(row: Row) -> str:
    """`lr`, `best accuracy`, `last loss`; not made safe."""
    return row.name if row.kind == "parameter" else f"{row.kind} {row.name}"


def value(row: Row, index: int) -> str:
    """What one experiment has; not made safe."""
    held = row.values[index]
    if held is ABSENT:
        return format.DASH
    if row.kind != "parameter":
        assert isinstance(held, float)
        return format.number(held) if math.isfinite(held) else NOT_FINITE
    if isinstance(held, str):
        return format.written(held) if _reads_as_something_else(held) else held
    return format.written(held)


def _reads_as_something_else(text: str) -> bool:
    """Whether a text looks like no text: a number, a truth, nothing."""
    if text in ("", format.DASH):
        return True
    try:
        return not isinstance(json.loads(text), str)
    except (ValueError, RecursionError):
        return False


def delta(found: Delta) -> str:
    """`+0.0123`; of equal values `=`."""
    return "=" if not found.absolute else _signed(found.absolute)


def percent(found: Delta) -> str:
    """`+1.4%`, nothing where there is none."""
    if found.percent is None or not found.absolute:
        return ""
    size = abs(found.percent)
    if size >= 10_000:
        return ">+9999%" if found.percent > 0 else "<-9999%"
    return f"{found.percent:+.{0 if size >= 100 else 1}f}%"


def _signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{format.number(number)}"


def cell(row: Row, index: int, baseline: int | None) -> str:
    """The value, and of a metric how far it is from the baseline; not made safe."""
    found = row.delta(index, baseline)
    if found is None:
        return value(row, index)
    change = f"{VERDICTS[found.verdict]}{delta(found):>{_DELTA}}{percent(found):>{_PERCENT + 1}}"
    return Drawn(f"{safe(value(row, index))} {change}")


# Whole tables.


def document(experiments: Sequence[Experiment], rows: Sequence[Row], baseline: int | None) -> dict[str, Any]:
    """For JSON: values and deltas by id. An experiment without the value is not among them."""
    ids = [experiment.id for experiment in experiments]
    return {
        "experiments": [{"id": e.id, "name": e.name, "project": e.project, "status": e.status} for e in experiments],
        "baseline": None if baseline is None else ids[baseline],
        "rows": [_item(row, ids, baseline) for row in rows],
    }


def _item(row: Row, ids: Sequence[str], baseline: int | None) -> dict[str, Any]:
    held = [(id, held) for id, held in zip(ids, row.values, strict=True) if held is not ABSENT]
    deltas = [(id, row.delta(index, baseline)) for index, id in enumerate(ids)]
    return {
        "kind": row.kind,
        "name": row.name,
        "mode": row.mode,
        "differs": row.differs,
        "values": dict(held),
        "deltas": {
            id: {"absolute": found.absolute, "percent": found.percent, "verdict": found.verdict}
            for id, found in deltas
            if found is not None
        },
    }


def header(experiments: Sequence[Experiment], baseline: int | None) -> list[str]:
    """The first line of CSV: after the values of an experiment how far they are from the baseline, if there is one."""
    found = ["kind", "name", "mode"]
    for index, experiment in enumerate(experiments):
        found.append(experiment.id)
        if baseline is not None and index != baseline:
            found += [f"{experiment.id} delta", f"{experiment.id} percent"]
    return found


def cells(row: Row, baseline: int | None) -> list[Cell]:
    """A line of CSV; what is not there or not finite is empty."""
    found: list[Cell] = [row.kind, row.name, row.mode]
    for index, held in enumerate(row.values):
        found.append(_plain(held))
        if baseline is not None and index != baseline:
            delta = row.delta(index, baseline)
            found += [None, None] if delta is None else [_plain(delta.absolute), _plain(delta.percent)]
    return found


def _plain(held: object) -> Cell:
    if held is ABSENT or held is None:
        return None
    if isinstance(held, str | bool | int):
        return held
    if isinstance(held, float):
        return held if math.isfinite(held) else None
    return format.written(held)


def _markdown(experiments: Sequence[Experiment], rows: Sequence[Row], baseline: int | None) -> str:
    titles = [f"{label} (baseline)" if n == baseline else label for n, label in enumerate(labels(experiments))]
    lines = [["", *titles], ["---", *(["---:"] * len(titles))]]
    for row in rows:
        texts = [" ".join(cell(row, index, baseline).split()) for index in range(len(titles))]
        lines.append([title(row), *texts])
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(text: str) -> str:
    """Text that no Markdown means anything in."""
    return "".join(f"\\{c}" if c in "\\|`*_[]<>~" else c for c in harmless(text))


def whole(form: Form, experiments: Sequence[Experiment], rows: Sequence[Row], baseline: int | None) -> bytes:
    """The table as the content of a file."""
    match form:
        case "json":
            return to_json(document(experiments, rows, baseline)) + b"\n"
        case "md":
            return _markdown(experiments, rows, baseline).encode("utf-8", "replace")
        case "csv":
            file = io.StringIO(newline="")
            CsvTable(header(experiments, baseline), file).add(cells(row, baseline) for row in rows)
            return file.getvalue().encode("utf-8", "replace")
