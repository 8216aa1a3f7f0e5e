from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db import index_file
from runicorn_db.errors import IndexUnusable
from runicorn_tui import index
from runicorn_tui.settings import Settings


@pytest.fixture
def home_on_nfs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The data directory lies on NFS; the place for the fallback is a local folder of the test."""

    def network_filesystem(path: Path) -> str | None:
        return "nfs4" if "xdg_data_home" in str(path) else None

    # No network filesystem can be mounted in a test.
    monkeypatch.setattr(index_file, "network_filesystem", network_filesystem)
    monkeypatch.setattr(index, "LOCAL_DIRECTORY", tmp_path)
    return tmp_path


def test_the_default_index_lies_in_the_data_directory() -> None:
    assert index.index_path(Settings()) == index.default_index()
    assert index.default_index().parts[-2:] == ("runicorn-tui", "index.db")


def test_a_home_on_a_network_filesystem_moves_the_default_index_and_says_so_once(
    home_on_nfs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = index.index_path(Settings())

    assert path.parent.parent == home_on_nfs
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "nfs4" in capsys.readouterr().err
    assert index.index_path(Settings()) == path
    assert capsys.readouterr().err == ""


def test_a_fallback_folder_that_others_can_write_is_refused(home_on_nfs: Path) -> None:
    index.index_path(Settings()).parent.chmod(0o777)

    with pytest.raises(IndexUnusable, match="not a private directory"):
        index.index_path(Settings())


def test_a_fallback_folder_that_is_a_link_is_refused(home_on_nfs: Path, tmp_path: Path) -> None:
    fallback = index.index_path(Settings()).parent
    fallback.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    fallback.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(IndexUnusable):
        index.index_path(Settings())


def test_an_index_that_cannot_be_looked_at_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusable, match=r"File name too long; name another file with --db"):
        index.open_index(Settings(db=tmp_path / ("x" * 300)))


def test_an_index_that_is_named_is_taken_as_it_is(home_on_nfs: Path, tmp_path: Path) -> None:
    assert index.index_path(Settings(db=tmp_path / "mine.db")) == tmp_path / "mine.db"
