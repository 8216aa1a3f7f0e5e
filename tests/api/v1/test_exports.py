"""The environment of a run, its series as CSV, and the report."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from runicorn_api.docs_page import SECURITY_POLICY
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.v1.conftest import VERSIONS, Real, fetch, id_of, segment
from tests.db.runs import write_json, write_run

ENVIRONMENTS = ("/experiments/{}/environment", "/environment/{}")
CSVS = ("/experiments/{}/export/csv", "/export/{}/csv")
REPORTS = ("/experiments/{}/export/report", "/export/{}/report")


def rows_of(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode("utf-8"), newline="")))


@pytest.mark.parametrize("path", ENVIRONMENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_environment_is_told_without_its_variables_unless_they_are_asked_for(
    real: Real, version: str, path: str
) -> None:
    written = json.loads((real.run_dir("finished_max", version) / "environment.json").read_text())
    assert written["env_variables"]
    target = path.format(id_of("finished_max", version))

    assert real.get(f"{target}?env_variables=true") == {"available": True, "environment": written}
    del written["env_variables"]
    assert real.get(target) == {"available": True, "environment": written}


@pytest.mark.parametrize("path", ENVIRONMENTS)
def test_a_run_without_an_environment_says_so(real: Real, path: str) -> None:
    assert real.get(path.format(id_of("finished_min"))) == {"available": False, "environment": None}


@pytest.mark.parametrize("content", ['{"a": ', "[1]", "", "{}", '{"a":' * 200 + "1" + "}" * 200, "\udcff"])
def test_an_environment_that_cannot_be_read_is_not_available(
    empty_store: Store, serve, tmp_path: Path, content: str
) -> None:
    directory = write_run(tmp_path / "root", "a")
    (directory / "environment.json").write_text(content, errors="surrogateescape")
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)

    assert serve(empty_store).get("/environment/a") == {"available": False, "environment": None}


def test_an_environment_outside_of_the_run_is_not_read(empty_store: Store, serve, tmp_path: Path) -> None:
    directory = write_run(tmp_path / "root", "a")
    write_json(tmp_path / "secret.json", {"secret": 1})
    (directory / "environment.json").symlink_to(tmp_path / "secret.json")
    pipe = write_run(tmp_path / "root", "b")
    os.mkfifo(pipe / "environment.json")
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)
    client = serve(empty_store)

    for name in ("a", "b"):
        assert client.get(f"/environment/{name}") == {"available": False, "environment": None}


@pytest.mark.parametrize("path", CSVS)
@pytest.mark.parametrize("scenario", ["finished_max", "steps", "nan_inf"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_csv_holds_the_rows_of_the_series(real: Real, version: str, scenario: str, path: str) -> None:
    name = id_of(scenario, version)
    series = real.get(f"/runs/{name}/metrics_step")

    answer = real.fetch(path.format(name))

    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}_metrics.csv"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    header, *rows = rows_of(answer.body)
    assert header == series["columns"]
    texts = [["" if value is None else str(value) for value in row.values()] for row in series["rows"]]
    assert [[_number(cell) for cell in row] for row in rows] == [[_number(cell) for cell in row] for row in texts]


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def test_a_csv_can_be_thinned_and_a_long_one_is_whole(real: Real) -> None:
    name = id_of("long")

    assert len(rows_of(real.fetch(f"/export/{name}/csv?downsample=100").body)) <= 101
    answer = real.fetch(f"/export/{name}/csv")
    assert len(answer.body) > 1 << 20
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert [int(row[0]) for row in rows_of(answer.body)[1:]] == list(range(1, 50_001))


def test_a_run_that_logged_nothing_is_an_empty_csv(real: Real) -> None:
    assert rows_of(real.fetch(f"/export/{id_of('empty')}/csv").body) in ([], [[]])


def test_no_text_of_a_csv_is_taken_for_a_formula(empty_store: Store, serve, tmp_path: Path) -> None:
    names = ["=1+1", "+x", "-x", "@x", "\tx", "a\x1b[31m", 'q"u,o']
    steps = [dict.fromkeys(names, 1.5) | {"stage": "=cmd|' /C calc'!A0"}]
    write_run(tmp_path / "root", "a", steps=steps)
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)

    header, row = rows_of(fetch(serve(empty_store), "/export/a/csv").body)

    assert {"'=1+1", "'+x", "'-x", "'@x", "'\\tx", "a\\x1b[31m", 'q"u,o'} <= set(header)
    assert row[header.index("stage")] == "'=cmd|' /C calc'!A0"
    assert row[header.index("'=1+1")] == "1.5"


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_report_tells_what_is_known_in_markdown(real: Real, version: str, path: str) -> None:
    name = id_of("finished_max", version)

    answer = real.fetch(path.format(name))
    assert real.fetch(path.format(name) + "?format=markdown").body == answer.body

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}_report.md"')
    text = answer.body.decode()
    assert text.startswith("# Experiment Report\n\n## Experiment\n\n| Fact | Value |\n| --- | --- |\n| Project |")
    run, detail = real.get(f"/runs/{name}"), real.get(f"/v2/experiments/{name}")
    assert f"| Status | {run['status']} |" in text
    assert f"| Run ID | {name.replace('_', chr(92) + '_')} |" in text
    metric = detail["metrics_summary"]["metrics"]["accuracy"]
    figures = " | ".join(f"{metric[what]:.6g}" for what in ("first", "last", "min", "max"))
    assert f"| accuracy | {metric['count']} | {figures} |" in text


@pytest.mark.parametrize("path", REPORTS)
def test_the_report_in_html_is_a_page_that_loads_nothing(real: Real, path: str) -> None:
    answer = real.fetch(path.format(id_of("unicode")) + "?format=html")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == SECURITY_POLICY
    assert answer.headers["content-disposition"].startswith("attachment; ")
    text = answer.body.decode()
    assert "<td>Project</td><td>图像分类</td>" in text
    assert "src=" not in text
    assert "href=" not in text


def test_whatever_names_hold_a_report_shows_it_as_text(empty_store: Store, serve, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> | [x](javascript:1) `c` \x1b[31m"
    write_run(tmp_path / "root", "a", project="p", name="n", steps=[{evil: 1.0}], summary={evil: evil, "b\n# c": 1})
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)
    client = serve(empty_store)

    html = fetch(client, "/export/a/report?format=html").body.decode()
    markdown = fetch(client, "/export/a/report").body.decode()

    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; | [x](javascript:1) `c` \\x1b[31m" in html
    assert "\\<script\\>alert(1)\\</script\\> \\| \\[x\\](javascript:1) \\`c\\`" in markdown
    assert "\x1b" not in html + markdown
    assert "\n# c" not in markdown
    assert "b\\\\n\\# c" in markdown


def test_a_file_is_named_so_that_no_header_is_broken(empty_store: Store, serve, tmp_path: Path) -> None:
    name = 'lauf ü "1"; x=y'
    directory = write_run(tmp_path / "root", "a", steps=[{"loss": 1.0}])
    write_json(directory / "meta.json", {"id": name})
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)

    answer = fetch(serve(empty_store), f"/export/{segment(name)}/csv")

    assert answer.headers["content-disposition"] == (
        'attachment; filename="lauf____1___x_y_metrics.csv";'
        " filename*=UTF-8''lauf%20%C3%BC%20%221%22%3B%20x%3Dy_metrics.csv"
    )


@pytest.mark.parametrize("path", [*ENVIRONMENTS, *CSVS, *REPORTS])
def test_ids_and_parameters_are_checked_as_everywhere(real: Real, path: str) -> None:
    deleted = id_of("soft_deleted")
    assert real.refused(path.format("nobody"), status=404) == "Run not found: nobody"
    assert real.refused(path.format(deleted), status=404) == f"Run not found: {deleted}"
    assert real.refused(path.format("a%2Fb"), status=400).startswith("Invalid run_id format: a/b. ")
    assert real.refused(path.format("my-custom-id") + "?x=1", status=400).startswith("Unknown parameter 'x'")


def test_a_format_that_nobody_writes_is_refused(real: Real) -> None:
    sentence = real.refused("/export/my-custom-id/report?format=pdf", status=400)
    assert sentence == "Format must be markdown or html, not 'pdf'"
    sentence = real.refused("/environment/my-custom-id?env_variables=perhaps", status=400)
    assert sentence.startswith("env_variables must be one of true, 1, yes, on")


@pytest.mark.parametrize("path", [*CSVS, *REPORTS])
def test_the_same_file_is_not_sent_twice(own: Real, path: str) -> None:
    target = path.format(id_of("finished_max"))
    tag = own.fetch(target).headers["etag"]
    assert own.fetch(target, If_None_Match=tag).status == 304

    own.store.annotate([id_of("finished_max")], description="new")

    assert own.fetch(target, If_None_Match=tag).status == 200
