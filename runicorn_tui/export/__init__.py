"""Writes experiments or their series to a file: what the rows are, how they are written, and where."""

from __future__ import annotations

from typing import Literal, get_args

Format = Literal["csv", "json", "jsonl", "parquet"]
"""Each is also the ending of a file."""
FORMATS: tuple[Format, ...] = get_args(Format)


class ExportError(Exception):
    """Why something is not exported, as a sentence to show."""
