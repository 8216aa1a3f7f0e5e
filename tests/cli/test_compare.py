from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, write_run


@pytest.fixture
def three(run: Run, tmp_path: Path) -> Path:
    """An index of c1, c2 and c3: other learning rates and losses, equal seeds; c3 has a name that is no text."""
    root = tmp_path / "sweep"
    for number, rate in enumerate((0.1, 0.01, 0.001), 1):
        directory = write_run(root, f"c{number}", name="\x1b[2J[/]" if number == 3 else "vit", losses=(2.0, number / 4))
        config = {"optim": {"lr": rate, "name": "adam"}, "seed": 1}
        (directory / "assets.json").write_text(json.dumps({"config": {"args": config}}))
    db = tmp_path / "sweep.db"
    assert run("sync", root, "--db", db).code == 0
    return db


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_only_what_differs_is_printed(run: Run, three: Path) -> None:
    result = run("compare", "c1", "c2", "--db", three)

    assert lines(result.out) == [
        ["vit", "…c1", "vit", "…c2"],
        ["id", "c1", "c2"],
        ["status", "✓", "finished", "✓", "finished"],
        ["best", "loss", "0.2500", "0.5000"],
        ["last", "loss", "0.2500", "0.5000"],
        ["optim.lr", "0.1", "0.01"],
    ]
    assert result.err == "2 of 5 rows are equal; --all prints them.\n"


def test_all_prints_what_is_equal_too(run: Run, three: Path) -> None:
    result = run("compare", "c1", "c2", "--db", three, "--all")

    assert ["seed", "1", "1"] in lines(result.out)
    assert result.err == ""


def test_a_baseline_says_how_far_and_whether_that_is_better(run: Run, three: Path) -> None:
    result = run("compare", "c1", "c2", "--db", three, "--baseline", "c2")

    assert ["best", "loss", "0.2500", "✓", "-0.2500", "-50.0%", "0.5000"] in lines(result.out)
    assert ["baseline"] in lines(result.out)


def test_json_has_values_and_deltas_by_id(run: Run, three: Path) -> None:
    document = run("compare", "c1", "c2", "--db", three, "--baseline", "c1", "--json").json

    assert [one["id"] for one in document["experiments"]] == ["c1", "c2"]
    assert document["baseline"] == "c1"
    assert document["rows"][0] == {
        "kind": "best",
        "name": "loss",
        "mode": "min",
        "differs": True,
        "values": {"c1": 0.25, "c2": 0.5},
        "deltas": {"c2": {"absolute": 0.25, "percent": 100.0, "verdict": "worse"}},
    }


def test_csv_has_a_column_for_each_experiment(run: Run, three: Path) -> None:
    out = run("compare", "c1", "c2", "--db", three, "--csv").out

    assert list(csv.reader(io.StringIO(out, newline=""))) == [
        ["kind", "name", "mode", "c1", "c2"],
        ["best", "loss", "min", "0.25", "0.5"],
        ["last", "loss", "min", "0.25", "0.5"],
        ["parameter", "optim.lr", "", "0.1", "0.01"],
    ]


def test_hostile_names_are_made_harmless(run: Run, three: Path) -> None:
    out = run("compare", "c1", "c3", "--db", three).out

    assert "\x1b" not in out
    assert r"\x1b[2J[/]" in out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("c1",), 2, "Comparing takes two experiments or more."),
        (("c1", "c1"), 2, "Comparing takes two experiments or more."),
        (("c1", "zz"), 4, "Experiment zz not found"),
        (("c1", "c"), 2, "begins more than one id"),
        (("c1", "c2", "--baseline", "c3"), 2, "The baseline is one of those compared, which c3 is not."),
        (("c1", "c2", "--json", "--csv"), 2, "--json and --csv exclude each other."),
    ],
)
def test_what_cannot_be_compared_is_said(
    run: Run, three: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    result = run("compare", *arguments, "--db", three)

    assert (result.code, result.out) == (code, "")
    assert sentence in result.err
