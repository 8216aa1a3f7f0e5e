"""A client of the REST server for scripts and notebooks, made of the standard library alone.

>>> from runicorn_tui.client import connect
>>> with connect("http://127.0.0.1:23300") as client:
...     for experiment in client.list_experiments(project="image_classification", search="vit"):
...         print(experiment.name, experiment.status)
vit_small finished
"""

from __future__ import annotations

from runicorn_tui.client.client import Client, connect
from runicorn_tui.client.errors import (
    BadRequest,
    ClientError,
    Conflict,
    ConnectionLost,
    Forbidden,
    MissingPackage,
    NotFound,
    RateLimited,
    Refused,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)
from runicorn_tui.client.listing import Experiments
from runicorn_tui.client.records import (
    Batch,
    Deleted,
    Detail,
    Experiment,
    Health,
    MatchingDeleted,
    Metrics,
    Record,
    Restored,
    Summary,
)

__all__ = [
    "BadRequest",
    "Batch",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionLost",
    "Deleted",
    "Detail",
    "Experiment",
    "Experiments",
    "Forbidden",
    "Health",
    "MatchingDeleted",
    "Metrics",
    "MissingPackage",
    "NotFound",
    "RateLimited",
    "Record",
    "Refused",
    "Restored",
    "ServerError",
    "Summary",
    "Unauthorized",
    "UnexpectedAnswer",
    "connect",
]
