from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db.errors import QueryFailed
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.time_limits import time_limit

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "index.db") as store:
        yield store


@pytest.mark.alone
def test_a_question_is_ended_when_its_time_is_over_and_the_connection_stays_usable(store: Store) -> None:
    began = time.monotonic()
    expected = pytest.raises(QueryFailed, match=r"^Database query failed: timeout$")
    with expected, time_limit(0.2), store.database.snapshot() as connection:
        connection.execute(ENDLESS).fetchone()
    assert 0.2 <= time.monotonic() - began < 2
    assert store.find(ExperimentQuery()).total == 0
    with time_limit(30):
        assert store.find(ExperimentQuery()).total == 0
    with store.database.writing() as connection:
        connection.execute("SELECT 1")


def test_without_a_limit_a_question_takes_its_time(store: Store) -> None:
    long = ENDLESS.replace("FROM n)", "FROM n WHERE i < 3000000)")
    with time_limit(0.01), contextlib.suppress(QueryFailed), store.database.snapshot() as connection:
        connection.execute(long).fetchone()
    with store.database.snapshot() as connection:
        assert connection.execute(long).fetchone() == (3_000_000,)
    with time_limit(None), store.database.snapshot() as connection:
        assert connection.execute(long).fetchone() == (3_000_000,)


@pytest.mark.alone
def test_all_that_a_request_asks_shares_its_time(store: Store) -> None:
    with time_limit(0.3):
        for _ in range(50):
            with contextlib.suppress(QueryFailed), store.database.snapshot() as connection:
                connection.execute(ENDLESS.replace("FROM n)", "FROM n WHERE i < 100000)")).fetchone()
        began = time.monotonic()
        with pytest.raises(QueryFailed), store.database.snapshot() as connection:
            connection.execute(ENDLESS).fetchone()
        assert time.monotonic() - began < 0.3
