from __future__ import annotations

import pytest

from runicorn_tui.client import connect
from runicorn_tui.client.address import Address, check_token, read_address


@pytest.mark.parametrize(
    ("text", "address", "authority"),
    [
        ("http://127.0.0.1:23300", Address("http", "127.0.0.1", 23300), "127.0.0.1:23300"),
        ("http://127.0.0.1:23300/api", Address("http", "127.0.0.1", 23300), "127.0.0.1:23300"),
        ("http://localhost/api/", Address("http", "localhost", 80), "localhost"),
        ("http://[::1]:8080/", Address("http", "::1", 8080), "[::1]:8080"),
        ("https://lab.example", Address("https", "lab.example", 443), "lab.example"),
        ("https://lab.example:80/runs/api", Address("https", "lab.example", 80, base="/runs"), "lab.example:80"),
        ("unix:/run/rest.sock", Address("unix", path="/run/rest.sock"), "localhost"),
        ("unix:///run/a b", Address("unix", path="/run/a b"), "localhost"),
        ("unix:rest.sock", Address("unix", path="rest.sock"), "localhost"),
    ],
)
def test_an_address_is_what_serve_prints_and_a_little_more(text: str, address: Address, authority: str) -> None:
    assert read_address(text) == address
    assert address.authority == authority
    assert read_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:23300", "ftp://x", "http://", "http://me:secret@x", "http://x?y", "http://x#y", "http://x:port",
     "unix:", "http://x:70000", "http://x/a b", "http://ü", "http://x\r\nA: b"],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        connect(text)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "ü", "="])
def test_a_token_that_cannot_be_sent_is_refused_without_being_told(token: str) -> None:
    with pytest.raises(ValueError, match=r"^The token must be of ASCII letters, digits and \. _ ~ \+ / - alone$"):
        check_token(token)
