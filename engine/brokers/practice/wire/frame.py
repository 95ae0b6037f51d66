"""Frames: four bytes of length, then fields, each ended by NUL, also the last.

A client opens with the bytes `API` NUL, without a length, then a frame that names the versions
it speaks. The server answers with one frame of exactly two fields; all that follows are messages.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.brokers.practice.wire.value import WireError

HELLO = b"API\0"
LENGTH_MAX = 0xFFFFFF

_VERSIONS = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: +([^\0]*))?\0?")


class BadLength(WireError):
    """A frame longer than any client sends: the stream is lost."""


class Versions(NamedTuple):
    """What a client offers."""

    first: int
    last: int
    options: str


def framed(payload: bytes) -> bytes:
    """Return a payload behind its length."""
    return len(payload).to_bytes(4, "big") + payload


def joined(fields: Sequence[str]) -> bytes:
    """Return fields as a payload."""
    return "".join(f"{field}\0" for field in fields).encode()


def fields_of(payload: bytes) -> list[str]:
    """Return the fields of a payload; WireError if the last one is not ended."""
    if not payload.endswith(b"\0"):
        raise WireError("a message must end with NUL")
    try:
        return payload[:-1].decode().split("\0")
    except UnicodeDecodeError as error:
        raise WireError("a message must be UTF-8") from error


class Frames:
    """Cut a stream into payloads, however it was fragmented."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._left += data

    def take(self) -> bytes | None:
        """Return the next payload, None until it is complete. Raises BadLength."""
        if len(self._left) < 4:
            return None
        length = int.from_bytes(self._left[:4], "big")
        if length > LENGTH_MAX:
            raise BadLength(f"a frame of {length} bytes")
        if len(self._left) < 4 + length:
            return None
        payload = bytes(self._left[4 : 4 + length])
        del self._left[: 4 + length]
        return payload

    def take_hello(self) -> bool:
        """Take the opening bytes; False until they are complete. WireError if it is no client."""
        found = bytes(self._left[: len(HELLO)])
        if found != HELLO[: len(found)]:
            raise WireError("this is no TWS API client")
        if len(found) < len(HELLO):
            return False
        del self._left[: len(HELLO)]
        return True


def hello(first: int, last: int, options: str = "") -> bytes:
    """Return a client's opening bytes."""
    text = f"v{first}..{last}" + (f" {options}" if options else "")
    return HELLO + framed(text.encode())


def versions(payload: bytes) -> Versions:
    """Return the versions of a client's first frame."""
    found = _VERSIONS.fullmatch(payload)
    if not found:
        raise WireError("no version in the first frame")
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    return Versions(first, last, (found[3] or b"").decode(errors="replace"))


def welcome(version: int, time: str) -> bytes:
    """Return the server's answer to a hello: a frame of two fields."""
    return framed(joined([str(version), time]))
