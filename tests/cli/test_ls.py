from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from runicorn_db.filter_language import parse
from runicorn_tui.commands.options import FILTER_TERMS
from tests.cli.conftest import CREATED, Run, write_run


def ids(out: str) -> list[str]:
    return [line.split()[0] for line in out.splitlines()[1:]]


def test_newest_first_by_default(run: Run, db: Path) -> None:
    result = run("ls", "--db", db)

    assert result.code == 0
    assert ids(result.out) == ["b2", "b1", "a2", "a1"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--reverse"], ["a1", "a2", "b1", "b2"]),
        (["--sort", "name"], ["b2", "a1", "b1", "a2"]),
        (["--sort", "name", "--reverse"], ["a2", "b1", "a1", "b2"]),
        (["--sort", "best_metric_value", "--reverse"], ["a2", "a1", "b1", "b2"]),
    ],
)
def test_sort_and_reverse_choose_the_order(run: Run, db: Path, arguments: list[str], expected: list[str]) -> None:
    assert ids(run("ls", "--db", db, *arguments).out) == expected


def test_filter_words_may_be_one_argument_or_several(run: Run, db: Path) -> None:
    assert ids(run("ls", "--db", db, "project:vision status:failed,running").out) == ["b1", "a1"]
    assert ids(run("ls", "--db", db, "project:vision", "!status:running").out) == ["a2", "a1"]
    assert ids(run("ls", "--db", db, "--", "project:vision", "-status:running").out) == ["a2", "a1"]


def test_a_minus_that_looks_like_an_option_is_explained(run: Run, db: Path) -> None:
    result = run("ls", "--db", db, "-tag:keep")

    assert result.code == 2
    assert "with ! in place of the -" in result.err


def test_what_was_not_understood_is_marked_under_the_filter(run: Run, db: Path) -> None:
    result = run("ls", "--db", db, "status:failed age>soon")

    assert result.code == 2
    assert result.out == ""
    text, marks, advice = result.err.splitlines()
    assert text == "  status:failed age>soon"
    begin = marks.index("^")
    assert text[begin : begin + marks.count("^")] in ("age>soon", "soon")
    assert "runicorn-tui ls --help" in advice


def test_the_filter_terms_of_the_help_are_understood() -> None:
    lines = FILTER_TERMS.splitlines()[2:]
    terms = [term for line in lines for part in line.split("   ") for term in re.findall(r'(?:"[^"]*"|[^\s"])+', part)]
    terms = [term for term in terms if re.search(r"[:<>=\"]", term) and not term.endswith(":")]

    assert len(terms) > 20
    assert {term: parse(term)[1] for term in terms if parse(term)[1]} == {}


def test_no_match_is_said(run: Run, db: Path) -> None:
    result = run("ls", "nosuchname", "--db", db)

    assert (result.code, result.out, result.err) == (0, "", "No experiment matches.\n")


def test_a_root_that_was_never_read_is_named(run: Run, root: Path, tmp_path: Path) -> None:
    run("roots", "add", root, "--name", "lab", "--db", tmp_path / "my index.db")

    result = run("ls", "--db", tmp_path / "my index.db")

    assert "not read yet: lab" in result.err
    assert f"runicorn-tui sync --db '{tmp_path}/my index.db'" in result.err


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_a_row_fits_a_narrow_terminal(db: Path, columns: int) -> None:
    command = ["-m", "runicorn_tui", "ls", "--db", str(db)]
    # Without env it would hand on the COLUMNS that readline sets behind Python's back.
    terminal = pexpect.spawn(
        sys.executable, command, dimensions=(24, columns), encoding="utf-8", env=dict(os.environ), timeout=30
    )
    terminal.expect(pexpect.EOF)
    lines = str(terminal.before).splitlines()
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == 0
    assert lines[0].startswith("ID  PROJECT  NAME    STATUS")
    assert max(map(len, lines)) <= columns


def test_limit_says_how_many_there_are(run: Run, db: Path) -> None:
    result = run("ls", "--db", db, "--limit", 3)

    assert len(ids(result.out)) == 3
    assert result.err == "3 of 4 experiments; --limit 0 lists all.\n"


def test_json_has_the_fields_of_rest(run: Run, db: Path, root: Path) -> None:
    failed = run("ls", "--db", db, "status:failed", "--json").json

    assert list(failed[0])[:4] == ["id", "project", "name", "status"]
    assert failed[0]["created_at"] == CREATED
    assert failed[0]["run_dir"] == str(root / "vision/resnet/runs/a1")


def test_json_of_nothing_is_an_empty_list(run: Run, db: Path) -> None:
    assert run("ls", "--db", db, "project:none", "--json").json == []


def test_jsonl_is_one_object_a_line(run: Run, db: Path) -> None:
    lines = run("ls", "--db", db, "--jsonl").out.splitlines()

    assert [json.loads(line)["id"] for line in lines] == ["b2", "b1", "a2", "a1"]


def test_forms_exclude_each_other(run: Run, db: Path) -> None:
    assert run("ls", "--db", db, "--json", "--csv").code == 2


def test_csv_neutralises_formulas_and_leaves_numbers(run: Run, root: Path, tmp_path: Path) -> None:
    write_run(root, "evil", name='=cmd|"x"!A1', losses=(-3.0,), created_at=CREATED + 900)
    run("sync", root, "--db", tmp_path / "index.db")

    out = run("ls", "--db", tmp_path / "index.db", "--csv").out

    assert out.count("\r\n") == 6
    first = next(csv.DictReader(io.StringIO(out, newline="")))
    assert first["name"] == '\'=cmd|"x"!A1'
    assert first["best_metric_value"] == "-3.0"


def test_limit_zero_streams_more_than_a_page(run: Run, root: Path, tmp_path: Path) -> None:
    for number in range(1100):
        write_run(root, f"many{number:04}", name="many", created_at=CREATED - number, losses=(1.0,))
    run("sync", root, "--db", tmp_path / "index.db")

    listed = run("ls", "--db", tmp_path / "index.db", "--limit", 0, "--json").json

    assert len({experiment["id"] for experiment in listed}) == len(listed) == 1104
    assert [experiment["created_at"] for experiment in listed] == sorted(
        (experiment["created_at"] for experiment in listed), reverse=True
    )


def test_hostile_names_are_shown_and_not_obeyed(run: Run, root: Path, tmp_path: Path) -> None:
    write_run(root, "evil", name="\x1b]0;owned\x07\u202egnp", created_at=CREATED + 900)
    run("sync", root, "--db", tmp_path / "index.db")

    table = run("ls", "--db", tmp_path / "index.db", "id:evil")
    csv_text = run("ls", "--db", tmp_path / "index.db", "id:evil", "--csv")
    as_json = run("ls", "--db", tmp_path / "index.db", "id:evil", "--json")

    for result in (table, csv_text):
        assert "\x1b" not in result.out
        assert "\\x1b]0;owned\\x07\\u202egnp" in result.out
    assert as_json.json[0]["name"] == "\x1b]0;owned\x07\u202egnp"


def test_an_index_that_is_not_there_is_not_made(run: Run, tmp_path: Path) -> None:
    result = run("ls", "--db", tmp_path / "none.db")

    assert result.code == 3
    assert "runicorn-tui sync" in result.err
    assert not (tmp_path / "none.db").exists()


def test_an_empty_index_says_how_to_fill_it(run: Run, tmp_path: Path, root: Path) -> None:
    run("roots", "add", root, "--db", tmp_path / "index.db")
    run("roots", "remove", root, "--db", tmp_path / "index.db")

    result = run("ls", "--db", tmp_path / "index.db", "--json")

    assert (result.code, result.json) == (0, [])
    assert "runicorn-tui sync" in result.err


def test_a_file_that_is_no_index_is_refused_and_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an index " * 100)

    result = run("ls", "--db", tmp_path / "notes.txt")

    assert result.code == 3
    assert (tmp_path / "notes.txt").read_text() == "not an index " * 100


def test_a_reader_that_goes_away_ends_it_quietly(db: Path) -> None:
    command = f'"{sys.executable}" -m runicorn_tui ls --db "{db}" --limit 0 --json; echo "code $?" >&2'
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as closed_pipe:
        ended = subprocess.run(
            ["sh", "-c", command], stdout=closed_pipe, stderr=subprocess.PIPE, text=True, check=False
        )

    assert ended.stderr == "code 141\n"


# Columns and orders by metrics and parameters.


def test_columns_are_those_that_were_asked_for(run: Run, db: Path) -> None:
    lines = run("ls", "--db", db, "--columns", "name, last.loss ,max.loss,status").out.splitlines()

    assert lines[0].split() == ["NAME", "last.loss", "max.loss", "STATUS"]
    assert lines[3].split() == ["vit", "0.2500", "3.0000", "✓", "finished"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sort", "max.loss"], ["a2", "b2", "b1", "a1"]),
        (["--sort", "max.loss", "--reverse"], ["a1", "b1", "b2", "a2"]),
        (["--sort", "loss", "--reverse"], ["a2", "a1", "b1", "b2"]),
        (["--sort", '"last.loss"', "--limit", "2"], ["b2", "b1"]),
    ],
)
def test_a_metric_sorts(run: Run, db: Path, arguments: list[str], expected: list[str]) -> None:
    result = run("ls", "--db", db, *arguments)

    assert ids(result.out) == expected
    assert arguments[1].strip('"') in result.out.splitlines()[0]


def test_numbers_of_a_parameter_sort_before_its_texts(run: Run, root: Path, tmp_path: Path) -> None:
    for number, value in enumerate([0.001, "auto", 64, True]):
        directory = write_run(root, f"p{number}", project="params")
        (directory / "assets.json").write_text(json.dumps({"config": {"args": {"lr": value}}}))
    db = tmp_path / "params.db"
    assert run("sync", root, "--db", db).code == 0

    result = run("ls", "--db", db, "project:params", "--sort", "param.lr", "--columns", "id,param.lr")

    assert [line.split() for line in result.out.splitlines()[1:]] == [
        ["p2", "64"],
        ["p3", "true"],
        ["p0", "0.001"],
        ["p1", "auto"],
    ]
    asked = ["ls", "--db", db, "project:params", "--columns", "id,param.lr,size,tags", "--sort", "param.lr"]
    items = run(*asked, "--json").json
    assert [(item["id"], item["param.lr"]) for item in items] == [
        ("p2", 64),
        ("p3", True),
        ("p0", 0.001),
        ("p1", "auto"),
    ]
    assert list(items[0]) == ["id", "param.lr", "size_bytes", "tags"]
    assert [json.loads(line) for line in run(*asked, "--jsonl").out.splitlines()] == items
    rows = list(csv.reader(io.StringIO(run(*asked, "--csv").out, newline="")))
    assert rows[0] == ["id", "param.lr", "size_bytes", "tags"]
    assert [row[1] for row in rows[1:]] == ["64", "True", "0.001", "auto"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sort", "creatd_at"],
        ["--sort", "max.creatd_at"],
        ["--sort", "param.lr"],
        ["--sort", "max."],
        ["--sort", ""],
        ["--columns", "nmae"],
        ["--columns", "name,,age"],
        ["--columns", '"name'],
        ["--columns", 'a"b'],
        ["--columns", '"name"'],
    ],
)
def test_a_name_that_nothing_has_is_refused(run: Run, db: Path, arguments: list[str]) -> None:
    result = run("ls", "--db", db, *arguments)

    assert result.code == 2
    assert result.out == ""


def test_a_refused_name_is_told_what_there_is(run: Run, db: Path) -> None:
    error = run("ls", "--db", db, "--sort", "\x1b[2Jacc").err

    assert "No experiment has a metric '\\x1b[2Jacc'" in error
    assert "created_at, updated_at" in error
    assert "name, status" in error


def test_a_name_with_commas_is_quoted(run: Run, root: Path, tmp_path: Path) -> None:
    directory = write_run(root, "c1")
    name = 'top-1, "val"'
    (directory / "events.jsonl").write_text(
        json.dumps({"ts": 1, "type": "metrics", "data": {name: 3, "name": 4, "global_step": 1}}) + "\n"
    )
    db = tmp_path / "quoted.db"
    assert run("sync", root, "--db", db).code == 0

    result = run("ls", "id=c1", "--db", db, "--columns", 'name,"name","max.top-1, \\"val\\""', "--json")
    items = result.json

    assert items[0] == {"name": "resnet", '"name"': 4, f"max.{name}": 3}


# Groups.


def test_groups_are_listed_with_what_they_hold(run: Run, db: Path) -> None:
    result = run("ls", "--db", db, "--group-by", "project")
    assert result.code == 0
    header, *lines = [line.split() for line in result.out.splitlines()]
    assert header == ["PROJECT", "COUNT", "BEST", "METRIC", "STATUS", "SIZE", "LATEST"]
    assert {line[0]: line[1] for line in lines} == {
        project: str(run("ls", "--db", db, f"project={project}", "--json").out.count('"id"'))
        for project in ("vision", "nlp")
    }


def test_groups_as_json_have_every_number(run: Run, db: Path) -> None:
    groups = run("ls", "--db", db, "--group-by", "status", "--json").json
    every = run("ls", "--db", db, "--json").json
    assert sum(group["count"] for group in groups) == len(every)
    for group in groups:
        of = [experiment for experiment in every if experiment["status"] == group["value"]]
        assert group["count"] == group["by_status"][group["value"]] == len(of)
        assert group["latest"] == max(experiment["created_at"] for experiment in of)
    lines = run("ls", "--db", db, "--group-by", "status", "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == groups
    rows = list(csv.DictReader(io.StringIO(run("ls", "--db", db, "--group-by", "status", "--csv").out)))
    assert [(row["value"], int(row["count"])) for row in rows] == [(g["value"], g["count"]) for g in groups]


def test_groups_are_those_of_the_filter_and_as_many_as_asked_for(run: Run, db: Path) -> None:
    result = run("ls", "--db", db, "project:vision", "--group-by", "project", "--json")
    assert [group["value"] for group in result.json] == ["vision"]
    result = run("ls", "--db", db, "--group-by", "name", "--limit", "1", "--jsonl")
    assert len(result.out.splitlines()) == 1
    assert "groups; --limit 0 lists more." in result.err
    result = run("ls", "--db", db, "project:zzz", "--group-by", "project", "--json")
    assert (result.json, result.code) == ([], 0)
    assert "No experiment matches." in result.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--group-by", "acc"], "groups are by project, status, tag, name, root or a parameter"),
        (["--group-by", "param.nobody"], "No experiment has a parameter 'nobody'"),
        (["--group-by", "project", "--sort", "name"], "not with --columns, --sort or --reverse"),
        (["--group-by", "project", "--columns", "name"], "not with --columns, --sort or --reverse"),
    ],
)
def test_groups_that_cannot_be_are_refused(run: Run, db: Path, arguments: list[str], reason: str) -> None:
    result = run("ls", "--db", db, *arguments)
    assert result.code == 2
    assert reason in " ".join(result.err.split())
