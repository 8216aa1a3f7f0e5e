"""Notices that do not pile up over the list."""

from __future__ import annotations

from textual.app import App
from textual.notifications import Notify

MOST = 3


def kind_of(text: str) -> str:
    """What a notice has in common with others that only count something else."""
    return " ".join(word for word in text.split() if not word.replace(",", "").isdigit())


class Notices(App[None]):
    """Shows the last three at most; one takes the place of an earlier one of its kind."""

    def on_notify(self, message: Notify) -> None:
        new, shown = message.notification, list(self._notifications)
        replaced = [notice for notice in shown if kind_of(notice.message) == kind_of(new.message)]
        others = [notice for notice in shown if notice not in replaced]
        for notice in [*replaced, *others[: max(0, len(others) + 1 - MOST)]]:
            self._unnotify(notice, refresh=False)
