"""Keys that every table has: filter, sort, mark, copy, export."""

from time import monotonic
from typing import ClassVar

from textual.events import Key

from tui import export
from tui.format import Shown, say, whole
from tui.messages import CopyWanted, EntryWanted, ExportWanted, Said
from tui.view import Moment, Row
from tui.widgets import filtering
from tui.widgets.entry import Entry
from tui.widgets.table import Column, Table, columns_for


class TableKeys(Table):
    """A table under the keyboard."""

    pane: ClassVar[str] = ""

    def say(self, text: Shown) -> None:
        """Say something on the message line for a few seconds."""
        self.post_message(Said(text))

    def on_key(self, event: Key) -> None:
        """While a sorting is chosen the next letter is a column."""
        self.pressed_at = monotonic()
        if not self.choosing_sort:
            return
        self.choosing_sort = False
        event.stop()
        event.prevent_default()
        if event.key == "s":
            self.sort_by(None)
        elif event.key != "escape":
            chosen = [column for column, _ in columns_for(self.columns, self.size.width)]
            field = filtering.sort_letters(chosen).get(event.character or "")
            column = next((c for c in chosen if c is field), None)
            if column is None:
                self.say(Shown("no column has that letter"))
            else:
                self.sort_by(column)
        self.flush()

    def action_sort(self) -> None:
        """Let the next letter choose a column, also while rows are still being found."""
        self.choosing_sort = bool(self.columns)
        self.flush()

    def action_filter(self) -> None:
        """Type a filter; rows follow while it is typed."""
        if self.columns:
            self.post_message(EntryWanted(self.filter_entry()))
        else:
            self.say(Shown("nothing to filter here"))

    def filter_entry(self) -> Entry:
        """Return the line that the filter is typed in."""
        before = "" if self.filter is None else self.filter.typed

        def changed(text: str) -> None:
            self.filter_by(text)
            self.flush()

        return Entry(
            Shown("/"), done=changed, changed=changed, left=lambda: changed(before), text=before
        )

    def action_mark(self) -> None:
        """Mark the row under the cursor."""
        if self.cursor is None:
            self.move(1)
        self.mark()

    def action_copy(self) -> None:
        """Send the marked rows, or the one under the cursor, to the terminal's clipboard."""
        rows = [row for _, row in self.chosen()]
        moment = self.moment
        if not rows or moment is None:
            self.say(Shown("nothing under the cursor to copy"))
            return
        columns = [column for column, _ in columns_for(self.columns, self.size.width)]
        text = export.copied(rows, columns, moment)
        self.post_message(CopyWanted(text, say("{} rows", whole(len(rows)))))

    def how_much(self, rows: int) -> Shown:
        """Return what an export holds."""
        return say("{} rows", whole(rows))

    def export_of(
        self, name: str, rows: tuple[Row, ...], columns: tuple[Column, ...], moment: Moment
    ) -> ExportWanted:
        """Return the wish to write what is shown."""
        return ExportWanted(name, rows, columns, moment)

    def action_export(self) -> None:
        """Ask for a name, then write what is shown."""
        rows = [row for _, row in self.shown_rows()]
        moment = self.moment
        if not rows or moment is None:
            self.say(Shown("no rows to export"))
            return
        columns = tuple(column for column, _ in columns_for(self.columns, self.size.width))
        name = f"{self.pane}-{moment.wall:%Y%m%dT%H%M%S}.csv"

        def done(typed: str) -> None:
            if typed:
                self.post_message(self.export_of(typed, tuple(rows), columns, moment))

        prompt = say("export {} to (.csv .json)", self.how_much(len(rows)))
        self.post_message(EntryWanted(Entry(prompt, done=done, text=name)))
