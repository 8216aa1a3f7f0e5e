from __future__ import annotations

import json
from pathlib import Path

import pytest

from runicorn_db.sources.locate import (
    DefaultRoot,
    configuration_directory,
    configuration_file,
    configured_root,
    default_root,
)


def write_config(home: Path, content: str) -> None:
    (home / ".config/runicorn").mkdir(parents=True)
    (home / ".config/runicorn/config.json").write_text(content)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def test_nothing_named_and_nothing_there_is_no_root(tmp_path: Path, environ: dict[str, str]) -> None:
    assert default_root(environ, tmp_path) is None


def test_the_environment_comes_first_then_the_configuration_then_the_current_directory(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / ".runicorn").mkdir()
    found = default_root(environ, tmp_path)
    assert found == DefaultRoot(path=tmp_path / ".runicorn", origin="current directory")
    write_config(tmp_path, json.dumps({"user_root_dir": "~/store", "other": 1}))
    assert default_root(environ, tmp_path) == DefaultRoot(path=tmp_path / "store", origin="user_root_dir")
    named = default_root({**environ, "RUNICORN_DIR": "here"}, tmp_path)
    assert named == DefaultRoot(path=tmp_path / "here", origin="RUNICORN_DIR")


def test_an_empty_variable_is_none(tmp_path: Path, environ: dict[str, str]) -> None:
    assert default_root({**environ, "RUNICORN_DIR": ""}, tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"user_root_dir": 5}', '{"user_root_dir": " "}', "{}"])
def test_a_configuration_that_says_nothing_is_passed_over(
    tmp_path: Path, environ: dict[str, str], content: str
) -> None:
    write_config(tmp_path, content)
    assert default_root(environ, tmp_path) is None


def test_xdg_config_home_is_used(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "xdg/runicorn").mkdir(parents=True)
    (tmp_path / "xdg/runicorn/config.json").write_text(json.dumps({"user_root_dir": "/data/runs"}))
    found = default_root({**environ, "XDG_CONFIG_HOME": str(tmp_path / "xdg")}, tmp_path)
    assert found == DefaultRoot(path=Path("/data/runs"), origin="user_root_dir")


def test_what_the_configuration_says_is_told_as_it_stands_there(tmp_path: Path, environ: dict[str, str]) -> None:
    assert configured_root(environ) is None
    write_config(tmp_path, json.dumps({"user_root_dir": " ~/my runs "}))

    assert configured_root(environ) == "~/my runs"
    assert configuration_file(environ).is_file()


def test_a_file_called_runicorn_is_no_root(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / ".runicorn").touch()
    assert default_root(environ, tmp_path) is None


def test_links_are_resolved_as_runicorn_resolves_them(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / ".runicorn").symlink_to(tmp_path / "real")
    found = default_root(environ, tmp_path)
    assert found is not None
    assert found.path == (tmp_path / "real").resolve()


def test_each_system_has_its_place() -> None:
    environ = {"HOME": "/home/u", "APPDATA": "/roaming"}
    assert configuration_directory(environ, "linux") == Path("/home/u/.config/runicorn")
    assert configuration_directory(environ, "darwin") == Path("/home/u/Library/Application Support/Runicorn")
    assert configuration_directory(environ, "win32") == Path("/roaming/Runicorn")
