from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runicorn_api.readers import Readers
from runicorn_db.errors import InvalidQuery, StoreBusy
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery


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


def test_series_and_searches_hold_up_nobody_else(readers: Readers) -> None:
    answered = threading.Event()
    with ThreadPoolExecutor() as pool:
        slow = [pool.submit(ask, lambda: answered.wait(10)) for ask in (readers.series, readers.searches)]
        assert readers.rows(lambda: 1) == 1
        assert readers.health(lambda: 2) == 2
        answered.set()
        assert [question.result() for question in slow] == [True, True]


def test_a_list_with_a_search_or_filter_is_asked_where_others_do_not_wait(readers: Readers) -> None:
    def thread_of(**wanted: object) -> int:
        return readers.lists(ExperimentQuery(**wanted), threading.get_ident)  # type: ignore[arg-type]

    searches = readers.searches(threading.get_ident)
    assert thread_of(search="x") == thread_of(filter=parse("acc>0")[0]) == searches
    assert thread_of() == thread_of(project="x") == readers.rows(threading.get_ident) != searches


def test_a_question_that_slow_ones_kept_waiting_for_too_long_is_told_so_and_health_never_waits() -> None:
    now, asked, begun, release = [100.0], threading.Semaphore(0), threading.Event(), threading.Event()

    def clock() -> float:
        asked.release()
        return now[0]

    def slow() -> bool:
        begun.set()
        return release.wait(10)

    readers = Readers(2.0, clock=clock)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(readers.rows, slow)
        assert begun.wait(10)
        # Twice for the first: when it was asked and when its turn came.
        assert all(asked.acquire(timeout=10) for _ in range(2))
        waiting = pool.submit(readers.rows, lambda: 1)
        assert asked.acquire(timeout=10)
        now[0] += 2.1
        assert readers.health(lambda: 2) == 2
        release.set()
        assert first.result() is True
        with pytest.raises(StoreBusy):
            waiting.result()
    assert readers.rows(lambda: 3) == 3
    readers.close()


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
