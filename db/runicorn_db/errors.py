"""Everything that can go wrong in the store, each raised with the sentence to show.

StoreError
├── InvalidQuery          the question is wrong: an answer would mislead
├── UnknownExperiment     no experiment has this id
├── UnknownRoot           no root has this name or path
├── UnknownBatch          no deletion batch has this number
├── CountChanged          a delete by filter no longer matches the number that was shown
├── StoreBusy             another process holds the index for too long
├── StorageFull           no space left: nothing was changed
├── QueryFailed           SQLite could not answer (timeout, I/O error, malformed file)
├── Interrupted           the caller took the question back
└── IndexUnusable         the index file cannot be used at all
    ├── NotAnIndex        the file is something else, or damaged
    └── SchemaTooNew      a newer program wrote it
"""

from __future__ import annotations


class StoreError(Exception):
    """The root of the tree; `str(error)` is a sentence fit for a person."""


class InvalidQuery(StoreError):
    pass


class UnknownExperiment(StoreError):
    def __init__(self, experiment_id: str) -> None:
        super().__init__(f"Experiment {experiment_id} not found")
        self.experiment_id = experiment_id


class UnknownRoot(StoreError):
    pass


class UnknownBatch(StoreError):
    pass


class CountChanged(StoreError):
    pass


class StoreBusy(StoreError):
    pass


class StorageFull(StoreError):
    pass


class QueryFailed(StoreError):
    pass


class Interrupted(StoreError):
    pass


class IndexUnusable(StoreError):
    pass


class NotAnIndex(IndexUnusable):
    pass


class SchemaTooNew(IndexUnusable):
    pass
