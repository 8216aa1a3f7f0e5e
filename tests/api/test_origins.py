from __future__ import annotations

import pytest

from runicorn_api.origins import is_origin


@pytest.mark.parametrize(
    "text", ["https://lab.example", "http://localhost:3000", "http://[::1]:8080", "http://10.0.0.1"]
)
def test_an_origin_is_scheme_host_and_port(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize(
    "text", ["", "*", "null", "lab.example", "https://", "https://lab.example/", "HTTPS://lab.example", "https://Lab",
             "https://a b", "https://a@b", "https://lab.example:", "https://lab.example\n", "https://a, https://b"],
)  # fmt: skip
def test_anything_else_is_no_origin(text: str) -> None:
    assert not is_origin(text)
