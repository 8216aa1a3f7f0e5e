from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

import runicorn_db

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (path,) = directory.glob("*.whl")
    return ZipFile(path)


def test_it_has_exactly_three_import_names(wheel: ZipFile) -> None:
    tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"runicorn_tui", "runicorn_api", "runicorn_db"}


def test_it_carries_what_is_not_python(wheel: ZipFile) -> None:
    names = set(wheel.namelist())
    migrations = {path.name for path in (PROJECT / "db/runicorn_db/migrations").glob("*.sql")}

    assert migrations
    assert names >= {f"runicorn_db/migrations/{name}" for name in migrations}
    assert names >= {"runicorn_tui/app.tcss", *(f"runicorn_{part}/py.typed" for part in ("tui", "api", "db"))}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_every_module_of_the_source_is_in_it(wheel: ZipFile) -> None:
    roots = {"runicorn_tui": PROJECT, "runicorn_api": PROJECT / "api", "runicorn_db": PROJECT / "db"}
    source = {path.relative_to(root).as_posix() for name, root in roots.items() for path in (root / name).rglob("*.py")}

    assert {name for name in wheel.namelist() if name.endswith(".py")} == source


def test_it_installs_the_command(wheel: ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))

    assert "runicorn-tui = runicorn_tui.cli:main" in wheel.read(entry_points).decode()


def test_the_version_is_the_same_everywhere() -> None:
    document = tomllib.loads((PROJECT / "pyproject.toml").read_text())

    assert document["project"]["version"] == runicorn_db.__version__
