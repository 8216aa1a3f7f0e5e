"""What `rm`, `restore` and `purge` share: ids from beginnings of ids, and the answer id by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runicorn_db.errors import UnknownExperiment
from runicorn_tui import output
from runicorn_tui.exit_codes import FAILURE, NOT_FOUND, OK, PARTLY_FAILED
from runicorn_tui.format import plural

if TYPE_CHECKING:
    from runicorn_db.store import Store
    from runicorn_tui.stopping import Stopping

NOT_IN_INDEX = "not found"


def resolve_all(store: Store, prefixes: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The ids that the beginnings stand for, each once, and what was not found with the reason.

    Raises InvalidQuery for a beginning that several ids share: none of them may be meant.
    """
    ids: dict[str, None] = {}
    unknown: dict[str, str] = {}
    for prefix in prefixes:
        try:
            ids[store.resolve(prefix)] = None
        except UnknownExperiment:
            unknown[prefix] = NOT_IN_INDEX
    return list(ids), unknown


def write_files(store: Store, stopping: Stopping, option: str) -> bool:
    """Writes marker and sidecar files until all are written or it is asked to stop; False when it was stopped.

    `option`: as `index.option` says it.
    """
    waiting = store.flush_outbox(lambda: stopping.is_asked)
    if not stopping.is_asked:
        return True
    if waiting:
        output.note(f"Interrupted: the files of {plural(waiting, 'experiment')} follow with runicorn-tui sync{option}")
    return False


def print_result(
    verb: str,
    results: Mapping[str, bool],
    errors: Mapping[str, str],
    *,
    as_json: bool,
    answer: Mapping[str, object] | None = None,
) -> int:
    """Reports each failure and returns the exit code: partly failed, or why everything failed.

    `answer` is more to say in the JSON.
    """
    succeeded = sum(results.values())
    note_failures(errors)
    if as_json:
        all_results = {**results, **dict.fromkeys(errors, False)}
        counts = {verb: succeeded, "failed": len(errors)}
        output.write_json({**counts, **(answer or {}), "results": all_results, "errors": errors})
    return exit_code(succeeded, errors)


def note_failures(errors: Mapping[str, str]) -> None:
    for experiment_id, reason in errors.items():
        output.note(f"{experiment_id}: {reason}")


def exit_code(succeeded: int, errors: Mapping[str, str]) -> int:
    if not errors:
        return OK
    if succeeded:
        return PARTLY_FAILED
    return NOT_FOUND if all(reason == NOT_IN_INDEX for reason in errors.values()) else FAILURE
