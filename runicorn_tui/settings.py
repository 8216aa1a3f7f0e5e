"""Settings: flag > `RUNICORN_TUI_*` > project file > user file > default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

APP_NAME = "runicorn-tui"
ENVIRONMENT_PREFIX = "RUNICORN_TUI_"
PROJECT_FILE = ".runicorn-tui.toml"
_ENVIRONMENT = "environment"


class InvalidSetting(ValueError):
    """A setting that cannot be used; `str(error)` names where it was read and what is allowed.

    `setting` is the name of one whose value is out of range.
    """

    def __init__(self, sentence: str, setting: str | None = None) -> None:
        super().__init__(sentence)
        self.setting = setting


def _help(sentence: str) -> dict[str, str]:
    return {"help": sentence}


ACCESS_LOGS = ("off", "text", "json")
NOTIFICATIONS = ("off", "bell", "osc9", "osc777")
THEMES = ("dark", "light", "high-contrast", "colour-blind")

_NEVER_IN_A_FILE = "token"
"""A project file is shared and committed; `token_file` names a file that is checked to be private."""

_NEVER_IN_A_PROJECT = frozenset(
    ("serve", "host", "allowed_hosts", "unix_socket", "token_file", "cors_origin", "trusted_proxies", "allow_purge")
)
"""What lets others in, or destroys, is for the user to say, not for a folder that was copied from somewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, with its default. `explanations()` gives the sentence for each."""

    db: Path | None = field(default=None, metadata=_help("Index file; without it, index.db in your data directory."))
    host: str = field(default="127.0.0.1", metadata=_help("Address the REST server listens on."))
    port: int = field(default=23300, metadata=_help("Port the REST server listens on; 0 takes a free one."))
    serve: bool = field(default=False, metadata=_help("Serve REST while the browser is open."))
    rate_limit: bool = field(
        default=True, metadata=_help("Limit the requests of each client, as the V2 contract says.")
    )
    watch: bool = field(
        default=True, metadata=_help("Keep the index equal to the roots while the browser or the server runs.")
    )
    restore: bool = field(
        default=True, metadata=_help("Begin as the browser was left: columns, order, filter, groups and marks.")
    )
    notify: str = field(
        default="off",
        metadata=_help("How the terminal tells that a watched experiment has ended: off, bell, osc9 or osc777."),
    )
    theme: str = field(
        default="",
        metadata=_help(f"Colours of the browser: {', '.join(THEMES)}; without it, those of last time."),
    )
    ascii: bool | None = field(
        default=None,
        metadata=_help("Show nothing but ASCII; without it, where the locale is not UTF-8."),
    )
    slow_line: bool | None = field(
        default=None,
        metadata=_help("Paint less: no animation, half pages, a later preview; without it, over ssh."),
    )
    running_interval: float = field(default=2.0, metadata=_help("Seconds between two looks at running experiments."))
    full_interval: float = field(default=60.0, metadata=_help("Seconds between two full scans of the roots."))
    allowed_hosts: tuple[str, ...] = field(
        default=(), metadata=_help("Further names REST clients may call this server by.")
    )
    unix_socket: Path | None = field(
        default=None, metadata=_help("Serve REST in this socket file, for you alone, instead of on a port.")
    )
    token_file: Path | None = field(
        default=None,
        metadata=_help("File with the token REST clients must send; needed to listen beyond this machine."),
    )
    token: str = field(
        default="", repr=False, metadata=_help("The same token; only in the environment, never in a file of settings.")
    )
    require_peer: bool = field(
        default=False, metadata=_help("Refuse REST clients of whom the system does not tell which user they are.")
    )
    read_only: bool = field(default=False, metadata=_help("Refuse every REST request that would change something."))
    allow_purge: bool = field(default=False, metadata=_help("Let REST clients empty the trash for good."))
    cors_origin: str = field(
        default="", metadata=_help("The one other web origin whose pages may use REST, such as https://lab.example.")
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(), metadata=_help("Addresses of proxies whose X-Forwarded-For names the REST client.")
    )
    query_timeout: float = field(default=2.0, metadata=_help("Seconds that one REST question to the index may take."))
    access_log: str = field(default="off", metadata=_help("A line on stderr for each REST request: off, text or json."))
    metrics: bool = field(default=False, metadata=_help("Answer Prometheus under /metrics."))
    rate_limits: tuple[tuple[str, int], ...] = field(
        default=(),
        metadata=_help(
            "Table of requests in 60 seconds for list, detail, metrics, write, soft_delete, purge, other;"
            " what is left out stays as it is."
        ),
    )

    def __post_init__(self) -> None:
        if self.access_log not in ACCESS_LOGS:
            raise InvalidSetting(f"access_log must be off, text or json, not '{self.access_log}'", "access_log")
        if self.notify not in NOTIFICATIONS:
            raise InvalidSetting(f"notify must be off, bell, osc9 or osc777, not '{self.notify}'", "notify")
        if self.theme and self.theme not in THEMES:
            raise InvalidSetting(f"theme must be {', '.join(THEMES)}, not '{self.theme}'", "theme")
        if not 0 <= self.port <= 65535:
            raise InvalidSetting(f"port must be from 0 to 65535, not {self.port}", "port")
        for name in ("running_interval", "full_interval", "query_timeout"):
            if not 0.1 <= getattr(self, name) <= 86400:
                sentence = f"{name} must be from 0.1 to 86400 seconds, not {getattr(self, name)}"
                raise InvalidSetting(sentence, name)


def explanations() -> dict[str, str]:
    """Each setting and the sentence that explains it."""
    return {f.name: f.metadata["help"] for f in fields(Settings)}


def user_file() -> Path:
    """Where the settings of this user are read from."""
    return platformdirs.user_config_path(APP_NAME) / "config.toml"


def load(
    flags: Mapping[str, object] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """The settings in force in `directory` (default: the current one). A flag of None was not given.

    Raises InvalidSetting for unknown names, wrong types and unreadable files.
    """
    project_file = (directory or Path.cwd()) / PROJECT_FILE
    sources = {
        str(user_file()): _read_file(user_file()),
        str(project_file): _read_file(project_file, is_project=True),
        _ENVIRONMENT: _read_environment(os.environ if environment is None else environment),
        "command line": {name: value for name, value in (flags or {}).items() if value is not None},
    }
    values: dict[str, Any] = {}
    for source in sources.values():
        values |= source
    try:
        return Settings(**values)
    except InvalidSetting as error:
        where = next((name for name in reversed(sources) if error.setting in sources[name]), None)
        if where == _ENVIRONMENT:
            where = f"{ENVIRONMENT_PREFIX}{error.setting}".upper()
        raise InvalidSetting(f"{where}: {error}", error.setting) from error


def _read_file(path: Path, *, is_project: bool = False) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidSetting(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSetting(f"{path}: not valid TOML: {error}") from error
    hints = get_type_hints(Settings)
    if _NEVER_IN_A_FILE in document:
        raise InvalidSetting(f"{path}: a token must not stand here: name a file of its own with token_file")
    for name in document:
        if name not in hints:
            raise InvalidSetting(f"{path}: unknown setting '{name}'; known are {', '.join(hints)}")
        if is_project and name in _NEVER_IN_A_PROJECT:
            raise InvalidSetting(f"{path}: '{name}' must not stand in a folder's file: set it in {user_file()}")
    return {name: _from_toml(value, hints[name], f"{path}: {name}", path.parent) for name, value in document.items()}


def _from_toml(value: Any, hint: Any, where: str, base: Path) -> Any:
    # Not isinstance: true is an int in Python, and no port in TOML.
    kind = value.__class__
    if hint == Path | None and kind is str:
        return base / Path(value).expanduser()
    if hint == tuple[str, ...] and kind is list and all(type(text) is str for text in value):
        return tuple(value)
    if hint == tuple[tuple[str, int], ...] and kind is dict and all(type(limit) is int for limit in value.values()):
        return tuple(value.items())
    if hint is float and kind is int:
        return float(value)
    if kind is hint or (hint == bool | None and kind is bool):
        return value
    raise InvalidSetting(f"{where} must be {_kind(hint)}, not {value!r}")


def _read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or not text:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in hints:
            known = ", ".join(ENVIRONMENT_PREFIX + known.upper() for known in hints)
            raise InvalidSetting(f"{variable}: unknown setting; known are {known}")
        values[name] = _from_text(text, hints[name], variable)
    return values


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _from_text(text: str, hint: Any, where: str) -> Any:
    if hint in (bool, bool | None) and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if hint is str:
        return text
    if hint == Path | None:
        return Path(text).expanduser()
    if hint == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        if hint in (int, float):
            return hint(text)
        if hint == tuple[tuple[str, int], ...]:
            pairs = (part.split("=") for part in text.split(",") if part.strip())
            return tuple((name.strip(), int(number)) for name, number in pairs)
    except ValueError:
        pass
    raise InvalidSetting(f"{where} must be {_kind(hint)}, not {text!r}")


def _kind(hint: Any) -> str:
    kinds = {
        bool: "true or false",
        bool | None: "true or false",
        int: "a whole number",
        float: "a number",
        tuple[str, ...]: "a list of texts",
        tuple[tuple[str, int], ...]: "names with whole numbers, such as list=100,write=10",
    }
    return kinds.get(hint, "a text")
