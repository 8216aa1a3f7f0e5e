from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, write_run


def test_csv_has_a_row_for_each_step(run: Run, db: Path) -> None:
    assert run("metrics", "a1", "--db", db, "--csv").out == "global_step,loss\r\n1,2.0\r\n2,1.0\r\n3,0.5\r\n"


@pytest.mark.parametrize(("step_range", "steps"), [("2:3", [2, 3]), ("2:", [2, 3]), (":1", [1]), ("-5:1", [1])])
def test_step_range_is_inclusive_and_may_be_open(run: Run, db: Path, step_range: str, steps: list[int]) -> None:
    rows = run("metrics", "a1", "--db", db, "--step-range", step_range, "--json").json["rows"]

    assert [row["global_step"] for row in rows] == steps


@pytest.mark.parametrize("step_range", ["3", ":", "3:1", "a:b", "1:2:3"])
def test_a_step_range_that_is_none_is_exit_2(run: Run, db: Path, step_range: str) -> None:
    result = run("metrics", "a1", "--db", db, "--step-range", step_range)

    assert result.code == 2
    assert f"Invalid value for '--step-range': '{step_range}'" in result.err


def test_an_unknown_metric_is_named_and_keeps_its_column(run: Run, db: Path) -> None:
    result = run("metrics", "a1", "--db", db, "--metric", "loss", "--metric", "acc", "--csv")

    assert result.out.startswith("global_step,loss,acc\r\n1,2.0,\r\n")
    assert result.err == "No such metric: acc. There are: loss\n"
    assert result.code == 5


def test_only_unknown_metrics_are_exit_4(run: Run, db: Path) -> None:
    result = run("metrics", "a1", "--db", db, "--metric", "acc", "--json")

    assert result.code == 4
    assert result.json["rows"] == []


def test_an_experiment_without_metrics_says_so(run: Run, root: Path, tmp_path: Path) -> None:
    (write_run(root, "bare") / "events.jsonl").write_text("")
    run("sync", root, "--db", tmp_path / "index.db")

    assert run("metrics", "bare", "--db", tmp_path / "index.db").err == "This experiment has no metrics.\n"


def test_downsampling_says_how_much_was_left_out(run: Run, root: Path, tmp_path: Path) -> None:
    write_run(root, "long", losses=tuple(float(step) for step in range(500)))
    run("sync", root, "--db", tmp_path / "index.db")

    result = run("metrics", "long", "--db", tmp_path / "index.db", "--downsample", 10)

    shown = len(result.out.splitlines()) - 1
    assert 5 <= shown <= 10
    assert result.err == f"{shown} of 500 rows.\n"
