"""What a process has used and needs no more goes back to the machine."""

import asyncio
import ctypes
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.errors import JournalError

IN_A_LIVE_SESSION = (2_000, 10, 10)
"""When the collector looks in a session that lasts for weeks: the library goes in circles with
every order and every time-out, and what is there to stay is frozen, so that a look is short."""


EVERY_S = 60.0
"""A broker's answers come and go and leave holes: a tenth of the process, by the evening."""


async def keep_small(shrink: Callable[[], Awaitable[None]]) -> None:
    """Give back now and then, for ever. A look takes some milliseconds.

    `shrink` lets the journal's cached pages go first: they grow with the file.
    """
    while True:
        await asyncio.sleep(EVERY_S)
        with suppress(JournalError):  # whoever writes next is told
            await shrink()
        give_back()


def give_back() -> None:
    """Free what goes in circles, and return freed memory, which glibc would keep for itself."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
