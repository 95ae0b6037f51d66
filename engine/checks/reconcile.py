"""Compare our ledger and orders with the broker's complete answer. Pure, tolerance 0.

A failed answer is UNKNOWN, never empty: nothing is matched and nothing is missing. Nothing is
settled here; a difference says what each side has.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO, text
from engine.domain.order import OrderStatus, WorkingOrder
from engine.domain.reconciliation import (
    AnswerFailed,
    BrokerAccount,
    BrokerOrder,
    Difference,
    DifferenceKind,
)
from engine.domain.session import Verdict

_K = DifferenceKind
_AT_BROKER = frozenset(
    {OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL}
)
"""An order that was sent and not answered yet may be on its way: its absence proves nothing."""

CASH = "cash"


def compare(
    ours: Mapping[InstrumentId, Decimal],
    cash: Decimal,
    working: Iterable[WorkingOrder],
    answer: BrokerAccount | AnswerFailed,
    cash_tolerance: Decimal = ZERO,
) -> tuple[Verdict, int, tuple[Difference, ...]]:
    """Return verdict, number of equal items, and differences: positions, cash, then orders.

    ours: signed shares from fills, over all owners; working: our live orders; cash_tolerance:
    dollars of cash that may differ.
    """
    if isinstance(answer, AnswerFailed):
        return Verdict.UNKNOWN, 0, ()
    found: list[Difference] = []
    matched = _positions(ours, answer.positions, found)
    if abs(cash - answer.cash) <= cash_tolerance:
        matched += 1
    else:
        effect = answer.cash - cash
        found.append(
            Difference(
                kind=_K.CASH, item=CASH, ours=text(cash), theirs=text(answer.cash), effect=effect
            )
        )
    matched += _orders(working, answer.orders, found)
    return (Verdict.DIFFERENCES if found else Verdict.CLEAN), matched, tuple(found)


def _positions(
    ours: Mapping[InstrumentId, Decimal],
    theirs: Mapping[InstrumentId, Decimal],
    found: list[Difference],
) -> int:
    matched = 0
    for instrument in sorted({*ours, *theirs}):
        mine, broker = ours.get(instrument, ZERO), theirs.get(instrument, ZERO)
        if mine == broker:
            matched += mine != ZERO
            continue
        if not broker:
            kind = _K.MISSING_BROKER
        elif not mine:
            kind = _K.MISSING_LOCAL
        else:
            kind = _K.MISMATCHED
        found.append(Difference(kind=kind, item=instrument, ours=text(mine), theirs=text(broker)))
    return matched


def _orders(
    working: Iterable[WorkingOrder], theirs: Iterable[BrokerOrder], found: list[Difference]
) -> int:
    matched = 0
    unseen = {order.order_ref: order for order in theirs}
    for row in working:
        if not row.sent:
            continue
        ref, mine = row.order.order_ref, text(row.remaining)
        broker = unseen.pop(ref, None)
        there = "" if broker is None else text(broker.remaining)
        if row.status is OrderStatus.UNKNOWN:
            found.append(Difference(kind=_K.ORDER_UNKNOWN, item=ref, ours=mine, theirs=there))
        elif broker is None:
            if row.status in _AT_BROKER:
                found.append(Difference(kind=_K.ORDER_LOST, item=ref, ours=mine, theirs=there))
        elif broker.remaining == row.remaining:
            matched += 1
        else:
            is_behind = broker.remaining < row.remaining
            kind = _K.MISSING_FILL if is_behind else _K.MISMATCHED
            found.append(Difference(kind=kind, item=ref, ours=mine, theirs=there))
    for foreign, order in unseen.items():
        there = text(order.remaining)
        found.append(Difference(kind=_K.ORDER_FOREIGN, item=foreign, ours="", theirs=there))
    return matched
