from __future__ import annotations

from pathlib import Path

import click

from runicorn_db.errors import InvalidQuery
from runicorn_tui.commands import annotation, options


def _tags(_context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    from runicorn_tui.tag_words import read_tags

    try:
        return read_tags(" ".join(texts))
    except InvalidQuery as error:
        raise click.BadParameter(str(error), param=parameter) from error


@click.command(
    "tag",
    short_help="Add tags to experiments, or take them away.",
    epilog=options.FILTER_TERMS
    + "\n"
    + options.examples(
        "runicorn-tui tag 20250114_153045_a1b2c3 --add keep,paper",
        "runicorn-tui tag --where 'acc>0.9 age<7d' --add best --remove candidate --yes",
        "runicorn-tui tag 20250114_153045_a1b2c3 --add '\"two words\"'",
    ),
)
@click.option("--add", multiple=True, callback=_tags, metavar="TAGS", help="Tags to add, with commas between them.")
@click.option("--remove", multiple=True, callback=_tags, metavar="TAGS", help="Tags to take away.")
@annotation.chosen
def command(
    add: tuple[str, ...],
    remove: tuple[str, ...],
    prefixes: tuple[str, ...],
    where: str | None,
    dry_run: bool,
    yes: bool,
    db: Path | None,
    as_json: bool,
) -> int:
    """Add tags to experiments, or take them away, by ID or by filter.

    They are kept in the index and, where it can be written, in a small file of the run directory.
    """
    from runicorn_tui.tag_words import TagChange

    if not add and not remove:
        raise click.UsageError("Name tags by --add or --remove.")
    if both := set(add) & set(remove):
        raise click.UsageError(f"To be both added and removed: {', '.join(sorted(both))}.")
    return annotation.annotate(
        lambda store, ids: store.annotate(ids, add_tags=add, remove_tags=remove),
        said=f"Tags {TagChange(add=add, remove=remove)}",
        prefixes=prefixes,
        where=where,
        dry_run=dry_run,
        yes=yes,
        db=db,
        as_json=as_json,
    )
