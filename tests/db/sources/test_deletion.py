from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.sources.deletion import DeletionFacts, judge_deletion

LAYOUTS = ["0.1", "0.2", "0.6", "0.7"]
NOT_DELETED = (None, None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_any_fact_nothing_is_deleted(layout: str) -> None:
    assert judge_deletion(DeletionFacts(), layout=layout) == NOT_DELETED
    assert judge_deletion(DeletionFacts(restored_at=5.0), layout=layout) == NOT_DELETED


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (DeletionFacts(marked_at=10.0, marked_reason="user_deleted"), (10.0, "user_deleted")),
        (DeletionFacts(database_at=10.0, database_reason="old"), (10.0, "old")),
        (DeletionFacts(recycled_at=10.0), (10.0, None)),
    ],
)
def test_each_place_alone_deletes(layout: str, facts: DeletionFacts, verdict: tuple[float, str]) -> None:
    assert judge_deletion(facts, layout=layout) == verdict


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", ["marked_at", "recycled_at", "database_at"])
@pytest.mark.parametrize(("restored_at", "is_deleted"), [(9.0, True), (10.0, False), (11.0, False)])
def test_the_later_of_deleting_and_restoring_wins(
    layout: str, place: str, restored_at: float, is_deleted: bool
) -> None:
    facts = DeletionFacts(**{place: 10.0}, restored_at=restored_at)
    assert judge_deletion(facts, layout=layout) == ((10.0, None) if is_deleted else NOT_DELETED)


def test_a_new_marker_deletes_again_what_was_restored() -> None:
    facts = DeletionFacts(marked_at=30.0, marked_reason="again", database_at=10.0, restored_at=20.0)
    assert judge_deletion(facts, layout="0.2") == (30.0, "again")


@pytest.mark.parametrize("layout", ["0.1", "0.2", "0.6"])
def test_before_07_the_removal_of_the_marker_by_another_tool_restores(layout: str) -> None:
    facts = DeletionFacts(sidecar_at=10.0, sidecar_reason="ours")
    assert judge_deletion(facts, layout=layout) == NOT_DELETED


def test_in_07_the_sidecar_deletes_until_it_is_restored() -> None:
    facts = DeletionFacts(sidecar_at=10.0, sidecar_reason="ours")
    assert judge_deletion(facts, layout="0.7") == (10.0, "ours")
    assert judge_deletion(DeletionFacts(sidecar_at=10.0, restored_at=11.0), layout="0.7") == NOT_DELETED


def test_the_latest_deletion_gives_the_time_and_its_reason() -> None:
    facts = DeletionFacts(marked_at=10.0, marked_reason="marker", database_at=12.0, database_reason="database")
    assert judge_deletion(facts, layout="0.7") == (12.0, "database")
    facts = DeletionFacts(marked_at=10.0, marked_reason="marker", database_at=12.0)
    assert judge_deletion(facts, layout="0.7") == (12.0, "marker")


times = st.none() | st.floats(0, 100)


@given(
    st.builds(
        DeletionFacts, marked_at=times, recycled_at=times, database_at=times, sidecar_at=times, restored_at=times
    ),
    st.sampled_from(LAYOUTS),
)
def test_restoring_now_always_restores_and_deleting_now_always_deletes(facts: DeletionFacts, layout: str) -> None:
    values = {name: getattr(facts, name) for name in DeletionFacts.__dataclass_fields__}
    assert judge_deletion(DeletionFacts(**{**values, "restored_at": 101.0}), layout=layout) == NOT_DELETED
    assert judge_deletion(DeletionFacts(**{**values, "marked_at": 102.0}), layout=layout)[0] == 102.0
