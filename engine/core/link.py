"""The connection to the broker came, went, or is being compared with what we know."""

from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import BROKEN_LINK, State
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.command import LookAgain, LookUpOrder, ReadAccount
from engine.domain.input import LinkSeen
from engine.domain.link import Link
from engine.domain.order import OrderStatus
from engine.risk.latches import RECONCILED

_UNANSWERED = (OrderStatus.APPROVED, OrderStatus.SUBMITTED)


def on_link(state: State, given: LinkSeen) -> Decision:
    """Store the change; on the way up ask for the account and for every unanswered order."""
    before, after = state.link, given.link
    if before == after:
        return NOTHING
    draft = Draft()
    draft.add(ev.LinkChanged(before=before, after=after))
    if before.is_live and not (after.is_live or after.planned):
        draft.alert(
            state.context.book,
            Severity.WARNING,
            "link",
            "broker",
            f"{after.reason or after.state.value}: {after.text}".rstrip(": "),
        )
    if before.is_live and not after.is_live:
        _latch(state, draft, after)
    if after.is_live and not before.is_live:
        for row in state.working.values():
            if row.sent and (row.status in _UNANSWERED or row.status is OrderStatus.UNKNOWN):
                draft.do(LookUpOrder(row.order.order_id))
        draft.do(ReadAccount("reconnect"))
        draft.do(LookAgain())  # exits that waited for the link
    return draft.done()


def _latch(state: State, draft: Draft, after: Link) -> None:
    """What the broker holds may change while nobody looks: entries wait for a comparison."""
    if BROKEN_LINK in state.latches:
        return
    latch, scope = BROKEN_LINK
    why = f"the link was lost ({after.reason or after.state.value})"
    draft.add(
        ev.LatchSet(
            latch=latch, scope=scope, until=RECONCILED, text=why, session_date=state.session_date
        )
    )
    if not after.planned:
        text = f"{why}: entries wait for the next clean reconciliation"
        draft.alert(state.context.book, Severity.WARNING, latch, scope, text)
