"""A strict reader of the protocol, written from its description, not from the codec's tables.

Every field is read by hand, in order, with its type: integers have no point, numbers no exponent
and no trailing zeros, flags are 0 or 1, text is printable ASCII. A message must end exactly where
its reader ends. Words are the description's, so that swapped fields show as wrong values.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

UNSET = "1.7976931348623157e+308"

Found = dict[str, Any]


class Amiss(AssertionError):
    """The message is not as described."""


class Fields:
    """The fields of one message, taken one by one."""

    def __init__(self, payload: bytes, version: int) -> None:
        text = payload.decode("ascii")
        if not text.endswith("\0"):
            raise Amiss("the last field is not ended")
        self._fields = text[:-1].split("\0")
        self._next = 0
        self.version = version

    def text(self) -> str:
        """The next field."""
        if self._next >= len(self._fields):
            raise Amiss("a field is missing")
        self._next += 1
        found = self._fields[self._next - 1]
        if not all(" " <= sign <= "~" for sign in found):
            raise Amiss(f"{found!r} is not printable")
        return found

    def id(self) -> int:
        """An integer that is always there."""
        found = self.text()
        if not re.fullmatch(r"0|-?[1-9]\d*", found):
            raise Amiss(f"{found!r} is no integer")
        return int(found)

    def price(self) -> Decimal:
        """A number that is always there."""
        found = self.text()
        if not re.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d{0,9}[1-9])?", found):
            raise Amiss(f"{found!r} is no number")
        return Decimal(found)

    def price_or_none(self) -> Decimal | None:
        """A number, or empty."""
        return None if self._skip("") else self.price()

    def price_or_unset(self) -> Decimal | None:
        """A number, or the largest double; never empty."""
        return None if self._skip(UNSET) else self.price()

    def flag(self) -> bool:
        """0 or 1."""
        found = self.text()
        if found not in ("0", "1"):
            raise Amiss(f"{found!r} is no flag")
        return found == "1"

    def rows(self, one: Callable[["Fields"], Any]) -> list[Any]:
        """A count and that many groups."""
        return [one(self) for _ in range(self.id())]

    def words(self, names: str) -> Found:
        """Plain text fields by name."""
        return {name: self.text() for name in names.split()}

    def _skip(self, sign: str) -> bool:
        """Pass over the next field if it is the sign of an unset one."""
        is_unset = self._next < len(self._fields) and self._fields[self._next] == sign
        self._next += is_unset
        return is_unset

    def prices(self, names: str) -> Found:
        """Numbers that are always there, by name."""
        return {name: self.price() for name in names.split()}

    def unset_prices(self, names: str) -> Found:
        """Numbers or the largest double, by name."""
        return {name: self.price_or_unset() for name in names.split()}

    def end(self) -> None:
        """Nothing may be left."""
        if self._next != len(self._fields):
            raise Amiss(f"left over: {self._fields[self._next :]}")


def contract(f: Fields, *, primary: bool = False) -> Found:
    """C11; the portfolio writes the primary exchange in place of the exchange."""
    return {
        "conId": f.id(),
        "symbol": f.text(),
        "secType": f.text(),
        "expiry": f.text(),
        "strike": f.price(),
        "right": f.text(),
        "multiplier": f.text(),
        "primaryExchange" if primary else "exchange": f.text(),
        **f.words("currency localSymbol tradingClass"),
    }


def tag(f: Fields) -> Found:
    """A tag and its value."""
    return f.words("tag value")
