"""The roots of an index and what was skipped while reading them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pony import orm

from runicorn_db.database import Database, damage_told, translated
from runicorn_db.errors import InvalidQuery, UnknownRoot
from runicorn_db.query import Problem, Root, shown
from runicorn_db.text import is_unicode


def roots(database: Database) -> list[Root]:
    """All roots, the one added first before the others."""
    with database.snapshot() as connection:
        counts = dict(connection.execute("SELECT root_id, n FROM root_count").fetchall())
    entity = database.entities.Root
    with translated(), damage_told(), orm.db_session:
        return [
            Root(
                name=row.name,
                path=row.path,
                state=row.state,
                problem=row.problem,
                is_writable=row.is_writable,
                experiments=counts.get(row.id, 0),
                added_at=row.added_at,
                last_synced_at=row.last_synced_at,
            )
            for row in entity.select().order_by(entity.id)
        ]


def names(database: Database) -> dict[str, str]:
    """Path -> name of all roots: nothing is counted, which takes long in a large index."""
    with database.snapshot() as connection:
        return dict(connection.execute("SELECT path, name FROM root ORDER BY id").fetchall())


def path_of(database: Database, name_or_path: str) -> str:
    """The path of the root of that name, or else of that path. Raises `UnknownRoot`."""
    known = names(database)
    if name_or_path in known.values():
        return next(path for path, name in known.items() if name == name_or_path)
    if name_or_path and (path := _absolute(name_or_path)) in known:
        return path
    raise UnknownRoot(f"No root is called '{shown(name_or_path)}'; roots: {', '.join(known.values()) or 'none yet'}")


def problems(database: Database) -> list[Problem]:
    entity = database.entities.Problem
    with translated(), damage_told(), orm.db_session:
        rows = orm.select((p.root.name, p.path, p.line, p.message, p.count) for p in entity)[:]
    found = [
        Problem(root=root, path=os.fsdecode(path), line=line, message=message, count=count)
        for root, path, line, message, count in rows
    ]
    return sorted(found, key=lambda problem: (problem.root, problem.path, problem.line or 0))


def find(database: Database, name_or_path: str) -> Root:
    """The root of that name, or else of that path. Raises `UnknownRoot`."""
    path = path_of(database, name_or_path)
    return next(root for root in roots(database) if root.path == path)


def add(database: Database, path: str | os.PathLike[str], name: str | None) -> Root:
    absolute = _absolute(path)
    if not os.fspath(path):
        raise InvalidQuery("A root needs a path")
    if name is not None:
        _check_name(name)
    if not is_unicode(absolute):
        raise InvalidQuery(f"The path of a root must be valid Unicode: {absolute!a}")
    if not Path(absolute).is_dir():
        raise InvalidQuery(f"{absolute} is not a folder: a root is the folder that Runicorn writes to")
    with database.writing() as connection:
        known = dict(connection.execute("SELECT path, name FROM root").fetchall())
        if absolute not in known:
            taken = set(known.values())
            if name in taken:
                raise InvalidQuery(f"A root called '{shown(name)}' is there already")
            chosen = name or _free_name(Path(absolute), taken)
            connection.execute(
                "INSERT INTO root (name, path, added_at) VALUES (?, ?, ?)", (chosen, absolute, time.time())
            )
    return find(database, absolute)


def remove(database: Database, name_or_path: str) -> None:
    root = find(database, name_or_path)
    with database.writing(durable=True) as connection:
        connection.execute("DELETE FROM experiment WHERE root_id = (SELECT id FROM root WHERE path = ?)", (root.path,))
        connection.execute("DELETE FROM root WHERE path = ?", (root.path,))


def rename(database: Database, name_or_path: str, name: str) -> Root:
    root = find(database, name_or_path)
    _check_name(name)
    with database.writing() as connection:
        if connection.execute("SELECT 1 FROM root WHERE name = ? AND path <> ?", (name, root.path)).fetchone():
            raise InvalidQuery(f"A root called '{shown(name)}' is there already")
        connection.execute("UPDATE root SET name = ? WHERE path = ?", (name, root.path))
    return find(database, root.path)


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidQuery("A root needs a name")
    if "\0" in name or not is_unicode(name):
        raise InvalidQuery(f"The name of a root must be valid Unicode without NUL, not '{shown(name)}'")


def _absolute(path: str | os.PathLike[str]) -> str:
    # os.path, not pathlib: the home of a user who does not exist is a path like any other.
    text = os.path.expanduser(path)
    if "\0" in text:
        raise InvalidQuery(f"A path cannot contain NUL: '{shown(text)}'")
    return os.path.realpath(text)


def _free_name(path: Path, taken: set[str]) -> str:
    """The folder's name, with its parent's in front for the usual `.runicorn`, and a number where that is taken."""
    base = path.parent.name if path.name == ".runicorn" and path.parent.name else path.name or "root"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name
