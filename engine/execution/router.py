"""The only door to a broker: one command, one call, and a last look before an order is sent.

A call that fails comes back as a report (the order becomes UNKNOWN), never as an exception.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from engine.core.state import State
from engine.domain.ids import OrderId
from engine.domain.input import Fault, Input, Reported
from engine.domain.order import Order
from engine.domain.reconciliation import AnswerFailed
from engine.domain.report import (
    AccountRead,
    Canceled,
    CancelRefused,
    ChangeRefused,
    Previewed,
    Report,
    SendFailed,
)
from engine.domain.session import SessionState, TradingState
from engine.ports import Broker

_log = logging.getLogger("pilothouse.router")
_log.addHandler(logging.NullHandler())


class Router:
    """Carries out commands of the core."""

    def __init__(
        self,
        broker: Broker,
        put: Callable[[Input], None],
        now: Callable[[], datetime],
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        """`asked` says whether somebody has asked for something that was not taken yet."""
        self._broker = broker
        self._put = put
        self._now = now
        self._asked = asked
        self.barred = ""  # why nothing is sent; may be set from any thread
        self.entries_barred = ""  # why no entry is sent

    def submit(self, order: Order, state: State) -> None:
        """Send an order unless something of this very instant forbids it."""
        why = self._withheld(order, state)
        if why:
            self._say(Canceled(order_id=order.order_id, text=f"{why} before it was sent"))
            return
        try:
            self._broker.submit(order, state.orders[order.order_id].broker_order_id)
        except Exception as error:  # noqa: BLE001  whatever it was: perhaps sent
            self._say(SendFailed(order_id=order.order_id, text=_words(error)))

    def preview(self, order: Order) -> None:
        """Ask what an order would do; a failure is an answer too."""
        try:
            self._broker.preview(order)
        except Exception as error:  # noqa: BLE001  whatever it was: not known
            self._say(Previewed(order_id=order.order_id, text=_words(error)))

    def last_look(self) -> str:
        """Say what has come since an order was handed to the broker; asked as its bytes leave.

        What is asked is believed only where it can be read: an exit must not wait for that.
        """
        if self.barred:
            return self.barred
        return "" if self.entries_barred or not self._asked() else "a request came"

    def _withheld(self, order: Order, state: State) -> str:
        """Say what came between the approval of an order, or its change, and its sending."""
        if self.barred or state.trading_state is TradingState.HALTED:
            return self.barred or "HALTED"
        row = state.orders.get(order.order_id)
        if row is not None and row.canceling:
            return "canceled"
        if order.is_exit:
            return ""
        if state.trading_state is not TradingState.ACTIVE:
            return str(state.trading_state.value)
        if state.session_state is not SessionState.RUNNING:
            return str(state.session_state.value)
        return self.entries_barred

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel; a failed ask leaves the order as it is."""
        try:
            self._broker.cancel(order_id)
        except Exception as error:  # noqa: BLE001  whatever it was: not certainly canceled
            self._say(CancelRefused(order_id=order_id, text=_words(error)))

    def change(self, order: Order, state: State) -> None:
        """Ask for a change unless something of this very instant forbids it.

        One that failed in the call is settled by what the broker shows.
        """
        why = self._withheld(order, state)
        if why:
            text = f"{why} before it was sent"
            self._say(ChangeRefused(order_id=order.order_id, text=text))
            return
        try:
            self._broker.change(order)
        except Exception as error:  # noqa: BLE001  whatever it was: perhaps sent
            self.look_up(order.order_id)
            _log.warning("change of %s: %s", order.order_ref, _words(error))

    def look_up(self, order_id: OrderId) -> None:
        """Find out what became of an order; a failed question leaves it UNKNOWN."""
        try:
            self._broker.look_up(order_id)
        except Exception as error:  # noqa: BLE001  whatever it was: still not known
            text = f"{order_id} could not be looked up: {_words(error)}"
            self._put(Fault(self._now(), "look_up_failed", text, halt=False))

    def read_account(self, trigger: str) -> None:
        """Ask for positions, cash and open orders; a failure is an answer too."""
        try:
            self._broker.read_account(trigger)
        except Exception as error:  # noqa: BLE001  whatever it was: unknown, never empty
            failed = AnswerFailed(query="account", reason=_words(error))
            self._say(AccountRead(answer=failed, trigger=trigger))

    def _say(self, report: Report) -> None:
        self._put(Reported(self._now(), report))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
