"""Where a process can die, and time that passes only when somebody looks."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from engine.domain.ids import Book
from engine.domain.input import Input
from engine.domain.market import Quote
from engine.domain.unit import Unit
from engine.ports import Heartbeat, Journal, Recorded
from engine.runtime.inbox import Inbox
from tests.simulation.setup import NOW


class Killed(BaseException):
    """The process is gone. Nothing of the engine may catch this."""


class Killer:
    """Counts the points at which a life could end, and ends it at the n-th of a kind."""

    def __init__(self, kind: str = "", nth: int = 0) -> None:
        self.seen: Counter[str] = Counter()
        self._kind, self._nth = kind, nth

    def point(self, kind: str) -> None:
        """Die here, if it is here."""
        self.seen[kind] += 1
        if kind == self._kind and self.seen[kind] == self._nth:
            raise Killed


class VirtualClock:
    """Implements engine.ports.Clock: every look costs a moment."""

    def __init__(self, step_s: float) -> None:
        self._t = 1_000.0
        self._step_s = step_s

    def wall(self) -> datetime:
        """Return the wall time, which moves with the monotonic one."""
        return NOW + timedelta(seconds=self._t)

    def monotonic(self) -> float:
        """Return seconds; a look takes one step."""
        self._t += self._step_s
        return self._t

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._t += seconds


class SimInbox(Inbox):
    """An inbox in which waiting costs no time, and every turn of the loop is seen."""

    def __init__(
        self,
        clock: VirtualClock,
        on_turn: Callable[[Input | None], None],
        on_idle: Callable[[], None],
    ) -> None:
        super().__init__()
        self._clock = clock
        self._on_turn = on_turn
        self._on_idle = on_idle

    def take(self) -> Input | None:
        """Return the oldest input, after the world had its turn."""
        self._on_turn(self.reports[0] if self.reports else None)
        return super().take()

    async def rest(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._clock.advance(seconds)

    async def wait(self, timeout_s: float) -> None:
        """Let virtual time pass."""
        if not self.reports:
            self._clock.advance(timeout_s)
            self._on_idle()


class FragileJournal:
    """A journal beside whose commits the process may die; shows what is put to somebody."""

    def __init__(self, inner: Journal, killer: Killer, on_put: Callable[[int, Unit], None]) -> None:
        self._inner = inner
        self._killer = killer
        self._on_put = on_put

    def put(self, unit: Unit) -> int:
        """Queue a unit."""
        seq = self._inner.put(unit)
        self._on_put(seq, unit)
        return seq

    async def commit(self) -> None:
        """Write, and perhaps die before or after it."""
        self._killer.point("before commit")
        await self._inner.commit()
        self._killer.point("after commit")

    @property
    def waiting(self) -> int:
        """Units queued."""
        return self._inner.waiting

    def replay(self, book: Book) -> Iterator[Recorded]:
        """Yield what is written."""
        return self._inner.replay(book)

    def cursor(self, book: Book) -> int:
        """Return the last cursor written."""
        return self._inner.cursor(book)

    async def put_latest(self, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
        """Hand latest rows on."""
        await self._inner.put_latest(beat, quotes)


def fragile(inputs: Iterator[Input], killer: Killer) -> Iterator[Input]:
    """Yield the inputs of a feed; the process may die with one in its hand."""
    for given in inputs:
        killer.point("feed")
        yield given


def kill_points(rng: random.Random, seen: Counter[str], count: int) -> list[tuple[str, int]]:
    """Pick points among those a quiet life has: kinds first, so that the rare ones get theirs."""
    kinds = sorted(seen)
    return [(kind, rng.randint(1, seen[kind])) for kind in rng.choices(kinds, k=count)]
