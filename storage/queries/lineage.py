"""Which session a screen goes on with when another one begins: the child of its own, no other."""

import sqlite3
from typing import NamedTuple

from storage.queries.listing import latest_session


class Lineage(NamedTuple):
    """Where a line of sessions stands."""

    session_id: str | None  # the youngest of the line; None: there is no session at all
    stranger: str | None  # a newer session that is not of this line


def lineage(db: sqlite3.Connection, session_id: str | None) -> Lineage:
    """Return the youngest descendant of a session; without one, the newest session there is."""
    newest = latest_session(db)
    if session_id is None:
        return Lineage(newest, None)
    child: str | None = session_id
    while child is not None:
        session_id = child
        row = db.execute(
            "SELECT session_id FROM sessions WHERE parent_session_id = ? "
            "ORDER BY created_seq DESC LIMIT 1",
            (session_id,),
        ).fetchone()
        child = None if row is None else str(row[0])
    return Lineage(session_id, None if newest == session_id else newest)
