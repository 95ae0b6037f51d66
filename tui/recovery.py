"""What was noted while the database took nothing: imported once, at the next start."""

from collections.abc import Iterator

from engine.domain.event import CancelRequested, Event, TradingStateChanged
from engine.domain.ids import Book
from engine.domain.session import TradingState
from engine.errors import JournalError
from storage.emergency import EmergencyFile
from storage.store import SqliteSessionStore


def imported(emergency: EmergencyFile, store: SqliteSessionStore, book: Book) -> list[Event]:
    """Return the events to write with a session's beginning: HALTED, and cancels of its orders.

    A file that cannot be read says that something was noted: that halts as well. Orders of other
    books, and those whose approval was lost with the journal, are no orders of this one.
    """
    before = TradingState(store.trading_state(book))
    try:
        noted = emergency.noted()
    except (JournalError, ValueError, TypeError, KeyError) as error:
        return [_halted(before, f"{emergency.path} cannot be read: {error}")]
    if not noted:
        return []
    events = [one.event for one in noted]
    reasons = [event.reason for event in events if isinstance(event, TradingStateChanged)]
    text = f"at {noted[0].at:%Y-%m-%d %H:%M:%SZ}: {reasons[0] if reasons else 'cancels were noted'}"
    return [_halted(before, text), *_cancels(events, store.orders(book))]


def _cancels(events: list[Event], known: frozenset[str]) -> Iterator[CancelRequested]:
    for event in events:
        if isinstance(event, CancelRequested) and event.order_id in known:
            yield event


def _halted(before: TradingState, reason: str) -> TradingStateChanged:
    return TradingStateChanged(
        before=before, after=TradingState.HALTED, reason=reason, actor="engine"
    )
