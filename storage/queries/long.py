"""Which tables can be long, and what a filter means in their columns.

A filter's words are looked for where the screen shows them; every text is a bound value.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from storage.queries import decided, traded
from storage.queries.fetch import Row


@dataclass(frozen=True, slots=True)
class Condition:
    """One term of a filter: a column's text holds (~), does not hold (!), is (=), is < or >.

    A pane's own terms: `in` and `not in` words with commas, `since` an instant as it is stored.
    """

    column: str  # "": any column
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Long:
    """A table that can be long: where its rows are, what it can be ordered and filtered by."""

    table: str
    view: str
    scope: str  # the column that holds the book or the session
    key: str
    index: str  # in the order of happening
    down: bool  # newest first
    orders: Mapping[str, tuple[str, str]]  # column → what is ordered by, its index
    texts: Mapping[str, str]  # column → text
    numbers: Mapping[str, str] = field(default_factory=dict)  # column → micro-units
    named: Mapping[str, str] = field(default_factory=dict)  # the same, searched by name alone
    read: str = ""  # SELECT … FROM … AS r: a row as it is shown; empty: the view's
    beside: Callable[[sqlite3.Connection, Iterable[Row]], list[Row]] | None = None
    """What is shown with the rows, though it is none of the table's."""


WORKING = "'APPROVED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'UNKNOWN'"
"""Statuses of orders that can still fill, as a list of SQL."""

_IS_WORKING = " OR ".join(f"status = {status}" for status in WORKING.split(", "))

LONG: Mapping[str, Long] = {
    "fills": Long(
        "fills", "v_fills", "book", "exec_id", "fills_newest", True,
        {
            "symbol": ("symbol", "fills_by_symbol"),
            "side": ("side", "fills_by_side"),
            "quantity": ("quantity_u", "fills_by_quantity"),
            "price": ("price_u", "fills_by_price"),
            "slippage_bps": ("slippage_bps_u", "fills_by_slippage"),
            "commission": ("commission_u", "fills_by_commission"),
            "order_id": ("order_id", "fills_by_order"),
            "strategy_id": ("strategy_id", "fills_by_strategy"),
        },
        {
            "symbol": "symbol", "side": "side", "order_id": "order_id", "exec_id": "exec_id",
            "strategy_id": "coalesce(strategy_id, 'no owner')",
        },
        {
            "quantity": "quantity_u", "price": "price_u", "slippage_bps": "slippage_bps_u",
            "commission": "commission_u", "reference_price": "reference_price_u",
        },
        {"cell": traded.CELL_OF_FILL, "realized_pnl": traded.REALIZED_BY_FILL},
        traded.FILLS,
        traded.with_replaced,
    ),
    "orders": Long(
        "orders", "v_orders", "book", "order_id", "orders_newest", True,
        {
            "working": (f"({_IS_WORKING})", "orders_by_working"),
            "symbol": ("symbol", "orders_by_symbol"),
            "status": ("status", "orders_by_status"),
        },
        {
            "order_id": "order_id", "symbol": "symbol", "side": "side", "status": "status",
            "strategy_id": "strategy_id", "order_type": "order_type", "reason": "reason",
            "order_ref": "order_ref", "signal_id": "signal_id",
        },
        {"quantity": "quantity_u", "filled": "filled_u", "limit_price": "limit_price_u"},
    ),
    "signals": Long(
        f"{decided.DECIDED} AS decided", "", "book", "id", "", True, {},
        {
            "id": "id", "symbol": "symbol", "strategy_id": "strategy_id", "kind": "kind",
            "became": decided.STATE, "why": decided.WHY, "text": "text", "slot": "slot",
            "session_date": "session_date", "order_id": decided.ORDER,
        },
        {"target_weight": "target_weight_u * 100"},
        read=decided.ROWS,
    ),
    "events": Long(
        "events", "v_events", "session_id", "seq", "", False, {},
        {"kind": "kind", "subject": "subject", "text": "payload"},
    ),
}  # fmt: skip
"""By the topic that a pane reads."""

HAPPENED = frozenset({"at", "created_at", "seq"})
"""Columns whose order is that of happening: sorted by one, a table needs no other index."""


def conditions_sql(long: Long, conditions: tuple[Condition, ...]) -> tuple[str, list[object]]:
    """Return what rows must meet; every text is a bound value."""
    terms: list[str] = []
    values: list[object] = []
    for condition in conditions:
        text, more = _term(long, condition)
        terms.append(text)
        values += more
    return " AND ".join(terms), values


def _term(long: Long, condition: Condition) -> tuple[str, list[object]]:
    column, text = condition.column, condition.text
    near = _near(text)
    if condition.sign in "~!":
        holds = [f"coalesce({each}, '') LIKE ? ESCAPE '\\'" for each in long.texts.values()]
        values: list[object] = [f"%{_escaped(text)}%"] * len(holds)
        if near is not None:
            holds += [f"coalesce({each} BETWEEN ? AND ?, 0)" for each in long.numbers.values()]
            values += [*near] * len(long.numbers)
        found = f"({' OR '.join(holds)})"
        return (found if condition.sign == "~" else f"NOT {found}"), values
    if condition.sign in ("in", "not in"):
        words = text.split(",")
        marks = ", ".join("?" * len(words))
        return f"{long.texts[column]} {condition.sign.upper()} ({marks})", [*words]
    if condition.sign == "since":
        return f"{column} >= ?", [text]
    number = long.numbers.get(column) or long.named.get(column)
    if number:
        if near is None:
            return "0", []
        middle = (near[0] + near[1]) // 2
        if condition.sign == "=":
            return f"{number} BETWEEN ? AND ?", [*near]
        return f"{number} {condition.sign} ?", [middle]
    if condition.sign == "=" and column in long.texts:
        shown = long.texts[column]
        if column.endswith("_id"):  # the last six characters are what is shown
            whole = f"{shown} LIKE ? ESCAPE '\\'"
            tail = f"substr({shown}, -6) LIKE ? ESCAPE '\\'"
            return f"({whole} OR {tail})", [_escaped(text)] * 2
        end = "%" if column == "side" else ""  # B is shown for BUY
        return f"{shown} LIKE ? ESCAPE '\\'", [_escaped(text) + end]
    return "0", []


def _near(text: str) -> tuple[int, int] | None:
    """Return the micro-units that are shown as this number; None for what is no number."""
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return None
    try:
        value = Decimal(text) * 1_000_000
    except InvalidOperation:
        return None
    half = 500_000 // 10 ** min(6, len(text.partition(".")[2])) if "." in text else 0
    middle = int(value)
    return (middle - half, middle + half) if abs(middle) < 2**62 else None


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)
