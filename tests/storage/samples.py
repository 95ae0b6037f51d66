"""Facts with sane defaults, for the tests of storage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.domain import event as facts
from engine.domain.event import Event
from engine.domain.fill import Fill
from engine.domain.ids import (
    Book,
    ExecId,
    InstrumentId,
    OrderId,
    OrderRef,
    SessionId,
    SignalId,
    StrategyId,
)
from engine.domain.order import Order, OrderStatus, Side
from engine.domain.position import FLAT, Position
from engine.domain.session import FillRule, Mode, SessionContext, SessionState, StrategyInfo
from engine.domain.signal import Signal, SignalKind
from engine.domain.snapshot import Holding, Snapshot
from engine.ports import Entry, Unit
from storage.journal import SqliteJournal
from storage.start import prepare

AT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
DAY = date(2026, 11, 20)
QQQ = InstrumentId("STK:QQQ:USD")
REGIME = StrategyId("regime")
SESSION = "offline-20261120T143000Z-0a1b2c3d"


def wall() -> datetime:
    """The wall clock of every test: it stands still."""
    return AT


def context(session_id: str = SESSION, **changes: Any) -> SessionContext:
    """A session of the regime strategy with 10,000 dollars."""
    usual = SessionContext(
        session_id=SessionId(session_id),
        parent_session_id=None,
        book=Book(f"offline:{session_id}"),
        mode=Mode.OFFLINE,
        dry_run=False,
        account="SIM",
        strategies=(
            StrategyInfo(
                strategy=REGIME,
                preset="default",
                parameter_hash="c8ff8a1b35a3c934",
                parameters={"fast": "20"},
                cash=Decimal(10_000),
            ),
        ),
        capital=Decimal(10_000),
        fill_rule=FillRule.NEXT_OPEN,
        costs={"half_spread_bps": "1"},
        seed=7,
        calendar="XNYS",
        pace="max",
        recorded_clock=True,
        source="SYNTHETIC seed 7",
        feed="SYNTHETIC",
        data_hash="0123456789abcdef",
        data_from=date(2010, 1, 4),
        data_to=date(2018, 12, 31),
        config_hash="fedcba9876543210",
        config={"mode": "offline"},
        origins={"mode": "default"},
        build="test",
        started_at=AT,
        pid=1,
        host="here",
    )
    return replace(usual, **changes)


def unit(
    *events: Event, at: datetime = AT, cursor: int | None = None, durable: bool = False
) -> Unit:
    """Events of one moment, each caused by the one before it."""
    entries = [Entry(event, n - 1) for n, event in enumerate(events)]
    return Unit(at, at, entries, cursor=cursor, durable=durable)


def created(given: SessionContext | None = None) -> Unit:
    """The first unit of a session."""
    return unit(facts.SessionCreated(context=given or context()), durable=True)


async def open_journal(path: Path, *, busy_timeout_ms: int = 5_000) -> SqliteJournal:
    """A journal on a checked and migrated file."""
    tail_lost = prepare(path)
    return await SqliteJournal.open(
        path, wall=wall, busy_timeout_ms=busy_timeout_ms, tail_lost=tail_lost
    )


async def write(path: Path, *units: Unit) -> None:
    """Write a session with these units, each in a commit of its own, and close the file."""
    async with await open_journal(path) as journal:
        for given in (created(), *units):
            journal.put(given)
            await journal.commit()


def moved(before: SessionState, after: SessionState, reason: str = "") -> Event:
    """A session's move."""
    return facts.SessionStateChanged(before=before, after=after, reason=reason, actor="engine")


def signal(signal_id: str = "sig_000000000001", **changes: Any) -> Signal:
    """A target of 60 % in QQQ."""
    usual = Signal(
        signal_id=SignalId(signal_id),
        decision_id=None,
        strategy=REGIME,
        instrument=QQQ,
        kind=SignalKind.TARGET,
        session_date=DAY,
        slot="open",
        leg=0,
        target_weight=Decimal("0.6"),
        price=Decimal("100.03"),
        raised_at=AT,
        expires_at=AT + timedelta(minutes=10),
    )
    return replace(usual, **changes)


def order(
    order_id: str = "ord_01", side: Side = Side.BUY, quantity: int = 10, **changes: Any
) -> Order:
    """A market order for QQQ."""
    usual = Order(
        order_id=OrderId(order_id),
        order_ref=OrderRef(f"ref-{order_id}"),
        strategy=REGIME,
        signal_id=None,
        decision_id=None,
        instrument=QQQ,
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal("100"),
        created_at=AT,
    )
    return replace(usual, **changes)


def fill(exec_id: str = "x1", given: Order | None = None, **changes: Any) -> Fill:
    """The whole order at 100.03 with one dollar of commission."""
    of = given or order()
    usual = Fill(
        exec_id=ExecId(exec_id),
        order_id=of.order_id,
        strategy=of.strategy,
        instrument=of.instrument,
        side=of.side,
        quantity=of.quantity,
        price=Decimal("100.03"),
        commission=Decimal("1"),
        reference_price=Decimal("100"),
        slippage_bps=Decimal("3"),
        at=AT,
    )
    return replace(usual, **changes)


def order_filled(given: Order) -> Event:
    """All done at 100.03."""
    return facts.OrderFilled(
        order_id=given.order_id,
        status=OrderStatus.FILLED,
        filled=given.quantity,
        filled_value=given.quantity * Decimal("100.03"),
        perm_id=77,
    )


def position(quantity: str, cost: str = "0", before: Position = FLAT) -> facts.PositionChanged:
    """A change of the regime strategy's QQQ."""
    return facts.PositionChanged(
        strategy=REGIME,
        instrument=QQQ,
        before=before,
        after=Position(Decimal(quantity), Decimal(cost)),
        realized=Decimal(0),
    )


def a_trade(n: int = 1) -> list[Event]:
    """Order, send, fill, position and cash: the usual six events of a trade."""
    given = order(f"ord_{n:02}")
    return [
        facts.OrderApproved(order=given),
        facts.SendStarted(order_id=given.order_id, attempt=1, link_epoch=0, broker_order_id=n),
        facts.FillReceived(fill=fill(f"x{n}", given)),
        order_filled(given),
        position(str(10 * n), "1001.3"),
        facts.CashChanged(
            strategy=REGIME, before=Decimal(10_000), after=Decimal("8998.7"), reason="fill"
        ),
    ]


def snapshot(day: date = DAY, equity: str = "10000", **changes: Any) -> Snapshot:
    """A flat day."""
    usual = Snapshot(
        REGIME, day, Decimal(equity), Decimal(equity), None, Decimal(10_000), Decimal(equity), ()
    )
    return usual._replace(**changes)


def snapshots(count: int, holdings: Sequence[Holding] = ()) -> list[Snapshot]:
    """Consecutive days."""
    return [
        snapshot(date(2000, 1, 1) + timedelta(n), str(10_000 + n), holdings=tuple(holdings))
        for n in range(count)
    ]
