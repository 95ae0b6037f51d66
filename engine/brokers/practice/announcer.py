"""The way of a fact from the venue to the gateway, with what may happen to it underway.

Facts of orders and the account are held back while the upstream is lost and come late; single
callbacks can be delayed, doubled, swapped with the next ones, or lost. Ticks are never held.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import IntEnum
from functools import partial

from engine.brokers.practice.agenda import Agenda
from engine.brokers.practice.faults import CALLBACKS, FaultScript
from engine.brokers.practice.model import (
    AccountValue,
    Commission,
    Execution,
    Fired,
    Item,
    OrderView,
    PortfolioRow,
    PositionRow,
    SubKey,
)
from engine.brokers.practice.seam import Listener


class Kind(IntEnum):
    """Message ids of callbacks, as faults name them."""

    ITEM = 1
    ORDER_STATUS = 3
    ERROR = 4
    OPEN_ORDER = 5
    ACCOUNT_VALUE = 6
    PORTFOLIO = 7
    EXECUTION = 11
    COMMISSION = 59
    POSITION = 61


_Fact = Callable[[], None]


class Announcer:
    """Says facts to the listener."""

    def __init__(self, agenda: Agenda, faults: FaultScript, now: Callable[[], datetime]) -> None:
        self._agenda = agenda
        self._faults = faults
        self._now = now
        self._listener: Listener | None = None
        self._held: list[_Fact] | None = None
        self._waiting: list[tuple[_Fact, int]] = []  # swapped facts: how many may still pass

    def listen(self, listener: Listener) -> None:
        """Say everything to this listener from now on."""
        self._listener = listener

    def hold(self) -> None:
        """Keep facts back from now on."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Say what was kept back, in its order."""
        held, self._held = self._held or [], None
        for fact in held:
            fact()

    def forget(self) -> None:
        """Drop what was kept back: nobody is there to hear it."""
        self._held = None if self._held is None else []
        self._waiting.clear()

    # -- facts -----------------------------------------------------------------------------------

    def open_order(self, view: OrderView) -> None:
        """Say an order with all its fields."""
        if self._listener is not None:
            self._of_order(Kind.OPEN_ORDER, partial(self._listener.open_order, view), view)

    def order_status(self, view: OrderView) -> None:
        """Say how an order stands."""
        if self._listener is not None:
            self._of_order(Kind.ORDER_STATUS, partial(self._listener.order_status, view), view)

    def execution(self, one: Execution) -> None:
        """Say a fill."""
        if self._listener is not None:
            fact = partial(self._listener.execution, one)
            self._say(Kind.EXECUTION, fact, one.client_id, one.order_ref, one.contract.symbol)

    def commission(self, one: Commission, order_ref: str, symbol: str) -> None:
        """Say what a fill cost."""
        if self._listener is not None:
            fact = partial(self._listener.commission, one)
            self._say(Kind.COMMISSION, fact, one.client_id, order_ref, symbol)

    def position(self, row: PositionRow) -> None:
        """Say a position."""
        if self._listener is not None:
            self._say(
                Kind.POSITION,
                partial(self._listener.position, row),
                None,
                symbol=row.contract.symbol,
            )

    def portfolio(self, row: PortfolioRow) -> None:
        """Say a position with its worth."""
        if self._listener is not None:
            self._say(
                Kind.PORTFOLIO,
                partial(self._listener.portfolio, row),
                None,
                symbol=row.contract.symbol,
            )

    def account_value(self, value: AccountValue) -> None:
        """Say a number of the account."""
        if self._listener is not None:
            self._say(Kind.ACCOUNT_VALUE, partial(self._listener.account_value, value), None)

    def error(self, client_id: int, request_id: int, code: int, text: str) -> None:
        """Say an error about an order or a subscription."""
        if self._listener is not None:
            fact = partial(self._listener.error, client_id, request_id, code, text)
            self._say(Kind.ERROR, fact, client_id)

    def item(self, key: SubKey, item: Item) -> None:
        """Say something of a stream."""
        if self._listener is None:
            return
        if self._faults.has("callback"):
            self._bend(Kind.ITEM, partial(self._listener.item, key, item), key[0])
        else:
            self._listener.item(key, item)

    def link(self, code: int, text: str) -> None:
        """Say how the link stands; never held back."""
        if self._listener is not None:
            self._listener.link(code, text)

    def fault(self, fired: Fired) -> None:
        """Hand a fault to the gateway."""
        if self._listener is not None:
            self._listener.fault(fired)

    # -- what may happen to them ------------------------------------------------------------------

    def _of_order(self, kind: Kind, fact: _Fact, view: OrderView) -> None:
        request = view.request
        self._say(kind, fact, view.client_id, request.order_ref, request.contract.symbol)

    def _say(
        self,
        kind: Kind,
        fact: _Fact,
        client_id: int | None,
        order_ref: str = "",
        symbol: str = "",
    ) -> None:
        if self._held is not None:
            self._held.append(fact)
        elif self._faults.has("callback") or self._waiting:
            self._bend(kind, fact, client_id, order_ref, symbol)
        else:
            fact()

    def _bend(
        self,
        kind: Kind,
        fact: _Fact,
        client_id: int | None,
        order_ref: str = "",
        symbol: str = "",
    ) -> None:
        fired = self._faults.strike(
            "callback",
            CALLBACKS,
            client_id=client_id,
            order_ref=order_ref,
            symbol=symbol,
            kind=int(kind),
        )
        times = 1
        for one in fired:
            name = one.fault.name
            if name == "lose":
                return
            if name == "delay":
                late = timedelta(milliseconds=one.number("ms", 500))
                self._agenda.at(self._now() + late, fact)
                return
            if name == "reorder":
                self._waiting.append((fact, int(one.number("window", 1))))
                return
            times = int(one.number("times", 2))
        for _ in range(times):
            fact()
        self._let_pass()

    def _let_pass(self) -> None:
        """Count one fact that has overtaken those waiting; say those that have waited enough."""
        waiting = [(fact, left - 1) for fact, left in self._waiting]
        self._waiting = [(fact, left) for fact, left in waiting if left > 0]
        for fact, left in waiting:
            if left <= 0:
                fact()
