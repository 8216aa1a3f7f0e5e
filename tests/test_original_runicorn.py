"""The original Runicorn and this program on one storage root: what one deletes or restores, the other sees.

Asked for by `pytest -m original` or by `make torture`; the versions are installed then, from the package index.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery, MetricsQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.original_runicorn import VERSIONS, Original, environment

pytestmark = [pytest.mark.original, pytest.mark.slow, pytest.mark.torture, pytest.mark.timeout(1200)]

STEPS = {1: {"loss": 2.0}, 2: {"loss": 0.5, "accuracy": 0.75}, 3: {"loss": 1.0}}
MARKED = tuple(version for version in VERSIONS if version < "0.7")


@pytest.fixture(scope="session")
def pythons() -> dict[str, Path]:
    """The interpreters that were looked up, by version."""
    return {}


@pytest.fixture(params=VERSIONS)
def original(request: pytest.FixtureRequest, pythons: dict[str, Path], tmp_path: Path) -> Iterator[Original]:
    version: str = request.param
    if version not in pythons:
        pythons[version] = environment(version)
    with Original(pythons[version], tmp_path / "root", tmp_path) as running:
        yield running


only = pytest.mark.parametrize("original", MARKED, indirect=True)
only_07 = pytest.mark.parametrize("original", ["0.7.2"], indirect=True)


@pytest.fixture
def store(original: Original, tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "index.db") as opened:
        opened.add_root(original.root)
        yield opened


def live(store: Store) -> set[str]:
    """The ids that are in the list after a look at the root."""
    assert sync(store).is_complete
    return {experiment.id for experiment in store.find(ExperimentQuery()).experiments}


def trash(store: Store) -> set[str]:
    return set(store.id_list(store.trash()))


def delete(store: Store, run: str, *, move_to_recycle: bool = False) -> None:
    result = store.delete([run], source="cli", reason="too slow", move_to_recycle=move_to_recycle)
    assert result.changed == 1
    assert store.flush_outbox() == 0


def restore(store: Store, run: str) -> None:
    assert store.restore([run]).changed == 1
    assert store.flush_outbox() == 0


def test_what_its_sdk_records_is_read(original: Original, store: Store) -> None:
    good = original.record(STEPS, summary={"note": "naïve [/]"})
    bad = original.record({}, status="failed")

    assert live(store) == {good, bad}
    detail = store.get(good)
    assert (detail.experiment.project, detail.experiment.name) == ("vision", "resnet")
    assert detail.experiment.status == "finished"
    assert (detail.experiment.best_metric_name, detail.experiment.best_metric_value) == ("loss", 0.5)
    assert store.get(bad).experiment.status == "failed"
    table = store.series(MetricsQuery(experiment_id=good))
    assert table.steps == (1, 2, 3)
    assert {name: list(values) for name, values in table.values.items()} == {
        "accuracy": [None, 0.75, None],
        "loss": [2.0, 0.5, 1.0],
    }


@only
def test_it_sees_our_deletion_and_our_restore(original: Original, store: Store) -> None:
    kept, run = original.record(STEPS), original.record(STEPS)
    assert live(store) == {kept, run}

    delete(store, run)
    assert original.listed() == {kept}
    told = original.recycle_bin()
    assert told.keys() == {run}
    assert (told[run]["delete_reason"], told[run]["original_status"]) == ("too slow", "finished")
    assert told[run]["deleted_at"] == store.get(run).experiment.deleted_at

    restore(store, run)
    assert original.listed() == {kept, run}
    assert original.recycle_bin() == {}
    assert live(store) == {kept, run}


def test_we_see_its_deletion_and_its_restore(original: Original, store: Store) -> None:
    kept, run = original.record(STEPS), original.record(STEPS)
    assert live(store) == {kept, run}

    original.delete(run)
    assert live(store) == {kept}
    assert trash(store) == {run}
    assert store.get(run).experiment.delete_reason == "user_deleted"

    original.restore(run)
    assert live(store) == {kept, run}
    assert trash(store) == set()


@only
def test_what_we_deleted_it_can_restore(original: Original, store: Store) -> None:
    run = original.record(STEPS)
    live(store)
    delete(store, run)

    original.restore(run)

    assert live(store) == {run}
    assert live(store) == {run}


@only
def test_what_it_deleted_we_can_restore_and_its_next_deletion_counts_again(original: Original, store: Store) -> None:
    run = original.record(STEPS)
    original.delete(run)
    assert live(store) == set()

    restore(store, run)
    assert live(store) == {run}
    assert live(store) == {run}

    original.delete(run)
    assert live(store) == set()
    assert trash(store) == {run}


def test_tags_and_descriptions_beside_its_files_do_not_disturb_it(original: Original, store: Store) -> None:
    run = original.record(STEPS)
    live(store)
    before = original.get(f"/api/runs/{run}")

    store.annotate([run], add_tags=["keep"], description="the good one", pinned=True)
    assert store.flush_outbox() == 0

    assert original.get(f"/api/runs/{run}") == before
    assert original.listed() == {run}
    original.delete(run)
    assert live(store) == set()
    assert store.get(run).experiment.tags == ("keep",)


@only_07
def test_our_deletion_of_a_run_of_07_is_ours_alone_unless_it_is_moved(original: Original, store: Store) -> None:
    run = original.record(STEPS)
    live(store)

    delete(store, run)

    assert original.scan() == {run: False}
    assert original.listed() == {run}
    assert live(store) == set()


@only_07
def test_what_we_move_to_recycle_it_calls_deleted_and_restores(original: Original, store: Store) -> None:
    kept, run = original.record(STEPS), original.record(STEPS)
    live(store)
    before = Path(store.get(run).experiment.run_dir)

    delete(store, run, move_to_recycle=True)
    assert original.scan() == {kept: False, run: True}
    assert not before.exists()
    # Its list is that of its own database, which nobody but it writes to.
    assert original.listed() == {kept, run}

    original.restore(run)
    assert original.scan() == {kept: False, run: False}
    assert before.exists()
    assert live(store) == {kept, run}
    assert live(store) == {kept, run}
    assert store.get(run).experiment.run_dir == str(before)


@only_07
def test_what_07_deleted_goes_back_to_its_place_when_it_is_restored_here(original: Original, store: Store) -> None:
    run = original.record(STEPS)
    live(store)
    before = store.get(run).experiment.run_dir
    original.delete(run)
    assert live(store) == set()

    restore(store, run)

    assert store.get(run).experiment.run_dir == before
    assert original.scan() == {run: False}
    assert live(store) == {run}
    assert original.post("/api/recycle-bin/empty", confirm=True)["permanently_deleted"] == 0
    assert live(store) == {run}
    original.delete(run)
    assert live(store) == set()
    assert trash(store) == {run}


@only_07
def test_what_we_moved_to_recycle_we_bring_back_to_where_it_looks(original: Original, store: Store) -> None:
    run = original.record(STEPS)
    live(store)

    delete(store, run, move_to_recycle=True)
    restore(store, run)

    assert original.scan() == {run: False}
    assert original.listed() == {run}
    assert live(store) == {run}
    original.delete(run)
    assert live(store) == set()
    assert trash(store) == {run}


def test_what_it_empties_from_its_bin_is_missing_here(original: Original, store: Store) -> None:
    kept, run = original.record(STEPS), original.record(STEPS)
    live(store)
    original.delete(run)

    assert original.post("/api/recycle-bin/empty", confirm=True)["permanently_deleted"] == 1

    assert live(store) == {kept}
    assert trash(store) == set()
    assert store.prune() == 1
