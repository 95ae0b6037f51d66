"""The account from its pieces: pure, and suspicious of answers that look whole but are not.

Positions must hold everything that the portfolio holds, net liquidation must be there, and a
number that is not set makes the whole answer unknown. Only the configured account counts.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.brokers.ibkr import said
from engine.brokers.ibkr.said import number
from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.reconciliation import (
    AnswerFailed,
    BrokerAccount,
    BrokerExecutions,
    BrokerOrder,
)

CASH = "TotalCashValue"
NET = "NetLiquidation"
READY = "AccountReady"
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}
_LIMITED = frozenset({"LMT", "STP LMT"})
_GONE = frozenset({"Filled", "Cancelled", "ApiCancelled"})

Values = Mapping[str, str]
"""Account values by key, in the account's own currency."""


def account_of(
    account: str,
    positions: Iterable[said.Position],
    portfolio: Iterable[said.Portfolio],
    values: Values,
    orders: Iterable[said.OpenOrder],
    statuses: Iterable[said.OrderStatus],
    executions: BrokerExecutions | None = None,
) -> BrokerAccount | AnswerFailed:
    """Return positions, cash and open orders of one account, or why they cannot be believed."""
    held: dict[int, said.Position] = {}
    for row in positions:
        if row.account == account:
            held[row.contract.con_id] = row  # the newest row of a contract
    shares: dict[InstrumentId, Decimal] = {}
    costs: dict[InstrumentId, Decimal] = {}
    for row in held.values():
        if row.quantity is None:
            return _failed("positions", f"{row.contract.symbol} without a quantity")
        if row.quantity:
            instrument = row.contract.instrument
            shares[instrument] = shares.get(instrument, ZERO) + row.quantity
            if row.average_cost is not None and row.contract.sec_type == "STK":
                costs[instrument] = row.average_cost  # of others it is not by the share
    why = _doubt(account, portfolio, values, held)
    if why:
        return _failed("positions", why)
    cash = number(values.get(CASH))
    if cash is None:
        return _failed("account", f"{CASH} is {values.get(CASH)!r}")
    return BrokerAccount(
        positions=shares,
        cash=cash,
        orders=open_orders(account, orders, statuses),
        costs=costs,
        executions=executions,
    )


def _doubt(
    account: str,
    portfolio: Iterable[said.Portfolio],
    values: Values,
    held: Mapping[int, said.Position],
) -> str:
    if values.get(READY, "true").lower() == "false":
        return "the account is not ready"
    net = number(values.get(NET))
    if net is None or net <= 0:
        return f"{NET} is {values.get(NET)!r}"
    newest = {row.contract.con_id: row for row in portfolio if row.account == account}
    for con_id, row in newest.items():
        if row.quantity and con_id not in held:
            return (
                f"{row.contract.symbol} is in the portfolio, {row.quantity}, and not in positions"
            )
    return ""


def open_orders(
    account: str,
    orders: Iterable[said.OpenOrder],
    statuses: Iterable[said.OrderStatus],
) -> tuple[BrokerOrder, ...]:
    """Return the living orders of an account; one without a reference is named by its permId."""
    status = {one.perm_id: one for one in statuses}
    found: dict[int, BrokerOrder] = {}
    for order in orders:
        if order.account != account or order.status in _GONE:
            continue
        now = status.get(order.perm_id)
        if now is not None and now.status in _GONE:
            continue
        left = now.remaining if now is not None else order.quantity
        found[order.perm_id] = BrokerOrder(
            order_ref=order.order_ref or f"perm:{order.perm_id}",
            instrument=order.contract.instrument,
            remaining=left if left is not None else ZERO,
            perm_id=order.perm_id,
            side=_SIDES.get(order.action),
            quantity=order.quantity,
            limit_price=order.limit_price if order.type in _LIMITED else None,
        )
    return tuple(found.values())


def _failed(query: str, reason: str) -> AnswerFailed:
    return AnswerFailed(query=query, reason=reason)
