"""One line to type in, in the place of the message line: filters, commands, file names.

It takes every key but those that come before all others (the stop key), and pasted text is
never keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from textual.events import Key, Paste

from tui.format import BLANK, Shown, clip, safe, say
from tui.widgets.lines import Lines, Span, line

MAX_TYPED = 200


def _no_words(_: str) -> tuple[str, ...]:
    return ()


@dataclass(slots=True)
class Entry:
    """What is typed, and what becomes of it."""

    prompt: Shown
    done: Callable[[str], None]  # enter
    changed: Callable[[str], None] = lambda _: None  # each key
    left: Callable[[], None] = lambda: None  # esc
    text: str = ""
    words: Callable[[str], tuple[str, ...]] = _no_words  # what tab completes the text to
    history: list[str] = field(default_factory=list)


class EntryLine(Lines, can_focus=True):
    """The line; hidden until something is asked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entry: Entry | None = None
        self.note = BLANK
        self.closed: Callable[[], None] = lambda: None
        self._at = 0  # how far back in the history; 0 is what is being typed

    def open(self, entry: Entry) -> None:
        """Begin to type."""
        self.entry = entry
        self.note = BLANK
        self._at = 0
        self.display = True
        self.refresh_line()

    def close(self) -> None:
        """Take the line away."""
        self.entry = None
        self.display = False
        self.closed()

    def give_way(self) -> None:
        """Close as if left by esc, if something is being typed."""
        entry = self.entry
        if entry is not None:
            self.close()
            entry.left()

    def on_resize(self) -> None:
        """The width is known from here on."""
        self.refresh_line()

    def on_paste(self, event: Paste) -> None:
        """Pasted text is never keys."""
        event.stop()
        self.note = Shown("pasted text is ignored: type it")
        self.refresh_line()

    def on_key(self, event: Key) -> None:
        """Every key ends here while the line is open."""
        event.stop()
        event.prevent_default()
        entry = self.entry
        if entry is None:
            return
        self.note = BLANK
        if event.key == "escape":
            self.give_way()
        elif event.key == "enter":
            self.close()
            entry.done(entry.text.strip())
        else:
            before = entry.text
            self._edit(entry, event)
            if entry.text != before:
                entry.changed(entry.text)
            self.refresh_line()

    def _edit(self, entry: Entry, event: Key) -> None:
        if event.key in ("backspace", "ctrl+h"):
            entry.text = entry.text[:-1]
        elif event.key == "ctrl+u":
            entry.text = ""
        elif event.key == "ctrl+w":
            entry.text = entry.text.rstrip().rpartition(" ")[0]
        elif event.key in ("up", "down"):
            self._remember(entry, 1 if event.key == "up" else -1)
        elif event.key == "tab":
            self._complete(entry)
        elif event.is_printable and event.character:
            entry.text = (entry.text + event.character)[:MAX_TYPED]

    def _remember(self, entry: Entry, step: int) -> None:
        self._at = max(0, min(len(entry.history), self._at + step))
        entry.text = entry.history[-self._at] if self._at else ""

    def _complete(self, entry: Entry) -> None:
        """Complete as far as all that fit agree; say which there are."""
        fitting = [word for word in entry.words(entry.text) if word.startswith(entry.text)]
        if not fitting:
            self.note = Shown("nothing begins so")
            return
        common = fitting[0]
        for word in fitting:
            while not word.startswith(common):
                common = common[:-1]
        entry.text = common
        if len(fitting) > 1:
            self.note = safe(" ".join(fitting), 120)

    def refresh_line(self) -> None:
        """Paint what is typed."""
        if self.entry is None or not self.size.width:
            return
        room = max(1, self.size.width - len(self.entry.prompt) - 4)
        typed = safe(self.entry.text, MAX_TYPED)
        shown = typed if len(typed) <= room else Shown("…" + typed[-(room - 1) :])
        left = max(0, self.size.width - len(self.entry.prompt) - len(shown) - 6)
        self.paint(
            [
                line(
                    Span(say(" {} ", self.entry.prompt), "key"),
                    Span(say("{} ", shown), "cursor"),
                    Span(say("  {}", clip(self.note, left)), "quiet"),
                    ink="ask",
                )
            ]
        )
