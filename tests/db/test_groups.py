"""Groups of what matches, held to a plain Python model, and how SQLite finds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db import conditions, groups
from runicorn_db.criteria import STATUSES
from runicorn_db.database import Interrupt
from runicorn_db.errors import Interrupted, InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.groups import GROUP_FIELDS, Group, GroupBy, GroupMembers, Groups, parse_group_by
from runicorn_db.named_values import NamedValue
from runicorn_db.query import ExperimentQuery, Snapshot
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row
from tests.db.strategies import NOW, PARAMS, QUERIES, ROW_LISTS
from tests.db.test_query_plans import Listener

LR = NamedValue("param", "lr")
GROUPINGS = st.sampled_from(GROUP_FIELDS) | st.builds(NamedValue, st.just("param"), PARAMS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index with roots, whose clock stands still."""
    folder = tmp_path_factory.mktemp("groups")
    clock = SimpleNamespace(time=lambda: NOW)
    with pytest.MonkeyPatch.context() as patch, Store(folder / "index.db") as opened:
        patch.setattr(conditions, "time", clock)
        model.add_roots(opened, folder)
        yield opened


def filled(store: Store, rows: Sequence[Row]) -> Store:
    model.clear(store)
    model.insert(store, rows)
    return store


def values_of(row: Row, by: GroupBy) -> Sequence[object]:
    """What stands for the groups of an experiment; a number and a truth value are never equal here."""
    if isinstance(by, NamedValue):
        text, number = row.params.get(by.name, (None, None))
        if number is None:
            return [text]
        return [("truth", text == "true") if text in ("true", "false") else ("number", number)]
    return (row.tags or [None]) if by == "tag" else [getattr(row, by)]


def value_of(group: Group) -> object:
    match group.value:
        case bool():
            return "truth", group.value
        case int() | float():
            return "number", group.value
        case _:
            return group.value


def grouped(rows: Sequence[Row], by: GroupBy) -> dict[object, list[Row]]:
    found: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        for value in values_of(row, by):
            found[value].append(row)
    return found


def check_group(group: Group, rows: list[Row]) -> None:
    assert group.count == len(rows)
    assert group.by_status == {status: sum(row.status == status for row in rows) for status in STATUSES}
    assert group.size_bytes == sum(row.size_bytes or 0 for row in rows)
    assert group.measured == sum(row.size_bytes is not None for row in rows)
    assert group.latest == max(row.created_at for row in rows)
    best = [row for row in rows if row.best_metric_value is not None]
    metrics = {(row.best_metric_name, row.best_metric_mode or "max") for row in best}
    name, mode = metrics.pop() if len(metrics) == 1 else (None, None)
    if not name:
        assert (group.best_metric_name, group.best_metric_value, group.best_metric_mode) == (None, None, None)
        return
    values = [row.best_metric_value for row in best if row.best_metric_value is not None]
    assert (group.best_metric_name, group.best_metric_mode) == (name, mode)
    assert group.best_metric_value == (min if mode == "min" else max)(values)


def check_order(found: Groups) -> None:
    values = [group.value for group in found.groups]
    assert None not in values[:-1]
    counts = [group.count for group in found.groups if group.value is not None]
    assert counts == sorted(counts, reverse=True)


@given(ROW_LISTS, QUERIES, GROUPINGS)
def test_groups_are_those_of_what_the_list_shows(
    store: Store, rows: list[Row], query: ExperimentQuery, by: GroupBy
) -> None:
    filled(store, rows)
    folders = model.folders_of(store)
    asked = model.ordered([row for row in rows if model.matches(row, query, NOW, folders)], query)
    expected = grouped(asked, by)
    told: list[tuple[Groups, tuple[Snapshot, ...], int]] = []
    found = store.group_members(
        query, by, told=lambda groups, parts: told.append((groups, parts, sum(map(len, parts))))
    )
    assert store.groups(query, by) == found.groups
    # Those that were told of fill up.
    assert told == [(found.groups, found.members, 0)]
    assert (found.groups.total, found.groups.more, found.groups.more_experiments) == (len(asked), 0, 0)
    assert {value_of(group) for group in found.groups.groups} == set(expected)
    check_order(found.groups)
    assert store.id_list(found.every) == [row.id for row in asked]
    for group, members in zip(found.groups.groups, found.members, strict=True):
        check_group(group, expected[value_of(group)])
        assert store.id_list(members) == [row.id for row in expected[value_of(group)]]


@settings(max_examples=50)
@given(ROW_LISTS, QUERIES, GROUPINGS, st.integers(1, 4))
def test_of_too_many_values_the_largest_are_kept_and_the_others_counted(
    store: Store, rows: list[Row], query: ExperimentQuery, by: GroupBy, most: int
) -> None:
    filled(store, rows)
    whole = store.groups(query, by)
    with store.database.snapshot() as connection:
        cut = groups.read_groups(connection, query, by, most=most)
        members = groups.read_members(connection, query, by, None, most=most)
    assert cut == members.groups
    assert cut.total == whole.total == len(members.every)
    kept, every = list(cut.groups), list(whole.groups)
    assert len(kept) == min(most, len(every))
    assert cut.more == len(every) - len(kept)
    assert cut.more_experiments == sum(group.count for group in every) - sum(group.count for group in kept)
    left = [group.count for group in every if group not in kept]
    counts = [group.count for group in kept if group.value is not None]
    assert not left or not counts or min(counts) >= max(left)
    assert all(group in every for group in kept)


def found_by(store: Store, rows: Sequence[Row], by: GroupBy, text: str = "") -> GroupMembers:
    return filled(store, rows).group_members(ExperimentQuery(filter=parse(text)[0]), by)


def test_an_experiment_stands_in_the_group_of_each_of_its_tags(store: Store) -> None:
    rows = [Row(id="a", tags=("x", "y")), Row(id="b", tags=("x",)), Row(id="c")]
    found = found_by(store, rows, "tag").groups
    assert [(group.value, group.count) for group in found.groups] == [("x", 2), ("y", 1), (None, 1)]
    assert found.total == 3


def test_numbers_truth_values_and_texts_that_look_alike_are_different_groups(store: Store) -> None:
    values = {"a": ("1", 1.0), "b": ("1.0", 1.0), "c": ("true", 1.0), "d": ("1", None), "e": ("true", None)}
    rows = [*(Row(id=name, params={"lr": value}) for name, value in values.items()), Row(id="f")]
    found = found_by(store, rows, LR)
    by_value = {
        repr(group.value): store.id_list(members)
        for group, members in zip(found.groups.groups, found.members, strict=True)
    }
    assert by_value == {"1": ["b", "a"], "True": ["c"], "'1'": ["d"], "'true'": ["e"], "None": ["f"]}


def test_a_best_value_is_told_only_where_all_have_it_of_one_metric_in_one_direction(store: Store) -> None:
    def row(number: int, project: str, name: str | None, value: float | None, mode: str | None = None) -> Row:
        return Row(
            id=str(number),
            project=project,
            best_metric_name=name,
            best_metric_value=value,
            best_metric_mode=mode,
        )

    rows = [
        row(1, "low", "loss", 0.5, "min"),
        row(2, "low", "loss", 0.25, "min"),
        row(3, "low", None, None),
        row(4, "high", "acc", 0.5),
        row(5, "high", "acc", 0.75, "max"),
        row(6, "names", "acc", 0.5),
        row(7, "names", "loss", 0.5),
        row(8, "ways", "acc", 0.5, "min"),
        row(9, "ways", "acc", 0.5, "max"),
        row(10, "unnamed", None, 0.5),
        row(11, "none", "acc", None),
    ]
    best = {
        group.value: (group.best_metric_name, group.best_metric_value, group.best_metric_mode)
        for group in found_by(store, rows, "project").groups.groups
    }
    none = (None, None, None)
    assert best.pop("low") == ("loss", 0.25, "min")
    assert best.pop("high") == ("acc", 0.75, "max")
    assert best == {"names": none, "ways": none, "unnamed": none, "none": none}


def test_groups_of_nothing_are_none(store: Store) -> None:
    for by in (*GROUP_FIELDS, LR):
        found = found_by(store, [Row(id="a", status="failed")], by, "status:finished")
        assert (found.groups, found.members, len(found.every)) == (Groups(groups=(), total=0), (), 0)


@pytest.mark.parametrize("text", ["acc", "max.acc", "duration", ""])
def test_what_nothing_can_be_grouped_by_is_refused(store: Store, text: str) -> None:
    with pytest.raises(InvalidQuery):
        parse_group_by(text)
    with pytest.raises(InvalidQuery, match="parameters and not by metrics such as 'acc'"):
        store.groups(ExperimentQuery(), NamedValue("best", "acc"))


@pytest.mark.parametrize("by", [*GROUP_FIELDS, LR])
def test_a_grouping_is_read_back_from_its_text(by: GroupBy) -> None:
    assert parse_group_by(str(by)) == by


def test_a_question_that_was_taken_back_while_members_are_read_ends(store: Store) -> None:
    filled(store, [Row(id=str(number)) for number in range(20)])
    interrupt = Interrupt()
    with pytest.raises(Interrupted):
        store.group_members(ExperimentQuery(), "project", told=lambda *_: interrupt.cancel(), interrupt=interrupt)


def plans_of(store: Store, by: GroupBy, query: ExperimentQuery | None = None) -> list[str]:
    with store.database.snapshot() as connection:
        listener = Listener(connection)
        groups.read_members(listener, query or ExperimentQuery(), by, None)  # type: ignore[arg-type]
        return listener.plans_of("")


@pytest.mark.parametrize("by", ["project", "status"])
def test_projects_and_states_of_everything_are_counted_along_an_index(store: Store, by: GroupBy) -> None:
    found, _ = plans_of(filled(store, [Row(id="a")]), by)
    assert "SCAN experiment USING COVERING INDEX experiment_aggregate" in found
    assert "TEMP B-TREE FOR GROUP BY" not in found.split(" | ")[1]


@pytest.mark.parametrize("by", ["tag", LR])
def test_tags_and_parameters_are_looked_up_where_the_experiments_lie(store: Store, by: GroupBy) -> None:
    first, *_, last = plans_of(filled(store, [Row(id="a")]), by)
    for found in (first, last):
        assert "SCAN experiment |" in f"{found} |"
        assert "PRIMARY KEY (experiment_seq=?" in found


def test_members_of_everything_are_read_in_order_and_not_sorted(store: Store) -> None:
    for by in (*GROUP_FIELDS, LR):
        *_, members = [found for found in plans_of(filled(store, [Row(id="a")]), by) if "root" not in found]
        assert "TEMP B-TREE" not in members, by


def test_a_filter_is_answered_by_its_index(store: Store) -> None:
    query = replace(ExperimentQuery(), filter=parse("status:failed")[0])
    for found in plans_of(filled(store, [Row(id="a")]), "project", query):
        assert "experiment_status (status=?)" in found
