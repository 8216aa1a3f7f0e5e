"""Run directories made by hand, as Runicorn writes them, for tests of what the index makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

CREATED = 1_700_000_000.0


def write_run(
    root: Path,
    run_id: str,
    *,
    project: str = "vision",
    name: str = "resnet",
    status: str = "finished",
    created_at: float = CREATED,
    steps: Sequence[Mapping[str, object]] = (),
    layout: str = "0.4",
    summary: Mapping[str, object] | None = None,
    **meta: object,
) -> Path:
    """A run directory of layout 0.1, 0.4 or 0.7 with one event for each of `steps`; the directory."""
    folder = {
        "0.1": root / "runs" / run_id,
        "0.4": root / project / name / "runs" / run_id,
        "0.7": root / "runs" / project / name / run_id,
    }[layout]
    folder.mkdir(parents=True)
    place = {"path": f"{project}/{name}", "alias": None} if layout == "0.7" else {"project": project, "name": name}
    write_json(folder / "meta.json", {"id": run_id, **place, "created_at": created_at, **meta})
    ended = {} if status == "running" else {"ended_at": created_at + 60}
    write_json(folder / "status.json", {"status": status, "started_at": created_at, **ended})
    if summary is not None:
        write_json(folder / "summary.json", summary)
    append_events(folder, steps, created_at=created_at)
    return folder


def append_events(
    folder: Path, steps: Sequence[Mapping[str, object]], *, first: int = 1, created_at: float = CREATED
) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        for number, values in enumerate(steps, first):
            at = created_at + number
            data = {"global_step": number, "time": at, **values}
            file.write(json.dumps({"ts": at, "type": "metrics", "data": data}) + "\n")


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
