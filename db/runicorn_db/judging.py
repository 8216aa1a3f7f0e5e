"""What to show as the status of a run that is recorded as running."""

from __future__ import annotations

import time
from dataclasses import dataclass

from runicorn_db import liveness
from runicorn_db.database import Database
from runicorn_db.sources.runicorn import RunRecord


@dataclass(frozen=True, slots=True)
class Judgement:
    status: str
    exit_reason: str | None
    ended_at: float | None


def judge(
    recorded_status: str,
    exit_reason: str | None,
    ended_at: float | None,
    *,
    hostname: str | None,
    pid: int | None,
    created_at: float,
    last_event_at: float | None,
) -> Judgement:
    """What to show: a run recorded as running whose process is surely gone has failed at its last event."""
    if recorded_status != "running":
        return Judgement(recorded_status, exit_reason, ended_at)
    if liveness.is_dead(
        hostname=hostname, pid=pid, created_at=created_at, last_event_at=last_event_at, now=time.time()
    ):
        return Judgement("failed", "process_not_found", created_at if last_event_at is None else last_event_at)
    return Judgement("running", exit_reason, None)


def judge_record(record: RunRecord, *, last_event_at: float | None = None) -> Judgement:
    """The same of a run as its files say it; events.jsonl tells the last event where nothing better does."""
    return judge(
        record.recorded_status,
        record.exit_reason,
        record.ended_at,
        hostname=record.hostname,
        pid=record.pid,
        created_at=record.created_at,
        last_event_at=last_event_at if last_event_at is not None else record.events_changed_at,
    )


def judge_all_running(database: Database) -> tuple[int, int]:
    """Look again at everything that is recorded as running: how many that are, and how many of them changed."""
    sql = "SELECT root_id, count(*) FROM experiment WHERE recorded_status = 'running' AND live = 1 GROUP BY root_id"
    with database.snapshot() as connection:
        running = dict(connection.execute(sql).fetchall())
    return sum(running.values()), sum(len(judge_running(database, root_id)) for root_id in running)


def judge_running(database: Database, root_id: int) -> set[str]:
    """Look again at what is recorded as running in a root, its last event being known; the ids that changed."""
    sql = (
        "SELECT id, status, exit_reason, ended_at, hostname, pid, created_at, last_event_at, started_at"
        " FROM experiment WHERE root_id = ? AND recorded_status = 'running' AND missing_at IS NULL"
    )
    with database.snapshot() as connection:
        rows = connection.execute(sql, (root_id,)).fetchall()
    updates: list[tuple[str | float | None, ...]] = []
    for name, status, exit_reason, ended_at, hostname, pid, created_at, last_event_at, started_at in rows:
        judged = judge(
            "running", None, None, hostname=hostname, pid=pid, created_at=created_at, last_event_at=last_event_at
        )
        if (judged.status, judged.exit_reason, judged.ended_at) != (status, exit_reason, ended_at):
            duration = None
            if judged.ended_at is not None and started_at is not None:
                duration = judged.ended_at - started_at
            updates.append((judged.status, judged.exit_reason, judged.ended_at, duration, name))
    if updates:
        with database.writing() as connection:
            connection.executemany(
                "UPDATE experiment SET status = ?, exit_reason = ?, ended_at = ?, duration_seconds = ?,"
                " updated_at = coalesce(last_event_at, ended_at, updated_at) WHERE id = ?",
                updates,
            )
    return {str(update[-1]) for update in updates}
