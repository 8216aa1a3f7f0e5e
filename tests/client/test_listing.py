from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from runicorn_api.contract import FILTER_PARAMETERS
from runicorn_tui.client import Client, Experiment
from runicorn_tui.client.parameters import Filters
from tests.api.conftest import NOON, Run
from tests.client.conftest import Lab


def ids(experiments: Iterator[Experiment] | list[Experiment]) -> list[str]:
    return [experiment.id for experiment in experiments]


def test_a_loop_brings_all_pages_in_order(lab: Lab, runs: tuple[Run, ...]) -> None:
    experiments = lab.client.list_experiments(per_page=3)

    assert ids(iter(experiments)) == [run.id for run in reversed(runs)]
    assert len(lab.targets()) == 3


def test_pages_are_asked_for_as_they_are_needed(lab: Lab) -> None:
    loop = iter(lab.client.list_experiments(per_page=3))
    for _ in range(3):
        next(loop)
    assert len(lab.targets()) == 1
    next(loop)
    assert len(lab.targets()) == 1
    next(loop)
    assert lab.targets() == []


def test_len_asks_for_the_page_with_which_the_next_loop_begins(lab: Lab) -> None:
    experiments = lab.client.list_experiments(per_page=5)

    assert (len(experiments), len(experiments)) == (8, 8)
    assert len(lab.targets()) == 1
    assert len(list(experiments)) == 8
    assert len(lab.targets()) == 1
    assert len(list(experiments)) == 8
    assert len(lab.targets()) == 2


def test_a_further_loop_sees_what_has_changed_and_so_does_len(lab: Lab) -> None:
    experiments = lab.client.list_experiments(project="vision")
    assert len(list(experiments)) == len(experiments) == 3
    lab.client.delete(experiments[0].id)

    assert len(list(experiments)) == len(experiments) == 2


def test_an_empty_list_is_false(client: Client) -> None:
    experiments = client.list_experiments(project="nobody's")

    assert not experiments
    assert list(experiments) == experiments[:10] == []
    for place in (0, -1):
        with pytest.raises(IndexError):
            experiments[place]


def test_places_and_slices_are_those_of_a_list(client: Client) -> None:
    experiments = client.list_experiments(order_by="name", order_desc=False, per_page=3)
    whole = ids(list(experiments))

    assert [experiments[place].id for place in range(8)] == whole
    assert [experiments[place].id for place in range(-8, 0)] == whole
    for part in (slice(5), slice(2, 5), slice(6, 100), slice(3, None), slice(0, 0), slice(5, 2), slice(None)):
        assert ids(experiments[part]) == whole[part]
    for place in (8, -9):
        with pytest.raises(IndexError):
            experiments[place]
    for part in (slice(-3, None), slice(0, -1), slice(0, 5, 2)):
        with pytest.raises(ValueError, match="goes forward"):
            experiments[part]


def test_a_slice_asks_for_no_more_than_it_needs(lab: Lab) -> None:
    assert len(lab.client.list_experiments()[:2]) == 2

    (target,) = lab.targets()
    assert "per_page=2" in target


def test_other_fields_are_left_out(client: Client) -> None:
    first = client.list_experiments(fields=["name", "id"])[0]

    assert list(first) == ["name", "id"]
    with pytest.raises(AttributeError, match="The answer has no 'status'; it has name, id"):
        first.status  # noqa: B018


def test_no_experiment_comes_twice_or_is_missing_while_others_are_added(lab: Lab) -> None:
    old = {run.id for run in RUNS_BEFORE}
    lab.add(*RUNS_BEFORE)
    for order_by, descending in (("created_at", True), ("name", False), ("updated_at", False), ("status", True)):
        check_growing(lab, old, lab.client.list_experiments(order_by=order_by, order_desc=descending, per_page=7))


RUNS_BEFORE = tuple(
    Run(id=f"old{number:03}", project="growing", name=f"n{number % 7}", created_at=NOON + 10 * number)
    for number in range(40)
)


def check_growing(lab: Lab, old: set[str], experiments: Iterator[Experiment]) -> None:
    seen: list[str] = []
    added = len(lab.client.list_experiments())
    for number, experiment in enumerate(experiments):
        seen.append(experiment.id)
        if number % 10 == 5:
            # Before, between and after what has been seen.
            lab.add(*(
                Run(id=f"new{added}_{number}_{place}", project="growing", name=f"n{place}", created_at=NOON + at)
                for place, at in enumerate((-50.0, 5.0 + 10 * number, 5000.0))
            ))  # fmt: skip
    assert len(seen) == len(set(seen))
    assert old <= set(seen)


def test_len_is_exact_while_others_are_added_from_another_thread(lab: Lab) -> None:
    counted: list[int] = []
    stopping = threading.Event()

    def count() -> None:
        while not stopping.is_set():
            experiments = lab.client.list_experiments()
            # One answer tells both.
            counted.append(len(experiments) - len(list(experiments)))

    thread = threading.Thread(target=count)
    thread.start()
    for number in range(15):
        lab.add(Run(id=f"more{number}", project="growing", name="x", created_at=NOON + number))
    stopping.set()
    thread.join()
    assert counted
    assert set(counted) == {0}


def test_a_list_shows_what_it_asks_for_without_asking(lab: Lab) -> None:
    experiments = lab.client.list_experiments(project="vision", status=["failed", "running"])

    assert repr(experiments) == (
        "Experiments(project='vision', status='failed,running', order_by='created_at', order_desc='true')"
    )
    assert lab.targets() == []


def test_filters_are_those_of_the_contract() -> None:
    assert set(Filters.__annotations__) == {row.name for row in FILTER_PARAMETERS}
