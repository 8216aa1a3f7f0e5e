"""The folder to which Runicorn 0.7 moves deleted runs: ours go there, and come back, where that was asked for.

As 0.7 does it: the marker is written, then the run directory is moved; back: it is moved, then the marker removed.
Each step may be the last one before a crash, and the next flush goes on from there.
"""

from __future__ import annotations

from typing import Final

from runicorn_db.sources.files import reason_of, text_of_name
from runicorn_db.sources.removal import OpenRoot, Refused
from runicorn_db.sources.sidecar import NotWritable

RECYCLE: Final = b"runs/.recycle"


def recycled_path(home: bytes) -> bytes:
    """Where a run directory lies while it is deleted."""
    return RECYCLE + b"/" + home.rpartition(b"/")[2]


def original_path(home: bytes) -> str | None:
    """What the marker says of where it belongs: the path below `runs`; None directly in `runs`, as in 0.7."""
    return "/".join(text_of_name(part) for part in home.split(b"/")[1:-1]) or None


def find(root: str, path: bytes, wanted: bytes) -> bytes:
    """Where the run directory is: the index says `path`, and a flush that was cut off may have moved it to `wanted`.

    Raises NotWritable when it is in neither place.
    """
    try:
        with OpenRoot(root) as opened:
            for place in (path, wanted):
                if opened.exists(place):
                    return place
    except Refused as error:
        raise NotWritable(str(error)) from error
    except OSError as error:
        raise NotWritable(reason_of(error)) from error
    raise NotWritable("No such directory")


def move(root: str, source: bytes, target: bytes) -> None:
    """Move a run directory within its root, in one step. Raises NotWritable."""
    try:
        with OpenRoot(root) as opened:
            opened.make_folders(target.rpartition(b"/")[0])
            opened.move(source, target)
    except FileExistsError as error:
        raise NotWritable(f"Another run lies at {text_of_name(target)}") from error
    except Refused as error:
        raise NotWritable(str(error)) from error
    except OSError as error:
        raise NotWritable(reason_of(error)) from error
