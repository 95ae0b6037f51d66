"""Inputs of a real market on the wall clock: made when their time has come, never before.

Behind the interface of a recorded feed. Nothing of a quote may be older than the input that
carries it, so the source yields a Tick up to the next instant of interest, and looks again when
it is asked for more. Bars of a session are final when the broker has them, minutes after the
close; a task fetches them, and the source gives them in its turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from engine.domain.ids import InstrumentId
from engine.domain.input import BarsClosed, Input, JobDue, QuotesSeen, SlotDue, Tick
from engine.domain.instrument import symbol_of
from engine.domain.market import Bar, DataFinding, Quote, Series
from engine.domain.session import Slot
from engine.errors import MarketDataError
from engine.ports import Calendar, Clock, MarketHistory

_log = logging.getLogger("pilothouse.market")
_log.addHandler(logging.NullHandler())  # never to stderr: it would tear the screen

QUOTE_EVERY = timedelta(seconds=5)
LOOK_EVERY = timedelta(seconds=1)
FINAL_AFTER = timedelta(seconds=90)
"""After the close: when the broker's daily bar is asked for the first time."""

FINAL_AGAIN = timedelta(seconds=60)
FINAL_UNTIL = timedelta(minutes=20)
"""After the close: from here on the session goes without the bars that are still missing."""

SLOT_WAITS = timedelta(seconds=110)
BEFORE_CLOSE = timedelta(seconds=65)
"""A slot waits for prices no longer than the core would still take it (core.slot: 120 s late, 60 s
before the close)."""

_WAKE_S = 0.1  # of the machine: a practice market may run much faster
_RECENT = 10  # sessions asked for when one has closed

SlotAt = Callable[[Calendar, date, Slot], datetime]
Step = tuple[datetime, int, Callable[[datetime], list[Input]]]
_SLOT = 1  # of a step's second part: the order of what is due at one instant


class Prices(Protocol):
    """Quotes and bars of a broker (engine.market.ibkr.IbkrMarket)."""

    def quotes(self, at: datetime) -> tuple[dict[InstrumentId, Quote], dict[InstrumentId, str]]:
        """Return the quotes that may decide, and why the others may not."""

    def bars(
        self, instrument: InstrumentId, calendar: Calendar, *, sessions: int = ...
    ) -> Awaitable[Series]:
        """Return the newest final bars."""


class LiveSource:
    """The feed of a session at a real broker; nothing can be given again."""

    def __init__(
        self,
        prices: Prices,
        history: MarketHistory,
        calendar: Calendar,
        clock: Clock,
        *,
        slots: Sequence[Slot],
        slot_at: SlotAt,
        jobs: Sequence[tuple[str, timedelta]] = (),
    ) -> None:
        """`jobs` are offsets from the close."""
        self.position = 0
        self.seen: datetime | None = None  # up to when slots and jobs were given; None: never
        self._prices = prices
        self._history = history
        self._calendar = calendar
        self._clock = clock
        self._slots = tuple(dict.fromkeys(slots))
        self._slot_at = slot_at
        self._jobs = tuple(jobs)
        self._final: dict[date, dict[InstrumentId, Bar]] = {}
        self._given: set[date] = set()
        self._asking_at = clock.wall()

    # -- recovery ----------------------------------------------------------------------------

    def warmup(self) -> Iterator[BarsClosed]:
        """Yield the final bars of every session that has closed."""
        days: dict[date, dict[InstrumentId, Bar]] = {}
        for key, series in self._history.series.items():
            for bar in series.bars:
                days.setdefault(bar.session_date, {})[key] = bar
        for day in sorted(days):
            self._given.add(day)
            at, ordinal = self._calendar.closes_at(day), self._calendar.ordinal(day)
            findings = tuple(f for f in self._history.findings if f.session_date == day)
            yield BarsClosed(at, day, ordinal, days[day], findings)

    def refeed(self, cursor: int) -> Iterator[Input]:
        """Nothing: what was seen on a wall clock is gone."""
        del cursor
        return iter(())

    def seek(self, cursor: int) -> None:
        """Nothing to skip."""

    def __len__(self) -> int:
        return 0

    # -- the feed ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Input]:
        """Yield inputs for ever: what is due, made now, else a Tick to look again."""
        began = self._clock.wall()
        done = self.seen or began
        quoted = began - QUOTE_EVERY
        held: list[Step] = []
        while True:
            now = self._clock.wall()
            steps, held = [*held, *self._steps(done, now)], []
            for step in steps:
                if self._waits(step, now):
                    held.append(step)
                    continue
                given = step[2](now)
                yield from given if step[0] >= began else self._late(given, now)
            done = now
            yield from self._bars_due(now)
            if now - quoted >= QUOTE_EVERY and (seen := self.quotes(now)) is not None:
                quoted = now
                yield seen
            yield Tick(min(now + LOOK_EVERY, self._next(done) or now + LOOK_EVERY))

    def _late(self, given: list[Input], now: datetime) -> Iterator[Input]:
        """Yield what fell due while no engine ran; a slot with prices if its session is open."""
        today = self._calendar.session_of(now)
        for one in given:
            prices = isinstance(one, QuotesSeen) and len(given) > 1 and one.session_date == today
            if prices or isinstance(one, SlotDue | JobDue):
                yield one

    def _waits(self, step: Step, now: datetime) -> bool:
        """Say whether a slot is due whose prices are on their way, as after a start."""
        due, priority, _ = step
        day = self._calendar.session_of(now)
        if priority != _SLOT or day is None:
            return False
        until = min(due + SLOT_WAITS, self._calendar.closes_at(day) - BEFORE_CLOSE)
        return now < until and bool(self._prices.quotes(now)[1])

    def quotes(self, at: datetime) -> QuotesSeen | None:
        """Return the quotes of an instant while the exchange is open, else None."""
        day = self._calendar.session_of(at)
        return None if day is None else self._seen(day, at)

    def _seen(self, day: date, at: datetime, *, tells: bool = False) -> QuotesSeen:
        """`tells`: say why a quote is missing; at a slot it matters, each 5 s it does not."""
        usable, refused = self._prices.quotes(at)
        return QuotesSeen(
            at,
            day,
            self._calendar.ordinal(day),
            usable,
            auction=False,
            findings=_findings(refused, day) if tells else (),
        )

    def _steps(self, after: datetime, until: datetime) -> list[Step]:
        """Return what is due in (after, until], in order."""
        steps: list[Step] = []
        day = self._calendar.previous_session(date.fromordinal(after.toordinal() - 1))
        while self._calendar.opens_at(day) - timedelta(hours=12) <= until:
            steps += [step for step in self._of(day) if after < step[0] <= until]
            day = self._calendar.next_session(day)
        return sorted(steps, key=lambda step: step[:2])

    def _next(self, after: datetime) -> datetime | None:
        steps = self._steps(after, after + LOOK_EVERY)
        return steps[0][0] if steps else None

    def _of(self, day: date) -> list[Step]:
        opens, closes = self._calendar.opens_at(day), self._calendar.closes_at(day)
        ordinal = self._calendar.ordinal(day)

        def slot_due(slot: Slot, due: datetime) -> Callable[[datetime], list[Input]]:
            def make(at: datetime) -> list[Input]:
                return [
                    self._seen(day, at, tells=True),
                    SlotDue(at, due, slot, day, ordinal, closes),
                ]

            return make

        def job_due(job: str, due: datetime) -> Callable[[datetime], list[Input]]:
            return lambda at: [JobDue(at, due, job, day)]

        steps: list[Step] = [(opens, 0, lambda at: [self._seen(day, at)])]
        for slot in self._slots:
            due = self._slot_at(self._calendar, day, slot)
            steps.append((due, _SLOT, slot_due(slot, due)))
        steps += [
            (closes + past, _SLOT + 1, job_due(job, closes + past)) for job, past in self._jobs
        ]
        return steps

    def _bars_due(self, now: datetime) -> Iterator[BarsClosed]:
        for day in sorted(self._final):
            bars = self._final.pop(day)
            if day in self._given:
                continue
            self._given.add(day)
            absent = {
                key: "the broker has no final bar"
                for key in self._history.series
                if key not in bars
            }
            findings = _findings(absent, day, blocks=True)
            yield BarsClosed(now, day, self._calendar.ordinal(day), bars, findings)

    # -- final bars --------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch the bars of each session that closes, in order, until cancelled."""
        while True:
            await asyncio.sleep(_WAKE_S)
            day, now = self._next_day(), self._clock.wall()
            if day is None or now < self._asking_at:
                continue
            bars = await self._fetch(day)
            is_whole = len(bars) == len(self._history.series)
            if is_whole or now - self._calendar.closes_at(day) >= FINAL_UNTIL:
                self._final[day] = bars
            else:
                self._asking_at = now + FINAL_AGAIN

    def _next_day(self) -> date | None:
        """Return the first session without bars whose broker should have them by now."""
        known = [*self._given, *self._final]
        if not known:
            return None
        day = self._calendar.next_session(max(known))
        due = self._calendar.closes_at(day) + FINAL_AFTER
        return day if due <= self._clock.wall() else None

    async def _fetch(self, day: date) -> dict[InstrumentId, Bar]:
        answers = await asyncio.gather(
            *(self._bar(key, day) for key in self._history.series), return_exceptions=False
        )
        return {bar.instrument: bar for bar in answers if bar is not None}

    async def _bar(self, key: InstrumentId, day: date) -> Bar | None:
        try:
            series = await self._prices.bars(key, self._calendar, sessions=_RECENT)
        except MarketDataError as error:
            _log.info("%s", error)
            return None
        return next((bar for bar in series.bars if bar.session_date == day), None)


def _findings(
    refused: Mapping[InstrumentId, str], day: date, *, blocks: bool = False
) -> tuple[DataFinding, ...]:
    return tuple(
        DataFinding(
            kind="no_bar" if blocks else "no_quote",
            symbol=symbol_of(key),
            session_date=day,
            text=f"{symbol_of(key)}: {why}",
            blocks=blocks,
        )
        for key, why in sorted(refused.items())
    )
