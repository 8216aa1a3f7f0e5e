"""The user's own pager, for a file that is already open."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from types import FrameType


def command(environ: Mapping[str, str]) -> list[str]:
    """What `PAGER` names, otherwise `less -R` or, where there is none, `more`. Raises ValueError for open quotes."""
    words = shlex.split(environ.get("PAGER", ""))
    return words or (["less", "-R"] if shutil.which("less", path=environ.get("PATH")) else ["more"])


def _leave_to_the_pager(number: int, frame: FrameType | None) -> None:
    """A handler instead of SIG_IGN: the pager would inherit that."""


def page(descriptor: int, environ: Mapping[str, str] | None = None) -> str | None:
    """Shows the open file until the pager ends; why it could not be started, in a sentence, or None.

    The terminal must be free. Only colours of the file reach it, unless `LESS` or `PAGER` ask for more.
    """
    environ = os.environ if environ is None else environ
    # The pager's ctrl+c: it is sent to this program too.
    before = signal.signal(signal.SIGINT, _leave_to_the_pager)
    try:
        subprocess.run(
            # By its descriptor: what lies at the path now may be another file.
            [*command(environ), f"/dev/fd/{descriptor}"],
            pass_fds=(descriptor,),
            env={"LESS": "-R", **environ},
            check=False,
        )
    except (OSError, ValueError) as error:
        return f"The pager cannot be started: {error}"
    finally:
        signal.signal(signal.SIGINT, before)
    return None
