"""Tags, descriptions and pins that were set here, inside the caller's write transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from runicorn_db import outbox
from runicorn_db.errors import InvalidQuery
from runicorn_db.outcomes import AnnotatePreview
from runicorn_db.query import shown
from runicorn_db.text import fold, is_unicode

_CHOSEN = "seq IN (SELECT value FROM json_each(?))"
_PART = 10_000


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
    """Apply `change` to experiments and queue the sidecar files of those it makes different; how many these are."""
    wanted = json.dumps(list(keys))
    changed: set[int] = set()
    if change.add_tags or change.remove_tags:
        changed |= _change_tags(connection, wanted, change)
    if change.description is not None:
        changed |= _describe(connection, wanted, change.description or None)
    if change.pinned is not None:
        changed |= _pin(connection, wanted, is_pinned=change.pinned)
    if changed:
        outbox.queue(connection, _CHOSEN, json.dumps(sorted(changed)), time.time())
    return len(changed)


def _change_tags(connection: sqlite3.Connection, wanted: str, change: Annotation) -> set[int]:
    changed: set[int] = set()
    for key, text in connection.execute(f"SELECT seq, tags FROM experiment WHERE {_CHOSEN}", (wanted,)).fetchall():
        before = set(json.loads(text))
        after = (before | change.add_tags) - change.remove_tags
        if after != before:
            store_tags(connection, key, sorted(after))
            connection.execute("UPDATE experiment SET has_own_tags = 1 WHERE seq = ?", (key,))
            changed.add(key)
    return changed


def _describe(connection: sqlite3.Connection, wanted: str, description: str | None) -> set[int]:
    changed = _seqs(connection, f"{_CHOSEN} AND description IS NOT ?", wanted, description)
    for key in changed:
        store_description(connection, key, description)
        connection.execute("UPDATE experiment SET has_own_description = 1 WHERE seq = ?", (key,))
    return changed


def _pin(connection: sqlite3.Connection, wanted: str, *, is_pinned: bool) -> set[int]:
    changed = _seqs(connection, f"{_CHOSEN} AND is_pinned <> ?", wanted, is_pinned)
    connection.execute(
        f"UPDATE experiment SET is_pinned = ?, has_own_pin = 1 WHERE {_CHOSEN}",
        (is_pinned, json.dumps(sorted(changed))),
    )
    return changed


def _seqs(connection: sqlite3.Connection, condition: str, *args: object) -> set[int]:
    return {key for (key,) in connection.execute(f"SELECT seq FROM experiment WHERE {condition}", args)}


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many experiments have each tag, the most used one first; the trash left out."""
    return dict(connection.execute("SELECT tag, n FROM tag_count WHERE n > 0 ORDER BY n DESC, tag").fetchall())


def preview(connection: sqlite3.Connection, keys: Sequence[int]) -> AnnotatePreview:
    """What a change of these experiments would meet."""
    total, pinned, index_only = 0, 0, 0
    tags: Counter[str] = Counter()
    for begin in range(0, len(keys), _PART):
        wanted = (json.dumps(list(keys[begin : begin + _PART])),)
        found, kept, unwritable = connection.execute(
            "SELECT count(*), coalesce(sum(is_pinned), 0), coalesce(sum(NOT is_writable), 0)"
            f" FROM experiment JOIN root ON root.id = root_id WHERE {_CHOSEN}",
            wanted,
        ).fetchone()
        total += found
        pinned += kept
        index_only += unwritable
        sql = (
            "SELECT tag, count(*) FROM experiment_tag"
            " WHERE experiment_seq IN (SELECT value FROM json_each(?)) GROUP BY tag"
        )
        for tag, count in connection.execute(sql, wanted):
            tags[tag] += count
    ordered = sorted(tags.items(), key=lambda item: (-item[1], item[0]))
    return AnnotatePreview(total=total, pinned=pinned, tags=dict(ordered), index_only=index_only)


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
