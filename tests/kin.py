"""Children of a test that end with it, also where the test itself is interrupted or killed."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, where the kernel is Linux.

    Only a process that stays with its parent wants this: a fork forgets it, and a thread that
    ends after it has started a child takes that child along.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has died already, and the kernel will not tell
        os._exit(1)


def with_us() -> Callable[[], None]:
    """Return a `preexec_fn` for a child that ends with this process."""
    me = os.getpid()
    return lambda: end_with(me)
