"""Recorded bars as a stream of inputs, and the same market running on the wall clock.

A daily-bar session is its opening prices as quotes (bid = ask = open), then its final bars
at the close, with slots and jobs between and after them. Which slot comes where follows from
the fill rule (regime-strategy.md 8):

    next_open    quotes(open) slots bars                  jobs
    next_close   quotes(open) quotes(close) slots bars    jobs
    same_close   quotes(open) quotes(close) bars  slots   jobs     (look-ahead)

Where positions are to be closed at the end, the last session has its closing prices and a job
`close_out` before its other jobs.

The stream is the same for ever: its n-th input depends on nothing but the data and the
arguments, so a number of inputs consumed (the cursor) is all that must be remembered. Inputs
are made as they are taken; session dates with nothing but bars can be had many at a time.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice

from engine.domain.auction import AuctionQuotes
from engine.domain.ids import InstrumentId
from engine.domain.input import CLOSE_OUT, BarsClosed, Input, JobDue, QuotesSeen, SlotDue
from engine.domain.market import Bar, DataFinding, Quote
from engine.domain.money import ZERO
from engine.domain.session import FillRule, Slot
from engine.domain.stretch import Stretch
from engine.errors import MarketDataError, SettingsError
from engine.market.history import CENT, session_dates
from engine.ports import Calendar, MarketHistory

Jobs = Sequence[tuple[str, timedelta]]
"""Jobs of a session date with their offsets from the close, ascending."""


_NONE: frozenset[InstrumentId] = frozenset()
_NO_FINDINGS: tuple[DataFinding, ...] = ()
_STRETCH = 512  # session dates at a time: a fraction of a millisecond's work


class Days:
    """A history by session date, without what the gates hold back."""

    def __init__(self, history: MarketHistory) -> None:
        self._feeds = {key: one.feed for key, one in history.series.items()}
        self.dates = session_dates(history)
        self.findings: dict[date, tuple[DataFinding, ...]] = {}
        self._no_open: dict[date, set[InstrumentId]] = {}
        self._no_close: dict[date, set[InstrumentId]] = {}
        self.bars = defaultdict[date, dict[InstrumentId, Bar]](dict)
        for key, one in history.series.items():
            for bar in one.bars:
                self.bars[bar.session_date][key] = bar
        ids = {stock.symbol: key for key, stock in history.instruments.items()}
        for finding in history.findings:
            if finding.session_date is not None:
                self._withhold(finding, finding.session_date, ids[finding.symbol])

    def _withhold(self, finding: DataFinding, day: date, key: InstrumentId) -> None:
        self.findings[day] = (*self.findings.get(day, ()), finding)
        if finding.blocks:
            self.bars[day].pop(key, None)
        if finding.blocks or finding.kind == "zero_volume":
            self._no_close.setdefault(day, set()).add(key)
        if finding.kind in ("bad_open", "zero_volume"):
            self._no_open.setdefault(day, set()).add(key)

    def opening(self, day: date, at: datetime) -> Mapping[InstrumentId, Quote]:
        """Return the opening prices of a session date as quotes."""
        held_back = self._no_open.get(day, _NONE)
        return AuctionQuotes(self.bars[day], "open", at, self._feeds, held_back)

    def closing(self, day: date, at: datetime) -> Mapping[InstrumentId, Quote]:
        """Return the closing prices of a session date as quotes."""
        held_back = self._no_close.get(day, _NONE)
        return AuctionQuotes(self.bars[day], "close", at, self._feeds, held_back)

    def between(self, day: date, at: datetime, part: Decimal) -> dict[InstrumentId, Quote]:
        """Return prices a part (0..1) of the way from open to close, in cents."""
        quotes = {}
        for key, bar in self.bars[day].items():
            price = (bar.open + (bar.close - bar.open) * part).quantize(CENT)
            quotes[key] = Quote(instrument=key, bid=price, ask=price, at=at, feed=self._feeds[key])
        return quotes


class RecordedFeed:
    """The inputs of a range of session dates, in order.

    Iterating begins after `cursor` inputs; whoever takes them counts them.
    """

    def __init__(
        self,
        history: MarketHistory,
        calendar: Calendar,
        first: date,
        last: date,
        *,
        fill_rule: FillRule = FillRule.NEXT_OPEN,
        slots: Sequence[Slot] = (Slot.OPEN,),
        jobs: Jobs = (),
        close_out: bool = False,
    ) -> None:
        """Choose a range. close_out: the last close has an auction in which all is to be closed."""
        self._days = Days(history)
        self._calendar = calendar
        dates = self._days.dates
        start, end = (max(first, dates[0]), min(last, dates[-1])) if dates else (first, last)
        self.sessions = calendar.sessions(start, end) if start <= end else ()
        if not dates or not self.sessions:
            span = f"{dates[0]} to {dates[-1]}" if dates else "nothing"
            raise MarketDataError(f"no session with data from {first} to {last}; there is {span}")
        self._ordinal = calendar.ordinal(self.sessions[0])
        self._fill_rule = fill_rule
        self._slots = tuple(dict.fromkeys(slots))
        self._jobs = tuple(jobs)
        self._closes_out_on = self.sessions[-1] if close_out else None
        self._closed = [
            self._bars(day, ordinal, calendar.closes_at(day))
            for ordinal, day in enumerate(self.sessions, self._ordinal)
        ]
        self._columns = _closes(history, self._closed)
        self._odd = _odd(history, self._closed)
        self.each = len(self.inputs_of(0))  # inputs of every session date but the last
        self.cursor = 0  # where iterating begins

    def __len__(self) -> int:
        """All inputs of the range."""
        last = len(self.sessions) - 1
        return self.each * last + len(self.inputs_of(last))

    @property
    def instants(self) -> int:
        """Distinct instants of the range: opens, closes and jobs."""
        return len(self.sessions) * (2 + len({offset for _, offset in self._jobs}))

    def seek(self, cursor: int) -> None:
        """Go on after that many inputs."""
        if not 0 <= cursor <= len(self):
            raise MarketDataError(f"cursor {cursor} is not in 0..{len(self)}: other data?")
        self.cursor = cursor

    def __iter__(self) -> "RecordedInputs":
        """Return the inputs from the cursor on."""
        return RecordedInputs(self, self.cursor)

    def refeed(self, cursor: int) -> Iterator[Input]:
        """Return the first inputs of the range again, up to a cursor; ours does not move."""
        return islice(RecordedInputs(self, 0), cursor)

    def stretch(self, first: int) -> Stretch | None:
        """Return the session dates from the n-th on that hold nothing but bars, some at most.

        The last of the range is never among them.
        """
        end = min(first + _STRETCH, len(self.sessions) - 1)
        at = bisect_left(self._odd, first)
        if at < len(self._odd):
            end = min(end, self._odd[at])
        if end <= first:
            return None
        days, closed = self.sessions[first:end], self._closed[first:end]
        return Stretch(days, closed, self._jobs, self._columns, first)

    def warmup(self) -> Iterator[BarsClosed]:
        """Yield the final bars of every session that the source has before the range."""
        anchor = self._days.dates[0]
        before = self._calendar.sessions(anchor, self.sessions[0])[:-1]
        for ordinal, day in enumerate(before, self._ordinal - len(before)):
            yield self._bars(day, ordinal, self._calendar.closes_at(day))

    def _bars(self, day: date, ordinal: int, at: datetime) -> BarsClosed:
        days = self._days
        return BarsClosed(at, day, ordinal, days.bars[day], days.findings.get(day, _NO_FINDINGS))

    def inputs_of(self, n: int) -> list[Input]:
        """Return the inputs of the n-th session date."""
        closed = self._closed[n]
        day, ordinal, closes = closed.session_date, closed.ordinal, closed.at
        opens = self._calendar.opens_at(day)
        given: list[Input] = [QuotesSeen(opens, day, ordinal, self._days.opening(day, opens))]
        if self._fill_rule is FillRule.NEXT_OPEN:
            for slot in self._slots:
                given.append(SlotDue(opens, opens, slot, day, ordinal, closes))
            given.append(closed)
        else:
            slots = [SlotDue(closes, closes, slot, day, ordinal, closes) for slot in self._slots]
            is_ahead = self._fill_rule is FillRule.SAME_CLOSE
            given.append(QuotesSeen(closes, day, ordinal, self._days.closing(day, closes)))
            given += [closed, *slots] if is_ahead else [*slots, closed]
        if day == self._closes_out_on:
            if self._fill_rule is FillRule.NEXT_OPEN:
                given.append(QuotesSeen(closes, day, ordinal, self._days.closing(day, closes)))
            given.append(JobDue(closes, closes, CLOSE_OUT, day))
        for job, offset in self._jobs:
            due = closes + offset
            given.append(JobDue(due, due, job, day))
        return given


def _closes(
    history: MarketHistory, closed: Sequence[BarsClosed]
) -> dict[InstrumentId, list[Decimal]]:
    """Return the closes of every instrument by session date, zero where it has no bar."""
    columns = {}
    for key in history.series:
        bars = [one.bars.get(key) for one in closed]
        columns[key] = [ZERO if bar is None else bar.close for bar in bars]
    return columns


def _odd(history: MarketHistory, closed: Sequence[BarsClosed]) -> list[int]:
    """Return the numbers of session dates with a finding, or without a bar that should be there."""
    firsts = [one.bars[0].session_date for one in history.series.values() if one.bars]
    odd = []
    for n, one in enumerate(closed):
        listed = sum(first <= one.session_date for first in firsts)
        if one.findings or len(one.bars) != listed:
            odd.append(n)
    return odd


class RecordedInputs(Iterator[Input]):
    """The inputs of a recording from a cursor on, which can leave out whole session dates."""

    def __init__(self, feed: RecordedFeed, cursor: int) -> None:
        self._feed = feed
        self._next = min(cursor // feed.each, len(feed.sessions) - 1)  # session date to be made
        taken = cursor - self._next * feed.each
        self._inputs = islice(chain.from_iterable(self._sessions()), taken, None)

    def _sessions(self) -> Iterator[list[Input]]:
        while self._next < len(self._feed.sessions):
            self._next += 1
            yield self._feed.inputs_of(self._next - 1)

    def __iter__(self) -> Iterator[Input]:
        return self._inputs  # as fast as it goes

    def __next__(self) -> Input:
        return next(self._inputs)

    def stretch(self, position: int) -> Stretch | None:
        """Return what comes next, if that many inputs taken end a session date."""
        return None if position % self._feed.each else self._feed.stretch(self._next)

    def skip(self, sessions: int) -> int:
        """Leave out the next session dates of a stretch; return how many inputs that is."""
        self._next += sessions
        return sessions * self._feed.each


Make = Callable[[datetime], list[Input]]
"""What an instant brings, given the wall time at which it is taken."""


class WallFeed:
    """The built-in market on the wall clock: the same bars, revealed as their time comes."""

    def __init__(
        self,
        history: MarketHistory,
        calendar: Calendar,
        slots: Sequence[Slot],
        slot_at: Callable[[Calendar, date, Slot], datetime],
        jobs: Jobs = (),
    ) -> None:
        self._days = Days(history)
        self._calendar = calendar
        self._slots = tuple(dict.fromkeys(slots))
        self._slot_at = slot_at
        self._jobs = tuple(jobs)

    def warmup(self, at: datetime) -> Iterator[BarsClosed]:
        """Yield the final bars of every session that closed before an instant."""
        for day in self._days.dates:
            closes = self._calendar.closes_at(day)
            if closes >= at:
                return
            yield self._bars(day, closes)

    def quotes(self, at: datetime) -> QuotesSeen | None:
        """Return the prices of an instant while the exchange is open, else None."""
        day = self._calendar.session_of(at)
        if day is None:
            return None
        opens, closes = self._calendar.opens_at(day), self._calendar.closes_at(day)
        part = Decimal((at - opens) // _SECOND) / Decimal((closes - opens) // _SECOND)
        quotes = self._days.between(day, at, part)
        return QuotesSeen(at, day, self._calendar.ordinal(day), quotes, auction=False)

    def plan(self, after: datetime) -> Iterator[tuple[datetime, Make]]:
        """Yield what comes after an instant, in order, until data or calendar end."""
        day = date.fromordinal(after.toordinal() - 2)
        while day < self._days.dates[-1]:
            try:
                day = self._calendar.next_session(day)
            except SettingsError:  # the end of what is known: closed
                return
            yield from (step for step in self._steps(day) if step[0] > after)

    def _steps(self, day: date) -> list[tuple[datetime, Make]]:
        opens, closes = self._calendar.opens_at(day), self._calendar.closes_at(day)
        ordinal = self._calendar.ordinal(day)

        def open_auction(at: datetime) -> list[Input]:
            return [QuotesSeen(at, day, ordinal, self._days.opening(day, at))]

        def close_auction(at: datetime) -> list[Input]:
            return [
                QuotesSeen(at, day, ordinal, self._days.closing(day, at)),
                self._bars(day, at),
            ]

        def slot_due(slot: Slot, due: datetime) -> Make:
            def make(at: datetime) -> list[Input]:
                seen = self.quotes(at) if opens < due < closes else None
                given: list[Input] = [seen] if seen is not None else []
                return [*given, SlotDue(at, due, slot, day, ordinal, closes)]

            return make

        def job_due(job: str, due: datetime) -> Make:
            return lambda at: [JobDue(at, due, job, day)]

        steps: list[tuple[datetime, Make]] = [(opens, open_auction)]
        for slot in self._slots:
            due = self._slot_at(self._calendar, day, slot)
            steps.append((due, slot_due(slot, due)))
        steps.append((closes, close_auction))
        steps += [(closes + offset, job_due(job, closes + offset)) for job, offset in self._jobs]
        return sorted(steps, key=lambda step: step[0])  # stable: auctions stand where they are

    def _bars(self, day: date, at: datetime) -> BarsClosed:
        ordinal, days = self._calendar.ordinal(day), self._days
        return BarsClosed(at, day, ordinal, days.bars[day], days.findings.get(day, ()))


_SECOND = timedelta(seconds=1)
