"""Log and health: how the engine is, then the journal as sentences, the newest at the bottom."""

from collections.abc import Iterable
from typing import NamedTuple

from storage.queries.long import Condition
from storage.queries.pages import Window
from tui.actions import bindings
from tui.format import Shown, cell, say, short_id, when, whole
from tui.messages import EntryWanted
from tui.panes.long import LongPane
from tui.panes.system import Own, health_lines
from tui.sentence import ALL, NOTABLE, QUIET, WORRYING, event_ink, sentence
from tui.view import Moment, Row, View, instant
from tui.widgets.entry import Entry
from tui.widgets.lines import Line
from tui.widgets.table import Column


class Level(NamedTuple):
    """How much of the journal is shown: kinds that are left out, or the only ones."""

    name: Shown
    sign: str  # as in a Condition
    kinds: frozenset[str]

    def holds(self, row: Row) -> bool:
        """Say whether an event is shown."""
        return not self.kinds or (row["kind"] in self.kinds) == (self.sign == "in")


LEVELS = (
    Level(Shown("warnings"), "in", WORRYING),
    Level(Shown("notable"), "in", NOTABLE),
    Level(Shown("without routine"), "not in", QUIET),
    Level(Shown("everything"), "not in", ALL),
)
"""From the least to all."""

PREFIXES = ("ord_", "sig_", "dec_", "req_", "alr_", "rec_")


def _subject(row: Row, _: Moment) -> Shown:
    """An id by its end, anything else as it is."""
    text = str(row["subject"] or "")
    return short_id(text) if text.startswith(PREFIXES) else cell(text)


def _words(row: Row, moment: Moment) -> Shown:
    """The sentence without the id that stands beside it."""
    said = sentence(row)
    subject = _subject(row, moment)
    for thing in ("order", "signal", "job", "fill of"):
        begins = say("{} {} ", Shown(thing), subject)
        if said.startswith(begins):
            return Shown(said.removeprefix(begins))
    return Shown(said.removeprefix(say("fill of {}: ", subject)))


COLUMNS = (
    Column(Shown("Time"), 8, lambda r, m: when(instant(r, "at"), m.session_date), of="at"),
    Column(Shown("Seq"), 8, lambda r, m: whole(r["seq"]), right=True, of="seq"),
    Column(Shown("Kind"), 18, lambda r, m: cell(r["kind"]), of="kind"),
    Column(Shown("Subject"), 14, _subject, of="subject"),
    Column(Shown("Text"), 26, _words, lambda r, m: event_ink(r), grows=True),
)


class LogPane(LongPane):
    """The newest events of the journal."""

    BINDINGS = [*bindings("log")]

    pane = "log"
    title = Shown("Log and health")
    topics = ("events", "job", "positions", "reconciliation")
    resting = Window("events", from_end=True)
    id_columns = ("subject",)
    columns = COLUMNS
    newest_last = True

    def __init__(self) -> None:
        super().__init__()
        self.level = len(LEVELS) - 1
        self.whole_health = False  # though the pane is low
        self._own = Own()
        self._stopped_at: int | None = None  # the newest event when it stopped following

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Oldest first, as read; what the level leaves."""
        rows, level = self.reading.rows or (), LEVELS[self.level]
        return ((str(row["seq"]), row) for row in rows if level.holds(row))

    def own_conditions(self) -> tuple[Condition, ...]:
        """In a long journal the database leaves out what the level does."""
        level = LEVELS[self.level]
        if not level.kinds:
            return ()
        return (Condition("kind", level.sign, ",".join(sorted(level.kinds))),)

    def heading(self) -> tuple[Line, ...]:
        """The title, then how the engine is."""
        if self.view is None:
            return super().heading()
        app = self.app
        self._own.log = getattr(getattr(app, "options", None), "log", None)
        self._own.sent_per_s = getattr(app, "sent_per_s", None)
        return (
            *super().heading(),
            *health_lines(self.view, *self.size, self._own, whole_table=self.whole_health),
        )

    def title_parts(self, view: View) -> list[Shown]:
        """The newest number, whether it follows, how much came since, and how much is shown."""
        rows = view["events"].rows or ()
        if not rows:
            return []
        newest = int(rows[-1]["seq"])
        if self.cursor is None:
            self._stopped_at = None
            parts = [whole(newest), Shown("following")]
        else:
            self._stopped_at = self._stopped_at or newest
            new = newest - self._stopped_at
            parts = [whole(newest), say("stopped, {} new, G follows", whole(new))]
        level = LEVELS[self.level]
        return [*parts, say("{} only, + shows more", level.name)] if level.kinds else parts

    def empty_text(self, view: View) -> Shown:
        """A journal without events, or without any that matter."""
        if LEVELS[self.level].kinds and view["events"].rows:
            return say("no event is among the {}; + shows more", LEVELS[self.level].name)
        return Shown("the journal is empty")

    # -- keys ------------------------------------------------------------------------------

    def action_less(self) -> None:
        """Leave out more of what is routine."""
        self._to_level(self.level - 1)

    def action_more(self) -> None:
        """Show more of it."""
        self._to_level(self.level + 1)

    def _to_level(self, level: int) -> None:
        self.level = max(0, min(len(LEVELS) - 1, level))
        self.chosen_anew()

    def action_whole_health(self) -> None:
        """Show every item of health, and back."""
        self.whole_health = not self.whole_health
        self.flush()

    def action_and_filter(self) -> None:
        """Type one more condition; those that are there stay."""
        before = "" if self.filter is None else self.filter.typed

        def changed(text: str) -> None:
            self.filter_by(f"{before} {text}".strip())
            self.flush()

        self.post_message(
            EntryWanted(
                Entry(Shown("&"), done=changed, changed=changed, left=lambda: changed(""), text="")
            )
        )

    def action_mark_here(self) -> None:
        """Mark the row under the cursor, or the newest: what comes after it is new."""
        if self.cursor is not None:
            self.mark()
        elif self.keys:
            self.marks ^= {self.keys[-1]}
            self.flush()
