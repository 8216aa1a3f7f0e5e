"""What retention lets go, against a plain Python model of its rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.criteria import STATUSES, Criteria, Is, Tag
from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery
from runicorn_db.retention import MAX_RULES, PER, Group, Plan, Rule, plan
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row
from tests.db.strategies import CRITERIA, DAY, NOW, ROWS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index with roots; each example puts its own rows into it."""
    folder = tmp_path_factory.mktemp("retention")
    with Store(folder / "index.db") as opened:
        model.add_roots(opened, folder)
        yield opened


# --- the rules, said again


def is_about(rule: Rule, row: Row, folders: dict[str, str]) -> bool:
    is_live = row.deleted_at is None and not row.is_missing
    return is_live and model.matches(row, ExperimentQuery(filter=rule.where), NOW, folders)


def groups_of(rule: Rule, row: Row) -> list[tuple[str | None, ...]]:
    if rule.per == "tag":
        return [(tag,) for tag in row.tags] or [(None,)]
    return [{None: (), "project": (row.project,), "name": (row.project, row.name)}[rule.per]]


def grouped(rule: Rule, rows: Sequence[Row], folders: dict[str, str]) -> dict[tuple[str | None, ...], list[Row]]:
    """The members of each group, newest first."""
    found: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True):
        if is_about(rule, row, folders):
            for group in groups_of(rule, row):
                found[group].append(row)
    return found


def best_of(members: Sequence[Row], count: int) -> list[Row]:
    """`members` are newest first, and the sort is stable: ties go to the newer one."""
    by_metric: dict[tuple[str, bool], list[Row]] = defaultdict(list)
    for row in members:
        if row.best_metric_name is not None and row.best_metric_value is not None:
            by_metric[row.best_metric_name, row.best_metric_mode == "min"].append(row)
    best: list[Row] = []
    for (_, is_min), rivals in by_metric.items():
        best += sorted(rivals, key=lambda row: row.best_metric_value if is_min else -row.best_metric_value)[:count]
    return best


def verdict(row: Row, rules: Sequence[Rule], best: set[str], last: set[str]) -> str:
    """`rules`: those that are about the row."""
    if row.id in best:
        return "best"
    if row.id in last:
        return "last"
    of_status = [rule for rule in rules if not rule.status or row.status in rule.status]
    fitting = [rule for rule in of_status if rule.older_than is None or NOW - row.created_at > rule.older_than]
    free = [rule for rule in fitting if rule.include_pinned or not row.is_pinned]
    if any(rule.include_running or row.status != "running" for rule in free):
        return "goes"
    return "running" if free else "pinned" if fitting else "young" if of_status else "status"


def verdicts(rows: Sequence[Row], rules: Sequence[Rule], folders: dict[str, str]) -> dict[str, str]:
    best: set[str] = set()
    last: set[str] = set()
    for rule in rules:
        for members in grouped(rule, rows, folders).values():
            best |= {row.id for row in best_of(members, rule.keep_best)}
            last |= {row.id for row in members[: rule.keep_last]}
    about = {row.id: [rule for rule in rules if is_about(rule, row, folders)] for row in rows}
    return {row.id: verdict(row, about[row.id], best, last) for row in rows if about[row.id]}


FILTERS = st.just(Criteria()) | st.sampled_from([Criteria(((Is(state="pinned", negated=True),),))]) | CRITERIA


def made(**values: object) -> Rule | None:
    try:
        return Rule(**values)  # type: ignore[arg-type]
    except InvalidQuery:
        return None


RULES = st.builds(
    made,
    where=FILTERS,
    per=st.sampled_from([None, *PER]),
    keep_best=st.integers(0, 3),
    keep_last=st.integers(0, 3),
    older_than=st.sampled_from([None, 0.0, 0.25, DAY, 40 * DAY]),
    status=st.lists(st.sampled_from(STATUSES), max_size=2).map(tuple),
    include_running=st.booleans(),
    include_pinned=st.booleans(),
).filter(bool)
# Few names, so that groups have members.
CROWDED = st.builds(
    lambda row, project, name, metric, mode: Row(
        **{f: getattr(row, f) for f in Row.__dataclass_fields__}
        | {"project": project, "name": name, "best_metric_name": metric, "best_metric_mode": mode}
    ),
    ROWS,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["acc", "loss", None]),
    st.sampled_from(["min", "max", None]),
)
MANY_ROWS = st.lists(CROWDED, max_size=24, unique_by=lambda row: row.id)


@given(MANY_ROWS, st.lists(RULES, min_size=1, max_size=3))
def test_what_goes_and_why_the_rest_stays_is_as_the_rules_say(store: Store, rows: list[Row], rules: list[Rule]) -> None:
    model.clear(store)
    model.insert(store, rows)
    folders = model.folders_of(store)
    expected = verdicts(rows, rules, folders)
    newest_first = sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)
    going = [row for row in newest_first if expected.get(row.id) == "goes"]

    planned = plan(store, rules, now=NOW)

    assert store.id_list(planned.snapshot) == [row.id for row in going]
    assert planned.verdicts == Counter(expected.values())
    assert (planned.preview.total, planned.preview.size_bytes) == (
        len(going),
        sum(row.size_bytes or 0 for row in going),
    )
    for rule, report in zip(rules, planned.reports, strict=True):
        members = grouped(rule, rows, folders)
        assert report.group_count == len(report.groups) == len(members)
        for group in report.groups:
            ours = members[group.labels]
            assert group.verdicts == Counter(expected[row.id] for row in ours)
            assert group.size_bytes == sum(row.size_bytes or 0 for row in ours if expected[row.id] == "goes")


# --- single sentences of the contract


def run(number: int, **values: object) -> Row:
    given = {"id": f"r{number}", "created_at": NOW - 100 * DAY + number, "size_bytes": 10} | values
    return Row(**given)  # type: ignore[arg-type]


def planned(store: Store, rows: Sequence[Row], *rules: Rule) -> tuple[list[str], Plan]:
    model.clear(store)
    model.insert(store, rows)
    found = plan(store, rules, now=NOW)
    return store.id_list(found.snapshot), found


def scored(number: int, value: float | None, metric: str | None = "acc", mode: str | None = "max") -> Row:
    return run(number, best_metric_name=metric, best_metric_value=value, best_metric_mode=mode)


def test_the_best_follow_the_mode_of_their_metric(store: Store) -> None:
    high = [scored(number, value) for number, value in enumerate((0.1, 0.9, 0.5))]
    low = [scored(number, value, "loss", "min") for number, value in enumerate((0.1, 0.9, 0.5))]

    assert planned(store, high, Rule(keep_best=1))[0] == ["r2", "r0"]
    assert planned(store, low, Rule(keep_best=1))[0] == ["r2", "r1"]


def test_metrics_of_different_names_are_not_compared_with_each_other(store: Store) -> None:
    rows = [scored(0, 0.2), scored(1, 0.1), scored(2, 5.0, "f1"), scored(3, 7.0, "f1")]

    assert planned(store, rows, Rule(keep_best=1))[0] == ["r2", "r1"]


def test_without_a_best_metric_nothing_is_among_the_best(store: Store) -> None:
    assert planned(store, [scored(0, None), scored(1, 1.0, None), run(2)], Rule(keep_best=9))[0] == ["r2", "r1", "r0"]


def test_pinned_and_running_ones_hold_their_rank_and_stay(store: Store) -> None:
    rows = [run(0), run(1, is_pinned=True), run(2, status="running"), run(3)]

    ids, found = planned(store, rows, Rule(keep_last=1))
    assert (ids, found.verdicts) == (["r0"], {"goes": 1, "last": 1, "pinned": 1, "running": 1})
    assert planned(store, rows, Rule(keep_last=3))[0] == ["r0"]
    assert planned(store, rows, Rule(keep_last=1, include_pinned=True, include_running=True))[0] == ["r2", "r1", "r0"]


def test_ranks_count_what_status_and_age_leave_alone(store: Store) -> None:
    rows = [run(0, status="failed"), run(1, status="failed"), run(2), run(3)]

    assert planned(store, rows, Rule(keep_last=2, status=("failed",)))[0] == ["r1", "r0"]


def test_what_one_rule_keeps_no_other_takes(store: Store) -> None:
    rows = [run(0, tags=("paper",)), run(1), run(2), run(3, status="failed")]
    papers = Rule(where=Criteria(((Tag(values=("paper",)),),)), keep_last=1000)

    assert planned(store, rows, Rule(keep_last=1), papers, Rule(status=("failed",)))[0] == ["r2", "r1"]


def test_an_experiment_stays_when_one_of_its_tags_keeps_it(store: Store) -> None:
    rows = [run(0, tags=("a", "b")), run(1, tags=("a",)), run(2), run(3)]

    ids, found = planned(store, rows, Rule(per="tag", keep_last=1))
    assert ids == ["r2"]
    assert Group(labels=("b",), verdicts={"last": 1}, size_bytes=0) in found.reports[0].groups
    assert Group(labels=(None,), verdicts={"goes": 1, "last": 1}, size_bytes=10) in found.reports[0].groups


def test_one_name_in_two_projects_is_two_groups(store: Store) -> None:
    rows = [run(0, project="a"), run(1, project="b"), run(2, project="b")]

    ids, found = planned(store, rows, Rule(per="name", keep_last=1))
    assert ids == ["r1"]
    assert [group.labels for group in found.reports[0].groups] == [("b", "resnet"), ("a", "resnet")]


@pytest.mark.parametrize("where", ["is:deleted", "is:missing", "is:deleted or status:finished"])
def test_what_is_in_the_trash_or_gone_from_the_disk_is_never_planned(store: Store, where: str) -> None:
    rows = [run(0, deleted_at=NOW), run(1, is_missing=True), run(2, status="failed")]

    assert planned(store, rows, Rule(where=parse(where)[0], older_than=1.0))[0] == []


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"older_than": 0.0},
        {"include_running": True},
        {"per": "project"},
        {"per": "project", "status": ("failed",)},
        {"per": "colour", "keep_last": 1},
        {"keep_last": -1},
        {"keep_best": 10**9},
        {"status": ("faild",)},
        {"older_than": -1.0},
        {"older_than": float("nan")},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InvalidQuery):
        Rule(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, MAX_RULES + 1])
def test_a_policy_has_some_rules_and_not_too_many(store: Store, count: int) -> None:
    with pytest.raises(InvalidQuery, match="1 to 50 rules"):
        plan(store, [Rule(keep_last=1)] * count)


def test_as_many_rules_as_are_allowed_are_planned_together(store: Store) -> None:
    long = parse(" or ".join(f"id={number}" for number in range(500)))[0]

    assert planned(store, [run(0)], *[Rule(where=long, keep_last=1)] * MAX_RULES)[0] == []


def test_a_rule_says_itself_as_it_is_typed() -> None:
    rule = Rule(
        where=parse("acc<0.5 -tag:keep")[0],
        per="name",
        keep_best=5,
        keep_last=10,
        older_than=30 * DAY,
        status=("failed", "interrupted"),
        include_pinned=True,
    )

    assert str(rule) == (
        "--keep-best 5 --keep-last 10 --per name --older-than 30d --status failed,interrupted"
        """ --where '"acc"<0.5 -tag:keep' --include-pinned"""
    )
    assert str(Rule(older_than=5400.0)) == "--older-than 90m"
    assert str(Rule(older_than=0.5)) == "--older-than 0.5s"


def test_a_plan_changes_nothing(store: Store, tmp_path: Path) -> None:
    planned(store, [run(0), run(1)], Rule(keep_last=1))

    assert store.batches() == []
    assert store.find(ExperimentQuery()).total == 2
