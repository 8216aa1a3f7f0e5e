from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runicorn_api.operations import OPERATIONS
from runicorn_tui.client import (
    BadRequest,
    Client,
    ClientError,
    Conflict,
    ConnectionLost,
    Forbidden,
    NotFound,
    RateLimited,
    Record,
    Unauthorized,
    connect,
)
from tests.api.conftest import Run
from tests.client.conftest import Lab, Open

FIRST, SECOND, THIRD = "20240101_120000_000001", "20240101_130000_000002", "20240101_140000_000003"
SPARSE = "lauf ü 1"


def raw(lab: Lab, target: str) -> Any:
    """What the server says, read without the client."""
    connection = http.client.HTTPConnection(*lab.server.address, timeout=20)
    connection.request("GET", target)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    answer.pop("query_time_ms")
    return answer


def plain(value: Any) -> Any:
    """A record as the JSON that it was read from."""
    if isinstance(value, Record | dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def told(record: Record) -> Any:
    answer = plain(record)
    answer.pop("query_time_ms")
    return answer


def test_every_answer_is_told_whole(lab: Lab, runs: tuple[Run, ...]) -> None:
    client = lab.client
    for run in runs:
        path = f"/api/v2/experiments/{quote(run.id, safe='')}"
        assert told(client.get_experiment(run.id)) == raw(lab, path)
        assert told(client.get_metrics(run.id)) == raw(lab, f"{path}/metrics/fast")
    assert told(client.summary()) == raw(lab, "/api/v2/analytics/summary")
    assert plain(list(client.list_experiments())) == raw(lab, "/api/v2/experiments")["experiments"]


def test_every_operation_of_v2_has_its_call(lab: Lab) -> None:
    client = lab.client
    client.get_experiment(FIRST)
    client.get_metrics(FIRST)
    client.delete([FIRST], reason="a test")
    client.restore(FIRST)
    client.delete_matching(project="speech", expected_total=3)
    client.trash()
    client.summary()
    client.health()
    len(client.list_experiments())

    asked = {(method, target.partition("?")[0].replace(FIRST, "{experiment_id}")) for method, target in lab.asked}
    described = {(o.method, o.path) for o in OPERATIONS if o.path.startswith("/api/v2/") or o.name == "health"}
    assert described <= asked


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"project": "vision"}, {FIRST, SECOND, THIRD}),
        ({"name": "100% café_*"}, {"20240101_160000_000005"}),
        ({"status": "failed"}, {THIRD, "20240101_190000_000008"}),
        ({"status": ["interrupted", "running"]}, {"20240101_150000_000004", "20240101_170000_000006"}),
        ({"tags": ("baseline", "keep")}, {FIRST}),
        ({"search": "STRASSE"}, {FIRST}),
        ({"created_after": 1_704_110_400.0 + 3600 * 7}, {"20240101_190000_000008"}),
        ({"created_before": 1_704_110_400}, {FIRST}),
        ({"best_metric_min": 0.9}, {FIRST}),
        ({"best_metric_max": -0.1}, {"20240101_160000_000005"}),
        ({"filter": "tag:keep -status:finished"}, {"20240101_150000_000004"}),
        ({"roots": "lab", "project": "übung"}, {SPARSE, "20240101_190000_000008"}),
        ({"roots": ["lab"], "project": None, "search": "two  words"}, {SPARSE}),
    ],
)
def test_filters_mean_what_they_mean_over_rest(client: Client, filters: Any, names: set[str]) -> None:
    found = client.list_experiments(**filters)

    assert {experiment.id for experiment in found} == names
    assert len(found) == len(names) == client.summary(**filters).active
    assert client.delete_matching(**filters, expected_total=len(names), dry_run=True).deleted == len(names)


def test_what_is_in_the_trash_is_listed_when_asked_for(client: Client) -> None:
    client.delete(FIRST)

    assert len(client.list_experiments(include_deleted=True)) == len(client.list_experiments()) + 1
    assert client.get_experiment(FIRST).experiment.delete_reason == "user_batch_delete"


def test_metrics_are_chosen_by_name_steps_and_number(client: Client) -> None:
    metrics = client.get_metrics(FIRST, ["loss", "none"], step_range=(10, 500), downsample=50)

    assert metrics.columns == ("global_step", "loss", "none")
    assert metrics.applied_filters.unknown_metrics == ("none",)
    assert metrics.applied_filters.step_range == (10, 500)
    assert (metrics.rows[0]["global_step"], metrics.rows[-1]["global_step"]) == (10, 500)
    assert metrics.total_points <= 50 < metrics.available_points == 491
    assert client.get_metrics(FIRST, "loss", step_range=(None, 2)).column("loss") == [2.0, 1.0]
    assert client.get_metrics(FIRST, step_range=(999, None)).total_points == 2
    assert client.get_metrics(SPARSE, "精度/top 1").rows == [{"global_step": 9, "精度/top 1": 0.5}]
    with pytest.raises(KeyError):
        metrics.column("accuracy")


def test_what_is_deleted_comes_back(client: Client) -> None:
    deleted = client.delete([FIRST, SECOND, "nobody"], reason="Frühjahrsputz")

    assert (deleted.deleted, deleted.failed) == (2, 1)
    assert deleted.results == {FIRST: True, SECOND: True, "nobody": False}
    assert "not found" in deleted.errors["nobody"]
    (batch,) = client.trash()
    assert (batch.reason, batch.source, batch.count, batch.remaining) == ("Frühjahrsputz", "api", 2, 2)
    held = client.trash_batch(batch.id)
    assert [experiment.id for experiment in held] == [SECOND, FIRST]
    assert client.restore(experiment.id for experiment in held).restored == 2
    assert client.trash_batch(batch.id) == []
    assert client.get_experiment(FIRST).experiment.deleted_at is None


def test_a_dry_run_changes_nothing(client: Client) -> None:
    assert client.delete(FIRST, dry_run=True).deleted == 1
    assert client.delete_matching(all=True, expected_total=8, dry_run=True).deleted == 8

    assert (len(client.list_experiments()), client.trash()) == (8, [])


def test_a_deletion_by_filter_takes_what_was_counted_or_nothing(client: Client) -> None:
    victims = client.list_experiments(project="speech")

    with pytest.raises(Conflict, match="3 experiments match now, not 2"):
        client.delete_matching(project="speech", expected_total=2)
    assert client.trash() == []
    done = client.delete_matching(project="speech", expected_total=len(victims), reason="voices")
    assert (done.deleted, done.batch) == (3, client.trash()[0].id)
    with pytest.raises(BadRequest, match="query is empty"):
        client.delete_matching(expected_total=5)


def test_the_trash_is_told_beyond_one_page(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for experiment in list(lab.client.list_experiments()):
        lab.client.delete(experiment.id)
    monkeypatch.setattr("runicorn_tui.client.client.MAX_PER_PAGE", 3)

    assert len(lab.client.trash()) == 8
    assert sum("/trash?" in target for target in lab.targets()) == 3


def test_refusals_carry_the_sentence_of_the_server(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.get_experiment("nobody/../x")
    assert str(missing.value) == "Experiment nobody/../x not found"
    assert missing.value.status == 404
    with pytest.raises(BadRequest, match="status must be one of"):
        len(client.list_experiments(status="done"))
    with pytest.raises(BadRequest, match="Unknown parameter 'projekt'"):
        len(client.list_experiments(projekt="vision"))  # pyright: ignore[reportCallIssue]
    with pytest.raises(BadRequest, match="filter is not understood at column 8"):
        client.summary(filter="status:perhaps")
    with pytest.raises(BadRequest, match="must not end before it begins"):
        client.get_metrics(FIRST, step_range=(5, 1))
    with pytest.raises(NotFound):
        client.trash_batch(77)


def test_an_empty_id_asks_nothing(lab: Lab) -> None:
    for call in (lab.client.get_experiment, lab.client.get_metrics, lambda name: next(lab.client.logs(name))):
        with pytest.raises(ValueError, match="empty"):
            call("")
    assert lab.targets() == []


def test_the_token_is_sent_and_never_shown(open_lab: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = open_lab(token="s3cret", connecting={"token": "s3cret"})
    assert len(lab.client.list_experiments()) == 8
    assert "s3cret" not in repr(lab.client) + repr(vars(lab.client))
    with connect(lab.url) as nobody, pytest.raises(Unauthorized, match="Token required"):
        nobody.health()
    with connect(lab.url, token="wrong") as stranger, pytest.raises(Unauthorized):
        stranger.health()
    monkeypatch.setenv("RUNICORN_TUI_TOKEN", "s3cret")
    with connect(lab.url) as known:
        assert known.health().status == "ok"
    monkeypatch.setenv("RUNICORN_TUI_TOKEN", "")
    with connect(lab.url) as nobody, pytest.raises(Unauthorized):
        nobody.health()


def test_a_read_only_server_refuses_deletions(open_lab: Open) -> None:
    client = open_lab(is_read_only=True).client

    with pytest.raises(Forbidden, match="read-only"):
        client.delete(FIRST)


def test_a_unix_socket_is_a_server_like_any_other(open_lab: Open, tmp_path: Path) -> None:
    lab = open_lab(unix_socket=tmp_path / "rest socket")

    assert repr(lab.client) == f"Client('unix:{tmp_path}/rest socket')"
    assert len(list(lab.client.list_experiments(per_page=3))) == 8
    assert lab.client.delete([FIRST]).deleted == 1


def test_over_the_limit_is_told_when_the_deadline_is_too_near_to_wait(open_lab: Open) -> None:
    lab = open_lab(rate_limits={"detail": 2}, connecting={"deadline": 0.9})
    for _ in range(2):
        lab.client.get_experiment(FIRST)

    with pytest.raises(RateLimited) as refused:
        lab.client.get_experiment(FIRST)
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60
    assert len(lab.targets()) == 3


def test_threads_may_share_a_client(lab: Lab, runs: tuple[Run, ...]) -> None:
    wrong: list[str] = []

    def ask(run: Run) -> None:
        for _ in range(20):
            if lab.client.get_experiment(run.id).experiment.name != run.name:
                wrong.append(run.id)

    threads = [threading.Thread(target=ask, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(lab.targets()) == 20 * len(runs)


def test_a_closed_client_says_so(lab: Lab) -> None:
    experiments = lab.client.list_experiments()
    lab.client.close()

    for call in (lambda: list(experiments), lambda: next(lab.client.logs(FIRST)), lab.client.trash):
        with pytest.raises(ClientError, match="The client is closed"):
            call()


def test_nothing_is_asked_before_it_is_needed(lab: Lab) -> None:
    lab.client.list_experiments(project="vision")
    lab.client.logs(FIRST)
    with connect("http://127.0.0.1:9"):
        pass

    assert lab.targets() == []


def test_nobody_there_is_told(lab: Lab) -> None:
    lab.server.stop()

    with pytest.raises(
        ConnectionLost, match=r"Nothing answers at http://127.0.0.1:\d+: is `runicorn-tui serve`"
    ) as lost:
        lab.client.delete_matching(project="vision", expected_total=3)
    assert lost.value.may_have_happened is False
