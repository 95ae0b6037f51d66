"""A view with rows in every pane, as the queries give them; frozen in time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.domain.times import utc_text
from tui.view import Moment, Reading, Row, View

NOW = datetime(2026, 11, 20, 20, 41, 7, tzinfo=UTC)
SESSION = "offline-20261120T143000Z-9f3a1c22"


def ago(seconds: float) -> str:
    """UTC text of some seconds before now."""
    return utc_text(NOW - timedelta(seconds=seconds))


def session(**changes: Any) -> dict[str, Any]:
    """A running offline session on the built-in market."""
    return {
        "session_id": SESSION, "mode": "offline", "dry_run": 0, "account": "SIM",
        "state": "RUNNING", "started_at": ago(600), "ended_at": None, "end_reason": None,
        "fill_rule": "next_open", "source": "SYNTHETIC seed 7", "feed": "SYNTHETIC",
        "recorded_clock": 0, "strategy_ids": "regime",
    } | changes  # fmt: skip


def beat(**changes: Any) -> dict[str, Any]:
    """A heartbeat of this second."""
    return {
        "session_id": SESSION, "wall_at": ago(0), "clock_at": ago(0),
        "session_date": "2026-11-20", "state": "RUNNING", "trading_state": "ACTIVE",
        "pace": "10/s", "tick_gap_ms": 3.0, "reports_waiting": 0, "commit_p99_ms": 1.2,
        "next_slot": f"open {ago(-271)}", "note": "", "inputs_done": 100, "inputs_total": 0,
        "loop_lag_ms": 0.4, "reach": None, "hours": f"close {ago(-1133)}", "since": {},
    } | changes  # fmt: skip


def position(symbol: str, quantity: float, **changes: Any) -> dict[str, Any]:
    """An owned position."""
    return {
        "session_id": SESSION, "strategy_id": "regime", "symbol": symbol, "quantity": quantity,
        "average_cost": 110.25, "market_price": 115.4, "market_value": 62431.4,
        "unrealized_pnl": 2786.15, "realized_pnl": -341.2, "priced_at": ago(2),
        "weight": 0.599, "target_weight": 0.6, "working": 0.0, "recorded_clock": 0,
        "instrument": f"STK:{symbol}:USD", "cost": 59_645.25, "changed_at": ago(900),
    } | changes  # fmt: skip


def order(n: int, **changes: Any) -> dict[str, Any]:
    """An order."""
    return {
        "order_id": f"ord_01JD5B8Z3K4M5N6P7Q8R9S{n:04d}", "order_ref": f"sig_2c400c04{n:04d}",
        "session_id": SESSION, "strategy_id": "regime", "signal_id": f"sig_2c400c04{n:04d}",
        "symbol": "TQQQ", "side": "BUY", "quantity": 541.0, "order_type": "MARKET",
        "limit_price": None, "status": "FILLED", "filled": 541.0, "average_price": 110.25,
        "perm_id": 0, "reason": "", "created_at": ago(60 * n), "time_in_force": "DAY",
        "instrument": "STK:TQQQ:USD", "stop_price": None, "oca_group": None, "sent_at": ago(50 * n),
    } | changes  # fmt: skip


def fill(n: int, **changes: Any) -> dict[str, Any]:
    """An execution."""
    return {
        "exec_id": f"sim.0a1b2c3d.ref{n}.1", "order_id": f"ord_01JD5B8Z3K4M5N6P7Q8R9S{n:04d}",
        "session_id": SESSION, "strategy_id": "regime", "symbol": "TQQQ", "side": "BUY",
        "quantity": 541.0, "price": 110.25, "commission": 2.71, "slippage_bps": 2.1,
        "at": ago(60 * n), "known_at": ago(60 * n), "reference_price": 110.22, "corrects": None,
        "order_ref": f"PH-2c400c04{n:04d}-0", "signal_id": f"sig_2c400c04{n:04d}", "cell": 1,
        "realized_pnl": None, "instrument": "STK:TQQQ:USD",
    } | changes  # fmt: skip


def alert(n: int, **changes: Any) -> dict[str, Any]:
    """An open alert."""
    return {
        "alert_id": f"alr_{n:012d}", "session_id": SESSION, "severity": "WARNING",
        "kind": "stale_data", "subject": "QQQ", "text": "no quote for 63 s", "count": 2,
        "first_at": ago(120), "last_at": ago(10), "state": "OPEN", "actor": "engine",
    } | changes  # fmt: skip


def step(number: int, name: str, *words: str, near: bool = False) -> dict[str, Any]:
    """A line of a decision tree: value, test, result, distance."""
    value, test, result, distance = (*words, "", "", "", "")[:4]
    return {
        "number": number, "name": name, "value": value, "test": test, "result": result,
        "distance": distance, "near": near,
    }  # fmt: skip


STEPS = (
    step(1, "Data", "19 Nov, 800/800", "quotes 2s", "fresh"),
    step(2, "Strength T", "", "+0.312 > +0.05 bull", "bull", "+0.262"),
    step(2, "", "", "       < −0.30 bear", "no", "+0.612"),
    step(3, "Averages", "602.11 / 571.93", "fast > slow", "bull", "+5.28 %"),
    step(4, "Trend", "", "2 and 3 agree", "BullStrong"),
    step(5, "Volatility z", "−0.410", "Low; High > +1.00", "Low", "−1.410"),
    step(6, "Crush 5 d", "−0.060", "< −0.15", "no", "+0.090"),
    step(7, "Cell", "Kill Zone", "Bull × Low", "1", "9 sessions"),
    step(8, "Weights", "TQQQ 60 QQQ 40", "overlay 4-6 only", "cash 0"),
    step(9, "Rebalance", "0.024", "> 0.025", "no trade", "−0.001", near=True),
    step(10, "Orders", "", "none"),
)


def decision(**changes: Any) -> dict[str, Any]:
    """A stored decision."""
    return {
        "decision_id": "dec_0a1b2c3d4e5f", "strategy": "regime", "preset": "default",
        "session_date": "2026-11-20", "slot": "open", "result": "no_trade",
        "text": "cell 1, nothing to change", "cell": 1, "held_cell": 1,
        "targets": {"TQQQ": "0.6", "QQQ": "0.4"}, "steps": STEPS,
    } | changes  # fmt: skip


def readings() -> tuple[Row, ...]:
    """Sixty cells, the newest last."""
    cells = [3] * 20 + [4] * 12 + [2] * 5 + [3] * 14 + [1] * 9
    return tuple(
        {
            "cell": cell, "trend": "BullStrong", "vol": "Low", "t_norm": 0.312, "z_score": -0.41,
            "session_date": "2026-11-19", "days_in_cell": 9, "short_history": 0,
        }
        for cell in cells
    )  # fmt: skip


def snapshots() -> tuple[Row, ...]:
    """A curve of equity."""
    return tuple(
        {
            "session_date": "2026-11-19", "ordinal": n + 1,
            "equity": 100_000.0 + 37 * n * (1 + (n % 7) / 9),
            "cash": 171.95, "daily_return": 0.0042, "cumulative_return": 0.0421,
            "drawdown": -0.013,
        }
        for n in range(120)
    )  # fmt: skip


def event(seq: int, kind: str, subject: str, payload: dict[str, Any]) -> dict[str, Any]:
    """A row of the journal."""
    return {
        "seq": seq, "session_id": SESSION, "at": ago(100 - seq), "kind": kind,
        "subject": subject, "payload": json.dumps(payload), "causation_seq": None,
    }  # fmt: skip


def events() -> tuple[Row, ...]:
    """A little journal."""
    sig = "sig_2c400c04acd7"
    return (
        event(1, "SessionCreated", SESSION, {"context": {"mode": "offline", "source": "SYN"}}),
        event(2, "DecisionMade", "dec_0a", {"strategy": "regime", "result": "rebalance",
                                            "text": "cell 3 → 1"}),
        event(3, "SignalRaised", sig, {"signal": {"signal_id": sig, "kind": "TARGET",
                                                  "instrument": "STK:TQQQ:USD",
                                                  "target_weight": "0.6"}}),
        event(4, "FillReceived", "ord_1", {"fill": {"order_id": "ord_01J0001", "side": "BUY",
                                                    "quantity": "541", "price": "110.25",
                                                    "instrument": "STK:TQQQ:USD"}}),
        event(5, "TradingStateChanged", "HALTED", {"before": "ACTIVE", "after": "HALTED",
                                                   "actor": "me@here", "reason": "looking"}),
    )  # fmt: skip


def counts(**changes: Any) -> dict[str, Any]:
    """The frame's counts."""
    return {
        "positions": 2, "positions_value": 104_000.0, "working": 1, "canceling": 0,
        "open_alerts": 1, "verdict": "CLEAN", "differences": 0,
    } | changes  # fmt: skip


def run(**changes: Any) -> dict[str, Any]:
    """A comparison with the broker."""
    return {
        "run_id": "rec_1", "at": ago(240), "verdict": "CLEAN", "matched": 3,
        "missing_local": 0, "missing_broker": 0, "mismatched": 0, "text": "",
        "trigger": "daily",
    } | changes  # fmt: skip


def view(**topics: tuple[Row, ...]) -> View:
    """A view with rows everywhere; `topics` replaces some of them."""
    rows: dict[str, tuple[Row, ...]] = {
        "session": (session(),),
        "beat": (beat(),),
        "trading": ({"state": "ACTIVE", "since": ago(600), "actor": "engine", "reason": ""},),
        "counts": (counts(),),
        "positions": (position("QQQ", 62, unrealized_pnl=-40.5, weight=0.4, target_weight=0.4),
                      position("TQQQ", 541)),
        "orders": (order(1, status="ACCEPTED", filled=200.0), order(2), order(3, side="SELL")),
        "fills": tuple(fill(n) for n in range(1, 9)),
        "decision": (decision(),),
        "readings": readings(),
        "snapshots": snapshots(),
        "alerts": (alert(1), alert(2, severity="INFO", kind="slot_late", state="ACKED")),
        "reconciliation": (run(),),
        "differences": (),
        "events": events(),
        "latches": (),
        "answers": (),
        "signals": signals(),
        "strategies": strategies(),
        "sessions": (archived(1), archived(2, state="INTERRUPTED", ended_at=None)),
        "parameters": (
            parameter("sma_fast", "40", "50", origin="changed", before="50", by="me@here",
                      at=ago(60), pending="next dec"),
            parameter("sma_slow", "200", "200"),
            parameter("bond_fast", "20", "20", inert="bond filter is off"),
        ),
        "closes": closes(),
        "resolved": (),
        "quotes": ({"instrument": "STK:TQQQ:USD", "price": 115.4, "at": ago(2), "feed": "LIVE"},),
        "opened": tuple(
            {"strategy_id": "regime", "instrument": f"STK:{symbol}:USD", "opened_at": ago(900)}
            for symbol in ("QQQ", "TQQQ")
        ),
        "last_close": tuple(
            {"strategy_id": "regime", "instrument": name, "value": 62_000.0, "flow": 0.0}
            for name in ("", "STK:QQQ:USD", "STK:TQQQ:USD")
        ),
    }  # fmt: skip
    readings_ = {name: Reading(found, NOW) for name, found in (rows | topics).items()}
    return View(Moment(NOW, NOW, NOW.date()), readings_)


def empty_view() -> View:
    """A session without any rows: everything is known to be empty."""
    kept = {"session", "beat", "trading", "counts"}
    full = view(counts=(counts(positions=0, working=0, open_alerts=0, verdict=None),))
    return replace(
        full,
        readings={
            name: reading if name in kept else Reading((), NOW)
            for name, reading in full.readings.items()
        },
    )


def signal(n: int, **changes: Any) -> dict[str, Any]:
    """A signal that became a filled order."""
    return {
        "id": f"sig_2c400c04{n:04d}", "signal_id": f"sig_2c400c04{n:04d}",
        "decision_id": "dec_0a1b2c3d4e5f", "strategy_id": "regime", "symbol": "TQQQ",
        "kind": "TARGET", "target_weight": 0.6, "quantity": None, "slot": "open",
        "session_date": "2026-11-20", "state": "DONE", "reason": "", "text": "cell 3 → 1",
        "at": ago(60 * n), "order_id": f"ord_01JD5B8Z3K4M5N6P7Q8R9S{n:04d}",
        "order_quantity": 541.0, "order_status": "FILLED", "order_reason": "", "order_text": "",
        "duplicate_count": 0,
    } | changes  # fmt: skip


def undecided(n: int, **changes: Any) -> dict[str, Any]:
    """A decision that changed nothing."""
    return {
        "id": f"dec_{n:012d}", "decision_id": f"dec_{n:012d}", "strategy_id": "regime",
        "kind": "no_trade", "slot": "open", "session_date": "2026-11-19", "state": "DONE",
        "reason": "cell 1", "text": "cell 1, nothing to change", "at": ago(86_400 * n),
    } | changes  # fmt: skip


def missed_slot() -> dict[str, Any]:
    """A slot at which nothing was decided."""
    return {
        "id": "decision:regime 2026-11-18", "strategy_id": "regime", "kind": "slot",
        "session_date": "2026-11-18", "state": "MISSED", "at": ago(200_000),
        "reason": "slot open missed by 92 s", "text": "slot open missed by 92 s",
    }  # fmt: skip


def signals() -> tuple[Row, ...]:
    """Done, denied by the gate, refused by the broker, unchanged and missed."""
    return (
        signal(1),
        signal(2, order_status="DENIED", order_reason="cash", order_text="5,965 > 171"),
        signal(3, state="REJECTED", reason="UNKNOWN_SYMBOL", order_id=None, order_status=None,
               order_quantity=None),
        undecided(1),
        missed_slot(),
    )  # fmt: skip


def strategies(**changes: Any) -> tuple[Row, ...]:
    """The state of the regime strategy."""
    return (
        {
            "strategy_id": "regime", "state": "ACTIVE", "reason": "", "since": ago(600),
            "preset": "default", "last_decision_at": ago(125), "last_decision": "cell 3 → 1",
            "latch": None, "latch_until": None, "latch_text": None, "cash": 171.95,
        } | changes,
    )  # fmt: skip


def archived(n: int, **changes: Any) -> dict[str, Any]:
    """A session of the past."""
    return {
        "session_id": f"backtest-20261119T14300{n}Z-7b11c2d{n}", "parent_session_id": None,
        "mode": "backtest", "dry_run": 0, "strategy_ids": "regime", "state": "COMPLETED",
        "started_at": ago(90_000 + n), "ended_at": ago(89_000), "end_reason": "end of data",
        "config_hash": "fedcba9876543210", "data_hash": "0123456789abcdef",
        "decisions_hash": "aa", "fills_hash": "0a1b2c3d4e5f", "capital": 10_000.0,
        "fill_rule": "next_open", "source": "SYNTHETIC seed 7", "fills": 241,
        "total_return": 0.4231, "max_drawdown": -0.131, "build": "0.1.0", "seed": 7,
        "pace": "max", "data_from": "2010-01-04", "data_to": "2018-12-31", "snapshot_seq": n,
    } | changes  # fmt: skip


def parameter(key: str, value: str, default: str, **changes: Any) -> dict[str, Any]:
    """A parameter."""
    return {
        "id": f"regime.{key}", "strategy": "regime", "key": key, "value": value,
        "started": default, "default": default, "range": "2..400",
        "allowed": "an integer in 2..400", "unit": "sessions", "effect": "length of the mean",
        "origin": "default", "inert": "", "history": (), "pending": "", "before": None,
        "by": None, "at": None, "reason": None,
    } | changes  # fmt: skip


def closes() -> tuple[Row, ...]:
    """A series to compare with."""
    return tuple(
        {"session_date": f"2026-{1 + n // 28:02d}-{1 + n % 28:02d}", "close": 500.0 + n, "cell": 1}
        for n in range(120)
    )
