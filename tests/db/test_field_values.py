from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db.store import Store
from tests.tui import indexed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    entries = [
        indexed.Entry(id="a1", name="ViT_b", project="vision", status="failed"),
        indexed.Entry(id="a2", name="ViT_b", project="vision", hostname=None),
        indexed.Entry(id="a3", name="vitXb", project="50%_a\\b", hostname="Gpu1"),
        indexed.Entry(id="a4", name="bert", project="nlp"),
    ]
    with Store(tmp_path / "index.db") as store:
        indexed.add(store, entries, root=tmp_path / "root")
        store.delete(["a4"], source="cli")
        yield store


def test_each_value_is_counted_without_the_trash(store: Store) -> None:
    assert store.field_values("project") == {"vision": 2, "50%_a\\b": 1}
    assert store.field_values("status") == {"finished": 2, "failed": 1}
    assert store.field_values("name") == {"ViT_b": 2, "vitXb": 1}
    assert store.field_values("host") == {"Gpu1": 1, "gpu07": 1}


def test_a_part_finds_whatever_its_case(store: Store) -> None:
    assert store.field_values("name", "vit") == {"ViT_b": 2, "vitXb": 1}
    assert store.field_values("host", "GPU0") == {"gpu07": 1}


def test_wildcards_are_letters(store: Store) -> None:
    assert store.field_values("name", "t_b") == {"ViT_b": 2}
    assert store.field_values("project", "%_a\\") == {"50%_a\\b": 1}
    assert store.field_values("project", "%x") == {}
