"""What picks one of many names."""

from __future__ import annotations

from runicorn_tui.screens.pick import PickScreen


def test_names_that_are_read_before_it_is_shown_can_be_picked() -> None:
    picking = PickScreen("Group by", ["project"])
    picking.show_names(["project", "param:lr"])
    assert picking.found("lr") == ["param:lr"]
