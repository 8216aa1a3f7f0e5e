"""Where Runicorn keeps its storage when nobody says: the same order in all its versions."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runicorn_db.sources.files import read_json_object

Origin = Literal["RUNICORN_DIR", "user_root_dir", "current directory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRoot:
    """A storage root and what named it. From the environment or the configuration it need not exist."""

    path: Path
    origin: Origin


def default_root(environ: Mapping[str, str], cwd: Path) -> DefaultRoot | None:
    """`RUNICORN_DIR`, else `user_root_dir` of Runicorn's config.json, else `./.runicorn` if it is there.

    A configuration that cannot be read says nothing, as in the original.
    """
    if named := environ.get("RUNICORN_DIR"):
        return DefaultRoot(path=_resolve(named, environ, cwd), origin="RUNICORN_DIR")
    if configured := configured_root(environ):
        return DefaultRoot(path=_resolve(configured, environ, cwd), origin="user_root_dir")
    local = cwd / ".runicorn"
    return DefaultRoot(path=local.resolve(), origin="current directory") if local.is_dir() else None


def configured_root(environ: Mapping[str, str]) -> str | None:
    """`user_root_dir` of Runicorn's config.json as it stands there, None where it says nothing."""
    config, _ = read_json_object(os.fsencode(configuration_file(environ)))
    configured = config.get("user_root_dir")
    if isinstance(configured, str) and configured.strip() and "\0" not in configured:
        return configured.strip()
    return None


def configuration_file(environ: Mapping[str, str]) -> Path:
    """The original Runicorn's config.json."""
    return configuration_directory(environ) / "config.json"


def configuration_directory(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where the original Runicorn keeps its config.json."""
    home = _home(environ)
    if platform == "darwin":
        return home / "Library" / "Application Support" / "Runicorn"
    if platform == "win32":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "Runicorn"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "runicorn"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _resolve(text: str, environ: Mapping[str, str], cwd: Path) -> Path:
    if text == "~" or text.startswith("~/"):
        return (_home(environ) / text[2:]).resolve()
    return (cwd / text).expanduser().resolve()
