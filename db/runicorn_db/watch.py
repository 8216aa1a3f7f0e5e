"""Follows the roots while somebody looks: running experiments often, everything now and then."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

from runicorn_db.errors import StoreError
from runicorn_db.roots import path_of
from runicorn_db.sources.shared_files import SharedFiles
from runicorn_db.store import Store
from runicorn_db.sync import RootSync, sync
from runicorn_db.sync_report import Controls, SyncProgress, SyncReport

_SLOWEST_INTERVAL = 180.0


class Watcher:
    """Keeps the index equal to the roots from a thread of its own, by looking (inotify sees no remote writes).

    Running experiments every `running_interval` seconds, everything after `full_interval` at the earliest,
    less often while nothing changes. `on_change` is called, in that thread, after a look that changed something;
    `on_problem` with the sentence when a look failed (the next one comes all the same).
    """

    def __init__(
        self,
        store: Store,
        roots: Sequence[str] | None = None,
        *,
        running_interval: float = 2.0,
        full_interval: float = 60.0,
        on_change: Callable[[SyncReport], None] | None = None,
        on_progress: Callable[[SyncProgress], None] | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._roots = roots
        self._running_interval = running_interval
        self._full_interval = full_interval
        self._on_change = on_change or (lambda _: None)
        self._on_progress = on_progress or (lambda _: None)
        self._on_problem = on_problem or (lambda _: None)
        self._stop = threading.Event()
        self._look_now = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._shared: dict[str, SharedFiles] = {}
        self.is_syncing = False

    def start(self) -> None:
        """Begin with a full look at once."""
        self.is_syncing = True
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Stop between two runs; what was read is kept."""
        self._stop.set()
        self._look_now.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def look_now(self) -> None:
        """Make the next full look come at once."""
        self._look_now.set()

    def _run(self) -> None:
        quiet_looks, next_full, is_first = 0, 0.0, True
        while not self._stop.is_set():
            is_asked = self._look_now.is_set()
            self._look_now.clear()
            is_full = is_asked or time.monotonic() >= next_full
            report = self._look(is_full=is_full, is_thorough=is_asked or is_first)
            is_first = False
            if is_full:
                has_changes = report is not None and report.has_changes
                quiet_looks = 0 if has_changes else quiet_looks + 1
                next_full = time.monotonic() + self._interval_after(quiet_looks)
            if report is not None and report.has_changes and not self._stop.is_set():
                self._on_change(report)
            self._look_now.wait(self._running_interval)

    def _interval_after(self, quiet_looks: int) -> float:
        """Longer from the second look in a row on that found nothing new."""
        return min(self._full_interval * 2 ** max(0, quiet_looks - 1), max(_SLOWEST_INTERVAL, self._full_interval))

    def _look(self, *, is_full: bool, is_thorough: bool) -> SyncReport | None:
        try:
            if not is_full:
                return self._look_at_running()
            self.is_syncing = True
            try:
                return sync(
                    self._store,
                    self._roots,
                    progress=self._on_progress,
                    should_stop=self._stop.is_set,
                    is_thorough=is_thorough,
                    shared_before=self._shared,
                )
            finally:
                self.is_syncing = False
        except StoreError as error:
            self._on_problem(str(error))
            return None

    def _look_at_running(self) -> SyncReport | None:
        # Root by root: in that order SQLite takes the index of what is running.
        sql = (
            "SELECT root.path, experiment.path FROM root CROSS JOIN experiment ON root.id = root_id"
            " WHERE recorded_status = 'running' AND live = 1"
        )
        chosen = None if self._roots is None else {path_of(self._store.database, root) for root in self._roots}
        paths: dict[str, list[bytes]] = {}
        with self._store.database.snapshot() as connection:
            for root, path in connection.execute(sql):
                if (chosen is None or root in chosen) and os.path.isdir(root):
                    paths.setdefault(root, []).append(path)
        changed = 0
        controls = Controls(should_stop=self._stop.is_set)
        for root, runs in paths.items():
            changed += RootSync(self._store, root, controls, self._shared).look_at(runs).changed
        return SyncReport(changed=changed)
