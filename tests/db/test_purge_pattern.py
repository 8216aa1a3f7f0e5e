from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.errors import InvalidQuery
from runicorn_db.purge_pattern import taken_by

KEPT = [b"meta.json", b"status.json", b"summary.json", b"events.jsonl", b"logs.txt", b"assets.json"]
KEPT += [b".deleted", b".runicorn-tui.json", b"events.jsonl.lock", b"environment.json"]


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("checkpoints/**", ["checkpoints/a", "checkpoints/b/c"], ["checkpoints", "x/checkpoints/a", "checkpoints2/a"]),
        ("checkpoints", ["checkpoints", "checkpoints/a", "checkpoints/b/c"], ["x/checkpoints", "checkpoints2"]),
        ("checkpoints/", ["checkpoints", "checkpoints/a"], ["checkpoint"]),
        ("**/*.pt", ["a.pt", "b/a.pt", "b/c/a.pt", "b.pt/inside"], ["a.ptx", "b/apt"]),
        ("*.pt", ["a.pt", ".pt"], ["b/a.pt", "a.pt2"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z", "a/b/z/inside"], ["z", "a/zz", "b/a/z"]),
        ("media/img_?.png", ["media/img_1.png", "media/img_é.png"], ["media/img_12.png", "media/img_.png"]),
        ("m/[0-9]*", ["m/1", "m/12"], ["m/x1", "m/"]),
        ("m/[!0-9]*", ["m/x1"], ["m/1"]),
        ("m/[z-a]x", [], ["m/zx", "m/ax"]),
        ("m/[x", ["m/[x"], ["m/x"]),
        ("a b/\n[/]", ["a b/\n[/]"], ["a b/\n["]),
        ("M/x", ["M/x"], ["m/x"]),
    ],
)
def test_patterns_are_those_of_gitignore_from_the_run_directory_on(
    pattern: str, taken: list[str], left: list[str]
) -> None:
    takes = taken_by(pattern)
    assert [path for path in taken if not takes(path.encode())] == []
    assert [path for path in left if takes(path.encode())] == []


def test_names_that_are_no_text_can_be_taken() -> None:
    assert taken_by("media/*")(b"media/\xff\xfe")


NAMING = [
    "meta.json",
    "status.json",
    "summary.json",
    "events.jsonl",
    "logs.txt",
    ".deleted",
    ".runicorn-tui.json",
    "*.json",
    "*",
    "**",
    "**/*",
]
NAMING += ["*.json", "*", "**", "**/*"]
NAMING += ["**/*.lock", "**/logs.txt", "m?ta.json", "[m]eta.json"]
LEAVING = ["../other/**", "a/../../b", "a/..", ".", "./a", "a//b", "/etc/passwd", "", " ", "a\0b", "\udcff", "x" * 501]


@pytest.mark.parametrize("pattern", NAMING + LEAVING)
def test_a_pattern_that_would_take_what_is_kept_or_leaves_the_run_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^Refused: "):
        taken_by(pattern)


@given(st.lists(st.sampled_from(["**", "*", "a*", "?", "[a-z]*", "meta", "x.lock", "events*", "b"]), min_size=1))
def test_no_pattern_takes_metrics_logs_or_what_says_what_a_run_is(names: list[str]) -> None:
    try:
        takes = taken_by("/".join(names))
    except InvalidQuery:
        return
    assert not any(takes(name) for name in [*KEPT, b"other.lock"])


def test_many_wildcards_are_decided_at_once() -> None:
    takes = taken_by("/".join(["**", "*a*a*a*"] * 20) + "/end")
    assert not takes(b"/".join([b"a" * 200] * 60))
