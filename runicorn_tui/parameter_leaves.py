"""Nested parameters as the values at their ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

Path = tuple[str, ...]


def leaves(params: Mapping[str, object]) -> dict[Path, object]:
    """The keys that lead to each value, and the value; a list is one value, and so is an empty mapping."""
    found: dict[Path, object] = {}

    def add(path: Path, items: Mapping[str, object]) -> None:
        for key, value in items.items():
            if isinstance(value, Mapping) and value:
                add((*path, key), cast("Mapping[str, object]", value))
            else:
                found[*path, key] = value

    add((), params)
    return found


def natural(name: str) -> tuple[list[str], str]:
    """Sorts layer2 before layer10."""
    return [part.zfill(20) if part.isdecimal() else part for part in re.split(r"(\d+)", name.casefold())], name
