"""Randomness for ids that do not derive from facts: sessions and requests."""

import secrets
from datetime import datetime

from engine.domain.ids import RequestId, SessionId, ulid
from engine.domain.session import Mode


class SystemIds:
    """The operating system's randomness."""

    def bits(self, n: int) -> int:
        """Return n random bits."""
        return secrets.randbits(n)


def session_id(mode: Mode, at: datetime, bits: int) -> SessionId:
    """Return `<mode>-<UTC yyyymmddThhmmssZ>-<8 hex>`."""
    return SessionId(f"{mode.value}-{at:%Y%m%dT%H%M%SZ}-{bits & 0xFFFFFFFF:08x}")


def request_id(at: datetime, bits: int) -> RequestId:
    """Return `req_` + ULID."""
    return RequestId("req_" + ulid(int(at.timestamp() * 1000), bits))
