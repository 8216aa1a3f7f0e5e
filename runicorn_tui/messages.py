"""What the threads of the browser tell its screens. None of them bubbles: the app hands each to its screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from runicorn_db.sync_report import SyncProgress, SyncReport


class SyncMoved(Message, bubble=False):
    """A first look at the roots goes on; None: it has ended."""

    def __init__(self, progress: SyncProgress | None) -> None:
        super().__init__()
        self.progress = progress

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SyncMoved)


class IndexChanged(Message, bubble=False):
    """A sync found something different from what the index said."""

    def __init__(self, report: SyncReport) -> None:
        super().__init__()
        self.report = report


class SyncFailed(Message, bubble=False):
    """The roots could not be read; `reason` is the sentence to show."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class ServerChanged(Message, bubble=False):
    """The REST server came up (an address), went down (None) or could not start (a reason)."""

    def __init__(self, address: str | None, reason: str | None = None) -> None:
        super().__init__()
        self.address = address
        self.reason = reason
