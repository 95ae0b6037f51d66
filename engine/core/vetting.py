"""Which wishes can be acted upon: nothing is repaired, every refusal has a reason."""

from datetime import timedelta
from decimal import Decimal

from engine.core.state import State, StrategyBook
from engine.domain.ids import InstrumentId
from engine.domain.instrument import symbol_of
from engine.domain.order import Side
from engine.domain.session import SessionState
from engine.domain.signal import EXITS, ORDERLESS, Signal, SignalKind
from engine.strategy.base import Wish

_LARGEST = Decimal(10) ** 12
Refusal = tuple[str, str]
"""Reason code and one sentence."""


def refusal(
    state: State,
    book: StrategyBook,
    signal: Signal,
    wish: Wish,
    claims: dict[InstrumentId, str],
) -> Refusal | None:
    """Return why a signal cannot be acted upon, None if it can.

    claims: instruments that strategies asked earlier at this very slot have taken.
    """
    instrument = signal.instrument
    if instrument not in state.instruments or instrument not in book.strategy.legs:
        allowed = ", ".join(symbol_of(i) for i in book.strategy.legs)
        return "unknown_instrument", f"{instrument} is not in the strategy's list: {allowed}"
    unusable = _too_old(signal, wish) or _bad_value(signal) or _misfit(signal)
    if unusable is not None or signal.kind in ORDERLESS:
        return unusable
    if signal.kind in EXITS:
        if book.position(instrument).quantity <= 0:
            return "not_owned", f"{book.strategy.id} owns no {symbol_of(instrument)}"
        return None  # what keeps entries away never keeps an exit, not even a missing price
    if signal.price is None or signal.price <= 0:
        return "no_price", f"no valid price of {symbol_of(instrument)} now"
    return _no_entry(state, book, signal, claims)


def _no_entry(
    state: State, book: StrategyBook, signal: Signal, claims: dict[InstrumentId, str]
) -> Refusal | None:
    """Return what forbids a signal that may raise a position, whatever pass it says it is of."""
    instrument = signal.instrument
    lowers = signal.pass_no == 1 and book.position(instrument).quantity > 0
    if lowers or signal.target_weight == 0:
        return None
    if state.session_state is SessionState.PAUSED:
        return "paused", "the session is paused"
    finding = state.findings.get(symbol_of(instrument))
    if finding is not None:
        return "data_gap", finding.text
    if not state.terms.share_instruments:
        holder = claims.get(instrument) or _leased(state, book, instrument)
        if holder is not None and holder != book.strategy.id:
            return "instrument_leased", f"{symbol_of(instrument)} belongs to {holder}"
    return None


def _too_old(signal: Signal, wish: Wish) -> Refusal | None:
    if wish.formed_at is not None:
        if wish.formed_at > signal.raised_at:
            return "bad_value", f"formed at {wish.formed_at}, which is in the future"
        if (signal.raised_at - wish.formed_at) > timedelta(days=1):
            return "expired", f"formed at {wish.formed_at}, too old at {signal.raised_at}"
    return None


def _bad_value(signal: Signal) -> Refusal | None:
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


def _misfit(signal: Signal) -> Refusal | None:
    """Say what a kind of signal lacks, or has and must not have: no quantity is ever made up."""
    kind, side = signal.kind, signal.side
    has_quantity, has_weight = signal.quantity is not None, signal.target_weight is not None
    if kind is SignalKind.ENTER and side is not Side.BUY:
        return "bad_side", f"{side.value if side else 'no side'}: shorts are off"
    if kind in EXITS and side is Side.BUY:
        return "bad_side", "an exit of shares sells"
    if kind is SignalKind.ENTER and not (has_quantity or has_weight):
        return "bad_value", "an entry needs a quantity or a weight"
    if kind is SignalKind.TARGET and not has_weight:
        return "bad_value", "a target needs a weight"
    if kind in EXITS and has_weight:
        return "bad_value", "an exit takes a quantity, not a weight"
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
