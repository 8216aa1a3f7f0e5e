"""The list of experiments that match, asked for a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, overload

from runicorn_tui.client import frames
from runicorn_tui.client.errors import UnexpectedAnswer
from runicorn_tui.client.records import Experiment

MAX_PER_PAGE = 1000


class Experiments:
    """All experiments that match, in order: nothing is asked before it is needed, and one page is held at a time.

    `len()` is the exact number of all that match. It asks for the first page, with which the next loop begins. Every
    further loop begins with a new question, so it sees what has changed; `len()` is what the latest first page told.

    Within a loop no experiment comes twice, and none that matched all the time is missing, however many are added
    or deleted meanwhile: each page continues after the last experiment of the one before, not at a number.

    >>> experiments = client.list_experiments(project="image_classification", order_by="created_at", order_desc=False)
    >>> len(experiments)
    6
    >>> experiments[0].name
    'resnet_baseline'
    >>> [experiment.status for experiment in experiments[:2]]
    ['finished', 'finished']
    >>> sum(experiment.best_metric_value is None for experiment in experiments)
    4
    """

    def __init__(
        self, ask: Callable[[Mapping[str, str]], Mapping[str, Any]], asked: Mapping[str, str], per_page: int
    ) -> None:
        """`ask` answers the parameters of a list request, of which `asked` are those of all pages."""
        self._ask = ask
        self._asked = asked
        self._per_page = per_page
        self._total: int | None = None
        self._begun: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Experiments({', '.join(f'{name}={text!r}' for name, text in self._asked.items())})"

    def __len__(self) -> int:
        if self._total is None:
            self._begun = self._first_page(self._per_page)
        return self._total or 0

    def __iter__(self) -> Iterator[Experiment]:
        return self._walk(self._per_page)

    @overload
    def __getitem__(self, which: int) -> Experiment: ...

    @overload
    def __getitem__(self, which: slice) -> list[Experiment]: ...

    def __getitem__(self, which: int | slice) -> Experiment | list[Experiment]:
        """One experiment by its place (a request of its own), or the experiments from one place to another."""
        if isinstance(which, slice):
            return self._part(which)
        place = which + len(self) if which < 0 else which
        if place < 0:
            raise IndexError(which)
        found = self._page({"page": str(place + 1), "per_page": "1"})["experiments"]
        if not found:
            raise IndexError(which)
        return Experiment(found[0])

    def _part(self, part: slice) -> list[Experiment]:
        start, stop = part.start or 0, part.stop
        if start < 0 or (stop is not None and stop < 0) or part.step not in (None, 1):
            raise ValueError("A slice goes forward from the beginning, such as [:10] or [10:20]")
        per_page = MAX_PER_PAGE if stop is None else max(1, min(stop, MAX_PER_PAGE))
        return list(islice(self._walk(per_page), start, stop))

    def _walk(self, per_page: int) -> Iterator[Experiment]:
        begun, self._begun = self._begun, None
        page = begun or self._first_page(per_page)
        while True:
            yield from map(Experiment, page["experiments"])
            if (cursor := page["next_cursor"]) is None:
                return
            page = self._page({"per_page": str(per_page), "cursor": cursor})

    def _first_page(self, per_page: int) -> Mapping[str, Any]:
        page = self._page({"per_page": str(per_page)})
        self._total = page["total"]
        return page

    def _page(self, place: Mapping[str, str]) -> Mapping[str, Any]:
        page = self._ask({**self._asked, **place})
        if not page.keys() >= {"experiments", "total", "next_cursor"}:
            raise UnexpectedAnswer("The server's list has no next_cursor: it is none of runicorn-tui")
        return page

    def to_pandas(self) -> Any:
        """A pandas `DataFrame` with a row for each experiment. Raises `MissingPackage`."""
        rows = list(self)
        return frames.to_pandas(rows, self._kinds(rows))

    def to_polars(self) -> Any:
        """A polars `DataFrame` with a row for each experiment. Raises `MissingPackage`."""
        rows = list(self)
        return frames.to_polars(rows, self._kinds(rows))

    def _kinds(self, rows: list[Experiment]) -> dict[str, str]:
        known = frames.kinds_of(Experiment)
        asked = self._asked["fields"].split(",") if "fields" in self._asked else known
        return {name: known.get(name, "") for name in (rows[0] if rows else asked)}
