"""Why a filter that is understood matches nothing all the same: it asks for a metric or parameter that nobody has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from runicorn_db.criteria import Criteria, Has, Metric, Param, Term
from runicorn_db.named_values import NamedValue
from runicorn_db.query import shown
from runicorn_tui.completions import write_name

_MOST_COMPARED = 2000
"""Looking for a similar name takes a moment for each."""


def asked_for(criteria: Criteria) -> dict[NamedValue, Term]:
    """The metrics (as `best`) and parameters that a filter is about, each with the first term that is."""
    found: dict[NamedValue, Term] = {}
    for term in (term for group in criteria.groups for term in group):
        match term:
            case Metric(metric=name) | Has(presence="metric", name=name):
                found.setdefault(NamedValue("best", name), term)
            case Param(param=name) | Has(presence="param", name=name):
                found.setdefault(NamedValue("param", name), term)
            case _:
                pass
    return found


def sentence(asked: Mapping[NamedValue, Term], known: Sequence[NamedValue]) -> str:
    """What to say of the first that is not among the `known` ones; empty for nothing. Not made safe."""
    for value, term in asked.items():
        if value not in known:
            kind, other = ("parameter", "metric") if value.is_param else ("metric", "parameter")
            missing = f"no {kind} is called {shown(value.name)}"
            meant = NamedValue("best" if value.is_param else "param", value.name)
            if meant in known:
                return f"{missing}, but a {other} is: write {_instead(term, meant)}"
            if near := _near(value, known):
                return f"{missing}: did you mean {near}?"
            # A metric may be known as the best one of an experiment long before its series is read.
            if value.is_param:
                return missing
    return ""


def _instead(term: Term, meant: NamedValue) -> str:
    """The term about `meant`."""
    written = write_name(meant) or str(meant)
    if isinstance(term, Metric):
        values = tuple(f"{value:.15g}" for value in term.values)
        return str(Param(param=meant.name, comparison=term.comparison, values=values, negated=term.negated))
    if isinstance(term, Param):
        operator = ":" if term.comparison in ("=", "contains") else term.comparison
        return f"{'-' if term.negated else ''}{written}{operator}{','.join(term.values)}"
    return f"{'-' if isinstance(term, Has) and term.negated else ''}has:{written}"


def _near(value: NamedValue, known: Sequence[NamedValue]) -> str | None:
    """A name like this one, as a filter writes it: one that ends in it behind a dot or a slash, or is spelt alike."""
    names = {one.name: one for one in known if one.is_param or not value.is_param}
    wanted = value.name.casefold()
    ending = [name for name in names if name.casefold().endswith((f".{wanted}", f"/{wanted}"))]
    alike = ending or get_close_matches(value.name, list(names)[:_MOST_COMPARED], n=1, cutoff=0.7)
    return write_name(names[alike[0]]) if alike else None
