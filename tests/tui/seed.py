"""A database with a little story in it, written through the journal as an engine would."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import sin
from pathlib import Path

from engine.domain import event as facts
from engine.domain.alert import Alert, Severity
from engine.domain.decision import SeriesFacts, Step
from engine.domain.event import Event
from engine.domain.fill import Fill
from engine.domain.ids import (
    AlertId,
    DecisionId,
    ExecId,
    InstrumentId,
    OrderId,
    OrderRef,
    RequestId,
    SessionId,
    SignalId,
)
from engine.domain.market import Feed, Quote
from engine.domain.order import Order, OrderStatus, Side
from engine.domain.position import FLAT, Position
from engine.domain.reconciliation import Difference, DifferenceKind
from engine.domain.regime import RegimeReading, Trend, VolState
from engine.domain.risk import Check, CheckResult
from engine.domain.session import SessionState, TradingState, Verdict
from engine.domain.snapshot import Snapshot
from engine.ports import Heartbeat, Unit
from storage.journal import SqliteJournal
from storage.start import prepare
from tests.storage.samples import REGIME, context, created, moved, signal, unit

NOW = datetime(2026, 11, 20, 20, 41, 7, tzinfo=UTC)
DAY = date(2026, 11, 20)
SESSION = "offline-20261120T143000Z-9f3a1c22"
TQQQ, QQQ = InstrumentId("STK:TQQQ:USD"), InstrumentId("STK:QQQ:USD")

STEPS = (
    Step(number=1, name="Data", value="19 Nov, 800/800", test="quotes 2s", result="fresh"),
    Step(number=2, name="Strength T", test="+0.312 > +0.05 bull", result="bull", distance="+0.262"),
    Step(number=2, name="", test="       < −0.30 bear", result="no", distance="+0.612"),
    Step(number=3, name="Averages", value="602.11 / 571.93", test="fast > slow", result="bull",
         distance="+5.28 %"),
    Step(number=4, name="Trend", test="2 and 3 agree", result="BullStrong"),
    Step(number=5, name="Volatility z", value="−0.410", test="Low; High > +1.00", result="Low",
         distance="−1.410"),
    Step(number=6, name="Crush 5 d", value="−0.060", test="< −0.15", result="no",
         distance="+0.090"),
    Step(number=7, name="Cell", value="Kill Zone", test="Bull × Low", result="1",
         distance="9 sessions"),
    Step(number=8, name="Weights", value="TQQQ 60 QQQ 40", test="overlay 4-6 only",
         result="cash 0"),
    Step(number=9, name="Rebalance", value="0.024", test="> 0.025", result="no trade",
         distance="−0.001", near=True),
    Step(number=10, name="Orders", test="none"),
)  # fmt: skip


def ago(seconds: float) -> datetime:
    """An instant before now."""
    return NOW - timedelta(seconds=seconds)


def close_on(day: date) -> float:
    """A series that falls, rises and ends where the story begins."""
    left = (DAY - day).days - 1
    return round(602.1 - 0.9 * left + 9 * sin(left / 4) + 4 * sin(left * 1.7), 2)


def reading(day: date, cell: int) -> RegimeReading:
    """A reading of one session."""
    return RegimeReading(
        session_date=day, close=close_on(day), level=600.0, slope=0.5, innovation=0.1, t_norm=0.312,
        sma_fast=round(602.11 - 0.8 * (DAY - day).days, 2), sma_slow=571.93, sigma=0.18,
        z_score=-0.41, vol_before=VolState.LOW,
        vol=VolState.LOW, vol_by="hold", crush_change=-0.06, vol_crush=False,
        trend_before_crush=Trend.BULL, trend=Trend.BULL, cell=cell, bond_sma_fast=None,
        bond_sma_slow=None, bond_bull=None, bars=800, short_history=False,
    )  # fmt: skip


def regime_events() -> list[Event]:
    """Sixty sessions of readings; the last nine in cell 1."""
    cells = [3] * 20 + [4] * 12 + [2] * 5 + [3] * 14 + [1] * 9
    found: list[Event] = []
    for n, cell in enumerate(cells):
        day = DAY - timedelta(days=len(cells) - n)
        days = n - 50 if n > 50 else 1
        found.append(
            facts.RegimeRead(
                strategy=REGIME, reading=reading(day, cell), days_in_cell=days,
                parameter_hash="c8ff8a1b35a3c934",
            )
        )  # fmt: skip
    return found


QQQ_SERIES = SeriesFacts(
    symbol="QQQ", anchor=date(2023, 9, 1), last=date(2026, 11, 19), found=800, expected=800,
    last_close="602.10", last_volume=None, source="SYNTHETIC seed 7",
)  # fmt: skip


def decision() -> facts.DecisionMade:
    """The decision of the day."""
    return facts.DecisionMade(
        decision_id=DecisionId("dec_0a1b2c3d4e5f"), strategy=REGIME,
        parameter_hash="c8ff8a1b35a3c934", preset="default", session_date=DAY, slot="open",
        fill_rule="next_open", result="rebalance", text="cell 3 → 1", reading_date=DAY,
        cell=1, held_cell=3, series=(QQQ_SERIES,), gates=(), steps=STEPS,
        carried={"QQQ": Decimal(1)}, targets={"TQQQ": Decimal("0.6"), "QQQ": Decimal("0.4")},
        deviation=Decimal("1.2"), drift=Decimal("1.2"), threshold=Decimal("0.025"),
        prices={"TQQQ": Decimal("110.25")}, equity=Decimal(10_000), cash=Decimal(10_000), legs=(),
    )  # fmt: skip


def order(n: int, instrument: InstrumentId, side: Side, quantity: int) -> Order:
    """A market order."""
    return Order(
        order_id=OrderId(f"ord_01JD5B8Z3K4M5N6P7Q8R9S{n:04d}"),
        order_ref=OrderRef(f"PH-2c400c04{n:04d}-0"), strategy=REGIME,
        signal_id=SignalId(f"sig_2c400c04{n:04d}"), decision_id=DecisionId("dec_0a1b2c3d4e5f"),
        instrument=instrument, side=side, quantity=Decimal(quantity),
        reference_price=Decimal("110.22"), created_at=ago(120 - n), session_date=DAY,
    )  # fmt: skip


def order_events(given: Order, price: str, filled: int) -> list[Event]:
    """An order's life: checked, approved, sent, accepted, filled wholly or in part."""
    whole = filled == int(given.quantity)
    done = facts.OrderFilled if whole else facts.OrderPartiallyFilled
    status = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
    value = Decimal(price) * filled
    zero = Decimal(0)
    raised = signal(str(given.signal_id), instrument=given.instrument)
    events: list[Event] = [
        facts.SignalRaised(signal=raised),
        facts.RiskChecked(
            order_id=given.order_id,
            checks=(Check("cash", CheckResult.PASS, "5,965", "10,000"),),
        ),
        facts.OrderApproved(order=given),
        facts.SendStarted(
            order_id=given.order_id, attempt=1, link_epoch=1, broker_order_id=1
        ),
        facts.OrderAccepted(
            order_id=given.order_id, status=OrderStatus.ACCEPTED, filled=zero, filled_value=zero
        ),
    ]  # fmt: skip
    if not filled:
        return events
    fill = Fill(
        exec_id=ExecId(f"sim.0a1b2c3d.{given.order_ref}.1"), order_id=given.order_id,
        strategy=REGIME, instrument=given.instrument, side=given.side,
        quantity=Decimal(filled), price=Decimal(price), commission=Decimal("2.71"),
        reference_price=Decimal("110.22"), slippage_bps=Decimal("2.7"), at=ago(60),
    )  # fmt: skip
    cost = value + Decimal("2.71")
    return [
        *events,
        facts.FillReceived(fill=fill),
        facts.PositionChanged(
            strategy=REGIME, instrument=given.instrument, before=FLAT,
            after=Position(Decimal(filled), cost, zero), realized=zero,
        ),
        facts.CashChanged(strategy=REGIME, before=Decimal(10_000), after=Decimal("171.95"),
                          reason="fill"),
        done(order_id=given.order_id, status=status, filled=Decimal(filled), filled_value=value),
    ]  # fmt: skip


def snapshots() -> tuple[Snapshot, ...]:
    """Forty sessions of equity."""
    return tuple(
        Snapshot(
            strategy=REGIME, session_date=DAY - timedelta(days=40 - n),
            equity=Decimal(10_000 + 37 * n), cash=Decimal("171.95"),
            before=Decimal(10_000 + 37 * (n - 1)) if n else None, capital=Decimal(10_000),
            high_water=Decimal(10_000 + 37 * n), holdings=(),
        )
        for n in range(40)
    )  # fmt: skip


def alert(n: int, severity: Severity, kind: str, text: str) -> facts.AlertRaised:
    """An alert."""
    return facts.AlertRaised(
        alert=Alert(
            alert_id=AlertId(f"alr_{n:012d}"), severity=severity, kind=kind, subject="QQQ",
            text=text,
        )
    )  # fmt: skip


def reconciliation(*differences: Difference) -> facts.ReconciliationDone:
    """A comparison with the simulated exchange."""
    verdict = Verdict.DIFFERENCES if differences else Verdict.CLEAN
    return facts.ReconciliationDone(
        run_id=f"rec_{len(differences)}", trigger="daily", verdict=verdict, matched=3,
        differences=differences, text="",
    )  # fmt: skip


def story() -> list[Unit]:
    """What happened, in order."""
    working = order(3, QQQ, Side.BUY, 6)
    return [
        created(context(SESSION, started_at=ago(600), recorded_clock=False)),
        unit(moved(SessionState.CREATED, SessionState.STARTING), at=ago(599)),
        unit(moved(SessionState.STARTING, SessionState.RUNNING), at=ago(598)),
        *(unit(event, at=ago(590)) for event in regime_events()),
        unit(facts.SnapshotTaken(rows=snapshots()), at=ago(500)),
        unit(decision(), at=ago(125)),
        unit(*order_events(order(1, TQQQ, Side.BUY, 54), "110.25", 54), at=ago(60)),
        unit(*order_events(order(2, QQQ, Side.BUY, 6), "602.10", 0), at=ago(58)),
        unit(*order_events(working, "602.10", 2), at=ago(50)),
        unit(alert(1, Severity.WARNING, "stale_data", "no quote for 63 s"), at=ago(40)),
        unit(alert(2, Severity.INFO, "slot_late", "the slot was 12 s late"), at=ago(30)),
        unit(reconciliation(), at=ago(20)),
    ]


def halted() -> Unit:
    """A person stopped trading."""
    return unit(
        facts.TradingStateChanged(
            before=TradingState.ACTIVE, after=TradingState.HALTED, reason="looking into it",
            actor="me@here:pts/1",
        ),
        at=ago(10),
    )  # fmt: skip


def difference() -> Unit:
    """A comparison that found something."""
    found = Difference(
        kind=DifferenceKind.MISMATCHED, item=QQQ, ours="2", theirs="3", effect=Decimal("602.10")
    )
    return unit(reconciliation(found), at=ago(5))


def heartbeat() -> Heartbeat:
    """A pulse of this very second."""
    return Heartbeat(
        session_id=SessionId(SESSION), wall_at=NOW, clock_at=NOW, session_date=DAY,
        state="RUNNING", trading_state="ACTIVE", pace="10/s", tick_gap_ms=3.0, reports_waiting=0,
        commit_p99_ms=1.2, next_slot=f"open {ago(-271):%Y-%m-%dT%H:%M:%S}.000000Z",
        loop_lag_ms=0.4, hours=f"close {ago(-1133):%Y-%m-%dT%H:%M:%S}.000000Z",
        since=dict.fromkeys(("loop gap", "loop lag", "report lane", "commit p99"), ago(600)),
    )  # fmt: skip


def quotes() -> list[Quote]:
    """What the held instruments trade at."""
    return [
        Quote(instrument=TQQQ, bid=Decimal("115.39"), ask=Decimal("115.41"), at=ago(2),
              feed=Feed.SYNTHETIC),
        Quote(instrument=QQQ, bid=Decimal("601.20"), ask=Decimal("601.24"), at=ago(2),
              feed=Feed.SYNTHETIC),
    ]  # fmt: skip


async def build(path: Path, units: list[Unit]) -> None:
    """Write units and the latest values, then close the file."""
    prepare(path)
    async with await SqliteJournal.open(path, wall=lambda: NOW) as journal:
        for given in units:
            journal.put(given)
            await journal.commit()
        await journal.put_latest(heartbeat(), quotes())


async def append(path: Path, given: Unit) -> None:
    """Write one more unit of the session."""
    async with await SqliteJournal.open(path, wall=lambda: NOW) as journal:
        journal.resume(context(SESSION))
        journal.put(given)


def answered(request_id: str) -> Unit:
    """The engine took a request."""
    return unit(
        facts.RequestAnswered(request_id=RequestId(request_id), result="DONE", text="halted"),
        at=ago(1),
    )
