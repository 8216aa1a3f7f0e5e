from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.run_facts import Asset, RunFacts, read_facts
from runicorn_tui.run_text import asset_lines, environment_lines
from runicorn_tui.terminal import safe


def write(directory: Path, **files: object) -> Path:
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


def said(facts: RunFacts, **options: bool) -> list[str]:
    return [line.plain for line in environment_lines(facts, 80, **({"with_variables": False} | options))]


def test_the_environment_is_read_with_meta_json_where_it_is_silent(tmp_path):
    facts = read_facts(
        str(
            write(
                tmp_path,
                meta={"python": "3.10.1", "platform": "Linux (x86_64)"},
                environment={
                    "python_version": "3.11.7 (main, May 9) [GCC]",
                    "pip_packages": ["a", "b"],
                    "git_info": {"commit": "0123456789abcdef", "branch": "main", "dirty": True},
                    "gpu_info": [{"name": "RTX 4090", "memory_total": "24564 MiB"}, "other"],
                    "env_variables": {"TOKEN": "secret", "PATH": "/bin"},
                },
            )
        )
    )
    assert said(facts) == [
        " python       3.11.7",
        " platform     Linux (x86_64)",
        " gpu          RTX 4090  24564 MiB",
        "              other",
        " packages     2",
        " git          branch main  commit 0123456789ab  with changes that were not",
        "              committed",
        " variables    2 environment variables, e shows them",
    ]
    assert said(facts, with_variables=True)[-2:] == [" variables    PATH=/bin", "              TOKEN=secret"]


def test_without_files_nothing_is_said(tmp_path):
    assert read_facts(str(tmp_path)) == RunFacts()
    assert said(RunFacts()) == []


def test_broken_files_say_so_and_hide_no_other(tmp_path):
    write(tmp_path, meta={"python": "3.11"})
    (tmp_path / "environment.json").write_text('{"a": 1,\n x')
    (tmp_path / "assets.json").write_text("")
    (tmp_path / "status.json").symlink_to("/etc/passwd")
    facts = read_facts(str(tmp_path))
    assert facts.python == "3.11"
    assert facts.problems == (
        "status.json cannot be read: Symbolic link, not followed",
        "environment.json cannot be read: Not JSON: Expecting property name enclosed in double quotes in line 2",
        "assets.json cannot be read: Empty file",
    )


def test_a_directory_that_is_gone_is_said(tmp_path):
    assert read_facts(str(tmp_path / "gone")).problems == ("The run directory is no longer there",)


def test_what_was_made_and_used_is_listed(tmp_path):
    facts = read_facts(
        str(
            write(
                tmp_path,
                artifacts_created={"artifacts": [{"name": "m", "type": "model", "version": 2, "size_bytes": 1200}]},
                artifacts_used={"artifacts": [{"name": "d", "type": "dataset", "version": 1}]},
                assets={
                    "datasets": [{"name": "cifar", "context": "train", "uri": "s3:/x", "total_size_bytes": 16}],
                    "pretrained": [{"name": "resnet50", "path_or_uri": "/w/r.pt"}],
                    "outputs": [{"name": "best", "path": "out/best.pt"}],
                    "code": {"snapshot": {"archive_path": "/a.zip"}},
                    "config": {"config_files": ["/c.yaml"], "args": {"lr": 1}},
                },
            )
        )
    )
    assert facts.assets == (
        Asset(kind="created", name="m", note="model v2", size_bytes=1200),
        Asset(kind="used", name="d", note="dataset v1"),
        Asset(kind="dataset", name="cifar", note="train  s3:/x", size_bytes=16),
        Asset(kind="pretrained", name="resnet50", note="/w/r.pt"),
        Asset(kind="output", name="best", note="out/best.pt"),
        Asset(kind="code", name="snapshot", note="/a.zip"),
        Asset(kind="config", name="/c.yaml"),
    )
    lines = [line.plain for line in asset_lines(facts.assets, 40)]
    assert lines[0] == " created    m  model v2           1.2 kB"
    assert {len(line) for line in lines} == {40}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "python_version",
    "pip_packages",
    "git_info",
    "gpu_info",
    "env_variables",
    "artifacts",
    "datasets",
    "code",
    "config",
]


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, ANY_JSON)))
def test_whatever_the_files_hold_is_only_text(tmp_path_factory, content):
    directory = tmp_path_factory.mktemp("run")
    for name in ("environment", "assets", "artifacts_created"):
        (directory / f"{name}.json").write_text(json.dumps(content))
    facts = read_facts(str(directory))
    lines = [*environment_lines(facts, 40, with_variables=True), *asset_lines(facts.assets, 40)]
    assert all(safe(line.plain) == line.plain for line in lines)
