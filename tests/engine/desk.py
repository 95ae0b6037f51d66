"""A whole engine over a few days of made-up bars, with a hand on everything that arrives.

The parts are the real ones: journal and request file on disk, loop, core, exchange. Only the
feed is watched, so that a test can act just before a numbered input.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from engine.brokers.simulated import SimulatedBroker
from engine.core.state import State, StrategyBook, Terms, initial
from engine.domain.command import RunJob
from engine.domain.event import AlertRaised, SessionCreated
from engine.domain.ids import Book, InstrumentId, RequestId, SessionId
from engine.domain.input import Input, Requested, Started
from engine.domain.instrument import stock_id
from engine.domain.market import Adjustment, Bar, Feed, Series
from engine.domain.order import OrderStatus, WorkingOrder
from engine.domain.request import Request, RequestKind
from engine.domain.session import (
    FillRule,
    Mode,
    SessionContext,
    SessionState,
    Slot,
    StrategyInfo,
)
from engine.exchange.book import SimulatedExchange
from engine.exchange.costs import Costs
from engine.execution.router import Router
from engine.market.history import assemble
from engine.market.quality import NO_BANDS
from engine.market.replay import RecordedFeed
from engine.ports import Broker, Entry, MarketHistory, Unit
from engine.risk.limits import Limits, merge
from engine.runtime.clock import SystemClock
from engine.runtime.heartbeat import Pulse
from engine.runtime.inbox import Inbox
from engine.runtime.loop import Loop
from engine.runtime.pace import Pacer
from engine.runtime.start import recover, restore_exchange, withheld
from engine.schedule.calendar import AlwaysCalendar
from engine.strategy import registry
from engine.strategy.base import Strategy
from storage import start
from storage.controls import SqliteRequestBox
from storage.emergency import EmergencyFile
from storage.journal import SqliteJournal
from storage.store import SqliteSessionStore
from tests.patience import PATIENCE_S
from tui import recovery

D = Decimal
E = TypeVar("E")
QQQ, TLT = stock_id("QQQ"), stock_id("TLT")
FIRST = date(2026, 3, 2)
ROOMY = dict.fromkeys(
    ("order_size", "symbol_exposure", "gross_exposure", "strategy_budget", "leveraged_exposure"),
    "10",
) | dict.fromkeys(("liquidity", "loss_day", "loss_severe", "drawdown"), "off")
HEADER = "time,instrument,kind,side,quantity,weight,strength,type,limit,leg"
OPEN, SLOT, CLOSE, SNAPSHOT, RECONCILE = range(5)  # inputs of a session under next_open
FREE = Costs(half_spread_bps=D(0), slippage_bps=D(0))


def day(n: int) -> date:
    """The n-th session date."""
    return FIRST + timedelta(days=n)


def step(session: int, part: int) -> int:
    """The number of an input of the feed."""
    return 5 * session + part


def history(prices: Mapping[str, Sequence[str | None]], volume: int = 1_000_000) -> MarketHistory:
    """Bars of some symbols: "open close", or one price for all four; None for a missing bar."""
    series: dict[InstrumentId, Series] = {}
    for symbol, bars in prices.items():
        key = stock_id(symbol)
        made = []
        for n, text in enumerate(bars):
            if text is None:
                continue
            opened, _, closed = text.partition(" ")
            o, c = D(opened), D(closed or opened)
            made.append(
                Bar(
                    instrument=key,
                    session_date=day(n),
                    open=o,
                    high=max(o, c),
                    low=min(o, c),
                    close=c,
                    volume=D(volume),
                )
            )
        series[key] = Series(
            instrument=key,
            bars=tuple(made),
            source="a test",
            feed=Feed.RECORDED,
            adjustment=Adjustment.SPLIT,
        )
    return assemble(series, "a test", None, bands=NO_BANDS)


def script(*rows: str) -> Strategy:
    """A strategy that does what these lines say."""
    resolved = registry.resolve("script", "default", {"file": "script.csv"})
    return registry.create(resolved, script="\n".join((HEADER, *rows)) + "\n")


class Killed(BaseException):
    """The process has died."""


class Desk:
    """One book: its database, its market and one session after the other."""

    def __init__(
        self,
        folder: Path,
        strategies: Sequence[Strategy],
        prices: Mapping[str, Sequence[str | None]],
        *,
        volume: int = 1_000_000,
        capital: str = "10000",
        limits: Mapping[str, object] | None = None,
        fill_rule: FillRule = FillRule.NEXT_OPEN,
        pace: str = "max",
        costs: Costs = FREE,
        **terms: Any,
    ) -> None:
        self.path = folder / "desk.db"
        self.history = history(prices, volume)
        self.strategies = strategies
        self.capital = D(capital)
        self.limits = ROOMY if limits is None else limits
        self.fill_rule = fill_rule
        self.pace = pace
        self.costs = costs
        self.terms = terms
        self.dry_run = False
        self.exchange_within = False  # every order on file before it is sent, as at a broker
        self.before: dict[int, Callable[[], object]] = {}  # by number of the input
        self.sessions = 0
        self.asked = 0
        self.box = SqliteRequestBox(self.path)
        self.wrap_broker: Callable[[Broker], Broker] = lambda broker: broker
        self.inbox: Inbox
        self.journal: SqliteJournal
        self.state: State
        self.loop: Loop
        self.exchange: SimulatedExchange

    # -- running -----------------------------------------------------------------------------

    async def run(self, within_s: float = PATIENCE_S) -> SessionState:
        """Run one session to its end; after a kill the next call goes on with the book."""
        start.prepare(self.path)
        self.journal = await SqliteJournal.open(self.path, wall=SystemClock().wall)
        async with self.journal:
            await self._open()
            try:
                async with asyncio.timeout(within_s):
                    return await self.loop.run()
            except Killed:
                self.journal._drain()
                raise
            finally:
                self.emergency.close()
                self.box.close()

    async def run_until(self, so: Callable[[], object]) -> None:
        """Run one session until something is so, and break it off there."""
        running = asyncio.create_task(self.run())
        while not running.done() and not (hasattr(self, "state") and so()):  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0.005)
        assert not running.done(), f"it ended before: {running.result()}"
        running.cancel()
        await asyncio.wait({running})

    async def _open(self) -> None:
        clock = SystemClock()
        context = self._context(clock.wall())
        self.journal.put(
            Unit(
                context.started_at,
                context.started_at,
                [Entry(SessionCreated(context=context), -1), *self._imported(context)],
                durable=True,
            )
        )
        await self.journal.commit()
        self.emergency.clear()
        feed = self.feed()
        state = self.state = self._state(context)
        cursor = recover(state, self.journal, feed)
        feed.seek(cursor)
        inbox = self.inbox = Inbox()
        exchange = self.exchange = SimulatedExchange(
            self.costs, 7, self.history.instruments, context.book, self.capital
        )
        restore_exchange(exchange, state, feed, cursor, context.started_at)
        broker = SimulatedBroker(exchange, inbox.put, lambda: self.loop.now())
        self.router = Router(self.wrap_broker(broker), inbox.put, lambda: self.loop.now())
        self.loop = Loop(
            state=state,
            inbox=inbox,
            journal=self.journal,
            router=self.router,
            requests=self.box,
            feed=self._watched(feed, cursor),
            position=cursor,
            exchange_within=self.exchange_within,
            market=broker.on_market,
            pacer=Pacer(self.pace, clock.monotonic),
            clock=clock,
            pulse=Pulse(clock, len(feed)),
            jobs=_NoJobs(),
            emergency=self.emergency,
        )
        inbox.put(Started(self.loop.now()))
        broker.resume(withheld(state))

    def _imported(self, context: SessionContext) -> list[Entry]:
        self.emergency = EmergencyFile(self.path)
        store = SqliteSessionStore(self.path)
        return [Entry(e, 0) for e in recovery.imported(self.emergency, store, context.book)]

    def _watched(self, feed: RecordedFeed, cursor: int) -> Iterator[Input]:
        for number, given in enumerate(feed, start=cursor):
            act = self.before.pop(number, None)
            if act is not None:
                act()
            yield given

    def feed(self) -> RecordedFeed:
        """The recorded market."""
        days = sorted({b.session_date for s in self.history.series.values() for b in s.bars})
        slot = Slot.OPEN if self.fill_rule is FillRule.NEXT_OPEN else Slot.CLOSE
        jobs = (("snapshot", timedelta(minutes=5)), ("reconcile", timedelta(minutes=60)))
        return RecordedFeed(
            self.history,
            AlwaysCalendar(days),
            days[0],
            days[-1],
            fill_rule=self.fill_rule,
            slots=(slot,),
            jobs=jobs,
            close_out=bool(self.terms.get("close_at_end")),
        )

    def _context(self, now: datetime) -> SessionContext:
        self.sessions += 1
        sid = SessionId(f"offline-20261120T120000Z-{self.sessions:08x}")
        root = SessionId("offline-20261120T120000Z-00000001")
        return SessionContext(
            session_id=sid,
            parent_session_id=None if sid == root else root,
            book=Book(f"offline:{root}"),
            mode=Mode.OFFLINE,
            dry_run=self.dry_run,
            account="SIM",
            strategies=tuple(
                StrategyInfo(
                    strategy=one.id,
                    preset=one.preset,
                    parameter_hash=one.parameter_hash,
                    parameters=dict(one.parameters),
                    cash=self.capital / len(self.strategies),
                )
                for one in self.strategies
            ),
            capital=self.capital,
            fill_rule=self.fill_rule,
            costs={},
            seed=7,
            calendar="always",
            pace=self.pace,
            recorded_clock=True,
            source="a test",
            feed="RECORDED",
            data_hash=self.history.data_hash,
            data_from=FIRST,
            data_to=None,
            config_hash="0" * 16,
            config={},
            origins={},
            build="test",
            started_at=now,
            pid=1,
            host="test",
        )

    def _state(self, context: SessionContext) -> State:
        share = 1 / D(len(self.strategies))
        books = {
            one.id: StrategyBook(
                one,
                one.memory(),
                self.capital * share,
                share,
                merge(Limits(), one.limits, self.limits),
            )
            for one in self.strategies
        }

        def rebuild(strategy: Strategy, key: str, value: str) -> Strategy:
            texts = {**strategy.parameters, key: value}
            return registry.create(registry.resolve(strategy.id, "default", texts))

        given = {"minimum": D(100), "entry_ttl_s": 600, **self.terms}
        terms = Terms(costs=self.costs, limits=Limits(), rebuild=rebuild, **given)
        return initial(context, terms, dict(self.history.instruments), books)

    # -- asking ------------------------------------------------------------------------------

    def request(
        self,
        kind: str,
        reason: str = "a test",
        args: Mapping[str, str] | None = None,
        *,
        age_s: float = 0,
    ) -> Request:
        """A request as a command would make it."""
        self.asked += 1
        return Request(
            request_id=RequestId(f"req_{self.asked:026d}"),
            kind=RequestKind(kind),
            actor="tester@desk",
            reason=reason,
            args=args or {},
            asked_at=SystemClock().wall() - timedelta(seconds=age_s),
        )

    def ask(
        self,
        kind: str,
        reason: str = "a test",
        args: Mapping[str, str] | None = None,
        *,
        age_s: float = 0,
    ) -> RequestId:
        """Leave a request in the file; return its id."""
        request = self.request(kind, reason, args, age_s=age_s)
        with SqliteRequestBox(self.path) as box:
            box.ask(request)
        return request.request_id

    def requested(
        self, kind: str, reason: str = "a test", args: Mapping[str, str] | None = None
    ) -> Requested:
        """The same as an input: it is taken at the next turn, not at the next look."""
        return Requested(self.loop.now(), self.request(kind, reason, args))

    def answer(self, request_id: RequestId) -> tuple[str, str] | None:
        """What became of a request."""
        with SqliteRequestBox(self.path) as box:
            return box.result(request_id)

    def kill(self) -> None:
        """Die here."""
        raise Killed

    # -- looking -----------------------------------------------------------------------------

    def events(self, kind: type[E]) -> list[E]:
        """What is journaled of one kind, oldest first."""
        book = Book("offline:offline-20261120T120000Z-00000001")
        found = [recorded.event for recorded in self.journal.replay(book)]
        return [event for event in found if isinstance(event, kind)]

    def emergency_noted(self) -> bool:
        """Whether something waits to be imported."""
        return (self.path.with_name(self.path.name + ".emergency")).read_bytes().strip(b"\0") != b""

    def alerts(self) -> dict[str, str]:
        """Texts of the alerts by kind, newest wins."""
        return {e.alert.kind: e.alert.text for e in self.events(AlertRaised)}

    def orders(self, symbol: str = "QQQ") -> list[WorkingOrder]:
        """All orders of a symbol, in order."""
        key = stock_id(symbol)
        return [row for row in self.state.orders.values() if row.order.instrument == key]

    def statuses(self, symbol: str = "QQQ") -> list[OrderStatus]:
        """Where the orders of a symbol stand."""
        return [row.status for row in self.orders(symbol)]

    def owned(self, symbol: str = "QQQ") -> Decimal:
        """Shares over all strategies."""
        key = stock_id(symbol)
        return sum((b.position(key).quantity for b in self.state.books.values()), D(0))


class _NoJobs:
    def start(self, job: RunJob) -> None:
        raise AssertionError(f"no job outside the core here: {job}")
