from __future__ import annotations

import importlib.util

import pytest

from runicorn_tui.client import Client, MissingPackage, frames
from runicorn_tui.client.records import Experiment
from tests.client.test_client import FIRST, SPARSE

FLOATS = {"created_at", "best_metric_value", "updated_at", "started_at", "ended_at", "duration_seconds", "deleted_at"}
INTEGERS = {"pid", "best_metric_step", "size_bytes"}


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_package_that_is_not_there_is_named(client: Client, package: str) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    for answer in (client.list_experiments(), client.get_metrics(FIRST)):
        with pytest.raises(MissingPackage, match=f"needs {package}, which is not installed: pip install {package}"):
            getattr(answer, f"to_{package}")()


def test_every_field_of_the_list_has_a_kind_that_frames_know() -> None:
    kinds = frames.kinds_of(Experiment)

    assert {name for name, kind in kinds.items() if kind == "float"} == FLOATS
    assert {name for name, kind in kinds.items() if kind == "int"} == INTEGERS
    assert {kinds[name] for name in kinds.keys() - FLOATS - INTEGERS} == {"str", "tuple[str, ...]"}


def test_a_list_becomes_a_frame_of_pandas(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    frame = client.list_experiments(per_page=3).to_pandas()

    assert list(frame.columns) == list(frames.kinds_of(Experiment))
    assert frame["id"].tolist() == [experiment.id for experiment in client.list_experiments()]
    for name in FLOATS:
        assert frame[name].dtype == "float64"
    for name in INTEGERS:
        assert frame[name].dtype == "Int64"
    assert frame["tags"].iloc[-1] == ("baseline", "keep")
    assert frame.groupby("project").size().to_dict() == {"vision": 3, "speech": 3, "übung": 2}
    assert pandas.isna(frame["deleted_at"]).all()


def test_series_become_a_frame_of_pandas(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    frame = client.get_metrics(SPARSE, ["loss", "accuracy", "none"]).to_pandas()

    assert frame.dtypes.astype(str).to_dict() == {
        "global_step": "Int64", "loss": "float64", "accuracy": "float64", "none": "float64"
    }  # fmt: skip
    assert frame["global_step"].tolist()[:2] == [-5, 0]
    assert frame["loss"][0] == 4.0
    assert pandas.isna(frame["loss"][1])


def test_an_empty_answer_keeps_its_columns_in_pandas(client: Client) -> None:
    pytest.importorskip("pandas")
    assert list(client.list_experiments(project="none").to_pandas().columns) == list(frames.kinds_of(Experiment))
    assert list(client.list_experiments(project="none", fields=["id", "name"]).to_pandas().columns) == ["id", "name"]
    assert client.get_metrics(FIRST, step_range=(5000, None)).to_pandas().shape == (0, 4)


def test_a_list_becomes_a_frame_of_polars(client: Client) -> None:
    polars = pytest.importorskip("polars")
    frame = client.list_experiments(per_page=3).to_polars()

    assert frame.columns == list(frames.kinds_of(Experiment))
    assert frame["id"].to_list() == [experiment.id for experiment in client.list_experiments()]
    assert {name for name, kind in frame.schema.items() if kind == polars.Float64} == FLOATS
    assert {name for name, kind in frame.schema.items() if kind == polars.Int64} == INTEGERS
    assert frame["tags"].dtype == polars.List(polars.String)
    assert frame["tags"].to_list()[-1] == ["baseline", "keep"]
    chosen = client.list_experiments(fields=["id", "pid"]).to_polars()
    assert chosen.schema == {"id": polars.String, "pid": polars.Int64}


def test_series_become_a_frame_of_polars(client: Client) -> None:
    polars = pytest.importorskip("polars")
    frame = client.get_metrics(SPARSE, ["loss", "none"]).to_polars()

    assert frame.schema == {"global_step": polars.Int64, "loss": polars.Float64, "none": polars.Float64}
    assert frame["loss"].to_list()[:2] == [4.0, None]
    assert client.get_metrics(FIRST, step_range=(5000, None)).to_polars().shape == (0, 4)
