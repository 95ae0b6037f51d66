"""What the message line says: every message that applies now, the most important first.

Rank: what the person just did wrong; ended or silent engine; HALTED or REDUCING with reason,
actor and since; CRITICAL until acknowledged; entries blocked and why; the result of the own
request; other alerts; news of this screen.
"""

from datetime import datetime

from engine.domain.request import RequestKind
from tui.format import (
    UNKNOWN,
    Shown,
    age,
    cell,
    exchange_time,
    quantity,
    safe,
    say,
    short_id,
    until,
    when,
    word,
)
from tui.steering import Asked
from tui.view import Row, View, instant
from tui.widgets.lines import Span
from tui.widgets.status import beat_age, ended

SILENT_S = 10.0
ANSWER_S = 10.0
NOT_TAKEN_S = 1.0


def messages(
    view: View, now: datetime, *, hint: Span | None, engine_end: Span | None, own: Asked | None
) -> list[Span]:
    """Return the messages by rank; `own` is the last request of this screen."""
    news = hint if hint is not None and hint.ink == "quiet" else None
    wrong = hint if news is None else None
    found: list[Span | None] = [wrong, _end(view, engine_end), _silent(view, now)]
    found.append(_trading_state(view))
    alerts = [row for row in view["alerts"].rows or () if row["state"] == "OPEN"]
    found += [_alert(row, "danger") for row in alerts if row["severity"] == "CRITICAL"]
    found.append(_link(view))
    found += [_latch(row, view) for row in view["latches"].rows or ()]
    found.append(_answer(view, own))
    found += [_alert(row, "warn") for row in alerts if row["severity"] == "WARNING"]
    found.append(news)
    return [message for message in found if message is not None]


def _end(view: View, engine_end: Span | None) -> Span | None:
    """How it ended: the session's own words, unless the engine died without any."""
    session = view["session"].first()
    if session is None or not ended(session) or (engine_end and engine_end.ink == "danger"):
        return engine_end
    return Span(
        say(
            "SESSION ENDED {} ET: {}. Nothing here moves. Q leaves · {}",
            Shown(exchange_time(instant(session, "ended_at"))[:5]),
            word(session["state"]),
            safe(session["end_reason"] or "", 60),
        ),
        "warn",
    )


def _silent(view: View, now: datetime) -> Span | None:
    silent = beat_age(view, now)
    if silent is None or silent <= SILENT_S or ended(view["session"].first()):
        return None
    at = exchange_time(instant(view["beat"].first() or {}, "wall_at"))
    text = say(
        "ENGINE SILENT {}: values as of {} ET; halt works, other requests expire", age(silent), at
    )
    return Span(text, "danger")


def _trading_state(view: View) -> Span | None:
    state = view["trading"].first()
    if state is None or state["state"] == "ACTIVE":
        return None
    what = Shown("nothing is sent" if state["state"] == "HALTED" else "exits only")
    text = say(
        "{}: {} · {} · by {} · since {} · T changes it",
        word(state["state"]),
        what,
        safe(state["reason"] or "·", 80),
        safe(state["actor"] or "·", 40),
        when(instant(state, "since"), view.moment.session_date),
    )
    return Span(text, "danger" if state["state"] == "HALTED" else "warn")


def _alert(row: Row, ink: str) -> Span:
    return Span(
        say("! {} {}: {}", word(row["kind"]), cell(row["subject"] or ""), safe(row["text"], 200)),
        ink,
    )


def _link(view: View) -> Span | None:
    """Why nothing can be sent to the broker now."""
    session = view["session"].first()
    link = session.get("link") if session is not None else None
    if session is None or link in (None, "LIVE") or ended(session):
        return None
    words = safe(session.get("link_text") or "·", 120)
    return Span(say("Entries blocked: {}: {}", word(link), words), "warn")


def _latch(row: Row, view: View) -> Span:
    return Span(
        say(
            "Entries blocked: {} latch of {} until {}: {}",
            word(row["latch"]),
            word(row["scope"]),
            until(row["until"], view.moment.session_date),
            safe(row["text"], 120),
        ),
        "warn",
    )


def _answer(view: View, own: Asked | None) -> Span | None:
    """What came of the own request, for a while; that nobody has taken it, for as long."""
    if own is None:
        return None
    found = [row for row in view["answers"].rows or () if row["request_id"] == own.request_id]
    if found:
        quiet = own.age_s > ANSWER_S or own.kind == RequestKind.PREVIEW.value
        return None if quiet else _came_of(found[-1], own)
    if own.age_s < NOT_TAKEN_S:
        return None
    return Span(say("{} asked {} ago, not taken", safe(own.kind), age(own.age_s)), "warn")


def _came_of(row: Row, own: Asked) -> Span:
    """Return result and text; of an order its status as it is now, never "done"."""
    result = str(row.get("result") or row.get("outcome"))
    ink, kind = ("gain" if result == "DONE" else "warn"), safe(own.kind)
    order = row.get("order")
    if order is None:
        words = safe(row["text"] or "", 200)
        return Span(say("{} {}: {}", kind, word(result), words), ink)
    text = say(
        "{} {} {} {} {}/{} {}",
        kind,
        short_id(order["order_id"]),
        word(order["symbol"]),
        word(order["status"]),
        quantity(order["filled"]),
        quantity(order["quantity"]),
        safe(str(row["text"]).partition(" ")[2], 120),
    )
    return Span(text, "warn" if order["status"] in ("DENIED", "REJECTED", "UNKNOWN") else ink)


def engine_end(alive: bool, code: int | None, error: BaseException | None) -> Span | None:
    """Return what is said when the engine of this process is no more."""
    if alive:
        return None
    if error is not None:
        words = safe(f"{type(error).__name__}: {error}", 200)
        return Span(say("ENGINE DIED {}. The screen stays readable. Q leaves", words), "danger")
    shown = UNKNOWN if code is None else Shown(str(code))
    return Span(say("ENGINE ENDED, exit code {}. Nothing here moves. Q leaves", shown), "warn")
