"""The broker's account compared with our ledger: what differs, and when it is believed.

What a real account's answer shows may be cut off, or a fill under way. A difference is noted and
looked at again; it counts, and alarms, when a second answer, 20 s later, says the same. What a
timer sees and what is known already leaves nothing in the journal.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from engine.checks import reconcile
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import BROKEN_LINK, State
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.command import LookAgain
from engine.domain.fill import Fill, root_of
from engine.domain.ids import InstrumentId
from engine.domain.instrument import symbol_of
from engine.domain.money import ZERO
from engine.domain.order import OrderStatus
from engine.domain.reconciliation import (
    AnswerFailed,
    BrokerAccount,
    Difference,
    DifferenceKind,
)
from engine.domain.report import QUIET
from engine.domain.session import JobOutcome, Mode, SessionState, Verdict
from engine.risk.latches import RECONCILED

CONFIRM_AFTER = timedelta(seconds=20)
SETTLE = timedelta(seconds=5)
"""After a fill the broker's position and our ledger may be apart for a moment."""

DAILY = "daily"

_K, _S = DifferenceKind, OrderStatus
_UNDER_WAY = frozenset({_S.APPROVED, _S.SUBMITTED, _S.PENDING_CANCEL})
_AT_ONCE = frozenset(
    {_K.ORDER_UNKNOWN, _K.ORDER_FOREIGN, _K.DUPLICATE_INCARNATION, _K.COMMISSION_MISSING}
)
"""Kinds that one answer proves: they are no question of when it was asked."""
_UNCHARGED = timedelta(seconds=30)
_DAY = timedelta(days=1)


def on_account(state: State, report: rp.AccountRead, at: datetime) -> Decision:
    """Compare our ledger with the broker's account; a failed answer is UNKNOWN, never empty."""
    if state.session_state is SessionState.CREATED:
        return NOTHING  # too early: the start asks again
    quiet = report.trigger in QUIET
    if quiet and is_busy(state, at):
        return NOTHING
    answer = report.answer
    positions, cash = _adopted(state, answer)
    ours = dict(positions)
    for book in state.books.values():
        for instrument, position in book.positions.items():
            ours[instrument] = ours.get(instrument, ZERO) + position.quantity
        cash += book.cash
    known = reconcile.Ours(
        positions=ours,
        cash=cash,
        working=tuple(state.working.values()),
        costs=_costs(state),
        fills={root_of(fill.exec_id): fill for fill in _recent(state, at)},
        uncharged=[f for f in _recent(state, at - _UNCHARGED) if f.commission is None],
    )
    _, matched, differences = reconcile.compare(known, answer, _cash_tolerance(state))
    if state.context.dry_run:
        differences = ()  # the account is another's work: a dry run never moves it
    doubtful = _doubtful(state, differences, at)
    verdict = _verdict(state, answer, differences)
    news = (verdict, differences, doubtful)
    is_over = BROKEN_LINK in state.latches and _is_whole(state, verdict, differences)
    is_news = is_over or news != state.compared
    if quiet and not is_news and state.verdict in (verdict, Verdict.CLEAN):
        return NOTHING
    draft = Draft()
    text = _words(answer, differences, matched)
    if state.baseline is None and isinstance(answer, BrokerAccount):
        _adopt(state, draft, positions, cash - own_cash(state))
    draft.add(
        ev.ReconciliationDone(
            run_id=f"rec_{state.seq + 1:012d}",
            trigger=report.trigger,
            verdict=verdict,
            matched=matched,
            differences=differences,
            text=text,
            doubtful=doubtful,
        )
    )
    if is_over:
        latch, scope = BROKEN_LINK
        draft.add(ev.LatchReleased(latch=latch, scope=scope, by=RECONCILED))
    _tell(state, draft, verdict, differences, doubtful, text, quiet=quiet)
    _go_on(state, draft, report.trigger, verdict, text)
    return draft.done()


def is_busy(state: State, at: datetime) -> bool:
    """Say whether an order is on its way or was filled just now: a comparison would be unfair."""
    if any(row.sent and row.status in _UNDER_WAY for row in state.working.values()):
        return True
    newest: Fill | None = next(reversed(state.fills.values()), None)
    return newest is not None and at - newest.at < SETTLE


def _recent(state: State, until: datetime) -> Iterator[Fill]:
    """Yield fills of a real account of the last day before an instant, newest first."""
    if not is_real(state):
        return
    for fill in reversed(state.fills.values()):
        if fill.at < until - _DAY:
            return
        if fill.at <= until and not fill.is_inferred:
            yield fill


def _costs(state: State) -> dict[InstrumentId, Decimal]:
    """Return the average cost of positions of which both sides must have the same.

    Of one that was partly closed brokers may say which lots are left, of a shared one whose they
    are: only what a single owner has built up, fill by fill, can be compared.
    """
    if not is_real(state):
        return {}
    held = [(i, p) for b in state.books.values() for i, p in b.positions.items() if p.quantity]
    owners = Counter(instrument for instrument, _ in held)
    beside = {*(state.baseline or {}), *state.accepted}
    left = {i: p.quantity for i, p in held if owners[i] == 1 and i not in beside}
    costs = {i: p.average_cost for i, p in held}
    found: dict[InstrumentId, Decimal] = {}
    for fill in reversed(state.fills.values()):
        still = left.get(fill.instrument)
        if still is None:
            continue
        if fill.commission is None or fill.is_inferred or still * fill.side.sign < 0:
            del left[fill.instrument]
            continue
        left[fill.instrument] = still - fill.side.sign * fill.quantity
        if not left[fill.instrument]:
            found[fill.instrument] = costs[fill.instrument] or ZERO
            del left[fill.instrument]
        if not left:
            break
    return found


def _doubtful(state: State, differences: tuple[Difference, ...], at: datetime) -> tuple[str, ...]:
    """Return the items that a second answer has to confirm before they count."""
    if not is_real(state):
        return ()
    found = []
    for one in differences:
        if one.kind in _AT_ONCE:
            continue
        known = state.compared is not None and any(
            was.item == one.item and was.gap == one.gap for was in state.compared[1]
        )
        if one.item in state.blocked or state.accepted.get(one.item) == one.gap:
            continue
        if known and one.item not in state.doubtful:
            continue  # cash, say: it counts, and blocks nothing
        gap, since = state.doubtful.get(one.item, ("", at))
        if gap != one.gap or at - since < CONFIRM_AFTER:
            found.append(one.item)
    return tuple(found)


def _verdict(
    state: State, answer: BrokerAccount | AnswerFailed, differences: tuple[Difference, ...]
) -> Verdict:
    """What a person has accepted is no finding any more; it is listed all the same."""
    if isinstance(answer, AnswerFailed):
        return Verdict.UNKNOWN
    is_open = any(state.accepted.get(one.item) != one.gap for one in differences)
    return Verdict.DIFFERENCES if is_open else Verdict.CLEAN


def _is_whole(state: State, verdict: Verdict, differences: tuple[Difference, ...]) -> bool:
    """Say whether a link that is back shows nothing that holds an entry; doubtful things do."""
    if verdict is Verdict.UNKNOWN or not state.link.is_live:
        return False
    return not any(one.blocks and state.accepted.get(one.item) != one.gap for one in differences)


def _words(
    answer: BrokerAccount | AnswerFailed, differences: tuple[Difference, ...], matched: int
) -> str:
    if isinstance(answer, AnswerFailed):
        return f"{answer.query}: {answer.reason}"
    if differences:
        return "; ".join(f"{d.kind.value} {d.item}: {d.ours} / {d.theirs}" for d in differences)
    return f"{matched} matched"


def _tell(
    state: State,
    draft: Draft,
    verdict: Verdict,
    differences: tuple[Difference, ...],
    doubtful: tuple[str, ...],
    text: str,
    *,
    quiet: bool,
) -> None:
    if verdict is Verdict.CLEAN:
        return
    severity = Severity.CRITICAL
    counting = [
        one
        for one in differences
        if state.accepted.get(one.item) != one.gap and one.item not in doubtful
    ]
    if verdict is Verdict.DIFFERENCES and not any(one.blocks for one in counting):
        if quiet and not counting:
            return
        severity = Severity.WARNING
    if doubtful:
        text = f"{text}; to be confirmed by a second answer: {', '.join(doubtful)}"
    draft.alert(state.context.book, severity, "reconciliation", verdict.value, text)


def _go_on(state: State, draft: Draft, trigger: str, verdict: Verdict, text: str) -> None:
    """End the daily job, and a start that has waited for this answer."""
    day = daily_of(trigger, state.session_date)
    if day is not None and state.at is not None and ("reconcile", day) not in state.jobs:
        draft.add(
            ev.JobEnded(
                job="reconcile",
                session_date=day,
                due_at=state.at,
                outcome=JobOutcome.FAILED if verdict is Verdict.UNKNOWN else JobOutcome.DONE,
                detail=text,
            )
        )
    if state.session_state is SessionState.STARTING and verdict is not Verdict.UNKNOWN:
        draft.add(
            ev.SessionStateChanged(
                before=SessionState.STARTING,
                after=SessionState.RUNNING,
                reason=f"reconciled: {verdict.value}",
                actor="engine",
            )
        )
        draft.do(LookAgain())


def daily(state: State, day: date) -> str:
    """Return the trigger of a session date's daily comparison.

    On a recorded clock the simulated exchange answers at once: today is the date.
    """
    at_once = state.context.recorded_clock and not is_real(state)
    return DAILY if at_once else f"{DAILY} {day.isoformat()}"


def daily_of(trigger: str, today: date | None) -> date | None:
    """Return the session date whose daily comparison a trigger stands for, None for another one."""
    word, _, day = trigger.partition(" ")
    if word != DAILY:
        return None
    return date.fromisoformat(day) if day else today


def own_cash(state: State) -> Decimal:
    """Return the cash of all strategies."""
    return sum((book.cash for book in state.books.values()), ZERO)


def _adopted(
    state: State, answer: BrokerAccount | AnswerFailed
) -> tuple[dict[InstrumentId, Decimal], Decimal]:
    """Return what the account holds beside our strategies: as adopted, else as it is now.

    A simulated account holds nothing else. Of a real one the first answer of a book's life says
    what was there before us.
    """
    if state.baseline is not None:
        return dict(state.baseline), state.baseline_cash
    if not is_real(state) or isinstance(answer, AnswerFailed):
        return {}, ZERO
    owned: dict[InstrumentId, Decimal] = {}
    for book in state.books.values():
        for instrument, position in book.positions.items():
            owned[instrument] = owned.get(instrument, ZERO) + position.quantity
    beside = {
        key: quantity - owned.get(key, ZERO)
        for key, quantity in answer.positions.items()
        if quantity != owned.get(key, ZERO)
    }
    return beside, answer.cash - own_cash(state)


def _adopt(
    state: State, draft: Draft, positions: dict[InstrumentId, Decimal], cash: Decimal
) -> None:
    if not is_real(state):
        return
    draft.add(ev.BaselineAdopted(positions={str(k): v for k, v in positions.items()}, cash=cash))
    if positions:
        held = ", ".join(f"{quantity} {symbol_of(key)}" for key, quantity in positions.items())
        text = f"the account held {held} before us: owned by no strategy, never traded"
        draft.alert(state.context.book, Severity.WARNING, "baseline", "account", text)


def fund_newcomers(state: State, draft: Draft) -> None:
    """Give strategies that join a book their capital, out of cash that no strategy owns."""
    is_known = is_real(state) and state.baseline is not None
    free = state.baseline_cash if is_known else ZERO
    for name, book in state.books.items():
        if name in state.funded:
            continue
        if free < book.capital:
            text = (
                f"{name} joined this book and has no cash: its share would be {book.capital} USD, "
                f"{free} USD of the account belong to no strategy"
            )
            draft.alert(state.context.book, Severity.WARNING, "no_capital", name, text)
            continue
        free -= book.capital
        draft.add(ev.CashChanged(strategy=name, before=ZERO, after=book.capital, reason="capital"))
        kept = {str(key): quantity for key, quantity in (state.baseline or {}).items()}
        draft.add(ev.BaselineAdopted(positions=kept, cash=free))


def is_real(state: State) -> bool:
    """Say whether the account is a broker's, in which others may act as well."""
    return state.context.mode in (Mode.PAPER, Mode.LIVE)


def _cash_tolerance(state: State) -> Decimal:
    """Interest, fees and late commissions move a real account's cash by cents."""
    return max(Decimal(1), own_cash(state) / 10_000) if is_real(state) else ZERO
