"""What the exit codes of the command line mean."""

from __future__ import annotations

from runicorn_db.errors import (
    IndexUnusable,
    InvalidQuery,
    StoreError,
    UnknownBatch,
    UnknownExperiment,
    UnknownRoot,
)

OK = 0
FAILURE = 1
USAGE = 2
INDEX_UNUSABLE = 3
NOT_FOUND = 4
PARTLY_FAILED = 5
INTERRUPTED = 130
OUTPUT_CLOSED = 141
"""What a shell reports for a program that SIGPIPE ended."""


def exit_code_of(error: StoreError) -> int:
    """The exit code for an error of the store."""
    if isinstance(error, IndexUnusable):
        return INDEX_UNUSABLE
    if isinstance(error, UnknownExperiment | UnknownRoot | UnknownBatch):
        return NOT_FOUND
    return USAGE if isinstance(error, InvalidQuery) else FAILURE
