"""A query as the command that lists the same, to be pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from runicorn_db.criteria import Criteria, Field, quote
from runicorn_db.groups import GroupBy
from runicorn_db.named_values import NamedValue
from runicorn_db.query import ORDER_FIELDS, ExperimentQuery, Order
from runicorn_tui.terminal import harmless


def as_command(query: ExperimentQuery, *, db: Path | None = None, group_by: GroupBy | None = None) -> str:
    """`runicorn-tui ls ...` for everything that `query` finds by its filter and roots, in its order or in groups."""
    from runicorn_tui.commands.list_options import is_descending

    words = ["runicorn-tui", "ls"]
    if db is not None:
        words += ["--db", str(db)]
    if group_by is not None:
        # Groups have an order of their own, the largest first.
        words.append(f"--group-by={group_by}")
    else:
        if query.order_by != "created_at":
            words.append(f"--sort={_order(query.order_by)}")
        if is_descending(query.order_by, False) != query.order_desc:
            words.append("--reverse")
    words += ["--limit", "0"]
    if text := str(_within(query.filter, query.roots)):
        words += ["--", text] if text.startswith("-") else [text]
    return " ".join(map(shell_word, words))


def _order(order: Order) -> str:
    text = str(order)
    is_plain = not isinstance(order, NamedValue) or (text not in ORDER_FIELDS and not text.startswith('"'))
    return text if is_plain else quote(text)


def _within(criteria: Criteria, roots: tuple[str, ...]) -> Criteria:
    """The same, in one of these roots; no roots: in any."""
    if not roots:
        return criteria
    term = Field(field="root", operation="exact", values=roots)
    return Criteria(tuple((*group, term) for group in criteria.groups or ((),)))


def shell_word(text: str) -> str:
    """One word for a shell; what could act on the terminal it is pasted into is written as bytes in `$'...'`."""
    if text == harmless(text):
        return shlex.quote(text)
    return "$'" + "".join(_in_dollar_quotes(character) for character in text) + "'"


def _in_dollar_quotes(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character == harmless(character):
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())
