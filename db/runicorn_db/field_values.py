"""What experiments have as project, status, name or host, and how many of them have each."""

from __future__ import annotations

import sqlite3
from typing import Literal

CountedField = Literal["project", "status", "name", "host"]
MOST = 500

# Counters know projects and statuses; names are counted in an index, hosts in the table.
_FACETS = (
    "SELECT {field}, sum(n) AS number FROM facet_count WHERE {field} LIKE ? ESCAPE '\\' GROUP BY 1 HAVING number > 0"
)
_ROWS = "SELECT {field}, count(*) AS number FROM experiment WHERE live = 1 AND {field} LIKE ? ESCAPE '\\' GROUP BY 1"
_ORDERED = " ORDER BY 2 DESC, 1 LIMIT {most}"
_SQL: dict[CountedField, str] = {
    "project": _FACETS.format(field="project"),
    "status": _FACETS.format(field="status"),
    "name": _ROWS.format(field="name"),
    "host": _ROWS.format(field="hostname"),
}


def read_counts(connection: sqlite3.Connection, field: CountedField, containing: str = "") -> dict[str, int]:
    """The most used first, at most `MOST`; of ASCII letters the case does not matter."""
    escaped = containing.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = connection.execute(_SQL[field] + _ORDERED.format(most=MOST), (f"%{escaped}%",))
    return dict(rows.fetchall())
