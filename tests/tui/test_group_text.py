"""What is said of a group."""

from __future__ import annotations

import pytest

from runicorn_db.groups import GroupBy, Groups, GroupValue
from runicorn_db.named_values import NamedValue
from runicorn_tui.group_text import is_overlapping, label, left_out, metric, size, states
from tests.tui.test_tree import group

LR = NamedValue("param", "lr")


@pytest.mark.parametrize(
    ("value", "by", "said"),
    [
        ("vision", "project", "vision"),
        ("failed", "status", "✗ failed"),
        (None, "tag", "(no tag)"),
        (None, LR, "(none)"),
        ("(none)", LR, '"(none)"'),
        ("", "project", '""'),
        (1, LR, "1"),
        (0.001, LR, "0.001"),
        (True, LR, "true"),
        ("1", LR, '"1"'),
        ("true", LR, '"true"'),
        ("null", LR, '"null"'),
        ("adam", LR, "adam"),
        ("[1, 2]", LR, "[1, 2]"),
        ("[/]", "tag", "[/]"),
        ("学习", "tag", "学习"),
    ],
)
def test_a_value_is_said_so_that_no_two_are_said_alike(value: GroupValue, by: GroupBy, said: str) -> None:
    assert label(group(value, 1), by) == said


def test_states_are_those_that_there_are() -> None:
    by_status = {"running": 1, "finished": 2000, "failed": 0, "interrupted": 3}
    assert states(group("a", 2004, by_status=by_status)) == "✓2,000 ■3 ▸1"


def test_a_size_that_is_not_known_of_all_says_so() -> None:
    assert size(group("a", 2, size_bytes=2_000_000, measured=2)) == "2.0 MB"
    assert size(group("a", 2, size_bytes=2_000_000, measured=1)) == "≥2.0 MB"
    assert size(group("a", 2)) == "—"


def test_the_metric_stands_with_its_direction() -> None:
    best = {"best_metric_name": "loss", "best_metric_value": 0.1}
    assert metric(group("a", 1, best_metric_mode="min", **best)) == "↓ loss"
    assert metric(group("a", 1, best_metric_mode="max", **best)) == "↑ loss"
    assert metric(group("a", 1)) == "—"


def test_groups_overlap_when_their_counts_are_more_than_the_total() -> None:
    assert is_overlapping(Groups(groups=(group("a", 2), group("b", 2)), total=3))
    assert not is_overlapping(Groups(groups=(group("a", 2), group("b", 1)), total=4, more=1, more_experiments=1))


def test_values_that_are_left_out_are_counted() -> None:
    groups = Groups(groups=(), total=0, more=84_980, more_experiments=90_000)
    assert left_out(groups) == "… 84,980 more values with fewer: 90,000 experiments"
