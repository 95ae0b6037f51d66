"""Health: what the engine, its files and its link measure of themselves, with their limits.

A pane that is high enough shows every item; a low one shows how many are well, and the others.
What was not reported is `?`, never a good number.
"""

from pathlib import Path
from typing import NamedTuple

from engine.checks.health import Health, Level, Vitals, examine
from engine.domain.session import Verdict
from tui.format import BLANK, UNKNOWN, Shown, age, fit, safe, say, slot, when, whole
from tui.view import Row, View, compared_at, instant
from tui.widgets.lines import Line, Span, line

ALL_FROM = 30  # rows of a pane that has room for every item
INKS = {Level.OK: "plain", Level.WARN: "warn", Level.BAD: "danger"}
_MB = 1e6
_GIB = float(1 << 30)


class Item(NamedTuple):
    """One line: what, its value, its limit, how it is, and what it is about."""

    name: Shown
    value: Shown
    limit: Shown = BLANK
    level: Level | None = None  # None: it has no limit
    note: Shown = BLANK


def items(view: View, log: Path | None = None) -> list[Item]:
    """Return every item, those with a limit first; `log` is where the engine logs."""
    session, beat = view["session"].first(), view["beat"].first()
    if session is None:
        return []
    rows = examine(_vitals(view, session, beat), verdict=_verdict(view))
    silent = beat is None and not session["ended_at"]
    found = [_item(row) for row in rows]
    if silent:
        found.insert(0, Item(Shown("heartbeat"), Shown("?"), BLANK, Level.BAD))
    found += _facts(view, session, beat)
    read_at = view["beat"].read_at
    lag = None if read_at is None else (view.moment.wall - read_at).total_seconds()
    found.append(Item(Shown("reader lag"), age(lag), note=Shown("since rows were last read")))
    if log is not None:
        found.append(Item(Shown("log file"), BLANK, note=safe(str(log))))
    return found


def _vitals(view: View, session: Row, beat: Row | None) -> Vitals:
    if beat is None:
        return Vitals()
    room = beat.get("room") or {}
    ended = bool(session["ended_at"])
    recorded = bool(session.get("recorded_clock"))
    quotes = [
        view.moment.age(instant(row, "priced_at"))
        for row in view["positions"].rows or ()
        if row["quantity"]
    ]
    known = [seconds for seconds in quotes if seconds is not None]
    return Vitals(
        heartbeat_age_s=None if ended else _rounded(view.moment.wall_age(instant(beat, "wall_at"))),
        tick_gap_ms=None if ended else beat["tick_gap_ms"],
        reports_waiting=None if ended else beat["reports_waiting"],
        commit_p99_ms=None if ended else beat["commit_p99_ms"],
        quote_age_s=_rounded(max(known)) if known and not recorded and not ended else None,
        wal_mb=round(room["log_bytes"] / _MB, 1) if "log_bytes" in room else None,
        free_gib=round(room["free_bytes"] / _GIB, 1) if "free_bytes" in room else None,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else float(round(max(0.0, seconds)))


def _verdict(view: View) -> Verdict | None:
    run = view["reconciliation"].first()
    return None if run is None else Verdict(run["verdict"])


def _item(row: Health) -> Item:
    return Item(safe(row.item), safe(row.value), safe(row.limit), row.level)


def _facts(view: View, session: Row, beat: Row | None) -> list[Item]:
    """What has no limit of its own, or is judged elsewhere."""
    link = session.get("link")
    facts = [
        Item(
            Shown("link"),
            safe(link or session.get("feed") or "·"),
            level=None if link is None else Level.OK if link == "LIVE" else Level.BAD,
            note=safe(session.get("link_text") or ""),
        )
    ]
    next_slot, _, at = (beat["next_slot"] if beat else "").partition(" ")
    due = when(instant({"at": at}, "at"), view.moment.session_date) if at else BLANK
    facts.append(Item(Shown("next slot"), slot(next_slot) if next_slot else UNKNOWN, note=due))
    job = view["job"].first()
    if job is not None:
        bad = job["outcome"] in ("FAILED", "MISSED")
        facts.append(
            Item(
                Shown("last job"),
                safe(job["outcome"]),
                level=Level.BAD if bad else Level.OK,
                note=say("{} of {}", safe(job["job"]), safe(job["session_date"])),
            )
        )
    size = ((beat or {}).get("room") or {}).get("database_bytes")
    facts.append(Item(Shown("database"), UNKNOWN if size is None else _megabytes(size)))
    run = view["reconciliation"].first()
    if run is not None:
        since = say("compared {} ago", age(view.moment.age(compared_at(view))))
        facts.append(Item(Shown("compared"), say("{} items", whole(run["matched"])), note=since))
    return facts


def _megabytes(size: float) -> Shown:
    return safe(f"{size / _MB:.1f} MB")


def health_lines(view: View, width: int, height: int, log: Path | None = None) -> list[Line]:
    """Return the table, or its summary where a pane is low."""
    found = items(view, log)
    if not found:
        return []
    worried = [one for one in found if one.level in (Level.WARN, Level.BAD)]
    shown = found if height >= ALL_FROM else worried
    well = sum(one.level is Level.OK for one in found)
    summary = say(" Health · {} well · {} not", whole(well), whole(len(worried)))
    return [line(summary, ink="head"), *(_line(one, width) for one in shown)]


def _line(one: Item, width: int) -> Line:
    ink = INKS[one.level] if one.level else "quiet"
    room = max(0, width - 47)
    return line(
        Span(say(" {} ", fit(one.name, 15))),
        Span(say("{} ", fit(one.value, 14)), ink),
        Span(say("{} ", fit(one.limit, 8)), "quiet"),
        Span(say("{} ", fit(Shown(one.level.name if one.level else ""), 4)), ink),
        Span(fit(one.note, room), "quiet"),
    )
