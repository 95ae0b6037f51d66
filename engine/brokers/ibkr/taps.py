"""Taps on the library's wrapper: copy what arrives, then let the library go on.

A tap calls nothing of ours but `hear`, which only puts into a lane. The original runs after
it, because it changes what it is given (an unset P&L becomes 0.0). Methods are looked up on
each call, so replacing them on the instance is enough.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from engine.brokers.ibkr import said
from engine.brokers.ibkr.said import ContractKey, Said, number

_log = logging.getLogger("pilothouse.ibkr")

LOSSY = frozenset({3, 4, 5, 11, 59, 61, 101})
"""Kinds of frames of which every one must cause a tap: a lost one is a lost fact."""


def key_of(contract: Any) -> ContractKey:
    """Return what is kept of a contract."""
    return ContractKey(
        con_id=int(contract.conId),
        symbol=str(contract.symbol),
        sec_type=str(contract.secType),
        currency=str(contract.currency),
        expiry=str(contract.lastTradeDateOrContractMonth),
        strike=number(contract.strike) or None,
        right=str(contract.right),
    )


def _open_order(order_id: int, contract: Any, order: Any, state: Any) -> Said:
    if order.whatIf:
        return said.Preview(
            order_id=int(order_id),
            margin=number(state.initMarginAfter),
            margin_change=number(state.initMarginChange),
            maintenance=number(state.maintMarginAfter),
            equity=number(state.equityWithLoanAfter),
            commission=number(state.commission),
            warning=str(state.warningText),
        )
    return said.OpenOrder(
        order_id=int(order_id),
        client_id=int(order.clientId),
        perm_id=int(order.permId),
        order_ref=str(order.orderRef),
        account=str(order.account),
        contract=key_of(contract),
        action=str(order.action),
        quantity=number(order.totalQuantity),
        type=str(order.orderType),
        tif=str(order.tif),
        status=str(state.status),
        limit_price=number(order.lmtPrice),
    )


def _order_status(
    order_id: int,
    status: str,
    filled: float,
    remaining: float,
    average: float,
    perm_id: int,
    parent_id: int,
    last: float,
    client_id: int,
    why_held: str,
    *rest: float,
) -> Said:
    del parent_id, last, rest
    return said.OrderStatus(
        order_id=order_id,
        client_id=client_id,
        perm_id=perm_id,
        status=status,
        filled=number(filled),
        remaining=number(remaining),
        average_price=number(average),
        why_held=why_held,
    )


def _execution(request: int, contract: Any, execution: Any) -> Said:
    order_id = int(execution.orderId)
    return said.Execution(
        request=request,
        exec_id=str(execution.execId),
        order_id=0 if order_id == 2**31 - 1 else order_id,  # unset in executions by hand
        client_id=int(execution.clientId),
        perm_id=int(execution.permId),
        order_ref=str(execution.orderRef),
        account=str(execution.acctNumber),
        contract=key_of(contract),
        side=str(execution.side),
        quantity=number(execution.shares),
        price=number(execution.price),
        at=execution.time,
    )


def _commission(report: Any) -> Said:
    return said.Commission(
        exec_id=str(report.execId),
        commission=number(report.commission),
        currency=str(report.currency),
        realized=number(report.realizedPNL),
    )


def _completed(contract: Any, order: Any, state: Any) -> Said:
    return said.CompletedOrder(
        perm_id=int(order.permId),
        order_ref=str(order.orderRef),
        account=str(order.account),
        contract=key_of(contract),
        status=str(state.status),
        filled=number(order.filledQuantity),
        completed_status=str(state.completedStatus),
    )


def _position(account: str, contract: Any, quantity: float, cost: float) -> Said:
    return said.Position(
        account=account,
        contract=key_of(contract),
        quantity=number(quantity),
        average_cost=number(cost),
    )


def _portfolio(contract: Any, quantity: float, *rest: Any) -> Said:
    return said.Portfolio(
        account=str(rest[-1]), contract=key_of(contract), quantity=number(quantity)
    )


def _account_value(key: str, value: str, currency: str, account: str) -> Said:
    return said.AccountValue(account=account, key=key, value=value, currency=currency)


def _accounts(listed: str) -> Said:
    return said.Accounts(tuple(one for one in listed.split(",") if one))


def _error(id_: int, code: int, text: str, *rest: str) -> Said:
    del rest
    return said.Error(id=id_, code=code, text=text)


def _pnl(request: int, daily: float, unrealized: float, realized: float) -> Said:
    del request
    return said.Pnl(daily=number(daily), unrealized=number(unrealized), realized=number(realized))


def _time(seconds: int) -> Said:
    return said.Time(datetime.fromtimestamp(seconds, UTC))


COPIES: dict[str, Callable[..., Said | None]] = {
    "openOrder": _open_order,
    "orderStatus": _order_status,
    "execDetails": _execution,
    "commissionReport": _commission,
    "completedOrder": _completed,
    "error": _error,
    "nextValidId": said.NextId,
    "managedAccounts": _accounts,
    "position": _position,
    "positionEnd": lambda: said.End("positions"),
    "openOrderEnd": lambda: said.End("orders"),
    "execDetailsEnd": said.ExecutionsEnd,
    "completedOrdersEnd": lambda: said.End("completed"),
    "updateAccountValue": _account_value,
    "updatePortfolio": _portfolio,
    "accountDownloadEnd": lambda account: said.End("account"),
    "pnl": _pnl,
    "pnlSingle": lambda *fields: None,
    "currentTime": _time,
}
"""Method of the wrapper → what is kept of its arguments."""


class Taps:
    """Every callback of one library object, copied into `hear`."""

    def __init__(self, hear: Callable[[Said], None], read: Callable[[], None]) -> None:
        """`read` is called for each whole message, whatever it says."""
        self._hear = hear
        self._read = read
        self.calls = 0

    def install(self, ib: Any) -> None:
        """Put taps on the wrapper, and the detector of lost frames on the decoder."""
        wrapper, decoder = ib.wrapper, ib.client.decoder
        for name, copy in COPIES.items():
            setattr(wrapper, name, self._tap(copy, getattr(wrapper, name)))
        decoder.interpret = self._detector(decoder.interpret)

    def _tap(
        self, copy: Callable[..., Said | None], original: Callable[..., None]
    ) -> Callable[..., None]:
        def tapped(*arguments: Any) -> None:
            one = copy(*arguments)
            if one is not None:
                self._hear(one)
            self.calls += 1  # not where that raised: the library swallows it, the fact is lost
            try:
                original(*arguments)
            except KeyError:  # an answer that the library no longer waits for
                _log.debug("late answer: %s", one)

        return tapped

    def _detector(self, original: Callable[[Sequence[str]], None]) -> Callable[..., None]:
        def interpret(fields: list[str]) -> None:
            frame = tuple(fields)  # the library takes fields away while it reads
            before = self.calls
            self._read()
            original(fields)
            kind = int(frame[0]) if frame and frame[0].isdigit() else 0
            if kind in LOSSY and self.calls == before:
                self._hear(said.Lost(kind=kind, frame="|".join(frame)))

        return interpret
