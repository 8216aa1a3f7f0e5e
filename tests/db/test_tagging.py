"""Tags, descriptions and pins that are set here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.outcomes import AnnotatePreview, ChangeResult
from runicorn_db.query import Experiment, ExperimentQuery
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Experiments `a` with tags, `b` with a description and `c` in the trash."""
    with Store(tmp_path / "index.db") as opened:
        model.add_roots(opened, tmp_path)
        rows = [Row(id="a", tags=("old", "x")), Row(id="b", description="first words"), Row(id="c", deleted_at=1.0)]
        model.insert(opened, rows)
        yield opened


def one(store: Store, name: str) -> Experiment:
    return store.get(name).experiment


def found(store: Store, text: str) -> set[str]:
    criteria, notes = parse(text)
    assert not notes
    return set(store.id_list(store.ids(ExperimentQuery(filter=criteria))))


def test_tags_are_added_and_removed_and_found(store: Store) -> None:
    store.annotate(["a", "b"], add_tags=["学习", "keep"], remove_tags=["old", "never"])
    assert one(store, "a").tags == ("keep", "x", "学习")
    assert one(store, "b").tags == ("keep", "学习")
    assert found(store, "tag:keep") == {"a", "b"}
    assert found(store, "tag:old") == set()
    assert found(store, "-has:tags") == set()


def test_a_tag_both_added_and_removed_is_removed(store: Store) -> None:
    store.annotate(["a"], add_tags=["x", "y"], remove_tags=["y", "x"])
    assert one(store, "a").tags == ("old",)


def test_tags_differ_by_case_and_are_trimmed(store: Store) -> None:
    store.annotate(["b"], add_tags=["Keep", "keep", " keep "])
    assert one(store, "b").tags == ("Keep", "keep")


def test_a_description_is_set_searched_and_cleared(store: Store) -> None:
    store.annotate(["b"], description="Die Straße 学习")
    assert one(store, "b").description == "Die Straße 学习"
    assert found(store, "strasse") == found(store, "学") == found(store, "has:description") == {"b"}
    assert found(store, "words") == set()
    store.annotate(["b"], description="")
    assert one(store, "b").description is None
    assert found(store, "strasse") == found(store, "学") == found(store, "has:description") == set()


def test_a_pin_is_set_and_taken_away_and_the_rest_left_alone(store: Store) -> None:
    store.annotate(["a", "b"], pinned=True)
    assert found(store, "is:pinned") == {"a", "b"}
    store.annotate(["a"], pinned=False)
    assert found(store, "is:pinned") == {"b"}
    assert one(store, "a").tags == ("old", "x")
    assert one(store, "b").description == "first words"


def test_what_lies_in_the_trash_can_be_annotated_and_is_found_after_its_restore(store: Store) -> None:
    store.annotate(["c"], description="described in the trash", add_tags=["t"])
    assert found(store, "described") == set()
    assert found(store, "described is:deleted") == {"c"}
    store.restore(["c"])
    assert found(store, "described tag:t") == {"c"}


def test_an_unknown_id_fails_alone(store: Store) -> None:
    result = store.annotate(["a", "nothing"], pinned=True)
    assert result.results == {"a": True, "nothing": False}
    assert result.errors == {"nothing": "not found"}
    assert result.changed == 1


def test_only_those_that_become_different_are_counted_and_written(store: Store) -> None:
    change = {"add_tags": ["x"], "remove_tags": ["never"], "description": "first words", "pinned": False}
    assert store.annotate(["a", "b"], **change).changed == 2
    assert store.annotate(["a", "b"], **change).changed == 0
    assert store.annotate(["a", "b"], add_tags=["old"]).changed == 1
    with store.database.snapshot() as connection:
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (2,)


def test_a_preview_counts_tags_pins_and_read_only_roots(store: Store) -> None:
    store.annotate(["a", "b", "c"], add_tags=["x"])
    store.annotate(["b"], pinned=True)
    with store.database.writing() as connection:
        connection.execute("UPDATE root SET is_writable = 0")
    preview = store.preview_annotate(["a", "b", "nothing"])
    assert preview == AnnotatePreview(total=2, pinned=1, tags={"x": 2, "old": 1}, index_only=2)
    assert list(preview.tags) == ["x", "old"]
    assert store.tag_counts() == {"x": 2, "old": 1}, "the trash is left out"


def test_a_change_of_nothing_changes_and_queues_nothing(store: Store) -> None:
    result: ChangeResult = store.annotate(["a"])
    assert (result.results, result.changed) == ({"a": True}, 0)
    assert store.flush_outbox() == 0


def test_what_cannot_be_written_now_waits(store: Store) -> None:
    store.annotate(["a"], add_tags=["t"])
    assert store.flush_outbox() == 1, "the run directory does not exist"
    assert one(store, "a").tags == ("old", "t", "x")


@pytest.mark.parametrize(
    "change",
    [
        {"add_tags": [""]},
        {"add_tags": ["ok", "  "]},
        {"add_tags": ["a\0b"]},
        {"add_tags": ["\udcff"]},
        {"remove_tags": ["\udcff"]},
        {"description": "a\0b"},
        {"description": "\ud800"},
    ],
)
def test_text_that_cannot_be_kept_is_refused_and_changes_nothing(store: Store, change: dict[str, object]) -> None:
    with pytest.raises(InvalidQuery):
        store.annotate(["a", "b"], pinned=True, **change)  # type: ignore[arg-type]
    assert found(store, "is:pinned") == set()
    assert one(store, "a").tags == ("old", "x")
