from __future__ import annotations

import pytest

from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.policy import read_duration, read_policy
from runicorn_db.retention import Rule

WHOLE = """
[[rule]]
where = "project:scratch"
per = "name"
keep_best = 5
keep_last = 10
older_than = "30d"
status = ["failed", "interrupted"]
include_running = true
include_pinned = false

[[rule]]
older_than = "52w"
"""


def test_a_policy_is_read_rule_by_rule() -> None:
    first, second = read_policy(WHOLE)

    assert first == Rule(
        where=parse("project:scratch")[0],
        per="name",
        keep_best=5,
        keep_last=10,
        older_than=30 * 86400.0,
        status=("failed", "interrupted"),
        include_running=True,
    )
    assert second == Rule(older_than=52 * 7 * 86400.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a policy is a list of"),
        ("rule = 1", "a policy is a list of"),
        ("rule = []", "a policy is a list of"),
        ("rule = [1]", "a policy is a list of"),
        ("[rule]\nkeep_last = 1", "a policy is a list of"),
        ("keep_last = 1", "unknown name 'keep_last'"),
        ("[[rule", "not valid TOML"),
        ("[[rule]]", "rule 1: A rule that names none of"),
        ("[[rule]]\nkeep_last = 1\n[[rule]]\nkeep_lats = 1", "rule 2: unknown name 'keep_lats'"),
        ("[[rule]]\nkeep_last = true", "rule 1: keep_last must be a whole number, not 'True'"),
        ("[[rule]]\nkeep_last = 1.5", "rule 1: keep_last must be a whole number"),
        ("[[rule]]\nolder_than = 30", "rule 1: older_than must be a duration in quotes"),
        ("[[rule]]\nolder_than = '30'", "rule 1: '30' is not a duration"),
        ("[[rule]]\nstatus = 'failed'", "rule 1: status must be a list of texts"),
        ("[[rule]]\nstatus = []", "rule 1: status must name at least one status"),
        ("[[rule]]\nstatus = [1]", "rule 1: status must be one of"),
        ("[[rule]]\nwhere = ' '", "rule 1: where must not be empty"),
        ("[[rule]]\nwhere = 'foo:bar'", "rule 1: 'foo:bar' is not understood at column 1"),
        ('[[rule]]\nwhere = "age>\\u001b"', "rule 1: 'age>\\x1b' is not understood at column 5"),
    ],
)
def test_what_is_not_understood_is_named_with_its_rule(text: str, sentence: str) -> None:
    with pytest.raises(InvalidQuery) as error:
        read_policy(text)

    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20), ("5m", 300), ("2h", 7200), ("30d", 2_592_000), ("1.5w", 907_200)]
)
def test_durations_are_those_of_the_filter_language(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3d,4d", "3d or status:failed", "3d x", "1e400d", "\udcff"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery, match="is not a duration"):
        read_duration(text)
