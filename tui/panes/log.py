"""Log and health: how the engine is, then the journal as sentences, the newest at the bottom."""

from collections.abc import Iterable

from storage.queries.pages import Window
from tui.format import Shown, cell, short_id, when, whole
from tui.panes.long import LongPane
from tui.panes.system import health_lines
from tui.sentence import event_ink, sentence
from tui.view import Row, View, instant
from tui.widgets.lines import Line
from tui.widgets.table import Column

COLUMNS = (
    Column(Shown("Time"), 8, lambda r, m: when(instant(r, "at"), m.session_date), of="at"),
    Column(Shown("Seq"), 7, lambda r, m: whole(r["seq"]), right=True, of="seq"),
    Column(Shown("Text"), 61, lambda r, m: sentence(r), lambda r, m: event_ink(r), grows=True),
    Column(Shown("Kind"), 20, lambda r, m: cell(r["kind"]), level=1, of="kind"),
    Column(Shown("Subject"), 8, lambda r, m: short_id(r["subject"]), level=1, of="subject"),
)


class LogPane(LongPane):
    """The newest events of the journal."""

    pane = "log"
    title = Shown("Log and health")
    topics = ("events", "job", "positions", "reconciliation")
    resting = Window("events", from_end=True)
    id_columns = ("subject",)
    columns = COLUMNS
    newest_last = True

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Oldest first, as read."""
        return ((str(row["seq"]), row) for row in self.reading.rows or ())

    def heading(self) -> tuple[Line, ...]:
        """The title, then how the engine is."""
        if self.view is None:
            return super().heading()
        return (*super().heading(), *health_lines(self.view, *self.size))

    def title_parts(self, view: View) -> list[Shown]:
        """Whether it follows, and the newest number."""
        rows = view["events"].rows or ()
        if not rows:
            return []
        following = self.cursor is None
        return [whole(rows[-1]["seq"]), Shown("following" if following else "stopped, G follows")]

    def empty_text(self, view: View) -> Shown:
        """A journal without events."""
        return Shown("the journal is empty")
