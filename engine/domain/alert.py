"""Alerts: conditions a person should know."""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import AlertId, Book, short_hash


class Severity(Enum):
    """How urgent."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class AlertState(Enum):
    """What has become of an alert."""

    OPEN = "OPEN"
    ACKED = "ACKED"
    SNOOZED = "SNOOZED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One condition, keyed by book, kind and subject."""

    alert_id: AlertId
    severity: Severity
    kind: str
    subject: str
    text: str


def alert_id(book: Book, kind: str, subject: str) -> AlertId:
    """Return the id of the alert about this condition in this book."""
    return AlertId("alr_" + short_hash(f"{book}|{kind}|{subject}"))
