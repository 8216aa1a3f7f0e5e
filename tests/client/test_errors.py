from __future__ import annotations

import pickle

import pytest

from runicorn_tui.client import errors
from runicorn_tui.client.errors import ClientError, ConnectionLost, RateLimited, Refused, UnexpectedAnswer, refusal


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "BadRequest"), (401, "Unauthorized"), (403, "Forbidden"), (404, "NotFound"), (405, "BadRequest"),
     (409, "Conflict"), (413, "BadRequest"), (415, "BadRequest"), (429, "RateLimited"), (500, "ServerError"),
     (502, "ServerError"), (503, "ServerError")],
)  # fmt: skip
def test_each_status_has_its_error_with_the_sentence_of_the_server(status: int, kind: str) -> None:
    error = refusal(status, "7", b'{"detail": "No. K\xc3\xbcrzer."}')

    assert type(error) is getattr(errors, kind)
    assert isinstance(error, Refused)
    assert (str(error), error.detail, error.status, error.retry_after) == ("No. Kürzer.", "No. Kürzer.", status, 7.0)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": 5}', b"\xff", b"[" * 100_000])
def test_an_answer_without_a_sentence_tells_its_status(body: bytes) -> None:
    assert str(refusal(502, None, body)) == "The server answered with status 502"


@pytest.mark.parametrize("retry_after", [None, "", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1.5", "²"])
def test_a_wait_that_is_no_number_of_seconds_is_none(retry_after: str | None) -> None:
    error = refusal(429, retry_after, b"{}")

    assert isinstance(error, RateLimited)
    assert error.retry_after is None


def test_other_places_are_not_followed() -> None:
    assert isinstance(refusal(302, None, b""), UnexpectedAnswer)


def test_errors_survive_the_way_from_another_process() -> None:
    for error in (refusal(404, None, b'{"detail": "Gone"}'), ConnectionLost("Lost", False)):
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


def test_the_tree_is_the_one_that_is_drawn() -> None:
    drawn = (errors.__doc__ or "").split()
    found = [
        kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClientError)
    ]

    assert all(name in drawn for name in found)
