"""Damage done to bytes, the same for the same dice."""

from __future__ import annotations

import random
from collections.abc import Sequence

NASTY_BYTES = (
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\n", b"\r", b"%", b"%00", b"%ff", b"%u0041", b'"',
    b"\\", b"\\ud800", b"\\u0000", b"{", b"}", b"[", b"]", b":", b",", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 40,
    b"1" * 5000, b"null", b"1.7976931348623157e308", b"9223372036854775808", b"-9223372036854775809", b"\x1b[2J",
    b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b"..", b"/", b"//", b"?", b"&", b"=", b"#", b";", b" ", b"\t",
    b"[" * 300, b'{"a":' * 300, b"'", b"*", b"_", b"a" * 300,
)  # fmt: skip


def damaged(dice: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """`data` after one to four accidents; `others` are what parts may come from."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        begin = dice.randrange(len(data) + 1)
        end = min(len(data), begin + dice.choice((0, 1, 1, 2, 8, 64)))
        match dice.randrange(7):
            case 0:
                data = data[:begin] + data[end:]
            case 1:
                data = data[:begin] + dice.choice(NASTY_BYTES) + data[end:]
            case 2:
                data = data[:begin] + dice.randbytes(dice.randrange(1, 9)) + data[end:]
            case 3:
                data = data[:end] + data[begin:]
            case 4 if data:
                place = dice.randrange(len(data))
                data = data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
            case 5 if others:
                other = dice.choice(others)
                cut = dice.randrange(len(other) + 1)
                data = data[:begin] + other[cut : cut + dice.choice((1, 8, 64, 1024))] + data[end:]
            case _:
                data = data[:begin]
    return data
