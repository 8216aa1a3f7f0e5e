from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runicorn_tui.commands import options

if TYPE_CHECKING:
    from runicorn_db.retention import Group, Plan, Rule, RuleReport, Verdict

_SHOWN_GROUPS = 20

_STAYS = {
    "best": "among the best",
    "last": "among the last",
    "young": "too young",
    "status": "of another status",
    "pinned": "pinned",
    "running": "running",
}

_POLICY = """\b
A policy is TOML with the same names, one table for each rule:
  [[rule]]
  per = "project"
  keep_best = 5
  keep_last = 10
\b
  [[rule]]
  status = ["failed", "interrupted"]
  older_than = "30d"
  where = "-tag:paper"

An experiment goes when one rule takes it and no rule keeps it. A rule is about what matches its filter. It keeps the
best and the last of each group; ranks count every experiment of the group, whatever its status and age, pinned or
running. It takes what has one of the statuses and is old enough.

Best is as the best metric's mode says (max where none is known), among experiments with the same best metric. A name
belongs to its project; an experiment is in the group of each of its tags, and stays when one of them keeps it.
"""


@click.command(
    "clean",
    short_help="Move what retention rules let go to the trash.",
    epilog=_POLICY
    + "\n"
    + options.examples(
        "runicorn-tui clean --keep-best 5 --keep-last 10 --per project",
        "runicorn-tui clean --status failed,interrupted --older-than 30d --yes",
        "runicorn-tui clean --keep-last 3 --per name --where 'project:scratch' --json",
        "runicorn-tui clean --policy retention.toml --yes --reason 'weekly cleaning'",
    ),
)
@click.option("--keep-best", type=click.IntRange(min=1), metavar="N", help="Keep the N best of each group.")
@click.option("--keep-last", type=click.IntRange(min=1), metavar="N", help="Keep the N newest of each group.")
@click.option(
    "--per",
    type=click.Choice(["project", "name", "tag"]),
    metavar="project|name|tag",
    help="Groups; without it all are one group.",
)
@click.option("--older-than", callback=options.duration, metavar="AGE", help="Take only what is older, such as 30d.")
@click.option("--status", metavar="S,S", help="Take only what has one of these statuses.")
@options.where("Leave alone what does not match this filter: it does not count either.")
@click.option("--include-running", is_flag=True, help="Take running ones too.")
@click.option("--include-pinned", is_flag=True, help="Take pinned ones too.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Rules from a file in place of the options above.",
)
@click.option("--yes", is_flag=True, help="Move what the plan shows to the trash; without it nothing changes.")
@options.reason
@options.move_to_recycle
@options.db
@options.json
def command(
    policy: Path | None,
    yes: bool,
    reason: str,
    move_to_recycle: bool,
    db: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Show which experiments retention rules let go, and with --yes move exactly those to the trash, as one batch.

    Pinned and running experiments are left out unless switched on. The index is taken as it is: `runicorn-tui sync`
    brings it up to date.
    """
    from runicorn_db.retention import plan
    from runicorn_tui import output
    from runicorn_tui.commands.deletion import check_reason, move_to_trash
    from runicorn_tui.index import open_index, option
    from runicorn_tui.settings import load

    rules = _rules(policy, given)
    check_reason(reason)
    settings = load({"db": db})
    with open_index(settings) as store:
        planned = plan(store, rules)
        ids = store.id_list(planned.snapshot)
        if not as_json:
            _print(planned)
        if not yes:
            if as_json:
                output.write_json({**_answer(planned), "ids": ids})
            if ids:
                output.note("Nothing was changed: add --yes to move them to the trash.")
            return 0
        return move_to_trash(
            store,
            ids,
            reason=reason,
            query="clean " + "; ".join(map(str, rules)),
            move_to_recycle=move_to_recycle,
            option=option(settings),
            as_json=as_json,
            unknown={},
            answer=_answer(planned),
        )


def _rules(policy: Path | None, given: dict[str, Any]) -> tuple[Rule, ...]:
    from runicorn_db.errors import InvalidQuery
    from runicorn_db.policy import read_policy
    from runicorn_db.retention import Rule

    chosen = {name: value for name, value in given.items() if value not in (None, False)}
    if policy is not None:
        if chosen:
            names = ", ".join("--" + name.replace("_", "-") for name in chosen)
            raise click.UsageError(f"The rules are those of --policy; {names} cannot be added.")
        try:
            return read_policy(policy.read_bytes().decode())
        except (InvalidQuery, UnicodeDecodeError) as error:
            raise click.UsageError(f"{policy}: {error}") from error
    if not chosen.keys() - {"include_running", "include_pinned", "per"}:
        raise click.UsageError("Name what stays or what goes, such as --keep-last 10 --per project, or --policy FILE.")
    if "where" in chosen:
        chosen["where"] = options.criteria(chosen["where"])
        if not chosen["where"]:
            raise click.UsageError("--where must not be empty.")
    if "status" in chosen:
        chosen["status"] = tuple(status.strip() for status in chosen["status"].split(","))
    return (Rule(**chosen),)


# --- the plan


def _stays(verdicts: Mapping[Verdict, int]) -> dict[str, int]:
    return {name: count for name, count in verdicts.items() if name != "goes"}


def _answer(planned: Plan) -> dict[str, object]:
    return {
        "considered": planned.considered,
        "goes": planned.preview.total,
        "size_bytes": planned.preview.size_bytes,
        "stays": _stays(planned.verdicts),
        "rules": [
            {
                "rule": str(report.rule),
                "per": report.rule.per,
                "group_count": report.group_count,
                "groups": [
                    {
                        "labels": group.labels,
                        "goes": group.verdicts.get("goes", 0),
                        "size_bytes": group.size_bytes,
                        "stays": _stays(group.verdicts),
                    }
                    for group in report.groups
                ],
            }
            for report in planned.reports
        ],
    }


def _print(planned: Plan) -> None:
    from runicorn_tui import output
    from runicorn_tui.commands.deletion import described
    from runicorn_tui.format import plural
    from runicorn_tui.terminal import safe

    for report in planned.reports:
        click.echo(safe(f"Rule {report.rule}"))
        if report.groups:
            _print_groups(report)
        else:
            click.echo("It is about no experiment.")
        click.echo()
    click.echo(described(planned.preview))
    stays = _stays(planned.verdicts)
    for name, count in stays.items():
        switch = f" (--include-{name}, or include_{name} in a policy)" if name in ("pinned", "running") else ""
        click.echo(f"Stays: {plural(count, 'experiment')} {_STAYS[name]}{switch}")
    if not planned.preview.total:
        output.note("Nothing to clean.")


def _print_groups(report: RuleReport) -> None:
    from runicorn_tui import format, output

    columns = (
        output.Column(title="GROUP", is_elastic=True),
        output.Column(title="ALL", align="right"),
        output.Column(title="GO", align="right"),
        output.Column(title="SIZE", align="right"),
        output.Column(title="STAY"),
    )
    shown = report.groups[:_SHOWN_GROUPS]
    output.Table(columns).add(
        (
            _label(report.rule, group),
            format.count(sum(group.verdicts.values())),
            format.count(group.verdicts.get("goes", 0)),
            format.size(group.size_bytes),
            ", ".join(f"{count:,} {_STAYS[name]}" for name, count in _stays(group.verdicts).items()),
        )
        for group in shown
    )
    if more := report.group_count - len(shown):
        click.echo(f"… {format.plural(more, 'group')} more, from which less goes …")


def _label(rule: Rule, group: Group) -> str:
    labels: Sequence[str | None] = group.labels
    if not labels:
        return "all"
    return " / ".join("(no tag)" if label is None else label for label in labels)
