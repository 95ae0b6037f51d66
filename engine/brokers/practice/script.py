"""A script for the practice market: a CSV file of quotes in time, halts and gaps.

Columns `at,symbol,bid,ask,last,bid_size,ask_size,halted,released`, of which the first two are
needed. `at` is an instant (`2026-11-20T15:00:00Z`) or seconds after the gateway's start (`+12.5`).
A quote holds until the next one of its symbol; `released` hands the symbol back to the market
below. What cannot be right is refused with its line.
"""

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from engine.brokers.practice.feed import Scripted
from engine.domain.times import require_utc
from engine.errors import MarketDataError

COLUMNS = (
    *("at", "symbol", "bid", "ask", "last"),
    *("bid_size", "ask_size", "halted", "released"),
)
_WORDS = {"": False, "0": False, "no": False, "false": False, "1": True, "yes": True, "true": True}


def read_script(text: str, start: datetime) -> list[Scripted]:
    """Return the quotes of a script; MarketDataError names every line that is wrong."""
    rows = csv.DictReader(text.splitlines())
    unknown = sorted(set(rows.fieldnames or ()) - set(COLUMNS))
    if unknown or "symbol" not in (rows.fieldnames or ()):
        raise MarketDataError(f"market script: columns are {','.join(COLUMNS)}; found {unknown}")
    found, errors = [], []
    for row in rows:
        try:
            found.append(_line(row, start))
        except ValueError as error:
            errors.append(f"market script, line {rows.line_num}: {error}")
    if errors:
        raise MarketDataError("\n".join(errors))
    return found


def _line(row: Mapping[str, str | None], start: datetime) -> Scripted:
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if not given["symbol"]:
        raise ValueError("a symbol is needed")
    default = Decimal(10_000)
    bid_size, ask_size = _number(given, "bid_size"), _number(given, "ask_size")
    return Scripted(
        at=_instant(given["at"], start),
        symbol=given["symbol"],
        bid=_number(given, "bid"),
        ask=_number(given, "ask"),
        last=_number(given, "last"),
        bid_size=default if bid_size is None else bid_size,
        ask_size=default if ask_size is None else ask_size,
        halted=_flag(given, "halted"),
        released=_flag(given, "released"),
    )


def _instant(text: str, start: datetime) -> datetime:
    if text.startswith("+"):
        try:
            return start + timedelta(seconds=float(text))
        except (ValueError, OverflowError):
            raise ValueError(f"at is {text!r}, seconds are needed") from None
    try:
        return require_utc(datetime.fromisoformat(text))
    except ValueError:
        raise ValueError(f"at is {text!r}, an instant with its zone is needed") from None


def _number(given: Mapping[str, str], name: str) -> Decimal | None:
    if not given[name]:
        return None
    try:
        number = Decimal(given[name])
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise ValueError(f"{name} is {given[name]!r}, a number of zero or more is needed")
    return number


def _flag(given: Mapping[str, str], name: str) -> bool:
    known = _WORDS.get(given[name].lower())
    if known is None:
        raise ValueError(f"{name} is {given[name]!r}, yes or no is needed")
    return known
