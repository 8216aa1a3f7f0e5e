"""What `ls` and `export` share: which columns, in which order."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import click

from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.query import ORDER_FIELDS, Order, shown

if TYPE_CHECKING:
    from runicorn_db.groups import GroupBy
    from runicorn_db.store import Store

_FROM_A_TO_Z = ("name", "project", "status")


class FilterFirst(click.Command):
    """Says how to write a filter that begins with a minus sign."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name.startswith("--"):
                raise
            advice = "A filter that begins with - is written after --, or with ! in place of the -."
            raise click.UsageError(f"{error.format_message()} {advice}", ctx) from error


def _columns(_context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str | NamedValue, ...]:
    from runicorn_tui.listing import read_columns

    with _as_usage(parameter):
        return read_columns(text or "")


def _order(_context: click.Context, parameter: click.Parameter, text: str) -> Order:
    from runicorn_tui.listing import read_name

    with _as_usage(parameter):
        return cast("Order", read_name(text, ORDER_FIELDS))


def _orders_that_begin(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    return [name for name in ORDER_FIELDS if name.startswith(begun)]


@contextmanager
def _as_usage(parameter: click.Parameter) -> Generator[None]:
    try:
        yield
    except InvalidQuery as error:
        raise click.BadParameter(str(error), param=parameter) from error


columns = click.option(
    "--columns",
    callback=_columns,
    metavar="NAMES",
    help="Show (and print as JSON or CSV) these columns, with commas between them: name, age, size and so on,"
    " metrics (acc, last.acc, min.loss, max.acc) and parameters (param.lr).",
)
sort = click.option(
    "--sort",
    callback=_order,
    default="created_at",
    metavar="FIELD",
    shell_complete=_orders_that_begin,
    help=f"Sort by one of {', '.join(ORDER_FIELDS)}, by a metric (acc, last.acc, min.loss, max.acc)"
    " or by a parameter (param.lr).",
)
reverse = click.option(
    "--reverse", is_flag=True, help="The other way round: oldest or smallest first, names from Z to A."
)


def _grouping(_context: click.Context, parameter: click.Parameter, text: str | None) -> GroupBy | None:
    from runicorn_db.groups import parse_group_by

    with _as_usage(parameter):
        return None if text is None else parse_group_by(text)


def _groupings_that_begin(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from runicorn_db.groups import GROUP_FIELDS

    return [name for name in GROUP_FIELDS if name.startswith(begun)]


group_by = click.option(
    "--group-by",
    callback=_grouping,
    metavar="FIELD",
    shell_complete=_groupings_that_begin,
    help="List groups instead, the largest first: by project, status, tag, name, root or a parameter (param.lr).",
)


def is_descending(order: Order, is_reversed: bool) -> bool:
    """Newest and largest first, names from A to Z."""
    return (order not in _FROM_A_TO_Z) != is_reversed


def check_names(store: Store, names: Iterable[str | NamedValue]) -> None:
    """Refuses what no experiment has: a mistyped name would show and sort nothing."""
    from runicorn_tui.listing import COLUMN_NAMES

    wanted = [name for name in names if isinstance(name, NamedValue)]
    known = set(store.value_names()) if wanted else set[NamedValue]()
    for value in wanted:
        if (value if value.is_param else NamedValue("best", value.name)) not in known:
            what = "parameter" if value.is_param else "metric"
            raise click.UsageError(
                f"No experiment has a {what} '{shown(value.name)}'. Columns are {', '.join(COLUMN_NAMES)};"
                f" orders are {', '.join(ORDER_FIELDS)}; both may be metrics and parameters."
            )
