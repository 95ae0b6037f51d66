"""What happened since, as few rows as a person wants to read line by line."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.errors import JournalError
from storage.connect import open_reader, reason


def since(
    database: Path, session_id: str, seq: int, kinds: Sequence[str], limit: int
) -> list[dict[str, Any]]:
    """Return a session's events of these kinds after a seq, oldest first.

    Decisions that trade nothing are left out. JournalError if the database cannot be read.
    """
    sql = (
        "SELECT seq, at, kind, subject, payload FROM v_events WHERE session_id = ? AND seq > ? "
        f"AND kind IN ({', '.join('?' * len(kinds))}) AND NOT (kind = 'DecisionMade' "
        "AND json_extract(payload, '$.result') = 'no_trade') ORDER BY seq LIMIT ?"
    )
    try:
        with closing(open_reader(database)) as reader:
            rows = reader.execute(sql, (session_id, seq, *kinds, limit)).fetchall()
    except sqlite3.Error as error:
        raise JournalError(f"the journal cannot be read: {reason(error)}") from error
    return [dict(row) for row in rows]
