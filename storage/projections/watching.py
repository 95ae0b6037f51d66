"""Reconciliations, alerts, jobs and latches."""

import sqlite3

from engine.domain import event as facts
from engine.domain.reconciliation import COLUMNS, DifferenceKind
from engine.domain.times import utc_text
from storage.projections.row import Place, insert, plain, rounded, update_one

REOPENS_WITHIN_S = 600

_COUNTED = ("missing_local", "missing_broker", "mismatched")


def reconciled(db: sqlite3.Connection, at: Place, event: facts.ReconciliationDone) -> None:
    """Project ReconciliationDone."""
    found = [d for d in event.differences if d.kind is not DifferenceKind.MATCHED]
    counts = {name: sum(COLUMNS[d.kind] == name for d in found) for name in _COUNTED}
    insert(
        db,
        "reconciliations",
        {
            "seq": at.seq,
            "run_id": event.run_id,
            "session_id": at.session_id,
            "at": at.at,
            "trigger_": event.trigger,
            "verdict": event.verdict.value,
            "matched": event.matched,
            **counts,
            "other": len(found) - sum(counts.values()),
            "text": plain(event.text),
        },
    )
    for n, difference in enumerate(event.differences):
        insert(
            db,
            "differences",
            {
                "run_id": event.run_id,
                "n": n,
                "session_id": at.session_id,
                "kind": difference.kind.value,
                "item": difference.item,
                "ours": plain(difference.ours),
                "theirs": plain(difference.theirs),
                "effect_u": rounded(difference.effect),
            },
        )


def accepted(db: sqlite3.Connection, at: Place, event: facts.DifferenceAccepted) -> None:
    """Project DifferenceAccepted."""
    db.execute(
        "INSERT INTO accepted_differences (seq, session_id, item, actor, reason, at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (at.seq, at.session_id, event.item, plain(event.actor), plain(event.reason), at.at),
    )


# resolved for longer than REOPENS_WITHIN_S: the same condition, but a new episode
_GONE = (
    "(alerts.state = 'RESOLVED' AND julianday(excluded.last_at) - julianday(alerts.state_at) "
    f"> {REOPENS_WITHIN_S} / 86400.0)"
)
_ALERT = """
INSERT INTO alerts (alert_id, session_id, book, severity, kind, subject, text, count, first_at,
    last_at, state, state_at, actor, seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?8, 'OPEN', ?8, 'engine', ?9)
ON CONFLICT (alert_id) DO UPDATE SET
    session_id = excluded.session_id, text = excluded.text, last_at = excluded.last_at,
    severity = CASE WHEN 'CRITICAL' IN (alerts.severity, excluded.severity) THEN 'CRITICAL'
        WHEN 'WARNING' IN (alerts.severity, excluded.severity) THEN 'WARNING' ELSE 'INFO' END,
    count = CASE WHEN GONE THEN 1 ELSE alerts.count + 1 END,
    first_at = CASE WHEN GONE THEN excluded.first_at ELSE alerts.first_at END,
    state = CASE WHEN alerts.state = 'RESOLVED' THEN 'OPEN' ELSE alerts.state END,
    state_at = CASE WHEN alerts.state = 'RESOLVED' THEN excluded.last_at ELSE alerts.state_at END
""".replace("GONE", _GONE)


def alert(db: sqlite3.Connection, at: Place, event: facts.AlertRaised) -> None:
    """Project AlertRaised."""
    alert = event.alert
    db.execute(
        _ALERT,
        (
            alert.alert_id,
            at.session_id,
            at.book,
            alert.severity.value,
            alert.kind,
            plain(alert.subject),
            plain(alert.text),
            at.at,
            at.seq,
        ),
    )


def alert_state(db: sqlite3.Connection, at: Place, event: facts.AlertStateChanged) -> None:
    """Project AlertStateChanged."""
    update_one(
        db,
        f"alert {event.alert_id}",
        "UPDATE alerts SET state = ?, state_at = ?, actor = ?, snoozed_until = ? "
        "WHERE alert_id = ?",
        (
            event.state.value,
            at.at,
            plain(event.actor),
            event.until and utc_text(event.until),
            event.alert_id,
        ),
    )


def job_started(db: sqlite3.Connection, at: Place, event: facts.JobStarted) -> None:
    """Project JobStarted."""
    # a row that a dead session left running is resumed; one that has ended is not run again
    update_one(
        db,
        f"job {event.job} of {event.session_date} is done already",
        "INSERT INTO jobs (book, job, session_date, session_id, due_at, started_at, detail) "
        "VALUES (?, ?, ?, ?, ?, ?, '') ON CONFLICT (book, job, session_date) DO UPDATE SET "
        "session_id = excluded.session_id, started_at = excluded.started_at "
        "WHERE ended_at IS NULL",
        (
            at.book,
            event.job,
            event.session_date.isoformat(),
            at.session_id,
            utc_text(event.due_at),
            at.at,
        ),
    )


def job_ended(db: sqlite3.Connection, at: Place, event: facts.JobEnded) -> None:
    """Project JobEnded."""
    update_one(
        db,
        f"job {event.job} of {event.session_date} has ended already",
        "INSERT INTO jobs (book, job, session_date, session_id, due_at, ended_at, outcome, "
        "detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (book, job, session_date) DO UPDATE SET session_id = excluded.session_id, "
        "ended_at = excluded.ended_at, outcome = excluded.outcome, detail = excluded.detail "
        "WHERE ended_at IS NULL",
        (
            at.book,
            event.job,
            event.session_date.isoformat(),
            at.session_id,
            utc_text(event.due_at),
            at.at,
            event.outcome.value,
            plain(event.detail),
        ),
    )


def latch_set(db: sqlite3.Connection, at: Place, event: facts.LatchSet) -> None:
    """Project LatchSet."""
    db.execute(
        "INSERT OR REPLACE INTO latches (book, scope, latch, session_id, since, until, text) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            at.book,
            event.scope,
            event.latch,
            at.session_id,
            at.at,
            event.until,
            plain(event.text),
        ),
    )


def latch_released(db: sqlite3.Connection, at: Place, event: facts.LatchReleased) -> None:
    """Project LatchReleased."""
    update_one(
        db,
        f"latch {event.latch} of {event.scope}",
        "UPDATE latches SET released_at = ?, released_by = ? "
        "WHERE book = ? AND scope = ? AND latch = ? AND released_at IS NULL",
        (at.at, plain(event.by), at.book, event.scope, event.latch),
    )
