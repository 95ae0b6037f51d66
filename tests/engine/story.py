"""A core to be told a story: inputs in, state out, without loop, journal or broker.

    story = Story().opens("100").slot()          # the strategy buys 100 QQQ
    story.told(fill("o", 40, "99.99"), Canceled(order_id=story.id("o")))
    assert story.owned() == 40

What `decide` wants sent stays in `sent` and `canceled`; nothing answers by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from engine.core.decide import Decision, decide
from engine.core.evolve import absorb, evolve
from engine.core.state import State, StrategyBook, Terms, initial
from engine.domain import command as cmd
from engine.domain.event import Event, SessionCreated
from engine.domain.ids import ExecId, InstrumentId, OrderId, RequestId, StrategyId
from engine.domain.input import Input, Reported, Requested, SlotDue, Started, Tick
from engine.domain.instrument import Stock
from engine.domain.market import Bar
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderType, Side, WorkingOrder
from engine.domain.reconciliation import BrokerAccount
from engine.domain.report import Accepted, AccountRead, Executed, Report, Submitted
from engine.domain.request import Request, RequestKind
from engine.domain.session import Slot
from engine.domain.signal import SignalKind
from engine.exchange.costs import Costs
from engine.risk.limits import Limits
from engine.strategy.base import SlotFacts, StrategyVerdict, Wish
from tests.engine.floor import DAY, QQQ, TLT, bars, closes, opens, quotes
from tests.storage.samples import context

D = Decimal
ROOMY = dict.fromkeys(
    (
        *("order_size", "symbol_exposure", "strategy_budget", "gross_exposure"),
        *("leveraged_exposure", "liquidity", "trades_day", "loss_day", "loss_severe", "drawdown"),
        "quality",
    )
)
"""Limits that a story is not about are off."""


def buy(quantity: str | int = 100, instrument: InstrumentId = QQQ.id, **more: Any) -> Wish:
    """Wish to enter."""
    more.setdefault("leg", 0)
    return Wish(
        instrument=instrument,
        kind=SignalKind.ENTER,
        pass_no=2,
        side=Side.BUY,
        quantity=D(quantity),
        **more,
    )


def sell(quantity: str | int | None = None, instrument: InstrumentId = QQQ.id, **more: Any) -> Wish:
    """Wish to leave, wholly or in part."""
    more.setdefault("leg", 0)
    some = None if quantity is None else D(quantity)
    more.setdefault("kind", SignalKind.EXIT)
    return Wish(instrument=instrument, pass_no=1, quantity=some, **more)


def target(weight: str, instrument: InstrumentId = QQQ.id, pass_no: int = 2, leg: int = 0) -> Wish:
    """Wish for a weight."""
    return Wish(
        leg=leg,
        instrument=instrument,
        kind=SignalKind.TARGET,
        pass_no=pass_no,
        target_weight=D(weight),
    )


@dataclass
class Wisher:
    """A strategy that wishes what it is told to (engine.strategy.base.Strategy)."""

    name: str = "wisher"
    wishes: tuple[Wish, ...] = ()
    raises: bool = False
    cell: int | None = None
    preset: str = "default"
    parameter_hash: str = "c8ff8a1b35a3c934"
    parameters: Mapping[str, str] = field(default_factory=dict)
    slot: Slot = Slot.OPEN
    inputs: tuple[InstrumentId, ...] = (QQQ.id,)
    legs: tuple[InstrumentId, ...] = (QQQ.id, TLT.id)
    limits: Mapping[str, str] = field(default_factory=dict)
    warmup_bars: int = 0

    @property
    def id(self) -> StrategyId:
        """Its name."""
        return StrategyId(self.name)

    @id.setter
    def id(self, value: StrategyId) -> None:
        self.name = value

    def memory(self) -> list[date]:
        """Remember the sessions seen."""
        return []

    def advance(
        self, memory: list[date], session_date: date, ordinal: int, bars: Mapping[InstrumentId, Bar]
    ) -> None:
        """Note a session."""
        memory.append(session_date)

    def pass_quiet(self, memory: list[date], stretch: object, owned: object) -> int:
        """It has its bars one by one."""
        return 0

    def reading(self, memory: list[date]) -> None:
        """It reads nothing."""

    def days_in_cell(self, memory: list[date]) -> int:
        """It has no cells."""
        return 0

    def warming(self, memory: list[date]) -> tuple[int, int]:
        """It is warm."""
        return len(memory), 0

    def decide(self, memory: list[date], facts: SlotFacts) -> StrategyVerdict | None:
        """Wish what it was told to, once."""
        if self.raises:
            raise ZeroDivisionError("the strategy divides by zero")
        if not self.wishes:
            return None
        return StrategyVerdict(result="rebalance", text="as told", wishes=self.wishes)


class Story:
    """A session that runs, with cash and no positions."""

    def __init__(
        self,
        *strategies: Wisher,
        cash: str = "100000",
        costs: Costs | None = None,
        share_instruments: bool = False,
        started: bool = True,
        rebuild: Callable[..., Any] | None = None,
        limits: Mapping[str, Any] = ROOMY,
    ) -> None:
        self.strategies = strategies or (Wisher(),)
        self.wisher = self.strategies[0]
        free = costs or Costs(half_spread_bps=ZERO, slippage_bps=ZERO)
        terms = Terms(
            costs=free,
            minimum=D(100),
            entry_ttl_s=600,
            limits=Limits(),
            rebuild=rebuild or (lambda strategy, key, value: strategy),
            share_instruments=share_instruments,
        )
        stocks: dict[InstrumentId, Stock] = {QQQ.id: QQQ, TLT.id: TLT}
        each = D(cash) / len(self.strategies)
        books = {
            one.id: StrategyBook(
                one, one.memory(), each, 1 / D(len(self.strategies)), Limits(**limits)
            )
            for one in self.strategies
        }
        self.state: State = initial(context(), terms, stocks, books)
        self.events: list[Event] = []
        self.sent: list[Order] = []
        self.canceled: list[OrderId] = []
        self.commands: list[cmd.Command] = []
        self.at = opens(0)
        self.day = 0
        self._write(Decision(_one(SessionCreated(context=self.state.context)), ()))
        if started:
            self.given(Started(self.at))
            self.reconciled("start")

    # -- telling -----------------------------------------------------------------------------

    def given(self, *inputs: Input) -> Self:
        """Decide, write and carry out; a wish to look again is granted at once."""
        for given in inputs:
            decision = decide(self.state, given)
            self._write(decision)
            for command in decision.commands:
                self.commands.append(command)
                if isinstance(command, cmd.SubmitOrder):
                    self.sent.append(command.order)
                elif isinstance(command, cmd.CancelOrder):
                    self.canceled.append(command.order_id)
                elif isinstance(command, cmd.LookAgain):
                    self.given(Tick(self.at))
        return self

    def _write(self, decision: Decision) -> None:
        seq = self.state.seq
        for entry in decision.entries:
            seq += 1
            self.events.append(entry.event)
            evolve(self.state, entry.event, seq, self.at)

    def market(self, given: Any) -> Self:
        """Absorb a market input, then decide about it."""
        self.at = given.at
        absorb(self.state, given)
        return self.given(given)

    def opens(self, price: str | None = "100", day: int | None = None) -> Self:
        """A session opens; QQQ has this price, TLT half of it."""
        self.day = self.day if day is None else day
        seen = quotes(self.day, price)
        if price is not None:
            other = quotes(self.day, str(D(price) / 2)).quotes[QQQ.id]
            both = {**seen.quotes, TLT.id: _renamed(other)}
            seen.quotes = both
        return self.market(seen)

    def closes(self, price: str = "100") -> Self:
        """The session closes."""
        return self.market(bars(self.day, price))

    def slot(self, *wishes: Wish) -> Self:
        """The strategies may act; the first wishes this."""
        if wishes:
            self.wisher.wishes = wishes
        due = opens(self.day)
        day = DAY + timedelta(days=self.day)
        return self.market(SlotDue(due, due, Slot.OPEN, day, self.day, closes(self.day)))

    def told(self, *reports: Report) -> Self:
        """The broker says something."""
        return self.given(*(Reported(self.at, report) for report in reports))

    def fills(self, price: str = "100") -> Self:
        """The broker accepts and fills everything sent, whole, at this price."""
        for order in list(self.sent):
            if self.state.orders[order.order_id].filled:
                continue
            oid = order.order_id
            self.told(Submitted(order_id=oid), Accepted(order_id=oid))
            self.told(self.fill(order, order.quantity, price))
        return self

    def fill(
        self, order: Order, quantity: Decimal | int, price: str = "100", number: int = 1
    ) -> Executed:
        """An execution."""
        return Executed(
            order_id=order.order_id,
            exec_id=ExecId(f"0001.{order.order_id[-6:]}.{number:02d}.01"),
            quantity=D(quantity),
            price=D(price),
            commission=ZERO,
            at=self.at,
        )

    def asked(
        self, kind: RequestKind, reason: str = "because", number: int | None = None, **args: str
    ) -> Self:
        """A person asks."""
        n = len(self.state.requests) if number is None else number
        request = Request(
            request_id=RequestId(f"req_{n}"),
            kind=kind,
            actor="me@here:tty1",
            reason=reason,
            args=args,
            asked_at=self.at,
        )
        return self.given(Requested(self.at, request))

    def reconciled(self, trigger: str = "request", **changes: Any) -> Self:
        """The broker's account is as ours, but for the changes."""
        held: dict[InstrumentId, Decimal] = {}
        for book in self.state.books.values():
            for instrument, position in book.positions.items():
                held[instrument] = held.get(instrument, ZERO) + position.quantity
        cash = sum((book.cash for book in self.state.books.values()), ZERO)
        account = BrokerAccount(
            positions=changes.get("positions", {k: q for k, q in held.items() if q}),
            cash=changes.get("cash", cash),
            orders=changes.get("orders", ()),
        )
        return self.told(AccountRead(answer=account, trigger=trigger))

    # -- looking -----------------------------------------------------------------------------

    def book(self, number: int = 0) -> StrategyBook:
        """Return the book of a strategy."""
        return self.state.books[self.strategies[number].id]

    def owned(self, instrument: InstrumentId = QQQ.id, number: int = 0) -> Decimal:
        """Return the shares that a strategy owns."""
        return self.book(number).position(instrument).quantity

    def stands(self, number: int = -1) -> str:
        """Say where the n-th order stands and how much of it is done: "CANCELED 40"."""
        row = self.row(number)
        return f"{row.status.value} {row.filled:f}"

    @property
    def trading(self) -> str:
        """The trading state."""
        return self.state.trading_state.value

    @property
    def session(self) -> str:
        """The state of the session."""
        return self.state.session_state.value

    def row(self, number: int = -1) -> WorkingOrder:
        """Return the n-th order there is."""
        return list(self.state.orders.values())[number]

    def kinds(self, last: int | None = None) -> list[str]:
        """Return the kinds of the events, or of the last ones."""
        return [type(e).__name__ for e in (self.events if last is None else self.events[-last:])]

    def of(self, kind: type) -> list[Any]:
        """Return the events of a kind."""
        return [event for event in self.events if type(event) is kind]


def _one(event: Event) -> tuple[Any, ...]:
    from engine.domain.unit import Entry

    return (Entry(event, -1),)


def _renamed(quote: Any) -> Any:
    from dataclasses import replace

    return replace(quote, instrument=TLT.id)


__all__ = ["OrderType", "Story", "Wisher", "buy", "datetime", "sell", "target"]
