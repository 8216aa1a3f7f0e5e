from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docs.make_tables import TABLES, renewed
from runicorn_api.app import ServerSettings, create_app
from runicorn_api.bodies import BATCH_DELETE_FIELDS, BATCH_RESTORE_FIELDS
from runicorn_api.server import Server
from runicorn_db.demo import write_demo
from runicorn_db.filter_language import FIELDS, parse
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.cli import COMMANDS, PROGRAM, cli, run
from runicorn_tui.keymap import load

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text("utf-8")
EXAMPLE_ID = "20250114_153045_a1b2c3"


def shell_lines(program: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith(f"{program} ")]


def arguments_of(line: str) -> list[str]:
    """The words after the program's name, up to a pipe or a redirection."""
    words = shlex.split(line, comments=True)
    ends = [words.index(mark) for mark in ("|", ">") if mark in words]
    return words[1 : min(ends, default=None)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of a small demo."""
    directory = tmp_path_factory.mktemp("demo")
    write_demo(directory / "demo", 30, steps=20)
    with Store(directory / "index.db") as store:
        store.add_root(directory / "demo")
        sync(store)
    return directory / "index.db"


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_the_tables_say_what_the_program_says(path: Path) -> None:
    assert renewed(path) == path.read_text("utf-8"), "make tables"


def test_the_keys_of_the_manual_can_be_chosen(tmp_path: Path) -> None:
    manual = (PROJECT / "docs/keys.md").read_text("utf-8")
    (tmp_path / "keys.toml").write_text(re.findall(r"```toml\n(.*?)```", manual, re.DOTALL)[0])

    assert load(tmp_path / "keys.toml").changed


def test_every_command_is_told_in_the_changelog() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")

    assert [name for name in COMMANDS if name != "browse" and f"`{name}`" not in changelog] == []


@pytest.mark.parametrize("line", shell_lines(PROGRAM))
def test_command_lines_of_readme_are_understood(line: str) -> None:
    context = cli.make_context(PROGRAM, arguments_of(line))
    name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])

    assert name in COMMANDS
    assert command is not None
    command.make_context(name, rest, parent=context)


RUN_HERE = re.compile(r"runicorn-tui (ls|rm|metrics|restore) ")


@pytest.mark.parametrize("line", [line for line in shell_lines(PROGRAM) if RUN_HERE.match(line)])
def test_command_lines_of_readme_do_what_they_say(
    line: str, demo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNICORN_TUI_DB", str(demo))
    with Store(demo) as store:
        with_loss, *_, other = store.find(ExperimentQuery(filter=parse("has:loss")[0])).experiments
        # What an example has to guess is what this index says.
        line = line.replace("20250114_15", with_loss.id)
        if "restore" in line:
            line = line.replace("--batch 1", f"--batch {store.delete([other.id], source='cli').batch}")

    assert run(arguments_of(line)) == 0


def terms_of_readme() -> Iterator[str]:
    table = README.partition("## Filter language")[2].partition("## ")[0]
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", row)


@pytest.mark.parametrize("term", sorted(set(terms_of_readme())))
def test_filter_terms_of_readme_are_understood(term: str) -> None:
    criteria, notes = parse(term)

    assert notes == ()
    assert criteria


def test_readme_shows_every_field_of_the_filter_language() -> None:
    terms = " ".join(terms_of_readme())

    assert [field for field in FIELDS if not re.search(rf"\b{field}[:<>=]", terms)] == []


@pytest.fixture(scope="module")
def server(demo: Path) -> Iterator[Server]:
    settings = ServerSettings(version="test", rate_limits=None)
    with Store(demo) as store, Server(create_app(store, settings), port=0) as server:
        yield server


@pytest.mark.parametrize("line", shell_lines("curl"))
def test_curl_lines_of_readme_are_answered(line: str, server: Server, demo: Path) -> None:
    with Store(demo) as store:
        some_id = store.find(ExperimentQuery(per_page=1)).experiments[0].id
    words = shlex.split(line.replace(EXAMPLE_ID, some_id))
    options = dict(pairwise(words))
    url = urlsplit(next(word for word in words if word.startswith("http://127.0.0.1:23300/api/")))
    name, _, value = options.get("-H", "Accept: */*").partition(": ")

    connection = HTTPConnection(*server.address, timeout=10)
    connection.request(options.get("-X", "GET"), f"{url.path}?{url.query}", options.get("-d"), {name: value})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()

    assert response.status == 200, answer


def test_curl_bodies_of_readme_have_known_fields() -> None:
    bodies = [json.loads(shlex.split(line)[-1]) for line in shell_lines("curl") if " -d " in line]

    assert bodies
    assert all(set(body) <= {*BATCH_DELETE_FIELDS, *BATCH_RESTORE_FIELDS} for body in bodies)


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_links_of_readme_lead_somewhere(path: str) -> None:
    assert (PROJECT / path).exists()


def test_readme_names_the_make_targets_that_there_are() -> None:
    targets = re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= set(targets)
    assert {"demo", "test", "check", "screenshot"} <= set(targets)
