"""A connection's messages, decoded a few at a time: nothing on the loop waits for all of them.

Answers to data requests come in heaps: a hundred contracts, years of bars. The library decodes
what has arrived in one go, 20 ms for the history of seven symbols, and an order that falls due
meanwhile would stand behind it. Here the loop has its turn after each 2 ms, so that an order
waits for one message at most.
"""

import asyncio
from collections.abc import Callable

from engine.brokers.practice.wire.frame import Frames, framed

SLICE_S = 0.002


class Slices:
    """Takes bytes as they arrive and gives them on, one whole message each time."""

    def __init__(self, read: Callable[[bytes], None], monotonic: Callable[[], float]) -> None:
        self._read = read
        self._monotonic = monotonic
        self._frames = Frames()
        self._next: asyncio.Handle | None = None

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self._frames.feed(data)
        if self._next is None:
            self._work()

    def end(self) -> None:
        """Forget what waits: the connection is gone, and with it whoever asked."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._frames = Frames()

    def _work(self) -> None:
        self._next = None
        until = self._monotonic() + SLICE_S
        while (payload := self._frames.take()) is not None:
            self._read(framed(payload))
            if self._monotonic() >= until:
                self._next = asyncio.get_running_loop().call_soon(self._work)
                return
