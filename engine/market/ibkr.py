"""Market data of Interactive Brokers: quotes, daily history, on a connection of their own.

No ticker of the library is used: ticks are tapped into tapes (`ticks`), which know the kind and
age of what they hold. Streams are counted by use, asked for anew when the connection or the
broker loses them, and when they fall silent. Data lines are few: where they do not suffice, what
matters least goes without, and says so.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from engine.domain.ids import InstrumentId
from engine.domain.instrument import Stock, symbol_of
from engine.domain.market import Adjustment, Bar, DataFinding, Feed, Quote, Series
from engine.errors import BrokerError, MarketDataError
from engine.market.history import assemble
from engine.market.quality import NO_BANDS, Bands
from engine.market.ticks import Tape, price
from engine.ports import Calendar, Clock, MarketHistory

_log = logging.getLogger("pilothouse.ibkr")

LIVE, DELAYED = 1, 3
_OPEN_REQUESTS = 4  # of history, at once
_DAY_BARS = "1 day"
_STREAM_OVER = frozenset({420, 10182, 10225})
_STREAM_GONE = frozenset({102, 300, 309, 317, 366})  # its number means nothing there
_NO_DATA = frozenset({354, 10089, 10090, 10091, 10168, 10186, 10197, 200, 321})
_NO_LINE = frozenset({101, 10190})
_LINES_AGAIN = timedelta(minutes=10)  # until as many lines are tried as settings allow
_PACING = timedelta(minutes=10)  # without history, after the broker complained
AGE_MAX = timedelta(seconds=30)

Rank = Callable[[InstrumentId], int]
"""How much an instrument's quotes matter: the lower, the more."""


class Line(Protocol):
    """A connection for data (engine.brokers.ibkr.connection.Connection)."""

    @property
    def is_open(self) -> bool:
        """Say whether requests can be made."""

    async def send(self, name: str, call: Callable[[Any], Any]) -> Any:
        """Make a call with the library's object, in its turn."""

    async def ask(self, name: str, call: Callable[[Any], Any], timeout: float = 0) -> Any:
        """Make a request and return its answer; BrokerError without one."""


class Known(Protocol):
    """What is kept of a contract (engine.brokers.ibkr.contracts.Qualified)."""

    @property
    def con_id(self) -> int:
        """The broker's number."""

    @property
    def min_tick(self) -> Decimal:
        """The smallest price step."""


class Contracts(Protocol):
    """Qualified contracts (engine.brokers.ibkr.contracts.Contracts)."""

    findings: dict[InstrumentId, str]

    async def qualify(self, instruments: Iterable[InstrumentId], at: datetime) -> None:
        """Ask for those that are not known."""

    def get(self, instrument: InstrumentId) -> Known | None:
        """Return what is known, None if not qualified."""

    def object_of(self, instrument: InstrumentId) -> Any:
        """Return the library's one contract object."""


@dataclass(slots=True)
class Stream:
    """One quote stream and how many use it."""

    tape: Tape
    users: int = 0
    request: int = 0  # 0: not asked for in this connection
    asked: float = 0.0  # monotonic
    is_old: bool = False  # to be ended and asked for anew


class IbkrMarket:
    """Quotes and history of one data connection."""

    def __init__(
        self,
        line: Line,
        contracts: Contracts,
        clock: Clock,
        *,
        line_limit: int = 100,
        allow_delayed: bool = False,
        stale_after_s: float = 60,
        history_s: float = 60,
        age_max: timedelta = AGE_MAX,
        broken: Callable[[], str] = lambda: "",
    ) -> None:
        """`broken` says why no quote may be believed now: a data farm that is down."""
        self._line = line
        self._contracts = contracts
        self._clock = clock
        self._limit = line_limit
        self._allow_delayed = allow_delayed
        self._stale_after_s = stale_after_s
        self._history_s = history_s
        self._age_max = age_max
        self._streams: dict[InstrumentId, Stream] = {}
        self._by_request: dict[int, Stream] = {}
        self._histories = asyncio.Semaphore(_OPEN_REQUESTS)
        self._wanted = asyncio.Event()
        self._broken = broken
        self._rank: Rank = lambda instrument: 0
        self._places = line_limit  # lines that the broker gives; fewer once it has refused one
        self._places_until: datetime | None = None
        self._paced_until: datetime | None = None  # no history before
        self._has_kind = False  # the kind of data was told in this connection

    # -- what arrives ------------------------------------------------------------------------

    def tap(self, ib: Any) -> None:
        """Take the ticks of a new library object; its own tickers stay unused."""
        wrapper = ib.wrapper
        wrapper.priceSizeTick = self._on_price
        wrapper.tickSize = self._on_size
        wrapper.tickGeneric = self._on_generic
        wrapper.tickString = lambda *fields: None
        wrapper.tickReqParams = lambda *fields: None
        wrapper.tickOptionComputation = lambda *fields: None
        wrapper.marketDataType = self._on_data_type

    def _tape(self, request: int) -> Tape | None:
        stream = self._by_request.get(request)
        if stream is None:
            return None
        stream.tape.heard = self._clock.monotonic()
        return stream.tape

    def _on_price(self, request: int, tick: int, value: float, shares: float) -> None:
        del shares  # comes once more as a size tick
        tape = self._tape(request)
        if tape is not None:
            tape.on_price(tick, value, self._clock.wall())

    def _on_size(self, request: int, tick: int, value: float) -> None:
        tape = self._tape(request)
        if tape is not None:
            tape.on_size(tick, value, self._clock.wall())

    def _on_generic(self, request: int, tick: int, value: float) -> None:
        tape = self._tape(request)
        if tape is not None:
            tape.on_value(tick, float(value))

    def _on_data_type(self, request: int, data_type: int) -> None:
        tape = self._tape(request)
        if tape is not None:
            tape.on_data_type(data_type)

    def on_error(self, request: int, code: int, text: str) -> None:
        """Hear an error about one of our streams."""
        stream = self._by_request.get(request)
        if stream is None:
            return
        if code in _NO_DATA:
            stream.tape.trouble = f"{code} {text}"
        elif code in _STREAM_OVER:
            self._forget(stream)
            self._wanted.set()
        elif code in _STREAM_GONE:
            self._forget(stream)  # asked for anew in its turn, not at once: it may be refused again
        elif code in _NO_LINE:
            self._forget(stream)
            used = sum(1 for one in self._streams.values() if one.request)
            self._places = max(1, min(self._limit, used))
            self._places_until = self._clock.wall() + _LINES_AGAIN
            _log.warning("%s: %d data lines", text, self._places)
            self._wanted.set()

    # -- streams -----------------------------------------------------------------------------

    def watch(self, instruments: Iterable[InstrumentId]) -> None:
        """Want quotes of these; each call counts. Beyond the lines the least important wait."""
        for instrument in instruments:
            stream = self._streams.setdefault(instrument, Stream(Tape(instrument)))
            stream.users += 1
        self._wanted.set()

    def set_rank(self, rank: Rank) -> None:
        """Say what matters most: positions and working orders before lists that are looked at."""
        self._rank = rank

    async def unwatch(self, instruments: Iterable[InstrumentId]) -> None:
        """Want them no longer; the last user ends the stream."""
        for instrument in instruments:
            stream = self._streams.get(instrument)
            if stream is None:
                continue
            stream.users -= 1
            if stream.users <= 0:
                del self._streams[instrument]
                await self._stop(stream)

    def renew(self) -> None:
        """Ask for everything anew; what the broker still serves is ended first: no line leaks."""
        for stream in self._streams.values():
            stream.is_old = bool(stream.request)
            stream.tape.clear()
        self._has_kind = False
        self._wanted.set()

    def lost(self) -> None:
        """The connection is gone, and every request with it: all is asked for anew."""
        for stream in self._streams.values():
            self._forget(stream)
        self._by_request.clear()
        self._has_kind = False
        self._wanted.set()

    def _forget(self, stream: Stream) -> None:
        self._by_request.pop(stream.request, None)
        stream.request = 0
        stream.is_old = False
        stream.tape.clear()

    async def run(self) -> None:
        """Keep every wanted stream alive until cancelled."""
        while True:
            self._wanted.clear()
            if self._line.is_open:
                with contextlib.suppress(BrokerError):
                    await self._round()
            try:
                async with asyncio.timeout(max(0.05, self._stale_after_s / 4)):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _round(self) -> None:
        await self._contracts.qualify(list(self._streams), self._clock.wall())
        now = self._clock.monotonic()
        first = []
        for instrument, stream in self._streams.items():
            if self._contracts.get(instrument) is None:
                stream.tape.trouble = self._contracts.findings.get(instrument, "not qualified")
            else:
                first.append(instrument)
        first.sort(key=self._rank)
        places = self._lines()
        for instrument in first[places:]:
            stream = self._streams[instrument]
            if stream.request:
                await self._stop(stream)
            stream.tape.trouble = f"no data line is left: {places} serve what matters more"
        for instrument in first[:places]:
            known = self._streams.get(instrument)  # somebody may have ended it meanwhile
            if known is None:
                continue
            if known.request and (known.is_old or self._is_silent(known, now)):
                _log.info("asking for %s anew", instrument)
                await self._stop(known)
            if not known.request:
                await self._start(instrument, known)

    def _lines(self) -> int:
        if self._places_until is not None and self._clock.wall() >= self._places_until:
            self._places, self._places_until = self._limit, None
        return self._places

    def _is_silent(self, stream: Stream, now: float) -> bool:
        newest = max(stream.asked, stream.tape.heard or 0.0)
        return now - newest > self._stale_after_s

    async def _start(self, instrument: InstrumentId, stream: Stream) -> None:
        contract = self._contracts.object_of(instrument)
        kind = DELAYED if self._allow_delayed else LIVE

        def call(ib: Any) -> None:
            request = ib.client.getReqId()
            stream.request = request
            stream.asked = self._clock.monotonic()
            self._by_request[request] = stream
            if not self._has_kind:  # it holds for all that is asked after it
                self._has_kind = True
                ib.client.reqMarketDataType(kind)
            ib.client.reqMktData(request, contract, "", False, False, [])

        await self._line.send(f"quotes {symbol_of(instrument)}", call)

    async def _stop(self, stream: Stream) -> None:
        request = stream.request
        self._forget(stream)
        if request and self._line.is_open:
            with contextlib.suppress(BrokerError):
                await self._line.send("end of quotes", lambda ib: ib.client.cancelMktData(request))

    # -- quotes ------------------------------------------------------------------------------

    def tape(self, instrument: InstrumentId) -> Tape | None:
        """Return everything known of a watched instrument's price, usable or not."""
        stream = self._streams.get(instrument)
        return None if stream is None else stream.tape

    def request_of(self, instrument: InstrumentId) -> int:
        """Return the number of a stream's request in this connection, 0 if it has none."""
        stream = self._streams.get(instrument)
        return 0 if stream is None else stream.request

    def quotes(self, at: datetime) -> tuple[dict[InstrumentId, Quote], dict[InstrumentId, str]]:
        """Return the quotes that may decide, and why the others may not."""
        usable: dict[InstrumentId, Quote] = {}
        refused: dict[InstrumentId, str] = {}
        broken = self._broken()
        for instrument, stream in self._streams.items():
            why = broken or stream.tape.refusal(
                at, allow_delayed=self._allow_delayed, age_max=self._age_max
            )
            quote = stream.tape.quote
            if why or quote is None:
                refused[instrument] = why or "no two-sided quote"
            else:
                usable[instrument] = quote
        return usable, refused

    async def fresh(
        self, at: Callable[[], datetime], within_s: float
    ) -> tuple[dict[InstrumentId, Quote], dict[InstrumentId, str]]:
        """Return the quotes of a slot; wait a little for those that are missing."""
        until = self._clock.monotonic() + within_s
        usable, refused = self.quotes(at())
        while refused and self._clock.monotonic() < until:
            await asyncio.sleep(0.05)
            usable, refused = self.quotes(at())
        return usable, refused

    # -- history -----------------------------------------------------------------------------

    async def history(
        self,
        instruments: Sequence[InstrumentId],
        calendar: Calendar,
        *,
        sessions: int = 800,
        bands: Bands = NO_BANDS,
        findings: Sequence[DataFinding] = (),
    ) -> MarketHistory:
        """Return the final daily bars of some instruments, with ticks and contract numbers.

        Raises MarketDataError that names the instrument which has no usable answer.
        """
        now = self._clock.wall()
        await self._contracts.qualify(instruments, now)
        answers = await asyncio.gather(
            *(self.bars(one, calendar, sessions=sessions) for one in instruments),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        made = assemble(
            {one.instrument: one for one in answers if isinstance(one, Series)},
            "IBKR",
            calendar,
            bands=bands,
            findings=findings,
        )
        stocks = {key: self._with_contract(stock) for key, stock in made.instruments.items()}
        return replace(made, instruments=stocks)

    def _with_contract(self, stock: Stock) -> Stock:
        known = self._contracts.get(stock.id)
        if known is None:
            return stock
        return replace(stock, tick=known.min_tick, con_id=known.con_id)

    async def bars(
        self, instrument: InstrumentId, calendar: Calendar, *, sessions: int = 800
    ) -> Series:
        """Return the newest final daily bars of an instrument. Raises MarketDataError."""
        name = f"history {symbol_of(instrument)}"
        if self._contracts.get(instrument) is None:
            why = self._contracts.findings.get(instrument, "not qualified")
            raise MarketDataError(f"{name}: {why}")
        contract = self._contracts.object_of(instrument)
        span = f"{sessions // 250 + 1} Y" if sessions > 250 else f"{sessions * 2 + 10} D"

        def call(ib: Any) -> Any:
            return ib.reqHistoricalDataAsync(
                contract, "", span, _DAY_BARS, "TRADES", True, 2, False, [], 0
            )

        found = await self._past(name, call)
        now = self._clock.wall()
        bars = [bar_of(instrument, one) for one in found]
        final = [bar for bar in bars if _is_final(bar.session_date, calendar, now)]
        if not final:
            raise MarketDataError(f"{name}: the broker gave no final bar")
        return Series(
            instrument=instrument,
            bars=tuple(sorted(final, key=lambda bar: bar.session_date)[-sessions:]),
            source="IBKR TRADES",
            feed=Feed.LIVE,
            adjustment=Adjustment.SPLIT,
        )

    async def _past(self, name: str, call: Callable[[Any], Any]) -> Sequence[Any]:
        """Ask for history; no rows where the broker says that it has none.

        After a complaint about the pace nothing is asked for ten minutes: each request in that
        time would make the wait begin anew.
        """
        async with self._histories:
            now, until = self._clock.wall(), self._paced_until
            if until is not None and now < until:
                wait = (until - now).total_seconds()
                raise MarketDataError(f"{name}: the broker's pace allows none for {wait:.0f} s")
            try:
                return await self._line.ask(name, _ended_with(call), self._history_s)  # type: ignore[no-any-return]
            except BrokerError as error:
                text = str(error).lower()
                if "162" in text and "no data" in text:
                    return ()
                if "162" in text and "pacing" in text:
                    self._paced_until = self._clock.wall() + _PACING
                raise MarketDataError(str(error)) from error


def _ended_with(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Begin at once, as other requests do; a request that nobody waits for any more is ended."""

    async def asked(ib: Any) -> Any:
        request = ib.client.getReqId() + 1  # the library takes the next one
        answer = call(ib)
        try:
            return await answer
        except asyncio.CancelledError:
            if ib.client.isReady():
                ib.client.cancelHistoricalData(request)
            raise

    return lambda ib: asyncio.ensure_future(asked(ib))


def _is_final(day: date, calendar: Calendar, now: datetime) -> bool:
    """The running day is not final before its close; a day without a session is no bar."""
    return calendar.is_session(day) and calendar.closes_at(day) <= now


def bar_of(instrument: InstrumentId, one: Any) -> Bar:
    """Return a daily bar of the library as ours. Raises MarketDataError for unusable numbers."""
    day = one.date if type(one.date) is date else None
    prices = [price(float(value)) for value in (one.open, one.high, one.low, one.close)]
    volume = float(one.volume)
    opened, high, low, closed = prices
    if day is None or opened is None or high is None or low is None or closed is None:
        raise MarketDataError(f"history {symbol_of(instrument)}: unusable bar {one}")
    return Bar(
        instrument=instrument,
        session_date=day,
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=Decimal(max(0, round(volume))) if volume == volume else Decimal(0),
    )
