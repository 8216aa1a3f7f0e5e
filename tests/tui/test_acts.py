from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery, Snapshot
from runicorn_db.store import Store
from runicorn_tui.acts import CHUNK, Failure, History, failures_of, move, parts
from tests.tui import indexed


@pytest.fixture
def ten(store: Store, tmp_path: Path) -> Store:
    """Ten experiments, `run 0` the newest."""
    indexed.add(store, indexed.numbered(10), root=tmp_path / "root")
    return store


def live(store: Store) -> int:
    return store.find(ExperimentQuery(per_page=1)).total


def delete(store: Store, first: int, last: int) -> int:
    part = store.ids(ExperimentQuery())[first:last]
    batch = move(store, part, reason="r", query="", batch=None).batch
    assert batch is not None
    return batch


def test_parts_are_everything_in_order() -> None:
    whole = Snapshot(array("q", range(2 * CHUNK + 1)))
    found = list(parts(whole))
    assert [len(part) for part in found] == [CHUNK, CHUNK, 1]
    assert [key for part in found for key in part.keys] == list(whole.keys)
    assert list(parts(Snapshot())) == []


def test_parts_are_moved_into_one_batch(ten: Store) -> None:
    everything = ten.ids(ExperimentQuery())
    first = move(ten, everything[:4], reason="r", query="q", batch=None)
    second = move(ten, everything[4:], reason="r", query="q", batch=first.batch)
    assert (first.changed, second.changed, second.batch, second.failures) == (4, 6, first.batch, ())
    assert ten.batches()[0].count == 10


def test_what_was_not_moved_says_why(ten: Store) -> None:
    part = ten.ids(ExperimentQuery())[:3]
    ids = ten.id_list(part)
    ten.delete(ids[:1], source="api")
    with ten.database.writing() as connection:
        connection.execute("DELETE FROM experiment WHERE id = ?", (ids[1],))
    moved = move(ten, part, reason="r", query="", batch=None)
    assert moved.changed == 1
    assert moved.failures == (
        Failure(id=ids[0], name="run 0", reason="was moved to the trash by someone else meanwhile"),
        Failure(reason="left the index meanwhile"),
    )


def test_what_cannot_be_moved_at_all_makes_no_batch(ten: Store) -> None:
    part = ten.ids(ExperimentQuery())[:1]
    ten.delete(ten.id_list(part), source="api")
    moved = move(ten, part, reason="r", query="", batch=None)
    assert (moved.changed, moved.batch, len(moved.failures)) == (0, None, 1)


def test_failures_have_the_names_that_the_index_knows(ten: Store) -> None:
    (known,) = ten.id_list(ten.ids(ExperimentQuery())[:1])
    assert failures_of(ten, {known: "is running", "nobody": "not found"}) == [
        Failure(id=known, name="run 0", reason="is running"),
        Failure(id="nobody", reason="not found"),
    ]


def test_history_goes_back_and_forth_one_batch_after_the_other(ten: Store) -> None:
    history = History()
    for first, last in ((0, 1), (1, 3), (3, 6)):
        history.add(delete(ten, first, last))
    assert [history.take_back(ten) for _ in range(4)] == [(3, {}), (2, {}), (1, {}), None]
    assert live(ten) == 10
    assert [history.do_again(ten) for _ in range(4)] == [1, 2, 3, None]
    assert live(ten) == 4


def test_a_new_act_forgets_what_could_be_done_again(ten: Store) -> None:
    history = History()
    history.add(delete(ten, 0, 1))
    history.take_back(ten)
    history.add(delete(ten, 0, 1))
    assert history.do_again(ten) is None
    assert history.take_back(ten) == (1, {})


def test_history_passes_over_what_others_took_back(ten: Store) -> None:
    history = History()
    for first, last in ((0, 1), (1, 3)):
        history.add(delete(ten, first, last))
    ten.restore_batch(history.done[-1])
    assert history.take_back(ten) == (1, {})
    assert history.take_back(ten) is None
