"""The palette: every action by its words, docked above the footer; the tables stay live."""

from collections.abc import Callable

from textual.events import Key, Paste

from tui.format import Shown, safe, say
from tui.verbs import Choice, choice_line
from tui.widgets.lines import Lines, Span, line

PALETTE_ROWS = 8


class Palette(Lines, can_focus=True):
    """A text and the actions it fits."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.typed = ""
        self.at = 0
        self.find: Callable[[str], list[Choice]] = lambda _: []
        self.chosen: Callable[[Choice], None] = lambda _: None
        self.closed: Callable[[], None] = lambda: None

    def open(self, find: Callable[[str], list[Choice]], chosen: Callable[[Choice], None]) -> None:
        """Show all actions, the shown pane's first."""
        self.typed, self.at = "", 0
        self.find, self.chosen = find, chosen
        self.display = True
        self.refresh_lines()

    def close(self) -> None:
        """Take it away."""
        if self.display:
            self.display = False
            self.closed()

    def on_resize(self) -> None:
        """The width is known from here on."""
        self.refresh_lines()

    def on_paste(self, event: Paste) -> None:
        """Pasted text is never keys."""
        event.stop()

    def on_key(self, event: Key) -> None:
        """Every key ends here while it is open."""
        event.stop()
        event.prevent_default()
        found = self.find(self.typed)
        if event.key == "escape":
            self.close()
            return
        if event.key == "enter":
            if found:
                self.close()
                self.chosen(found[min(self.at, len(found) - 1)])
            return
        if event.key in ("up", "down"):
            step = 1 if event.key == "down" else -1
            self.at = max(0, min(len(found) - 1, self.at + step))
        elif event.key in ("backspace", "ctrl+h"):
            self.typed, self.at = self.typed[:-1], 0
        elif event.key == "ctrl+u":
            self.typed, self.at = "", 0
        elif event.is_printable and event.character:
            self.typed, self.at = (self.typed + event.character)[:60], 0
        self.refresh_lines()

    def refresh_lines(self) -> None:
        """Paint the text, then the actions around the chosen one."""
        if not self.display or not self.size.width:
            return
        found = self.find(self.typed)
        room = PALETTE_ROWS - 1
        top = max(0, min(self.at - room // 2, len(found) - room))
        head = line(
            Span(Shown(" actions "), "key"), Span(say("{} ", safe(self.typed)), "cursor"),
            Span(say("  {} fit · enter does it · esc", Shown(str(len(found)))), "quiet"),
            ink="ask",
        )  # fmt: skip
        rows = [
            choice_line(choice, here=n == self.at, width=self.size.width)
            for n, choice in enumerate(found[top : top + room], start=top)
        ]
        self.paint([head, *rows, *[line(ink="ask")] * (room - len(rows))])
