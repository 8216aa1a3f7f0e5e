"""Notices that do not pile up over the list."""

from __future__ import annotations

from textual.app import App
from textual.notifications import Notification, Notify

MOST = 3


def kind_of(text: str) -> str:
    """What a notice has in common with others that only count something else: all but the number it begins with."""
    first, _, rest = text.partition(" ")
    return rest if first.replace(",", "").isdigit() else text


class Alert(Notification):
    """What happened while nobody looked: no other notice takes its place."""


class Notices(App[None]):
    """Shows the last three at most besides alerts; one takes the place of an earlier one of its kind."""

    def on_notify(self, message: Notify) -> None:
        new, shown = message.notification, [one for one in self._notifications if not isinstance(one, Alert)]
        if isinstance(new, Alert):
            return
        replaced = [notice for notice in shown if kind_of(notice.message) == kind_of(new.message)]
        others = [notice for notice in shown if notice not in replaced]
        for notice in [*replaced, *others[: max(0, len(others) + 1 - MOST)]]:
            self._unnotify(notice, refresh=False)
