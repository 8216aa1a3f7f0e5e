"""Tags, descriptions and pins that were set here, inside the caller's write transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from runicorn_db.errors import InvalidQuery
from runicorn_db.query import shown
from runicorn_db.text import fold, is_unicode


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A change; None and empty sets leave things as they are, a description `""` clears it.

    Tags that are added are trimmed, as those of a query are. Raises `InvalidQuery` for text that cannot be kept.
    """

    add_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()
    description: str | None = None
    pinned: bool | None = None

    def __post_init__(self) -> None:
        for text in (*self.add_tags, *self.remove_tags, self.description or ""):
            if "\0" in text or not is_unicode(text):
                raise InvalidQuery(f"Tags and descriptions must be valid Unicode without NUL, not '{shown(text)}'")
        object.__setattr__(self, "add_tags", frozenset(tag.strip() for tag in self.add_tags))
        if "" in self.add_tags:
            raise InvalidQuery("A tag must not be empty")


def apply(connection: sqlite3.Connection, keys: Sequence[int], change: Annotation) -> int:
    """Apply `change` to experiments and queue their sidecar files; how many there were."""
    if change == Annotation():
        return 0
    for key in keys:
        if change.add_tags or change.remove_tags:
            (text,) = connection.execute("SELECT tags FROM experiment WHERE seq = ?", (key,)).fetchone()
            tags = (set(json.loads(text)) | change.add_tags) - change.remove_tags
            store_tags(connection, key, sorted(tags))
            connection.execute("UPDATE experiment SET has_own_tags = 1 WHERE seq = ?", (key,))
        if change.description is not None:
            store_description(connection, key, change.description or None)
            connection.execute("UPDATE experiment SET has_own_description = 1 WHERE seq = ?", (key,))
        if change.pinned is not None:
            connection.execute(
                "UPDATE experiment SET is_pinned = ?, has_own_pin = 1 WHERE seq = ?", (change.pinned, key)
            )
        connection.execute(
            "INSERT INTO outbox (experiment_seq, queued_at) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET queued_at = excluded.queued_at, attempts = 0, error = NULL",
            (key, time.time()),
        )
    return len(keys)


def store_tags(connection: sqlite3.Connection, key: int, tags: Sequence[str]) -> None:
    """Make `tags` the tags of an experiment, in the list and in the index of tags."""
    connection.execute(
        "UPDATE experiment SET tags = ? WHERE seq = ?", (json.dumps(list(tags), ensure_ascii=False), key)
    )
    connection.execute("DELETE FROM experiment_tag WHERE experiment_seq = ?", (key,))
    connection.executemany(
        "INSERT INTO experiment_tag (experiment_seq, tag) VALUES (?, ?)", [(key, tag) for tag in tags]
    )


def store_description(connection: sqlite3.Connection, key: int, description: str | None) -> None:
    connection.execute("UPDATE experiment SET description = ? WHERE seq = ?", (description, key))
    connection.execute("UPDATE search_text SET description = ? WHERE seq = ?", (fold(description or ""), key))
