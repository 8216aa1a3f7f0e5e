from __future__ import annotations

from collections import Counter

import pytest

from runicorn_tui import keys
from runicorn_tui.app import RunicornApp
from runicorn_tui.screens.columns import ColumnsScreen, SearchInput
from runicorn_tui.screens.compare import CompareScreen
from runicorn_tui.screens.confirm import ConfirmDelete
from runicorn_tui.screens.description import DescriptionScreen
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.export import ExportScreen
from runicorn_tui.screens.file import FileScreen
from runicorn_tui.screens.help import HelpScreen
from runicorn_tui.screens.pick import PickScreen
from runicorn_tui.screens.purge import ConfirmPurge
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.screens.report import FailuresScreen, JournalScreen
from runicorn_tui.screens.saved_filters import NameInput, SavedFiltersScreen
from runicorn_tui.screens.trash import DeletedScreen, TrashScreen
from runicorn_tui.screens.write_comparison import WriteComparisonScreen
from runicorn_tui.widgets.chart_pane import ChartPane
from runicorn_tui.widgets.comparison_table import ComparisonTable
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.file_pane import FilePane
from runicorn_tui.widgets.filter_input import FilterInput
from runicorn_tui.widgets.grouped_table import GroupedTable
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.log_pane import FindInput, LogPane
from runicorn_tui.widgets.log_view import LogView
from runicorn_tui.widgets.overview import Overview
from runicorn_tui.widgets.parameter_pane import ParameterPane
from runicorn_tui.widgets.search_line import SearchLine
from runicorn_tui.widgets.sheet import Sheet
from runicorn_tui.widgets.tag_input import TagInput

HOMES: dict[keys.Scope, tuple[type, ...]] = {
    "app": (RunicornApp,),
    "table": (LineTable, Sheet, LogView, ChartPane),
    "marks": (ExperimentTable,),
    "search": (SearchInput, SearchLine),
    "columns": (ExperimentTable,),
    "groups": (GroupedTable,),
    "chooser": (ColumnsScreen,),
    "filter": (FilterInput,),
    "saved": (SavedFiltersScreen,),
    "naming": (NameInput,),
    "tagging": (TagInput,),
    "describing": (DescriptionScreen,),
    "export": (ExportScreen,),
    "experiments": (ExperimentsScreen,),
    "experiment": (ExperimentScreen,),
    "watchable": (ExperimentScreen,),
    "exportable": (ExperimentScreen,),
    "chart": (ChartPane,),
    "overview": (Overview,),
    "parameters": (ParameterPane,),
    "compare": (CompareScreen,),
    "compared": (ComparisonTable,),
    "picking": (PickScreen,),
    "writing": (WriteComparisonScreen,),
    "log": (LogPane,),
    "find": (FindInput,),
    "files": (FilePane,),
    "file": (FileScreen,),
    "trash": (TrashScreen,),
    "deleted": (DeletedScreen,),
    "report": (FailuresScreen, JournalScreen),
    "confirm": (ConfirmDelete,),
    "purging": (ConfirmPurge,),
    "quitting": (QuitScreen,),
    "help": (HelpScreen,),
}

# What a terminal, tmux, screen or flow control keeps for itself.
TAKEN = {"ctrl+b", "ctrl+a", "ctrl+s", "ctrl+q", "ctrl+z", "ctrl+c", "ctrl+h", "ctrl+i", "ctrl+m", "shift+space"}


@pytest.mark.parametrize("scope", list(HOMES))
def test_every_row_has_its_action(scope: keys.Scope) -> None:
    for key in keys.of(scope):
        name = f"action_{key.action.partition('(')[0]}"
        for home in HOMES[scope]:
            assert hasattr(home, name), f"{home.__name__} lacks {name} for {key.id}"


def test_ids_are_unique() -> None:
    assert [name for name, count in Counter(key.id for key in keys.KEYS).items() if count > 1] == []


@pytest.mark.parametrize("scopes", keys.TOGETHER)
def test_no_key_means_two_things_on_one_screen(scopes: tuple[keys.Scope, ...]) -> None:
    counts = Counter(name for key in keys.of(*scopes) for name in key.keys)
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_key_is_one_that_never_arrives() -> None:
    assert TAKEN.isdisjoint(name for key in keys.KEYS for name in key.keys)


def test_every_shifted_arrow_has_a_plain_twin() -> None:
    for key in keys.KEYS:
        if any(name in ("shift+up", "shift+down", "shift+left", "shift+right") for name in key.keys):
            assert any("+" not in name for name in key.keys), key.id


@pytest.mark.parametrize("scope", ["experiments", "trash", "deleted", "experiment"])
def test_the_footer_names_at_most_eight_keys(scope: keys.Scope) -> None:
    assert 0 < sum(key.in_footer for key in keys.of(scope, "app")) <= 8


def test_labels_fit_the_help() -> None:
    assert max(len(key.label) for key in keys.of("experiments", "marks", "table", "filter", "app", "trash")) <= 21
