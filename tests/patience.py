"""How long a test waits for what must come, and how slow the machine is meanwhile.

Patience is long, for machines are shared and slow: only a test that fails waits to its end. A bound
of the specification stands where it is tested, and holds for a machine with nothing else to do:
`crowding` says how far this one is from that.
"""

import time

PATIENCE_S = 60.0
_WORK_S = 0.05


def crowding() -> float:
    """Return how many times longer work takes now than on a machine with nothing else to do."""
    began, done = time.monotonic(), time.thread_time() + _WORK_S
    while time.thread_time() < done:
        pass
    return max(1.0, (time.monotonic() - began) / _WORK_S)
