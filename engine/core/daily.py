"""What belongs to a session date: final readings, snapshots, latches, jobs."""

from decimal import Decimal

from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import State, StrategyBook, price_of
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.command import ReadAccount, RunJob
from engine.domain.input import BarsClosed, JobDue, JobFinished, QuotesSeen
from engine.domain.money import ZERO
from engine.domain.session import JobOutcome, SessionState, TradingState
from engine.domain.snapshot import Holding, Snapshot
from engine.risk import latches

_NO_SNAPSHOT = (SessionState.CREATED, SessionState.STARTING)


def on_quotes(state: State, given: QuotesSeen) -> Decision:
    """A session opened: latches that last until the next open are released."""
    if not state.latches and not given.findings:
        return NOTHING
    draft = Draft()
    if state.bars_ordinal and given.ordinal > max(state.bars_ordinal.values()):
        for row in state.latches.values():
            if row.until == "next_open":
                draft.add(ev.LatchReleased(latch=row.latch, scope=row.scope, by="next_open"))
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
    if (job, given.session_date) in state.jobs:
        return NOTHING
    if job == "reconcile":
        if state.context.recorded_clock and not state.active_since_reconciliation:
            return NOTHING  # nothing was traded since: the last verdict still stands
        draft = Draft()
        draft.do(ReadAccount("daily"))
        return draft.done()
    draft = Draft()
    draft.add(ev.JobStarted(job=job, session_date=given.session_date, due_at=given.due_at), -1)
    draft.do(RunJob(job, given.session_date))
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
    if state.session_state in _NO_SNAPSHOT:
        return NOTHING
    rows = []
    unpriced: list[tuple[StrategyBook, str]] = []
    for book in state.books.values():
        if book.last_snapshot is not None and book.last_snapshot >= given.session_date:
            continue
        row = _snapshot(state, book, given)
        if isinstance(row, str):
            unpriced.append((book, row))
        else:
            rows.append(row)
    if not rows and not unpriced:
        return NOTHING
    draft = Draft()
    if rows:
        draft.add(ev.SnapshotTaken(rows=tuple(rows)))
        for row in rows:
            _latch(state, draft, state.books[row.strategy], row)
    for book, instrument in unpriced:
        draft.alert(
            state.context.book,
            Severity.CRITICAL,
            "snapshot_missing",
            book.strategy.id,
            f"no price of {instrument} on {given.session_date}: equity unknown, no snapshot",
        )
    return draft.done()


def _snapshot(state: State, book: StrategyBook, given: JobDue) -> Snapshot | str:
    """Return the row, or the instrument whose missing price makes equity unknown."""
    equity = book.cash
    holdings = []
    for instrument, position in book.positions.items():
        quantity = position.quantity
        if quantity:
            price = price_of(state, instrument)
            if price is None:
                return instrument
            equity += quantity * price
            holdings.append(Holding(instrument, quantity, price))
    value = float(equity)
    before = book.equity_f
    high = book.high_water if book.high_water > equity else equity
    reading = book.strategy.reading(book.memory)
    baseline = None
    if book.baseline_start:
        bar = state.bars.get(book.strategy.inputs[0])
        if bar is not None:
            baseline = (book.capital * bar.close / book.baseline_start).quantize(_MICRO)
    if reading is None:
        return Snapshot(
            book.strategy.id,
            given.session_date,
            equity,
            book.cash,
            value / before - 1 if before else None,
            value / float(book.capital) - 1,
            high,
            value / float(high) - 1,
            tuple(holdings),
            equity_at_fill=book.equity_at_fill,
            held_cell=book.held_cell,
            baseline=baseline,
            fees_to_date=book.fees,
        )
    return Snapshot(
        book.strategy.id,
        given.session_date,
        equity,
        book.cash,
        value / before - 1 if before else None,
        value / float(book.capital) - 1,
        high,
        value / float(high) - 1,
        tuple(holdings),
        reading.cell,
        book.held_cell,
        reading.trend.value,
        reading.vol.value,
        reading.t_norm,
        reading.z_score,
        reading.sma_fast,
        reading.sma_slow,
        book.equity_at_fill,
        baseline,
        book.fees,
    )


_MICRO = Decimal("0.000001")


def _latch(state: State, draft: Draft, book: StrategyBook, row: Snapshot) -> None:
    """Set the loss and drawdown latches that this final row breaches."""
    scope = book.strategy.id
    week_ago = book.recent_equity[0] if len(book.recent_equity) == 5 else None
    for breach in latches.breaches(
        equity=row.equity,
        last=book.equity if book.equity else None,
        week_ago=week_ago,
        high_water=row.high_water,
        limits=book.limits,
    ):
        if (breach.latch, scope) in state.latches:
            continue
        draft.add(
            ev.LatchSet(latch=breach.latch, scope=scope, until=breach.until, text=breach.text)
        )
        draft.alert(state.context.book, Severity.CRITICAL, breach.latch, scope, breach.text)
        if breach.until == "person" and state.trading_state is TradingState.ACTIVE:
            draft.add(
                ev.TradingStateChanged(
                    before=state.trading_state,
                    after=TradingState.REDUCING,
                    reason=breach.text,
                    actor="engine",
                )
            )


def cash_total(state: State) -> Decimal:
    """Return the cash of all strategies."""
    return sum((book.cash for book in state.books.values()), ZERO)
