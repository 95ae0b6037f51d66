"""A strategy that is waited for, but not for ever: one that takes too long has raised.

It decides on the engine's own thread, so the others wait while it does; after `LIMIT_S` the
decision is broken off where it stands (code that is inside a call of the system or of a C
library only when that returns) and the failure is kept to the strategy like any other. Only on
the wall clock: what a recording leads to must not depend on the speed of a machine.
"""

import ctypes
from threading import Lock, Timer, get_ident
from typing import Any, cast

from engine.strategy.base import SlotFacts, Strategy, StrategyVerdict

LIMIT_S = 5.0


class TookTooLong(Exception):
    """A strategy was still deciding when its time was over."""

    def __init__(self) -> None:
        super().__init__(f"it was still deciding after {LIMIT_S:g} s and was broken off")


class Patience:
    """A strategy with a limit on the time of each decision; everything else is its own."""

    def __init__(self, strategy: Strategy, limit_s: float = LIMIT_S) -> None:
        self._strategy = strategy
        self._limit_s = limit_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strategy, name)

    def decide(self, memory: Any, facts: SlotFacts) -> StrategyVerdict | None:
        """Decide within the limit; TookTooLong otherwise."""
        watch = _Watch(get_ident())
        timer = Timer(self._limit_s, watch.interrupt)
        timer.daemon = True
        timer.start()
        try:
            verdict = self._strategy.decide(memory, facts)
            watch.over()
            return verdict
        except TookTooLong:
            raise
        except BaseException:
            watch.over()
            raise
        finally:
            timer.cancel()


class _Watch:
    """Says to one thread that its time is over, while it still decides and never after."""

    def __init__(self, thread: int) -> None:
        self._thread = ctypes.c_ulong(thread)
        self._lock = Lock()
        self._done = self._fired = False

    def interrupt(self) -> None:
        """Raise in the thread; called from the timer's own."""
        with self._lock:
            if not self._done:
                self._fired = True
                error = ctypes.py_object(TookTooLong)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, error)

    def over(self) -> None:
        """Note the end; an exception that is on its way is met here and not later."""
        with self._lock:
            self._done = True
        if self._fired:
            for _ in range(1_000):
                pass  # it comes between two steps of the interpreter, unless it was caught there
            raise TookTooLong


def patient(strategy: Strategy, limit_s: float = LIMIT_S) -> Strategy:
    """Return the strategy with a limit on the time of each decision."""
    return cast(Strategy, Patience(strategy, limit_s))
