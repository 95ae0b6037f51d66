"""What a person asks for: halt, reduce, resume, pause, stop, flatten, cancel and the rest.

Halt and the cancels are never refused. Every request is journaled with who and why, and
answered; asked twice, the second one changes nothing.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from engine.core import changing, manual, reports, trade
from engine.core.cancels import ask_cancel, cancel_working
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import State, StrategyBook, price_of
from engine.domain import event as ev
from engine.domain.alert import AlertState, Severity
from engine.domain.command import LookAgain, ReadAccount, SetPace
from engine.domain.ids import REF_PREFIX, AlertId, InstrumentId, OrderId, order_ref, short_hash
from engine.domain.input import Requested
from engine.domain.instrument import symbol_of
from engine.domain.money import ZERO
from engine.domain.order import ENDS, OrderStatus
from engine.domain.pace import STEPS, parse
from engine.domain.request import (
    EXPIRES_AFTER_S,
    FLATTEN_EXPIRES_AFTER_S,
    NEVER_EXPIRES,
    WAITS_FOR_AN_ENGINE,
    Request,
    RequestKind,
)
from engine.domain.session import SessionState, TradingState
from engine.errors import SettingsError

_K = RequestKind
_SNOOZE_MAX = 7 * 24 * 60  # minutes
_RUNS = (SessionState.RUNNING, SessionState.PAUSED, SessionState.STARTING)


def on_request(state: State, given: Requested) -> Decision:
    """Do what was asked, or say why not."""
    request = given.request
    if request.request_id in state.requests:
        return NOTHING
    draft = Draft()
    draft.add(ev.RequestReceived(request=request))
    if request.kind in (_K.PREVIEW, _K.ORDER):
        result, text, preview = manual.on_ticket(state, draft, request, given.at)
    else:
        (result, text), preview = _carry_out(state, draft, request, given.at), ""
    draft.add(
        ev.RequestAnswered(request_id=request.request_id, result=result, text=text, preview=preview)
    )
    return draft.done()


def is_stale(request: Request, now: datetime) -> bool:
    """Say whether a request is too old to be carried out by an engine that wakes late."""
    if request.kind in NEVER_EXPIRES or request.kind in WAITS_FOR_AN_ENGINE:
        return False
    limit = FLATTEN_EXPIRES_AFTER_S if request.kind is _K.FLATTEN else EXPIRES_AFTER_S
    return (now - request.asked_at).total_seconds() > limit


def _carry_out(state: State, draft: Draft, request: Request, at: datetime) -> tuple[str, str]:
    match request.kind:
        case _K.HALT | _K.REDUCE | _K.RESUME:
            return _trading_state(state, draft, request)
        case _K.PAUSE | _K.CONTINUE | _K.STOP:
            return _session(state, draft, request)
        case _K.FLATTEN:
            return _flatten(state, draft, request)
        case _K.CANCEL | _K.CANCEL_ALL | _K.SETTLE:
            return _orders(state, draft, request)
        case _K.CHANGE:
            return changing.on_request(state, draft, request, at)
        case _K.PREVIEW | _K.ORDER:
            raise AssertionError("a ticket is answered with a preview")
        case _K.RECONCILE | _K.ACCEPT_DIFFERENCE:
            return _reconcile(state, draft, request)
        case _K.SET_PARAMETER:
            return _parameter(state, draft, request)
        case _K.ACKNOWLEDGE | _K.SNOOZE:
            return _alert(state, draft, request, at)
        case _K.PACE | _K.STEP:
            return _pace(draft, request)


# -- trading state ---------------------------------------------------------------------------


def change_trading_state(
    state: State, draft: Draft, after: TradingState, reason: str, actor: str
) -> None:
    """Move to a trading state; leaving ACTIVE cancels working entries."""
    draft.add(
        ev.TradingStateChanged(before=state.trading_state, after=after, reason=reason, actor=actor)
    )
    if after is not TradingState.ACTIVE:
        cancel_working(state, draft, actor, f"{after.value}: {reason}", entries_only=True)
        may_exit = after is TradingState.REDUCING
        manual.drop(state, draft, f"{after.value}: {reason}", entries_only=may_exit)


_WANTED = {
    _K.HALT: TradingState.HALTED,
    _K.REDUCE: TradingState.REDUCING,
    _K.RESUME: TradingState.ACTIVE,
}


_REASON = "a reason of at least 3 characters"


def _too_short(request: Request) -> bool:
    return len(request.reason.strip()) < 3


def _trading_state(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    before, after = state.trading_state, _WANTED[request.kind]
    if after is TradingState.ACTIVE:
        _forgive(state, draft, request.actor)
    if before is after:
        return "DONE", f"already {after.value}"
    if after is not TradingState.HALTED and _too_short(request):
        return (
            "REFUSED",
            f"{before.value} to {after.value} needs {_REASON}, {request.reason!r} is too short",
        )
    change_trading_state(state, draft, after, request.reason, request.actor)
    if after is TradingState.ACTIVE:
        for latch, scope in state.latches:
            draft.add(ev.LatchReleased(latch=latch, scope=scope, by=request.actor))
    return "DONE", f"{before.value} → {after.value}"


def _forgive(state: State, draft: Draft, actor: str) -> None:
    """A person lets strategies that had failed too often make entries again."""
    for book in state.books.values():
        if book.status == "ERROR" and not book.broken:
            draft.add(
                ev.StrategyStateChanged(
                    strategy=book.strategy.id,
                    before=book.status,
                    after="ACTIVE",
                    reason=f"resumed by {actor}",
                )
            )


def _flatten(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    owned = [b for b in state.books.values() if any(p.quantity for p in b.positions.values())]
    if state.session_state not in _RUNS:
        return "REFUSED", f"the session is {state.session_state.value}"
    if state.trading_state is TradingState.HALTED and _too_short(request):
        return "REFUSED", f"leaving HALTED needs {_REASON}, {request.reason!r} is too short"
    if state.trading_state is not TradingState.REDUCING:
        reason = f"flatten: {request.reason}"
        draft.add(
            ev.TradingStateChanged(
                before=state.trading_state,
                after=TradingState.REDUCING,
                reason=reason,
                actor=request.actor,
            )
        )
    cancel_working(state, draft, request.actor, "flatten", entries_only=True)
    manual.drop(state, draft, "flatten")
    trade.drop_plans(state, draft, "flatten")
    draft.do(LookAgain())
    count = sum(1 for b in owned for p in b.positions.values() if p.quantity)
    return "DONE", f"closing {count} positions, then HALTED"


def continue_flatten(state: State, draft: Draft, at: datetime) -> None:
    """Send one exit per owned position once entries are canceled; HALTED when all is flat."""
    if any(not row.order.is_exit for row in state.working.values()):
        return
    todo: list[tuple[Decimal, StrategyBook, InstrumentId]] = []
    for book in state.books.values():
        for instrument, position in book.positions.items():
            if position.quantity:
                price = price_of(state, instrument) or ZERO
                todo.append((abs(position.quantity) * price, book, instrument))
    if not todo:
        if not state.working:
            change_trading_state(
                state, draft, TradingState.HALTED, "flatten: all flat", state.flatten_actor
            )
        return
    for _, book, instrument in sorted(todo, key=lambda t: (-t[0], t[1].strategy.id, t[2])):
        _exit_all(state, draft, book, instrument, at)


def _exit_all(
    state: State, draft: Draft, book: StrategyBook, key: InstrumentId, at: datetime
) -> None:
    position = book.position(key)
    left = position.quantity + trade.working_quantity(state, book, key)
    if left == 0:
        return
    name = short_hash(f"{state.flatten}|{book.strategy.id}|{key}")
    attempt = sum(
        1 for row in state.orders.values() if row.order.order_ref.startswith(f"{REF_PREFIX}{name}")
    )
    if attempt >= 3:
        _alert_left(state, draft, book, key, f"{attempt} exits have ended")
        return
    ref = order_ref(name, attempt)
    order = trade.close_order(state, book, ref, key, left, at)
    if not trade.submit(state, draft, book, order, None):
        _alert_left(state, draft, book, key, "its exit did not go")


def _alert_left(
    state: State, draft: Draft, book: StrategyBook, key: InstrumentId, why: str
) -> None:
    left = book.position(key).quantity
    text = f"{why}, and {book.strategy.id} still owns {left} {symbol_of(key)}"
    draft.alert(state.context.book, Severity.CRITICAL, "flatten_incomplete", key, text)


# -- session ---------------------------------------------------------------------------------


def _session(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    if request.kind is _K.STOP:
        return _stop(state, draft, request)
    needs, after = SessionState.RUNNING, SessionState.PAUSED
    if request.kind is _K.CONTINUE:
        needs, after = after, needs
    if state.session_state is after:
        return "DONE", f"already {after.value}"
    if state.session_state is not needs:
        return "REFUSED", f"the session is {state.session_state.value}, not {needs.value}"
    draft.add(
        ev.SessionStateChanged(
            before=needs, after=after, reason=request.reason, actor=request.actor
        )
    )
    if after is SessionState.RUNNING:
        draft.do(ReadAccount("continue"))
    return "DONE", f"{needs.value} → {after.value}"


def _stop(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    if state.session_state not in _RUNS and state.session_state is not SessionState.CREATED:
        return "DONE", f"already {state.session_state.value}"
    begin_stop(state, draft, SessionState.STOPPED, request.reason or "asked to stop", request.actor)
    return "DONE", "stopping"


def begin_stop(state: State, draft: Draft, end: SessionState, reason: str, actor: str) -> None:
    """Go to STOPPING and cancel what works; the end state follows when all is confirmed."""
    draft.add(
        ev.SessionStateChanged(
            before=state.session_state,
            after=SessionState.STOPPING,
            reason=f"{end.value}: {reason}",
            actor=actor,
        )
    )
    cancel_working(state, draft, actor, f"session ends: {reason}", entries_only=False)
    manual.drop(state, draft, f"session ends: {reason}")
    if state.flatten is not None:
        for book in state.books.values():
            for key, position in book.positions.items():
                if position.quantity:
                    _alert_left(state, draft, book, key, f"the session ends: {reason}")
    draft.do(LookAgain())


# -- orders, differences, parameters, alerts -------------------------------------------------


def _orders(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    if request.kind is _K.SETTLE:
        return _settle(state, draft, request)
    if request.kind is _K.CANCEL_ALL:
        count = cancel_working(state, draft, request.actor, request.reason, entries_only=False)
        return "DONE", f"{count} cancels asked"
    wanted = request.args.get("order_id", "")
    matches = [o for o in state.orders if o == wanted or (len(wanted) >= 6 and o.endswith(wanted))]
    if len(matches) != 1:
        return "REFUSED", f"{len(matches)} orders match {wanted!r}"
    row = state.orders[matches[0]]
    if row.order.order_id not in state.working:
        return "REFUSED", f"{wanted} is {row.status.value}; only working orders can be canceled"
    if row.canceling:
        return "DONE", "a cancel has been asked already"
    ask_cancel(state, draft, row, request.actor, request.reason)
    return "DONE", f"cancel asked for {row.order.order_id}"


def _reconcile(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    if request.kind is _K.RECONCILE:
        draft.do(ReadAccount("request"))
        return "DONE", "asked the broker for its account"
    item = request.args.get("item", "")
    unsettled = {i for i, d in state.differences.items() if state.accepted.get(i) != d.gap}
    if item not in unsettled:
        known = ", ".join(sorted(unsettled)) or "none"
        return "REFUSED", f"no difference {item!r}; open: {known}"
    if _too_short(request):
        return "REFUSED", f"accepting a difference needs {_REASON}, {request.reason!r} is too short"
    draft.add(ev.DifferenceAccepted(item=item, actor=request.actor, reason=request.reason))
    return "DONE", f"{item} accepted"


def _settle(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    row = state.orders.get(OrderId(request.args.get("order_id", "")))
    text = request.args.get("status", "")
    if row is None or row.status is not OrderStatus.UNKNOWN:
        which = "no such order" if row is None else row.status.value
        text = (
            f"{request.args.get('order_id', '')!r}: {which}; only an UNKNOWN order can be settled"
        )
        return "REFUSED", text
    ends = {s.value for s in ENDS if s is not OrderStatus.FILLED}
    if text not in ends:
        return "REFUSED", f"status {text!r}: allowed are {', '.join(sorted(ends))}"
    if _too_short(request):
        return "REFUSED", f"settling an order needs {_REASON}, {request.reason!r} is too short"
    because = f"settled by {request.actor}: {request.reason}"
    reports.move(draft, row, OrderStatus(text), row.filled, row.filled_value, text=because)
    reports.order_ended(state, draft, row, OrderStatus(text))
    return "DONE", f"{row.order.order_id} settled as {text}"


def _parameter(state: State, draft: Draft, request: Request) -> tuple[str, str]:
    name, key, value = (request.args.get(k, "") for k in ("strategy", "key", "value"))
    book = next((b for s, b in state.books.items() if s == name), None)
    if book is None:
        return "REFUSED", f"no strategy {name!r} in this session"
    try:
        changed = state.terms.rebuild(book.strategy, key, value)
    except Exception as error:  # noqa: BLE001  findings of a parameter check, for the person
        return "REFUSED", str(error)
    draft.add(
        ev.ParameterChanged(
            strategy=book.strategy.id,
            key=key,
            old=book.strategy.parameters.get(key, ""),
            new=changed.parameters.get(key, value),
            parameter_hash=changed.parameter_hash,
            actor=request.actor,
            reason=request.reason,
        )
    )
    return "DONE", f"{name}.{key} = {value} from the next decision on"


def _pace(draft: Draft, request: Request) -> tuple[str, str]:
    pace = "step" if request.kind is _K.STEP else request.args.get("pace", "")
    if request.kind is _K.PACE and pace not in STEPS:
        try:
            parse(pace)
        except SettingsError as error:
            return "REFUSED", str(error)
    draft.do(SetPace(pace))
    return "DONE", f"pace {pace}"


def _alert(state: State, draft: Draft, request: Request, at: datetime) -> tuple[str, str]:
    wanted = request.args.get("alert_id", "")
    snooze = request.kind is _K.SNOOZE
    ids = [
        a
        for a, now in state.alerts.items()
        if now.state is AlertState.OPEN and (wanted == "*" or a == wanted)
    ]
    until = None
    if snooze:
        minutes = request.args.get("minutes", "60")
        if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes[:9]) <= _SNOOZE_MAX):
            return "REFUSED", f"minutes {minutes!r}: a whole number from 1 to {_SNOOZE_MAX}"
        until = at + timedelta(minutes=int(minutes))
    for alert in ids:
        draft.add(
            ev.AlertStateChanged(
                alert_id=AlertId(alert),
                state=AlertState.SNOOZED if snooze else AlertState.ACKED,
                actor=request.actor,
                until=until,
            )
        )
    return "DONE", f"{len(ids)} alerts {'snoozed' if snooze else 'acknowledged'}"
