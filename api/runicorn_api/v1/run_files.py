"""What V1 tells of a run that only its directory knows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from runicorn_db.run_directory import opened_directory
from runicorn_db.sources.files import Unreadable, read_json_object
from runicorn_db.sources.values import TooDeep, clean_value

_VARIABLES = "env_variables"


class ArtifactCounts:
    """How many artifacts runs made and used; what cannot be read counts as none.

    Runicorn 0.4 and 0.5 list them in two files of the run; from 0.6 on assets.json has what was put out, and the
    data sets and models that were taken. `roots` are the paths of the storage roots.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        # Where nothing was ever stored, no run has those two files, and nobody has to look for them in each.
        self._storing = tuple(f"{root.rstrip('/')}/" for root in roots if Path(root, "artifacts").is_dir())

    def of(self, run_dir: str) -> tuple[int, int]:
        """(made, used)"""
        made, used = 0, 0
        try:
            with opened_directory(run_dir) as directory:
                assets, _ = read_json_object(b"assets.json", directory=directory)
                made += _length(assets, "outputs")
                used += _length(assets, "datasets") + _length(assets, "pretrained")
                if run_dir.startswith(self._storing):
                    made += _length(read_json_object(b"artifacts_created.json", directory=directory)[0], "artifacts")
                    used += _length(read_json_object(b"artifacts_used.json", directory=directory)[0], "artifacts")
        except Unreadable:
            pass
        return made, used


def _length(content: dict[str, Any], name: str) -> int:
    value = content.get(name)
    return len(cast(list[object], value)) if isinstance(value, list) else 0


def environment_of(run_dir: str, *, has_variables: bool) -> dict[str, Any] | None:
    """What environment.json says, None where nothing can be read of it.

    Environment variables hold secrets: they are left out unless they are asked for.
    """
    try:
        with opened_directory(run_dir) as directory:
            content, problem = read_json_object(b"environment.json", directory=directory)
        if problem is None and content:
            return clean_value({key: value for key, value in content.items() if has_variables or key != _VARIABLES})
    except (Unreadable, TooDeep):
        pass
    return None
