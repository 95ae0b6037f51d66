"""What clients have subscribed to: quotes, bars, ticks, profit and loss; only changes are sent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.brokers.practice.account import Account
from engine.brokers.practice.agenda import Agenda
from engine.brokers.practice.announcer import Announcer
from engine.brokers.practice.feed import Market, Quote
from engine.brokers.practice.history import DAILY, SIZES, Past
from engine.brokers.practice.model import (
    ZERO,
    Bar,
    BidAskTick,
    DataType,
    HistoryAsk,
    Item,
    Kind,
    MidTick,
    OptionTick,
    Refusal,
    SubKey,
    Subscription,
    TickPrice,
    TickSize,
    TickText,
    TickValue,
    TradeTick,
)
from engine.brokers.practice.options import Greeks, implied
from engine.brokers.practice.universe import Traded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _FIVE = timedelta(seconds=1), timedelta(seconds=5)
_MINUS = Decimal(-1)
_DATA_TYPES = {"delayed": 3, "frozen": 2}
_LINES = frozenset({Kind.QUOTES, Kind.BARS_5S, Kind.KEEP_UP, Kind.TICKS})
_DELAYED_PRICES = {1: 66, 2: 67, 4: 68, 6: 72, 7: 73, 9: 75, 14: 76}
_DELAYED_SIZES = {0: 69, 3: 70, 5: 71, 8: 74}


COMPETING = (10197, "No market data during competing live session")


@dataclass(slots=True)
class Distortion:
    """Something wrong with quotes: of one symbol or all, until an instant or for ever."""

    mode: str  # stale, minus, zero, crossed, x10, unset, delayed, frozen
    symbol: str
    until: datetime | None

    def touches(self, symbol: str, at: datetime) -> bool:
        """Say whether it holds for a symbol."""
        return self.symbol in ("", symbol) and (self.until is None or at < self.until)


@dataclass(slots=True)
class BarTrouble(Distortion):
    """Something wrong with bars: stop, late, revise, missing."""

    late_s: float = 10.0
    left: int = 0  # bars to be missing; 0: all until the end

    def spoil(self, bars: Sequence[Bar]) -> tuple[Bar, ...]:
        """Return the bars of a history as they are told while this holds: its newest ones."""
        if self.mode == "revise":
            return (*bars[:-1], *(replace(bar, close=bar.high) for bar in bars[-1:]))
        if self.mode == "missing":
            return tuple(bars[: -max(1, self.left)])
        return tuple(bars[:-1])  # late, stopped


@dataclass(slots=True)
class _Stream:
    wanted: Subscription
    traded: Traded | None
    shown: dict[int, object] = field(default_factory=dict)  # newest value by tick type
    last: object = None  # newest tick
    began: datetime | None = None  # of the running bar


class Streams:
    """All subscriptions."""

    def __init__(
        self,
        market: Market,
        past: Past,
        account: Account,
        say: Announcer,
        agenda: Agenda,
        now: Callable[[], datetime],
    ) -> None:
        self._market, self._past, self._account = market, past, account
        self._say, self._agenda, self._now = say, agenda, now
        self._streams: dict[SubKey, _Stream] = {}
        self.lines_max = 100
        self.distortions: list[Distortion] = []
        self.bar_troubles: list[BarTrouble] = []
        self.competing_until: datetime | None = None

    # -- opening and ending ------------------------------------------------------------------------

    def open(self, wanted: Subscription, traded: Traded | None) -> Refusal | None:
        """Open a stream, or say why not."""
        others = [s for k, s in self._streams.items() if k != wanted.key]
        if wanted.kind in _LINES:
            lines = sum(s.wanted.kind in _LINES for s in others)
            if lines >= self.lines_max:
                return Refusal(101, "Max number of tickers has been reached.")
        if wanted.kind is Kind.TICKS:
            client = wanted.key[0]
            mine = [s for s in others if s.wanted.kind is Kind.TICKS and s.wanted.key[0] == client]
            if len(mine) >= 5:
                return Refusal(10190, "Max number of tick-by-tick requests has been reached.")
            if wanted.what not in ("Last", "AllLast", "BidAsk", "MidPoint"):
                return Refusal(321, f"Invalid tick-by-tick type '{wanted.what}'")
        if wanted.kind in (Kind.BARS_5S, Kind.KEEP_UP) and wanted.what not in _BAR_KINDS:
            return Refusal(321, f"Invalid what to show '{wanted.what}'")
        stream = _Stream(wanted, traded)
        self._streams[wanted.key] = stream
        self._agenda.at(self._now(), lambda: self._first(stream))
        return None

    @property
    def lines(self) -> int:
        """How many data lines are in use, over all clients."""
        return sum(one.wanted.kind in _LINES for one in self._streams.values())

    def close(self, key: SubKey) -> bool:
        """End a stream; False if there was none."""
        return self._streams.pop(key, None) is not None

    def close_client(self, client_id: int) -> None:
        """End all streams of a client."""
        for key in [key for key in self._streams if key[0] == client_id]:
            del self._streams[key]

    def close_all(self) -> None:
        """End everything."""
        self._streams.clear()

    def next_tick(self, now: datetime, tick: timedelta) -> datetime | None:
        """Return when the streams want to be looked at next; None: never, or not this night."""
        if not self._streams or not self._market.hall.trades(now, outside=True):
            return None
        kinds = {s.wanted.kind for s in self._streams.values()}
        steps = []
        if kinds & {Kind.QUOTES, Kind.TICKS}:
            steps.append(tick)
        if kinds & {Kind.PNL, Kind.PNL_SINGLE}:
            steps.append(max(_SECOND, tick))
        if kinds & {Kind.BARS_5S, Kind.KEEP_UP}:
            steps.append(_FIVE)
        return min((grid_after(now, step) for step in steps), default=None)

    def quoted(self) -> list[SubKey]:
        """Return the keys of the quote streams."""
        return [k for k, s in self._streams.items() if s.wanted.kind is Kind.QUOTES]

    def _first(self, stream: _Stream) -> None:
        if self._streams.get(stream.wanted.key) is not stream:
            return
        if stream.wanted.kind is Kind.QUOTES and stream.traded is not None:
            at = self._now()
            if self._mode(stream.traded, at) == "stale":
                return
            if self.competing_until is not None and at < self.competing_until:
                self._say.error(*stream.wanted.key, *COMPETING)
                return
            self._show(stream, self.snapshot(stream.traded, stream.wanted))
        elif stream.wanted.kind in (Kind.PNL, Kind.PNL_SINGLE):
            self._tell_pnl(stream)

    # -- time --------------------------------------------------------------------------------------

    def tick(self, at: datetime, tick: timedelta, quote_of: Callable[[Traded], Quote]) -> None:
        """Look at everything whose turn it is."""
        moves, pays = is_on_grid(at, tick), is_on_grid(at, max(_SECOND, tick))
        bars = is_on_grid(at, _FIVE)
        competing = self.competing_until is not None and at < self.competing_until
        for stream in list(self._streams.values()):
            kind, traded = stream.wanted.kind, stream.traded
            if kind in (Kind.PNL, Kind.PNL_SINGLE):
                if pays:
                    self._tell_pnl(stream)
            elif traded is None or competing:
                continue
            elif kind is Kind.QUOTES:
                if moves:
                    self._tick_quotes(stream, traded, quote_of(traded), at, whole=pays)
            elif kind is Kind.TICKS:
                if moves:
                    self._tick_ticks(stream, quote_of(traded), at)
            elif bars:
                self._tick_bars(stream, traded, at)

    def _tick_quotes(
        self, stream: _Stream, traded: Traded, quote: Quote, at: datetime, *, whole: bool
    ) -> None:
        if not quote.trades:
            return
        mode = self._mode(traded, at)
        if mode in ("stale", "frozen"):
            if mode == "frozen":
                self._show(stream, [DataType(2)])
            return
        data_type = _DATA_TYPES.get(mode, stream.wanted.data_type)
        items: list[Item] = [DataType(data_type), *_prices_in(quote, mode)]
        items.append(TickValue(49, 1.0 if quote.halted else 0.0))
        if whole:
            items += self._session(traded, at)
            if traded.is_option:
                items += self._computations(traded, quote, at)
        self._show(stream, _as_delayed(items) if data_type >= 3 else items)

    def _mode(self, traded: Traded, at: datetime) -> str:
        """Say what is wrong with an instrument's quotes, empty if nothing."""
        symbol = traded.listing.symbol
        return next((d.mode for d in self.distortions if d.touches(symbol, at)), "")

    def snapshot(self, traded: Traded, wanted: Subscription) -> list[Item]:
        """Return all ticks of this moment."""
        at = self._now()
        quote = self._market.quote(traded, at)
        mode = self._mode(traded, at)
        data_type = _DATA_TYPES.get(mode, wanted.data_type)
        items: list[Item] = [DataType(data_type), *_prices_in(quote, mode)]
        items += self._session(traded, at)
        items.append(TickText(45, str(int(at.timestamp()))))
        items.append(TickValue(49, 1.0 if quote.halted else 0.0))
        generic = set(wanted.generic_ticks.replace(" ", "").split(","))
        if traded.is_option:
            items += self._computations(traded, quote, at)
        elif "106" in generic:
            items.append(TickValue(24, self._market.volatility(traded.listing.symbol)))
        if generic & {"221", "232"}:
            items.append(TickPrice(type=37, price=quote.mark))
        if "165" in generic:
            items.append(TickSize(21, Decimal(1_000_000)))
        if "101" in generic:
            items += [TickSize(27, Decimal(12_000)), TickSize(28, Decimal(15_000))]
        return _as_delayed(items) if data_type >= 3 else items

    def _session(self, traded: Traded, at: datetime) -> Iterator[Item]:
        stats = self._market.stats(traded, at)
        yield TickPrice(type=9, price=stats.before)
        if stats.open is not None:
            yield TickPrice(type=14, price=stats.open)
            yield TickPrice(type=6, price=stats.high)
            yield TickPrice(type=7, price=stats.low)
        yield TickSize(8, stats.volume)

    def _computations(self, traded: Traded, quote: Quote, at: datetime) -> Iterator[Item]:
        under = float(self._market.price(traded.listing.symbol, at))
        years = self._market.years(traded, at)
        for kind, price in ((10, quote.bid), (11, quote.ask), (12, quote.last)):
            found = None
            if price is not None and price > 0:
                found = implied(traded, under, float(price), years)
            yield computed(kind, found, under)
        yield computed(13, self._market.greeks(traded, at), under)

    def _show(self, stream: _Stream, items: Sequence[Item]) -> None:
        """Send what differs from what the client has seen."""
        shown = stream.shown
        for item in items:
            kind = -1 if isinstance(item, DataType) else getattr(item, "type", 0)
            if shown.get(kind) != item:
                shown[kind] = item
                self._say.item(stream.wanted.key, item)

    def _tick_ticks(self, stream: _Stream, quote: Quote, at: datetime) -> None:
        if not quote.trades or quote.halted:
            return
        tick: Item
        if stream.wanted.what == "BidAsk":
            tick = BidAskTick(
                at, quote.bid or ZERO, quote.ask or ZERO, quote.bid_size, quote.ask_size
            )
        elif stream.wanted.what == "MidPoint":
            tick = MidTick(at, quote.mark)
        else:
            tick = TradeTick(at, quote.last, quote.last_size)
        seen = replace(tick, at=datetime.min)  # noqa: DTZ901  two ticks that differ in time only
        if seen != stream.last:
            stream.last = seen
            self._say.item(stream.wanted.key, tick)

    def _tick_bars(self, stream: _Stream, traded: Traded, at: datetime) -> None:
        hours = self._market.hall.current(at)
        wanted = stream.wanted
        begin, end = (hours.opens, hours.closes) if wanted.use_rth else (hours.starts, hours.ends)
        if not begin < at <= end:
            return
        symbol = traded.listing.symbol
        trouble = self.trouble_of(symbol, at)
        bar = (
            self._past.bar(traded, at - _FIVE, at, wanted.what)
            if wanted.kind is Kind.BARS_5S
            else self._running(traded, wanted, at, begin)
        )
        if bar is None:
            return
        if trouble is None:
            self._say.item(wanted.key, bar)
        elif trouble.mode == "late":
            late = at + timedelta(seconds=trouble.late_s)
            self._agenda.at(late, lambda: self._say.item(wanted.key, bar))
        elif trouble.mode == "revise":
            self._say.item(wanted.key, bar)
            self._say.item(wanted.key, replace(bar, close=bar.high))
        elif trouble.mode == "missing":
            trouble.left -= 1
            if not trouble.left:
                self.bar_troubles.remove(trouble)

    def trouble_of(self, symbol: str, at: datetime) -> BarTrouble | None:
        """Return what is wrong with a symbol's bars now."""
        return next((t for t in self.bar_troubles if t.touches(symbol, at)), None)

    def _running(
        self, traded: Traded, wanted: Subscription, at: datetime, begin: datetime
    ) -> Bar | None:
        """Return the bar that is being made."""
        if wanted.bar_size in DAILY:
            ask = HistoryAsk(
                contract=wanted.contract,
                bar_size=wanted.bar_size,
                duration="1 D",
                use_rth=wanted.use_rth,
                what=wanted.what,
            )
            found = self._past.bars(traded, ask, at)
            return None if isinstance(found, Refusal) else found.bars[-1]
        seconds = SIZES.get(wanted.bar_size)
        if seconds is None:
            return None
        gone = (at - begin).total_seconds() - 5  # a full bar is closed by its own last update
        start = begin + timedelta(seconds=int(gone // seconds) * seconds)
        return self._past.bar(traded, start, at, wanted.what)

    def _tell_pnl(self, stream: _Stream) -> None:
        wanted = stream.wanted
        if stream.last is not None and not self._market.hall.trades(self._now(), outside=True):
            return
        stream.last = item = (
            self._account.pnl()
            if wanted.kind is Kind.PNL
            else self._account.pnl_single(wanted.contract.con_id)
        )
        self._say.item(wanted.key, item)


_BAR_KINDS = frozenset({"TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST"})


def is_on_grid(at: datetime, step: timedelta) -> bool:
    """Say whether an instant is a multiple of a step."""
    return not (at - _EPOCH) % step


def grid_after(at: datetime, step: timedelta) -> datetime:
    """Return the first multiple of a step after an instant."""
    return at + step - (at - _EPOCH) % step


def computed(kind: int, greeks: Greeks | None, under: float) -> OptionTick:
    """Return an option computation; without greeks everything but the underlying is unset."""
    if greeks is None:
        return OptionTick(
            type=kind,
            implied_vol=None,
            delta=None,
            price=None,
            pv_dividend=None,
            gamma=None,
            vega=None,
            theta=None,
            und_price=under,
        )
    return OptionTick(
        type=kind,
        implied_vol=round(greeks.volatility, 8),
        delta=round(greeks.delta, 8),
        price=round(greeks.price, 8),
        pv_dividend=0.0,
        gamma=round(greeks.gamma, 8),
        vega=round(greeks.vega, 8),
        theta=round(greeks.theta, 8),
        und_price=under,
    )


def _prices(quote: Quote) -> list[Item]:
    bid, ask = quote.bid, quote.ask
    return [
        TickPrice(type=1, price=_MINUS if bid is None else bid, size=quote.bid_size, mask=1),
        TickPrice(type=2, price=_MINUS if ask is None else ask, size=quote.ask_size, mask=1),
        TickPrice(type=4, price=quote.last, size=quote.last_size),
        TickSize(0, quote.bid_size),
        TickSize(3, quote.ask_size),
        TickSize(5, quote.last_size),
    ]


def _distorted(quote: Quote, mode: str) -> Quote:
    if mode == "minus":
        return quote._replace(bid=_MINUS, ask=_MINUS, bid_size=ZERO, ask_size=ZERO)
    if mode == "zero":
        return quote._replace(bid=ZERO, ask=ZERO, last=ZERO, bid_size=ZERO, ask_size=ZERO)
    if mode == "crossed":
        return quote._replace(bid=quote.ask, ask=quote.bid)
    if mode == "x10":
        return quote._replace(
            bid=quote.bid and quote.bid * 10, ask=quote.ask and quote.ask * 10, last=quote.last * 10
        )
    return quote


def _prices_in(quote: Quote, mode: str) -> list[Item]:
    """Return the ticks of a quote, with what is wrong with it."""
    prices = _prices(_distorted(quote, mode))
    if mode != "unset":
        return prices
    return [replace(one, price=None) if isinstance(one, TickPrice) else one for one in prices]


def _as_delayed(items: Sequence[Item]) -> list[Item]:
    """Return ticks under the ids of delayed data."""
    delayed: list[Item] = []
    for item in items:
        if isinstance(item, TickPrice):
            delayed.append(replace(item, type=_DELAYED_PRICES.get(item.type, item.type)))
        elif isinstance(item, TickSize):
            delayed.append(TickSize(_DELAYED_SIZES.get(item.type, item.type), item.size))
        elif isinstance(item, OptionTick):
            delayed.append(replace(item, type=item.type + 70))
        elif isinstance(item, TickText):
            delayed.append(TickText(88, item.value))
        else:
            delayed.append(item)
    return delayed
