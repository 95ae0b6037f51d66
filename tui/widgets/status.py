"""The lines around the panes: status, strip, message and footer.

The status line is never covered and never moves: every field has its width, whatever its
value. It answers "is all well?" with mode, account, trading state, link, ages and clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tui.actions import PANES
from tui.format import (
    BLANK,
    UNKNOWN,
    Shown,
    age,
    cell,
    clip,
    day,
    exchange_time,
    fit,
    number,
    percent,
    say,
    slot,
    time_left,
)
from tui.view import Moment, Row, View, compared_at, instant
from tui.widgets.lines import Lines, Span, line

WIDE = 120
SILENT_S = 3.0
SILENT = 4  # columns: what it is longer, the message line says


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the status line. Those with a higher rank go first when it is narrow."""

    width: int
    text: Shown
    ink: str = "plain"
    rank: int = 0


class StatusLine(Lines):
    """Mode, account, state, link, quotes, clock, cell, alerts, differences, armed, beat."""

    def show(self, view: View, armed: Shown, *, read_only: bool, now: datetime) -> None:
        """Paint the line for what is known now."""
        fields = status_fields(view, armed, read_only=read_only, now=now)
        width = self.size.width
        while sum(f.width + 1 for f in fields) - 1 > width and len(fields) > 1:
            fields.remove(max(fields, key=lambda f: f.rank))
        if width >= WIDE:
            fields[-1:-1] = wide_fields(view)
        spans: list[Span] = []
        for field in fields:
            spans.append(Span(say("{} ", fit(field.text, field.width)), field.ink))
        self.paint([line(*spans, ink="bar")])


def status_fields(view: View, armed: Shown, *, read_only: bool, now: datetime) -> list[Field]:
    """Return the fields that every layout has."""
    session, beat = view["session"].first(), view["beat"].first()
    counts, state = view["counts"].first(), view["trading"].first()
    silent_s = beat_age(view, now)
    silent = silent_s is not None and silent_s > SILENT_S and not ended(session)
    return [
        _mode(session),
        Field(5, _account(session), rank=8),
        _state(session, state),
        _link(session, beat),
        Field(5, _quotes(view), rank=7),
        Field(8, _clock(session, beat, view.moment), rank=1),
        Field(2, _cell(view), rank=6),
        _alerts(counts),
        _differences(counts),
        Field(11, Shown("READ-ONLY") if read_only else armed, _armed_ink(armed), rank=5),
        Field(SILENT, say("E {}", age(silent_s)), "danger")
        if silent
        else Field(1, Shown("•" if int(now.timestamp()) % 2 else "·"), "quiet"),
    ]


def wide_fields(view: View) -> list[Field]:
    """Return what joins from 120 columns on: zone, close, slot or pace, comparison, session."""
    session, beat = view["session"].first(), view["beat"].first()
    if session is None:
        return []
    return [
        Field(2, Shown("ET")),
        *_time_of_day(session, beat, view.moment),
        Field(7, say("rec {}", age(view.moment.age(compared_at(view))))),
        Field(8, cell(session["session_id"][-8:]), "quiet"),
    ]


def beat_age(view: View, now: datetime) -> float | None:
    """Return the age of the engine's heartbeat in wall time."""
    beat = view["beat"].first()
    at = instant(beat, "wall_at") if beat else None
    return None if at is None else (now - at).total_seconds()


def ended(session: Row | None) -> bool:
    """Say whether the session is over."""
    return session is not None and session["state"] in (
        "STOPPED", "COMPLETED", "FAILED", "INTERRUPTED",
    )  # fmt: skip


def _mode(session: Row | None) -> Field:
    if session is None:
        return Field(12, Shown("starting"), "quiet")
    if session.get("replay"):
        return Field(12, Shown("REPLAY"), "key")
    mode = cell(session["mode"].upper())
    text = say("{}+DRY", mode) if session["dry_run"] else mode
    return Field(12, text, "danger" if session["mode"] == "live" else "key")


def _account(session: Row | None) -> Shown:
    account = session.get("account") if session else None
    if not account:
        return UNKNOWN
    return cell(account) if account == "SIM" else say("…{}", cell(account[-4:]))


def _state(session: Row | None, state: Row | None) -> Field:
    trading = state["state"] if state else None
    if trading == "HALTED":
        return Field(8, Shown("HALTED"), "danger")
    if trading == "REDUCING":
        return Field(8, Shown("REDUCING"), "warn")
    if session is None:
        return Field(8, UNKNOWN)
    if ended(session):
        return Field(8, Shown("ENDED"), "warn")
    running = session["state"]  # journaled at once; the pulse is up to a second late
    if running not in ("RUNNING",):
        shown = Shown("STARTING") if running == "CREATED" else cell(running)
        return Field(8, shown, "warn" if running in ("PAUSED", "STOPPING") else "quiet")
    return Field(8, UNKNOWN if trading is None else cell(trading), "gain")


_LINKS = {
    "LIVE": ("IB●", "gain"),
    "SYNCING": ("IB◐ sync", "warn"),
    "LINK_DOWN": ("IB○ down", "danger"),
    "UPSTREAM_DOWN": ("IB○ upstr", "danger"),
    "BLACKOUT": ("IB○ night", "warn"),
    "READ_ONLY": ("IB○ r/o", "danger"),
    "MODE_GATE": ("IB○ gate", "danger"),
    "ACCOUNT_MISMATCH": ("IB○ gate", "danger"),
}
"""What forbids sending, in nine columns; the message line has the words."""


def _reached(link: str, form: Shown, reach: Row) -> Shown:
    """How long the broker takes to answer, or how often it was tried; else what the link is."""
    took, tries = reach.get("round_trip_ms"), reach.get("tries")
    if link == "LIVE" and took is not None:
        short = took < 999.5
        how = say("{}ms", number(took, 0)) if short else say("{}s", number(took / 1000, 1, width=4))
        return say("{} {}", form, how)
    if link == "LINK_DOWN" and tries:
        return say("IB○ try{}", Shown(f"{min(tries, 99):2}"))
    return form


def _link(session: Row | None, beat: Row | None) -> Field:
    if session is None:
        return Field(9, UNKNOWN, rank=3)
    link = session.get("link")
    if link is not None and not ended(session):
        form, ink = _LINKS.get(link, ("IB○ down", "danger"))
        return Field(9, _reached(link, Shown(form), (beat or {}).get("reach") or {}), ink, rank=3)
    source = session.get("source") or ""
    if source.upper().startswith("SYNTHETIC"):
        return Field(9, Shown("SYNTHETIC"), "warn", rank=3)
    return Field(9, cell(source.split(" ")[0] or "·"), rank=3)


def _quotes(view: View) -> Shown:
    """The oldest quote of what is held. A recorded clock has none: prices are those of bars."""
    session = view["session"].first()
    if session is not None and session.get("recorded_clock"):
        return Shown("q ·")
    if _named(view["beat"].first(), "hours")[0] == "open":
        return Shown("shut")
    ages = [
        view.moment.age(instant(row, "priced_at"))
        for row in view["positions"].rows or ()
        if row["quantity"]
    ]
    known = [seconds for seconds in ages if seconds is not None]
    return say("q {}", age(max(known))) if known and len(known) == len(ages) else Shown("q ·")


def _clock(session: Row | None, beat: Row | None, moment: Moment) -> Shown:
    if session is not None and session["mode"] == "backtest":
        return Shown(day(moment.session_date)[2:]) if moment.session_date else UNKNOWN
    if session is not None and session.get("recorded_clock") and moment.session_date:
        return Shown(day(moment.session_date)[2:])
    return exchange_time(moment.clock)


def _cell(view: View) -> Shown:
    """The cell of the newest reading."""
    readings = view["readings"].rows
    return say("C{}", cell(str(readings[-1]["cell"]))) if readings else Shown("C·")


def _alerts(counts: Row | None) -> Field:
    open_alerts = counts["open_alerts"] if counts else 0
    if not open_alerts:
        return Field(3, BLANK, rank=2)
    return Field(3, Shown(f"!{min(open_alerts, 99)}"), "danger", rank=2)


def _differences(counts: Row | None) -> Field:
    verdict = counts["verdict"] if counts else None
    if verdict == "DIFFERENCES" and counts is not None:
        return Field(2, Shown(f"≠{min(counts['differences'], 9)}"), "danger", rank=4)
    if verdict == "UNKNOWN":
        return Field(2, Shown("≠?"), "danger", rank=4)
    return Field(2, BLANK, rank=4)


def _armed_ink(armed: Shown) -> str:
    return "warn" if armed.startswith("ARMED") else "quiet"


def _time_of_day(session: Row, beat: Row | None, moment: Moment) -> list[Field]:
    """How long the exchange is open, or shut, and the next slot; a recorded clock has a pace."""
    if session["recorded_clock"]:
        return [Field(20, _pace(beat))]
    return [Field(9, _hours(beat, moment)), Field(10, _next_slot(beat, moment))]


def _hours(beat: Row | None, moment: Moment) -> Shown:
    """`ends 2h04` while the exchange is open, `opens 14h` while it is shut."""
    what, due = _named(beat, "hours")
    if what is None or due is None:
        return Shown("ends ·")
    left = None if moment.clock is None else (due - moment.clock).total_seconds()
    return say("{} {}", Shown("ends" if what == "close" else "opens"), time_left(left))


def _named(beat: Row | None, field: str) -> tuple[str | None, datetime | None]:
    """Return both parts of `open 2026-11-20T14:30:00.000000Z`; None where there is nothing."""
    name, _, at = ((beat or {}).get(field) or "").partition(" ")
    return name or None, instant({"at": at}, "at") if at else None


def _next_slot(beat: Row | None, moment: Moment) -> Shown:
    """The next slot and how long it is until then: `c-15 29m`."""
    name, due = _named(beat, "next_slot")
    if name is None:
        return Shown("slot ·")
    left = None if due is None or moment.clock is None else (due - moment.clock).total_seconds()
    return say("{} {}", slot(name), time_left(left))


def _pace(beat: Row | None) -> Shown:
    """`pace 10/s 34 %`: how fast a recorded clock goes, and how much of it is done."""
    if beat is None:
        return UNKNOWN
    done, total = beat["inputs_done"], beat["inputs_total"]
    share = say(" {} %", percent(done / total, 0)) if total else BLANK
    return say("pace {}{}", cell(beat["pace"]), share)


class Strip(Lines):
    """The panes by key, the shown one reversed, counts on four of them."""

    def show(self, view: View, current: str, waiting: frozenset[str]) -> None:
        """Paint the strip; `waiting` names panes whose last read failed."""
        counts = view["counts"].first()
        numbers = {
            "positions": counts["positions"],
            "orders": counts["working"],
            "alerts": counts["open_alerts"],
            "reconciliation": counts["differences"],
        } if counts else {}  # fmt: skip
        spans: list[Span] = []
        for key, pane, label, _ in PANES:
            n = numbers.get(pane) or 0
            count = BLANK if not n else Shown("9+" if n >= 100 else str(n))
            mark = Shown("~" if pane in waiting else " ")
            ink = "titled" if pane == current else "plain"
            spans += [
                Span(say("{}{}{}{}", Shown(key), mark, label, count), ink),
                Span(Shown(" ")),
            ]
        self.paint([line(*spans)])


class MessageLine(Lines):
    """The one message that matters most, and how many others wait."""

    messages: Sequence[Span] = ()

    def on_resize(self) -> None:
        """Back in its place after something was typed there."""
        self.show(self.messages)

    def show(self, messages: Sequence[Span]) -> None:
        """Paint the first message of a list sorted by rank."""
        self.messages = messages
        if not messages:
            self.paint([line()])
            return
        more = say(" +{}", Shown(str(len(messages) - 1))) if len(messages) > 1 else BLANK
        room = max(1, self.size.width - 1 - len(more))
        text, ink = messages[0]
        self.paint([line(Span(say(" {}", clip(text, room - 1)), ink), Span(more, "quiet"))])


class Footer(Lines):
    """The keys of the focused pane."""

    def show(self, keys: Sequence[tuple[Shown, Shown]]) -> None:
        """Paint keys and labels, whole ones only, as far as they fit."""
        spans: list[Span] = []
        used = 0
        for key, label in keys:
            needed = len(key) + len(label) + 3
            if used + needed > self.size.width:
                break
            used += needed
            spans += [Span(say(" {}", key), "key"), Span(say(" {} ", label))]
        self.paint([line(*spans, ink="bar")])
