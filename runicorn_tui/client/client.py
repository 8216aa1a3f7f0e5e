"""The calls, one for each thing that the server can be asked."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from runicorn_tui.client import records
from runicorn_tui.client.address import DEFAULT_ADDRESS, check_token, read_address
from runicorn_tui.client.listing import MAX_PER_PAGE, Experiments
from runicorn_tui.client.parameters import Filters, encoded, given, ids_of, query_texts, segment

if TYPE_CHECKING:
    from types import TracebackType

    from runicorn_tui.client.transport import Transport

TOKEN_VARIABLE = "RUNICORN_TUI_TOKEN"

_V2 = "/api/v2"


def connect(
    address: str = DEFAULT_ADDRESS, *, token: str | None = None, timeout: float = 30.0, deadline: float = 120.0
) -> Client:
    """A client of the server at `address`: `http://HOST:PORT`, `https://HOST`, or `unix:/path/of/socket`.

    `token` is what the server asks for, by default that of `RUNICORN_TUI_TOKEN`, if there is one. `timeout` are the
    seconds to connect, and to wait for the next bytes of an answer; `deadline` those that one call may take with
    every attempt and every wait. The server is first asked by the first call. Raises ValueError for an address or a
    token that can be none.
    """
    # Loaded here: it needs most of the time that loading a client takes.
    from runicorn_tui.client.transport import Transport

    token = os.environ.get(TOKEN_VARIABLE) or None if token is None else token
    checked = None if token is None else check_token(token)
    return Client(Transport(read_address(address), token=checked, timeout=timeout, deadline=deadline))


class Client:
    """A server, as calls. Made by `connect`; threads may share one, and each call has a connection of its own.

    Every call raises an error of `ClientError`'s tree. A call is tried up to five times within its deadline, with
    growing waits or as long as the server says: after 429 each, after 503 and a connection that broke each but
    `delete_matching`, which is only asked again when it cannot have been heard.

    >>> with connect("http://127.0.0.1:23300") as client:
    ...     client.health().status
    'ok'
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({str(self._transport.address)!r})"

    def close(self) -> None:
        """Close the connections. What is being answered still is; a call after that raises ClientError."""
        self._transport.close()

    def list_experiments(
        self,
        *,
        order_by: str = "created_at",
        order_desc: bool = True,
        fields: Iterable[str] | None = None,
        per_page: int = MAX_PER_PAGE,
        **filters: Unpack[Filters],
    ) -> Experiments:
        """All experiments that match, newest first unless told otherwise; asked for as they are needed.

        `fields` leaves out every other field of each, which makes large lists smaller; `per_page` is how many one
        request brings. Raises ValueError for a filter that is empty, or that no query string can say.

        >>> ended = client.list_experiments(status=["failed", "interrupted"], order_by="name", fields=["id", "name"])
        >>> [experiment.name for experiment in ended]
        ['interrupted', 'failed']
        """
        asked = query_texts({**filters, "order_by": order_by, "order_desc": order_desc, "fields": fields})
        return Experiments(lambda texts: self._get(f"{_V2}/experiments", texts), asked, per_page)

    def get_experiment(self, experiment_id: str) -> records.Detail:
        """One experiment, also one in the trash. Raises NotFound.

        >>> detail = client.get_experiment(experiment_id)
        >>> detail.experiment.project, detail.experiment.best_metric_value
        ('image_classification', 0.981011)
        >>> detail.metrics_summary.metrics["loss"].last
        0.134428
        """
        return records.Detail(self._get(f"{_V2}/experiments/{segment(experiment_id)}"))

    def get_metrics(
        self,
        experiment_id: str,
        names: str | Iterable[str] | None = None,
        step_range: tuple[int | None, int | None] | None = None,
        downsample: int | None = None,
    ) -> records.Metrics:
        """Metric series of one experiment: these metrics or all, steps from the first to the last named, both included.

        At most `downsample` rows come, of which the ends and the extremes are kept. Raises NotFound, and ValueError
        for a metric with a comma in its name, which can only be had with all others.
        """
        low, high = step_range or (None, None)
        steps = f"{'' if low is None else low}:{'' if high is None else high}"
        texts = query_texts(
            {
                "metric_names": [names] if isinstance(names, str) else names,
                "step_range": None if steps == ":" else steps,
                "downsample": downsample,
            }
        )
        return records.Metrics(self._get(f"{_V2}/experiments/{segment(experiment_id)}/metrics/fast", texts))

    def delete(self, ids: str | Iterable[str], *, reason: str | None = None, dry_run: bool = False) -> records.Deleted:
        """Move experiments to the trash, 1000 at most, as one batch. Nothing on disk is removed.

        An id that cannot be deleted raises nothing: `errors` tells why. It is asked again after a connection that
        broke: what is in the trash already stays there and counts as deleted, so state and answer are the same, unless
        somebody has restored it in that moment.
        """
        body = given({"reason": reason, "dry_run": dry_run})
        return records.Deleted(self._post("batch-delete", {"exp_ids": ids_of(ids), **body}))

    def restore(self, ids: str | Iterable[str]) -> records.Restored:
        """Take experiments back out of the trash, 1000 at most. Asked again as `delete` is."""
        return records.Restored(self._post("batch-restore", {"exp_ids": ids_of(ids)}))

    def delete_matching(
        self,
        *,
        expected_total: int,
        reason: str | None = None,
        dry_run: bool = False,
        all: bool = False,
        **filters: Unpack[Filters],
    ) -> records.MatchingDeleted:
        """Move all experiments that match to the trash as one batch, any number.

        `expected_total` is how many the list counted: raises Conflict, with nothing changed, when it is not that many
        any more. Without any filter `all` must be true.

        Never asked twice when it may have been heard (but as a dry run): after `ConnectionLost` with
        `may_have_happened`, or a `ServerError`, `trash()` tells whether the batch is there.

        >>> victims = client.list_experiments(status="failed")
        >>> client.delete_matching(status="failed", expected_total=len(victims), dry_run=True).deleted
        1
        """
        options = given({"reason": reason, "dry_run": dry_run, "all": all})
        body = {"query": given(filters), "expected_total": expected_total, **options}
        return records.MatchingDeleted(self._post("delete-matching", body, is_repeatable=dry_run))

    def summary(self, **filters: Unpack[Filters]) -> records.Summary:
        """Aggregates over the experiments that match.

        >>> client.summary(project="image_classification").by_status
        {'running': 0, 'finished': 6, 'failed': 0, 'interrupted': 0}
        """
        return records.Summary(self._get(f"{_V2}/analytics/summary", query_texts({**filters})))

    def logs(self, experiment_id: str, *, follow: bool = True) -> Generator[str, None, None]:
        """The lines of a run's log, without their line breaks: the last 10,000, then those that are written.

        With `follow` until the run has ended, otherwise until the server has sent all that it has read so far (it
        looks once a second). The server is asked by the first line that is taken. Raises NotFound, RateLimited when too
        many streams are open or the index is busy, and ConnectionLost when it breaks off: a new call begins with the
        last 10,000 lines again. Whoever does not come for the next line for 80 seconds may be dropped by the server.
        `close()` ends it.

        >>> list(client.logs(experiment_id))
        ['23:47:37 | Epoch 1 start', '23:47:37 | multi', 'line text']
        """
        from runicorn_tui.client.logs import lines_of

        yield from lines_of(self._transport.listen(f"/api/runs/{segment(experiment_id)}/logs/ws"), follow=follow)

    def trash(self) -> list[records.Batch]:
        """All deletion batches, newest first, whoever deleted."""
        found: dict[int, records.Batch] = {}
        for row in self._trashed("batches", {}):
            # One that is made meanwhile moves the others on to the next page.
            found.setdefault(row["id"], records.Batch(row))
        return list(found.values())

    def trash_batch(self, batch: int) -> list[records.Experiment]:
        """The experiments that a deletion batch still holds, newest first. Raises NotFound."""
        return [records.Experiment(row) for row in self._trashed("experiments", {"batch": str(batch)})]

    def health(self) -> records.Health:
        """Whether server and index are well."""
        return records.Health(self._get("/api/health"))

    def _trashed(self, what: str, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        page = 1
        while True:
            answer = self._get(f"{_V2}/trash", {**asked, "page": str(page), "per_page": str(MAX_PER_PAGE)})
            yield from answer[what]
            if not answer["has_next"]:
                return
            page += 1

    def _get(self, path: str, texts: Mapping[str, str] | None = None) -> dict[str, Any]:
        from runicorn_tui.client.transport import Request

        return self._transport.ask(Request("GET", path + encoded(texts or {})))

    def _post(self, verb: str, body: Mapping[str, object], *, is_repeatable: bool = True) -> dict[str, Any]:
        from runicorn_tui.client.transport import Request

        written = json.dumps(body).encode("ascii")
        return self._transport.ask(Request("POST", f"{_V2}/experiments/{verb}", written, is_repeatable))
