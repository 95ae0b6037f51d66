"""One reference may have several broker orders, each with a permId of its own.

An order of ours ends when all that are known of them have ended. One of an earlier connection
has no status until it is shown again, and counts as working; what an answered look-up does not
show has gone. What works on beside or after an end is canceled: no row of ours wants it any more.
"""

from collections.abc import Sequence

from engine.brokers.ibkr.trace import CANCELED, OVER, Alarm, AskCancel, AskOrder, Out, Trace

ALIVE = frozenset({"PreSubmitted", "Submitted"})


def note(trace: Trace, perm_id: int, status: str) -> Sequence[Out]:
    """Take what is said of one; two that live are told. An end is never undone."""
    if trace.incarnations.get(perm_id) not in OVER:
        trace.incarnations[perm_id] = status
    alive = [perm for perm, now in trace.incarnations.items() if now in ALIVE]
    if len(alive) < 2:
        return ()
    text = f"{trace.order.order_ref} lives twice at the broker: permIds {alive}"
    return (Alarm("two_incarnations", text),)


def of_earlier(trace: Trace) -> None:
    """A new connection: what had not ended is to be shown again."""
    left = [perm for perm, now in trace.incarnations.items() if now not in OVER]
    trace.incarnations = dict.fromkeys(left, "")


def lives_beside(trace: Trace, perm_id: int) -> bool:
    """Say whether another one may work on; an end without a permId is that of the only one."""
    known = trace.incarnations
    if not perm_id and len(known) == 1:
        return False
    return any(
        now not in OVER and now != "Inactive" for one, now in known.items() if one != perm_id
    )


def unseen(trace: Trace) -> Sequence[Out]:
    """Ask for those that have not been shown in this connection."""
    if "" not in trace.incarnations.values():
        return ()
    return (AskOrder(trace.order.order_id, "one of its permIds has ended, another is not shown"),)


def forget_unseen(trace: Trace) -> bool:
    """All lists have answered; say whether every broker order of it has ended, one canceled."""
    known = trace.incarnations = {one: now for one, now in trace.incarnations.items() if now}
    return not set(known.values()) - OVER and bool(CANCELED & set(known.values()))


def left_over(trace: Trace, perm_id: int, status: str) -> Sequence[Out]:
    """One that is shown working although the order has ended is canceled.

    Of an only one that may be an echo of before its end, unless nothing of before can come.
    """
    known = trace.incarnations
    if status not in ALIVE or known.get(perm_id) != status:
        return ()
    if len(known) < 2 and not trace.is_past:
        return ()
    text = f"{trace.order.order_ref} has ended, and lives at the broker as permId {perm_id}"
    return (Alarm("two_incarnations", text), AskCancel(trace.order.order_id))
