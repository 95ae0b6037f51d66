"""A TWS API client on a plain, blocking socket: for what must work when the engine does not.

It knows the greeting, the start and frames; what the messages mean is its user's business.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from engine.brokers.practice.wire import VERSION_MAX, VERSION_MIN
from engine.brokers.practice.wire.frame import Frames, fields_of, framed, hello
from engine.brokers.practice.wire.request import request
from engine.errors import BrokerUnreachable

ERROR, NEXT_ID = "4", "9"
_IN_USE = 326
_IDS = 3  # client ids tried, should another program hold the first

Tell = Callable[[str], None]


class ClientIdInUse(BrokerUnreachable):
    """Try the next one."""


class PlainClient:
    """A started client of a gateway."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        *,
        connect_s: float,
        start_s: float,
        hear: Callable[[list[str]], None],
    ) -> None:
        """`hear` gets what is said before the start is done. Raises BrokerUnreachable."""
        self.where = f"{host}:{port}"
        self.version = VERSION_MAX
        self._frames = Frames()
        try:
            self._socket = socket.create_connection((host, port), connect_s)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        try:
            self._start(client_id, start_s, hear)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lost(self, why: str) -> BrokerUnreachable:
        return BrokerUnreachable(f"{self.where}: {why}")

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._socket.close()

    def _start(self, client_id: int, within_s: float, hear: Callable[[list[str]], None]) -> None:
        deadline = time.monotonic() + within_s
        self._put(hello(VERSION_MIN, VERSION_MAX))
        greeting = self.next(deadline)
        if greeting is None or not greeting[0].isdigit():
            raise self._lost("no TWS or IB Gateway greets there")
        self.version = int(greeting[0])
        self.send("startApi", clientId=client_id)
        while (fields := self.next(deadline)) is not None:
            if fields[0] == ERROR and code_of(fields) == _IN_USE:
                raise ClientIdInUse(f"{self.where}: client id {client_id} is in use")
            hear(fields)
            if fields[0] == NEXT_ID:
                return
        raise self._lost(f"no answer to the start within {within_s:g} s")

    def send(self, name: str, **values: object) -> None:
        """Send a request."""
        self._put(framed(request(name, self.version, **values)))

    def _put(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error

    def next(self, deadline: float) -> list[str] | None:
        """Return the fields of the next message, None if there is none in time (monotonic)."""
        while (payload := self._frames.take()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65_536)
            except TimeoutError:
                return None
            except OSError as error:
                raise self._lost(error.strerror or str(error)) from error
            if not data:
                raise self._lost("the gateway closed the connection")
            self._frames.feed(data)
        return fields_of(payload)


def connected(
    host: str,
    port: int,
    client_id: int,
    *,
    tell: Tell,
    hear: Callable[[list[str]], None],
    connect_s: float = 5.0,
    start_s: float = 5.0,
) -> PlainClient:
    """Connect with a client id, or with one of the two after it if that is taken."""
    for number in range(client_id, client_id + _IDS):
        try:
            return PlainClient(host, port, number, connect_s=connect_s, start_s=start_s, hear=hear)
        except ClientIdInUse as error:
            tell(str(error))
    raise BrokerUnreachable(
        f"{host}:{port}: client ids {client_id} to {client_id + _IDS - 1} are in use: end what"
        " holds them, or act in the gateway's own window"
    )


def code_of(fields: list[str]) -> int:
    """Return the code of an error message, 0 if there is none."""
    text = fields[3] if len(fields) > 3 else ""
    return int(text) if text.lstrip("-").isdigit() else 0
