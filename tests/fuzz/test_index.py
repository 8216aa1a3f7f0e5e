"""An index with flipped, zeroed or missing bytes: an error in one sentence or an answer of the right form."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import falcon.testing
import pytest

from runicorn_api.app import Application, ServerSettings, create_app
from runicorn_api.openapi import document
from runicorn_db.errors import StoreError
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.contract import content
from tests.contract.content import DOCUMENTED, VICTIMS

V2 = "/api/v2/experiments"
JSON = {"Content-Type": "application/json"}
ASKED = (
    ("GET", V2, "Page", None),
    ("GET", f"{V2}?search=res&order_by=name&per_page=7", "Page", None),
    ("GET", f"{V2}?filter=acc%3E0+or+param.lr%3C1&include_deleted=1&order_by=best_metric_value", "Page", None),
    ("GET", f"{V2}/{DOCUMENTED}", "Detail", None),
    ("GET", f"{V2}/{DOCUMENTED}/metrics/fast?downsample=50", "MetricTable", None),
    ("GET", f"{V2}/{DOCUMENTED}/metrics/fast?step_range=5:90", "MetricTable", None),
    ("GET", "/api/v2/analytics/summary", "Summary", None),
    ("GET", "/api/health", "Health", None),
    ("POST", f"{V2}/batch-delete", "Deleted", {"exp_ids": [*VICTIMS, "nobody"]}),
    ("POST", f"{V2}/batch-restore", "Restored", {"exp_ids": [*VICTIMS, "nobody"]}),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a whole index with everything in it."""
    place = tmp_path_factory.mktemp("whole")
    folders = content.write(place)
    with Store(place / "index.db") as store:
        for name, path in folders.items():
            store.add_root(path, name)
        sync(store)
    assert not (place / "index.db-wal").exists() or (place / "index.db-wal").stat().st_size == 0
    # Nothing of a root must be there to be written to.
    for path in folders.values():
        shutil.rmtree(path)
    return (place / "index.db").read_bytes()


def flipped(dice: random.Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    page = 4096 * dice.randrange(len(data) // 4096)
    match dice.randrange(6):
        case 0:
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        case 1:
            for _ in range(20):
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        case 2:
            # The head of a page tells where everything on it lies.
            damaged[page + dice.randrange(16)] = dice.randrange(256)
        case 3:
            damaged[page : page + 4096] = bytes(4096) if dice.random() < 0.5 else dice.randbytes(4096)
        case 4:
            del damaged[dice.choice((page, dice.randrange(len(damaged)))) :]
        case _:
            other = 4096 * dice.randrange(len(data) // 4096)
            damaged[page : page + 4096] = data[other : other + 4096]
    return bytes(damaged)


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


def asker(app: Application) -> Callable[[str, str, object], Any]:
    client = falcon.testing.TestClient(app)  # type: ignore[arg-type]

    def ask(method: str, target: str, body: object) -> Any:
        path, _, query = target.partition("?")
        raw = None if body is None else json.dumps(body).encode()
        extras = {"REQUEST_URI": target}
        headers = {"Host": "127.0.0.1"} | (JSON if raw else {})
        return client.simulate_request(method, path, query_string=query, body=raw, headers=headers, extras=extras)

    return ask


def fields() -> dict[str, set[str]]:
    """The names in each shape."""
    schemas = document("1")["components"]["schemas"]
    return {shape: set(schemas[shape]["properties"]) for _, _, shape, _ in ASKED}


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(scaled(2, 10)))
def test_a_damaged_index_answers_in_the_right_form_or_says_that_it_cannot(
    tmp_path: Path, whole: bytes, seed: int
) -> None:
    dice, shapes, path = random.Random(seed), fields(), tmp_path / "index.db"
    refused = 0
    for number in range(scaled(100, 1000)):
        path.write_bytes(flipped(dice, whole))
        try:
            store = Store(path)
        except StoreError as error:
            assert str(error).isprintable()
            refused += 1
        else:
            with store:
                app = create_app(store, ServerSettings(version="1", rate_limits=None))
                try:
                    check(asker(app), shapes, f"seed {seed}, file {number}")
                finally:
                    app.close()
        for leftover in tmp_path.glob("index.db*"):
            leftover.unlink()
    assert refused


def check(ask: Callable[[str, str, object], Any], shapes: dict[str, set[str]], where: str) -> None:
    for method, target, shape, body in ASKED:
        answer = ask(method, target, body)
        told = json.loads(answer.content, parse_constant=refuse)
        if answer.status_code == 200:
            # No more: SQLite keeps no checksums, so a flipped bit inside a value is another value.
            assert set(told) == shapes[shape], where
            continue
        assert list(told) == ["detail"], where
        sentence = told["detail"]
        assert sentence.isprintable(), (where, sentence)
        fitting = {
            404: sentence.endswith(" not found"),
            500: sentence.startswith("Database query failed: "),
            503: sentence in ("Database is busy", "Storage is full: nothing was deleted"),
        }
        assert fitting.get(answer.status_code), (where, method, target, answer.status_code, sentence)
