"""Sessions, their strategies, parameters, trading state; regimes and decisions."""

import sqlite3

from engine.domain import event as facts
from engine.domain.money import micro
from engine.domain.session import SESSION_ENDS, SessionContext
from engine.domain.times import utc_text
from storage.projections.row import Place, insert, plain, rounded, update_one


def session_created(db: sqlite3.Connection, at: Place, event: facts.SessionCreated) -> None:
    """Project SessionCreated."""
    context = event.context
    insert_session(db, context, at.seq)
    for info in context.strategies:
        insert(
            db,
            "strategies",
            {
                "session_id": context.session_id,
                "strategy_id": info.strategy,
                "preset": info.preset,
                "parameter_hash": info.parameter_hash,
                "state": "CREATED",
                "reason": "",
                "since": at.at,
                "cash_u": micro(info.cash),
            },
        )
    if context.parent_session_id is not None:
        _inherit(db, context)


def insert_session(db: sqlite3.Connection, context: SessionContext, seq: int) -> None:
    """Write the row every other row points to."""
    insert(
        db,
        "sessions",
        {
            "session_id": context.session_id,
            "parent_session_id": context.parent_session_id,
            "book": context.book,
            "mode": context.mode.value,
            "dry_run": context.dry_run,
            "account": context.account,
            "strategy_ids": ",".join(info.strategy for info in context.strategies),
            "state": "CREATED",
            "started_at": utc_text(context.started_at),
            "capital_u": micro(context.capital),
            "fill_rule": context.fill_rule.value,
            "source": plain(context.source),
            "feed": context.feed,
            "recorded_clock": context.recorded_clock,
            "data_hash": context.data_hash,
            "config_hash": context.config_hash,
            "created_seq": seq,
        },
    )


def _inherit(db: sqlite3.Connection, context: SessionContext) -> None:
    """Copy positions and cash of a parent in the same book: they outlive the session."""
    lineage = (context.session_id, context.parent_session_id, context.book)
    db.execute(
        "INSERT INTO positions SELECT ?, owner, instrument, symbol, quantity_u, cost_u, "
        "realized_u, market_price_u, priced_at, changed_at FROM positions "
        "JOIN sessions USING (session_id) WHERE session_id = ? AND book = ?",
        lineage,
    )
    db.execute(
        "UPDATE strategies SET cash_u = parent.cash_u FROM strategies AS parent "
        "JOIN sessions ON sessions.session_id = parent.session_id "
        "WHERE strategies.session_id = ? AND parent.session_id = ? AND sessions.book = ? "
        "AND parent.strategy_id = strategies.strategy_id",
        lineage,
    )


def session_moved(db: sqlite3.Connection, at: Place, event: facts.SessionStateChanged) -> None:
    """Project SessionStateChanged."""
    ended = event.after in SESSION_ENDS
    update_one(
        db,
        f"session {at.session_id}",
        "UPDATE sessions SET state = ?, ended_at = ?, end_reason = ?, decisions_hash = ?, "
        "fills_hash = ? WHERE session_id = ? AND state = ?",
        (
            event.after.value,
            utc_text(at.wall()) if ended else None,
            plain(event.reason) if ended else None,
            event.decisions_hash,
            event.fills_hash,
            at.session_id,
            event.before.value,
        ),
    )


def link_moved(db: sqlite3.Connection, at: Place, event: facts.LinkChanged) -> None:
    """Project LinkChanged."""
    update_one(
        db,
        f"session {at.session_id}",
        "UPDATE sessions SET link = ?, link_text = ? WHERE session_id = ?",
        (event.after.reason or event.after.state.value, plain(event.after.text), at.session_id),
    )


def strategy_moved(db: sqlite3.Connection, at: Place, event: facts.StrategyStateChanged) -> None:
    """Project StrategyStateChanged."""
    update_one(
        db,
        f"strategy {event.strategy}",
        "UPDATE strategies SET state = ?, reason = ?, since = ? "
        "WHERE session_id = ? AND strategy_id = ?",
        (event.after, plain(event.reason), at.at, at.session_id, event.strategy),
    )


def parameter(db: sqlite3.Connection, at: Place, event: facts.ParameterChanged) -> None:
    """Project ParameterChanged."""
    insert(
        db,
        "parameter_changes",
        {
            "seq": at.seq,
            "session_id": at.session_id,
            "strategy_id": event.strategy,
            "key": event.key,
            "old": event.old,
            "new": event.new,
            "parameter_hash": event.parameter_hash,
            "actor": plain(event.actor),
            "reason": plain(event.reason),
            "at": at.at,
        },
    )
    update_one(
        db,
        f"strategy {event.strategy}",
        "UPDATE strategies SET parameter_hash = ? WHERE session_id = ? AND strategy_id = ?",
        (event.parameter_hash, at.session_id, event.strategy),
    )


def trading_state(db: sqlite3.Connection, at: Place, event: facts.TradingStateChanged) -> None:
    """Project TradingStateChanged."""
    db.execute(
        "INSERT OR REPLACE INTO books (book, session_id, trading_state, since, actor, reason, seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            at.book,
            at.session_id,
            event.after.value,
            at.at,
            plain(event.actor),
            plain(event.reason),
            at.seq,
        ),
    )


_REGIME_COLUMNS = (
    *("session_id", "strategy_id", "session_date", "cell", "trend", "vol", "t_norm", "z_score"),
    *("sma_fast", "sma_slow", "vol_crush", "close", "provisional", "short_history", "level"),
    *("slope", "innovation", "sigma", "vol_before", "vol_by", "crush_change"),
    *("trend_before_crush", "bond_sma_fast", "bond_sma_slow", "bond_bull", "bars"),
    *("days_in_cell", "parameter_hash", "seq"),
)
# a final reading replaces the decision's; a provisional one never replaces a final one
_REGIME = (
    f"INSERT INTO regimes ({','.join(_REGIME_COLUMNS)}) "  # noqa: S608
    f"VALUES ({','.join('?' * len(_REGIME_COLUMNS))}) "
    "ON CONFLICT (session_id, strategy_id, session_date) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _REGIME_COLUMNS[3:])
    + " WHERE excluded.provisional <= provisional"
)


def regime(db: sqlite3.Connection, at: Place, event: facts.RegimeRead) -> None:
    """Project RegimeRead."""
    r = event.reading
    db.execute(
        _REGIME,
        (
            at.session_id,
            event.strategy,
            r.session_date.isoformat(),
            r.cell,
            r.trend.value,
            r.vol.value,
            r.t_norm,
            r.z_score,
            r.sma_fast,
            r.sma_slow,
            r.vol_crush,
            r.close,
            r.provisional,
            r.short_history,
            r.level,
            r.slope,
            r.innovation,
            r.sigma,
            r.vol_before.value,
            r.vol_by,
            r.crush_change,
            r.trend_before_crush.value,
            r.bond_sma_fast,
            r.bond_sma_slow,
            r.bond_bull,
            r.bars,
            event.days_in_cell,
            event.parameter_hash,
            at.seq,
        ),
    )


def decision(db: sqlite3.Connection, at: Place, event: facts.DecisionMade) -> None:
    """Project DecisionMade."""
    insert(
        db,
        "decisions",
        {
            "decision_id": event.decision_id,
            "session_id": at.session_id,
            "book": at.book,
            "strategy_id": event.strategy,
            "session_date": event.session_date.isoformat(),
            "slot": event.slot,
            "at": at.at,
            "late_s": event.late_s,
            "fill_rule": event.fill_rule,
            "result": event.result,
            "text": plain(event.text),
            "preset": event.preset,
            "parameter_hash": event.parameter_hash,
            "reading_date": event.reading_date and event.reading_date.isoformat(),
            "cell": event.cell,
            "held_cell": event.held_cell,
            "equity_u": rounded(event.equity),
            "cash_u": rounded(event.cash),
            "seq": at.seq,
        },
    )
    update_one(
        db,
        f"strategy {event.strategy}",
        "UPDATE strategies SET last_decision_at = ?, last_decision = ? "
        "WHERE session_id = ? AND strategy_id = ?",
        (at.at, plain(event.text), at.session_id, event.strategy),
    )
