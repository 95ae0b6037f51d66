"""Alerts: what is open and not acknowledged first, by severity, then time."""

from collections.abc import Iterable
from datetime import datetime

from tui.actions import bindings
from tui.format import (
    EXCHANGE_ZONE,
    Shown,
    cell,
    day,
    exchange_time,
    say,
    severity,
    when,
    whole,
    word,
)
from tui.messages import AcknowledgeWanted, AllAcknowledgeWanted, SnoozeWanted
from tui.panes.pane import Pane
from tui.runbook import runbook_lines
from tui.view import Moment, Row, View, instant
from tui.widgets.lines import Line, line
from tui.widgets.table import Column

RANK = {"CRITICAL": 0, "WARNING": 1, "INFO": 2}


def subject_of(row: Row) -> str:
    """Return what an alert is about: an instrument by its symbol, anything else as it is."""
    subject = str(row["subject"] or "")
    return subject.split(":")[1] if subject.count(":") >= 2 else subject


def severity_ink(row: Row, _: Moment | None = None) -> str:
    """Return the ink of an alert's severity."""
    return {"CRITICAL": "danger", "WARNING": "warn"}.get(row["severity"], "plain")


COLUMNS = (
    Column(
        Shown("Last"), 8, lambda r, m: when(instant(r, "last_at"), m.session_date), of="last_at"
    ),
    Column(
        Shown("Sev"),
        4,
        lambda r, m: severity(r["severity"]),
        severity_ink,
        slim=True,
        of="severity",
    ),
    Column(Shown("Kind"), 14, lambda r, m: word(r["kind"]), slim=True, of="kind"),
    Column(Shown("Subject"), 8, lambda r, m: cell(subject_of(r)), of="subject"),
    Column(Shown("n"), 3, lambda r, m: whole(min(r["count"], 999)), right=True, of="count"),
    Column(Shown("Text"), 27, lambda r, m: cell(r["text"] or ""), grows=True, slim=True, of="text"),
    Column(Shown("State"), 8, lambda r, m: word(r["state"]), of="state"),
    Column(
        Shown("First"),
        8,
        lambda r, m: when(instant(r, "first_at"), m.session_date),
        level=1,
        of="first_at",
    ),
    Column(Shown("By"), 14, lambda r, m: word(r["actor"]), level=1, of="actor"),
)


def since_text(began: datetime, view: View) -> Shown:
    """Return when a session began: the time of day where it was today, else the date."""
    there = began.astimezone(EXCHANGE_ZONE)
    if there.date() == view.moment.wall.astimezone(EXCHANGE_ZONE).date():
        return say("{} ET", exchange_time(began, seconds=False))
    return day(there.date())


class AlertsPane(Pane):
    """Open and acknowledged alerts; `r` shows the resolved ones too."""

    BINDINGS = [*bindings("alerts")]

    pane = "alerts"
    title = Shown("Alerts")
    topics = ("alerts",)
    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.with_resolved = False

    @property
    def more_topics(self) -> frozenset[str]:
        """The resolved ones, where they are shown."""
        return frozenset({"resolved"} if self.with_resolved else ())

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Unacknowledged first, then severity, then the newest; resolved ones last."""
        rows = [row for row in view["alerts"].rows or () if row["state"] != "RESOLVED"]
        rows.sort(key=lambda r: str(r["last_at"]), reverse=True)
        rows.sort(key=lambda r: (r["state"] != "OPEN", RANK.get(r["severity"], 3)))
        if self.with_resolved:
            rows += view["resolved"].rows or ()
        return ((row["alert_id"], row) for row in rows)

    def title_parts(self, view: View) -> list[Shown]:
        """How many are open, and whether resolved ones are among the rows."""
        rows = view["alerts"].rows or ()
        parts = [Shown(f"{sum(1 for row in rows if row['state'] == 'OPEN')} open")]
        if self.with_resolved:
            over = view["resolved"].rows
            count = None if over is None else len(over)
            parts.append(say("{} resolved, r hides them", whole(count)))
        return parts

    def empty_text(self, view: View) -> Shown:
        """Known to have none, and since when."""
        session = view["session"].first()
        began = None if session is None else instant(session, "started_at")
        if began is None:
            return Shown("none")
        return say("none since {}", since_text(began, view))

    def action_resolved(self) -> None:
        """With the resolved ones, and without."""
        self.with_resolved = not self.with_resolved
        self.wants_more()
        if self.view is not None:
            self.show(self.view)
        self.flush()

    def dims(self, row: Row) -> bool:
        """What was acknowledged steps back."""
        return super().dims(row) or row["state"] != "OPEN"

    def action_acknowledge(self) -> None:
        """Acknowledge the alert under the cursor."""
        if self.row is None:
            self.move(1)
        if self.row is not None:
            self.post_message(AcknowledgeWanted(self.row))

    def detail(self, row: Row) -> list[Line]:
        """What the kind means and what to do, then all columns."""
        head, *columns = super().detail(row)
        code = str(row["kind"])
        if code == "order_denied":  # the subject ends with the gate's code
            code = str(row["subject"]).rpartition(".")[2]
        book = runbook_lines(code, self.size.width) or runbook_lines(row["kind"], self.size.width)
        return [head, *book, line(Shown(" All columns"), ink="head"), *columns]

    def action_acknowledge_all(self) -> None:
        """Acknowledge every open alert that is shown."""
        rows = [row for _, row in self.shown_rows() if row["state"] == "OPEN"]
        if rows:
            self.post_message(AllAcknowledgeWanted(tuple(rows)))
        else:
            self.say(Shown("no open alert is shown"))

    def action_snooze(self) -> None:
        """Silence the alert under the cursor for an hour."""
        if self.row is None:
            self.move(1)
        if self.row is not None:
            self.post_message(SnoozeWanted(self.row))
