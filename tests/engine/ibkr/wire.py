"""A broker of ours connected over TCP to a practice gateway, with what it said to the core."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from engine.brokers.ibkr.broker import IbkrBroker
from engine.brokers.ibkr.terms import Terms, Timings
from engine.brokers.practice.gateway import PracticeGateway
from engine.domain.ids import InstrumentId, OrderId, OrderRef, StrategyId
from engine.domain.input import Fault, Input, LinkSeen, Reported
from engine.domain.instrument import stock_id
from engine.domain.order import Order, OrderType, Side, TimeInForce
from engine.runtime.clock import SystemClock
from tests.patience import PATIENCE_S

D = Decimal
QQQ = stock_id("QQQ")
T = TypeVar("T")
ACCOUNT = "DU0000001"

FAST = Timings(
    socket=1,
    start=1,
    request=1,
    in_flight_every=0.05,
    in_flight_after=0.3,
    look_up_gap=0,
    poll_busy=0.3,
    poll_touched=0.1,
    settle_after=0.05,
    poll_idle=0.5,
    executions_every=0.3,
    gap_after=0.1,
    settle=0.02,
    settle_cap=1,
    commission_after=0.2,
    commission_alarm=0.8,
    cancel_again=0.3,
    absent_again=0.3,
    upstream_for=0.1,
    back_off=0.05,
    back_off_cap=0.2,
    clash_again=0.2,
    clash_jitter=0.05,
    sync_again=0.1,
    heartbeat_after=0.5,
    silence=1.5,
)

SELDOM = replace(FAST, executions_every=1e9, poll_busy=1e9, poll_idle=1e9)
"""Nothing is asked again while a link lives: what is known comes from its beginning."""


def terms(gateway: PracticeGateway, **changed: Any) -> Terms:
    """Terms for a gateway in this process."""
    given: dict[str, Any] = {
        "host": gateway.host,
        "port": gateway.port,
        "account": gateway.account,
        "live": False,
        "timings": FAST,
    }
    return Terms(**(given | changed))


def order(
    name: str,
    side: Side = Side.BUY,
    quantity: int = 10,
    type_: OrderType = OrderType.MARKET,
    instrument: InstrumentId = QQQ,
    **fields: Any,
) -> Order:
    """An order with the reference PH-<name>."""
    usual: dict[str, Any] = {
        "time_in_force": TimeInForce.DAY,
        "created_at": datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
        "session_date": date(2026, 11, 20),
    }
    return Order(
        order_id=OrderId(f"ord_{name}"),
        order_ref=OrderRef(f"PH-{name}"),
        strategy=StrategyId("script"),
        signal_id=None,
        decision_id=None,
        instrument=instrument,
        side=side,
        quantity=D(quantity),
        type=type_,
        **(usual | fields),
    )


class MarketClock:
    """The gateway's instant; seconds are those of the machine."""

    def __init__(self, gateway: PracticeGateway) -> None:
        self._gateway = gateway

    def wall(self) -> datetime:
        """The market's time."""
        return self._gateway.venue.now()

    def monotonic(self) -> float:
        """Seconds that never step."""
        return SystemClock().monotonic()


class Desk:
    """One broker and everything that it has said."""

    def __init__(self, gateway: PracticeGateway, wanted: Terms) -> None:
        self.said: list[Input] = []
        self.clock = MarketClock(gateway)
        self.broker = IbkrBroker(wanted, self._hear, self.clock)

        self.also: Callable[[Input], None] = lambda given: None

    def _hear(self, given: Input) -> None:
        self.said.append(given)
        self.also(given)

    @property
    def lost(self) -> int:
        """Frames that could not be read."""
        return self.faults.count("frame_lost")

    def reports(self, kind: type[T]) -> list[T]:
        """The reports of one kind, in order."""
        found = [one.report for one in self.said if isinstance(one, Reported)]
        return [one for one in found if isinstance(one, kind)]

    @property
    def links(self) -> list[str]:
        """The link's states with their reasons, in order."""
        return [
            f"{one.link.state.value} {one.link.reason}".strip()
            for one in self.said
            if isinstance(one, LinkSeen)
        ]

    @property
    def texts(self) -> list[str]:
        """What the links said to people."""
        return [one.link.text for one in self.said if isinstance(one, LinkSeen)]

    @property
    def faults(self) -> list[str]:
        """Kinds of alarms."""
        return [one.kind for one in self.said if isinstance(one, Fault)]

    async def until(self, true: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(within_s):
                while not true():  # noqa: ASYNC110  what is waited for has no event
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"not so after {within_s} s; said: {self.said[-12:]}") from None

    async def live(self, within_s: float = PATIENCE_S) -> None:
        """Wait until orders may be sent, with QQQ qualified."""
        await self.until(lambda: self.broker.machine.link.is_live, within_s)
        await self.broker.contracts.qualify([QQQ], self.clock.wall())


@asynccontextmanager
async def desk(gateway: PracticeGateway, **changed: Any) -> AsyncIterator[Desk]:
    """A broker that keeps its link while the block runs."""
    made = Desk(gateway, terms(gateway, **changed))
    made.broker.begin()
    try:
        yield made
    finally:
        await made.broker.end()
