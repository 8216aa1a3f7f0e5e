"""What `rm` and `clean` share, and partly `purge`: what a filter takes, the preview, and moving to the trash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from runicorn_db.errors import StoreError
from runicorn_db.outcomes import ChangeResult, DeletePreview
from runicorn_db.query import MAX_REASON_LENGTH, ExperimentQuery
from runicorn_tui import format, output
from runicorn_tui.acts import CHUNK
from runicorn_tui.commands import options
from runicorn_tui.commands.change import print_result, write_files
from runicorn_tui.exit_codes import INTERRUPTED
from runicorn_tui.format import plural
from runicorn_tui.progress import ProgressLine
from runicorn_tui.stopping import Stopping
from runicorn_tui.terminal import safe

if TYPE_CHECKING:
    from runicorn_db.store import Store


def check_reason(reason: str) -> None:
    """Raises UsageError for one that is too long."""
    if len(reason) > MAX_REASON_LENGTH:
        raise click.UsageError(f"--reason must be at most {MAX_REASON_LENGTH} characters, not {len(reason)}.")


def frozen(store: Store, where: str, *, include_running: bool | None, include_pinned: bool) -> list[str]:
    """The ids that match now, without what was not asked for by name; None: there is no switch for it."""
    criteria = options.criteria(where)
    if not criteria:
        raise click.UsageError("An empty filter would match everything; name what shall go, for example 'age>30d'.")
    preview, taken = store.plan_delete(
        store.ids(ExperimentQuery(filter=criteria)), takes_running=bool(include_running), takes_pinned=include_pinned
    )
    for is_included, kind, kept in (
        (include_running, "running", preview.running),
        (include_pinned, "pinned", preview.pinned),
    ):
        if kept and not is_included:
            hint = "" if is_included is None else f"; --include-{kind} takes them too"
            output.note(f"{plural(kept, f'{kind} experiment')} left out{hint}.")
    return store.id_list(taken)


def described(preview: DeletePreview) -> str:
    """What would go, in lines for people."""
    lines = [f"Move to the trash: {plural(preview.total, 'experiment')}, {format.size(preview.size_bytes)}"]
    if preview.total:
        first, last = format.day(preview.created_from), format.day(preview.created_to)
        lines[0] += f", created {first}" + ("" if first == last else f" to {last}")
    for title, counts in (("status", preview.by_status), ("project", preview.by_project)):
        if counts:
            lines.append(f"  {title:<8}" + "  ".join(f"{safe(name)} {count:,}" for name, count in counts.items()))
    first, last = (
        [f"  {safe(e.id)}  {safe(e.project)} / {safe(e.name)}  {safe(e.status)}" for e in sample]
        for sample in (preview.first, preview.last)
    )
    between = preview.total - len(first) - len(last)
    lines += [*first, *([f"  … {between:,} more …"] if between else []), *last]
    if preview.index_only:
        lines.append(f"  {plural(preview.index_only, 'experiment')} in read-only roots: only this index will know")
    return "\n".join(lines)


@dataclass(slots=True, kw_only=True)
class _Moved:
    """What has been moved to the trash until now."""

    batch: int | None = None
    changed: int = 0
    results: dict[str, bool] = field(default_factory=dict[str, bool])
    errors: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, result: ChangeResult) -> None:
        self.batch = result.batch if self.batch is None else self.batch
        self.changed += result.changed
        self.results |= result.results
        self.errors |= result.errors

    def say(self, option: str) -> None:
        if self.batch is not None:
            undo = f"runicorn-tui restore --batch {self.batch}{option}"
            output.note(f"Moved {plural(self.changed, 'experiment')} to the trash. Undo: {undo}")


def move_to_trash(
    store: Store,
    ids: Sequence[str],
    *,
    reason: str,
    query: str,
    move_to_recycle: bool,
    option: str,
    as_json: bool,
    unknown: Mapping[str, str],
    answer: Mapping[str, object] | None = None,
) -> int:
    """Moves `ids` to the trash as one batch, part by part until it is asked to stop, and says what was done.

    `option`: as `index.option` says it. `unknown` are failures that are known before, `answer` is more to say in the
    JSON. Returns the exit code.
    """
    moved = _Moved()
    with Stopping() as stopping:
        try:
            with ProgressLine() as line:
                for begin in range(0, len(ids), CHUNK):
                    if stopping.is_asked:
                        break
                    part = ids[begin : begin + CHUNK]
                    moved.add(
                        store.delete(
                            part,
                            source="cli",
                            reason=reason,
                            query=query,
                            batch=moved.batch,
                            move_to_recycle=move_to_recycle,
                        )
                    )
                    line.show("moving to the trash", begin + len(part), len(ids))
        except StoreError:
            # What went before stays there: the way back must be known.
            moved.say(option)
            raise
        moved.say(option)
        if left := len(ids) - len(moved.results):
            output.note(f"Interrupted: {plural(left, 'experiment')} not touched.")
        is_complete = write_files(store, stopping, option) and not left
    errors = {**unknown, **moved.errors}
    more = {"batch": moved.batch, **(answer or {})}
    code = print_result("deleted", moved.results, errors, as_json=as_json, answer=more)
    return code if is_complete else INTERRUPTED
