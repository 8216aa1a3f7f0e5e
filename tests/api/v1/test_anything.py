"""Whatever V1 is asked, it answers or refuses in one sentence."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.v1.conftest import JSON, Real, fetch

PIECES = st.sampled_from(
    [*"abc019 ,.:;<>=%&*_/\\\t\n\0\x1b\x9bé精\u0301\u200b\U0001f600", "..", "my-custom-id", "runs"]
)
VALUES = st.lists(PIECES, max_size=6).map("".join)
SEGMENTS = VALUES.map(lambda text: quote(text, safe=""))
TEMPLATES = st.sampled_from(
    ["/runs/{}", "/runs/{}/metrics", "/runs/{}/metrics_step", "/runs/{}/progress", "/projects/{}/names",
     "/projects/{}/names/{}/runs", "/experiments/{}/environment", "/experiments/{}/export/csv",
     "/experiments/{}/export/report", "/environment/{}", "/export/{}/csv", "/export/{}/report", "/paths", "/paths/runs",
     "/runs", "/recycle-bin", "/projects", "/config"]
)  # fmt: skip
NAMES = st.sampled_from(["path", "exact", "include_stats", "downsample", "format", "env_variables", "other"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | VALUES
IDS = st.lists(VALUES | LEAVES, max_size=4)
BODIES = (
    st.binary(max_size=40)
    | IDS.map(lambda ids: {"run_ids": ids})
    | st.dictionaries(st.sampled_from(["run_ids", "confirm", "x"]), LEAVES | IDS)
)


@settings(max_examples=200)
@given(template=TEMPLATES, first=SEGMENTS, second=SEGMENTS, asked=st.lists(st.tuples(NAMES, VALUES), max_size=3))
def test_whatever_is_asked_is_answered_or_refused(
    real: Real, template: str, first: str, second: str, asked: list[tuple[str, str]]
) -> None:
    answer = fetch(real.client, f"{template.format(first, second)}?{urlencode(asked)}")

    assert answer.status in (200, 400, 404)
    if answer.status != 200:
        assert list(answer.json) == ["detail"]


@settings(max_examples=200)
@given(body=BODIES, path=st.sampled_from(["/runs/soft-delete", "/recycle-bin/restore", "/recycle-bin/empty"]))
def test_whatever_is_posted_is_answered_or_refused(real: Real, body: object, path: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    answer = real.client.request("POST", f"/api{path}", raw, JSON)

    assert answer.status in ((403,) if path.endswith("empty") else (200, 400))
