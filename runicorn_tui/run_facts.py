"""What the small files of a run say beside the index: where it ran, from which code, what it made and used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from runicorn_db.run_directory import opened_directory
from runicorn_db.sources.files import Unreadable, read_json_object

_DIRTY = ("dirty", "is_dirty", "has_uncommitted_changes", "uncommitted_changes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One thing that the run made or used.

    `kind` is a word: created, used, dataset, pretrained, output, code or config.
    """

    kind: str
    name: str
    note: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Texts are as they were written, not made safe; what is not known is empty or None.

    `variables` may hold secrets. `problems` are sentences, one for each file that cannot be read.
    """

    python: str = ""
    platform: str = ""
    gpus: tuple[str, ...] = ()
    package_count: int | None = None
    commit: str = ""
    branch: str = ""
    is_dirty: bool | None = None
    variables: tuple[tuple[str, str], ...] = ()
    assets: tuple[Asset, ...] = ()
    problems: tuple[str, ...] = ()


def read_facts(run_dir: str) -> RunFacts:
    """Reads the small files of a run directory. Blocks, and never fails: see `problems`."""
    contents: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    try:
        with opened_directory(run_dir) as directory:
            for name in (
                "meta.json",
                "status.json",
                "summary.json",
                "environment.json",
                "assets.json",
                "artifacts_created.json",
                "artifacts_used.json",
            ):
                contents[name], problem = read_json_object(name.encode(), directory=directory)
                if problem is not None:
                    where = "" if problem.line is None else f" in line {problem.line}"
                    problems.append(f"{name} cannot be read: {problem.message}{where}")
    except Unreadable as error:
        words = "is no longer there" if error.is_missing else f"cannot be read: {error.reason}"
        return RunFacts(problems=(f"The run directory {words}",))
    meta, environment = contents["meta.json"], contents["environment.json"]
    git = _mapping(environment.get("git_info"))
    variables = _mapping(environment.get("env_variables"))
    packages = environment.get("pip_packages")
    return RunFacts(
        python=_first_word(environment.get("python_version") or meta.get("python")),
        platform=_text(environment.get("platform") or meta.get("platform")),
        gpus=tuple(_gpus(environment.get("gpu_info"))),
        package_count=len(cast("list[object]", packages)) if isinstance(packages, list) else None,
        commit=_text(git.get("commit")),
        branch=_text(git.get("branch")),
        is_dirty=next((bool(git[key]) for key in _DIRTY if key in git), None),
        variables=tuple(sorted((name, _text(value)) for name, value in variables.items())),
        assets=tuple(_assets(contents)),
        problems=tuple(problems),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [_mapping(item) for item in cast("list[object]", value)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _first_word(value: object) -> str:
    """`3.11.7 (main, …) [GCC …]` -> 3.11.7"""
    return next(iter(_text(value).split()), "")


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _gpus(value: object) -> Iterator[str]:
    for item in cast("list[object]", value) if isinstance(value, list) else []:
        gpu = _mapping(item)
        words = [_text(gpu.get("name")), _text(gpu.get("memory_total"))] if gpu else [_text(item)]
        yield "  ".join(filter(None, words))


def _assets(contents: Mapping[str, Mapping[str, Any]]) -> Iterator[Asset]:
    for kind in ("created", "used"):
        for item in _mappings(contents[f"artifacts_{kind}.json"].get("artifacts")):
            note = f"{_text(item.get('type'))} v{_text(item.get('version'))}"
            yield Asset(kind=kind, name=_text(item.get("name")), note=note, size_bytes=_size(item.get("size_bytes")))
    assets = contents["assets.json"]
    for item in _mappings(assets.get("datasets")):
        size = _size(item.get("total_size_bytes"))
        note = "  ".join(filter(None, (_text(item.get("context")), _text(item.get("uri")))))
        yield Asset(kind="dataset", name=_text(item.get("name")), note=note, size_bytes=size)
    for item in _mappings(assets.get("pretrained")):
        yield Asset(kind="pretrained", name=_text(item.get("name")), note=_text(item.get("path_or_uri")))
    for item in _mappings(assets.get("outputs")):
        yield Asset(kind="output", name=_text(item.get("name")), note=_text(item.get("path")))
    snapshot = _mapping(_mapping(assets.get("code")).get("snapshot"))
    if snapshot:
        yield Asset(kind="code", name="snapshot", note=_text(snapshot.get("archive_path")))
    files = _mapping(assets.get("config")).get("config_files")
    for path in cast("list[object]", files) if isinstance(files, list) else []:
        yield Asset(kind="config", name=_text(path))
