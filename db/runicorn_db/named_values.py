"""What an experiment has under a name, a metric or a parameter: what lists can be ordered by and show in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from runicorn_db.errors import InvalidQuery
from runicorn_db.text import is_unicode

Which = Literal["best", "last", "min", "max", "param"]
_WHICH: tuple[Which, ...] = get_args(Which)
_PREFIXES: dict[str, Which] = {"last": "last", "min": "min", "max": "max", "param": "param"}

Value: TypeAlias = "float | str | None"
"""A number (of a parameter also a truth value), a text, or None for none."""


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A metric or a parameter.

    `best` is the metric's best value where it is the best metric of the experiment, and its last one elsewhere.
    """

    which: Which
    name: str

    def __post_init__(self) -> None:
        if self.which not in _WHICH:
            raise InvalidQuery(f"a value is one of {', '.join(_WHICH)}")
        if not self.name or not is_unicode(self.name):
            raise InvalidQuery("a metric or a parameter needs a name of valid Unicode")

    def __str__(self) -> str:
        """As the filter language writes it: `acc`, `last.acc`, `min.loss`, `max.acc`, `param.lr`."""
        return self.name if self.which == "best" else f"{self.which}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> NamedValue:
        """What `text` means in the filter language. Raises `InvalidQuery` for nothing and for a prefix alone."""
        prefix, dot, name = text.partition(".")
        which = _PREFIXES.get(prefix) if dot else None
        return cls("best", text) if which is None else cls(which, name)

    @property
    def is_param(self) -> bool:
        return self.which == "param"
