from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_tui.settings import PROJECT_FILE, InvalidSetting, Settings, explanations, load, user_file
from tests.cli.conftest import Run


def write_user_file(text: str) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(text)


def test_a_flag_beats_the_environment_beats_the_project_beats_the_user_beats_the_default(tmp_path: Path) -> None:
    def port(flag: int | None = None, environment: dict[str, str] | None = None) -> int:
        return load({"port": flag}, environment=environment or {}, directory=tmp_path).port

    assert port() == 23300
    write_user_file("port = 1")
    assert port() == 1
    (tmp_path / PROJECT_FILE).write_text("port = 2")
    assert port() == 2
    assert port(environment={"RUNICORN_TUI_PORT": "3"}) == 3
    assert port(4, {"RUNICORN_TUI_PORT": "3"}) == 4


def test_every_kind_of_setting_can_stand_in_a_file(tmp_path: Path) -> None:
    write_user_file(
        'db = "index.db"\nhost = "::1"\nwatch = false\nfull_interval = 30\nallowed_hosts = ["box"]\n'
        'access_log = "json"\ntoken_file = "token"\n'
        "[rate_limits]\nlist = 5\n"
    )

    settings = load(environment={}, directory=tmp_path)

    assert settings == Settings(
        db=user_file().parent / "index.db",
        host="::1",
        watch=False,
        full_interval=30.0,
        allowed_hosts=("box",),
        access_log="json",
        token_file=user_file().parent / "token",
        rate_limits=(("list", 5),),
    )


def test_what_is_found_out_when_it_is_not_set_can_be_set_either_way() -> None:
    assert load(environment={}) == Settings(ascii=None, slow_line=None, theme="")
    write_user_file('ascii = true\nslow_line = false\ntheme = "light"')
    assert load(environment={}) == Settings(ascii=True, slow_line=False, theme="light")
    environment = {"RUNICORN_TUI_ASCII": "no", "RUNICORN_TUI_SLOW_LINE": "1", "RUNICORN_TUI_THEME": "dark"}
    assert load(environment=environment) == Settings(ascii=False, slow_line=True, theme="dark")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"RUNICORN_TUI_THEME": "pink"}, "RUNICORN_TUI_THEME: theme must be dark, light, high-contrast, colour-blind"),
        ({"RUNICORN_TUI_ASCII": "maybe"}, "RUNICORN_TUI_ASCII must be true or false, not 'maybe'"),
    ],
)
def test_a_look_that_there_is_not_is_refused_with_those_there_are(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        load(environment=environment)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "serve = true",
        'host = "0.0.0.0"',
        'allowed_hosts = ["lab"]',
        'cors_origin = "https://lab.example"',
        'token_file = "token"',
        'unix_socket = "socket"',
        'trusted_proxies = ["10.0.0.1"]',
        "allow_purge = true",
    ],
)
def test_a_folder_that_was_copied_from_somewhere_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / PROJECT_FILE).write_text(text)

    with pytest.raises(InvalidSetting) as caught:
        load(environment={}, directory=tmp_path)

    assert str(user_file()) in str(caught.value)


def test_every_kind_of_setting_can_stand_in_the_environment(tmp_path: Path) -> None:
    environment = {
        "RUNICORN_TUI_DB": "/data/index.db",
        "RUNICORN_TUI_WATCH": "off",
        "RUNICORN_TUI_RUNNING_INTERVAL": "0.5",
        "RUNICORN_TUI_ALLOWED_HOSTS": "box, lab",
        "RUNICORN_TUI_RATE_LIMITS": "list=5,write=1",
        "RUNICORN_TUI_HOST": "",
    }

    assert load(environment=environment, directory=tmp_path) == Settings(
        db=Path("/data/index.db"),
        watch=False,
        running_interval=0.5,
        allowed_hosts=("box", "lab"),
        rate_limits=(("list", 5), ("write", 1)),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prot = 1", "unknown setting 'prot'"),
        ('port = "1"', "port must be a whole number, not '1'"),
        ("port = true", "port must be a whole number, not True"),
        ("watch = 1", "watch must be true or false"),
        ("host = 5", "host must be a text"),
        ("allowed_hosts = [1]", "allowed_hosts must be a list of texts"),
        ("rate_limits = {list = 'many'}", "rate_limits must be names with whole numbers"),
        ("port = ", "not valid TOML"),
        ('token = "secret"', "a token must not stand here: name a file of its own with token_file"),
    ],
)
def test_what_is_wrong_in_a_file_names_the_file(tmp_path: Path, text: str, sentence: str) -> None:
    write_user_file(text)

    with pytest.raises(InvalidSetting) as caught:
        load(environment={}, directory=tmp_path)

    assert str(caught.value).startswith(str(user_file()))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RUNICORN_TUI_PROT", "1"),
        ("RUNICORN_TUI_PORT", "many"),
        ("RUNICORN_TUI_PORT", "70000"),
        ("RUNICORN_TUI_WATCH", "perhaps"),
        ("RUNICORN_TUI_FULL_INTERVAL", "nan"),
        ("RUNICORN_TUI_RATE_LIMITS", "list"),
        ("RUNICORN_TUI_ACCESS_LOG", "xml"),
        ("RUNICORN_TUI_NOTIFY", "osc8"),
        ("RUNICORN_TUI_QUERY_TIMEOUT", "0"),
    ],
)
def test_what_is_wrong_in_the_environment_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(InvalidSetting):
        load(environment={variable: value}, directory=tmp_path)


def test_a_value_out_of_range_names_where_it_was_read(tmp_path: Path) -> None:
    (tmp_path / PROJECT_FILE).write_text("port = 70000")

    def sentence(flag: int | None = None, environment: dict[str, str] | None = None) -> str:
        with pytest.raises(InvalidSetting) as caught:
            load({"port": flag}, environment=environment or {}, directory=tmp_path)
        return str(caught.value)

    assert sentence().startswith(f"{tmp_path / PROJECT_FILE}: port must be from 0 to 65535, not 70000")
    assert sentence(environment={"RUNICORN_TUI_PORT": "80000"}).startswith("RUNICORN_TUI_PORT: port must")
    assert sentence(-1).startswith("command line: port must")


def test_a_wrong_setting_is_a_usage_error(run: Run) -> None:
    Path(PROJECT_FILE).write_text("prot = 1")

    result = run("ls")

    assert result.code == 2
    assert PROJECT_FILE in result.err


def test_a_token_is_read_from_the_environment_and_never_shown(tmp_path: Path) -> None:
    settings = load(environment={"RUNICORN_TUI_TOKEN": "abc-def"}, directory=tmp_path)

    assert settings.token == "abc-def"
    assert "abc-def" not in repr(settings)


def test_every_setting_has_its_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in explanations().values())
