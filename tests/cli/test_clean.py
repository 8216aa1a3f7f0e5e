from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from runicorn_db.store import Store
from tests.cli.conftest import CREATED, Run, write_run
from tests.cli.test_rm import listed


@pytest.fixture
def runs(run: Run, root: Path, db: Path) -> Path:
    """The index of `root` with ten more of project `sweep`: s0 the oldest and best, every other one failed."""
    for number in range(10):
        status = "failed" if number % 2 else "finished"
        write_run(
            root, f"s{number}", project="sweep", status=status, created_at=CREATED + number, losses=(number / 10,)
        )
    assert run("sync", root, "--db", db).code == 0
    return db


def test_without_yes_the_plan_is_shown_and_nothing_changes(run: Run, runs: Path) -> None:
    before = listed(run, runs)

    result = run("clean", "--keep-best", 1, "--keep-last", 2, "--per", "project", "--db", runs)

    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "Rule --keep-best 1 --keep-last 2 --per project"
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["GROUP", "ALL", "GO"],
        ["sweep", "10", "7"],
        ["vision", "3", "1"],
    ]
    assert lines[2].endswith("1 among the best, 2 among the last")
    assert "Move to the trash: 8 experiments" in result.out
    assert "  s7  sweep / resnet  failed" in lines
    assert "add --yes" in result.err
    assert listed(run, runs) == before


def test_with_yes_exactly_what_was_shown_goes_as_one_batch_and_comes_back(run: Run, runs: Path) -> None:
    plan = run("clean", "--keep-last", 3, "--per", "project", "--older-than", "30d", "--db", runs, "--json").json

    result = run(
        *("clean", "--keep-last", 3, "--per", "project", "--older-than", "30d", "--db", runs, "--json", "--yes"),
        *("--reason", "spring"),
    )

    assert result.code == 0
    assert (result.json["deleted"], result.json["failed"], result.json["batch"]) == (7, 0, 1)
    assert list(result.json["results"]) == plan["ids"] == [f"s{number}" for number in range(6, -1, -1)]
    assert f"Undo: runicorn-tui restore --batch 1 --db {runs}" in result.err
    (batch,) = run("trash", "--json", "--db", runs).json
    assert (batch["reason"], batch["query"]) == ("spring", "clean --keep-last 3 --per project --older-than 30d")
    assert run("restore", "--batch", 1, "--db", runs).code == 0
    assert set(plan["ids"]) <= listed(run, runs)


def test_the_json_tells_groups_and_why_the_rest_stays(run: Run, runs: Path) -> None:
    answer = run("clean", "--status", "failed", "--keep-best", 2, "--per", "project", "--json", "--db", runs).json

    assert answer["ids"] == ["s9", "s7", "s5", "s3", "a1"]
    assert (answer["considered"], answer["goes"]) == (14, 5)
    assert answer["stays"] == {"best": 5, "status": 4}
    (rule,) = answer["rules"]
    assert (rule["per"], rule["group_count"]) == ("project", 3)
    sweep = next(group for group in rule["groups"] if group["labels"] == ["sweep"])
    assert (sweep["goes"], sweep["stays"]) == (4, {"best": 2, "status": 4})
    assert sweep["size_bytes"] > 0


def test_pinned_and_running_ones_stay_and_the_plan_says_so(run: Run, runs: Path) -> None:
    with Store(runs) as store:
        store.annotate(["a1"], pinned=True)

    result = run("clean", "--where", "project:vision", "--older-than", "1d", "--db", runs)

    assert "Stays: 1 experiment pinned (--include-pinned" in result.out
    assert "Stays: 1 experiment running (--include-running" in result.out
    both = ("--include-pinned", "--include-running")
    assert run("clean", "--where", "project:vision", "--older-than", "1d", *both, "--yes", "--db", runs).code == 0
    assert {"a1", "a2", "b1"} & listed(run, runs) == set()


def test_a_young_experiment_stays(run: Run, root: Path, db: Path) -> None:
    write_run(root, "new", project="sweep", created_at=time.time() - 60)
    run("sync", root, "--db", db)

    result = run("clean", "--older-than", "2m", "--where", "project:sweep", "--db", db)

    assert "Stays: 1 experiment too young" in result.out
    assert "Nothing to clean." in result.err


def test_a_policy_takes_what_one_rule_takes_and_none_keeps(run: Run, runs: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rule]]\nper = "project"\nkeep_best = 1\nwhere = "project:sweep"\n'
        '[[rule]]\nstatus = ["failed"]\nkeep_last = 1\n'
        '[[rule]]\nwhere = "id=s3"\nkeep_last = 1\n'
    )

    result = run("clean", "--policy", policy, "--yes", "--db", runs)

    assert result.code == 0
    # s0: best of its project. s3: a rule of its own. b2: the last one of all.
    assert listed(run, runs) == {"s0", "s3", "b2", "a2", "b1"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name what stays or what goes"),
        (["--per", "project"], "Name what stays or what goes"),
        (["--include-running", "--yes"], "Name what stays or what goes"),
        (["--older-than", "30"], "'30' is not a duration"),
        (["--older-than", "1d or status:failed"], "is not a duration"),
        (["--status", "faild"], "status must be one of running, finished, failed, interrupted, not 'faild'"),
        (["--status", ""], "status must be one of"),
        (["--where", ""], "--where must not be empty"),
        (["--where", "foo:bar"], "was not understood"),
        (["--keep-last", "0"], "--keep-last"),
        (["--per", "project", "--status", "failed"], "per needs keep_best or keep_last"),
        (["--policy", "nowhere.toml"], "nowhere.toml"),
        (["--policy", "{policy}", "--keep-last", "1"], "--keep-last cannot be added"),
        (["--policy", "{policy}"], "rule 1: unknown name 'keep_lats'"),
        (["--policy", "{binary}"], "codec can't decode"),
        (["--keep-last", "1", "--reason", "x" * 501], "--reason must be at most 500"),
    ],
)
def test_what_cannot_be_meant_is_exit_2_and_changes_nothing(
    run: Run, runs: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "policy.toml").write_text("[[rule]]\nkeep_lats = 1")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    places = {"{policy}": tmp_path / "policy.toml", "{binary}": tmp_path / "binary.toml"}

    result = run("clean", *[places.get(a, a) for a in arguments], "--yes", "--db", runs)

    assert result.code == 2
    assert sentence in " ".join(result.err.split())
    assert len(listed(run, runs)) == 14


def test_an_empty_shell_variable_does_not_widen_a_rule(runs: Path) -> None:
    command = f'{sys.executable} -m runicorn_tui clean --keep-last 1 --where "$UNSET" --yes --db {runs}'
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)

    assert ended.returncode == 2


def test_hostile_names_are_harmless(run: Run, root: Path, db: Path) -> None:
    write_run(root, "evil", project="[/]\x1b[2Jx", name="a\u202eb")
    run("sync", root, "--db", db)

    result = run("clean", "--where", "id=evil", "--older-than", "1d", "--keep-best", "1", "--db", db)
    gone = run("clean", "--where", "id=evil", "--older-than", "1d", "--yes", "--db", db)
    shown = run("trash", "--batch", 1, "--db", db)

    assert "\x1b" not in result.out + result.err + gone.out + gone.err + shown.out
    assert "[/]\\x1b[2Jx" in gone.out
    assert "[/]\\x1b[2Jx" in shown.out


def test_an_index_without_experiments_is_no_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run("sync", tmp_path / "empty", "--db", tmp_path / "empty.db")

    result = run("clean", "--keep-last", 1, "--yes", "--db", tmp_path / "empty.db")

    assert result.code == 0
    assert "It is about no experiment." in result.out
    assert "Nothing to clean." in result.err
