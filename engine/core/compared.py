"""How a comparison with the broker changes the state: what differs, what is believed, what blocks.

Entries wait in the instrument that a difference concerns, and in no other. A first sighting by a
timer may be a fill under way and holds nothing; one at a start or on demand holds its instrument
until a second answer has said the same or has not.
"""

from decimal import Decimal

from engine.core.state import State
from engine.domain import event as ev
from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.reconciliation import DifferenceKind
from engine.domain.report import QUIET
from engine.domain.session import Verdict

_MORE = (DifferenceKind.MISMATCHED, DifferenceKind.MISSING_LOCAL)


def reconciled(state: State, event: ev.ReconciliationDone, seq: int) -> None:
    """Take a comparison."""
    state.active_since_reconciliation = False
    if state.compared is None or state.compared[0] is not event.verdict:
        state.compared_at = state.written_at
    state.compared = (event.verdict, event.differences, event.doubtful)
    if event.verdict is Verdict.UNKNOWN:
        return  # a failed answer changes nothing that is known
    found = [d for d in event.differences if d.kind is not DifferenceKind.MATCHED]
    state.differences = {d.item: d for d in found}
    before, at = state.doubtful, state.written_at
    assert at is not None
    state.doubtful = {
        item: known if known is not None and known[0] == gap else (gap, at)
        for item in event.doubtful
        for gap in (state.differences[item].gap,)
        for known in (before.get(item),)
    }
    is_quiet = event.trigger in QUIET
    state.waiting = {i for i in state.doubtful if i in state.waiting or not is_quiet}
    open_items = {d.item for d in found if state.accepted.get(d.item) != d.gap and d.blocks}
    state.blocked = open_items - set(state.doubtful)
    _judge(state)


def _judge(state: State) -> None:
    differs = state.blocked or state.waiting
    state.verdict = Verdict.DIFFERENCES if differs else Verdict.CLEAN


def accepted(state: State, event: ev.DifferenceAccepted, seq: int) -> None:
    """Accept what differs now; a later change of it blocks again."""
    known = state.differences.get(event.item)
    if known is not None:
        state.accepted[event.item] = known.gap
    state.blocked.discard(event.item)
    state.waiting.discard(event.item)
    state.doubtful.pop(event.item, None)
    if state.verdict is Verdict.DIFFERENCES:
        _judge(state)


def adopted(state: State, event: ev.BaselineAdopted, seq: int) -> None:
    """Remember what the account held before us."""
    state.baseline = {InstrumentId(key): quantity for key, quantity in event.positions.items()}
    state.baseline_cash = event.cash


def unowned(state: State) -> dict[InstrumentId, Decimal]:
    """Return the shares of the account that no strategy owns, as far as they are known.

    What was there before us, and what differs since; what the broker does not show any more is
    still counted, as one answer may be wrong.
    """
    shares = dict(state.baseline or {})
    for item, one in state.differences.items():
        if one.kind in _MORE and item == one.instrument and item not in state.doubtful:
            gap = Decimal(one.theirs or 0) - Decimal(one.ours or 0)
            shares[one.instrument] = shares.get(one.instrument, ZERO) + gap
    return {instrument: quantity for instrument, quantity in shares.items() if quantity}


def foreign_orders(state: State) -> dict[InstrumentId, Decimal]:
    """Return the shares that orders of others would buy, sales below zero."""
    shares: dict[InstrumentId, Decimal] = {}
    for one in state.differences.values():
        if one.kind is DifferenceKind.ORDER_FOREIGN and one.instrument is not None:
            side, _, left = one.theirs.rpartition(" ")
            change = Decimal(left or 0) * (-1 if side == Side.SELL.value else 1)
            shares[one.instrument] = shares.get(one.instrument, ZERO) + change
    return shares


def unowned_cash(state: State) -> Decimal:
    """Return the dollars of the account that no strategy owns; below zero: borrowed."""
    cash = state.differences.get("cash")
    gap = ZERO if cash is None else Decimal(cash.theirs or 0) - Decimal(cash.ours or 0)
    return state.baseline_cash + gap


def is_held(state: State, instrument: InstrumentId) -> bool:
    """Say whether entries of an instrument wait for a difference to be settled."""
    held = state.blocked | state.waiting
    return instrument in held or any(
        one.instrument == instrument for item, one in state.differences.items() if item in held
    )
