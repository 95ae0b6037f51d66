"""A state as plain values, so that two of them can be compared and a change be seen."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from engine.core.state import State, StrategyBook
from engine.domain.snapshot import QuietDays

_MARKET = frozenset(
    {
        *("at", "session_date", "ordinal", "closes_at", "quotes", "quotes_at", "bars"),
        *("history", "pending", "findings"),
    }
)
"""Fields of the market half, which the journal does not hold."""

_GIVEN = frozenset({"context", "terms", "instruments"})
_BOOK_GIVEN = frozenset({"strategy", "memory", "limits", "share", "baseline_start"})
_MARKED = frozenset(
    {
        *("equity", "equity_f", "high_water", "before_last", "recent_equity", "marked"),
        "equity_at_fill",
    }
)
"""What a session date's row moves as soon as it is marked, before it is written."""


def ledger(state: State, live: State) -> dict[str, Any]:
    """Return the ledger half: what the journal's fold must give.

    live: the state that runs; while rows of its wait to be written, what they move is left out.
    """
    given = _BOOK_GIVEN | (_MARKED if live.pending else frozenset())
    found = {
        f.name: plain(getattr(state, f.name))
        for f in fields(state)
        if f.name not in _MARKET | _GIVEN | {"books"}
    }
    return found | {f"book {name}": _book(book, given) for name, book in _books(state)}


def whole(state: State) -> dict[str, Any]:
    """Return both halves, with the memories of the strategies."""
    market = {
        f.name: plain(getattr(state, f.name))
        for f in fields(state)
        if f.name in _MARKET - {"history", "quotes"}
    }
    market["history"] = [(closed.session_date, len(closed.bars)) for closed in state.history]
    market["quotes"] = plain(dict(state.quotes))
    return ledger(state, state) | market | {
        f"memory {name}": plain(book.memory) for name, book in _books(state)
    }  # fmt: skip


def _books(state: State) -> list[tuple[str, StrategyBook]]:
    return list(state.books.items())


def _book(book: StrategyBook, given: frozenset[str]) -> Any:
    found = {f.name: plain(getattr(book, f.name)) for f in fields(book) if f.name not in given}
    found["positions"] = {key: plain(p) for key, p in book.positions.items() if p.quantity}
    found["parameters"] = dict(book.strategy.parameters)
    return found


def plain(value: Any) -> Any:
    """Return a value as something that compares by what it holds and does not change later."""
    kind = type(value)
    turn = _TURN.get(kind)
    if turn is None:
        turn = _TURN[kind] = _turn_of(kind)
    return turn(value)


def _same(value: Any) -> Any:
    return value


def _listed(value: Any) -> Any:
    return [plain(one) for one in value]


def _mapped(value: Any) -> Any:
    return {key: plain(one) for key, one in value.items()}


_TURN: dict[type, Callable[[Any], Any]] = {}
"""How a value of a type is turned; learnt when one is met."""


def _turn_of(kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, (Enum, str, bytes, int, float, Decimal, date, type(None))):
        return _same
    if is_dataclass(kind):
        if kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            return _same
        names = [f.name for f in fields(kind)]
        return lambda value: {name: plain(getattr(value, name)) for name in names}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _same
    if issubclass(kind, Mapping):
        return _mapped
    if issubclass(kind, (list, tuple, deque)):
        return _listed
    if issubclass(kind, (set, frozenset)):
        return lambda value: sorted(value, key=str)
    if hasattr(kind, "hexdigest"):
        return lambda value: value.hexdigest()
    slots = getattr(kind, "__slots__", ())
    assert slots, f"{kind} cannot be compared"
    if kind is QuietDays:  # whose closes it grows by is not stored: what was read back never grows
        slots = [name for name in slots if not name.startswith("_")]
    return lambda value: [plain(getattr(value, name)) for name in slots if hasattr(value, name)]


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Name the first field that differs, with both values."""
    for key in one:
        if one[key] != other.get(key):
            left, right = one[key], other.get(key)
            if isinstance(left, dict) and isinstance(right, dict):
                return f"{key}: " + (difference(left, right) or f"more keys: {right}")
            return f"{key}: {left!r} is not {right!r}"
    more = [key for key in other if key not in one]
    return f"more keys: {more}" if more else ""
