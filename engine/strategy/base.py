"""What a strategy is: immutable parameters, a memory of its own, and two pure functions.

`advance` is called once per session date with the final bars (it changes only the memory it
is given, which belongs to State). `decide` is called at the strategy's slot and changes
nothing. The core turns its verdict into signals, orders and a stored decision.

A strategy that can tell on which bars it would say nothing may take in many of them at once
(`pass_quiet`): on a recording that saves all that goes with a session date but its snapshot.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from engine.domain.decision import GateVerdict, SeriesFacts, Step
from engine.domain.ids import InstrumentId, StrategyId
from engine.domain.instrument import symbol_of
from engine.domain.market import Bar
from engine.domain.order import OrderType, Side
from engine.domain.regime import RegimeReading
from engine.domain.session import FillRule, Slot
from engine.domain.signal import SignalKind
from engine.domain.stretch import Stretch
from engine.domain.value import value


class SlotFacts(Protocol):
    """What a strategy may know at its slot; values are worked out when asked for."""

    @property
    def at(self) -> datetime:
        """The instant, on the session's clock."""

    @property
    def session_date(self) -> date:
        """The session date of the slot."""

    @property
    def ordinal(self) -> int:
        """Calendar number of this session; final bars are those before it."""

    @property
    def slot(self) -> Slot:
        """Which slot it is."""

    @property
    def fill_rule(self) -> FillRule:
        """Where a simulation on daily bars fills."""

    @property
    def final_ordinal(self) -> int:
        """Calendar number of the last session whose bars must be there."""

    @property
    def wall_clock(self) -> bool:
        """True: a slot inside the session reads its quotes as a provisional last element."""

    def price(self, instrument: InstrumentId) -> Decimal | None:
        """Return the reference price now, dollars; None if there is no valid one."""

    def listed(self, instrument: InstrumentId) -> bool:
        """Say whether a bar or quote of it has been seen so far."""

    def carried(self, instrument: InstrumentId) -> Decimal:
        """Return m: the target weight last carried out."""

    def owned(self, instrument: InstrumentId) -> Decimal:
        """Return shares owned by this strategy plus its working quantity, signed."""

    def busy(self, instrument: InstrumentId) -> bool:
        """Say whether an order of this strategy works in it or an open plan covers it."""

    @property
    def cash(self) -> Decimal:
        """The strategy's confirmed cash, dollars."""

    @property
    def equity(self) -> Decimal | None:
        """Cash + Σ shares × price now; None if a held instrument has no price."""

    @property
    def held_cell(self) -> int | None:
        """The cell whose targets were last carried out."""

    @property
    def blocked(self) -> tuple[GateVerdict, ...]:
        """Data gates that failed outside the strategy (quality findings), empty if none."""


@value
class Wish:
    """One leg a strategy wants traded, in leg order; the core sizes, checks and sends it."""

    leg: int
    instrument: InstrumentId
    kind: SignalKind
    pass_no: int  # 1 exits and reductions, 2 buys
    target_weight: Decimal | None = None
    side: Side | None = None
    quantity: Decimal | None = None  # shares; None with EXIT = all
    strength: Decimal | None = None
    reason: str = ""
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    formed_at: datetime | None = None  # when the opinion was formed; None: now, at the slot


@value
class StrategyVerdict:
    """What a strategy decided and why, complete enough to be stored and shown."""

    result: str  # rebalance, no_trade, enter, exit, or a hold's reason code
    text: str
    wishes: tuple[Wish, ...] = ()
    reading: RegimeReading | None = None
    days_in_cell: int = 0
    series: tuple[SeriesFacts, ...] = ()
    gates: tuple[GateVerdict, ...] = ()
    held: bool = False  # one of them failed
    steps: tuple[Step, ...] = ()
    carried: Mapping[str, Decimal] = field(default_factory=dict)
    targets: Mapping[str, Decimal] = field(default_factory=dict)
    deviation: Decimal | None = None
    drift: Decimal | None = None
    threshold: Decimal | None = None


class Strategy(Protocol):
    """One configured strategy."""

    id: StrategyId
    preset: str  # "default", "default+2"
    parameter_hash: str
    parameters: Mapping[str, str]  # canonical texts, as hashed
    inputs: tuple[InstrumentId, ...]  # series whose history it reads
    legs: tuple[InstrumentId, ...]  # what it may trade, in leg order
    limits: Mapping[str, str]  # its registered risk limits, by limit key ("off" = never)
    warmup_bars: int

    @property
    def slot(self) -> Slot | None:
        """When it is asked; None for a strategy that is asked at no slot."""

    def memory(self) -> Any:
        """Return the memory before the first bar."""

    def advance(
        self, memory: Any, session_date: date, ordinal: int, bars: Mapping[InstrumentId, Bar]
    ) -> None:
        """Take in the final bars of one session date (only those that passed the gates)."""

    def pass_quiet(
        self, memory: Any, stretch: Stretch, owned: Callable[[InstrumentId], Decimal]
    ) -> int:
        """Take in the bars of the next session dates while `decide` would answer None; return
        of how many.

        It would with the memory as it is, and with the memory after each of them, nothing else
        having changed. 0 is always right: then they come one by one.
        """

    def reading(self, memory: Any) -> RegimeReading | None:
        """Return the reading of the last final bar; None while warming up or without a model."""

    def days_in_cell(self, memory: Any) -> int:
        """Return consecutive final readings with the current cell, this one included."""

    def warming(self, memory: Any) -> tuple[int, int]:
        """Return (bars present, bars needed)."""

    def decide(self, memory: Any, facts: SlotFacts) -> StrategyVerdict | None:
        """Decide at the slot; None where nothing changed and nothing needs explaining."""


def contested(strategies: Iterable[Strategy]) -> dict[InstrumentId, str]:
    """Say of each instrument that several strategies trade who has to wait for whom.

    Orders by hand do not count: a person is told when one is refused.
    """
    traders: dict[InstrumentId, list[str]] = {}
    for strategy in strategies:
        for instrument in strategy.legs if strategy.id != "manual" else ():
            traders.setdefault(instrument, []).append(strategy.id)
    return {
        instrument: f"{symbol_of(instrument)} is traded by {' and '.join(names)}: while one holds "
        "it, entries of the other are rejected (instrument_leased); "
        "sessions.share_instruments = true gives each a position of its own"
        for instrument, names in traders.items()
        if len(names) > 1
    }
