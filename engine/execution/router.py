"""The only door to a broker: one command, one call, and a last look at the trading state.

A failing call comes back as a report (the order becomes UNKNOWN), never as an exception.
"""

from collections.abc import Callable
from datetime import datetime

from engine.core.state import State
from engine.domain.ids import OrderId
from engine.domain.input import Input, Reported
from engine.domain.order import Order
from engine.domain.reconciliation import AnswerFailed
from engine.domain.report import AccountRead, Canceled, SendFailed
from engine.domain.session import TradingState
from engine.errors import BrokerError
from engine.ports import Broker


class Router:
    """Carries out commands of the core."""

    def __init__(
        self, broker: Broker, put: Callable[[Input], None], now: Callable[[], datetime]
    ) -> None:
        self._broker = broker
        self._put = put
        self._now = now

    def submit(self, order: Order, state: State) -> None:
        """Send an order unless the trading state, read this instant, forbids it."""
        halted = state.trading_state is TradingState.HALTED
        reducing = state.trading_state is TradingState.REDUCING and not order.is_exit
        if halted or reducing:
            text = f"{state.trading_state.value} before it was sent"
            self._put(Reported(self._now(), Canceled(order_id=order.order_id, text=text)))
            return
        try:
            self._broker.submit(order, len(state.orders))
        except BrokerError as error:
            self._put(Reported(self._now(), SendFailed(order_id=order.order_id, text=str(error))))

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel; a failed ask leaves the order as it is."""
        try:
            self._broker.cancel(order_id)
        except BrokerError as error:
            self._put(Reported(self._now(), SendFailed(order_id=order_id, text=str(error))))

    def look_up(self, order_id: OrderId) -> None:
        """Find out what became of an order."""
        self._broker.look_up(order_id)

    def read_account(self, trigger: str) -> None:
        """Ask for positions, cash and open orders; a failure is an answer too."""
        try:
            self._broker.read_account(trigger)
        except BrokerError as error:
            failed = AnswerFailed(query="account", reason=str(error))
            self._put(Reported(self._now(), AccountRead(answer=failed, trigger=trigger)))
