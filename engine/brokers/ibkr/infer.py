"""Fills whose executions can no longer be had: the broker shows those of the day only. Pure.

What an order says it has filled is certain in quantity. Its price follows from the order's
average price, or from what the position has cost since; without either nothing is booked. The
id derives from the fact, so that a second restart adds nothing, and its prefix marks it.
"""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.brokers.ibkr.terms import NEW_YORK
from engine.domain.fill import INFERRED
from engine.domain.ids import ExecId
from engine.domain.money import MICRO, ZERO

Executions = dict[str, tuple[str, Decimal, Decimal]]
"""By root: id of the newest revision, shares, price."""


def is_gone(sent_at: datetime, asked_at: datetime) -> bool:
    """Say whether an order may have filled on a day whose executions are not served any more."""
    zone = ZoneInfo(NEW_YORK)
    return sent_at.astimezone(zone).date() < asked_at.astimezone(zone).date()


def inferred_id(order_ref: str, filled: Decimal) -> ExecId:
    """Return the id of what is missing up to a number of shares filled."""
    return ExecId(f"{INFERRED}.{order_ref}.{str(filled).replace('.', '_')}.01")


def price_by_average(filled: Decimal, average: Decimal | None, known: Executions) -> Decimal | None:
    """Return the price of what is missing, by the order's average over all that it filled."""
    if average is None or average <= 0:
        return None
    value = sum((shares * price for _, shares, price in known.values()), ZERO)
    return _positive(average * filled - value, filled - shares_of(known))


def price_by_cost(missing: Decimal, theirs: Decimal | None, ours: Decimal | None) -> Decimal | None:
    """Return the price of missing shares by a position's cost in dollars, theirs and ours."""
    return None if theirs is None or ours is None else _positive(theirs - ours, missing)


def shares_of(known: Executions) -> Decimal:
    """Return Σ shares of the newest revision of each execution."""
    return sum((shares for _, shares, _ in known.values()), ZERO)


def _positive(value: Decimal, shares: Decimal) -> Decimal | None:
    price = (value / shares).quantize(MICRO) if shares > 0 else ZERO
    return price if price > 0 else None
