"""The metrics and parameters of some experiments, and what sort of value each has."""

from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db import value_names
from runicorn_db.named_values import NamedValue
from runicorn_db.store import Store
from runicorn_db.value_names import Kind
from tests.db import model
from tests.db.model import Row


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([("true", 1.0), ("false", 0.0)], "truth"),
        ([("1", 1.0), ("-20", -20.0)], "integer"),
        ([("123456789012345678", 123456789012345678.0)], "integer"),
        ([("1234567890123456789", 1234567890123456789.0)], "text"),
        ([("1", 1.0), ("0.5", 0.5), ("1e-3", 1e-3)], "number"),
        ([("1", 1.0), ("one", None)], "text"),
        ([("0.5", 0.5), ("true", 1.0)], "text"),
        ([("1", 1.0), ("true", 1.0)], "text"),
        ([("[1, 2]", None)], "text"),
        ([("true", None)], "text"),
    ],
)
def test_a_kind_holds_every_value(tmp_path: Path, values: list[tuple[str, float | None]], kind: Kind) -> None:
    rows = [Row(id=f"r{number}", params={"p": value}) for number, value in enumerate(values)]
    with Store(tmp_path / "index.db") as store:
        model.add_roots(store, tmp_path)
        model.insert(store, [*rows, Row(id="other", params={"p": ("text", None), "q": ("1", 1.0)})])

        found = store.value_kinds(store.snapshot_of([row.id for row in rows]))

    assert found == {NamedValue("param", "p"): kind}


def test_values_of_a_parameter_are_those_of_the_newest_the_most_frequent_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(value_names, "NEWEST", 4)
    texts = ["old", "old", "sgd", "adam", "adam", "away"]
    rows = [
        Row(id=f"r{number}", created_at=float(number), params={"p": (text, None), "q": ("1", 1.0)})
        for number, text in enumerate(texts)
    ]
    with Store(tmp_path / "index.db") as store:
        model.add_roots(store, tmp_path)
        model.insert(store, rows)
        store.delete(["r5"], source="cli")

        assert store.param_values("p") == ["adam", "old", "sgd"]
        assert store.param_values("q") == ["1"]
        assert store.param_values("nothing") == []
