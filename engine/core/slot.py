"""What happens at a slot: each strategy looks, decides, and its wishes become signals."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from engine.core import trade
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import Plan, PlanLeg, State, StrategyBook, equity_of, price_of
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.decision import GateVerdict, PlannedLeg
from engine.domain.ids import DecisionId, InstrumentId, short_hash
from engine.domain.input import SlotDue
from engine.domain.instrument import symbol_of
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.session import FillRule, JobOutcome, SessionState, Slot
from engine.domain.signal import Signal, SignalKind, signal_id
from engine.strategy.base import StrategyVerdict, Wish

LATE_S = 120
BEFORE_CLOSE_S = 60
_ERRORS_TO_STOP = 5
_LARGEST = Decimal(10) ** 12
_NOTHING_CHANGED = StrategyVerdict(result="no_change", text="nothing changed")
_NO_ORDER = frozenset({SignalKind.SETUP, SignalKind.SETUP_CANCELED})
_EXITS = frozenset({SignalKind.EXIT, SignalKind.EMERGENCY_EXIT})


class Facts:
    """What a strategy may know at its slot (engine.strategy.base.SlotFacts over the state)."""

    __slots__ = ("_book", "_given", "_state")

    def __init__(self, state: State, book: StrategyBook, given: SlotDue) -> None:
        self._state = state
        self._book = book
        self._given = given

    @property
    def at(self) -> datetime:
        """The instant of the slot."""
        return self._given.at

    @property
    def session_date(self) -> date:
        """The session the slot belongs to."""
        return self._given.session_date

    @property
    def ordinal(self) -> int:
        """Its calendar number."""
        return self._given.ordinal

    @property
    def slot(self) -> Slot:
        """Which slot it is."""
        return self._given.slot

    @property
    def fill_rule(self) -> FillRule:
        """Where a simulation fills."""
        return self._state.context.fill_rule

    @property
    def wall_clock(self) -> bool:
        """True where time is not a recording."""
        return not self._state.context.recorded_clock

    @property
    def _same_close(self) -> bool:
        """The close rule of a simulation decides on this session's own bar."""
        return self.fill_rule is FillRule.SAME_CLOSE and not self.wall_clock

    @property
    def final_ordinal(self) -> int:
        """Calendar number of the last session whose bars must be there."""
        return self._given.ordinal if self._same_close else self._given.ordinal - 1

    def price(self, instrument: InstrumentId) -> Decimal | None:
        """Return the quote of this instant; a last close never stands in for it."""
        quote = self._state.quotes.get(instrument)
        if quote is not None:
            return quote.mid
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
        total = self._book.position(instrument).quantity
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
        return equity_of(self._state, self._book)

    @property
    def held_cell(self) -> int | None:
        """The cell whose targets were last carried out."""
        return self._book.held_cell

    @property
    def blocked(self) -> tuple[GateVerdict, ...]:
        """Quality findings that forbid a decision on the strategy's series or legs."""
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
        verdict = _ask(state, book, given)
        if verdict is None and any_slot:
            continue  # a quiet slot of a recording can be fed again
        verdict = verdict or _NOTHING_CHANGED
        draft = draft or Draft()
        if isinstance(verdict, Exception):
            _isolate(state, draft, book, verdict)
        else:
            _decided(state, draft, book, given, verdict, claims)
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


def _ask(state: State, book: StrategyBook, given: SlotDue) -> StrategyVerdict | Exception | None:
    if book.status == "ERROR":
        return None
    try:
        return book.strategy.decide(book.memory, Facts(state, book, given))
    except Exception as error:  # noqa: BLE001  a strategy's bug must not stop the others
        return error


def _isolate(state: State, draft: Draft, book: StrategyBook, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    after = "ERROR" if book.errors + 1 >= _ERRORS_TO_STOP else f"RAISED {book.errors + 1}"
    draft.add(
        ev.StrategyStateChanged(
            strategy=book.strategy.id, before=book.status, after=after, reason=text
        )
    )
    draft.alert(state.context.book, Severity.CRITICAL, "strategy_error", book.strategy.id, text)


def _decided(
    state: State,
    draft: Draft,
    book: StrategyBook,
    given: SlotDue,
    verdict: StrategyVerdict,
    claims: dict[InstrumentId, str],
) -> None:
    decision_id = DecisionId(
        "dec_"
        + short_hash(
            f"{state.context.book}|{book.strategy.id}|{given.session_date}|{given.slot.value}"
        )
    )
    signals, rejected = _signals(state, book, given, verdict, decision_id, claims)
    made = _made(state, book, given, verdict, decision_id, [s for s, _ in signals])
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
    _alert_hold(state, draft, book, verdict)
    for signal, reason, text in rejected:
        draft.add(ev.SignalRejected(signal=signal, reason=reason, text=text), cause)
    if not signals:
        return
    prices = {leg.instrument: leg.price for leg in made.legs}
    plan = Plan(decision_id, made.cell, made.equity, prices, [])
    causes: dict[str, int] = {}
    for signal, price in signals:
        causes[signal.signal_id] = draft.add(ev.SignalRaised(signal=signal), cause)
        plan.legs.append(PlanLeg(signal, signal.pass_no, price))
        claims[signal.instrument] = book.strategy.id
    trade.advance(state, draft, book, plan, given.at, causes)


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
) -> ev.DecisionMade:
    reading = verdict.reading
    prices = {}
    for instrument in dict.fromkeys((*book.strategy.legs, *book.strategy.inputs)):
        price = price_of(state, instrument)
        if price is not None:
            prices[symbol_of(instrument)] = price
    equity = equity_of(state, book)
    late = (given.at - given.due_at).total_seconds()
    return ev.DecisionMade(
        decision_id=decision_id,
        strategy=book.strategy.id,
        parameter_hash=book.strategy.parameter_hash,
        preset=book.strategy.preset,
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
        equity=equity if equity is not None else book.equity,
        cash=book.cash,
        legs=tuple(
            PlannedLeg(
                leg=s.leg,
                instrument=s.instrument,
                signal_id=s.signal_id,
                target_weight=s.target_weight,
                quantity=s.quantity,
                pass_no=s.pass_no,
                price=s.price if s.price is not None else ZERO,
            )
            for s in signals
        ),
        late_s=late if late > 1 else None,
    )


def _signals(
    state: State,
    book: StrategyBook,
    given: SlotDue,
    verdict: StrategyVerdict,
    decision_id: DecisionId,
    claims: dict[InstrumentId, str],
) -> tuple[list[tuple[Signal, Decimal]], list[tuple[Signal, str, str]]]:
    good: list[tuple[Signal, Decimal]] = []
    bad: list[tuple[Signal, str, str]] = []
    for wish in verdict.wishes:
        signal = _signal(state, book, given, wish, decision_id)
        if signal.signal_id in state.signals:
            continue  # the first one counts
        refusal = _refusal(state, book, signal, wish, claims)
        if refusal is not None:
            bad.append((signal, *refusal))
        elif signal.kind not in _NO_ORDER and signal.price is not None:
            good.append((signal, signal.price))
    return good, bad


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


def _refusal(
    state: State,
    book: StrategyBook,
    signal: Signal,
    wish: Wish,
    claims: dict[InstrumentId, str],
) -> tuple[str, str] | None:
    """Return (reason, text) of a signal that cannot be acted upon; nothing is repaired."""
    instrument = signal.instrument
    if instrument not in state.instruments or instrument not in book.strategy.legs:
        allowed = ", ".join(symbol_of(i) for i in book.strategy.legs)
        return "unknown_instrument", f"{instrument} is not in the strategy's list: {allowed}"
    unusable = _too_old(signal, wish) or _bad_value(signal)
    if unusable is not None:
        return unusable
    if signal.kind is SignalKind.ENTER and signal.side is not Side.BUY:
        return "bad_side", f"{signal.side.value if signal.side else 'no side'}: shorts are off"
    if signal.price is None or signal.price <= 0:
        return "no_price", f"no valid price of {symbol_of(instrument)} now"
    if signal.kind in _EXITS and book.position(instrument).quantity <= 0:
        return "not_owned", f"{book.strategy.id} owns no {symbol_of(instrument)}"
    entry = signal.kind not in _EXITS and signal.pass_no == 2
    if entry and state.session_state is SessionState.PAUSED:
        return "paused", "the session is paused"
    if entry and not state.terms.share_instruments:
        holder = claims.get(instrument) or _leased(state, book, instrument)
        if holder is not None:
            return "instrument_leased", f"{symbol_of(instrument)} belongs to {holder}"
    return None


def _too_old(signal: Signal, wish: Wish) -> tuple[str, str] | None:
    if wish.formed_at is not None:
        if wish.formed_at > signal.raised_at:
            return "bad_value", f"formed at {wish.formed_at}, which is in the future"
        if (signal.raised_at - wish.formed_at) > timedelta(days=1):
            return "expired", f"formed at {wish.formed_at}, too old at {signal.raised_at}"
    return None


def _bad_value(signal: Signal) -> tuple[str, str] | None:
    for name, value in (
        ("quantity", signal.quantity),
        ("target weight", signal.target_weight),
        ("strength", signal.strength),
        ("limit price", signal.limit_price),
        ("stop price", signal.stop_price),
    ):
        if value is None:
            continue
        may_be_zero = name in ("target weight", "strength")
        if not value.is_finite() or value < 0 or (value == 0 and not may_be_zero):
            return "bad_value", f"{name} {value} is not a number above 0"
        if value > _LARGEST:
            return "bad_value", f"{name} {value} is above {_LARGEST}"
    return None


def _leased(state: State, book: StrategyBook, instrument: InstrumentId) -> str | None:
    """Return the other strategy that has a position, working order or open plan in it."""
    for other in state.books.values():
        if other is book:
            continue
        if other.position(instrument).quantity:
            return other.strategy.id
        if other.plan is not None and any(
            leg.signal.instrument == instrument and not leg.done for leg in other.plan.legs
        ):
            return other.strategy.id
    for row in state.working.values():
        if row.order.instrument == instrument and row.order.strategy != book.strategy.id:
            return row.order.strategy
    return None
