"""What happened since, as few rows as a person wants to read line by line."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import JournalError
from storage.connect import open_reader, reason

_SINCE = (
    "SELECT seq, at, kind, subject, payload FROM v_events "
    "WHERE session_id = ? AND seq > ? AND kind IN (KINDS) "
    "AND NOT (kind = 'DecisionMade' AND json_extract(payload, '$.result') = 'no_trade') "
    "ORDER BY seq LIMIT ?"
)


class Narration:
    """A session's events as they are written, for whoever prints them."""

    def __init__(self, database: Path, kinds: Sequence[str]) -> None:
        self._database = database
        self._kinds = tuple(kinds)
        self._sql = _SINCE.replace("KINDS", ", ".join("?" * len(kinds)))
        self._reader: sqlite3.Connection | None = None
        self._version = -1

    def since(self, session_id: str, seq: int, limit: int) -> list[dict[str, Any]]:
        """Return events after a seq, oldest first; decisions that trade nothing are left out.

        Asked again while nothing was written it costs microseconds. JournalError if the
        database cannot be read.
        """
        try:
            if self._reader is None:
                # one thread at a time; the last look comes from whoever ends
                self._reader = open_reader(self._database, any_thread=True)
            version = self._reader.execute("PRAGMA data_version").fetchone()[0]
            if version == self._version:
                return []
            rows = self._reader.execute(
                self._sql, (session_id, seq, *self._kinds, limit)
            ).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise JournalError(f"the journal cannot be read: {reason(error)}") from error
        if len(rows) < limit:  # else the rest waits
            self._version = version
        return [dict(row) for row in rows]

    def close(self) -> None:
        """Let go of the database; the next look opens it again."""
        reader, self._reader, self._version = self._reader, None, -1
        if reader is not None:
            reader.close()
