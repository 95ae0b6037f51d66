"""A whole engine at the practice gateway: slot, gate, journal, socket, fill, reconciliation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from engine.brokers.practice.gateway import PracticeGateway
from engine.core.state import StrategyBook, Terms, initial
from engine.domain.event import SessionCreated
from engine.domain.input import Started
from engine.domain.order import OrderStatus
from engine.domain.session import SessionState, Slot, StrategyInfo, Verdict
from engine.execution.router import Router
from engine.ports import Entry, Unit
from engine.risk.limits import Limits, merge
from engine.runtime.heartbeat import Pulse
from engine.runtime.ibkr import IbkrSession
from engine.runtime.inbox import Inbox
from engine.runtime.live import LiveSource
from engine.runtime.loop import Loop
from engine.runtime.start import recover
from engine.runtime.wall import WallPacer
from engine.schedule.calendar import ExchangeCalendar
from engine.schedule.slots import slot_at
from engine.strategy import registry
from engine.strategy.base import Strategy
from storage import start
from storage.controls import SqliteRequestBox
from storage.journal import SqliteJournal
from tests.engine.desk import FREE, HEADER, ROOMY
from tests.engine.ibkr.core import _context
from tests.engine.ibkr.test_session import wanted
from tests.engine.ibkr.wire import FAST, QQQ, D, MarketClock
from tests.patience import PATIENCE_S

BEFORE_SLOT = datetime(2026, 11, 20, 14, 42, 0, tzinfo=UTC)  # 09:42 in New York
TO_SLOT_S = 180
"""From there to the slot at 09:45: engines take their time to start, and must not miss it."""


@cache
def calendar() -> ExchangeCalendar:
    """The exchange's sessions, made once."""
    return ExchangeCalendar("XNYS", date(2022, 1, 3), date(2027, 11, 1))


CALM = replace(FAST, request=8, start=8, heartbeat_after=4, silence=12)
"""A busy machine makes answers late: here that is not what is looked at."""


class NoJobs:
    """No work outside the core."""

    def start(self, job: object) -> None:
        """Begin nothing."""


def script(*rows: str) -> Strategy:
    """A strategy that does what these lines say a quarter of an hour after the open."""
    texts = {"file": "script.csv", "execution_slot": Slot.AFTER_OPEN_15.value}
    resolved = registry.resolve("script", "default", texts)
    return registry.create(resolved, script="\n".join((HEADER, *rows)) + "\n")


class Engine:
    """One session of an engine, from its journal to its socket."""

    def __init__(
        self, folder: Path, gateway: PracticeGateway, number: int = 1, *, dry_run: bool = False
    ) -> None:
        self.path = folder / "paper.db"
        self.number = number
        self.dry_run = dry_run
        self.clock = MarketClock(gateway)
        self.inbox = Inbox()
        self.requests = SqliteRequestBox(self.path)
        self.calendar = calendar()
        settings = wanted(gateway, dry_run=dry_run)
        self.session = IbkrSession(settings, self.inbox.put, self.clock, timings=CALM)
        self.loop: Loop

    async def open(self, journal: SqliteJournal, strategy: Strategy) -> None:
        """Recover, connect, and make the loop."""
        info = StrategyInfo(
            strategy=strategy.id,
            preset=strategy.preset,
            parameter_hash=strategy.parameter_hash,
            parameters=dict(strategy.parameters),
            cash=D(100_000),
        )
        context = replace(_context(), strategies=(info,), dry_run=self.dry_run)
        if self.number > 1:
            child = context.session_id[:-1] + str(self.number)
            context = replace(context, session_id=child, parent_session_id=context.session_id)  # type: ignore[arg-type]
        now = self.clock.wall()
        entry = Entry(SessionCreated(context=context), -1)
        journal.put(Unit(now, now, [entry], durable=True))
        await journal.commit()
        session = self.session
        book = StrategyBook(
            strategy, strategy.memory(), D(100_000), D(1), merge(Limits(), strategy.limits, ROOMY)
        )
        await session.start([QQQ])
        history = await session.market.history([QQQ], self.calendar, sessions=30)
        terms: dict[str, Any] = {"minimum": D(100), "entry_ttl_s": 600}
        state = initial(
            context,
            Terms(costs=FREE, limits=Limits(), rebuild=lambda one, key, value: one, **terms),
            dict(history.instruments),
            {strategy.id: book},
        )
        source = LiveSource(
            session.market,
            history,
            self.calendar,
            self.clock,
            slots=[Slot.AFTER_OPEN_15],
            slot_at=slot_at,
            jobs=[("snapshot", timedelta(minutes=5))],
        )
        recover(state, journal, source)
        session.restore(state.orders.values(), state.fills.values())
        session.set_ledger(lambda instrument: _owned(state, instrument))
        session.market.watch([QQQ])
        self.loop = Loop(
            state=state,
            inbox=self.inbox,
            journal=journal,
            router=Router(session.broker, self.inbox.put, self.clock.wall),
            requests=self.requests,
            feed=iter(source),
            position=0,
            market=lambda given: None,
            pacer=WallPacer(self.clock),
            clock=self.clock,
            pulse=Pulse(self.clock, 0),
            jobs=NoJobs(),
        )
        self.inbox.put(Started(self.clock.wall()))


def _owned(state: Any, instrument: object) -> Decimal:
    return sum((book.position(instrument).quantity for book in state.books.values()), D(0))


@asynccontextmanager
async def engine(
    folder: Path, gateway: PracticeGateway, *rows: str, number: int = 1, dry_run: bool = False
) -> AsyncIterator[Engine]:
    """An engine that runs while the block does."""
    made = Engine(folder, gateway, number, dry_run=dry_run)
    start.prepare(made.path)
    async with await SqliteJournal.open(made.path, wall=made.clock.wall) as journal:
        try:
            await made.open(journal, script(*rows))
            running = asyncio.create_task(made.loop.run())
            try:
                yield made
            finally:
                if not running.done():
                    running.cancel()
                    await asyncio.wait({running}, timeout=PATIENCE_S)
                else:
                    running.result()
        finally:
            made.requests.close()
            await made.session.stop()


async def until(true: Any, within_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.01)


async def at_slot(gateway: PracticeGateway, *engines: Engine) -> None:
    """Wait until the engines run and have fresh quotes, then let the time to the slot pass."""

    def is_ready(one: Engine) -> bool:
        runs = one.loop.state.session_state is SessionState.RUNNING
        return runs and QQQ in one.session.market.quotes(one.clock.wall())[0]

    await until(lambda: all(is_ready(one) for one in engines))
    gateway.advance(TO_SLOT_S - 10 - (gateway.venue.now() - BEFORE_SLOT).total_seconds())
    await until(lambda: all(is_ready(one) for one in engines))
    gateway.advance(10)


async def test_a_slot_becomes_an_order_a_fill_and_a_clean_reconciliation(tmp_path: Path) -> None:
    async with (
        PracticeGateway(seed=7, start=BEFORE_SLOT, calendar=calendar()) as gateway,
        engine(tmp_path, gateway, "2026-11-20,QQQ,ENTER,BUY,10,,,,,") as one,
    ):
        state = one.loop.state
        await at_slot(gateway, one)
        await until(lambda: any(row.status is OrderStatus.FILLED for row in state.orders.values()))
        assert _owned(state, QQQ) == 10
        (order,) = gateway.venue.completed_orders()
        assert order.request.order_ref in {row.order.order_ref for row in state.orders.values()}
        await until(lambda: all(f.commission is not None for f in state.fills.values()))
        one.session.broker.read_account("test")
        await until(lambda: state.verdict is Verdict.CLEAN)
