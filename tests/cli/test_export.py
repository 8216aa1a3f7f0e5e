"""Experiments and their series as files: what is in them, what a spreadsheet makes of them, where they may lie."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.named_values import NamedValue
from runicorn_db.query import ExperimentQuery, Snapshot
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.export import FORMATS, ExportError, Format
from runicorn_tui.export.files import whole_file
from runicorn_tui.export.formats import NO_PARQUET, writer
from runicorn_tui.export.tables import MOST_CELLS, ExperimentTable, Field, Kind, Part, Row, SeriesTable
from runicorn_tui.export.writing import Progress, Writing, to_file, to_stream
from runicorn_tui.terminal import safe
from tests.cli.conftest import Run, write_run
from tests.tui import indexed

HOSTILE = (
    "=1+1",
    "@SUM(A1)",
    "+1",
    "-1",
    "\tx",
    "\rx",
    'a"b',
    "a,b",
    "a\nb",
    "esc\x1b[2J",
    "[/]",
    "\u202eexe",
    "学习",
    "",
)


def csv_rows(data: str | bytes) -> list[list[str]]:
    text = data.decode() if isinstance(data, bytes) else data
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def strict_json(data: str | bytes) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(data, parse_constant=refuse)


def written(format: Format, fields: Sequence[Field], rows: Sequence[Row]) -> bytes:
    stream = io.BytesIO()
    under_test = writer(format, stream, fields)
    under_test.add(rows)
    under_test.finish()
    return stream.getvalue()


def files_in(directory: Path) -> set[str]:
    return set(os.listdir(directory))


# Formats.

_TEXTS = st.one_of(st.text(), st.sampled_from(HOSTILE), st.text(alphabet="=+-@\t\r',\"\n a1"))
_CELLS = {
    "text": _TEXTS,
    "number": st.floats(),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "truth": st.booleans(),
    "texts": st.lists(_TEXTS).map(tuple),
}
_KINDS: tuple[Kind, ...] = ("text", "number", "integer", "truth", "texts")


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Field], list[Row]]:
    kinds: list[Kind] = draw(st.lists(st.sampled_from(_KINDS), min_size=2, max_size=6))
    names = draw(st.lists(_TEXTS, min_size=len(kinds), max_size=len(kinds), unique=True))
    cells = st.tuples(*(st.none() | _CELLS[kind] for kind in kinds))
    return [Field(name, kind) for name, kind in zip(names, kinds, strict=True)], draw(st.lists(cells, max_size=5))


def as_in_csv(cell: Any) -> str:
    """What a reader of the CSV gets: nothing for None, numbers as they are, texts visible and harmless."""
    if cell is None:
        return ""
    if isinstance(cell, tuple):
        cell = ",".join(cell)
    if not isinstance(cell, str):
        return str(cell)
    return ("'" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell else "") + safe(cell)


@given(tables())
def test_csv_gives_back_every_value_with_formulas_made_texts(table: tuple[list[Field], list[Row]]) -> None:
    fields, rows = table

    header, *found = csv_rows(written("csv", fields, rows))

    assert header == [as_in_csv(field.name) for field in fields]
    assert found == [[as_in_csv(cell) for cell in row] for row in rows]
    for row, cells in zip(rows, found, strict=True):
        for value, text in zip(row, cells, strict=True):
            if isinstance(value, float) and math.isfinite(value):
                assert float(text) == value
            elif isinstance(value, str | tuple):
                assert not text.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(tables())
def test_json_is_strict_and_gives_back_every_value(table: tuple[list[Field], list[Row]]) -> None:
    fields, rows = table
    whole = strict_json(written("json", fields, rows))
    lines = [strict_json(line) for line in written("jsonl", fields, rows).splitlines()]

    def expected(cell: Any) -> Any:
        if isinstance(cell, float) and not math.isfinite(cell):
            return None
        return list(cell) if isinstance(cell, tuple) else cell

    assert whole == lines == [{f.name: expected(c) for f, c in zip(fields, row, strict=True)} for row in rows]


@given(tables())
def test_parquet_gives_back_every_value_and_its_type(table: tuple[list[Field], list[Row]]) -> None:
    fields, rows = table
    found = pyarrow.parquet.read_table(io.BytesIO(written("parquet", fields, rows)))
    types = {
        "text": "string",
        "texts": "list<element: string>",
        "integer": "int64",
        "number": "double",
        "truth": "bool",
    }

    assert found.schema.names == [field.name for field in fields]
    assert [str(column) for column in found.schema.types] == [types[field.kind] for field in fields]
    for place, column in enumerate(found.columns):
        for cell, row in zip(column.to_pylist(), rows, strict=True):
            wanted = list(row[place]) if isinstance(row[place], tuple) else row[place]
            assert cell == wanted or (cell != cell and wanted != wanted)


def test_a_text_that_no_encoding_holds_is_written_visibly_by_every_format() -> None:
    fields, rows = [Field("a", "text"), Field("b", "text")], [("x\udcffy", "z")]

    assert csv_rows(written("csv", fields, rows))[1] == ["x\\udcffy", "z"]
    assert strict_json(written("json", fields, rows)) == [{"a": "x\ufffdy", "b": "z"}]
    (parquet,) = pyarrow.parquet.read_table(io.BytesIO(written("parquet", fields, rows))).to_pylist()
    assert parquet["a"].strip("\ufffd") == "x\ufffd\ufffd\ufffdy"


@pytest.mark.parametrize("format", FORMATS)
def test_no_row_at_all_is_a_whole_file_too(format: Format) -> None:
    data = written(format, [Field("a", "text"), Field("b", "number")], [])

    match format:
        case "csv":
            assert csv_rows(data) == [["a", "b"]]
        case "json":
            assert strict_json(data) == []
        case "jsonl":
            assert data == b""
        case "parquet":
            assert pyarrow.parquet.read_table(io.BytesIO(data)).num_rows == 0


def test_a_value_that_changed_its_type_meanwhile_ends_the_export_with_a_sentence() -> None:
    with pytest.raises(ExportError, match="export again"):
        written("parquet", [Field("a", "integer")], [("no number",)])


# What is in the tables.


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.db") as store:
        yield store


def everything(store: Store) -> Snapshot:
    return store.ids(ExperimentQuery())


def rows_of(parts: Iterator[Part]) -> list[Row]:
    return [row for part in parts for row in part.rows]


def test_all_columns_are_the_metrics_and_parameters_of_what_is_exported(store: Store, tmp_path: Path) -> None:
    entries = [
        indexed.Entry(id="a", name="one", metrics={"acc": 0.5}, params={"lr": 0.1, "seed": 7, "mixed": "x"}),
        indexed.Entry(id="b", name="two", params={"lr": 1, "flag": True, "mixed": 3}, created_at=indexed.NOW - 7200),
        indexed.Entry(id="c", name="other", metrics={"elsewhere": 1.0}, created_at=indexed.NOW - 9000),
    ]
    indexed.add(store, entries, root=tmp_path / "r")

    table = ExperimentTable(store, store.snapshot_of(["a", "b"]), None)

    kinds = {field.name: field.kind for field in table.fields}
    assert {name: kind for name, kind in kinds.items() if "." in name} == {
        "last.acc": "number",
        "min.acc": "number",
        "max.acc": "number",
        "param.lr": "number",
        "param.seed": "integer",
        "param.flag": "truth",
        "param.mixed": "text",
    }
    names = [field.name for field in table.fields]
    found = {row[0]: dict(zip(names, row, strict=True)) for row in rows_of(table.parts())}
    assert found["a"]["last.acc"] == 0.5
    assert found["b"]["param.lr"] == 1
    assert found["b"]["last.acc"] is None
    assert found["b"]["param.mixed"] == 3


def test_a_metric_that_is_called_like_a_column_of_ours_stays_apart(store: Store, tmp_path: Path) -> None:
    indexed.add(store, [indexed.Entry(id="a", name="one", metrics={"status": 0.5})], root=tmp_path / "r")

    table = ExperimentTable(store, everything(store), ["id", "status", NamedValue("best", "status"), "age", "created"])

    assert [field.name for field in table.fields] == ["id", "status", '"status"', "created_at"]
    assert rows_of(table.parts()) == [["a", "finished", 0.5, indexed.NOW - 3600]]


def test_no_two_columns_have_one_name(store: Store, tmp_path: Path) -> None:
    metrics = {"acc": 1.0, "last.acc": 2.0, "id": 3.0, '"id"': 4.0, "time": 5.0}
    indexed.add(store, [indexed.Entry(id="a", name="one", metrics=metrics, params={"x": 1})], root=tmp_path / "r")
    values = [NamedValue("best", name) for name in metrics]

    chosen = ExperimentTable(store, everything(store), ["id", NamedValue("last", "acc"), *values])
    series = SeriesTable(store, everything(store), [*metrics, "acc"])

    assert [field.name for field in chosen.fields] == [
        "id", "last.acc", "acc", '"last.acc"', '"id"', '""id""', "time",
    ]  # fmt: skip
    names = [field.name for field in series.fields]
    assert len(set(names)) == len(names) == 4 + len(metrics)


def test_what_left_the_index_meanwhile_is_counted(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.numbered(3), root=tmp_path / "r")
    for table in (ExperimentTable(store, everything(store), None), SeriesTable(store, everything(store), ["x"])):
        with store.database.writing() as connection:
            connection.execute("DELETE FROM experiment WHERE name = 'run 1'")
        assert list(to_stream(table, "csv", io.BytesIO()))[-1].gone == 1


def test_series_are_read_range_by_range_and_none_is_lost(store: Store, tmp_path: Path) -> None:
    losses = [float(number) for number in range(40_000)]
    losses[3], losses[30_000] = math.nan, math.inf
    write_run(tmp_path / "root", "a1", losses=tuple(losses))
    write_run(tmp_path / "root", "a2", name="other", losses=(1.0, 2.0))
    store.add_root(tmp_path / "root")
    sync(store)
    names = ["loss", *(f"none{number}" for number in range(19))]

    parts = list(SeriesTable(store, everything(store), names).parts())

    rows = [row for part in parts for row in part.rows]
    assert len(rows) == 40_002
    assert max(len(part.rows) for part in parts) <= MOST_CELLS // len(names)
    steps = {run: [row[2] for row in rows if row[0] == run] for run in ("a1", "a2")}
    assert steps == {"a1": list(range(1, 40_001)), "a2": [1, 2]}
    assert [row[4] for row in rows if row[0] == "a1"] == [v if math.isfinite(v) else None for v in losses]
    assert sum(part.non_finite for part in parts) == 2
    assert sum(part.experiments for part in parts) == 2


def test_any_number_of_rows_takes_the_memory_of_one_part(store: Store, tmp_path: Path) -> None:
    """Twenty thousand rows with six values each, in every format."""
    entries = indexed.numbered(20_000, metrics={"acc": 0.5}, params={"lr": 0.1, "name": "x" * 50}, tags=("a", "b"))
    indexed.add(store, entries, root=tmp_path / "r")
    del entries
    chosen = everything(store)
    for format in FORMATS:
        # What is imported and cached once is no memory of rows.
        list(to_file(ExperimentTable(store, chosen[:2000], None), format, tmp_path / "warm", replaces=True))
        tracemalloc.start()
        try:
            last = list(to_file(ExperimentTable(store, chosen, None), format, tmp_path / "out", replaces=True))[-1]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert last.rows == 20_000
        assert peak < (18 if format == "parquet" else 7) * 1_000_000, format


# Files.


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_there_as_a_whole_or_not_at_all(store: Store, tmp_path: Path, format: Format) -> None:
    indexed.add(store, indexed.numbered(3000), root=tmp_path / "r")
    folder = tmp_path / "out"
    folder.mkdir()
    writing = Writing(to_file(ExperimentTable(store, everything(store), None), format, folder / "x", replaces=False))

    assert writing.advance(0.0) == Progress(total=3000)
    writing.advance(0.0)
    assert not writing.is_done
    assert len(files_in(folder)) == 1, "a file beside it"
    assert not (folder / "x").exists()
    writing.close()
    assert files_in(folder) == set()


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="there already"), whole_file(tmp_path / "x", replaces=False) as stream:
        stream.write(b"ours")
        (tmp_path / "x").write_bytes(b"theirs")
    assert (tmp_path / "x").read_bytes() == b"theirs"
    assert files_in(tmp_path) == {"x"}


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError), whole_file(tmp_path / "x", replaces=True) as stream:  # noqa: PT011
        raise OSError(28, "No space left on device")
    assert stream.closed
    assert files_in(tmp_path) == set()


# The command.


def test_all_experiments_with_all_columns_go_to_standard_output(run: Run, db: Path) -> None:
    result = run("export", "--db", db)

    header, *rows = csv_rows(result.out)
    assert result.code == 0
    assert header[0] == "id"
    assert {"root", "is_pinned", "last.loss", "min.loss", "max.loss"} <= set(header)
    assert [row[0] for row in rows] == ["b2", "b1", "a2", "a1"]
    assert rows[2][header.index("min.loss")] == "0.25"


def test_a_filter_columns_and_an_order_choose(run: Run, db: Path) -> None:
    result = run("export", "project:vision", "--columns", "name,id,last.loss", "--sort", "last.loss", "--db", db)

    assert csv_rows(result.out)[0] == ["name", "id", "last.loss"]
    assert [row[1:] for row in csv_rows(result.out)[1:]] == [["b1", "0.5"], ["a1", "0.5"], ["a2", "0.25"]]


def test_words_that_are_ids_are_ids_in_the_trash_too(run: Run, db: Path) -> None:
    run("rm", "a1", "--yes", "--db", db)

    assert [row[0] for row in csv_rows(run("export", "a1", "b1", "--db", db).out)[1:]] == ["b1", "a1"]
    assert csv_rows(run("export", "resnet", "--columns", "id", "--db", db).out)[1:] == [["b1"]]


def test_an_id_beside_a_word_that_is_none_is_refused(run: Run, db: Path) -> None:
    result = run("export", "a1", "resnet", "--db", db)

    assert result.code == 2
    assert "'a1' is an id and 'resnet' not" in result.err
    assert result.out == ""


def test_a_filter_that_is_only_half_understood_exports_nothing(run: Run, db: Path) -> None:
    result = run("export", "foo:bar", "--output", "x.csv", "--db", db)

    assert result.code == 2
    assert not Path("x.csv").exists()


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "parquet"])
def test_the_ending_of_the_file_tells_the_format_and_the_end_what_was_written(run: Run, db: Path, ending: str) -> None:
    result = run("export", "project:vision", "--output", f"x.{ending}", "--json", "--db", db)

    counts = {"rows": 3, "experiments": 3, "gone": 0, "non_finite": 0}
    assert result.json == {"path": f"x.{ending}", "format": ending, **counts}
    assert result.err == f"x.{ending}: 3 rows of 3 experiments\n"
    data = Path(f"x.{ending}").read_bytes()
    match ending:
        case "csv":
            ids = [row[0] for row in csv_rows(data)[1:]]
        case "json":
            ids = [row["id"] for row in strict_json(data)]
        case "jsonl":
            ids = [strict_json(line)["id"] for line in data.splitlines()]
        case _:
            ids = pyarrow.parquet.read_table(f"x.{ending}")["id"].to_pylist()
    assert ids == ["b1", "a2", "a1"]


def test_series_are_a_row_for_each_step(run: Run, db: Path) -> None:
    result = run("export", "a2", "--series", "--db", db)

    header, *rows = csv_rows(result.out)
    assert header == ["id", "name", "global_step", "time", "loss"]
    assert [[*row[:3], row[4]] for row in rows] == [["a2", "vit", "1", "3.0"], ["a2", "vit", "2", "0.25"]]
    assert len(csv_rows(run("export", "--series", "--downsample", 1, "--db", db).out)) == 5


def test_a_metric_that_nothing_has_is_refused(run: Run, db: Path) -> None:
    result = run("export", "--series", "--metric", "accuracy", "--db", db)

    assert result.code == 2
    assert "No experiment has a metric 'accuracy'" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--series", "--columns", "id"],
        ["--metric", "loss"],
        ["--downsample", "5"],
        ["--json"],
        ["--format", "xml"],
        ["--output", ""],
        ["--output", "."],
        ["--output", "no/such/folder/x.csv"],
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, db: Path, arguments: list[str]) -> None:
    result = run("export", *arguments, "--db", db)

    assert result.code in (1, 2)
    assert result.out == ""
    assert files_in(Path()) == set()


def test_a_file_is_replaced_only_when_asked_to(run: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x.csv").write_text("mine")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    refused = run("export", "--output", "x.csv", "--db", db)

    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert Path("x.csv").read_text() == "mine"
    assert run("export", "--output", "x.csv", "--overwrite", "--db", db).code == 0
    assert len(csv_rows(Path("x.csv").read_bytes())) == 5


def test_a_storage_root_takes_only_a_path_that_is_typed_in_full(
    run: Run, db: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root.parent / "link").symlink_to(root)
    monkeypatch.chdir(root)

    result = run("export", "--output", "x.csv", "--db", db)
    assert result.code == 1
    assert "type its whole path" in result.err
    monkeypatch.chdir(root.parent)
    assert run("export", "--output", "link/vision/x.csv", "--db", db).code == 1
    assert not list(root.rglob("*.csv"))
    assert run("export", "--output", root / "x.csv", "--db", db).code == 0
    assert (root / "x.csv").exists()


def test_without_pyarrow_parquet_says_how_to_get_it(db: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from runicorn_tui.cli import run\n"
        f"sys.exit(run(['export', '--output', 'x.parquet', '--db', {str(db)!r}]))"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert ended.returncode == 1
    assert NO_PARQUET in ended.stderr
    assert not (tmp_path / "x.parquet").exists()


def test_a_reader_that_goes_away_ends_it_quietly(db: Path) -> None:
    line = f"{sys.executable} -m runicorn_tui export --db {db} | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) in ((141, ""), (0, ""))


def test_at_a_terminal_it_asks_before_it_replaces_and_shows_how_far_it_is(db: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    child = pexpect.spawn(
        sys.executable, ["-m", "runicorn_tui", "export", "-o", "x.csv", "--db", str(db)], cwd=tmp_path, timeout=30
    )
    child.expect_exact("x.csv is there already. Replace it?")
    child.sendline("n")
    child.expect_exact("Nothing was written.")
    child.expect(pexpect.EOF)
    child.wait()
    child.close()
    assert child.exitstatus == 1
    assert (tmp_path / "x.csv").read_text() == "mine"

    child = pexpect.spawn(
        sys.executable, ["-m", "runicorn_tui", "export", "-o", "y.csv", "--db", str(db)], cwd=tmp_path, timeout=30
    )
    child.expect_exact("exporting  [")
    child.expect_exact("y.csv: 4 rows of 4 experiments")
    child.expect(pexpect.EOF)
    child.wait()
    child.close()
    assert child.exitstatus == 0


def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    with Store(tmp_path / "many.db") as store:
        indexed.add(store, indexed.numbered(3000), root=tmp_path / "r")
    folder = tmp_path / "out"
    folder.mkdir()
    # The first part is written when the signal comes.
    code = (
        "import os, signal, sys\n"
        "from runicorn_tui.export import tables\n"
        "whole = tables.ExperimentTable.parts\n"
        "def parts(self):\n"
        "    for number, part in enumerate(whole(self)):\n"
        "        yield part\n"
        f"        os.kill(os.getpid(), {int(signal.SIGINT)}) if number == 0 else None\n"
        "tables.ExperimentTable.parts = parts\n"
        "from runicorn_tui.cli import run\n"
        f"sys.exit(run(['export', '--output', 'x.csv', '--db', {str(tmp_path / 'many.db')!r}]))"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)

    assert ended.returncode == 130
    assert "Interrupted: nothing was written." in ended.stderr
    assert files_in(folder) == set()


def test_hostile_names_are_only_text_in_every_format(run: Run, db: Path, tmp_path: Path) -> None:
    with Store(db) as store:
        entries = [
            indexed.Entry(id=f"h{number}", name=text, project=text or "p", tags=(text,) if text else ())
            for number, text in enumerate(HOSTILE)
        ]
        indexed.add(store, entries, root=tmp_path / "hostile")
    names = {f"h{number}": text for number, text in enumerate(HOSTILE)}

    text = run("export", "id:h", "--columns", "id,name", "--db", db).out
    assert "\x1b" not in text
    assert {row[0]: row[1] for row in csv_rows(text)[1:] if row[0] in names} == {
        name: as_in_csv(value) for name, value in names.items()
    }
    found = strict_json(run("export", "id:h", "--columns", "id,name", "--format", "json", "--db", db).out)
    assert {row["id"]: row["name"] for row in found if row["id"] in names} == names
