"""Everything that led to an id and everything that came of it, oldest first: for `explain`.

From an order, signal, decision or fill the chain is one decision (or a person's request), its
signals, their orders and those orders' fills; asked for one order or fill it holds what belongs
to that order alone. Around them stand the reading the decision used, and positions, cash and
alerts that changed.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.errors import SettingsError
from storage.queries.fetch import indexed

_NEAR = 200  # effects stand in the same unit as their cause or soon after
_EFFECTS = "('PositionChanged', 'CashChanged', 'AlertRaised', 'LatchSet', 'PositionAdopted')"
_COLUMNS = "seq, session_id, at, known_at, kind, subject, causation_seq, payload"

_IDS = (
    ("order", "SELECT order_id FROM orders", "order_id"),
    ("order", "SELECT order_id FROM orders", "order_ref"),
    ("signal", "SELECT DISTINCT signal_id FROM signals", "signal_id"),
    ("decision", "SELECT DISTINCT decision_id FROM decisions", "decision_id"),
    ("fill", "SELECT DISTINCT exec_id FROM fills", "exec_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event of the chain."""

    seq: int
    session_id: str
    at: str
    known_at: str
    kind: str
    subject: str
    causation_seq: int | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A decision and all that belongs to it; rows as in the views, facts oldest first."""

    asked: str  # order, signal, decision, fill
    id: str
    session: dict[str, Any]
    reading: dict[str, Any] | None  # v_regimes: what the decision had read
    decision: dict[str, Any] | None
    signals: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    risk_checks: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    facts: list[Fact]


def explain(db: sqlite3.Connection, text: str) -> Chain:
    """Return the chain of an order, signal, decision or fill.

    text: the id, or its beginning or end where only one id has it. SettingsError otherwise.
    """
    kind, found = resolve(db, text)
    decisions, signals, orders = _family(db, kind, found)
    book = _book(kind, decisions, signals, orders)
    decisions, signals, orders = (_of(book, rows) for rows in (decisions, signals, orders))
    fills = _of(book, _rows(db, "v_fills", "order_id", [order["order_id"] for order in orders]))
    ids = [row["decision_id"] for row in decisions]
    ids += [row["signal_id"] for row in signals]
    ids += [row["slot"] for row in signals if row["decision_id"] is None]  # the request of a person
    ids += [row["order_id"] for row in orders]
    ids += [row["exec_id"] for row in fills]
    facts = _facts(db, ids, book)
    decision = decisions[0] if decisions else None
    reading = _reading(db, decision)
    if reading is not None:
        facts.update(_by_seq(db, [reading["seq"]]))
    session = facts[min(facts)].session_id if facts else ""
    rows = _rows(db, "v_sessions", "session_id", [session])
    return Chain(
        asked=kind,
        id=found,
        session=rows[0] if rows else {},
        reading=reading,
        decision=decision,
        signals=signals,
        orders=orders,
        risk_checks=_rows(db, "v_risk_checks", "order_id", [o["order_id"] for o in orders]),
        fills=fills,
        facts=[facts[seq] for seq in sorted(facts)],
    )


def resolve(db: sqlite3.Connection, text: str) -> tuple[str, str]:
    """Return (kind, id) of what a person means; SettingsError if nothing or several things."""
    exact: set[tuple[str, str]] = set()
    partly: set[tuple[str, str]] = set()
    for kind, select, column in _IDS if text else ():
        for found in _column(db, f"{select} WHERE {column} = ?1 LIMIT 2", text):
            exact.add((kind, found))
        if not exact:
            matches = (
                f"{select} WHERE substr({column}, 1, length(?1)) = ?1 "
                f"OR substr({column}, -length(?1)) = ?1 LIMIT 6"
            )
            partly.update((kind, found) for found in _column(db, matches, text))
    own = {(kind, found) for kind, found in exact if found == text}  # not an order's reference
    candidates = sorted(own or exact or partly)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise SettingsError(f"{text}: no order, signal, decision or fill has this id")
    shown = ", ".join(found for _, found in candidates[:5])
    raise SettingsError(f"{text}: more than one id fits: {shown}")


def _family(
    db: sqlite3.Connection, kind: str, found: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return decisions, signals and orders that belong together."""
    if kind == "fill":
        orders = _rows(
            db, "v_orders", "order_id",
            _column(db, "SELECT order_id FROM fills WHERE exec_id = ?", found),
        )  # fmt: skip
    elif kind == "order":
        orders = _rows(db, "v_orders", "order_id", [found])
    else:
        orders = _rows(db, "v_orders", f"{kind}_id", [found])
    if kind == "decision":
        decisions = _rows(db, "v_decisions", "decision_id", [found])
        return decisions, _rows(db, "v_signals", "decision_id", [found]), orders
    wanted = [found] if kind == "signal" else [order["signal_id"] for order in orders]
    signals = _rows(db, "v_signals", "signal_id", wanted)
    of = [row["decision_id"] for row in (*signals, *orders)]
    return _rows(db, "v_decisions", "decision_id", of), signals, orders


def _book(kind: str, *families: list[dict[str, Any]]) -> str:
    """Return the newest book that knows the id: every book gives equal decisions equal ids."""
    for rows in reversed(families) if kind in ("order", "fill") else families:
        if rows:
            return str(rows[-1]["book"])
    return ""


def _of(book: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["book"] == book]


def _reading(db: sqlite3.Connection, decision: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the reading that was there when the decision was made."""
    if decision is None or decision["reading_date"] is None:
        return None
    row = db.execute(
        "SELECT r.* FROM v_regimes AS r JOIN sessions AS s ON s.session_id = r.session_id "
        "WHERE s.book = ? AND r.strategy_id = ? AND r.session_date = ? "
        "ORDER BY r.seq DESC LIMIT 1",
        (decision["book"], decision["strategy_id"], decision["reading_date"]),
    ).fetchone()
    return None if row is None else dict(row)


def _facts(db: sqlite3.Connection, ids: Iterable[str], book: str) -> dict[int, Fact]:
    """Return a book's events about these ids, what caused them and what they changed."""
    wanted = _distinct(ids)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM events WHERE subject IN ({_marks(wanted)}) "  # noqa: S608
        f"AND {indexed()} AND session_id IN (SELECT session_id FROM sessions WHERE book = ?)",
        (*wanted, book),
    ).fetchall()
    facts = {row["seq"]: _fact(row) for row in rows}
    own = [fact for fact in facts.values() if fact.kind != "DecisionMade"]
    for fact in own:
        for row in db.execute(
            f"SELECT {_COLUMNS} FROM events WHERE seq BETWEEN ?1 + 1 AND ?1 + ?2 "  # noqa: S608
            f"AND causation_seq = ?1 AND kind IN {_EFFECTS}",
            (fact.seq, _NEAR),
        ).fetchall():
            facts[row["seq"]] = _fact(row)
    missing = _causes(facts)
    while missing:
        found = _by_seq(db, missing)
        if not found:
            break
        facts.update(found)
        missing = _causes(facts)
    return facts


def _causes(facts: dict[int, Fact]) -> list[int]:
    causes = {fact.causation_seq for fact in facts.values()} - {None} - set(facts)
    return sorted(seq for seq in causes if seq is not None)


def _by_seq(db: sqlite3.Connection, seqs: list[int]) -> dict[int, Fact]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM events WHERE seq IN ({_marks(seqs)})",  # noqa: S608
        seqs,
    ).fetchall()
    return {row["seq"]: _fact(row) for row in rows}


def _fact(row: sqlite3.Row) -> Fact:
    return Fact(
        seq=row["seq"],
        session_id=row["session_id"],
        at=row["at"],
        known_at=row["known_at"],
        kind=row["kind"],
        subject=row["subject"],
        causation_seq=row["causation_seq"],
        payload=json.loads(row["payload"]),
    )


def _rows(
    db: sqlite3.Connection, view: str, column: str, values: Iterable[str | None]
) -> list[dict[str, Any]]:
    wanted = _distinct(values)
    order = "created_seq" if view == "v_sessions" else "seq"
    sql = f"SELECT * FROM {view} WHERE {column} IN ({_marks(wanted)}) ORDER BY {order}"  # noqa: S608
    return [dict(row) for row in db.execute(sql, wanted).fetchall()]


def _column(db: sqlite3.Connection, sql: str, *values: str) -> list[str]:
    return [row[0] for row in db.execute(sql, values).fetchall()]


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value is not None))


def _marks(values: list[Any]) -> str:
    return ",".join("?" * len(values))
