from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources.files import FileProblem
from runicorn_db.sources.legacy_database import LegacyRow
from runicorn_db.sources.shared_files import Annotation, SharedFiles, shared_signature


def test_a_root_without_shared_files_says_nothing(tmp_path: Path) -> None:
    with SharedFiles.read(str(tmp_path)) as shared:
        assert shared.annotation("x") == Annotation()
        assert shared.row("x") == LegacyRow()
        assert list(shared.series("x")) == []
        assert shared.problems == ()
        assert not shared.has_layout_06


def test_the_annotations_of_a_real_root_are_read(real_root_041: Path) -> None:
    with SharedFiles.read(str(real_root_041)) as shared:
        assert shared.annotation("20261121_234736_555510") == Annotation(
            tags=frozenset({"keep", "baseline", "production"}), description="the reference run"
        )
        assert shared.annotation("20261121_234737_b7da98") == Annotation(tags=frozenset({"baseline"}))


def test_the_database_of_a_real_root_is_read_and_nothing_is_touched(
    real_root_072: Path, snapshot: Callable[[Path], Any]
) -> None:
    before = snapshot(real_root_072)
    with SharedFiles.read(str(real_root_072)) as shared:
        assert shared.row("20261121_234630_56ebfa").best_metric_value == 0.981011
        assert len(list(shared.series("20261121_234630_56ebfa"))) == 300
    assert snapshot(real_root_072) == before


def test_damaged_annotations_are_a_problem_and_those_of_wrong_types_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / ".experiments_metadata.json"
    path.write_text('{\n"a": {')
    with SharedFiles.read(str(tmp_path)) as shared:
        assert [(problem.path, problem.line) for problem in shared.problems] == [(b".experiments_metadata.json", 2)]
    entries = {"a": 5, "b": {"tags": "x", "description": 7, "pinned": 1}, "c": {"tags": [" t ", 5], "pinned": True}}
    path.write_text(json.dumps(entries))
    with SharedFiles.read(str(tmp_path)) as shared:
        assert shared.problems == ()
        assert shared.annotation("a") == Annotation()
        assert shared.annotation("b") == Annotation()
        assert shared.annotation("c") == Annotation(tags=frozenset({"t"}), is_pinned=True)


def test_a_damaged_database_is_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / ".experiments_metadata.json").write_text('{"a": {"pinned": true}}')
    (tmp_path / "runicorn.db").write_bytes(b"garbage" * 1000)
    with SharedFiles.read(str(tmp_path)) as shared:
        assert shared.annotation("a").is_pinned
        assert shared.row("a") == LegacyRow()
        message = "Not readable as a database: file is not a database"
        assert shared.problems == (FileProblem(path=b"runicorn.db", message=message),)


def test_the_database_in_index_alone_tells_06(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index/runicorn.db").touch()
    with SharedFiles.read(str(tmp_path)) as shared:
        assert shared.has_layout_06
    (tmp_path / "runicorn.db").touch()
    with SharedFiles.read(str(tmp_path)) as shared:
        assert not shared.has_layout_06


@pytest.mark.parametrize(
    "name",
    [".experiments_metadata.json", "runicorn.db", "runicorn.db-wal", "runicorn.db-journal", "index/runicorn.db"],
)
def test_the_signature_changes_with_each_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "index").mkdir()
    signatures = [shared_signature(str(tmp_path))]
    (tmp_path / name).touch()
    os.utime(tmp_path / name, ns=(1, 1))
    signatures.append(shared_signature(str(tmp_path)))
    os.utime(tmp_path / name, ns=(2, 2))
    signatures.append(shared_signature(str(tmp_path)))
    (tmp_path / name).write_bytes(b"x")
    os.utime(tmp_path / name, ns=(2, 2))
    signatures.append(shared_signature(str(tmp_path)))
    assert len(set(signatures)) == 4
    assert shared_signature(str(tmp_path)) == signatures[-1]


def test_the_signature_is_that_of_what_was_read(real_root_072: Path) -> None:
    with SharedFiles.read(str(real_root_072)) as shared:
        assert shared.signature == shared_signature(str(real_root_072))


def test_the_mark_of_a_run_changes_with_what_is_said_of_it_only(tmp_path: Path) -> None:
    def marks(entries: dict[str, object]) -> tuple[str, str, str]:
        (tmp_path / ".experiments_metadata.json").write_text(json.dumps(entries))
        with SharedFiles.read(str(tmp_path)) as shared:
            return shared.mark("a"), shared.mark("b"), shared.mark("none")

    first = marks({"a": {"tags": ["x", "y"]}, "b": {"tags": ["x"]}})
    second = marks({"b": {"tags": ["z"]}, "a": {"tags": ["y", "x"]}})
    assert first[0] == second[0] != first[1] != second[1]
    assert first[2] == ""
    assert marks({"a": {"description": "now"}})[0] not in ("", first[0])
