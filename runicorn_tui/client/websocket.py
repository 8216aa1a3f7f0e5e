"""The client's end of a WebSocket (RFC 6455) that only listens: texts in, and pings, pongs and closes both ways.

Nothing is negotiated: no extensions, no subprotocols. Whatever the server must not send ends the connection.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import socket
import struct
import time
from collections.abc import Mapping
from enum import IntEnum
from http.client import HTTPException, parse_headers
from typing import NoReturn

from runicorn_tui.client.errors import ConnectionLost, UnexpectedAnswer, refusal

MAX_HEADER_BYTES = 16 * 1024
MAX_REFUSAL_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 1024 * 1024
"""Several times the longest line of a log that the server sends."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_RECEIVED_AT_ONCE = 1 << 16
_MAX_CONTROL_BYTES = 125
_FINAL, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_NO_CODE = 1005
_GOODBYE_SECONDS = 1.0


class Opcode(IntEnum):
    """What a frame is (RFC 6455, 5.2); control frames have the bit `CLOSE`."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Closed(Exception):
    """The server ended the conversation, with this code and reason (1005: without any)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocket:
    """An open WebSocket over a connected socket, which it closes. Not for several threads.

    Every method may raise `ConnectionLost`, and `UnexpectedAnswer` when the server breaks the protocol; the connection
    is of no use after that.
    """

    def __init__(self, sock: socket.socket, target: str, headers: Mapping[str, str], ends: float) -> None:
        """Shake hands until `ends` (of the monotonic clock). Raises Refused when the server says no instead."""
        self._sock = sock
        self._received = bytearray()
        self._message = bytearray()
        self._is_in_message = False
        self._is_closing = False
        self._question = b""
        self._is_answered = False
        self._shake_hands(target, headers, ends)

    def close(self) -> None:
        """Say goodbye, without waiting for an answer, and close the connection."""
        with contextlib.suppress(ConnectionLost, OSError), self._sock:
            if not self._is_closing:
                self._is_closing = True
                self._sock.settimeout(_GOODBYE_SECONDS)
                self._send(Opcode.CLOSE, struct.pack("!H", 1000))

    def ping(self) -> None:
        """Ask for an answer, which comes behind all texts that were sent before the server heard of it."""
        self._question = os.urandom(8)
        self._is_answered = False
        self._send(Opcode.PING, self._question)

    def receive(self, silence_seconds: float) -> str | None:
        """The next text, or None for the answer to the latest ping.

        Raises Closed when the server ends it, ConnectionLost when it says nothing, not even a ping, for so long.
        """
        while not self._is_answered:
            frame = self._next_frame()
            if frame is None:
                if not self._fill(silence_seconds):
                    raise ConnectionLost(f"The server has been silent for {silence_seconds:g} seconds")
                continue
            text = self._heed(*frame)
            if text is not None:
                return text
        self._is_answered = False
        return None

    # --- frames

    def _next_frame(self) -> tuple[int, bool, bytes] | None:
        """Opcode, whether it is the last of its message, and payload of the frame that is there as a whole."""
        data = self._received
        if len(data) < 2:
            return None
        opcode, length, start = data[0] & _OPCODE, data[1] & _LENGTH, 2
        if data[0] & _RESERVED or data[1] & _MASKED:
            self._fail(1002, "a frame with bits that were not agreed on")
        if length > _MAX_CONTROL_BYTES:
            kind, start = ("!H", 4) if length == 126 else ("!Q", 10)
            if len(data) < start:
                return None
            (length,) = struct.unpack_from(kind, data, 2)
        is_final = bool(data[0] & _FINAL)
        if opcode & Opcode.CLOSE and (length > _MAX_CONTROL_BYTES or not is_final):
            self._fail(1002, "a control frame that is too long, or in parts")
        if length + len(self._message) > MAX_MESSAGE_BYTES:
            self._fail(1009, f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        if len(data) < start + length:
            return None
        payload = bytes(data[start : start + length])
        del data[: start + length]
        return opcode, is_final, payload

    def _heed(self, opcode: int, is_final: bool, payload: bytes) -> str | None:
        """The text that a frame completes, if it does."""
        match opcode:
            case Opcode.TEXT if not self._is_in_message:
                return self._add(payload, is_final)
            case Opcode.CONTINUATION if self._is_in_message:
                return self._add(payload, is_final)
            case Opcode.CLOSE:
                self._answer_close(payload)
            case Opcode.PING:
                self._send(Opcode.PONG, payload)
            case Opcode.PONG:
                self._is_answered = bool(self._question) and payload == self._question
            case Opcode.BINARY:
                self._fail(1003, "binary data")
            case _:
                self._fail(1002, "a frame that has no place there")
        return None

    def _add(self, payload: bytes, is_final: bool) -> str | None:
        self._is_in_message = not is_final
        self._message += payload
        if not is_final:
            return None
        message, self._message = self._message, bytearray()
        try:
            return message.decode("utf-8")
        except UnicodeDecodeError:
            self._fail(1007, "a text that is no UTF-8")

    def _answer_close(self, payload: bytes) -> NoReturn:
        code, reason = _NO_CODE, b""
        if payload:
            if len(payload) < 2:
                self._fail(1002, "half a reason to close")
            (code,), reason = struct.unpack_from("!H", payload), payload[2:]
        self._is_closing = True
        with contextlib.suppress(ConnectionLost):
            self._send(Opcode.CLOSE, payload[:2])
        raise Closed(code, reason.decode("utf-8", "replace"))

    def _send(self, opcode: int, payload: bytes) -> None:
        """Send a control frame, masked as a client has to (RFC 6455, 5.3)."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        try:
            self._sock.sendall(bytes((_FINAL | opcode, _MASKED | len(payload))) + mask + masked)
        except OSError as error:
            raise _lost(error) from error

    def _fail(self, code: int, what: str) -> NoReturn:
        self._is_closing = True
        with contextlib.suppress(ConnectionLost):
            self._send(Opcode.CLOSE, struct.pack("!H", code))
        raise UnexpectedAnswer(f"The server sent {what} into a log stream")

    def _fill(self, seconds: float) -> bool:
        """Wait for more bytes; whether some came."""
        try:
            self._sock.settimeout(seconds)
            data = self._sock.recv(_RECEIVED_AT_ONCE)
        except TimeoutError:
            return False
        except OSError as error:
            raise _lost(error) from error
        if not data:
            raise ConnectionLost("The server ended the log stream without a word")
        self._received += data
        return True

    # --- handshake (RFC 6455, 4.1)

    def _shake_hands(self, target: str, headers: Mapping[str, str], ends: float) -> None:
        key = base64.b64encode(os.urandom(16))
        asked = {
            **headers,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key.decode("ascii"),
            "Sec-WebSocket-Version": "13",
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
        try:
            self._sock.sendall("\r\n".join(lines).encode("ascii"))
        except OSError as error:
            raise _lost(error) from error
        status, answered = self._read_header(ends)
        if status != 101:
            raise refusal(status, answered.get("retry-after"), self._read_refusal(answered, ends))
        accepted = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode("ascii")
        connection = [word.strip() for word in answered.get("connection", "").lower().split(",")]
        is_agreed = (
            answered.get("upgrade", "").lower() == "websocket"
            and "upgrade" in connection
            and answered.get("sec-websocket-accept") == accepted
            and not {"sec-websocket-extensions", "sec-websocket-protocol"} & answered.keys()
        )
        if not is_agreed:
            raise UnexpectedAnswer("The server did not agree to a WebSocket as it must")

    def _read_header(self, ends: float) -> tuple[int, dict[str, str]]:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if len(self._received) > MAX_HEADER_BYTES:
                raise UnexpectedAnswer("The header of the server's answer is too long")
            self._fill_or_give_up(ends)
        head = bytes(self._received[: end + 4])
        del self._received[: end + 4]
        first, _, rest = head.partition(b"\r\n")
        words = first.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise UnexpectedAnswer("What answers does not speak HTTP")
        try:
            read = parse_headers(io.BytesIO(rest))
        except HTTPException as error:
            raise UnexpectedAnswer("The header of the server's answer cannot be read") from error
        return int(words[1]), {name.lower(): value.strip() for name, value in read.items()}

    def _read_refusal(self, answered: Mapping[str, str], ends: float) -> bytes:
        told = answered.get("content-length", "")
        length = min(int(told) if told.isascii() and told.isdigit() else 0, MAX_REFUSAL_BYTES)
        while len(self._received) < length:
            self._fill_or_give_up(ends)
        return bytes(self._received[:length])

    def _fill_or_give_up(self, ends: float) -> None:
        left = ends - time.monotonic()
        if left <= 0 or not self._fill(left):
            raise ConnectionLost("The server did not answer in time")


def _lost(error: OSError) -> ConnectionLost:
    return ConnectionLost(f"The log stream was lost: {error.strerror or 'it took too long'}")
