"""What the reading worker and the panes tell the screen."""

from textual.message import Message

from tui.format import Shown
from tui.view import Row, View


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


class ReconcileWanted(Message):
    """Compare with the broker now."""


class Said(Message):
    """Something to say on the message line for a few seconds."""

    def __init__(self, text: Shown) -> None:
        super().__init__()
        self.text = text
