"""Hypothesis strategies for rows and for questions that have a chance of meeting them."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from runicorn_db.criteria import (
    STATUSES,
    Criteria,
    Date,
    Field,
    Has,
    Is,
    Metric,
    Number,
    Param,
    State,
    Status,
    Tag,
    Term,
    Text,
    TextField,
)
from runicorn_db.named_values import NamedValue, Which
from runicorn_db.query import MAX_SEARCH_LENGTH, ORDER_FIELDS, ExperimentQuery
from tests.db.model import ROOTS, Row, Series

NOW = 1_760_000_000.0
DAY = 86400.0

NASTY = (
    *("resnet", "ResNet50", "Straße", "STRASSE", "caf\u00e9 au lait", "cafe\u0301", "100%", "a_b", "aXb", "50\\50"),
    *('say "hi"', "'; DROP TABLE", "学", "学习", "学习率", "深度学习模型", "İstanbul", "ΣΊΣΥΦΟΣ", "ﬁne", "Ǆ"),
    *("a", "ab", "abc", "ABC", "a*", "NEAR(a b)", "-x", "two  spaces", "tab\there", "😀😀😀", "null", "0", "\u0301"),
)
_CHARACTERS = st.sampled_from("aAbBéÉße\u0301s%_\"\\学习 '*😀")
TEXTS = st.sampled_from(NASTY) | st.text(_CHARACTERS, min_size=1, max_size=6)
EMPTY_TOO = st.just("") | TEXTS
SHORT = st.sampled_from(["a", "学", "学习", "%", "_", "é", "ß", "ss", '"', "\\", " ", "AB", "\u0301", "😀"])
WORDS = TEXTS | SHORT | st.builds(lambda text, size: text[:size], TEXTS, st.integers(1, 5))
WORD_LISTS = st.lists(WORDS, min_size=1, max_size=3).map(tuple)

# Binary fractions, so that the model and SQLite subtract without rounding; few of them, so that they meet.
TIMES = st.sampled_from(
    [
        *(NOW, NOW - 0.25, NOW - DAY, NOW - DAY + 2**-10, NOW - 40 * DAY, NOW + DAY),
        *(0.0, 0.5, -86400.0, -1e9, 1_735_689_600.0, 1_738_368_000.0, 4e9, 1.76e12, 1e17),
    ]
)
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 0.9, 1e-3, 1e9, -1e300, 5e-324]) | st.integers(-3, 3).map(float)
COUNTS = st.integers(0, 3) | st.sampled_from([1000, 2**40])
METRICS = st.sampled_from(["acc", "loss", "val/acc top-1", "Acc", "学习", 'a"b', "size", "tags"])
PARAMS = st.sampled_from(["lr", "optimizer", "model.size", "学", "a b"])
TAGS = st.sampled_from(["keep", "Keep", "a,b", "学习", "caf\u00e9", "cafe\u0301", "%", 'a"b', "\\", "x y", "ß"])
NUMBER_TEXTS = st.sampled_from(["1", "1.0", "1e-3", "0.001", "-1", "+1", ".5", "0", "1000"])
ALMOST_NUMBERS = st.sampled_from(["nan", "inf", "-Infinity", "1_000", "٣", "1e", "0x10", "True", "true"])


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


SERIES = st.builds(Series, last=maybe(VALUES), min=maybe(VALUES), max=maybe(VALUES))
PARAM_VALUES = st.one_of(
    st.sampled_from([("1", 1.0), ("0.001", 0.001), ("1000", 1000.0), ("true", 1.0), ("3", 3.0), ("NaN", None)]),
    st.tuples(TEXTS | NUMBER_TEXTS | ALMOST_NUMBERS, st.none()),
)
_IDS = st.sampled_from([f"20250101_000000_{number:06x}" for number in range(24)]) | TEXTS

ROWS = st.builds(
    Row,
    id=_IDS,
    root=st.sampled_from(ROOTS),
    project=EMPTY_TOO,
    name=EMPTY_TOO,
    status=st.sampled_from(STATUSES),
    created_at=TIMES,
    updated_at=TIMES,
    started_at=maybe(TIMES),
    ended_at=maybe(TIMES),
    duration_seconds=maybe(st.sampled_from([0.0, 20.0, 0.5, DAY])),
    exit_reason=maybe(TEXTS),
    best_metric_name=maybe(METRICS),
    best_metric_value=maybe(VALUES),
    best_metric_mode=st.sampled_from([None, "max", "min"]),
    hostname=maybe(TEXTS),
    description=maybe(TEXTS),
    tags=st.lists(TAGS, max_size=3, unique=True).map(lambda tags: tuple(sorted(tags))),
    params=st.dictionaries(PARAMS, PARAM_VALUES, max_size=2),
    metrics=st.dictionaries(METRICS, SERIES, max_size=3),
    size_bytes=maybe(COUNTS),
    file_count=COUNTS,
    step_count=COUNTS,
    has_environment=st.booleans(),
    is_pinned=st.booleans(),
    deleted_at=st.none() | st.none() | TIMES,
    is_missing=st.sampled_from([False, False, False, True]),
)
ROW_LISTS = st.lists(ROWS, max_size=16, unique_by=lambda row: row.id)

_NEGATED = st.booleans()
_ORDERINGS = st.sampled_from(["<", "<=", ">", ">="])
_DATES = st.sampled_from(
    ["2025-01", "2025-02-01", "2025-01-01T00:00", "2025-10-09", "2025-10", "2033-05", "1970-01-01"]
)
_PATTERNS = st.sampled_from(
    ["^a", "res.*t", "ß|é", "学{1}", "^$", "(?i)RESNET", r"\d+", r"\\", ".", "a_b", "x*", r"%\z"]
)


def _compared(make: type, numbers: st.SearchStrategy[float], **rest: st.SearchStrategy) -> st.SearchStrategy[Term]:
    """Terms that compare with numbers: several only by equality."""
    one = st.builds(make, comparison=_ORDERINGS, values=st.tuples(numbers), negated=_NEGATED, **rest)
    many = st.lists(numbers, min_size=1, max_size=3).map(tuple)
    return one | st.builds(make, comparison=st.just("="), values=many, negated=_NEGATED, **rest)


_FIELDS = st.sampled_from(get_args(TextField))
TERMS: st.SearchStrategy[Term] = st.one_of(
    st.builds(Text, text=WORDS, negated=_NEGATED),
    st.builds(
        Field,
        field=_FIELDS,
        operation=st.sampled_from(["contains", "exact"]),
        values=WORD_LISTS | st.tuples(st.sampled_from(ROOTS)),
        negated=_NEGATED,
    ),
    st.builds(Field, field=_FIELDS, operation=st.just("regex"), values=st.tuples(_PATTERNS), negated=_NEGATED),
    st.builds(Status, values=st.lists(st.sampled_from(STATUSES), min_size=1).map(tuple), negated=_NEGATED),
    st.builds(Tag, values=st.lists(TAGS, min_size=1, max_size=3).map(tuple), negated=_NEGATED),
    st.builds(
        Date,
        field=st.sampled_from(["created", "updated"]),
        comparison=st.just("=") | _ORDERINGS,
        date=_DATES,
        negated=_NEGATED,
    ),
    _compared(Number, st.sampled_from([0.0, 20.0, 0.5, DAY]), field=st.just("duration")),
    _compared(Number, COUNTS.map(float), field=st.sampled_from(["size", "files", "steps"])),
    _compared(Number, VALUES, field=st.just("best")),
    st.builds(
        Number,
        field=st.just("age"),
        comparison=_ORDERINGS,
        values=st.tuples(st.sampled_from([0.0, 0.25, DAY, 40 * DAY, 1e9])),
        negated=_NEGATED,
    ),
    _compared(Metric, VALUES, metric=METRICS, value=st.sampled_from(["", "last", "min", "max"])),
    st.builds(
        Param,
        param=PARAMS,
        comparison=st.sampled_from(["contains", "="]),
        values=st.lists(WORDS | NUMBER_TEXTS | ALMOST_NUMBERS, min_size=1, max_size=3).map(tuple),
        negated=_NEGATED,
    ),
    st.builds(Param, param=PARAMS, comparison=_ORDERINGS, values=st.tuples(NUMBER_TEXTS), negated=_NEGATED),
    st.builds(Has, presence=st.sampled_from(["tags", "description", "environment"]), negated=_NEGATED),
    st.builds(Has, presence=st.just("metric"), name=METRICS, negated=_NEGATED),
    st.builds(Has, presence=st.just("param"), name=PARAMS, negated=_NEGATED),
    st.builds(Is, state=st.sampled_from(get_args(State)), negated=_NEGATED),
)
CRITERIA = st.lists(st.lists(TERMS, min_size=1, max_size=3).map(tuple), max_size=3).map(
    lambda groups: Criteria(tuple(groups))
)

_SEARCHES = (
    st.lists(WORDS | WORDS.map(lambda word: f'"{word}"'), max_size=2)
    .map(" ".join)
    .map(lambda text: text[:MAX_SEARCH_LENGTH])
)


def _seldom(strategy: st.SearchStrategy, otherwise: object) -> st.SearchStrategy:
    """Mostly no filter: all of them together would leave no row."""
    return st.integers(0, 3).flatmap(lambda choice: st.just(otherwise) if choice else strategy)


NAMED_VALUES = st.builds(
    NamedValue, st.sampled_from([which for which in get_args(Which) if which != "param"]), METRICS
) | st.builds(NamedValue, st.just("param"), PARAMS)
ORDERS = st.fixed_dictionaries({"order_by": st.sampled_from(ORDER_FIELDS) | NAMED_VALUES, "order_desc": st.booleans()})
QUERIES = st.builds(
    lambda order, **rest: ExperimentQuery(**order, **rest),
    order=ORDERS,
    project=_seldom(EMPTY_TOO, None),
    name=_seldom(EMPTY_TOO, None),
    status=_seldom(st.lists(st.sampled_from(STATUSES), max_size=3).map(tuple), ()),
    tags=_seldom(st.lists(TAGS, max_size=2).map(tuple), ()),
    search=_seldom(_SEARCHES, None),
    created_after=_seldom(TIMES, None),
    created_before=_seldom(TIMES, None),
    best_metric_min=_seldom(VALUES, None),
    best_metric_max=_seldom(VALUES, None),
    include_deleted=st.booleans(),
    filter=CRITERIA,
    roots=_seldom(st.lists(st.sampled_from([*ROOTS, "nothing"]), max_size=2).map(tuple), ()),
    per_page=st.integers(1, 5),
)
