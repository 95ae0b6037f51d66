"""Small strategies, markets and brokers for stories on a desk."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from engine.domain.ids import OrderId, StrategyId
from engine.domain.order import Order
from engine.errors import BrokerError
from engine.ports import Broker
from engine.strategy.base import SlotFacts, Strategy, StrategyVerdict
from tests.engine.desk import (
    day,
    script,
)

Market = Mapping[str, Sequence[str | None]]
FLAT_MARKET: Market = {"QQQ": ["100"] * 6, "TLT": ["50"] * 6}


def buys(n: int = 0, quantity: str = "10", more: str = ",,,") -> str:
    """A line that buys QQQ on the n-th day."""
    return f"{day(n)},QQQ,ENTER,BUY,{quantity},{more},"


def sells(n: int, quantity: str = "") -> str:
    """A line that sells QQQ on the n-th day; without a quantity all of it."""
    return f"{day(n)},QQQ,EXIT,,{quantity},,,,,"


def limit_buy(n: int = 0, quantity: str = "10", limit: str = "90") -> str:
    """A line whose order works until the close of the n-th day."""
    return f"{day(n)},QQQ,ENTER,BUY,{quantity},,,LIMIT,{limit},"


class Moody:
    """A broker whose calls fail as told."""

    def __init__(self, broker: Broker, fails: Callable[[str], bool]) -> None:
        self._broker = broker
        self._fails = fails

    def _may(self, what: str) -> None:
        if self._fails(what):
            raise BrokerError(f"{what} failed") if what != "submit" else KeyError(what)

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send, or raise before it."""
        self._may("submit")
        self._broker.submit(order, broker_order_id)

    def cancel(self, order_id: OrderId) -> None:
        """Cancel, or raise."""
        self._may("cancel")
        self._broker.cancel(order_id)

    def look_up(self, order_id: OrderId) -> None:
        """Look up, or raise."""
        self._may("look_up")
        self._broker.look_up(order_id)

    def preview(self, order: Order) -> None:
        """Say nothing: its costs are those of the settings, and it knows no margin."""

    def change(self, order: Order) -> None:
        """Refuse a change."""
        raise NotImplementedError

    def read_account(self, trigger: str) -> None:
        """Read, or raise."""
        self._may("read_account")
        self._broker.read_account(trigger)


def once(call: str) -> Callable[[str], bool]:
    """Fail the first call of this name."""
    left = [call]
    return lambda what: bool(left) and what == left[0] and bool(left.pop())


def second(*rows: str) -> Strategy:
    """Another script strategy beside the first."""
    made = script(*rows)
    made.id = StrategyId("second")
    return made


class Odd:
    """A script whose functions do odd things on some days."""

    def __init__(self, inner: Strategy, **odd: Callable[..., Any]) -> None:
        self._inner = inner
        self._odd = odd

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def advance(self, memory: Any, session_date: date, ordinal: int, bars: Any) -> None:
        """Take in the bars, or do something odd."""
        if "advance" in self._odd:
            self._odd["advance"](session_date)
        self._inner.advance(memory, session_date, ordinal, bars)

    def decide(self, memory: Any, facts: SlotFacts) -> StrategyVerdict | None:
        """Decide, or do something odd."""
        verdict = self._inner.decide(memory, facts)
        odd = self._odd.get("decide")
        return verdict if odd is None else odd(facts, verdict)


def failing(*days: date) -> Callable[..., Any]:
    """Raise on these days."""

    def decide(facts: SlotFacts, verdict: Any) -> Any:
        if facts.session_date in days:
            raise ZeroDivisionError("a bug")
        return verdict

    return decide
