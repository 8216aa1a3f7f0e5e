from __future__ import annotations

import pytest

from runicorn_db.filter_language import parse
from runicorn_db.named_values import NamedValue
from runicorn_tui.unknown_names import asked_for, sentence

KNOWN = [
    NamedValue("best", "accuracy"),
    NamedValue("best", "train/loss"),
    NamedValue("best", "val acc"),
    NamedValue("param", "lr"),
    NamedValue("param", "optimizer"),
    NamedValue("param", "model.depth"),
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("status:failed accuracy>0.5 param.lr<1", ""),
        ("lr<1e-3", "no metric is called lr, but a parameter is: write param.lr<0.001"),
        ("-min.lr>=1,2", ""),
        ("-min.lr>=1", "no metric is called lr, but a parameter is: write -param.lr>=1"),
        ("optimizer:1,2", "no metric is called optimizer, but a parameter is: write param.optimizer=1,2"),
        ("has:optimizer", "no metric is called optimizer, but a parameter is: write has:param.optimizer"),
        ("-has:lr", "no metric is called lr, but a parameter is: write -has:param.lr"),
        ("param.accuracy>0.5", "no parameter is called accuracy, but a metric is: write accuracy>0.5"),
        ('"param.val acc">0.5', 'no parameter is called val acc, but a metric is: write "val acc">0.5'),
        ("acuracy>0.5", "no metric is called acuracy: did you mean accuracy?"),
        ("loss<1", "no metric is called loss: did you mean train/loss?"),
        ("depth>3", "no metric is called depth: did you mean param.model.depth?"),
        ("param.optimiser:adam", "no parameter is called optimiser: did you mean param.optimizer?"),
        ("zzz>1", ""),
        ("param.zzz>1", "no parameter is called zzz"),
        ("accuracy>0.5 or zzz>1 or param.zzz:1", "no parameter is called zzz"),
    ],
)
def test_a_name_that_no_experiment_has_is_told_with_what_was_meant(text: str, said: str) -> None:
    assert sentence(asked_for(parse(text)[0]), KNOWN) == said


@pytest.mark.parametrize("text", ["lr<1e-3", "has:lr", "param.accuracy>0.5", "optimizer:1"])
def test_what_is_proposed_is_understood(text: str) -> None:
    proposed = sentence(asked_for(parse(text)[0]), KNOWN).partition("write ")[2]
    criteria, notes = parse(proposed)
    assert not notes
    assert sentence(asked_for(criteria), KNOWN) == ""
