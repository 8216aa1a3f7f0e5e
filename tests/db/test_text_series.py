from __future__ import annotations

import random
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db import text_series
from runicorn_db.errors import QueryFailed
from runicorn_db.index_file import migrations
from runicorn_db.text_series import append_texts, read_texts


def new_connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for step in migrations():
        connection.executescript(step)
    return connection


@pytest.fixture
def connection():
    connection = new_connection()
    yield connection
    connection.close()


def chunks(connection: sqlite3.Connection) -> list[tuple[int, int, int, int]]:
    return connection.execute(
        "SELECT first_step, last_step, is_full, length(data) FROM text_chunk ORDER BY first_step"
    ).fetchall()


def test_a_text_on_every_step_takes_next_to_no_space(connection):
    texts = {step: "warmup" if step < 300 else "train" if step % 100 else "eval" for step in range(10_000)}
    for begin in range(0, 10_000, 777):
        append_texts(connection, 1, "stage", {step: texts[step] for step in range(begin, min(begin + 777, 10_000))})
    assert read_texts(connection, 1, "stage") == texts
    assert list(read_texts(connection, 1, "stage")) == list(range(10_000))
    assert len(chunks(connection)) == 10
    assert sum(size for *_, size in chunks(connection)) < 2000


def test_names_and_experiments_are_kept_apart(connection):
    append_texts(connection, 1, "stage", {1: "a"})
    append_texts(connection, 1, "note", {1: "b"})
    append_texts(connection, 2, "stage", {1: "c"})
    assert [read_texts(connection, *key) for key in ((1, "stage"), (1, "note"), (2, "stage"), (2, "note"))] == [
        {1: "a"}, {1: "b"}, {1: "c"}, {}
    ]  # fmt: skip


def test_long_texts_are_spread_over_several_rows(connection):
    chance = random.Random(3)
    texts = {step: "".join(chance.choices("abcdefgh é学", k=1000)) for step in range(200)}
    append_texts(connection, 1, "note", texts)
    assert read_texts(connection, 1, "note") == texts
    assert len(chunks(connection)) > 2


def test_a_full_row_is_not_read_to_add_to_the_end(connection):
    append_texts(connection, 1, "stage", dict.fromkeys(range(1000), "train"))
    connection.execute("UPDATE text_chunk SET data = x'00'")
    append_texts(connection, 1, "stage", {1000: "train"})
    assert [chunk[:3] for chunk in chunks(connection)] == [(0, 999, 1), (1000, 1000, 0)]


def test_damaged_texts_are_refused(connection):
    append_texts(connection, 1, "stage", {1: "a", 5: "b"})
    (data,) = connection.execute("SELECT data FROM text_chunk").fetchone()
    for damaged in (b"", data[:-3], b"\0" + data[1:]):
        connection.execute("UPDATE text_chunk SET data = ?", (damaged,))
        with pytest.raises(QueryFailed, match="a chunk of texts is damaged"):
            read_texts(connection, 1, "stage")


step_numbers = st.integers(0, 40) | st.integers(-(2**63), 2**63 - 1)
batches = st.lists(st.dictionaries(step_numbers, st.text(max_size=3), min_size=1, max_size=12), max_size=8)


@given(batches)
def test_any_order_of_appending_gives_the_last_text_of_each_step(batches):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_series, "_MAX_TEXTS", 5)
        patch.setattr(text_series, "_MAX_CHARACTERS", 8)
        connection = new_connection()
        known: dict[int, str] = {}
        for batch in batches:
            append_texts(connection, 1, "note", batch)
            known |= batch
            assert read_texts(connection, 1, "note") == known
            assert list(read_texts(connection, 1, "note")) == sorted(known)
            ends = [end for first, last, *_ in chunks(connection) for end in (first, last)]
            assert ends == sorted(ends)
        connection.close()
