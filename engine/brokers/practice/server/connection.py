"""One socket: the greeting, frames in and out, the pace guard, the limit of what waits."""

import asyncio
from collections import deque
from enum import Enum
from typing import Protocol, cast

from engine.brokers.practice.server.session import Session
from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.value import WireError

WAITING_MAX = 16 * 2**20
"""Bytes that may wait for a reader; beyond it the connection is closed."""

MESSAGES_MAX = 50
"""Messages a client may send in a sliding second."""

BREACHES_MAX = 3
BREACHES_S = 60.0


class Verdict(Enum):
    """What the guard says about one more message."""

    FINE = "fine"
    OVER = "over"  # too many: said once for each breach
    STILL_OVER = "still over"
    CLOSE = "close"


class Guard:
    """Count messages in a sliding second, and breaches in a minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._breaches: deque[float] = deque()

    def wait_s(self, now: float) -> float:
        """Return how long a patient sender must wait before one more message."""
        self._forget(now)
        return max(0.0, self._times[0] + 1.0 - now) if len(self._times) >= MESSAGES_MAX else 0.0

    def take(self, now: float) -> Verdict:
        """Count a message."""
        self._forget(now)
        if len(self._times) < MESSAGES_MAX:
            self._times.append(now)
            return Verdict.FINE
        while self._breaches and now - self._breaches[0] > BREACHES_S:
            self._breaches.popleft()
        if self._breaches and now - self._breaches[-1] < 1.0:
            return Verdict.STILL_OVER
        self._breaches.append(now)
        return Verdict.CLOSE if len(self._breaches) >= BREACHES_MAX else Verdict.OVER

    def _forget(self, now: float) -> None:
        while self._times and now - self._times[0] >= 1.0:
            self._times.popleft()


class Host(Protocol):
    """What a connection needs of its server."""

    def greet(self, connection: "Connection", offered: frame.Versions) -> None:
        """Answer the versions of a client."""

    def receive(self, connection: "Connection", payload: bytes) -> None:
        """Take a message."""

    def too_fast(self, connection: "Connection", *, is_last: bool) -> None:
        """Hear that the pace guard struck."""

    def lost(self, connection: "Connection", reason: str) -> None:
        """Hear that the socket is gone."""


class Connection(asyncio.Protocol):
    """A client's socket from accept to close."""

    def __init__(self, host: Host, number: int) -> None:
        self.number = number
        self.peer = ""
        self.version = 0  # agreed on; 0 before
        self.session: Session | None = None
        self.is_silent = False  # reads, and says nothing
        self.is_muted = False  # answers without rows
        self.is_patient = False  # +PACEAPI: delays instead of errors
        self.fragment = 0  # bytes of each write, 0: whole
        self.coalesce = 0  # frames of each write, 0: one
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._frames = frame.Frames()
        self._guard = Guard()
        self._has_hello = False
        self._is_closing = False
        self._is_frozen = False
        self._held = bytearray()  # what waits to be written: frozen, coalesced, fragmented
        self._held_frames = 0
        self._resume: asyncio.TimerHandle | None = None
        self._pump: asyncio.Handle | None = None

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast("asyncio.Transport", transport)
        host, port = self._transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self._frames.feed(data)
        self._take_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server once."""
        self._is_closing = True
        for handle in (self._resume, self._pump):
            if handle is not None:
                handle.cancel()
        self._host.lost(self, str(exc) if exc else "closed")

    # -- in

    def _take_frames(self) -> None:
        try:
            if not self._has_hello:
                self._has_hello = self._frames.take_hello()
            while self._has_hello and not self._is_closing and not self._is_frozen:
                if self.version and self._must_wait():
                    return
                payload = self._frames.take()
                if payload is None:
                    return
                self._frame(payload)
        except WireError:  # no client of this protocol, or a stream that is lost
            self.close()

    def _frame(self, payload: bytes) -> None:
        if not self.version:
            self._host.greet(self, frame.versions(payload))
            return
        match self._guard.take(asyncio.get_running_loop().time()):
            case Verdict.FINE:
                self._host.receive(self, payload)
            case Verdict.OVER:
                self._host.too_fast(self, is_last=False)
            case Verdict.CLOSE:
                self._host.too_fast(self, is_last=True)
            case Verdict.STILL_OVER:
                pass

    def _must_wait(self) -> bool:
        """Hold a patient client back instead of refusing its message."""
        if not self.is_patient or self._transport is None:
            return False
        loop = asyncio.get_running_loop()
        wait = self._guard.wait_s(loop.time())
        if not wait:
            return False
        if self._resume is None:
            self._transport.pause_reading()
            self._resume = loop.call_later(wait, self._go_on)
        return True

    def _go_on(self) -> None:
        self._resume = None
        if self._transport is not None and not self._is_closing:
            self._transport.resume_reading()
            self._take_frames()

    # -- out

    def write(self, data: bytes) -> None:
        """Send a frame; a reader that does not read loses its connection."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_closing or self.is_silent:
            return
        if self._transport.get_write_buffer_size() + len(self._held) > WAITING_MAX:
            self.abort()
            return
        if not (self._is_frozen or self.fragment or self.coalesce):
            self._transport.write(data)
            return
        self._held += data
        self._held_frames += 1
        self._pump_soon()

    def _pump_soon(self) -> None:
        if self._pump is None and not self._is_frozen:
            loop = asyncio.get_running_loop()
            if self.coalesce and self._held_frames < self.coalesce:
                self._pump = loop.call_later(0.05, self._pump_held)
            else:
                self._pump = loop.call_soon(self._pump_held)

    def _pump_held(self) -> None:
        self._pump = None
        if self._is_frozen or self._is_closing or self._transport is None:
            return
        size = self.fragment or len(self._held)
        self._transport.write(bytes(self._held[:size]))
        del self._held[:size]
        self._held_frames = 0 if not self._held else self._held_frames
        if self._held:
            self._pump = asyncio.get_running_loop().call_soon(self._pump_held)

    def freeze(self) -> None:
        """Stay open and neither read nor write, until `thaw`."""
        if self._transport is None or self._is_frozen:
            return
        self._is_frozen = True
        self._transport.pause_reading()

    def thaw(self) -> None:
        """Go on as if nothing had been."""
        if not self._is_frozen or self._is_closing:
            return
        self._is_frozen = False
        if self._held:
            self._pump_soon()
        self._go_on()

    # -- end

    @property
    def is_closing(self) -> bool:
        """Say whether nothing more will be taken or sent."""
        return self._is_closing

    def close(self) -> None:
        """Close after what is written has gone out."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()
