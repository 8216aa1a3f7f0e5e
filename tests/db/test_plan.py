"""Lists, totals, ids, cursors and their SQL against a plain Python model of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db import conditions
from runicorn_db.criteria import Criteria, Param, Term, Text
from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import MAX_CONDITIONS, parse
from runicorn_db.query import MAX_PAGE, ExperimentQuery, Page
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row
from tests.db.strategies import NOW, ORDERS, QUERIES, ROW_LISTS, TAGS, TERMS, TEXTS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index with roots; each example puts its own rows into it."""
    folder = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch, Store(folder / "index.db") as opened:
        patch.setattr(conditions, "time", SimpleNamespace(time=lambda: NOW))
        model.add_roots(opened, folder)
        yield opened


def fill(store: Store, rows: Sequence[Row]) -> Callable[[ExperimentQuery], list[str]]:
    """Makes `rows` all that is in the index; what it must answer then."""
    model.clear(store)
    model.insert(store, rows)
    folders = model.folders_of(store)
    return lambda query: model.answer(rows, query, NOW, folders)


def ids(page: Page) -> list[str]:
    return [experiment.id for experiment in page.experiments]


def paged(store: Store, query: ExperimentQuery, total: int) -> list[str]:
    """The ids of all pages; every page must know the total and its neighbours."""
    found: list[str] = []
    pages = max(1, -(-total // query.per_page))
    for number in range(1, pages + 1):
        page = store.find(replace(query, page=number))
        assert page.total == total
        assert page.has_next is (number < pages)
        assert page.has_prev is (number > 1)
        found += ids(page)
    return found


def walked(store: Store, query: ExperimentQuery) -> list[str]:
    """The ids of all pages, from cursor to cursor."""
    page = store.find(query)
    found, total = ids(page), page.total
    while page.next_cursor is not None:
        page = store.find(replace(query, cursor=page.next_cursor))
        assert page.experiments, "a cursor was given for nothing"
        assert page.total == total
        found += ids(page)
    return found


def check(store: Store, query: ExperimentQuery, expected: list[str]) -> None:
    """Every way to ask gives the same answer."""
    assert paged(store, query, len(expected)) == expected
    assert walked(store, query) == expected
    assert store.id_list(store.ids(query)) == expected
    past = store.find(replace(query, page=len(expected) // query.per_page + 2))
    assert (past.experiments, past.total, past.has_next) == ((), len(expected), False)
    assert past.has_prev is (len(expected) > 0)


@given(ROW_LISTS, st.lists(QUERIES, min_size=1, max_size=6))
def test_every_query_answers_as_the_contract_says(
    store: Store, rows: list[Row], queries: list[ExperimentQuery]
) -> None:
    expected = fill(store, rows)
    for query in queries:
        check(store, query, expected(query))


@given(ROW_LISTS, st.lists(TERMS, min_size=1, max_size=12), st.booleans())
def test_every_term_alone_matches_what_it_says(
    store: Store, rows: list[Row], terms: list[Term], include_deleted: bool
) -> None:
    expected = fill(store, rows)
    for term in terms:
        query = ExperimentQuery(filter=Criteria(((term,),)), include_deleted=include_deleted)
        assert store.id_list(store.ids(query)) == expected(query), str(term)


@given(ROW_LISTS, st.lists(ORDERS, min_size=1, max_size=4), st.integers(1, 4))
def test_every_order_has_nulls_last_and_ties_by_creation_and_id(
    store: Store, rows: list[Row], orders: list[dict[str, object]], per_page: int
) -> None:
    expected = fill(store, rows)
    for order in orders:
        query = ExperimentQuery(include_deleted=True, per_page=per_page, **order)  # type: ignore[arg-type]
        check(store, query, expected(query))


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["delete", "restore", "tag", "untag", "describe", "clear", "pin", "rename", "lose"]),
        st.integers(0, 15),
        TAGS,
        TEXTS,
    ),
    max_size=6,
)


def act(store: Store, row: Row, what: str, tag: str, text: str) -> None:
    """Does something to a row, in the index and in the model."""
    match what:
        case "delete":
            store.delete([row.id], source="cli")
            row.deleted_at = row.deleted_at or NOW
        case "restore":
            store.restore([row.id])
            row.deleted_at = None
        case "tag":
            store.annotate([row.id], add_tags=[tag])
            row.tags = tuple(sorted({*row.tags, tag}))
        case "untag":
            store.annotate([row.id], remove_tags=[tag])
            row.tags = tuple(sorted({*row.tags} - {tag}))
        case "describe" | "clear":
            row.description = text if what == "describe" else None
            store.annotate([row.id], description=row.description or "")
        case "pin":
            row.is_pinned = not row.is_pinned
            store.annotate([row.id], pinned=row.is_pinned)
        case "rename":
            model.rename(store, row, project=text, name=text[::-1])
        case "lose":
            model.lose(store, row)


@settings(max_examples=60)
@given(ROW_LISTS.filter(bool), ACTS, st.lists(QUERIES, min_size=1, max_size=4), st.lists(TEXTS, max_size=3))
def test_answers_follow_deletions_restores_annotations_and_renames(
    store: Store,
    rows: list[Row],
    acts: list[tuple[str, int, str, str]],
    queries: list[ExperimentQuery],
    words: list[str],
) -> None:
    expected = fill(store, rows)
    for what, number, tag, text in acts:
        act(store, rows[number % len(rows)], what, tag, text)
    for query in [*queries, *(ExperimentQuery(filter=Criteria(((Text(text=word),),))) for word in words)]:
        assert store.id_list(store.ids(query)) == expected(query)
        assert paged(store, query, len(expected(query))) == expected(query)
    with store.database.writing() as connection:
        connection.execute("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 0)")


@given(ROW_LISTS, st.integers(0, 20))
def test_the_newest_are_the_beginning_of_everything_and_come_with_its_number(
    store: Store, rows: list[Row], most: int
) -> None:
    expected = fill(store, rows)(ExperimentQuery(include_deleted=True))
    newest, total = store.newest(most)
    assert [experiment.id for experiment in newest] == expected[:most]
    assert total == len(expected)


@given(ROW_LISTS)
def test_rows_come_back_as_they_were_put_in(store: Store, rows: list[Row]) -> None:
    fill(store, rows)
    folders = model.folders_of(store)
    known = {row.id: model.experiment(row, folders) for row in rows}
    found = store.rows(store.ids(ExperimentQuery(include_deleted=True)))
    present = [row.id for row in rows if not row.is_missing]
    assert {experiment.id: experiment for experiment in found if experiment} == {name: known[name] for name in present}
    assert all(store.get(name).experiment == known[name] for name in known)


# --- the same on a few rows that a person can read

STRASSE = Row(id="1", project="Straße", name="x", description="learning 学习 rate")
CAFE = Row(id="2", project="vision", name="cafe\u0301_100%", created_at=1_700_000_001.0)
QUOTED = Row(id="3", project='say "hi"', name="back\\slash", created_at=1_700_000_002.0)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("strasse", ["1"]),
        ("STRASSE", ["1"]),
        ("CAF\u00c9", ["2"]),
        ("é", ["2"]),
        ("学", ["1"]),
        ("学习", ["1"]),
        ("学习 rate", ["1"]),
        ('"学习 rate"', ["1"]),
        ('"rate 学习"', []),
        ("rate 学习", ["1"]),
        ("100%", ["2"]),
        ("0%", ["2"]),
        ("%", ["2"]),
        ("_", ["2"]),
        ("e_1", []),
        ("é_1", ["2"]),
        ("\\", ["3"]),
        ("\\sl", ["3"]),
        ("h", ["3"]),
        ("hi", ["3"]),
        ("x back", []),
        ("", ["3", "2", "1"]),
        ('  ""  ', ["3", "2", "1"]),
        ('" "', ["3", "1"]),
    ],
)
def test_search_finds_words_of_any_length_and_script_as_substrings(
    store: Store, search: str, expected: list[str]
) -> None:
    fill(store, [STRASSE, CAFE, QUOTED])
    assert ids(store.find(ExperimentQuery(search=search))) == expected


def test_a_filter_word_may_hold_quotes(store: Store) -> None:
    fill(store, [STRASSE, CAFE, QUOTED])
    for text in ('"', '"h', '"hi"', ' "hi"'):
        query = ExperimentQuery(filter=Criteria(((Text(text=text),),)))
        assert ids(store.find(query)) == ["3"]


def test_null_never_compares_but_matches_the_negation(store: Store) -> None:
    rows = [Row(id="low", best_metric_value=0.1), Row(id="none"), Row(id="high", best_metric_value=0.95)]
    fill(store, rows)
    for text, expected in (("best>0.9", {"high"}), ("best<=0.9", {"low"}), ("-best>0.9", {"low", "none"})):
        assert set(ids(store.find(ExperimentQuery(filter=parse(text)[0])))) == expected


def test_the_trash_and_what_left_the_disk_show_only_when_asked_for(store: Store) -> None:
    rows = [
        Row(id="live"),
        Row(id="trashed", deleted_at=NOW),
        Row(id="lost", is_missing=True),
        Row(id="both", deleted_at=NOW, is_missing=True),
    ]
    fill(store, rows)
    for text, include_deleted, expected in (
        ("", False, {"live"}),
        ("", True, {"live", "trashed"}),
        ("is:deleted", False, {"trashed"}),
        ("is:missing", False, {"lost"}),
        ("is:missing", True, {"lost", "both"}),
        ("is:deleted is:missing", False, {"both"}),
        ("is:deleted or is:missing", False, {"trashed", "lost"}),
        ("-is:deleted", True, {"live"}),
        ("-is:missing", False, {"live"}),
        ("is:deleted or vision", False, {"live", "trashed"}),
    ):
        query = ExperimentQuery(filter=parse(text)[0], include_deleted=include_deleted)
        assert set(ids(store.find(query))) == expected, text


def test_a_parameter_compares_as_a_number_only_with_what_is_written_as_one(store: Store) -> None:
    rows = [Row(id="number", params={"x": ("1000", 1000.0)}), Row(id="text", params={"x": ("1_000", None)})]
    fill(store, rows)
    for value, expected in (("1e3", {"number"}), ("1_000", {"text"}), ("nan", set()), ("١٠٠٠", set())):
        criteria = Criteria(((Param(param="x", comparison="=", values=(value,)),),))
        assert set(ids(store.find(ExperimentQuery(filter=criteria)))) == expected, value


def test_tags_mean_all_of_them_and_tag_in_a_filter_any_of_them(store: Store) -> None:
    fill(store, [Row(id="a", tags=("x",)), Row(id="b", tags=("x", "y")), Row(id="c", tags=("X", "y", "z"))])
    for tags, expected in ((("x",), {"a", "b"}), (("x", "y"), {"b"}), (("y", "x", "y"), {"b"}), (("x", "z"), set())):
        assert set(ids(store.find(ExperimentQuery(tags=tags)))) == expected
    for text, expected in (("tag:x,z", {"a", "b", "c"}), ("tag:x tag:y", {"b"}), ("-tag:x", {"c"})):
        assert set(ids(store.find(ExperimentQuery(filter=parse(text)[0])))) == expected


def test_zero_is_a_bound_and_bounds_are_inclusive(store: Store) -> None:
    rows = [Row(id=str(value), best_metric_value=value, created_at=value) for value in (-1.0, 0.0, 1.0)] + [Row(id="x")]
    fill(store, rows)
    for bounds, expected in (
        ({"best_metric_min": 0.0}, {"0.0", "1.0"}),
        ({"best_metric_max": 0.0}, {"-1.0", "0.0"}),
        ({"created_after": 0.0, "created_before": 0.0}, {"0.0"}),
        ({"created_before": 0.0}, {"-1.0", "0.0"}),
    ):
        assert set(ids(store.find(ExperimentQuery(**bounds)))) == expected


def test_the_last_page_that_can_be_asked_for_is_empty(store: Store) -> None:
    fill(store, [STRASSE])
    page = store.find(ExperimentQuery(page=MAX_PAGE, per_page=1000))
    assert (page.experiments, page.total, page.has_next, page.has_prev) == ((), 1, False, True)


@pytest.mark.parametrize("joint", [" ", " or "])
@pytest.mark.parametrize(
    "term",
    ["w{}", "-word{}", "tag:t{}", "-tag:t{}", "name:/a{}/", "acc>{}", "-param.x:{}", "root:r{}", "created<2{:03}-01"],
)
def test_as_many_conditions_as_a_filter_may_hold_are_answered(store: Store, joint: str, term: str) -> None:
    fill(store, [STRASSE])
    criteria, notes = parse(
        joint.join(term.format(number) for number in range(MAX_CONDITIONS))[:4096].rsplit(joint, 1)[0]
    )
    assert not notes
    query = ExperimentQuery(
        filter=criteria, search=" ".join("ab" * 64), tags=tuple(map(str, range(64))), project="x", name="y"
    )
    assert store.find(query).total == 0
    for narrow in (query, replace(query, search=None, tags=(), project=None, name=None)):
        assert len(store.ids(narrow)) == store.find(narrow).total


@pytest.mark.parametrize("column", ["tags", "roots", "status"])
def test_any_number_of_values_is_answered(store: Store, column: str) -> None:
    fill(store, [replace(STRASSE, tags=("a", "b"))])
    many = ("finished",) * 40_000 if column == "status" else tuple(map(str, range(40_000)))
    assert store.find(ExperimentQuery(**{column: many})).total == (column == "status")
    if column == "tags":
        assert store.find(ExperimentQuery(tags=("a", "b") * 20_000)).total == 1


@pytest.mark.parametrize("field", ["project", "name", "search"])
def test_text_that_is_no_unicode_is_an_invalid_query(store: Store, field: str) -> None:
    with pytest.raises(InvalidQuery, match=field):
        store.find(ExperimentQuery(**{field: "\udcff"}))


# --- regular expressions


def test_a_pattern_that_backtracks_without_end_is_refused_in_time(store: Store) -> None:
    fill(store, [Row(id="x", name="a" * 60 + "!")])
    criteria, notes = parse("name:/(a|aa)+$/")
    assert not notes
    for ask in (store.find, store.ids, store.summary):
        with pytest.raises(InvalidQuery, match="takes too long"):
            ask(ExperimentQuery(filter=criteria))
    assert store.find(ExperimentQuery()).total == 1


@pytest.mark.parametrize("asked", [{"tags": ("keep",)}, {"search": "resnet"}, {"search": "es"}])
@pytest.mark.parametrize("text", ["is:deleted", "name:nothing or is:deleted", "is:missing", "-is:deleted"])
def test_tags_and_words_outside_the_filter_look_where_the_filter_looks(
    store: Store, asked: dict[str, object], text: str
) -> None:
    expected = fill(
        store,
        [
            Row(id="live", tags=("keep",)),
            Row(id="deleted", tags=("keep",), deleted_at=NOW),
            Row(id="missing", tags=("keep",), is_missing=True),
        ],
    )
    query = ExperimentQuery(filter=parse(text)[0], **asked)  # type: ignore[arg-type]
    assert len(expected(query)) == 1
    check(store, query, expected(query))
