"""What a Runicorn root says of its runs in files that belong to no run."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

from runicorn_db.sources.files import FileProblem, read_json_object
from runicorn_db.sources.legacy_database import DATABASE_PATHS, LegacyDatabase, LegacyRow, SeriesRow
from runicorn_db.sources.values import tags_in, text_or_none

METADATA_NAME = b".experiments_metadata.json"
_NO_ROW = LegacyRow()


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What `.experiments_metadata.json` says of one run."""

    tags: frozenset[str] = frozenset()
    description: str | None = None
    is_pinned: bool = False


_NO_ANNOTATION = Annotation()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFiles:
    """The files of a root as a whole, read once; close it (or use `with`) when the series have been read.

    `signature` is that of `shared_signature` before reading. `has_layout_06`: runs with a path were written by 0.6.
    """

    annotations: Mapping[str, Annotation] = field(default_factory=dict)
    database: LegacyDatabase | None = None
    has_layout_06: bool = False
    signature: str = ""
    problems: tuple[FileProblem, ...] = ()

    @classmethod
    def read(cls, root: str) -> Self:
        """Read them; whatever is damaged is left out and named in `problems`."""
        signature = shared_signature(root)
        problems: list[FileProblem] = []
        base = os.fsencode(root)
        present = [path for path in DATABASE_PATHS if os.path.lexists(base + b"/" + path)]
        return cls(
            annotations=_read_annotations(root, problems),
            database=LegacyDatabase.open(root, present[0], problems) if present else None,
            has_layout_06=present == [b"index/runicorn.db"],
            signature=signature,
            problems=tuple(problems),
        )

    def annotation(self, run_id: str) -> Annotation:
        return self.annotations.get(run_id, _NO_ANNOTATION)

    def row(self, run_id: str) -> LegacyRow:
        """What the database says of a run; all None if it says nothing."""
        return self.database.rows.get(run_id, _NO_ROW) if self.database is not None else _NO_ROW

    def mark(self, run_id: str) -> str:
        """What the shared files say of this run as a short text, the same in every process; empty for nothing."""
        annotation, row = self.annotation(run_id), self.row(run_id)
        if annotation == _NO_ANNOTATION and row == _NO_ROW:
            return ""
        told = (sorted(annotation.tags), annotation.description, annotation.is_pinned, replace(row, tags=frozenset()))
        return f"{zlib.crc32(repr((told, sorted(row.tags))).encode()):x}"

    def series(self, run_id: str) -> Iterator[SeriesRow]:
        """The points the database has of a run, as logged; for runs without an events.jsonl."""
        return self.database.series(run_id) if self.database is not None else iter(())

    def close(self) -> None:
        if self.database is not None:
            self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shared_signature(root: str) -> str:
    """Changes when one of the shared files does; cheap."""
    return "|".join(_mark(path) for path in _shared_paths(root))


def shared_size(root: str) -> int:
    """How many bytes the shared files have: what reading them may have to copy."""
    size = 0
    for path in _shared_paths(root):
        with suppress(OSError):
            size += os.lstat(path).st_size
    return size


def _shared_paths(root: str) -> list[bytes]:
    names = [METADATA_NAME]
    for path in DATABASE_PATHS:
        names += [path, path + b"-wal", path + b"-journal"]
    return [os.fsencode(root) + b"/" + name for name in names]


def _mark(path: bytes) -> str:
    try:
        status = os.lstat(path)
    except OSError as error:
        return f"!{error.errno}"
    return f"{status.st_mtime_ns:x}.{status.st_size:x}"


def _read_annotations(root: str, problems: list[FileProblem]) -> dict[str, Annotation]:
    found, problem = read_json_object(os.fsencode(root) + b"/" + METADATA_NAME)
    if problem is not None:
        problems.append(FileProblem(path=METADATA_NAME, message=problem.message, line=problem.line))
    return {
        run_id: Annotation(
            tags=frozenset(tags_in(entry.get("tags"))),
            description=text_or_none(entry.get("description")),
            is_pinned=entry.get("pinned") is True,
        )
        for run_id, entry in found.items()
        if isinstance(entry, dict)
    }
