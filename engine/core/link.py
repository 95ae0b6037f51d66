"""The connection to the broker came, went, or is being compared with what we know."""

from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import State
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.command import LookAgain, LookUpOrder, ReadAccount
from engine.domain.input import LinkSeen
from engine.domain.order import OrderStatus

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
    if after.is_live and not before.is_live:
        for row in state.working.values():
            if row.sent and (row.status in _UNANSWERED or row.status is OrderStatus.UNKNOWN):
                draft.do(LookUpOrder(row.order.order_id))
        draft.do(ReadAccount("reconnect"))
        draft.do(LookAgain())  # exits that waited for the link
    return draft.done()
