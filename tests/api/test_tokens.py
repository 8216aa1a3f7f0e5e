from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_api.tokens import BadToken, check_token, read_token


def test_the_token_is_the_text_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(" 0123456789abc._~+/-==\n")
    path.chmod(0o600)

    assert read_token(path) == "0123456789abc._~+/-=="


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(mode)

    with pytest.raises(BadToken, match="can be read or changed by others: chmod 600"):
        read_token(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"two\nlines", "ü".encode(), b"\xff", b"x" * 5000])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(BadToken) as caught:
        read_token(path)
    assert "openssl rand" in str(caught.value)
    assert "words" not in str(caught.value)


def test_a_file_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadToken, match="No such file"):
        read_token(tmp_path / "none")
    with pytest.raises(BadToken, match="Is a directory"):
        read_token(tmp_path)


def test_a_token_of_the_environment_has_the_same_form() -> None:
    assert check_token("sixteen-letters.", "HERE") == "sixteen-letters."
    with pytest.raises(BadToken, match="HERE must hold one token"):
        check_token("a b", "HERE")


def test_a_token_that_is_short_enough_to_be_guessed_is_refused() -> None:
    with pytest.raises(BadToken, match=r"HERE must hold at least 16 characters, not 15, .*: make one with") as caught:
        check_token("fifteen-letters", "HERE")
    assert "fifteen-letters" not in str(caught.value)
