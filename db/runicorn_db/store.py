"""The store: what terminal, command line and server hold to read and change the index."""

from __future__ import annotations

import os
import sqlite3
import time
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from runicorn_db import field_values, groups, plan, series, summaries, trash, value_names
from runicorn_db import roots as root_table
from runicorn_db.changing_store import ChangingStore
from runicorn_db.cursors import write_cursor
from runicorn_db.database import Database, Interrupt
from runicorn_db.errors import InvalidQuery, QueryFailed, UnknownExperiment
from runicorn_db.named_values import NamedValue
from runicorn_db.query import (
    Experiment,
    ExperimentDetail,
    ExperimentQuery,
    Health,
    MetricsQuery,
    MetricTable,
    Page,
    Problem,
    Root,
    Snapshot,
    Summary,
    shown,
)
from runicorn_db.rows import read_detail, read_rows
from runicorn_db.text import is_unicode
from runicorn_db.totals import count_everything, count_facets


class Store(ChangingStore):
    """An index of experiments in the file `path`, created where there is none.

    Safe to use from any thread, and by several processes at once. Every method may block on the disk.
    Raises `IndexUnusable` (or a subclass) when the file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        super().__init__(Database(path, timeout=timeout))
        self.path: Path = self.database.path

    def close(self) -> None:
        """Close the file; marker files that are not written yet follow when the index is opened again."""
        self._outbox.close()
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    # --- reading

    def find(
        self, query: ExperimentQuery, *, values: Sequence[NamedValue] = (), interrupt: Interrupt | None = None
    ) -> Page:
        """One page of what matches, with these of its values, and the exact total, from one snapshot."""
        began = time.perf_counter()
        with self.database.snapshot(interrupt) as connection:
            keys = plan.find_page(connection, query)
            experiments = tuple(row for row in read_rows(connection, keys.keys, values) if row is not None)
            next_cursor = write_cursor(query, experiments[-1], keys.value) if keys.has_more else None
            snapshot = Snapshot(array("q", keys.keys))
        return Page(
            experiments=experiments,
            total=keys.total,
            page=query.page,
            per_page=query.per_page,
            next_cursor=next_cursor,
            query_time_ms=_milliseconds_since(began),
            snapshot=snapshot,
        )

    def ids(self, query: ExperimentQuery, *, interrupt: Interrupt | None = None) -> Snapshot:
        """Everything that matches, in order; the paging of `query` is ignored."""
        with self.database.snapshot(interrupt) as connection:
            return Snapshot(plan.find_keys(connection, query, interrupt))

    def rows(self, snapshot: Snapshot, values: Sequence[NamedValue] = ()) -> list[Experiment | None]:
        """The experiments of a (part of a) snapshot as they are now, with these of their values.

        None stands for what left the index since.
        """
        with self.database.snapshot() as connection:
            return read_rows(connection, snapshot.keys, values)

    def field_values(
        self, field: field_values.CountedField, containing: str = "", *, interrupt: Interrupt | None = None
    ) -> dict[str, int]:
        """What experiments have as `field`, whatever the case of `containing`: the most used first, how many have each.

        At most `field_values.MOST` of them; the trash left out.
        """
        with self.database.snapshot(interrupt) as connection:
            return field_values.read_counts(connection, field, containing)

    def value_names(self) -> list[NamedValue]:
        """Every metric (as `best`) and every parameter that an experiment may have."""
        with self.database.snapshot() as connection:
            return value_names.read_names(connection)

    def value_counts(self, *, interrupt: Interrupt | None = None) -> dict[NamedValue, int]:
        """How many experiments have each of `value_names`, the trash left out."""
        with self.database.snapshot(interrupt) as connection:
            return value_names.read_counts(connection)

    def param_values(self, name: str, *, interrupt: Interrupt | None = None) -> list[str]:
        """What the newest experiments have as this parameter, as it is written, the most frequent first.

        At most `value_names.MOST` of what `value_names.NEWEST` experiments have; the trash left out.
        """
        with self.database.snapshot(interrupt) as connection:
            return value_names.read_values(connection, name)

    def value_kinds(self, snapshot: Snapshot) -> dict[NamedValue, value_names.Kind]:
        """Every metric (as `best`) and every parameter that the experiments of a snapshot have, and what it is."""
        with self.database.snapshot() as connection:
            return value_names.read_kinds(connection, snapshot.keys)

    def id_list(self, snapshot: Snapshot) -> list[str]:
        """The ids of a snapshot in its order, without what left the index since."""
        with self.database.snapshot() as connection:
            return trash.ids_of(connection, snapshot.keys)

    def snapshot_of(self, ids: Sequence[str]) -> Snapshot:
        """The experiments of these ids, without the unknown ones."""
        with self.database.snapshot() as connection:
            return Snapshot(trash.chosen_keys(connection, ids))

    def get(self, experiment_id: str) -> ExperimentDetail:
        """One experiment, in the trash or not. Raises `UnknownExperiment`."""
        began = time.perf_counter()
        _check_id(experiment_id)
        with self.database.snapshot() as connection:
            detail = read_detail(connection, experiment_id)
        return replace(detail, query_time_ms=_milliseconds_since(began))

    def resolve(self, prefix: str) -> str:
        """The id that is `prefix` or the only one that begins with it. Raises `UnknownExperiment`, `InvalidQuery`."""
        _check_id(prefix)
        with self.database.snapshot() as connection:
            sql = "SELECT id FROM experiment WHERE id >= ? AND substr(id, 1, ?) = ? ORDER BY id LIMIT 3"
            found = [name for (name,) in connection.execute(sql, (prefix, len(prefix), prefix))] if prefix else []
        if prefix in found or len(found) == 1:
            return found[0]
        if not found:
            raise UnknownExperiment(shown(prefix))
        raise InvalidQuery(f"'{shown(prefix)}' begins more than one id: {', '.join(map(shown, found))}, …")

    def series(self, query: MetricsQuery) -> MetricTable:
        """Series of one experiment as columns. Raises `UnknownExperiment`."""
        began = time.perf_counter()
        _check_id(query.experiment_id)
        with self.database.snapshot() as connection:
            seq = _key_of(connection, query.experiment_id)
            table = series.read_table(connection, seq, query)
        return replace(table, query_time_ms=_milliseconds_since(began))

    def summary(self, query: ExperimentQuery) -> Summary:
        """Aggregates over everything that matches; paging and order of `query` are ignored."""
        began = time.perf_counter()
        with self.database.snapshot() as connection:
            summary = summaries.summarise(connection, query)
        return replace(summary, query_time_ms=_milliseconds_since(began))

    def groups(
        self, query: ExperimentQuery, by: groups.GroupBy, *, interrupt: Interrupt | None = None
    ) -> groups.Groups:
        """Everything that matches in groups, with the exact total, from one snapshot; paging and order are ignored."""
        with self.database.snapshot(interrupt) as connection:
            return groups.read_groups(connection, query, by)

    def group_members(
        self,
        query: ExperimentQuery,
        by: groups.GroupBy,
        *,
        told: groups.Told | None = None,
        interrupt: Interrupt | None = None,
    ) -> groups.GroupMembers:
        """The groups, and in order who belongs to each, from one snapshot.

        The groups are known sooner: `told` is called then, in the thread that asks.
        """
        with self.database.snapshot(interrupt) as connection:
            return groups.read_members(connection, query, by, interrupt, told)

    def newest(self, most: int) -> tuple[list[Experiment], int]:
        """The newest experiments, at most so many, and how many there are: those in the trash included."""
        with self.database.snapshot() as connection:
            keys = plan.find_keys(connection, ExperimentQuery(include_deleted=True), None, most=most)
            rows = [row for row in read_rows(connection, keys) if row is not None]
            return rows, count_everything(connection)

    def stamp(self) -> str | None:
        """Another text after every change to the index, whoever made it; None where that cannot be told.

        What was read between two equal stamps is of the one state that both name.
        """
        return self.database.stamp()

    def health(self) -> Health:
        with self.database.snapshot() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            experiments = count_facets(connection, None, ())
            # The counters can be read where what they count cannot.
            connection.execute("SELECT * FROM experiment LIMIT 1").fetchone()
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise QueryFailed(f"Database query failed: {self.path}: {error.strerror}") from error
        return Health(
            database_path=str(self.path),
            database_size_bytes=size,
            schema_version=version,
            sqlite_version=sqlite3.sqlite_version,
            experiments=experiments,
            roots=tuple(self.roots()),
        )

    # --- roots

    def roots(self) -> list[Root]:
        """All roots, the one added first before the others."""
        return root_table.roots(self.database)

    def root_names(self) -> dict[str, str]:
        """Path -> name of all roots, as `roots` has them, without counting their experiments."""
        return root_table.names(self.database)

    def problems(self) -> list[Problem]:
        """What was skipped while reading the roots."""
        return root_table.problems(self.database)

    def add_root(self, path: str | os.PathLike[str], name: str | None = None) -> Root:
        """Make a folder a root of the index (nothing is read yet); the root itself when it is one already."""
        return root_table.add(self.database, path, name)

    def remove_root(self, name_or_path: str) -> None:
        """Forget a root and its experiments; its files are not touched. Raises `UnknownRoot`."""
        root_table.remove(self.database, name_or_path)

    def rename_root(self, name_or_path: str, name: str) -> Root:
        return root_table.rename(self.database, name_or_path, name)

    def prune(self) -> int:
        """Drop the experiments whose directories are gone; how many."""
        with self.database.writing() as connection:
            return connection.execute("DELETE FROM experiment WHERE missing_at IS NOT NULL").rowcount


def _milliseconds_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _check_id(text: str) -> None:
    if not is_unicode(text):
        raise UnknownExperiment(shown(text))


def _key_of(connection: sqlite3.Connection, experiment_id: str) -> int:
    row = connection.execute("SELECT seq FROM experiment WHERE id = ?", (experiment_id,)).fetchone()
    if row is None:
        raise UnknownExperiment(experiment_id)
    return row[0]
