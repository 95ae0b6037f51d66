"""Compare our ledger and orders with the broker's complete answer. Pure, tolerance 0.

A failed answer is UNKNOWN, never empty: nothing is matched and nothing is missing. Nothing is
settled here; a difference says what each side has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.domain.fill import Fill
from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO, text
from engine.domain.order import OrderStatus, OrderType, WorkingOrder
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
_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_COST_TOLERANCE = Decimal("0.0001")  # fraction

CASH = "cash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we believe the account to be, over all owners."""

    positions: Mapping[InstrumentId, Decimal]  # signed shares, from fills
    cash: Decimal
    working: Iterable[WorkingOrder] = ()  # our live orders
    costs: Mapping[InstrumentId, Decimal] = field(default_factory=dict)  # where it can be compared
    fills: Mapping[str, Fill] = field(default_factory=dict)  # that the broker must list, by root
    uncharged: Iterable[Fill] = ()  # without a commission for too long


def compare(
    ours: Ours, answer: BrokerAccount | AnswerFailed, cash_tolerance: Decimal = ZERO
) -> tuple[Verdict, int, tuple[Difference, ...]]:
    """Return verdict, number of equal items, and differences: positions, cash, orders, fills.

    cash_tolerance: dollars of cash that may differ.
    """
    if isinstance(answer, AnswerFailed):
        return Verdict.UNKNOWN, 0, ()
    found: list[Difference] = []
    matched = _positions(ours, answer, found)
    if abs(ours.cash - answer.cash) <= cash_tolerance:
        matched += 1
    else:
        effect = answer.cash - ours.cash
        found.append(
            Difference(
                kind=_K.CASH,
                item=CASH,
                ours=text(ours.cash),
                theirs=text(answer.cash),
                effect=effect,
            )
        )
    matched += _orders(ours.working, answer.orders, found)
    _fills(ours, answer, found)
    return (Verdict.DIFFERENCES if found else Verdict.CLEAN), matched, tuple(found)


# -- positions -------------------------------------------------------------------------------


def _positions(ours: Ours, answer: BrokerAccount, found: list[Difference]) -> int:
    matched = 0
    for instrument in sorted({*ours.positions, *answer.positions}):
        mine = ours.positions.get(instrument, ZERO)
        broker = answer.positions.get(instrument, ZERO)
        if mine != broker:
            kind = _K.MISMATCHED
            if not broker or not mine:
                kind = _K.MISSING_LOCAL if broker else _K.MISSING_BROKER
            found.append(_difference(kind, instrument, text(mine), text(broker), instrument))
        elif mine:
            matched += _cost_agrees(instrument, ours, answer, found)
    return matched


def _cost_agrees(
    instrument: InstrumentId, ours: Ours, answer: BrokerAccount, found: list[Difference]
) -> bool:
    mine, broker = ours.costs.get(instrument), answer.costs.get(instrument)
    if mine is None or broker is None or abs(mine - broker) <= abs(broker) * _COST_TOLERANCE:
        return True
    item = f"cost {instrument}"
    found.append(_difference(_K.MISMATCHED, item, text(mine), text(broker), instrument))
    return False


# -- orders ----------------------------------------------------------------------------------


def _orders(
    working: Iterable[WorkingOrder], theirs: Iterable[BrokerOrder], found: list[Difference]
) -> int:
    matched = 0
    there: dict[str, list[BrokerOrder]] = {}
    for order in theirs:
        there.setdefault(order.order_ref, []).append(order)
    for row in working:
        if not row.sent:
            continue
        alive = there.pop(row.order.order_ref, [])
        differing = _order(row, alive)
        if differing is not None:
            found.append(differing)
        else:
            matched += bool(alive)
    for foreign in (order for orders in there.values() for order in orders):
        found.append(
            _difference(
                _K.ORDER_FOREIGN,
                foreign.order_ref,
                "",
                _told(foreign),
                foreign.instrument,
            )
        )
    return matched


def _told(foreign: BrokerOrder) -> str:
    side = "" if foreign.side is None else f"{foreign.side.value} "
    return f"{side}{text(foreign.remaining)}"


def _order(row: WorkingOrder, alive: list[BrokerOrder]) -> Difference | None:
    """Return how one of our sent orders differs from what lives at the broker under its name."""
    order = row.order
    ref, instrument, mine = order.order_ref, order.instrument, text(row.remaining)
    if len(alive) > 1:
        twice = " and ".join(f"{text(one.remaining)} as {one.perm_id}" for one in alive)
        return _difference(_K.DUPLICATE_INCARNATION, ref, mine, twice, instrument)
    if row.status is OrderStatus.UNKNOWN:
        there = text(alive[0].remaining) if alive else ""
        return _difference(_K.ORDER_UNKNOWN, ref, mine, there, instrument)
    if not alive:
        is_lost = row.status in _AT_BROKER
        return _difference(_K.ORDER_LOST, ref, mine, "", instrument) if is_lost else None
    broker = alive[0]
    if _fields(row) != _fields(row, broker):
        return _difference(_K.ORDER_DIFFERS, ref, _fields(row), _fields(row, broker), instrument)
    if broker.remaining == row.remaining:
        return None
    kind = _K.MISSING_FILL if broker.remaining < row.remaining else _K.ORDER_DIFFERS
    return _difference(kind, ref, mine, text(broker.remaining), instrument)


def _fields(row: WorkingOrder, broker: BrokerOrder | None = None) -> str:
    """Say what an order asks for; what the broker does not tell is taken to be as we have it."""
    side, quantity, limit = row.order.side, row.order.quantity, row.order.limit_price
    if broker is not None:
        side = broker.side or side
        quantity = quantity if broker.quantity is None else broker.quantity
        limit = limit if broker.limit_price is None else broker.limit_price
    at = f" at {text(limit)}" if limit is not None and row.order.type in _LIMITED else ""
    return f"{side.value} {text(quantity)}{at}"


# -- fills -----------------------------------------------------------------------------------


def _fills(ours: Ours, answer: BrokerAccount, found: list[Difference]) -> None:
    """A fill that the broker does not list is none; one without a commission is not whole."""
    listed = answer.executions
    for root, fill in ours.fills.items():
        if listed is not None and fill.at >= listed.since and root not in listed.roots:
            found.append(
                _difference(_K.PHANTOM_FILL, fill.exec_id, _words(fill), "", fill.instrument)
            )
    for fill in ours.uncharged:
        found.append(
            _difference(_K.COMMISSION_MISSING, fill.exec_id, _words(fill), "", fill.instrument)
        )


def _words(fill: Fill) -> str:
    return f"{fill.side.value} {text(fill.quantity)} at {text(fill.price)}"


def _difference(
    kind: DifferenceKind, item: str, ours: str, theirs: str, instrument: InstrumentId
) -> Difference:
    return Difference(kind=kind, item=item, ours=ours, theirs=theirs, instrument=instrument)
