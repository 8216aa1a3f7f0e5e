from __future__ import annotations

import shutil
import sqlite3
import time
from importlib.resources import files
from pathlib import Path

from runicorn_db.store import Store
from runicorn_db.sync import sync


def test_health_has_the_documented_shape(store: Store, serve) -> None:
    before = time.time()
    health = serve(store, syncing=lambda: True).get("/health")
    names = [file.name for file in files("runicorn_db").joinpath("migrations").iterdir()]
    documented = ["status", "version", "timestamp", "syncing", "database", "experiments", "roots"]
    assert list(health) == [*documented, "problems", "rate_limits"]
    assert (health["status"], health["version"], health["syncing"], health["experiments"]) == ("ok", "1.2.3", True, 8)
    assert before <= health["timestamp"] <= time.time()
    assert health["database"] == {
        "path": str(store.path),
        "size_bytes": store.path.stat().st_size,
        "schema_version": len([name for name in names if name.endswith(".sql")]),
        "sqlite_version": sqlite3.sqlite_version,
    }
    (root,) = health["roots"]
    assert (root["name"], root["experiments"], root["state"], root["problem"]) == ("lab", 8, "ok", None)


def test_the_limits_in_force_and_what_they_refused_are_told(store: Store, serve) -> None:
    client = serve(store, rate_limits={"list": 1})
    for _ in range(3):
        client.request("GET", "/api/v2/experiments")
    assert client.get("/health")["rate_limits"] == {
        "window_seconds": 60,
        "limits": {"list": 1, "detail": 200, "metrics": 100, "write": 10, "soft_delete": 20, "purge": 5, "other": 60},
        "clients": 1,
        "refused": 2,
    }
    assert serve(store, rate_limits=None).get("/health")["rate_limits"] is None


def test_nothing_is_syncing_unless_told(empty_store: Store, serve) -> None:
    assert serve(empty_store).get("/health")["syncing"] is False


def test_a_root_that_is_gone_degrades_health(store: Store, serve, tmp_path: Path) -> None:
    shutil.move(tmp_path / "root", tmp_path / "unmounted")
    sync(store)
    health = serve(store).get("/health")
    assert health["status"] == "degraded"
    assert health["problems"] == [f"lab: {health['roots'][0]['problem']}"]
    assert health["experiments"] == 8


def test_a_damaged_index_degrades_health_and_fails_lists(empty_store: Store, serve) -> None:
    with empty_store.database.writing() as connection:
        connection.execute("DROP TABLE experiment")
    client = serve(empty_store)
    health = client.get("/health")
    assert (health["status"], health["experiments"], health["roots"]) == ("degraded", None, [])
    assert health["database"]["path"] == str(empty_store.path)
    assert health["problems"] == ["Database query failed: no such table: experiment"]
    sentence = client.refused("/v2/experiments", status=500)
    assert sentence == "Database query failed: no such table: experiment"


def test_an_index_that_was_removed_degrades_health(empty_store: Store, serve) -> None:
    empty_store.path.unlink()
    assert serve(empty_store).get("/health")["status"] == "degraded"


def test_health_takes_no_parameters(client) -> None:
    assert client.refused("/health", "verbose=1") == "Unknown parameter 'verbose': allowed are none"
