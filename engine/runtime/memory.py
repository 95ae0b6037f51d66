"""What a process has used and needs no more goes back to the machine."""

import ctypes
import gc
import sys

IN_A_LIVE_SESSION = (2_000, 10, 10)
"""When the collector looks in a session that lasts for weeks: the library goes in circles with
every order and every time-out, and what is there to stay is frozen, so that a look is short."""


def give_back() -> None:
    """Free what goes in circles, and return freed memory, which glibc would keep for itself."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
