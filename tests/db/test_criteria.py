from __future__ import annotations

import pytest
from hypothesis import given

from runicorn_db.conditions import matching
from runicorn_db.criteria import Criteria
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery
from tests.db.strategies import CRITERIA


@given(CRITERIA)
def test_criteria_depend_on_now_when_the_question_to_the_index_does(criteria: Criteria) -> None:
    query = ExperimentQuery(filter=criteria)
    is_changing = matching(query, now=1_700_000_000.0) != matching(query, now=1_700_000_060.0)
    assert criteria.depends_on_now == is_changing


@pytest.mark.parametrize(
    ("text", "is_changing"),
    [
        ("age>30d", True), ("status:failed or -age<1h", True), ("created>2024-01 age<=3d", True),
        ("created>2024-01", False), ("duration>30d updated<2024-01-01", False), ('"age>30d"', False), ("", False),
    ],
)  # fmt: skip
def test_ages_alone_change_by_the_passing_of_time(text: str, is_changing: bool) -> None:
    assert parse(text)[0].depends_on_now is is_changing
