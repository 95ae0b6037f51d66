"""Health: what the engine, its files, its link and this screen measure of themselves.

Each item with its limit, how it is, how old that is and since when it is so. A pane that is high
enough shows every item, a low one how many are well, and the others; a key shows all of them there
too. What was not reported for two periods is `?`, never a good number.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from engine.checks.health import BOUNDS, Health, Level, Vitals, examine
from engine.domain.session import Verdict
from tui.format import BLANK, EXCHANGE_ZONE, UNKNOWN, Shown, age, fit, safe, say, slot, when, whole
from tui.view import Row, View, compared_at, instant
from tui.widgets.lines import Line, Span, line

ALL_FROM = 30  # rows of a pane that has room for every item
INKS = {Level.OK: "plain", Level.WARN: "warn", Level.BAD: "danger"}
SILENT_S = 3.0  # of a pulse once a second: two are missing
CLOCKS_SILENT_S = 120.0  # of a question a minute
READER_LATE_S = 3.0
SCREEN_MOST = 45_000  # bytes a second
ROOM = ("WAL", "disk free")  # measured here, not by the engine
ASKED = ("round trip", "clock offset")
_MB = 1e6
_GIB = float(1 << 30)

LABELS = tuple(
    Shown(label) for label in ("Item", "Value", "Limit", "State", "Age", "Since", "Note")
)
WIDTHS = (14, 10, 10, 5, 4, 8)


class Item(NamedTuple):
    """One line of the table."""

    name: Shown
    value: Shown
    limit: Shown = BLANK
    level: Level | None = None  # None: it has no limit
    age: Shown = BLANK
    since: Shown = BLANK
    note: Shown = BLANK
    silent: bool = False  # nothing was reported for two periods

    @property
    def state(self) -> Shown:
        """OK, WARN, BAD, or ? where nobody reports."""
        if self.silent:
            return Shown("?")
        return Shown(self.level.name) if self.level is not None else BLANK


class Own:
    """What the screen knows of itself; and since when it sees what nobody else measures."""

    def __init__(self, log: Path | None = None, sent_per_s: float | None = None) -> None:
        self.log = log
        self.sent_per_s = sent_per_s
        self._since: dict[str, tuple[Level, datetime]] = {}

    def since(self, item: str, level: Level, now: datetime) -> datetime:
        """Return since when an item is as it is, as far as this screen has seen it."""
        known = self._since.get(item)
        if known is None or known[0] is not level:
            known = self._since[item] = level, now
        return known[1]


def items(view: View, own: Own | None = None) -> list[Item]:
    """Return every item, those with a limit first."""
    session, beat = view["session"].first(), view["beat"].first()
    if session is None:
        return []
    own = own or Own()
    found = _measured(view, session, beat, own)
    if beat is None and not session["ended_at"] and not session.get("replay"):
        found.insert(0, Item(Shown("heartbeat"), UNKNOWN, level=Level.BAD, silent=True))
    found += [_link(view, session, beat), *_farms(view, beat)]
    found += [*_comparison(view), *_facts(view, beat)]
    return found + _screen(view, session, own)


def _measured(view: View, session: Row, beat: Row | None, own: Own) -> list[Item]:
    """What has bounds: by the engine's pulse, and by this screen."""
    if beat is None:
        return []
    told = _vitals(view, session, beat)
    found = [_item(row, view, session, beat, own) for row in examine(told)]
    reach, known = beat.get("reach"), {one.name for one in found}
    if "loop gap" in known and "loop lag" not in known:
        found.insert(2, Item(Shown("loop lag"), UNKNOWN, note=Shown("it has not slept")))
    if reach and not session["ended_at"]:
        found += [
            Item(Shown(name), UNKNOWN, silent=True)
            for name in ASKED
            if name not in known and not (name == "clock offset" and reach["asked_s"] is not None)
        ]
    return found


def _item(row: Health, view: View, session: Row, beat: Row, own: Own) -> Item:
    wall, moment = view.moment.wall, view.moment
    beat_age = moment.wall_age(instant(beat, "wall_at"))
    silent = beat_age is not None and beat_age > SILENT_S and not session["ended_at"]
    old, since = beat_age, _told_since(beat, row.item)
    if row.item in ROOM:
        old, silent = moment.wall_age(view["beat"].read_at), False
        since = own.since(row.item, row.level, wall)
    elif row.item == "heartbeat":
        old, since, silent = None, own.since(row.item, row.level, wall), False
    elif row.item == "oldest quote":
        since, silent = own.since(row.item, row.level, wall), False
    elif row.item in ASKED:
        old = (beat["reach"]["asked_s"] or 0.0) + (beat_age or 0.0)
        silent = silent or old > CLOCKS_SILENT_S
    return Item(
        safe(row.item),
        safe(row.value),
        safe(row.limit),
        row.level,
        BLANK if old is None else age(old),
        _here(since, wall),
        silent=silent,
    )


def _told_since(beat: Row | None, item: str) -> datetime | None:
    """Since when the engine says that an item is as it is."""
    since = (beat or {}).get("since") or {}
    return instant(since, item) if item in since else None


def _here(at: datetime | None, wall: datetime) -> Shown:
    """An instant on the machine's clock."""
    return UNKNOWN if at is None else when(at, wall.astimezone(EXCHANGE_ZONE).date())


def _vitals(view: View, session: Row, beat: Row) -> Vitals:
    room, reach = beat.get("room") or {}, beat.get("reach") or {}
    ended = bool(session["ended_at"])
    recorded = bool(session.get("recorded_clock"))
    wal = round(room["log_bytes"] / _MB, 1) if "log_bytes" in room else None
    free = round(room["free_bytes"] / _GIB, 1) if "free_bytes" in room else None
    if ended:
        return Vitals(wal_mb=wal, free_gib=free)
    quotes = [
        view.moment.age(instant(row, "priced_at"))
        for row in view["positions"].rows or ()
        if row["quantity"]
    ]
    known = [seconds for seconds in quotes if seconds is not None]
    return Vitals(
        heartbeat_age_s=_rounded(view.moment.wall_age(instant(beat, "wall_at"))),
        tick_gap_ms=beat["tick_gap_ms"],
        loop_lag_ms=beat.get("loop_lag_ms"),
        reports_waiting=beat["reports_waiting"],
        commit_p99_ms=beat["commit_p99_ms"],
        quote_age_s=_rounded(max(known)) if known and not recorded else None,
        round_trip_ms=reach.get("round_trip_ms"),
        clock_offset_s=reach.get("clock_offset_s"),
        wal_mb=wal,
        free_gib=free,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else float(round(max(0.0, seconds)))


def _link(view: View, session: Row, beat: Row | None) -> Item:
    link = session.get("link")
    told = _told_since(beat, "link") if link is not None else None
    return Item(
        Shown("link"),
        safe(link or session.get("feed") or "·"),
        BLANK if link is None else Shown("LIVE"),
        None if link is None else Level.OK if link == "LIVE" else Level.BAD,
        since=BLANK if link is None else _here(told, view.moment.wall),
        note=safe(session.get("link_text") or ""),
    )


def _farms(view: View, beat: Row | None) -> list[Item]:
    """The gateway's data farms; without a broker there are none."""
    reach = (beat or {}).get("reach")
    if beat is None or not reach:
        return []
    farms = reach["farms"]
    if not farms:
        return [Item(Shown("data farms"), UNKNOWN, note=Shown("none was heard of"), silent=True)]
    broken = sorted(name for name, how in farms.items() if how == "BROKEN")
    others = sorted(name for name in farms if name not in broken)
    words = [f"{name} broken" for name in broken]
    words += [name if farms[name] == "OK" else f"{name} idle" for name in others]
    level = Level.BAD if reach["quotes_broken"] else Level.WARN if broken else Level.OK
    value = say("{} broken", whole(len(broken))) if broken else say("{} up", whole(len(farms)))
    return [
        Item(
            Shown("data farms"),
            value,
            Shown("0 broken"),
            level,
            age(view.moment.wall_age(instant(beat, "wall_at"))),
            _here(_told_since(beat, "data farms"), view.moment.wall),
            safe(", ".join(words)),
        )
    ]


def _comparison(view: View) -> list[Item]:
    run = view["reconciliation"].first()
    if run is None:
        return []
    verdict = Verdict(run["verdict"])
    (row,) = examine(Vitals(), verdict=verdict)
    return [
        Item(
            Shown("reconciled"),
            Shown("DIFFERS") if verdict is Verdict.DIFFERENCES else safe(row.value),
            safe(row.limit),
            row.level,
            age(view.moment.age(compared_at(view))),
            when(instant(run, "at"), view.moment.session_date),
            say("{} items equal", whole(run["matched"])),
        )
    ]


def _facts(view: View, beat: Row | None) -> list[Item]:
    """What has no limit of its own."""
    today = view.moment.session_date
    beat_age = None if beat is None else view.moment.wall_age(instant(beat, "wall_at"))
    next_slot, _, at = ((beat["next_slot"] if beat else "") or "").partition(" ")
    due = say("due {}", when(instant({"at": at}, "at"), today)) if at else BLANK
    found = [
        Item(
            Shown("next slot"),
            slot(next_slot) if next_slot else UNKNOWN,
            age=BLANK if beat_age is None else age(beat_age),
            note=due,
        )
    ]
    job = view["job"].first()
    if job is not None:
        bad = job["outcome"] in ("FAILED", "MISSED")
        ended = instant(job, "ended_at")
        found.append(
            Item(
                Shown("last job"),
                safe(job["outcome"]),
                level=Level.BAD if bad else Level.OK,
                age=age(view.moment.age(ended)),
                since=when(ended, today),
                note=say("{} of {}", safe(job["job"]), safe(job["session_date"])),
            )
        )
    size = ((beat or {}).get("room") or {}).get("database_bytes")
    found.append(
        Item(
            Shown("database"),
            UNKNOWN if size is None else safe(f"{size / _MB:.1f} MB"),
            age=BLANK if size is None else age(view.moment.wall_age(view["beat"].read_at)),
        )
    )
    found.append(Item(Shown("notifications"), BLANK, note=Shown("no notifier is set up")))
    return found


def _screen(view: View, session: Row, own: Own) -> list[Item]:
    """What this screen measures of itself."""
    lag = view.moment.wall_age(view["beat"].read_at)
    late = lag is not None and lag > READER_LATE_S and not session["ended_at"]
    how = Level.WARN if late else Level.OK
    sent = own.sent_per_s
    found = [
        Item(
            Shown("reader lag"),
            age(lag),
            safe(f"{READER_LATE_S:g} s"),
            None if session["ended_at"] else how,
            since=_here(own.since("reader lag", how, view.moment.wall), view.moment.wall),
            note=Shown("since rows were last read"),
        )
    ]
    much = Level.WARN if sent is not None and sent > SCREEN_MOST else Level.OK
    found.append(
        Item(
            Shown("screen"),
            UNKNOWN if sent is None else say("{} B/s", whole(round(sent))),
            say("{} B/s", whole(SCREEN_MOST)),
            None if sent is None else much,
            since=BLANK
            if sent is None
            else _here(own.since("screen", much, view.moment.wall), view.moment.wall),
            note=Shown("to this terminal, 10 s mean"),
        )
    )
    if own.log is not None:
        found.append(Item(Shown("log file"), BLANK, note=safe(str(own.log))))
    return found


def health_lines(
    view: View, width: int, height: int, own: Own | None = None, *, whole_table: bool = False
) -> list[Line]:
    """Return the table, or its summary where a pane is low."""
    found = items(view, own)
    if not found:
        return []
    worried = [one for one in found if one.silent or one.level in (Level.WARN, Level.BAD)]
    shown = found if whole_table or height >= ALL_FROM else worried
    well = sum(one.level is Level.OK and not one.silent for one in found)
    summary = say(" Health · {} well · {} not", whole(well), whole(len(worried)))
    if shown is worried:
        summary = say("{} · w shows all", summary)
    lines = [line(summary, ink="head")]
    if shown:
        lines.append(_row(LABELS, width, ("quiet",) * len(LABELS)))
    return [*lines, *(_line(one, width) for one in shown)]


def _line(one: Item, width: int) -> Line:
    ink = "danger" if one.silent else INKS[one.level] if one.level else "quiet"
    parts = (one.name, one.value, one.limit, one.state, one.age, one.since, one.note)
    value = "stale" if one.silent else ink
    return _row(parts, width, ("plain", value, "quiet", ink, "quiet", "quiet", "quiet"))


def _row(parts: tuple[Shown, ...], width: int, inks: tuple[str, ...]) -> Line:
    """One line in the columns of the table; value, limit and age to the right."""
    room = max(0, width - 2 - sum(WIDTHS) - len(WIDTHS))
    spans = [Span(Shown(" "))]
    for n, (text, size) in enumerate(zip(parts, (*WIDTHS, room), strict=True)):
        spans.append(Span(say("{} ", fit(text, size, right=n in (1, 2, 4))), inks[n]))
    return line(*spans)


assert {*ROOM, *ASKED} <= {bounds.item for bounds in BOUNDS.values()} | {"disk free"}
