"""Pony entities of the small tables; lists of experiments are read by `plan` without entities."""

from __future__ import annotations

from types import SimpleNamespace

from pony import orm


def define_entities(database: orm.Database) -> SimpleNamespace:
    """Entity classes bound to `database`: `Root`, `Batch`, `Problem`."""

    class Root(database.Entity):
        _table_ = "root"
        id = orm.PrimaryKey(int, auto=True)
        name = orm.Required(str, unique=True, autostrip=False)
        path = orm.Required(str, unique=True, autostrip=False)
        state = orm.Required(str)
        problem = orm.Optional(str, nullable=True)
        is_writable = orm.Required(bool)
        added_at = orm.Required(float)
        last_synced_at = orm.Optional(float)
        signature = orm.Optional(str)
        problems = orm.Set("Problem", reverse="root")

    class Batch(database.Entity):
        _table_ = "batch"
        id = orm.PrimaryKey(int, auto=True)
        created_at = orm.Required(float)
        source = orm.Required(str)
        reason = orm.Optional(str, autostrip=False)
        query = orm.Optional(str, autostrip=False)
        count = orm.Required(int)
        size_bytes = orm.Required(int, size=64)

    class Problem(database.Entity):
        _table_ = "problem"
        root = orm.Required(Root, column="root_id")
        owner = orm.Required(bytes)
        path = orm.Required(bytes)
        message = orm.Required(str, autostrip=False)
        line = orm.Optional(int)
        count = orm.Required(int)
        orm.PrimaryKey(root, owner, path, message)  # pyright: ignore[reportArgumentType] - composite keys are not in its stubs

    return SimpleNamespace(Root=Root, Batch=Batch, Problem=Problem)
