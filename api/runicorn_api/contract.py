"""The query parameters: one row each, from which they are read, written and documented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal
from urllib.parse import quote, unquote_to_bytes, urlencode

from runicorn_api.forms import FILTER, FLAG, LIST, NUMBER, STEP_RANGE, TEXT, Form, StepRange, integer
from runicorn_db.criteria import STATUSES
from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.query import (
    MAX_DOWNSAMPLE,
    MAX_PAGE,
    MAX_PER_PAGE,
    MAX_SEARCH_LENGTH,
    ORDER_FIELDS,
    ExperimentQuery,
    MetricsQuery,
    shown,
)

MAX_PARAMETERS = 64

STEP_COLUMN = "global_step"
"""The first column of a metrics answer."""

EXPERIMENT_FIELDS = (
    "id",
    "project",
    "name",
    "status",
    "created_at",
    "best_metric_name",
    "best_metric_value",
    "pid",
    "run_dir",
    "updated_at",
    "started_at",
    "ended_at",
    "duration_seconds",
    "exit_reason",
    "best_metric_step",
    "best_metric_mode",
    "hostname",
    "tags",
    "description",
    "deleted_at",
    "delete_reason",
    "size_bytes",
)
"""What a list says of an experiment, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One query parameter. Filters narrow, paging chooses the order and the part, answer shapes what is told."""

    name: str
    form: Form
    role: Literal["filter", "paging", "answer"]
    doc: str
    allowed: tuple[str, ...] = ()
    max_length: int | None = None

    @property
    def schema(self) -> dict[str, object]:
        """What a value may be, as JSON Schema."""
        schema: dict[str, object] = dict(self.form.schema)
        if self.allowed and self.form.is_list:
            schema["items"] = {"type": "string", "enum": self.allowed}
        elif self.allowed:
            schema = {"type": "string", "enum": self.allowed}
        if self.max_length is not None:
            schema["maxLength"] = self.max_length
        return schema


def _row(
    name: str,
    form: Form,
    role: Literal["filter", "paging", "answer"],
    doc: str,
    *,
    allowed: tuple[str, ...] = (),
    max_length: int | None = None,
) -> Parameter:
    return Parameter(name=name, form=form, role=role, doc=doc, allowed=allowed, max_length=max_length)


LIST_PARAMETERS = (
    _row("project", TEXT, "filter", "Exactly this project, case-sensitive."),
    _row("name", TEXT, "filter", "Exactly this experiment name, case-sensitive."),
    _row("status", LIST, "filter", "Any of `running`, `finished`, `failed`, `interrupted`.", allowed=STATUSES),
    _row("tags", LIST, "filter", "All of these tags, case-sensitive."),
    _row(
        "search",
        TEXT,
        "filter",
        'Every word occurs in project, name or description, whatever its case; `"two words"` is one word. '
        f"At most {MAX_SEARCH_LENGTH} characters.",
        max_length=MAX_SEARCH_LENGTH,
    ),
    _row("created_after", NUMBER, "filter", "Created at this Unix time or later."),
    _row("created_before", NUMBER, "filter", "Created at this Unix time or earlier."),
    _row("best_metric_min", NUMBER, "filter", "Best metric value at least this."),
    _row("best_metric_max", NUMBER, "filter", "Best metric value at most this."),
    _row("include_deleted", FLAG, "filter", "Also what is in the trash."),
    _row("filter", FILTER, "filter", "A text in the filter language, such as `status:failed acc>0.9 -tag:keep`."),
    _row("roots", LIST, "filter", "In any of these roots, by name."),
    _row("page", integer(1, MAX_PAGE), "paging", "Page number from 1."),
    _row("per_page", integer(1, MAX_PER_PAGE), "paging", f"Experiments a page, 1 to {MAX_PER_PAGE}."),
    _row(
        "order_by",
        TEXT,
        "paging",
        f"One of {', '.join(f'`{name}`' for name in ORDER_FIELDS)}. Nulls come last.",
        allowed=ORDER_FIELDS,
    ),
    _row("order_desc", FLAG, "paging", "Largest first."),
    _row("cursor", TEXT, "paging", "The `next_cursor` of the page before, instead of `page`."),
    _row("fields", LIST, "answer", "Only these fields of each experiment.", allowed=EXPERIMENT_FIELDS),
)

METRICS_PARAMETERS = (
    _row("metric_names", LIST, "filter", "These metrics, in this order; otherwise all, sorted by name."),
    _row("step_range", STEP_RANGE, "filter", "Steps from `min:max`, both included; `min:` and `:max` are open."),
    _row(
        "downsample",
        integer(1, MAX_DOWNSAMPLE),
        "answer",
        f"At most so many rows, 1 to {MAX_DOWNSAMPLE}; ends and extremes are kept.",
    ),
)

TRASH_PARAMETERS = (
    _row(
        "batch",
        integer(1, 999_999_999),
        "filter",
        "What this deletion batch still holds, the newest experiment first, instead of all batches.",
    ),
    _row("page", integer(1, MAX_PAGE), "paging", "Page number from 1."),
    _row("per_page", integer(1, MAX_PER_PAGE), "paging", f"Batches or experiments a page, 1 to {MAX_PER_PAGE}."),
)

FILTER_PARAMETERS = tuple(row for row in LIST_PARAMETERS if row.role == "filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashQuery:
    """Which page of the deletion batches, or of what is left of one of them."""

    batch: int | None = None
    page: int = 1
    per_page: int = 50


def read_pairs(query_string: str) -> list[tuple[str, str]]:
    """Names and values of a WSGI query string, decoded from strict UTF-8."""
    parts = [part for part in query_string.encode("latin-1").split(b"&") if part]
    if len(parts) > MAX_PARAMETERS:
        raise InvalidQuery(f"At most {MAX_PARAMETERS} parameters are allowed, not {len(parts)}")
    return [(_decode(name), _decode(value)) for name, _, value in (part.partition(b"=") for part in parts)]


def _decode(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidQuery(f"Parameters must be UTF-8, not '{shown(raw.decode('latin-1'))}'") from None


def read_parameters(rows: Iterable[Parameter], query_string: str) -> dict[str, Any]:
    """The values that are given, by name.

    Raises InvalidQuery for a name without a row: a filter that is not understood would widen the result.
    """
    known = {row.name: row for row in rows}
    texts: dict[str, list[str]] = {}
    for name, text in read_pairs(query_string):
        if name not in known:
            raise InvalidQuery(_unknown_sentence("parameter", name, known))
        texts.setdefault(name, []).append(text)
    values: dict[str, Any] = {}
    for name, given in texts.items():
        form = known[name].form
        if len(given) > 1 and not form.is_list:
            raise InvalidQuery(f"{name} must be given once, not {len(given)} times")
        text = ",".join(given)
        if text and (value := form.read(name, text)) != ():
            values[name] = value
    return values


def _unknown_sentence(what: str, name: str, known: Iterable[str]) -> str:
    return f"Unknown {what} '{shown(name)}': allowed are {', '.join(known) or 'none'}"


def read_nothing(query_string: str) -> None:
    """For requests without parameters: InvalidQuery if there is one."""
    read_parameters((), query_string)


def read_list(query_string: str) -> tuple[ExperimentQuery, tuple[str, ...]]:
    """Which experiments a list asks for, and which fields of each."""
    values = read_parameters(LIST_PARAMETERS, query_string)
    names: tuple[str, ...] = values.pop("fields", EXPERIMENT_FIELDS)
    for name in names:
        if name not in EXPERIMENT_FIELDS:
            raise InvalidQuery(f"fields must be among {', '.join(EXPERIMENT_FIELDS)}, not '{shown(name)}'")
    if "cursor" in values and "page" in values:
        raise InvalidQuery("cursor and page cannot be used together")
    return ExperimentQuery(**values), names


def read_trash(query_string: str) -> TrashQuery:
    """Which part of the trash a request asks for."""
    return TrashQuery(**read_parameters(TRASH_PARAMETERS, query_string))


def read_filters(query_string: str) -> ExperimentQuery:
    """Which experiments a summary is about: the filters of the list."""
    return ExperimentQuery(**read_parameters(FILTER_PARAMETERS, query_string))


def read_filter_object(values: Mapping[str, object]) -> ExperimentQuery:
    """Which experiments a JSON object of filters names: never the trash, never a page of them."""
    known = {row.name: row for row in FILTER_PARAMETERS if row.name != "include_deleted"}
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise InvalidQuery(_unknown_sentence("field in query", name, known))
        read = known[name].form.read_json(name, value)
        if read is not None and read != ():
            given[name] = read
    return ExperimentQuery(**given)


def read_metrics(experiment_id: str, query_string: str) -> MetricsQuery:
    """Which series a request asks for."""
    values = read_parameters(METRICS_PARAMETERS, query_string)
    metrics: Sequence[str] = values.get("metric_names", ())
    if STEP_COLUMN in metrics:
        raise InvalidQuery(f"metric_names must not contain '{STEP_COLUMN}': it is always the first column")
    low, high = values.get("step_range", (None, None))
    return MetricsQuery(
        experiment_id=experiment_id,
        metrics=tuple(metrics),
        step_min=low,
        step_max=high,
        downsample=values.get("downsample"),
    )


def write_query(query: ExperimentQuery) -> str:
    """The query string that asks for the same experiments: what differs from the defaults.

    Raises InvalidQuery for a query that no query string can say: a tag with a comma in it, an order by a metric.
    """
    if isinstance(query.order_by, NamedValue):
        raise InvalidQuery(f"order_by must be one of {', '.join(ORDER_FIELDS)}, not '{shown(query.order_by)}'")
    plain = ExperimentQuery()
    rows = {row.name: row for row in LIST_PARAMETERS}
    changed = [f.name for f in fields(query) if getattr(query, f.name) != getattr(plain, f.name)]
    return _encode((name, rows[name].form.write(name, getattr(query, name))) for name in changed)


def write_metrics_query(query: MetricsQuery) -> str:
    """The query string that asks for the same series of `query.experiment_id`."""
    steps: StepRange = (query.step_min, query.step_max)
    values: dict[str, object] = {
        "metric_names": query.metrics or None,
        "step_range": None if steps == (None, None) else steps,
        "downsample": query.downsample,
    }
    rows = {row.name: row for row in METRICS_PARAMETERS}
    return _encode((name, rows[name].form.write(name, value)) for name, value in values.items() if value is not None)


def _encode(pairs: Iterable[tuple[str, str]]) -> str:
    try:
        # Colons and commas read better as they are, and every server takes them so.
        return urlencode(list(pairs), quote_via=quote, safe=":,")
    except UnicodeEncodeError as error:
        raise InvalidQuery(f"'{shown(error.object)}' is not Unicode text and cannot be asked for") from None
