from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.errors import InvalidQuery
from runicorn_tui.tag_words import TagChange, begun, read_change, read_tags, write_tag
from runicorn_tui.terminal import safe

_TAGS = st.text(min_size=1).filter(lambda tag: tag == tag.strip() != "")


@pytest.mark.parametrize(
    ("text", "add", "remove"),
    [
        ("", (), ()),
        ("keep", ("keep",), ()),
        (" keep, best,,  -old ", ("keep", "best"), ("old",)),
        ('"two words" -"a,b"', ("two words",), ("a,b",)),
        ('"-x" "say \\"hi\\""', ("-x", 'say "hi"'), ()),
        ("keep keep", ("keep",), ()),
        ("lr=1e-3 a-b +x [/]", ("lr=1e-3", "a-b", "+x", "[/]"), ()),
        ('-" odd "', (), (" odd ",)),
    ],
)
def test_words_say_what_to_add_and_what_to_take_away(text: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
    assert read_change(text) == TagChange(add=add, remove=remove)


@pytest.mark.parametrize("text", ["-", '"open', 'a"b', '""', '"  "', "x -x", "--x", '"a"b'])
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        read_change(text)


def test_a_list_of_tags_has_no_minus_sign() -> None:
    assert read_tags('a,"-b"') == ("a", "-b")
    with pytest.raises(InvalidQuery, match="double quotes"):
        read_tags("a,-b")


@given(st.lists(_TAGS, unique=True), st.lists(_TAGS, unique=True))
def test_what_is_written_is_harmless_and_read_as_the_same_tags(add: list[str], remove: list[str]) -> None:
    remove = [tag for tag in remove if tag not in add]
    text = ", ".join([*map(write_tag, add), *(f"-{write_tag(tag)}" for tag in remove)])

    assert safe(text) == text
    assert read_change(text) == TagChange(add=tuple(add), remove=tuple(remove))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        change = read_change(text)
    except InvalidQuery:
        return
    assert all(tag.strip() for tag in (*change.add, *change.remove))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("", "", "")),
        ("keep be", ("keep ", "", "be")),
        ("keep,-ol", ("keep,", "-", "ol")),
        ('x "two wo', ("x ", "", "two wo")),
        ("done ", ("done ", "", "")),
    ],
)
def test_the_word_that_is_being_typed_is_the_last_one(text: str, parts: tuple[str, str, str]) -> None:
    assert begun(text) == parts
