"""The tables say what the events say, and the views keep their promised columns."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.domain import event as facts
from engine.domain.alert import Alert, AlertState, Severity
from engine.domain.event import Event
from engine.domain.ids import AlertId, DecisionId, ExecId, OrderId, StrategyId
from engine.domain.order import OrderStatus, Side
from engine.domain.position import Position
from engine.domain.reconciliation import Difference, DifferenceKind
from engine.domain.regime import RegimeReading, Trend, VolState
from engine.domain.risk import Check, CheckResult
from engine.domain.session import JobOutcome, SessionState, TradingState, Verdict
from engine.domain.snapshot import Holding
from engine.errors import JournalError
from engine.ports import Unit
from storage.codec import KINDS
from storage.connect import open_reader
from storage.projections import INERT, STEPS
from storage.queries.listing import LISTINGS, rows
from storage.watch import _TOPICS, EVERYTHING
from tests.storage.samples import (
    AT,
    DAY,
    QQQ,
    REGIME,
    SESSION,
    a_trade,
    context,
    created,
    fill,
    moved,
    open_journal,
    order,
    position,
    signal,
    snapshot,
    snapshots,
    unit,
    write,
)

CONTRACT = {
    "v_sessions": "session_id, parent_session_id, mode, dry_run, strategy_ids, state, started_at, "
    "ended_at, end_reason, config_hash, decisions_hash, fills_hash",
    "v_regimes": "session_id, strategy_id, session_date, cell, trend, vol, t_norm, z_score, "
    "sma_fast, sma_slow, vol_crush, close, provisional, short_history",
    "v_signals": "signal_id, session_id, strategy_id, symbol, kind, target_weight, session_date, "
    "state, reason",
    "v_orders": "order_id, order_ref, session_id, strategy_id, signal_id, symbol, side, quantity, "
    "order_type, limit_price, status, filled, average_price, perm_id, reason, created_at",
    "v_fills": "exec_id, order_id, session_id, strategy_id, symbol, side, quantity, price, "
    "commission, slippage_bps, at",
    "v_positions": "session_id, strategy_id, symbol, quantity, average_cost, market_price, "
    "market_value, unrealized_pnl, realized_pnl, priced_at",
    "v_alerts": "alert_id, session_id, severity, kind, subject, text, count, first_at, last_at, "
    "state",
    "v_snapshots": "session_id, strategy_id, session_date, equity, cash, daily_return, "
    "cumulative_return, drawdown, cell, held_cell, trend, vol",
    "v_reconciliations": "run_id, session_id, at, verdict, matched, missing_local, "
    "missing_broker, mismatched",
    "v_jobs": "job, session_date, due_at, started_at, ended_at, outcome, detail",
    "v_events": "seq, session_id, at, known_at, kind, subject, causation_seq, payload, hash",
}


async def tables(path: Path, *units: Unit) -> dict[str, list[dict[str, Any]]]:
    """Write a session with these units and read every kind of row."""
    await write(path, *units)
    db = open_reader(path)
    try:
        return {kind: rows(db, kind) for kind in LISTINGS}
    finally:
        db.close()


async def refused(path: Path, *units: Unit) -> str:
    """Return why the last unit is refused."""
    async with await open_journal(path) as journal:
        for given in (created(), *units[:-1]):
            journal.put(given)
        await journal.commit()
        journal.put(units[-1])
        with pytest.raises(JournalError) as caught:
            await journal.commit()
        await journal.reset()
    return str(caught.value)


def test_every_kind_of_event_is_projected_or_listed_as_inert() -> None:
    assert set(KINDS.values()) == set(STEPS) | INERT
    assert not set(STEPS) & INERT


def test_every_kind_of_event_names_the_topics_it_changes() -> None:
    assert set(_TOPICS) == set(KINDS)
    assert {topic for words in _TOPICS.values() for topic in words.split()} <= EVERYTHING


async def test_the_views_keep_their_promised_columns(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    db = open_reader(path)
    for view, promised in CONTRACT.items():
        found = [column[0] for column in db.execute(f"SELECT * FROM {view}").description]  # noqa: S608
        assert found[: len(promised.split(", "))] == promised.split(", "), view
    db.close()


async def test_tables_are_strict_and_rows_of_sessions_point_to_them(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path)
    db = open_reader(path)
    for name, strict in db.execute(
        "SELECT name, strict FROM pragma_table_list "
        "WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ):
        assert strict, name
        columns = {row["name"]: row for row in db.execute(f"PRAGMA table_info({name})")}
        if name in ("migrations", "anchors"):
            continue
        assert columns["session_id"]["notnull"] or columns["session_id"]["pk"], name
        keys = {row["from"] for row in db.execute(f"PRAGMA foreign_key_list({name})")}
        assert name == "sessions" or "session_id" in keys, name
    db.close()


# -- session -------------------------------------------------------------------------------


async def test_a_session_moves_and_ends(tmp_path: Path) -> None:
    done = facts.SessionStateChanged(
        before=SessionState.STOPPING, after=SessionState.COMPLETED, reason="data_ended",
        actor="engine", decisions_hash="d", fills_hash="f",
    )  # fmt: skip
    found = await tables(
        tmp_path / "p.db",
        unit(moved(SessionState.CREATED, SessionState.STARTING)),
        unit(moved(SessionState.STARTING, SessionState.STOPPING)),
        unit(done),
    )
    session = found["sessions"][0]
    assert session["session_id"] == SESSION
    assert (session["state"], session["end_reason"]) == ("COMPLETED", "data_ended")
    assert (session["decisions_hash"], session["fills_hash"]) == ("d", "f")
    assert session["ended_at"] is not None


async def test_a_move_from_a_state_it_is_not_in_is_refused(tmp_path: Path) -> None:
    why = await refused(tmp_path / "p.db", unit(moved(SessionState.RUNNING, SessionState.STOPPING)))
    assert "session offline-" in why


async def test_strategy_parameters_latches_and_trading_state(tmp_path: Path) -> None:
    found = await tables(
        tmp_path / "p.db",
        unit(
            facts.StrategyStateChanged(
                strategy=REGIME, before="", after="WARMING 1/2", reason="short"
            ),
            facts.ParameterChanged(
                strategy=REGIME, key="fast", old="20", new="21", parameter_hash="h2",
                actor="me", reason="try",
            ),
            facts.LatchSet(latch="drawdown", scope="book", until="person", text="-16 %"),
            facts.TradingStateChanged(
                before=TradingState.ACTIVE, after=TradingState.HALTED, reason="x", actor="me"
            ),
            facts.LatchReleased(latch="drawdown", scope="book", by="me"),
        ),
    )  # fmt: skip
    strategy = found["strategies"][0]
    assert (strategy["state"], strategy["parameter_hash"]) == ("WARMING 1/2", "h2")
    assert found["parameters"][0]["new"] == "21"
    assert found["latches"][0]["released_by"] == "me"
    assert len(found["journal"]) == 6


# -- decision ------------------------------------------------------------------------------


def reading(cell: int = 1, *, provisional: bool = False) -> facts.RegimeRead:
    """A reading of the day."""
    return facts.RegimeRead(
        strategy=REGIME,
        reading=RegimeReading(
            session_date=DAY, close=100.5, level=100.0, slope=0.1, innovation=0.2, t_norm=0.5,
            sma_fast=99.0, sma_slow=98.0, sigma=0.2, z_score=float("nan"),
            vol_before=VolState.LOW, vol=VolState.LOW, vol_by="hold", crush_change=None,
            vol_crush=False, trend_before_crush=Trend.BULL, trend=Trend.BULL, cell=cell,
            bond_sma_fast=None, bond_sma_slow=None, bond_bull=None, bars=300,
            short_history=False, provisional=provisional,
        ),
        days_in_cell=3,
        parameter_hash="h",
    )  # fmt: skip


async def test_a_final_reading_replaces_a_provisional_one_and_not_the_other_way(
    tmp_path: Path,
) -> None:
    found = await tables(
        tmp_path / "p.db",
        unit(reading(2, provisional=True)),
        unit(reading(3)),
        unit(reading(4, provisional=True)),
    )
    regime = found["regimes"]
    assert [(row["cell"], row["provisional"]) for row in regime] == [(3, 0)]
    assert (regime[0]["trend"], regime[0]["vol"]) == ("BullStrong", "Low")
    assert regime[0]["z_score"] is None


def decision(late_s: float | None = None) -> facts.DecisionMade:
    """A decision of the day at the open."""
    return facts.DecisionMade(
        decision_id=DecisionId("dec_1"), strategy=REGIME, parameter_hash="h", preset="default",
        session_date=DAY, slot="open", fill_rule="next_open", result="rebalance",
        text="cell 3 → 1", reading_date=DAY, cell=1, held_cell=3, series=(), gates=(), steps=(),
        carried={}, targets={"QQQ": Decimal("0.6")}, deviation=None, drift=None, threshold=None,
        prices={"QQQ": Decimal(100)}, equity=Decimal(10_000), cash=Decimal(10_000), legs=(),
        late_s=late_s,
    )  # fmt: skip


async def test_a_decision_is_a_job_too_and_made_once(tmp_path: Path) -> None:
    found = await tables(tmp_path / "p.db", unit(decision(late_s=3.5)))
    assert found["decisions"][0]["text"] == "cell 3 → 1"
    assert found["strategies"][0]["last_decision"] == "cell 3 → 1"
    job = found["jobs"][0]
    assert (job["job"], job["outcome"]) == ("decision:regime", "LATE")
    assert job["due_at"] == "2026-11-20T14:29:56.500000Z"
    why = await refused(tmp_path / "q.db", unit(decision()), unit(decision()))
    assert "UNIQUE" in why


# -- signal and order ----------------------------------------------------------------------


async def test_the_life_of_a_signal(tmp_path: Path) -> None:
    given = order("ord_1", signal_id=signal().signal_id)
    done = facts.SignalDone(
        signal_id=signal().signal_id, strategy=REGIME, instrument=QQQ, outcome="filled",
        target_weight=Decimal("0.6"), carried=True,
    )  # fmt: skip
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created())
        states = []
        row: dict[str, Any] = {}
        for event in (
            facts.SignalRaised(signal=signal()),
            facts.SignalDuplicated(signal_id=signal().signal_id, at=AT + timedelta(seconds=1)),
            facts.OrderApproved(order=given),
            done,
        ):
            journal.put(unit(event))
            await journal.commit()
            db = open_reader(tmp_path / "p.db")
            row = rows(db, "signals")[0]
            db.close()
            states.append((row["state"], row["duplicate_count"]))
    assert states == [("ACCEPTED", 0), ("ACCEPTED", 1), ("ORDERED", 1), ("DONE", 1)]
    assert (row["target_weight"], row["symbol"], row["reason"]) == (0.6, "QQQ", "filled")
    assert row["last_seen_at"] == "2026-11-20T14:30:01.000000Z"


@pytest.mark.parametrize("quantity", ["NaN", "1E+18", "-5", "0", "0.1234567891", "Infinity"])
async def test_a_senseless_signal_is_a_row_too(tmp_path: Path, quantity: str) -> None:
    bad = signal(quantity=Decimal(quantity), reason="half a pair \ud800")
    found = await tables(
        tmp_path / "p.db",
        unit(facts.SignalRejected(signal=bad, reason="bad_value", text="quantity \ud800")),
        unit(facts.SignalRejected(signal=bad, reason="bad_value", text="again")),
    )
    assert [(row["state"], row["reason"], row["duplicate_count"]) for row in found["signals"]] == [
        ("REJECTED", "bad_value", 1)
    ]
    assert f'"quantity":"{Decimal(quantity)}"' in found["journal"][1]["payload"]


async def test_expired_and_dry_run_signals_keep_their_state(tmp_path: Path) -> None:
    dry = signal("sig_000000000002", leg=1)
    found = await tables(
        tmp_path / "p.db",
        unit(facts.SignalRaised(signal=signal()), facts.SignalRaised(signal=dry)),
        unit(facts.SignalExpired(signal_id=signal().signal_id, text="")),
        unit(facts.OrderDryRun(order=order(signal_id=dry.signal_id))),
    )
    assert [(row["state"], row["reason"]) for row in found["signals"]] == [
        ("EXPIRED", "expired"), ("DRY_RUN", ""),
    ]  # fmt: skip
    assert found["orders"][0]["status"] == "DRY_RUN"


async def test_a_number_that_no_broker_gave_is_unknown_and_not_0(tmp_path: Path) -> None:
    approved = next(event for event in a_trade() if isinstance(event, facts.OrderApproved))
    (row,) = (await tables(tmp_path / "p.db", unit(approved)))["orders"]
    assert (row["perm_id"], row["broker_order_id"], row["average_price"]) == (None, None, None)


async def test_an_order_from_approval_to_fill(tmp_path: Path) -> None:
    found = await tables(tmp_path / "p.db", unit(*a_trade()))
    row = found["orders"][0]
    assert (row["status"], row["filled"], row["average_price"]) == ("FILLED", 10, 100.03)
    assert (row["perm_id"], row["broker_order_id"], row["sent_at"] is not None) == (77, 1, True)
    trade = found["trades"][0]
    assert (trade["price"], trade["commission"], trade["slippage_bps"]) == (100.03, 1, 3)
    assert found["strategies"][0]["cash"] == 8998.7


async def test_a_denied_order_shows_our_code_and_its_checks(tmp_path: Path) -> None:
    checks = (
        Check("mode", CheckResult.PASS, "offline", ""),
        Check("order_size", CheckResult.FAIL, "0.41", "0.30"),
    )
    denied = order()
    path = tmp_path / "p.db"
    found = await tables(
        path,
        unit(
            facts.RiskChecked(order_id=denied.order_id, checks=checks),
            facts.OrderDenied(order=denied, code="order_size", text="0.41 of equity > 0.30"),
        ),
    )
    assert (found["orders"][0]["status"], found["orders"][0]["reason"]) == ("DENIED", "order_size")
    db = open_reader(path)
    stored = db.execute('SELECT code, result, value, "limit" FROM v_risk_checks').fetchall()
    db.close()
    assert [tuple(row) for row in stored] == [
        ("mode", "PASS", "offline", ""), ("order_size", "FAIL", "0.41", "0.30"),
    ]  # fmt: skip


async def test_a_rejection_keeps_the_brokers_words(tmp_path: Path) -> None:
    given = order()
    rejected = facts.OrderRejected(
        order_id=given.order_id, status=OrderStatus.REJECTED, filled=Decimal(0),
        filled_value=Decimal(0), code=201, text="Order rejected − margin",
    )  # fmt: skip
    found = await tables(tmp_path / "p.db", unit(facts.OrderApproved(order=given)), unit(rejected))
    row = found["orders"][0]
    assert (row["status"], row["reason"]) == ("REJECTED", "Order rejected − margin")
    assert row["text"] == "201 Order rejected − margin"
    assert row["average_price"] is None


async def test_a_second_order_for_one_reference_is_refused(tmp_path: Path) -> None:
    twin = replace(order("ord_2"), order_ref=order().order_ref)
    why = await refused(
        tmp_path / "p.db",
        unit(facts.OrderApproved(order=order())),
        unit(facts.OrderApproved(order=twin)),
    )
    assert "UNIQUE" in why


async def test_an_unknown_order_is_refused(tmp_path: Path) -> None:
    event = facts.CancelRequested(order_id=OrderId("x"), reason="", actor="me")
    assert "order x: 0 rows" in await refused(tmp_path / "p.db", unit(event))


# -- fill and ledger -----------------------------------------------------------------------


async def test_an_execution_counts_once(tmp_path: Path) -> None:
    event = facts.FillReceived(fill=fill())
    assert "UNIQUE" in await refused(tmp_path / "p.db", unit(event), unit(event))


async def test_a_correction_replaces_and_a_commission_joins_later(tmp_path: Path) -> None:
    first = fill("x1.01", commission=None)
    better = fill("x1.02", commission=None, price=Decimal("99.5"))
    found = await tables(
        tmp_path / "p.db",
        unit(facts.FillReceived(fill=first)),
        unit(facts.FillCorrected(old_exec_id=first.exec_id, fill=better)),
        unit(
            facts.CommissionBooked(
                exec_id=better.exec_id, order_id=better.order_id, commission=Decimal("0.35")
            )
        ),
    )
    assert len(found["trades"]) == 1
    row = found["trades"][0]
    assert (row["exec_id"], row["price"], row["commission"]) == ("x1.02", 99.5, 0.35)
    assert row["corrects"] == "x1.01"


async def test_a_money_value_finer_than_a_micro_unit_is_refused(tmp_path: Path) -> None:
    event = facts.FillReceived(fill=fill(price=Decimal("100.0000001")))
    assert "more than 6 decimals" in await refused(tmp_path / "p.db", unit(event))


async def test_a_position_is_marked_by_snapshots(tmp_path: Path) -> None:
    unowned = facts.PositionChanged(
        strategy=None, instrument=QQQ, before=Position(), after=Position(Decimal(200)),
        realized=Decimal(0),
    )  # fmt: skip
    held = snapshot(holdings=(Holding(QQQ, Decimal(10), Decimal("101.25")),))
    found = await tables(
        tmp_path / "p.db",
        unit(position("10", "1001")),
        unit(unowned),
        unit(facts.SnapshotTaken(rows=(held,)), at=AT + timedelta(hours=7)),
    )
    nobodys, owned = found["positions"]
    assert (nobodys["strategy_id"], nobodys["market_price"]) == (None, None)
    assert (nobodys["unrealized_pnl"], nobodys["market_value"]) == (None, None)
    assert (owned["average_cost"], owned["market_price"]) == (100.1, 101.25)
    assert (owned["market_value"], owned["unrealized_pnl"]) == (1012.5, 11.5)
    assert owned["priced_at"] == "2026-11-20T21:30:00.000000Z"


async def test_a_holding_without_a_position_is_refused(tmp_path: Path) -> None:
    held = snapshot(holdings=(Holding(QQQ, Decimal(10), Decimal("101.25")),))
    why = await refused(tmp_path / "p.db", unit(facts.SnapshotTaken(rows=(held,))))
    assert "position of regime in STK:QQQ:USD" in why


async def test_a_snapshot_row_has_every_column_and_is_a_job(tmp_path: Path) -> None:
    full = snapshot(
        before=Decimal(8_000), capital=Decimal(5_000), high_water=Decimal(16_000), cell=1,
        held_cell=3, trend="BullStrong", vol="Low", t_norm=0.5, z_score=-1.0, sma_fast=1.0,
        sma_slow=2.0, equity_at_fill=Decimal("9999.5"), baseline=Decimal("1.5"),
        fees_to_date=Decimal("0.35"),
    )  # fmt: skip
    found = await tables(tmp_path / "p.db", unit(facts.SnapshotTaken(rows=(full,))))
    row = found["snapshots"][0]
    returns = ("daily_return", "cumulative_return", "drawdown")
    names = [name for name in (*full._fields, *returns) if name in row and name != "holdings"]
    shown = {name: row[name] for name in names}
    assert {name: row[name] for name in returns} == {n: getattr(full, n) for n in returns}
    assert shown == {
        "session_date": "2026-11-20", "equity": 10000.0, "cash": 10000.0, "daily_return": 0.25,
        "cumulative_return": 1.0, "high_water": 16000.0, "drawdown": -0.375, "cell": 1,
        "held_cell": 3, "trend": "BullStrong", "vol": "Low", "t_norm": 0.5, "z_score": -1.0,
        "sma_fast": 1.0, "sma_slow": 2.0, "equity_at_fill": 9999.5, "baseline": 1.5,
        "fees_to_date": 0.35, "final": 1,
    }  # fmt: skip
    assert [(job["job"], job["outcome"]) for job in found["jobs"]] == [("snapshot", "DONE")]
    assert found["jobs"][0]["due_at"] == found["snapshots"][0]["at"]


async def test_a_final_snapshot_hides_the_intraday_ones(tmp_path: Path) -> None:
    days = [
        snapshot(equity="1", final=False), snapshot(equity="2", final=False),
        snapshot(equity="3"), snapshot(DAY + timedelta(1), "4", final=False),
    ]  # fmt: skip
    units = [unit(facts.SnapshotTaken(rows=(day,))) for day in days]
    found = await tables(tmp_path / "p.db", *units)
    assert [(row["equity"], row["final"]) for row in found["snapshots"]] == [(3, 1), (4, 0)]
    assert len(found["jobs"]) == 1


# -- reconciliation, alerts, jobs ----------------------------------------------------------


async def test_a_reconciliation_counts_what_it_found(tmp_path: Path) -> None:
    found = await tables(
        tmp_path / "p.db",
        unit(
            facts.ReconciliationDone(
                run_id="rec_1", trigger="daily", verdict=Verdict.DIFFERENCES, matched=2,
                differences=(
                    Difference(kind=DifferenceKind.MISMATCHED, item=QQQ, ours="10", theirs="6",
                               effect=Decimal("-400.5")),
                    Difference(kind=DifferenceKind.CASH, item="cash", ours="1", theirs="2"),
                ),
                text="two differ",
            )
        ),
        unit(facts.DifferenceAccepted(item=QQQ, actor="me", reason="sold by hand")),
    )  # fmt: skip
    run = found["reconciliations"][0]
    assert (run["verdict"], run["matched"], run["mismatched"], run["other"]) == (
        "DIFFERENCES", 2, 2, 0,
    )  # fmt: skip
    first, second = found["differences"]
    assert (first["effect"], first["accepted_by"]) == (-400.5, "me")
    assert second["accepted_at"] is None


def alert(severity: Severity = Severity.WARNING, text: str = "gone") -> Event:
    """An alert about the link."""
    return facts.AlertRaised(
        alert=Alert(
            alert_id=AlertId("alr_1"), severity=severity, kind="link", subject="IB", text=text
        )
    )


async def test_an_alert_counts_up_never_sinks_and_reopens(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    resolved = facts.AlertStateChanged(
        alert_id=AlertId("alr_1"), state=AlertState.RESOLVED, actor="engine"
    )
    acked = replace(resolved, state=AlertState.ACKED, actor="me")
    seen = []
    async with await open_journal(path) as journal:
        journal.put(created())
        for minutes, event in (
            (0, alert(Severity.CRITICAL)), (1, alert(Severity.INFO)), (2, acked), (3, alert()),
            (4, resolved), (10, alert()), (11, resolved), (30, alert()),
        ):  # fmt: skip
            journal.put(unit(event, at=AT + timedelta(minutes=minutes)))
            await journal.commit()
            db = open_reader(path)
            row = rows(db, "alerts")[0]
            db.close()
            seen.append((row["severity"][:4], row["count"], row["state"], row["first_at"][14:16]))
    assert seen == [
        ("CRIT", 1, "OPEN", "30"), ("CRIT", 2, "OPEN", "30"), ("CRIT", 2, "ACKED", "30"),
        ("CRIT", 3, "ACKED", "30"), ("CRIT", 3, "RESOLVED", "30"), ("CRIT", 4, "OPEN", "30"),
        ("CRIT", 4, "RESOLVED", "30"), ("CRIT", 1, "OPEN", "00"),
    ]  # fmt: skip


def job(outcome: JobOutcome = JobOutcome.DONE) -> facts.JobEnded:
    """The end of the day's backup."""
    return facts.JobEnded(job="backup", session_date=DAY, due_at=AT, outcome=outcome, detail="ok")


async def test_a_job_ends_once_and_a_claim_is_resumed(tmp_path: Path) -> None:
    claim = facts.JobStarted(job="backup", session_date=DAY, due_at=AT)
    found = await tables(tmp_path / "p.db", unit(claim), unit(claim), unit(job()))
    row = found["jobs"][0]
    assert (row["job"], row["outcome"], row["detail"]) == ("backup", "DONE", "ok")
    assert row["started_at"] is not None
    assert "ended already" in await refused(tmp_path / "q.db", unit(job()), unit(job()))
    assert "done already" in await refused(tmp_path / "r.db", unit(job()), unit(claim))


async def test_a_job_that_ended_as_it_began_began_then(tmp_path: Path) -> None:
    found = await tables(tmp_path / "p.db", unit(job(JobOutcome.FAILED)))
    assert found["jobs"][0]["started_at"] == found["jobs"][0]["ended_at"]


async def test_a_missed_job_was_never_started(tmp_path: Path) -> None:
    found = await tables(tmp_path / "p.db", unit(job(JobOutcome.MISSED)))
    assert found["jobs"][0]["started_at"] is None


async def test_a_job_row_of_its_own_stands_for_the_snapshot(tmp_path: Path) -> None:
    late = facts.JobEnded(
        job="snapshot", session_date=DAY, due_at=AT, outcome=JobOutcome.LATE, detail=""
    )
    found = await tables(tmp_path / "p.db", unit(facts.SnapshotTaken(rows=(snapshot(),)), late))
    assert [row["outcome"] for row in found["jobs"]] == ["LATE"]


async def test_positions_are_the_fold_of_fills(tmp_path: Path) -> None:
    from engine.domain.position import FLAT, apply_fill

    events: list[Event] = []
    held = FLAT
    for n, (side, quantity) in enumerate([(Side.BUY, 10), (Side.BUY, 5), (Side.SELL, 12)]):
        given = order(f"ord_{n}", side, quantity)
        one = fill(f"x{n}", given)
        after, realized = apply_fill(
            held, side, one.quantity, one.price, one.commission or Decimal(0)
        )
        events += [
            facts.OrderApproved(order=given),
            facts.FillReceived(fill=one),
            facts.PositionChanged(
                strategy=REGIME, instrument=QQQ, before=held, after=after, realized=realized
            ),
        ]
        held = after
    found = await tables(tmp_path / "p.db", unit(*events))
    signed = sum(t["quantity"] * (1 if t["side"] == "BUY" else -1) for t in found["trades"])
    assert found["positions"][0]["quantity"] == signed == 3


def test_samples_agree_with_the_vocabulary() -> None:
    assert context().strategies[0].strategy == StrategyId("regime")
    assert len(snapshots(3)) == 3
    assert snapshots(3)[2].session_date == date(2000, 1, 3)
    assert fill().exec_id == ExecId("x1")
