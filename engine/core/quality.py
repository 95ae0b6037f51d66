"""The quality latch: a strategy whose orders end badly makes no entries for a while.

What is counted is folded from the journal, so a restart knows it. The latch is set in the very
unit that the breach came with: nothing can be sent in between. After its wait it lets one entry
through as a probe. A probe that fills well releases it, one that fails doubles the wait, one that
ends unfilled has shown nothing and makes room for another. Exits are never held.
"""

from collections.abc import Sequence
from datetime import datetime

from engine.core.draft import Decision, Draft
from engine.core.state import LatchRow, State, StrategyBook
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.fill import root_of
from engine.domain.ids import OrderId, StrategyId
from engine.domain.order import DONE, Order, OrderStatus, WorkingOrder
from engine.domain.times import utc_text
from engine.risk.latches import QUALITY, Quality, is_bad_fill, is_released, quality_until

_S = OrderStatus
_Counted = ev.FillReceived | ev.FillCorrected | ev.OrderStatusChanged


# -- facts -----------------------------------------------------------------------------------


def count(state: State, order_id: OrderId, event: _Counted) -> None:
    """Count what became of an order, before its row changes."""
    row = state.orders.get(order_id)
    book = None if row is None else state.books.get(row.order.strategy)
    if row is not None and book is not None:
        book.quality = _after(book.quality, row, event, state.link.is_live)


def approved(state: State, order: Order) -> None:
    """The gate lets one entry pass a latch: it is the probe."""
    book = state.books.get(order.strategy)
    if book is not None and not order.is_exit and (QUALITY, order.strategy) in state.latches:
        book.quality = book.quality._replace(probe=order.order_id)


def latched(state: State, event: ev.LatchSet) -> None:
    """Count anew; a latch that is set while it is in force has had a probe fail."""
    book = state.books.get(StrategyId(event.scope))
    if book is not None and event.latch == QUALITY:
        again = (QUALITY, event.scope) in state.latches
        book.quality = Quality(failed_probes=book.quality.failed_probes + 1 if again else 0)


def released(state: State, event: ev.LatchReleased) -> None:
    """Count anew."""
    book = state.books.get(StrategyId(event.scope))
    if book is not None and event.latch == QUALITY:
        book.quality = Quality()


def _after(before: Quality, row: WorkingOrder, event: _Counted, is_live: bool) -> Quality:
    """Return the counts after an event; what no link could answer has not timed out."""
    if isinstance(event, ev.FillReceived | ev.FillCorrected):
        fill = event.fill
        return before.fine(timed_out=row.timed_out).filled(root_of(fill.exec_id), fill.slippage_bps)
    status = event.status
    if status is _S.UNKNOWN:
        if row.timed_out or not is_live:
            return before
        return before._replace(timed_out=before.timed_out + 1)
    if status not in DONE or row.status in DONE:
        return before
    after = before
    if status is _S.REJECTED:
        after = before.fine(timed_out=row.timed_out)._replace(rejected=before.rejected + 1)
    elif row.accepted_at is not None:
        after = before.fine(timed_out=row.timed_out)
    is_probe = before.probe == row.order.order_id
    return after._replace(probe=None) if is_probe and not event.filled else after


# -- what follows ----------------------------------------------------------------------------


def may_probe(
    state: State, book: StrategyBook, row: LatchRow, order: Order, ahead: Sequence[Order]
) -> bool:
    """Say whether a latch lets this order pass, as the one entry after its wait."""
    if row.latch != QUALITY:
        return False
    if book.limits.quality is None:
        return True  # settings have turned it off since
    if not is_released(row.until, now=utc_text(order.created_at)):
        return False
    if book.quality.probe in state.working:
        return book.quality.probe == order.order_id
    return not any(one.strategy == order.strategy and not one.is_exit for one in ahead)


def watch(state: State, decision: Decision, at: datetime) -> Decision:
    """Add to a report's events the latch that they set, set anew or release."""
    counted: dict[StrategyId, Quality] = {}
    probed: dict[StrategyId, str | None] = {}  # why the probe failed, None if it did not
    for entry in decision.entries:
        event = entry.event
        if isinstance(event, ev.FillReceived | ev.FillCorrected):
            row = state.orders.get(event.fill.order_id)
        elif isinstance(event, ev.OrderStatusChanged):
            row = state.orders.get(event.order_id)
        else:
            continue
        book = None if row is None else state.books.get(row.order.strategy)
        if row is None or book is None or book.limits.quality is None:
            continue
        name = book.strategy.id
        if book.quality.probe == row.order.order_id and probed.get(name) is None:
            probed.update(_probed(name, event, state.link.is_live))
        counted[name] = _after(counted.get(name, book.quality), row, event, state.link.is_live)
    if not counted:
        return decision
    draft = Draft(decision.causation_seq)
    draft.entries, draft.commands = [*decision.entries], [*decision.commands]
    for name, quality in counted.items():
        failed = state.books[name].quality.failed_probes
        if (QUALITY, name) not in state.latches:
            why = quality.breach(state.books[name].limits.quality)
            if why is not None:
                _set(state, draft, name, why, at, 0)
        elif name in probed:
            failure = probed[name]
            if failure is None:
                draft.add(ev.LatchReleased(latch=QUALITY, scope=name, by="probe"))
            else:
                _set(state, draft, name, f"the probe {failure}", at, failed + 1)
    return draft.done()


def _probed(name: StrategyId, event: _Counted, is_live: bool) -> dict[StrategyId, str | None]:
    """Return how a probe ended by this event, nothing while that is open."""
    if isinstance(event, ev.FillReceived | ev.FillCorrected):
        bps = event.fill.slippage_bps
        return {name: f"slipped {bps:.0f} bp"} if bps is not None and is_bad_fill(bps) else {}
    if event.status is _S.REJECTED:
        return {name: "was rejected"}
    if event.status is _S.UNKNOWN and is_live:
        return {name: "got no answer in time"}
    return {name: None} if event.status in DONE and event.filled else {}


def _set(state: State, draft: Draft, name: StrategyId, why: str, at: datetime, failed: int) -> None:
    until = utc_text(quality_until(at, failed))
    draft.add(
        ev.LatchSet(
            latch=QUALITY, scope=name, until=until, text=why, session_date=state.session_date
        )
    )
    text = f"{why}; no entries of {name} until {until}, then one as a probe"
    draft.alert(state.context.book, Severity.WARNING, QUALITY, name, text)
