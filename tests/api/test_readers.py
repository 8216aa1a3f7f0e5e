from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runicorn_api.readers import Readers
from runicorn_db.errors import InvalidQuery


@pytest.fixture
def readers():
    readers = Readers()
    yield readers
    readers.close()


def test_all_questions_of_a_kind_are_asked_by_one_thread(readers: Readers) -> None:
    with ThreadPoolExecutor(8) as pool:
        rows = set(pool.map(lambda _: readers.rows(threading.get_ident), range(50)))
        series = set(pool.map(lambda _: readers.series(threading.get_ident), range(50)))
    assert len(rows) == len(series) == 1
    assert rows != series


def test_series_do_not_hold_up_rows(readers: Readers) -> None:
    answered = threading.Event()
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(readers.series, lambda: answered.wait(10))
        assert readers.rows(lambda: 1) == 1
        answered.set()
        assert slow.result() is True


def test_errors_reach_the_one_who_asked(readers: Readers) -> None:
    def fail() -> None:
        raise InvalidQuery("no")

    with pytest.raises(InvalidQuery, match="no"):
        readers.rows(fail)


def test_closing_waits_for_the_running_question_and_may_be_repeated() -> None:
    readers = Readers()
    entered, release = threading.Event(), threading.Event()
    answered: list[bool] = []

    def ask() -> None:
        entered.set()
        answered.append(release.wait(10))

    with ThreadPoolExecutor() as pool:
        pool.submit(readers.rows, ask)
        assert entered.wait(10)
        closing = pool.submit(readers.close)
        release.set()
        closing.result(timeout=10)
        assert answered == [True]
    readers.close()
