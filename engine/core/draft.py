"""The answer of `decide` while it is being written: events with their causes, then wishes."""

from typing import NamedTuple

from engine.domain.alert import Alert, Severity, alert_id
from engine.domain.command import Command
from engine.domain.event import AlertRaised, Event
from engine.domain.ids import Book
from engine.domain.unit import Entry


class Decision(NamedTuple):
    """Events to be written together, and commands to be carried out once they are."""

    entries: tuple[Entry, ...] | list[Entry]
    commands: tuple[Command, ...] | list[Command]
    causation_seq: int | None = None


NOTHING = Decision((), ())


class Draft:
    """Collects a decision. An event's cause is the unit's first event unless said otherwise."""

    __slots__ = ("causation_seq", "commands", "entries")

    def __init__(self, causation_seq: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.commands: list[Command] = []
        self.causation_seq = causation_seq

    def add(self, event: Event, cause: int | None = None) -> int:
        """Append an event and return its index, to be named as a cause."""
        index = len(self.entries)
        self.entries.append(Entry(event, cause if cause is not None else (0 if index else -1)))
        return index

    def do(self, command: Command) -> None:
        """Append a command."""
        self.commands.append(command)

    def alert(self, book: Book, severity: Severity, kind: str, subject: str, text: str) -> None:
        """Append an alert."""
        alert = Alert(
            alert_id=alert_id(book, kind, subject),
            severity=severity,
            kind=kind,
            subject=subject,
            text=text,
        )
        self.add(AlertRaised(alert=alert))

    def done(self) -> Decision:
        """Return what was collected."""
        if not self.entries and not self.commands:
            return NOTHING
        return Decision(self.entries, self.commands, self.causation_seq)
