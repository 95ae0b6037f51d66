"""Ask a gateway for its time before anything else: the greeting says it."""

import asyncio
import struct
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.errors import BrokerUnreachable

_HELLO = b"API\0" + struct.pack(">I", 9) + b"v157..176"
_ZONES = {"EST": "America/New_York", "EDT": "America/New_York"}


async def gateway_time(host: str, port: int, timeout_s: float = 5.0) -> datetime:
    """Return the UTC time in a gateway's greeting; BrokerUnreachable if it does not greet.

    The connection is closed before a client id is said, so it counts for nothing.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_HELLO)
                await writer.drain()
                (length,) = struct.unpack(">I", await reader.readexactly(4))
                greeting = (await reader.readexactly(length)).decode("ascii", "replace")
            finally:
                writer.close()
        return _parse(greeting.split("\0")[1])
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
        raise BrokerUnreachable(f"{host}:{port}: no gateway greets there: {error!r}") from error


def _parse(text: str) -> datetime:
    day, clock, zone = text.split(" ")
    at = datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007  zone follows
    return at.replace(tzinfo=ZoneInfo(_ZONES.get(zone, zone))).astimezone(UTC)
