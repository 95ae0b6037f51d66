"""What happens at a slot: each strategy looks, decides, and its wishes become signals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain

from engine.core import trade
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import Plan, PlanLeg, State, StrategyBook, equity_of, last_equity, price_of
from engine.core.vetting import refusal
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.auction import mid_of
from engine.domain.decision import GateVerdict, PlannedLeg
from engine.domain.ids import DecisionId, InstrumentId, short_hash
from engine.domain.input import SlotDue
from engine.domain.instrument import symbol_of
from engine.domain.money import ZERO
from engine.domain.position import FLAT
from engine.domain.session import FillRule, JobOutcome, Mode
from engine.domain.signal import EXITS, ORDERLESS, Signal, SignalKind, signal_id
from engine.errors import BrokenInvariant
from engine.strategy.base import StrategyVerdict, Wish

LATE_S = 120
BEFORE_CLOSE_S = 60
_ERRORS_TO_STOP = 5
_NOTHING_CHANGED = StrategyVerdict(result="no_change", text="nothing changed")
_WISHES_MAX = 1_000  # of one decision
_TEXT_MAX = 500
_RAISED = "RAISED"
_SAME_CLOSE = FillRule.SAME_CLOSE
UNREPEATABLE = "strategy_not_repeatable"


class Facts:
    """What a strategy may know at its slot (engine.strategy.base.SlotFacts over the state)."""

    __slots__ = (
        "_book", "_equity", "_same_close", "_state",
        "at", "fill_rule", "final_ordinal", "ordinal", "session_date", "slot", "wall_clock",
    )  # fmt: skip

    def __init__(self, state: State, book: StrategyBook, given: SlotDue) -> None:
        self._state = state
        self._book = book
        self._equity: Decimal | None = None
        self.at = given.at
        self.session_date = given.session_date
        self.ordinal = given.ordinal
        self.slot = given.slot
        self.fill_rule = state.context.fill_rule
        self.wall_clock = not state.context.recorded_clock
        # the close rule of a simulation decides on this session's own bar
        self._same_close = self.fill_rule is _SAME_CLOSE and not self.wall_clock
        self.final_ordinal = given.ordinal if self._same_close else given.ordinal - 1

    def price(self, instrument: InstrumentId) -> Decimal | None:
        """Return the quote of this instant; a last close never stands in for it."""
        price = mid_of(self._state.quotes, instrument)
        if price is not None:
            return price
        if self._same_close:
            bar = self._state.bars.get(instrument)
            if bar is not None and bar.session_date == self.session_date:
                return bar.close
        return None

    def listed(self, instrument: InstrumentId) -> bool:
        """Say whether a bar or quote of it has been seen so far."""
        return instrument in self._state.bars or instrument in self._state.quotes

    def carried(self, instrument: InstrumentId) -> Decimal:
        """Return m."""
        return self._book.carried.get(instrument, ZERO)

    def owned(self, instrument: InstrumentId) -> Decimal:
        """Return owned plus working shares, signed."""
        total = self._book.positions.get(instrument, FLAT).quantity
        if self._state.working:
            total += trade.working_quantity(self._state, self._book, instrument)
        return total

    def busy(self, instrument: InstrumentId) -> bool:
        """Say whether an order works in it or an open plan covers it."""
        plan = self._book.plan
        if plan is not None and any(
            leg.signal.instrument == instrument and not leg.done for leg in plan.legs
        ):
            return True
        sid = self._book.strategy.id
        return any(
            row.order.instrument == instrument and row.order.strategy == sid
            for row in self._state.working.values()
        )

    @property
    def cash(self) -> Decimal:
        """The strategy's confirmed cash."""
        return self._book.cash

    @property
    def equity(self) -> Decimal | None:
        """Equity at the prices of now."""
        if self._equity is None:
            self._equity = equity_of(self._state, self._book)
        return self._equity

    @property
    def held_cell(self) -> int | None:
        """The cell whose targets were last carried out."""
        return self._book.held_cell

    @property
    def blocked(self) -> tuple[GateVerdict, ...]:
        """Quality findings that forbid a decision on the strategy's series or legs."""
        short = self._too_short()
        if short is not None:
            return (short,)
        findings = self._state.findings
        if not findings:
            return ()
        strategy = self._book.strategy
        mine = {symbol_of(i) for i in (*strategy.inputs, *strategy.legs)}
        return tuple(
            GateVerdict(gate=f.kind, passed=False, text=f.text, reason="data_gap")
            for f in findings.values()
            if f.symbol in mine
        )

    def _too_short(self) -> GateVerdict | None:
        """A real account is not traded on a history that is too short to be believed."""
        if self._state.context.mode not in (Mode.PAPER, Mode.LIVE):
            return None
        reading = self._book.strategy.reading(self._book.memory)
        if reading is None or not reading.short_history:
            return None
        text = f"short history: {reading.bars} bars, a real account needs more"
        return GateVerdict(gate="history", passed=False, text=text, reason="short_history")


class FactsAfter(Facts):
    """The same slot once a set of signals is on its way."""

    __slots__ = ("_planned",)

    def __init__(
        self,
        state: State,
        book: StrategyBook,
        given: SlotDue,
        planned: Mapping[InstrumentId, Signal],
    ) -> None:
        super().__init__(state, book, given)
        self._planned = planned

    def owned(self, instrument: InstrumentId) -> Decimal:
        """Return owned plus working shares and those that are on their way."""
        owned, signal = super().owned(instrument), self._planned.get(instrument)
        if signal is None:
            return owned
        if signal.kind in EXITS:
            return ZERO if signal.quantity is None else owned - min(signal.quantity, owned)
        if signal.target_weight is not None:
            equity, price = self.equity, signal.price
            return owned if not equity or not price else equity * signal.target_weight // price
        return owned + (signal.quantity or ZERO)

    def busy(self, instrument: InstrumentId) -> bool:
        """Say whether an order works in it, or is on its way."""
        return instrument in self._planned or super().busy(instrument)


@dataclass(slots=True)
class _Vetted:
    """The wishes of a verdict as signals, each id once."""

    good: list[tuple[Signal, Decimal]] = field(default_factory=list)  # with their prices
    bad: list[tuple[Signal, str, str]] = field(default_factory=list)  # with reason and text
    noted: list[Signal] = field(default_factory=list)  # they make no order
    again: list[tuple[Signal, bool]] = field(default_factory=list)  # True: with other fields


_NO_WISHES = _Vetted()


def on_slot(state: State, given: SlotDue) -> Decision:
    """Let every strategy whose slot this is decide once for this session date."""
    draft: Draft | None = None
    claims: dict[InstrumentId, str] = {}  # by order in --strategy, never by arrival
    day = given.session_date.toordinal()
    any_slot = state.context.recorded_clock  # daily bars know one slot, set by the fill rule
    for book in state.books.values():
        if book.decided >= day or not (any_slot or book.strategy.slot is given.slot):
            continue
        if not any_slot and _missed(given):
            draft = draft or Draft()
            _miss(state, draft, book, given)
            continue
        facts = Facts(state, book, given)
        verdict = _ask(book, facts)
        if verdict is None and any_slot:  # a quiet slot of a recording can be fed again
            if book.status.startswith(_RAISED):
                draft = draft or Draft()
                _recovered(draft, book)
            continue
        verdict = verdict or _NOTHING_CHANGED
        draft = draft or Draft()
        if isinstance(verdict, Exception):
            _isolate(state, draft, book, verdict)
        else:
            _decided(state, draft, book, given, verdict, facts.equity, claims)
    return NOTHING if draft is None else draft.done()


def _missed(given: SlotDue) -> bool:
    late = (given.at - given.due_at).total_seconds()
    left = (given.closes_at - given.at).total_seconds()
    return late > LATE_S or (late > 1 and left < BEFORE_CLOSE_S)


def _miss(state: State, draft: Draft, book: StrategyBook, given: SlotDue) -> None:
    job = f"decision:{book.strategy.id}"
    if (job, given.session_date) in state.jobs:
        return
    late = (given.at - given.due_at).total_seconds()
    text = f"slot {given.slot.value} of {given.session_date} missed by {late:.0f} s; not made up"
    draft.add(
        ev.JobEnded(
            job=job,
            session_date=given.session_date,
            due_at=given.due_at,
            outcome=JobOutcome.MISSED,
            detail=text,
        )
    )
    draft.alert(state.context.book, Severity.CRITICAL, "slot_missed", book.strategy.id, text)


def _ask(book: StrategyBook, facts: Facts) -> StrategyVerdict | Exception | None:
    if book.broken:
        return BrokenInvariant(f"its memory cannot be trusted: {book.broken}")
    try:
        verdict = book.strategy.decide(book.memory, facts)
    except Exception as error:  # noqa: BLE001  a strategy's bug must not stop the others
        return error
    if verdict is not None and len(verdict.wishes) > _WISHES_MAX:
        return BrokenInvariant(f"{len(verdict.wishes)} wishes, {_WISHES_MAX} at most")
    return verdict


def _isolate(state: State, draft: Draft, book: StrategyBook, error: Exception) -> None:
    """Keep a failure to the strategy it happened in. ERROR stops its entries, not its exits."""
    text = f"{type(error).__name__}: {error}"[:_TEXT_MAX]
    after = "ERROR" if book.errors + 1 >= _ERRORS_TO_STOP else f"RAISED {book.errors + 1}"
    if book.status != "ERROR":
        draft.add(
            ev.StrategyStateChanged(
                strategy=book.strategy.id, before=book.status, after=after, reason=text
            )
        )
    draft.alert(state.context.book, Severity.CRITICAL, "strategy_error", book.strategy.id, text)


def _recovered(draft: Draft, book: StrategyBook) -> None:
    draft.add(
        ev.StrategyStateChanged(
            strategy=book.strategy.id,
            before=book.status,
            after="ACTIVE",
            reason="it decides again",
        ),
        -1,
    )


def _decided(
    state: State,
    draft: Draft,
    book: StrategyBook,
    given: SlotDue,
    verdict: StrategyVerdict,
    equity: Decimal | None,
    claims: dict[InstrumentId, str],
) -> None:
    where, slot = state.context.book, given.slot.value
    told = f"{where}|{book.strategy.id}|{given.session_date.isoformat()}|{slot}"
    decision_id = DecisionId("dec_" + short_hash(told))
    vetted = _NO_WISHES
    if verdict.wishes:
        try:
            vetted = _vet(state, book, given, verdict, decision_id, claims)
        except Exception as error:  # noqa: BLE001  values of the strategy's own making
            _isolate(state, draft, book, error)
            return
    if book.status.startswith(_RAISED):
        _recovered(draft, book)
    signals = vetted.good
    made = _made(state, book, given, verdict, decision_id, [s for s, _ in signals], equity)
    cause = draft.add(made, -1)
    reading = verdict.reading
    if reading is not None and (
        reading.provisional or book.last_reading is None or reading.session_date > book.last_reading
    ):
        draft.add(
            ev.RegimeRead(
                strategy=book.strategy.id,
                reading=reading,
                days_in_cell=verdict.days_in_cell,
                parameter_hash=book.strategy.parameter_hash,
            ),
            cause,
        )
    if verdict.held:
        _alert_hold(state, draft, book, verdict)
    if not verdict.wishes:
        return
    _note(state, draft, book, vetted, cause)
    legs: list[PlanLeg] = []
    causes: dict[str, int] = {}
    for signal, price in signals:
        causes[signal.signal_id] = draft.add(ev.SignalRaised(signal=signal), cause)
        legs.append(PlanLeg(signal, signal.pass_no, price))
        claims[signal.instrument] = book.strategy.id
    _count_again(state, draft, book, vetted, given.at, cause)
    if legs:
        prices = {leg.instrument: leg.price for leg in made.legs}
        plan = Plan(decision_id, made.cell, made.equity, prices, legs)
        trade.advance(state, draft, book, plan, given.at, causes)


def _note(state: State, draft: Draft, book: StrategyBook, vetted: _Vetted, cause: int) -> None:
    """Write down the signals that make no order: refused, or only an observation."""
    where, name = state.context.book, book.strategy.id
    for signal, reason, text in vetted.bad:
        draft.add(ev.SignalRejected(signal=signal, reason=reason, text=text), cause)
        if reason == UNREPEATABLE:
            draft.alert(where, Severity.CRITICAL, UNREPEATABLE, name, text)
    for signal in vetted.noted:
        index = draft.add(ev.SignalRaised(signal=signal), cause)
        draft.add(
            ev.SignalDone(
                signal_id=signal.signal_id,
                strategy=name,
                instrument=signal.instrument,
                outcome="noted",
                target_weight=None,
                carried=False,
            ),
            index,
        )


def _count_again(
    state: State, draft: Draft, book: StrategyBook, vetted: _Vetted, at: datetime, cause: int
) -> None:
    """Count the signals that came again; the first one of each stands."""
    for signal, differs in vetted.again:
        draft.add(ev.SignalDuplicated(signal_id=signal.signal_id, at=at), cause)
        if differs:
            text = f"{signal.signal_id} came twice with different fields; the first one counts"
            where = state.context.book
            draft.alert(where, Severity.WARNING, "signal_conflict", book.strategy.id, text)


def _alert_hold(state: State, draft: Draft, book: StrategyBook, verdict: StrategyVerdict) -> None:
    for gate in verdict.gates:
        if not gate.passed and gate.reason != "warming_up":
            draft.alert(
                state.context.book,
                Severity.WARNING,
                gate.reason or gate.gate,
                book.strategy.id,
                f"held: {gate.text}",
            )


def _made(
    state: State,
    book: StrategyBook,
    given: SlotDue,
    verdict: StrategyVerdict,
    decision_id: DecisionId,
    signals: list[Signal],
    equity: Decimal | None,
) -> ev.DecisionMade:
    reading = verdict.reading
    strategy, prices = book.strategy, {}
    for instrument, symbol in _symbols(strategy.legs, strategy.inputs):
        price = price_of(state, instrument)
        if price is not None:
            prices[symbol] = price
    late = 0.0 if given.at is given.due_at else (given.at - given.due_at).total_seconds()
    return ev.DecisionMade(
        decision_id=decision_id,
        strategy=strategy.id,
        parameter_hash=strategy.parameter_hash,
        preset=strategy.preset,
        session_date=given.session_date,
        slot=given.slot.value,
        fill_rule=state.context.fill_rule.value,
        result=verdict.result,
        text=verdict.text,
        reading_date=None if reading is None else reading.session_date,
        cell=None if reading is None else reading.cell,
        held_cell=book.held_cell,
        series=verdict.series,
        gates=verdict.gates,
        steps=verdict.steps,
        carried=verdict.carried,
        targets=verdict.targets,
        deviation=verdict.deviation,
        drift=verdict.drift,
        threshold=verdict.threshold,
        prices=prices,
        equity=equity if equity is not None else last_equity(state, book),
        cash=book.cash,
        legs=tuple([_planned(signal) for signal in signals]) if signals else (),
        late_s=late if late > 1 else None,
    )


def _planned(signal: Signal) -> PlannedLeg:
    return PlannedLeg(
        leg=signal.leg,
        instrument=signal.instrument,
        signal_id=signal.signal_id,
        target_weight=signal.target_weight,
        quantity=signal.quantity,
        pass_no=signal.pass_no,
        price=signal.price if signal.price is not None else ZERO,
    )


@lru_cache(maxsize=64)
def _symbols(*named: tuple[InstrumentId, ...]) -> tuple[tuple[InstrumentId, str], ...]:
    """Return each of these instruments once, with its symbol."""
    return tuple((one, symbol_of(one)) for one in dict.fromkeys(chain(*named)))


def _vet(
    state: State,
    book: StrategyBook,
    given: SlotDue,
    verdict: StrategyVerdict,
    decision_id: DecisionId,
    claims: dict[InstrumentId, str],
) -> _Vetted:
    vetted = _Vetted()
    seen: dict[str, Signal] = {}
    for wish in verdict.wishes:
        signal = _signal(state, book, given, wish, decision_id)
        first = seen.get(signal.signal_id)
        if first is not None or signal.signal_id in state.signals:
            vetted.again.append((signal, first is not None and first != signal))
            continue  # the first one counts
        seen[signal.signal_id] = signal
        refused = refusal(state, book, signal, wish, claims)
        if refused is not None:
            vetted.bad.append((signal, *refused))
        elif signal.kind in ORDERLESS:
            vetted.noted.append(signal)
        else:
            vetted.good.append((signal, signal.price if signal.price is not None else ZERO))
    _refuse_unrepeatable(state, book, given, decision_id, vetted)
    return vetted


def _refuse_unrepeatable(
    state: State, book: StrategyBook, given: SlotDue, decision_id: DecisionId, vetted: _Vetted
) -> None:
    """Ask the strategy again as if all that had been ordered: more orders are a defect in it."""
    if not vetted.good:
        return
    planned = {signal.instrument: signal for signal, _ in vetted.good}
    known = {signal.signal_id for signal, _ in vetted.good}
    known |= {signal.signal_id for signal, *_ in vetted.bad}
    again = book.strategy.decide(book.memory, FactsAfter(state, book, given, planned))
    for wish in again.wishes if again is not None else ():
        signal = _signal(state, book, given, wish, decision_id)
        if wish.kind not in ORDERLESS and signal.signal_id not in known:
            text = f"asked again it wants {wish.kind.value} {wish.instrument}, leg {wish.leg}, too"
            vetted.bad += [(good, UNREPEATABLE, text) for good, _ in vetted.good]
            vetted.good = []
            return


def _signal(
    state: State, book: StrategyBook, given: SlotDue, wish: Wish, decision_id: DecisionId
) -> Signal:
    entry = wish.kind is SignalKind.ENTER or (wish.kind is SignalKind.TARGET and wish.pass_no == 2)
    expires = given.closes_at
    if entry and state.context.fill_rule is FillRule.NEXT_OPEN:
        expires = min(expires, given.at + timedelta(seconds=state.terms.entry_ttl_s))
    quote = state.quotes.get(wish.instrument)
    price = quote.mid if quote is not None else Facts(state, book, given).price(wish.instrument)
    return Signal(
        signal_id=signal_id(
            book.strategy.id,
            book.strategy.parameter_hash,
            wish.instrument,
            wish.kind,
            given.session_date,
            given.slot.value,
            wish.leg,
        ),
        decision_id=decision_id,
        strategy=book.strategy.id,
        instrument=wish.instrument,
        kind=wish.kind,
        session_date=given.session_date,
        slot=given.slot.value,
        leg=wish.leg,
        pass_no=wish.pass_no,
        side=wish.side,
        target_weight=wish.target_weight,
        quantity=wish.quantity,
        strength=wish.strength,
        price=price,
        reason=wish.reason,
        raised_at=given.at,
        expires_at=max(expires, given.at),
        order_type=wish.order_type,
        limit_price=wish.limit_price,
        stop_price=wish.stop_price,
    )
