"""What belongs to a session date: final readings, snapshots, latches, jobs."""

from datetime import date

from engine.core import trade
from engine.core.comparing import daily
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.requests import change_trading_state
from engine.core.state import REMEMBERED, State, StrategyBook, price_of
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.command import LookAgain, ReadAccount, RunJob
from engine.domain.ids import order_ref, short_hash
from engine.domain.input import CLOSE_OUT, BarsClosed, JobDue, JobFinished, QuotesSeen
from engine.domain.instrument import symbol_of
from engine.domain.session import JobOutcome, TradingState
from engine.domain.snapshot import QuietDays
from engine.domain.unit import Entry
from engine.risk import latches

_MANY = 16  # rows: fewer are made at once, and the journal may join them


def on_quotes(state: State, given: QuotesSeen) -> Decision:
    """A session opened: latches that last until the next open are released."""
    if not state.latches and not given.findings and not state.working:
        return NOTHING
    draft = Draft()
    if any(not row.sent for row in state.working.values()):
        draft.do(LookAgain())  # an exit that waits may go now
    for row in state.latches.values():
        if row.until == "next_open" and row.session_date != given.session_date:
            draft.add(ev.LatchReleased(latch=row.latch, scope=row.scope, by="next_open"), -1)
    _findings(state, draft, given)
    return draft.done()


def on_bars(state: State, given: BarsClosed) -> Decision:
    """Final bars arrived: store the readings of this session date and what was odd in them."""
    draft: Draft | None = None
    for book in state.books.values():
        reading = book.strategy.reading(book.memory)
        if reading is None or (
            book.last_reading is not None and reading.session_date <= book.last_reading
        ):
            continue
        if reading.session_date != given.session_date:
            continue
        draft = draft or Draft()
        draft.add(
            ev.RegimeRead(
                strategy=book.strategy.id,
                reading=reading,
                days_in_cell=book.strategy.days_in_cell(book.memory),
                parameter_hash=book.strategy.parameter_hash,
            ),
            -1,
        )
    if given.findings:
        draft = draft or Draft()
        _findings(state, draft, given)
    return NOTHING if draft is None else draft.done()


def _findings(state: State, draft: Draft, given: BarsClosed | QuotesSeen) -> None:
    for finding in given.findings:
        draft.add(
            ev.DataGapFound(
                gate=finding.kind,
                symbol=finding.symbol,
                session_date=finding.session_date,
                text=finding.text,
            ),
            -1,
        )
        draft.alert(
            state.context.book,
            Severity.WARNING,
            finding.kind,
            finding.symbol,
            finding.text,
        )


def on_job(state: State, given: JobDue) -> Decision:
    """Do a stored job once per session date."""
    job = given.job
    if job == "snapshot":
        return _snapshots(state, given)
    recorded = state.context.recorded_clock
    if job == "reconcile" and recorded and not state.active_since_reconciliation:
        return NOTHING  # nothing was traded since: the last verdict still stands
    if (job, given.session_date) in state.jobs:
        return NOTHING
    if job == CLOSE_OUT:
        return _close_out(state, given)
    if job == "reconcile":
        draft = Draft()
        draft.do(ReadAccount(daily(state, given.session_date)))
        return draft.done()
    draft = Draft()
    draft.add(ev.JobStarted(job=job, session_date=given.session_date, due_at=given.due_at), -1)
    draft.do(RunJob(job, given.session_date))
    return draft.done()


def _close_out(state: State, given: JobDue) -> Decision:
    """Recorded data is at its end: close every position at the last close, the usual way."""
    draft = Draft()
    draft.add(
        ev.JobEnded(
            job=CLOSE_OUT,
            session_date=given.session_date,
            due_at=given.due_at,
            outcome=JobOutcome.DONE,
            detail="positions are closed at the last close",
        ),
        -1,
    )
    for book in state.books.values():
        for instrument, position in book.positions.items():
            left = position.quantity + trade.working_quantity(state, book, instrument)
            if left:
                ref = order_ref(short_hash(f"end|{book.strategy.id}|{instrument}"), 0)
                order = trade.close_order(state, book, ref, instrument, left, given.at)
                trade.submit(state, draft, book, order, None)
    return draft.done()


def on_job_finished(state: State, given: JobFinished) -> Decision:
    """Store how a job outside the core ended."""
    draft = Draft()
    draft.add(
        ev.JobEnded(
            job=given.job,
            session_date=given.session_date,
            due_at=given.at,
            outcome=JobOutcome.DONE if given.ok else JobOutcome.FAILED,
            detail=given.detail,
        )
    )
    if not given.ok:
        draft.alert(state.context.book, Severity.CRITICAL, "job_failed", given.job, given.detail)
    return draft.done()


def _snapshots(state: State, given: JobDue) -> Decision:
    """`absorb` has marked this session date; the loop writes the rows. Look at the latches."""
    quiet = state.pending
    if type(quiet) is QuietDays and quiet.days[-1] == given.session_date:
        return NOTHING
    draft: Draft | None = None
    for book in state.books.values():
        if book.marked != given.session_date:
            if book.marked is not None and book.marked > given.session_date:
                continue
            draft = draft or Draft()
            _no_row(state, draft, book, given)
        elif book.limits.can_latch:
            for breach in _breaches(book):
                draft = draft or Draft()
                _latch(state, draft, book, breach, given.session_date)
    return NOTHING if draft is None else draft.done()


def pending(state: State) -> Decision:
    """Return the rows that wait, as an event to be written before anything else."""
    waiting = state.pending
    if not waiting:
        return NOTHING
    if type(waiting) is QuietDays and len(waiting) >= _MANY:
        taken = ev.SnapshotTaken(rows=waiting)
    else:
        taken = ev.SnapshotTaken(rows=tuple(waiting))
    return Decision((Entry(taken, -1),), ())


def _no_row(state: State, draft: Draft, book: StrategyBook, given: JobDue) -> None:
    unpriced = [
        symbol_of(instrument)
        for instrument, position in book.positions.items()
        if position.quantity and price_of(state, instrument) is None
    ]
    day = given.session_date
    if unpriced:
        text = f"no price of {', '.join(unpriced)} on {day}: equity unknown, no snapshot"
    else:
        text = f"snapshot of {day} was due {given.due_at}; that day's close is gone"
    job = f"snapshot:{book.strategy.id}"
    if (job, day) in state.jobs:
        return
    draft.add(
        ev.JobEnded(
            job=job,
            session_date=day,
            due_at=given.due_at,
            outcome=JobOutcome.FAILED if unpriced else JobOutcome.MISSED,
            detail=text,
        ),
        -1,
    )
    draft.alert(state.context.book, Severity.CRITICAL, "snapshot_missing", book.strategy.id, text)


def _breaches(book: StrategyBook) -> tuple[latches.Breach, ...]:
    return latches.breaches(
        equity=book.equity,
        last=book.before_last or None,
        week_ago=book.recent_equity[0] if len(book.recent_equity) == REMEMBERED else None,
        high_water=book.high_water,
        limits=book.limits,
    )


def _latch(
    state: State, draft: Draft, book: StrategyBook, breach: latches.Breach, day: date
) -> None:
    scope = book.strategy.id
    if (breach.latch, scope) in state.latches:
        return
    draft.add(
        ev.LatchSet(
            latch=breach.latch, scope=scope, until=breach.until, text=breach.text, session_date=day
        ),
        -1,
    )
    draft.alert(state.context.book, Severity.CRITICAL, breach.latch, scope, breach.text)
    if any(type(entry.event) is ev.TradingStateChanged for entry in draft.entries):
        return  # a breach beside this one has done it
    if breach.until == latches.PERSON and state.trading_state is TradingState.ACTIVE:
        change_trading_state(state, draft, TradingState.REDUCING, breach.text, "engine")
