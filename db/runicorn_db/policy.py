"""Policy files: rules of retention in TOML.

[[rule]]
per = "project"
keep_best = 5
keep_last = 10
older_than = "30d"
status = ["failed", "interrupted"]
where = "-tag:paper"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, cast

from runicorn_db.criteria import Criteria, Number
from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.query import shown
from runicorn_db.retention import Rule

_RULES = "rule"


def read_policy(text: str) -> tuple[Rule, ...]:
    """The rules of a policy. Raises `InvalidQuery`, naming the rule (from 1), for what is not understood."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidQuery(f"not valid TOML: {error}") from error
    for name in document:
        if name != _RULES:
            raise InvalidQuery(f"unknown name '{shown(name)}': a policy is a list of [[{_RULES}]] tables")
    rules = document.get(_RULES)
    if (
        not isinstance(rules, list)
        or not rules
        or not all(isinstance(rule, dict) for rule in cast(list[object], rules))
    ):
        raise InvalidQuery(f"a policy is a list of [[{_RULES}]] tables")
    return tuple(_read_rule(number, rule) for number, rule in enumerate(cast(list[dict[str, object]], rules), 1))


def read_duration(text: str) -> float:
    """Seconds of a duration such as `30d`, as the filter language writes it. Raises `InvalidQuery`."""
    criteria, notes = parse(f"age>{text}")
    match criteria.groups:
        case ((Number(field="age", comparison=">", values=(seconds,), negated=False),),) if not notes:
            return seconds
        case _:
            raise InvalidQuery(f"'{shown(text)}' is not a duration such as 20s, 5m, 2h, 30d, 1w")


def read_criteria(text: str) -> Criteria:
    """A filter that is understood whole. Raises `InvalidQuery`."""
    criteria, notes = parse(text)
    if notes:
        raise InvalidQuery(f"'{shown(text)}' is not understood at column {notes[0].column + 1}: {notes[0].message}")
    return criteria


def _read_rule(number: int, values: Mapping[str, object]) -> Rule:
    given: dict[str, Any] = {}
    try:
        for name, value in values.items():
            if name not in _READERS:
                raise InvalidQuery(f"unknown name '{shown(name)}': known are {', '.join(_READERS)}")
            kind, expected, read = _READERS[name]
            # Not isinstance: true is an int in Python, and no number in TOML.
            if type(value) is not kind:
                raise InvalidQuery(f"{name} must be {expected}, not '{shown(value)}'")
            given[name] = read(value)
        return Rule(**given)
    except InvalidQuery as error:
        raise InvalidQuery(f"rule {number}: {error}") from error


def _same(value: Any) -> Any:
    return value


def _statuses(values: list[object]) -> tuple[str, ...]:
    # An empty list, as an empty filter below, would widen the rule to everything.
    if not values:
        raise InvalidQuery("status must name at least one status")
    return tuple(str(value) for value in values)


def _where(text: str) -> Criteria:
    criteria = read_criteria(text)
    if not criteria:
        raise InvalidQuery("where must not be empty")
    return criteria


_READERS: Mapping[str, tuple[type, str, Callable[[Any], Any]]] = {
    "keep_best": (int, "a whole number", _same),
    "keep_last": (int, "a whole number", _same),
    "per": (str, "a text", _same),
    "older_than": (str, "a duration in quotes", read_duration),
    "status": (list, "a list of texts", _statuses),
    "where": (str, "a filter in quotes", _where),
    "include_running": (bool, "true or false", _same),
    "include_pinned": (bool, "true or false", _same),
}
"""Each name of a rule: its type in TOML, that type in words, and what makes the value of it."""
