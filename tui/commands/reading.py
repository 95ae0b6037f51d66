"""The database that a command means, and rows out of it. No command-line library here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

OBJECTS = {"snapshots": ("holdings",), "journal": ("payload",)}
"""Columns that hold JSON."""


def database_of(db: Path | None, config: Path | None) -> Path:
    """Return the database a command means, without reading any other setting."""
    from engine.settings.places import database

    return database(db, config)


def read(
    kind: str, *, session: str | None, limit: int | None, since: str | None, path: Path
) -> list[dict[str, Any]]:
    """Return rows of a kind; without a database there are none yet."""
    from storage.connect import reading
    from storage.queries.listing import LISTINGS, latest_session, rows

    after = since_text(since, is_day=LISTINGS[kind].since == "session_date")
    with reading(path) as database:
        if database is None:
            from tui.commands.output import narrate

            narrate(f"there is no database {path} yet")
            return []
        if session is not None:
            chosen: str | None = session_named(database, session)
        else:
            chosen = latest_session(database) if LISTINGS[kind].by_session else None
        if session is not None and not LISTINGS[kind].by_session:
            found = [
                row for row in rows(database, kind, since=after) if row["session_id"] == chosen
            ]
        else:
            found = rows(database, kind, session_id=chosen, since=after, limit=limit)
    return [unfolded(row, OBJECTS.get(kind, ())) for row in found]


def columns(kind: str, path: Path) -> list[str]:
    """Return the columns of a kind's rows, none without a database."""
    from storage.connect import reading
    from storage.queries.listing import columns_of

    with reading(path) as database:
        return [] if database is None else columns_of(database, kind)


def unfolded(row: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Return a row with the columns that hold JSON as what they hold."""
    import json

    return {**row, **{name: json.loads(row[name]) for name in columns if row[name] is not None}}


def session_named(database: "sqlite3.Connection", text: str) -> str:
    """Return the session that a person means; SettingsError if there is none or more than one."""
    from engine.errors import SettingsError
    from storage.queries.listing import find_session

    found = find_session(database, text)
    if found is None:
        raise SettingsError(
            f"--session = {text!r}: no session has this id, or more than one begins or ends so; "
            "`pilothouse sessions` lists them"
        )
    return found


def since_text(text: str | None, *, is_day: bool) -> str | None:
    """Return what --since compares with: a session date, or an instant as it is stored."""
    if text is None:
        return None
    from datetime import UTC, date, datetime

    from engine.domain.times import utc_text
    from engine.errors import SettingsError

    try:
        if len(text) == len("2026-11-20"):
            return date.fromisoformat(text).isoformat()
        at = datetime.fromisoformat(text)
        stored = utc_text(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise SettingsError(
            f"--since = {text}: a date like 2026-11-20 or an instant like 2026-11-20T14:30:00Z"
        ) from None
    return stored[:10] if is_day else stored
