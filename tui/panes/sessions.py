"""Sessions: every one this database has, with what came of it; two can be compared."""

from collections.abc import Iterable

from tui.actions import bindings
from tui.format import (
    BLANK,
    EXCHANGE_ZONE,
    UNKNOWN,
    Shown,
    cell,
    fit,
    percent,
    safe,
    say,
    short_id,
    whole,
    word,
)
from tui.panes.pane import Pane, sign_ink
from tui.view import Moment, Row, View, instant
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column

COMPARED = (
    "session_id", "mode", "state", "strategy_ids", "source", "fill_rule", "capital",
    "data_from", "data_to", "config_hash", "data_hash", "decisions_hash", "fills_hash",
    "fills", "total_return", "max_drawdown", "build", "seed", "pace",
)  # fmt: skip


def span_text(seconds: float | None) -> Shown:
    """Return a duration in five cells: 42s 17m 2h31 3d04."""
    if seconds is None:
        return UNKNOWN
    left = int(max(0.0, seconds))
    if left < 60:
        return Shown(f"{left}s")
    if left < 3600:
        return Shown(f"{left // 60}m")
    if left < 86_400:
        return Shown(f"{left // 3600}h{left // 60 % 60:02}")
    days = left // 86_400
    return Shown(f"{days}d{left // 3600 % 24:02}" if days < 100 else f"{min(days, 9999)}d")


def _start(row: Row, _: Moment) -> Shown:
    at = instant(row, "started_at")
    return UNKNOWN if at is None else Shown(f"{at.astimezone(EXCHANGE_ZONE):%m-%d %H:%M}")


def _ran(row: Row, moment: Moment) -> Shown:
    start, end = instant(row, "started_at"), instant(row, "ended_at")
    if start is None or (end is None and row["state"] == "INTERRUPTED"):
        return UNKNOWN
    return span_text(((end or moment.wall) - start).total_seconds())


def _state_ink(row: Row, _: Moment) -> str:
    return "danger" if row["state"] in ("FAILED", "INTERRUPTED") else "plain"


def _ended(row: Row, _: Moment) -> Shown:
    at = instant(row, "ended_at")
    return BLANK if at is None else Shown(f"{at.astimezone(EXCHANGE_ZONE):%Y-%m-%d}")


def _data(row: Row, _: Moment) -> Shown:
    return say("{}…{}", word(row.get("data_from")), word(row.get("data_to")))


def _pair(row: Row, name: str, places: int, width: int) -> Shown:
    return percent(row.get(name), places, signed=True, width=width)


COLUMNS = (
    Column(Shown("Id"), 8, lambda r, m: cell(r["session_id"][-8:]), of="session_id"),
    Column(Shown("Mode"), 8, lambda r, m: word(r["mode"]), of="mode"),
    Column(Shown("D"), 1, lambda r, m: Shown("D") if r["dry_run"] else BLANK, of="dry_run"),
    Column(Shown("Start"), 11, _start, of="started_at"),
    Column(Shown("Ran"), 5, _ran, right=True),
    Column(Shown("State"), 11, lambda r, m: word(r["state"]), _state_ink, of="state"),
    Column(Shown("Fills"), 5, lambda r, m: whole(min(r["fills"], 99_999)).replace(",", "")  # type: ignore[arg-type,return-value]
           if r["fills"] > 9_999 else whole(r["fills"]), right=True, of="fills"),
    Column(
        Shown("Ret%"), 7, lambda r, m: _pair(r, "total_return", 2, 7),
        lambda r, m: sign_ink(r.get("total_return")), right=True, of="total_return",
    ),
    Column(
        Shown("DD%"), 6, lambda r, m: _pair(r, "max_drawdown", 1, 6), right=True,
        of="max_drawdown",
    ),
    Column(Shown("From"), 7, lambda r, m: cell(r["source"]), grows=True, of="source"),
    Column(Shown("Parent"), 8, lambda r, m: cell((r["parent_session_id"] or "")[-8:]), level=1,
           of="parent_session_id"),
    Column(Shown("Config"), 8, lambda r, m: cell(r["config_hash"][:8]), level=1, of="config_hash"),
    Column(Shown("Rule"), 10, lambda r, m: cell(r["fill_rule"]), level=1, of="fill_rule"),
    Column(Shown("Ended"), 10, _ended, level=1, of="ended_at"),
    Column(Shown("Result"), 8, lambda r, m: cell((r["fills_hash"] or "")[:8]), level=2,
           of="fills_hash"),
    Column(Shown("Build"), 8, lambda r, m: cell(r.get("build") or ""), level=2, of="build"),
    Column(Shown("Data"), 21, _data, level=2, of="data_from"),
    Column(Shown("Seed"), 6, lambda r, m: cell(str(_or_blank(r.get("seed")))), right=True, level=2,
           of="seed"),
    Column(Shown("Pace"), 6, lambda r, m: cell(r.get("pace") or ""), level=2, of="pace"),
)  # fmt: skip


def _or_blank(value: object) -> object:
    return "" if value is None else value


class SessionsPane(Pane):
    """Sessions, newest first."""

    BINDINGS = [*bindings("sessions")]

    pane = "sessions"
    title = Shown("Sessions")
    topics = ("sessions",)
    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.comparing: tuple[str, str] | None = None

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Newest first, as read."""
        return ((row["session_id"], row) for row in view["sessions"].rows or ())

    def title_parts(self, view: View) -> list[Shown]:
        """How many; which is this one."""
        session = view["session"].first()
        parts = [whole(len(view["sessions"].rows or ()))]
        if session is not None:
            parts.append(say("shown: {}", short_id(session["session_id"])))
        return parts

    def empty_text(self, view: View) -> Shown:
        """A database without sessions."""
        return Shown("no session yet")

    def detail(self, row: Row) -> list[Line]:
        """The summary, and the command that shows it again."""
        first, *others = super().detail(row)
        again = say(" pilothouse replay {}", safe(row["session_id"]))
        return [first, line(Span(again, "key"), Shown("  shows it again")), *others]

    def detail_lines(self) -> list[Line] | None:
        """A comparison, else the detail."""
        if self.comparing is not None:
            return self._comparison(*self.comparing)
        return super().detail_lines()

    def _comparison(self, left: str, right: str) -> list[Line]:
        rows = (self._rows.get(left), self._rows.get(right))
        lines = [line(Shown(" two sessions, ≠ where they differ · esc back"), ink="quiet")]
        if rows[0] is None or rows[1] is None:
            return [*lines, line(Shown(" one of them is gone"), ink="stale")]
        room = max(10, (self.size.width - 22) // 2)
        for name in COMPARED:
            values = [rows[0].get(name), rows[1].get(name)]
            texts = [UNKNOWN if v is None else safe(str(v)) for v in values]
            differs = values[0] != values[1]
            lines.append(
                line(
                    Span(say(" {} ", fit(safe(name.replace("_", " ")), 16)), "quiet"),
                    Span(say("{} ", Shown("≠" if differs else " ")), "warn"),
                    Span(say("{} ", fit(texts[0], room)), "key" if differs else "plain"),
                    Span(fit(texts[1], room), "key" if differs else "plain"),
                )
            )
        return lines

    def back(self) -> bool:
        """Close the comparison first."""
        if self.comparing is None:
            return super().back()
        self.comparing = None
        self.flush()
        return True

    def action_compare(self) -> None:
        """Compare the two marked sessions, or the marked one with the one under the cursor."""
        chosen = [key for key in self.keys if key in self.marks]
        if len(chosen) == 1 and self.cursor not in (None, *chosen):
            chosen.append(self.cursor or "")
        if len(chosen) == 2:
            self.comparing = (chosen[0], chosen[1])
            self.flush()
        else:
            self.say(Shown("mark two sessions first: space"))
