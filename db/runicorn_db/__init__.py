"""Runicorn experiments in an SQLite index: reading roots, querying, deleting and restoring."""

from __future__ import annotations

__version__ = "0.1.0"
