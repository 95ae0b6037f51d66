"""Values for every field of every message, distinct, so that a swap is seen."""

from decimal import Decimal
from itertools import count
from typing import Any

from engine.brokers.practice.wire.layout import (
    QUESTIONS,
    Field,
    Gate,
    Item,
    Message,
    Repeat,
    When,
)
from engine.brokers.practice.wire.value import READ, UNSET

CONDITION_KINDS = (1, 3, 4, 5, 6, 7)
ORDER_TYPES = ("LMT", "PEG BENCH", "PEG BEST", "PEG MID")


class Filling:
    """Fill a message's fields: `full` sets everything, else only what must be set."""

    def __init__(self, *, full: bool, variant: int = 0) -> None:
        self._full = full
        self._variant = variant
        self._numbers = count(1)

    def values(self, message: Message) -> dict[str, Any]:
        """Values for a message, whatever the version."""
        found: dict[str, Any] = {}
        self._fill(message.items, found)
        return found

    def _fill(self, items: tuple[Item, ...], found: dict[str, Any]) -> None:
        for item in items:
            match item:
                case Field(name, kind, constant, default):
                    if constant is None and name not in found:
                        found[name] = self._value(name, kind, default)
                case Repeat(name, inner):
                    found[name] = self._rows(name, inner)
                case When(question, inner):
                    if question.startswith("of"):
                        if QUESTIONS[question](found):
                            self._fill(inner, found)
                    else:
                        self._fill(inner, found)
                case Gate(_, _, inner):
                    self._fill(inner, found)

    def _rows(self, name: str, items: tuple[Item, ...]) -> list[Any]:
        if not self._full:
            return []
        rows: list[Any] = []
        for _ in range(len(CONDITION_KINDS) if name == "conditions" else 2):
            row: dict[str, Any] = {}
            if name == "conditions":
                row["type"] = CONDITION_KINDS[len(rows)]
            self._fill(items, row)
            rows.append(next(iter(row.values())) if len(items) == 1 else row)
        return rows

    def _value(self, name: str, kind: str, default: str | None) -> Any:
        n = next(self._numbers)
        if name == "orderType":
            return ORDER_TYPES[self._variant % len(ORDER_TYPES)]
        if name == "kind":
            return self._variant % 4 + 1
        if name == "secType" and self._variant % 2:
            return "BAG"
        if name == "exchange" and self._variant % 2:
            return "IBKRATS"
        if name == "competeAgainstBestOffset" and self._variant % 4 == 2:
            return float("inf")
        if not self._full:
            needed = kind == "e" and default is None
            return Decimal(n) if needed else n if kind in "it" and name != "conId" else None
        match kind:
            case "s":
                return f"{name} {n}"
            case "i" | "t":
                return n
            case "b":
                return True
            case _:
                return Decimal(n) + Decimal("0.25")


def expected(items: tuple[Item, ...], values: dict[str, Any], version: int) -> dict[str, Any]:
    """What a reader must find of some values, everything unset as None."""
    found: dict[str, Any] = {}
    _expect(items, values, version, found)
    return found


def _expect(
    items: tuple[Item, ...], values: dict[str, Any], version: int, found: dict[str, Any]
) -> None:
    for item in items:
        match item:
            case Field(name, kind, constant, default):
                found[name] = _expected_value(kind, values.get(name), constant, default)
            case Repeat(name, inner):
                alone = len(inner) == 1
                found[name] = [
                    row if alone else expected(inner, row, version) for row in values[name]
                ]
            case When(question, inner):
                if QUESTIONS[question](found):
                    _expect(inner, values, version, found)
            case Gate(sign, bound, inner):
                if {">=": version >= bound, "<": version < bound, "==": version == bound}[sign]:
                    _expect(inner, values, version, found)


def _expected_value(kind: str, value: Any, constant: str | None, default: str | None) -> Any:
    if constant is not None:
        return READ[kind](constant)
    if value is not None:
        return value
    return READ[kind](default) if default is not None else False if kind == "b" else None


def same(value: Any) -> Any:
    """A value without the difference between the ways of being unset."""
    if isinstance(value, dict):
        return {name: same(one) for name, one in value.items()}
    if isinstance(value, list):
        return [same(one) for one in value]
    return None if value in ("", UNSET) else value
