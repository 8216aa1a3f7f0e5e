"""The roots of an index: their names, and finding them again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db.errors import InvalidQuery, QueryFailed, UnknownRoot
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db import model
from tests.db.model import Row
from tests.db.runs import write_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "index" / "index.db") as opened:
        yield opened


def folder(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir(parents=True)
    return path


def names(store: Store) -> list[str]:
    return [root.name for root in store.roots()]


def test_a_root_is_called_like_its_folder(store: Store, tmp_path: Path) -> None:
    root = store.add_root(folder(tmp_path, "results"))
    assert (root.name, root.path, root.state, root.experiments) == ("results", str(tmp_path / "results"), "new", 0)
    assert root.last_synced_at is None


def test_a_hidden_default_folder_gives_the_name_of_its_project(store: Store, tmp_path: Path) -> None:
    assert store.add_root(folder(tmp_path, "thesis/.runicorn")).name == "thesis"


def test_equal_names_are_told_apart_by_a_number(store: Store, tmp_path: Path) -> None:
    for parent in "abc":
        store.add_root(folder(tmp_path, f"{parent}/runs"))
    assert names(store) == ["runs", "runs-2", "runs-3"]


def test_adding_a_root_again_gives_the_same_root_however_it_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path, "runs")
    root = store.add_root(path, "first")
    (tmp_path / "link").symlink_to(path)
    monkeypatch.chdir(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for written in (path, f"{path}/", f"{path}/../runs", tmp_path / "link", ".", "~/runs"):
        assert store.add_root(written) == root
        assert store.add_root(written, "second") == root
    assert names(store) == ["first"]


def test_threads_that_add_one_root_at_once_add_it_once(store: Store, tmp_path: Path) -> None:
    path = folder(tmp_path, "runs")
    found = []
    threads = [threading.Thread(target=lambda: found.append(store.add_root(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [root.name for root in found] == ["runs"] * 4
    assert names(store) == ["runs"]


@pytest.mark.parametrize("path", ["nothing", "file", "~nobody-of-this-name/x", "a\0b", ""])
def test_what_is_no_folder_is_refused(store: Store, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(InvalidQuery):
        store.add_root(path)
    assert names(store) == []


def test_a_folder_whose_name_is_no_unicode_is_refused(store: Store, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(path)
    with pytest.raises(InvalidQuery, match="valid Unicode"):
        store.add_root(os.fsdecode(path))


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "\udcff"])
def test_a_name_that_cannot_be_written_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    path = folder(tmp_path, "runs")
    with pytest.raises(InvalidQuery):
        store.add_root(path, name)
    store.add_root(path)
    with pytest.raises(InvalidQuery):
        store.rename_root("runs", name)
    assert names(store) == ["runs"]


def test_a_name_is_given_once(store: Store, tmp_path: Path) -> None:
    store.add_root(folder(tmp_path, "a"), "one")
    with pytest.raises(InvalidQuery, match="'one' is there already"):
        store.add_root(folder(tmp_path, "b"), "one")
    store.add_root(tmp_path / "b", "two")
    with pytest.raises(InvalidQuery, match="'one' is there already"):
        store.rename_root("two", "one")
    assert store.rename_root("two", "two").name == "two"
    assert names(store) == ["one", "two"]


def test_a_root_is_found_by_its_name_and_by_its_path(store: Store, tmp_path: Path) -> None:
    path = folder(tmp_path, "a")
    store.add_root(path, "one")
    assert store.rename_root("one", "two").name == "two"
    assert store.rename_root(str(path), "three").name == "three"
    assert store.rename_root(f"{path}/.", "three").path == str(path)


def test_a_name_goes_before_a_path(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store.add_root(folder(tmp_path, "a"), "b")
    store.add_root(folder(tmp_path, "b"), "c")
    assert store.rename_root("b", "x").path == str(tmp_path / "a")
    assert store.rename_root("b", "y").path == str(tmp_path / "b")


@pytest.mark.parametrize("name", ["", "nothing", "/nothing", "~nobody-of-this-name", "Runs", "\udcff"])
def test_an_unknown_root_is_named_beside_the_known_ones(
    store: Store, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder(tmp_path, "runs"))
    store.add_root(tmp_path / "runs")
    for ask in (store.remove_root, lambda known: store.rename_root(known, "x")):
        with pytest.raises(UnknownRoot, match="roots: runs"):
            ask(name)


def test_names_are_those_of_the_roots_in_their_order(store: Store, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        store.add_root(tmp_path / name, f"the {name}")
    assert list(store.root_names().items()) == [(root.path, root.name) for root in store.roots()]


def test_removing_a_root_takes_its_experiments_and_nothing_else(store: Store, tmp_path: Path) -> None:
    model.add_roots(store, tmp_path)
    here, there, _ = model.ROOTS
    model.insert(store, [Row(id="a", root=here, tags=("t",)), Row(id="b", root=there, tags=("t",), deleted_at=1.0)])
    store.remove_root(here)
    assert names(store) == list(model.ROOTS[1:])
    assert store.id_list(store.ids(ExperimentQuery(include_deleted=True, tags=("t",)))) == ["b"]
    assert store.find(ExperimentQuery(search="resnet")).total == 0
    assert Path(tmp_path / "roots" / here).is_dir()
    with store.database.writing() as connection:
        connection.execute("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 0)")


def test_a_root_counts_what_is_on_disk_in_the_trash_or_not(store: Store, tmp_path: Path) -> None:
    model.add_roots(store, tmp_path)
    model.insert(store, [Row(id="a"), Row(id="b", deleted_at=1.0), Row(id="c", is_missing=True)])
    assert [root.experiments for root in store.roots()] == [2, 0, 0]


def test_what_a_removed_root_held_first_appears_in_the_root_that_has_a_copy(store: Store, tmp_path: Path) -> None:
    for name in ("original", "copy"):
        write_run(folder(tmp_path, name), "run_1")
        store.add_root(tmp_path / name)
    sync(store)
    assert store.get("run_1").experiment.root == "original"
    store.remove_root("original")
    sync(store)
    assert store.get("run_1").experiment.root == "copy"


def test_a_root_counts_what_it_has_on_disk_whatever_happens_to_it(store: Store, tmp_path: Path) -> None:
    paths = [folder(tmp_path, name) for name in ("one", "two")]
    for path in paths:
        store.add_root(path)
        for number in range(3):
            write_run(path, f"{path.name}{number}")

    def synced() -> list[int]:
        sync(store)
        counted = [root.experiments for root in store.roots()]
        sql = "SELECT count(*) FROM experiment WHERE missing_at IS NULL GROUP BY root_id ORDER BY root_id"
        with store.database.snapshot() as connection:
            assert counted == [number for (number,) in connection.execute(sql)]
        return counted

    assert synced() == [3, 3]
    store.delete(["one0"], source="cli", reason="x")
    assert synced() == [3, 3]
    (gone,) = paths[0].rglob("one1")
    gone.rename(tmp_path / "aside")
    assert synced() == [2, 3]
    (tmp_path / "aside").rename(gone)
    assert synced() == [3, 3]
    # The run moves to the other root.
    (moved,) = paths[0].rglob("one2")
    moved.rename(moved.parent / "aside")
    write_run(paths[1], "one2")
    assert synced()
    store.remove_root("one")
    assert synced() == [4]
    store.add_root(paths[0])
    assert [root.experiments for root in store.roots()] == [4, 0]
    assert synced() == [4, 2]


def test_roots_that_damage_made_alike_are_told_as_damage(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    with Store(index) as store:
        store.add_root(folder(tmp_path, "a"), "the first")
        store.add_root(folder(tmp_path, "b"), "the other")
    index.write_bytes(index.read_bytes().replace(b"the other", b"the first"))
    with Store(index) as store, pytest.raises(QueryFailed, match="damaged values"):
        store.roots()
