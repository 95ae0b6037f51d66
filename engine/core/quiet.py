"""Many quiet session dates at once: what taking their inputs one by one would have come to.

On a quiet date nothing works, no gate finds anything, the strategy says nothing at its slot and
the snapshot is one of a run (`QuietDays`): of all its inputs only the bars leave a trace. Whoever
feeds a recording as fast as it goes may hand over a stretch of dates; the date on which something
changes is left to the ordinary way, and so is one after the last: it renews quotes and clock.
"""

from engine.core.state import State
from engine.domain.snapshot import QuietDays
from engine.domain.stretch import Stretch

_QUIET_JOBS = frozenset({"snapshot", "reconcile"})


def pass_quiet(state: State, stretch: Stretch) -> int:
    """Take in the quiet session dates that a stretch begins with; return how many."""
    quiet = state.pending
    if (
        type(quiet) is not QuietDays
        or quiet.days[-1] != state.session_date
        or state.working
        or state.latches
        or state.active_since_reconciliation
        or any(job not in _QUIET_JOBS for job, _ in stretch.jobs)
    ):
        return 0
    (book,) = state.books.values()
    if book.plan is not None or book.broken or book.status != "ACTIVE":
        return 0
    try:
        passed = book.strategy.pass_quiet(
            book.memory, stretch, lambda instrument: book.position(instrument).quantity
        )
    except Exception as error:  # noqa: BLE001  as where bars come one by one
        book.broken = f"{stretch.closed[0].session_date}: {type(error).__name__}: {error}"
        return 0
    if passed:
        closed = stretch.closed[:passed]
        last = closed[-1]
        quiet.extend(stretch.days[:passed], stretch)
        state.history += closed
        state.bars.update(last.bars)
        state.at, state.session_date, state.ordinal = last.at, last.session_date, last.ordinal
    return passed
