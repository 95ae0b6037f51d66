"""The regime strategy: when a reading becomes trades; regime-strategy.md, sections 8 to 10.

m, the targets last carried out, belongs to the ledger and comes with the facts. A decision
compares m with the targets of the reading and names the legs that have to move; sizing them
is the core's work. Every deviation is computed and stored, whether it is traded or not.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from engine.domain.decision import GateVerdict, SeriesFacts, Step, later
from engine.domain.ids import InstrumentId, StrategyId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.money import MICRO, ZERO, text
from engine.domain.regime import RegimeReading
from engine.domain.session import Slot
from engine.domain.signal import SignalKind
from engine.domain.stretch import Stretch
from engine.domain.times import utc_text
from engine.strategy import tree
from engine.strategy.allocation import targets
from engine.strategy.base import SlotFacts, StrategyVerdict, Wish
from engine.strategy.parameter import Resolved
from engine.strategy.regime import RegimeMemory, RegimeModel, RegimeParameters
from engine.strategy.regime_schema import LEG_KEYS, LIMITS
from engine.strategy.track import Track


class _Leg(NamedTuple):
    """One leg at the slot."""

    instrument: InstrumentId
    symbol: str
    carried: Decimal  # m
    target: Decimal  # of the cell
    reachable: Decimal  # the target, or 0 while it is not listed or less than one share
    actual: Decimal | None  # share of equity held now
    owned: Decimal
    listed: bool
    price: Decimal | None  # of a leg that is held or wanted


class _Seen(NamedTuple):
    """What is there of one series."""

    symbol: str
    anchor: date | None
    last: date | None
    found: int
    expected: int
    bar: Bar | None  # the last
    fault: str  # empty: exactly one bar per session from the anchor


class _Gap(NamedTuple):
    """How far the legs are from what the cell wants."""

    deviation: Decimal  # Σ |m - target|
    drift: Decimal | None  # Σ |actual - target|, to 6 decimals; None where a holding has no price
    unpriced: list[str]  # listed, held or wanted


_NO_GAP = _Gap(ZERO, ZERO, [])
_PRICED = GateVerdict(gate="price", passed=True, text="every leg held or wanted has one")
_OPEN = Slot.OPEN
_make = tuple.__new__  # of these some are made at every slot: half the time of calling the class


class _Look(NamedTuple):
    """The reading a decision uses, and the provisional prices that went into it."""

    reading: RegimeReading | None
    days: int
    provisional: tuple[Decimal | None, Decimal | None] | None = None  # signal, bond
    missing: tuple[str, ...] = ()  # series without a provisional price


class RegimeStrategy:
    """Regime trading under one set of parameters (engine.strategy.base.Strategy)."""

    id = StrategyId("regime")

    def __init__(self, resolved: Resolved, *, source: str = "") -> None:
        values = resolved.texts
        self.preset = resolved.preset_label
        self.parameter_hash = resolved.parameter_hash
        self.parameters: Mapping[str, str] = resolved.texts
        self.slot = Slot(values["execution_slot"])
        self.model = RegimeModel(RegimeParameters.of(resolved.values))
        self._tree = tree.Tree(self.model.parameters)
        self.warmup_bars = self.model.warmup_bars
        self.limits: Mapping[str, str] = LIMITS
        self._source = source
        self._overlay = self.model.parameters.allow_treasury
        self.signal = stock_id(values["signal_symbol"])
        self.bond = stock_id(values["treasury_trend_symbol"])
        both = (self.signal, self.bond)
        self.inputs: tuple[InstrumentId, ...] = both if self._overlay else both[:1]
        self._names = values["signal_symbol"], values["treasury_trend_symbol"]
        self._symbols = tuple(values[key] for key in LEG_KEYS)
        self.legs = tuple(stock_id(symbol) for symbol in self._symbols)
        self._by_drift = values["rebalance_on"] == "actual_drift"
        key = "drift_threshold" if self._by_drift else "rebalance_threshold"
        self._threshold = Decimal(values[key])
        self._targets = {
            (cell, bull): dict(
                zip(self._symbols, targets(cell, bull, self.model.parameters), strict=True)
            )
            for cell in range(1, 7)
            for bull in (True, False, None)
        }

    # -- memory ----------------------------------------------------------------------------

    def memory(self) -> RegimeMemory:
        """Return the memory before the first bar."""
        return RegimeMemory()

    def advance(
        self,
        memory: RegimeMemory,
        session_date: date,
        ordinal: int,
        bars: Mapping[InstrumentId, Bar],
    ) -> None:
        """Take in the final bars of one session date; other instruments are passed over."""
        bond = bars.get(self.bond) if self._overlay else None
        self.model.advance(memory, session_date, ordinal, bars.get(self.signal), bond)

    def pass_quiet(
        self, memory: RegimeMemory, stretch: Stretch, owned: Callable[[InstrumentId], Decimal]
    ) -> int:
        """Every session date has its reading."""
        return 0

    def reading(self, memory: RegimeMemory) -> RegimeReading | None:
        """Return the reading of the last final bar; None while warming up."""
        return memory.reading

    def days_in_cell(self, memory: RegimeMemory) -> int:
        """Return consecutive final readings with the current cell, this one included."""
        return memory.days_in_cell

    def warming(self, memory: RegimeMemory) -> tuple[int, int]:
        """Return (bars present, bars needed)."""
        return memory.signal.found, self.warmup_bars

    # -- decision --------------------------------------------------------------------------

    def decide(self, memory: RegimeMemory, facts: SlotFacts) -> StrategyVerdict:
        """Decide at the slot. Every gate is looked at; the first that fails is the result.

        What explains the decision is worded when it is written.
        """
        look = self._look(memory, facts)
        reading, blocked = look.reading, facts.blocked
        seen = self._seen(memory, facts.final_ordinal)
        legs: list[_Leg] = []
        gap = _NO_GAP
        if reading is not None:
            legs = self._legs(self._targets[reading.cell, reading.bond_bull], facts, facts.equity)
            gap = _gap(legs)
        missing = (*look.missing, *gap.unpriced)
        present, needed = self.warming(memory)

        def worded() -> tuple[GateVerdict, ...]:
            if reading is None:
                warm = _warming(present, needed)
                return (*blocked, *map(_calendar_gate, seen), warm)
            warm = GateVerdict(gate="warm-up", passed=True, text=f"{present} bars")
            return (*blocked, *map(_calendar_gate, seen), warm, _priced(missing))

        gates, failed = later(worded), None
        if blocked or missing or reading is None or any([one.fault for one in seen]):
            failed = next(gate for gate in gates if not gate.passed)
        series = self._series(seen, facts, look)
        if reading is None:
            assert failed is not None
            return StrategyVerdict(
                result=failed.reason,
                text=failed.text,
                series=series,
                gates=gates,
                held=True,
                steps=later(lambda: (_data_step(series, failed), *tree.unreached(2))),
            )
        return self._verdict(reading, look.days, legs, gap, facts, gates, failed, series)

    def _look(self, memory: RegimeMemory, facts: SlotFacts) -> _Look:
        """Return the final reading, or inside a session the one with today's quotes."""
        final = _Look(memory.reading, memory.days_in_cell)
        last = memory.signal.last
        inside = facts.wall_clock and facts.slot is not _OPEN
        if not inside or last is None or last >= facts.session_date:
            return final
        signal = facts.price(self.signal)
        bond = facts.price(self.bond) if self._overlay and memory.bond.found else None
        names = self._names
        if signal is None:
            return final._replace(provisional=(signal, bond), missing=names[:1])
        if bond is None and self._overlay and memory.bond.found:
            return final._replace(provisional=(signal, bond), missing=names[1:])
        reading = self.model.peek(memory, facts.session_date, signal, bond)
        same = reading and memory.reading and reading.cell == memory.reading.cell
        return _Look(reading, memory.days_in_cell if same else 0, (signal, bond))

    def _seen(self, memory: RegimeMemory, final: int) -> list[_Seen]:
        """Say for each series what is there, and whether that is one bar per session."""
        seen = []
        for symbol, track in self._tracks(memory):
            expected = found = track.found
            fault = ""
            if not track.whole(final):
                expected, fault = track.expected(final), track.fault(symbol, final)
            seen.append(
                _make(_Seen, (symbol, track.anchor, track.last, found, expected, track.bar, fault))
            )
        return seen

    def _tracks(self, memory: RegimeMemory) -> tuple[tuple[str, Track], ...]:
        signal, bond = self._names
        if self._overlay:
            return (signal, memory.signal), (bond, memory.bond)
        return ((signal, memory.signal),)

    def _legs(
        self, wanted: Mapping[str, Decimal], facts: SlotFacts, equity: Decimal | None
    ) -> list[_Leg]:
        """Look at the five legs: what was carried out, what is wanted, what is there."""
        legs = []
        for instrument, (symbol, target) in zip(self.legs, wanted.items(), strict=True):
            owned, carried = facts.owned(instrument), facts.carried(instrument)
            if not (owned or target or carried):  # most are neither there nor wanted
                idle = (instrument, symbol, carried, target, target, ZERO, owned, True, None)
                legs.append(_make(_Leg, idle))
                continue
            listed = facts.listed(instrument)
            price = facts.price(instrument) if listed and (owned or target) else None
            reachable = target if listed else ZERO
            actual: Decimal | None = ZERO
            if target and price is not None and equity is not None and equity * target < price:
                reachable = ZERO
            if owned:
                actual = owned * price / equity if price is not None and equity else None
            leg = (instrument, symbol, carried, target, reachable, actual, owned, listed, price)
            legs.append(_make(_Leg, leg))
        return legs

    def _verdict(
        self,
        reading: RegimeReading,
        days: int,
        legs: list[_Leg],
        gap: _Gap,
        facts: SlotFacts,
        gates: tuple[GateVerdict, ...],
        failed: GateVerdict | None,
        series: tuple[SeriesFacts, ...],
    ) -> StrategyVerdict:
        """Compare, and name the legs that have to move."""
        deviation, drift, _ = gap
        measured = drift if self._by_drift else deviation
        held_cell = facts.held_cell
        wishes: tuple[Wish, ...] = ()
        if failed is None and measured is not None and measured > self._threshold:
            wishes = self._wishes(legs, facts, held_cell, reading.cell)
        result = failed.reason if failed else "rebalance" if wishes else "no_trade"
        equity = facts.equity if wishes else None

        def steps() -> tuple[Step, ...]:
            balance = tree.Balance(
                weights=tuple((leg.symbol, leg.target) for leg in legs),
                deviation=deviation,
                drift=drift,
                measured=measured,
                threshold=self._threshold,
                verdict=result.replace("_", " "),
                equity=equity,
                orders=[
                    (leg.symbol, wish.target_weight or ZERO, wish.pass_no)
                    for wish in wishes
                    for leg in legs
                    if leg.instrument == wish.instrument
                ],
            )
            return (
                _data_step(series, failed),
                *self._tree.reading_steps(reading, days, held_cell),
                *self._tree.balance_steps(reading, balance),
            )

        return StrategyVerdict(
            result=result,
            text=failed.text if failed else _sentence(reading.cell, held_cell, legs, wishes),
            wishes=wishes,
            reading=reading,
            days_in_cell=days,
            series=series,
            gates=gates,
            held=failed is not None,
            steps=later(steps),
            carried={leg.symbol: leg.carried for leg in legs},
            targets=self._targets[reading.cell, reading.bond_bull],
            deviation=deviation,
            drift=drift,
            threshold=self._threshold,
        )

    def _wishes(
        self, legs: list[_Leg], facts: SlotFacts, held_cell: int | None, cell: int
    ) -> tuple[Wish, ...]:
        """Return the legs to be traded in leg order; one that already works is left alone."""
        reason = f"cell {_shown(held_cell)}→{cell}"
        wishes = []
        for leg in legs:
            now = leg.actual if self._by_drift else leg.carried
            if now is None or not leg.listed or facts.busy(leg.instrument):
                continue
            leaving = leg.reachable == 0 and bool(leg.owned)
            if now == leg.reachable and not leaving:
                continue
            down = leg.reachable == 0 or leg.reachable < now
            wishes.append(
                Wish(
                    leg=0,
                    instrument=leg.instrument,
                    kind=SignalKind.TARGET,
                    pass_no=1 if down else 2,
                    target_weight=leg.reachable,
                    reason=reason,
                )
            )
        return tuple(wishes)

    def _series(self, seen: list[_Seen], facts: SlotFacts, look: _Look) -> tuple[SeriesFacts, ...]:
        """State what was known of each series."""
        at, source, prices = facts.at, self._source, look.provisional or (None, None)
        return later(
            lambda: tuple(
                _facts_of(one, source, price, at) for one, price in zip(seen, prices, strict=False)
            )
        )


def _facts_of(one: _Seen, source: str, price: Decimal | None, at: datetime) -> SeriesFacts:
    return SeriesFacts(
        symbol=one.symbol,
        anchor=one.anchor,
        last=one.last,
        found=one.found,
        expected=one.expected,
        last_close=None if one.bar is None else f"{one.bar.close:f}",
        last_volume=None if one.bar is None else f"{one.bar.volume:f}",
        source=source,
        provisional_price=None if price is None else text(price),
        provisional_at=None if price is None else utc_text(at),
    )


def _data_step(series: tuple[SeriesFacts, ...], failed: GateVerdict | None) -> Step:
    """Word step 1 from the series: the signal's, the bond's beside it."""
    signal, *others = series
    return tree.data_step(
        f"{tree.short_day(signal.last)}, {signal.found}/{signal.expected}",
        " ".join(f"{row.symbol} {row.found}/{row.expected}" for row in others),
        failed.reason if failed else "whole",
    )


def _calendar_gate(one: _Seen) -> GateVerdict:
    """Say whether a series has exactly one bar per session from its anchor."""
    return GateVerdict(
        gate=f"calendar {one.symbol}",
        passed=not one.fault,
        text=one.fault or f"{one.symbol}: {one.found} bars, none missing",
        reason="data_gap" if one.fault else "",
    )


def _warming(present: int, needed: int) -> GateVerdict:
    text = f"warming up {present}/{needed}"
    return GateVerdict(gate="warm-up", passed=False, text=text, reason="warming_up")


def _priced(missing: tuple[str, ...]) -> GateVerdict:
    """Demand a price of every listed leg that is held or wanted, and of provisional elements."""
    if not missing:
        return _PRICED
    text = f"no valid price of {', '.join(dict.fromkeys(missing))}"
    return GateVerdict(gate="price", passed=False, text=text, reason="no_price")


def _gap(legs: list[_Leg]) -> _Gap:
    """Add up how far the legs are from their targets."""
    deviation = drift = ZERO
    is_known, unpriced = True, []
    for _, symbol, carried, target, _, actual, owned, listed, price in legs:
        deviation += abs(carried - target)
        if owned or target:
            if actual is None:
                is_known = False
            else:
                drift += abs(actual - target)
            if price is None and listed:
                unpriced.append(symbol)
    return _make(_Gap, (deviation, drift.quantize(MICRO) if is_known else None, unpriced))


def _shown(cell: int | None) -> str:
    return tree.NOT_REACHED if cell is None else str(cell)


def _sentence(cell: int, held_cell: int | None, legs: list[_Leg], wishes: tuple[Wish, ...]) -> str:
    """Say the decision in one line."""
    if wishes:
        return f"cell {_shown(held_cell)} → {cell}"
    absent = [leg.symbol for leg in legs if leg.target and not leg.listed]
    return f"cell {cell}" + (f", {', '.join(absent)} not listed yet" if absent else "")
