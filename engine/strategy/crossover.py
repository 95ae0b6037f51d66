"""Two simple means of the close: all in while the fast one is strictly above, else all out.

The comparison sum_fast · slow > sum_slow · fast is made on exact decimals, so running sums
leave no residue and a tie is a tie. Nothing happens in `advance` and `decide` beyond a few
additions: this is the strategy with which the path itself is measured.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice

from engine.domain.decision import GateVerdict
from engine.domain.ids import InstrumentId, StrategyId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.money import ZERO, text
from engine.domain.order import Side
from engine.domain.session import Slot
from engine.domain.signal import SignalKind
from engine.domain.stretch import Stretch
from engine.strategy.base import SlotFacts, StrategyVerdict, Wish
from engine.strategy.parameter import (
    SLOT_KEY,
    SLOT_PARAMETER,
    Kind,
    Parameter,
    Relation,
    Resolved,
    Schema,
    Span,
)
from engine.strategy.track import Track

CROSSOVER = Schema(
    strategy="crossover",
    parameters=(
        Parameter(
            key="symbol",
            kind=Kind.SYMBOL,
            default="QQQ",
            effect="what is read and traded",
        ),
        Parameter(
            key="fast",
            kind=Kind.INT,
            default=40,
            span=Span(Decimal(1), Decimal(1000)),
            unit="bars",
            effect="length of the fast mean of closes",
        ),
        Parameter(
            key="slow",
            kind=Kind.INT,
            default=140,
            span=Span(Decimal(2), Decimal(5000)),
            unit="bars",
            effect="length of the slow mean of closes",
        ),
        Parameter(
            key="exposure",
            kind=Kind.FLOAT,
            default=Decimal("0.98"),
            span=Span(ZERO, Decimal(1), low_closed=False),
            unit="fraction",
            effect="share of the cash that a buy may use",
        ),
        SLOT_PARAMETER,
    ),
    relations=(
        Relation(
            keys=("fast", "slow"),
            text="fast < slow",
            holds=lambda values: Decimal(values["fast"]) < Decimal(values["slow"]),
        ),
    ),
)

LIMITS = dict.fromkeys(
    (
        "order_size",
        "symbol_exposure",
        "strategy_budget",
        "gross_exposure",
        "leveraged_exposure",
        "open_positions",
        "liquidity",
        "trades_day",
        "loss_day",
        "loss_severe",
        "drawdown",
        "quality",
    ),
    "off",
)
"""It is all in or all out by its nature, and its results are compared to the cent with an
independent calculation: no limit may cut a quantity and no latch may stop it."""


@dataclass(slots=True)
class CrossoverMemory:
    """The last `slow` closes with their two running sums, exact."""

    closes: deque[Decimal]
    track: Track = field(default_factory=Track)
    sum_fast: Decimal = ZERO  # of the last `fast` closes, from bar `slow` on
    sum_slow: Decimal = ZERO
    rising: bool | None = None  # fast mean strictly above; None while warming up


class CrossoverStrategy:
    """Crossover under one set of parameters (engine.strategy.base.Strategy)."""

    id = StrategyId("crossover")

    def __init__(self, resolved: Resolved) -> None:
        values = resolved.texts
        self.preset = resolved.preset_label
        self.parameter_hash = resolved.parameter_hash
        self.parameters: Mapping[str, str] = values
        self.slot = Slot(values[SLOT_KEY])
        self.limits: Mapping[str, str] = LIMITS
        self.instrument = stock_id(values["symbol"])
        self.inputs: tuple[InstrumentId, ...] = (self.instrument,)
        self.legs: tuple[InstrumentId, ...] = (self.instrument,)
        self.fast = int(values["fast"])
        self.slow = self.warmup_bars = int(values["slow"])
        self.exposure = Decimal(values["exposure"])
        self._times = Decimal(self.slow), Decimal(self.fast)  # what the two sums are compared by
        self._symbol = values["symbol"]

    def memory(self) -> CrossoverMemory:
        """Return the memory before the first bar."""
        return CrossoverMemory(deque(maxlen=self.slow))

    def advance(
        self,
        memory: CrossoverMemory,
        session_date: date,
        ordinal: int,
        bars: Mapping[InstrumentId, Bar],
    ) -> None:
        """Take in the bar of its instrument, if there is one."""
        bar = bars.get(self.instrument)
        if bar is None or not memory.track.take(session_date, ordinal, bar):
            return
        close, closes, slow = bar.close, memory.closes, self.slow
        if len(closes) == slow:
            fast_sum = memory.sum_fast = memory.sum_fast + close - closes[-self.fast]
            slow_sum = memory.sum_slow = memory.sum_slow + close - closes[0]
            closes.append(close)
            times_fast, times_slow = self._times
            memory.rising = fast_sum * times_fast > slow_sum * times_slow
            return
        closes.append(close)
        if len(closes) == slow:
            memory.sum_fast = sum(islice(closes, slow - self.fast, slow), ZERO)
            memory.sum_slow = sum(closes, ZERO)
            memory.rising = memory.sum_fast * slow > memory.sum_slow * self.fast

    def pass_quiet(
        self,
        memory: CrossoverMemory,
        stretch: Stretch,
        owned: Callable[[InstrumentId], Decimal],
    ) -> int:
        """Take in bars up to the one on which the means cross."""
        held = bool(owned(self.instrument))
        follows = stretch.closed[0].ordinal == memory.track.last_ordinal + 1
        if memory.rising is not held or not follows:
            return 0
        closes, slow = stretch.closes(self.instrument), self.slow
        times_fast, times_slow = self._times
        before = [*memory.closes, *closes]
        fast_sum, slow_sum, passed = memory.sum_fast, memory.sum_slow, 0
        for close, leaves_fast, leaves_slow in zip(
            closes, islice(before, slow - self.fast, None), before, strict=False
        ):
            fast_next = fast_sum + close - leaves_fast
            slow_next = slow_sum + close - leaves_slow
            if (fast_next * times_fast > slow_next * times_slow) is not held:
                break
            fast_sum, slow_sum = fast_next, slow_next
            passed += 1
        if passed:
            memory.sum_fast, memory.sum_slow = fast_sum, slow_sum
            memory.closes.extend(closes[:passed])
            last = stretch.closed[passed - 1]
            bar = last.bars[self.instrument]
            memory.track.take_run(last.session_date, last.ordinal, bar, passed)
        return passed

    def reading(self, memory: CrossoverMemory) -> None:
        """There is no regime here."""

    def days_in_cell(self, memory: CrossoverMemory) -> int:
        """There are no cells here."""
        return 0

    def warming(self, memory: CrossoverMemory) -> tuple[int, int]:
        """Return (bars present, bars needed)."""
        return memory.track.found, self.slow

    def decide(self, memory: CrossoverMemory, facts: SlotFacts) -> StrategyVerdict | None:
        """Return the way in or out; None while the position is as it should be."""
        rising = memory.rising
        if rising is None or rising is bool(facts.owned(self.instrument)):
            return None
        return self._change(memory, facts, rising)

    def _change(
        self, memory: CrossoverMemory, facts: SlotFacts, rising: bool
    ) -> StrategyVerdict | None:
        if facts.busy(self.instrument):
            return None
        means = (
            f"fast mean {_mean(memory.sum_fast, self.fast)}"
            f" {'>' if rising else '≤'} slow mean {_mean(memory.sum_slow, self.slow)}"
        )
        gates = (*facts.blocked, *self._gates(memory, facts))
        failed = next((gate for gate in gates if not gate.passed), None)
        if failed is not None:
            return StrategyVerdict(result=failed.reason, text=failed.text, gates=gates, held=True)
        if not rising:
            wish = Wish(
                leg=0, instrument=self.instrument, kind=SignalKind.EXIT, pass_no=1, reason=means
            )
            return StrategyVerdict(result="exit", text=means, wishes=(wish,), gates=gates)
        shares = self.exposure * facts.cash // memory.closes[-1]
        if shares <= 0:
            return None
        wish = Wish(
            leg=0,
            instrument=self.instrument,
            kind=SignalKind.ENTER,
            pass_no=2,
            side=Side.BUY,
            quantity=shares,
            reason=means,
        )
        return StrategyVerdict(result="enter", text=means, wishes=(wish,), gates=gates)

    def _gates(self, memory: CrossoverMemory, facts: SlotFacts) -> tuple[GateVerdict, GateVerdict]:
        """Look at the series and the price, only now that something would be traded."""
        track, symbol = memory.track, self._symbol
        whole = track.whole(facts.final_ordinal)
        price = facts.price(self.instrument)
        return (
            GateVerdict(
                gate=f"calendar {symbol}",
                passed=whole,
                text=f"{symbol}: {track.found} bars, none missing"
                if whole
                else track.fault(symbol, facts.final_ordinal),
                reason="" if whole else "data_gap",
            ),
            GateVerdict(
                gate="price",
                passed=price is not None,
                text=f"no valid price of {symbol}" if price is None else f"{symbol} {text(price)}",
                reason="no_price" if price is None else "",
            ),
        )


def _mean(total: Decimal, n: int) -> str:
    """Show a mean with six decimals; the comparison itself is exact."""
    return f"{total / n:.6f}"
