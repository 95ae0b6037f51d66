"""What the reading worker and the panes tell the screen."""

from collections.abc import Callable

from textual.message import Message

from engine.domain.ticket import Action
from storage.queries.pages import Window
from tui.format import Shown
from tui.view import Moment, Row, View
from tui.widgets.entry import Entry
from tui.widgets.table import Column


class Changed(Message):
    """Newer rows were read; the next message comes only after this one was handled."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view


class AcknowledgeWanted(Message):
    """Acknowledge this alert."""

    def __init__(self, alert: Row) -> None:
        super().__init__()
        self.alert = alert


class CancelWanted(Message):
    """Cancel the order under the cursor, after a question."""

    def __init__(self, order: Row | None, *, selection_changed: bool) -> None:
        super().__init__()
        self.order = order
        self.selection_changed = selection_changed


class TicketWanted(Message):
    """Close, reduce or replace what is under the cursor, after a preview and a question."""

    def __init__(self, action: Action, row: Row | None, *, selection_changed: bool) -> None:
        super().__init__()
        self.action = action
        self.row = row
        self.selection_changed = selection_changed


class CancelShownWanted(Message):
    """Cancel these working orders, after a question."""

    def __init__(self, orders: tuple[Row, ...], *, hidden: int) -> None:
        super().__init__()
        self.orders = orders
        self.hidden = hidden  # working orders that a filter hides


class SettleWanted(Message):
    """Say what became of an UNKNOWN order, after a question."""

    def __init__(self, order: Row | None, *, selection_changed: bool) -> None:
        super().__init__()
        self.order = order
        self.selection_changed = selection_changed


class AcceptWanted(Message):
    """Accept this difference with the broker, after a question."""

    def __init__(self, difference: Row | None) -> None:
        super().__init__()
        self.difference = difference


class ReconcileWanted(Message):
    """Compare with the broker now."""


class OpenWanted(Message):
    """Go to another pane, and there to a row."""

    def __init__(self, pane: str, key: str | None) -> None:
        super().__init__()
        self.pane = pane
        self.key = key


class WindowWanted(Message):
    """Other rows of a long table are wanted."""


class Said(Message):
    """Something to say on the message line for a few seconds."""

    def __init__(self, text: Shown) -> None:
        super().__init__()
        self.text = text


class EntryWanted(Message):
    """Open a line to type in."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry


class CopyWanted(Message):
    """Send text to the terminal's clipboard."""

    def __init__(self, text: Shown, what: Shown) -> None:
        super().__init__()
        self.text = text
        self.what = what


class ExportWanted(Message):
    """Write rows to a new file: these, or all of a long table that meet a window's conditions."""

    def __init__(
        self,
        name: str,
        rows: tuple[Row, ...],
        columns: tuple[Column, ...],
        moment: Moment,
        window: Window | None = None,
        prepared: Callable[[Row], Row] = lambda row: row,
    ) -> None:
        super().__init__()
        self.name = name
        self.rows = rows
        self.columns = columns
        self.moment = moment
        self.window = window
        self.prepared = prepared  # a row as the pane's columns take it


class Exported(Message):
    """How far an export has come."""

    def __init__(self, text: Shown) -> None:
        super().__init__()
        self.text = text


class EditWanted(Message):
    """Type another value for a parameter."""

    def __init__(self, parameter: Row) -> None:
        super().__init__()
        self.parameter = parameter


class ApplyWanted(Message):
    """Send these edits, each a parameter with its new value, after a question."""

    def __init__(self, edits: tuple[tuple[Row, str], ...]) -> None:
        super().__init__()
        self.edits = edits


class SnoozeWanted(Message):
    """Let an alert be silent for an hour."""

    def __init__(self, alert: Row) -> None:
        super().__init__()
        self.alert = alert


class AllAcknowledgeWanted(Message):
    """Acknowledge every alert that is shown."""

    def __init__(self, alerts: tuple[Row, ...]) -> None:
        super().__init__()
        self.alerts = alerts
