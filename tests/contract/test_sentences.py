from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contract.sentences import ELSEWHERE, SENTENCES

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]


def claims() -> dict[str, list[str]]:
    """Sentence -> the tests that say they check it."""
    found: dict[str, list[str]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.says":
                    assert node.name.startswith("test_"), node.name
                    for name in mark.args:
                        found.setdefault(ast.literal_eval(name), []).append(f"{path.name}::{node.name}")
    return found


def test_every_sentence_of_the_contract_has_a_test() -> None:
    assert sorted(set(SENTENCES) - set(claims()) - set(ELSEWHERE)) == []


def test_no_test_claims_a_sentence_that_is_not_there() -> None:
    assert sorted((set(claims()) | set(ELSEWHERE)) - set(SENTENCES)) == []


@pytest.mark.parametrize("name", ELSEWHERE)
def test_tests_at_other_places_are_there(name: str) -> None:
    path, _, function = ELSEWHERE[name].partition("::")
    assert f"def {function}(" in (PROJECT / path).read_text("utf-8")
