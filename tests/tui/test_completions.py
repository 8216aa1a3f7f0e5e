from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.criteria import Field, Has, Metric, Param, Tag, Term
from runicorn_db.database import Interrupt
from runicorn_db.filter_language import parse
from runicorn_db.named_values import NamedValue
from runicorn_db.store import Store
from runicorn_tui.completions import Begun, FilterWords, begun_at, write_name
from tests.tui import indexed
from tests.tui.test_golden import HOSTILE


@pytest.mark.parametrize(
    ("text", "letters", "field"),
    [
        ("", "", ""),
        ("sta", "sta", ""),
        ("vit sta", "sta", ""),
        ("-ta", "ta", ""),
        ("status:", "", "status"),
        ("Status:fail", "fail", "status"),
        ("status:failed,in", "in", "status"),
        ("!tag!=a,b", "b", "tag"),
        ('tag:"two w', "two w", "tag"),
        ('tag:"a \\" \\\\', 'a " \\', "tag"),
        ('"a :b', "a :b", ""),
        ("name:/a b/ x", "x", ""),
        ("@sta", "@sta", "@"),
        ("acc>0.", "0.", "acc"),
    ],
)
def test_the_piece_at_the_cursor_is_found(text: str, letters: str, field: str) -> None:
    begun = begun_at(text, len(text))
    assert begun is not None
    assert (begun.letters, begun.field) == (letters, field)
    assert text[begun.begin :] == begun.written


@pytest.mark.parametrize(("text", "cursor"), [("status", 3), ("name:/a b", 9)])
def test_nothing_is_completed_inside_of_a_word_or_a_pattern(text: str, cursor: int) -> None:
    assert begun_at(text, cursor) is None


@given(st.text(st.sampled_from('ab:"\\ ,-!<=>/@ne.m\t'), max_size=20), st.integers(0, 20))
def test_any_text_has_a_piece_or_none(text: str, cursor: int) -> None:
    cursor = min(cursor, len(text))
    begun = begun_at(text, cursor)
    assert begun is None or text[begun.begin : cursor] == begun.written


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(NAMES | st.sampled_from(["or", "size", "Status", "last", "Last.x", "a.b", "@x", "-x", "!x", "é>1"]))
def test_a_name_is_written_as_the_language_reads_it(name: str) -> None:
    for value in (NamedValue("best", name), NamedValue("min", name), NamedValue("param", name)):
        text = write_name(value)
        if text is None:
            assert value.which == "best"
            assert name.partition(".")[0] in ("last", "min", "max", "param")
            continue
        criteria, notes = parse(f"{text}>1")
        assert not notes
        wanted: Term = Param(param=name, comparison=">", values=("1",))
        if not value.is_param:
            which = "" if value.which == "best" else "min"
            wanted = Metric(metric=name, value=which, comparison=">", values=(1.0,))
        assert criteria.groups == ((wanted,),)


@pytest.fixture
def hostile(store: Store, tmp_path: Path) -> Store:
    """Projects, names, hosts, tags, metrics and parameters that try to be more than text."""
    entries = [
        indexed.Entry(
            id=f"h{number}",
            name=name,
            project=name,
            hostname=name,
            tags=(name,) if name else (),
            metrics={name: 1.0} if name else {},
            params={name: 2.0} if name else {},
        )
        for number, name in enumerate(HOSTILE)
    ]
    indexed.add(store, entries, root=tmp_path / "root", root_name="root [/]")
    return store


def labels(store: Store, text: str, saved: Mapping[str, str] | None = None) -> list[str]:
    words = FilterWords(store, lambda: saved or {})
    begun = begun_at(text, len(text))
    assert begun is not None
    return [candidate.label for candidate in words.candidates(begun, Interrupt())]


@pytest.mark.parametrize("field", ["project", "name", "host", "tag", "has"])
def test_every_hostile_value_is_shown_harmless_and_found_again(hostile: Store, field: str) -> None:
    words = FilterWords(hostile, dict)
    found = words.candidates(Begun(0, "", "", field), Interrupt())
    expected = {name for name in HOSTILE if 0 < len(name) <= 256}
    meant: set[str] = set()
    for candidate in found:
        assert candidate.label.isprintable() or "\u200d" in candidate.label
        criteria, notes = parse(f"{field}:{candidate.text}")
        assert not notes
        ((term,),) = criteria.groups
        if isinstance(term, Tag | Field):
            meant.update(term.values)
        elif isinstance(term, Has) and term.presence == "metric":
            meant.add(term.name)
    assert meant == expected


def test_the_likeliest_come_first_with_how_many_have_them(four_hundred: Store) -> None:
    words = FilterWords(four_hundred, dict)
    found = words.candidates(Begun(0, "", "", "project"), Interrupt())
    assert [(candidate.text, candidate.note) for candidate in found] == [
        ("vision", "134"),
        ("audio", "133"),
        ("nlp", "133"),
    ]
    assert labels(four_hundred, "status:f") == ["finished", "failed"]
    assert labels(four_hundred, "name:ERT_c_lr3e-3_s1")[0] == "bert_c_lr3e-3_s1"


def test_fields_metrics_and_parameters_begin_a_term(store: Store, tmp_path: Path) -> None:
    indexed.add(
        store, [indexed.Entry(id="a", name="a", metrics={"val/acc": 1}, params={"lr": 2})], root=tmp_path / "root"
    )
    assert labels(store, "st") == ["status:", "steps"]
    assert labels(store, "acc") == ["val/acc"]
    assert labels(store, "last.") == ["last.val/acc"]
    assert labels(store, "-par") == ["param.", "param.lr"]
    assert labels(store, "lr") == ["param.lr"]
    assert labels(store, "is:") == ["deleted", "pinned", "running", "missing"]
    assert labels(store, "has:tag") == ["tags"]
    assert labels(store, "@", {"old": "age>30d"}) == ["@old"]


def test_values_of_a_parameter_are_offered_the_most_frequent_first(store: Store, tmp_path: Path) -> None:
    set_to = ("sgd", "adam w", "adam w", "[/]\x1b")
    entries = [
        replace(entry, params={"Optimizer": value, "my lr": 0.5})
        for entry, value in zip(indexed.numbered(4), set_to, strict=True)
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    assert labels(store, "param.optimizer:") == ["adam w", "[/]\\x1b", "sgd"]
    assert labels(store, "param.Optimizer=S") == ["sgd"]
    assert labels(store, '"param.my lr":') == ["0.5"]
    assert labels(store, "param.nothing:") == []
    words = FilterWords(store, dict)
    written = [c.text for c in words.candidates(Begun(0, "", "", "param.optimizer"), Interrupt())]
    assert written[0] == '"adam w"'
    assert parse(f"param.optimizer:{written[1]}")[0].groups == (
        (Param(param="optimizer", comparison="contains", values=("[/]\x1b",)),),
    )


def test_a_value_that_is_written_out_is_not_offered_again(four_hundred: Store) -> None:
    assert labels(four_hundred, "project:vision") == []


def test_what_came_since_is_offered_too(four_hundred: Store, tmp_path: Path) -> None:
    words = FilterWords(four_hundred, dict)

    def projects() -> set[str]:
        return {candidate.text for candidate in words.candidates(Begun(0, "", "", "project"), Interrupt())}

    before = projects()
    with Store(four_hundred.path) as other:
        indexed.add(other, [indexed.Entry(id="new", name="new", project="new")], root=tmp_path / "root")
    assert projects() - before == {"new"}
