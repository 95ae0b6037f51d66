"""What an engine noted beside the database when it could write nothing there, read in passing.

Only sqlite3's neighbourhood is imported: `status` has 0.3 s. The next start imports it properly
(`storage.emergency`).
"""

import json
from pathlib import Path
from typing import NamedTuple

from storage.connect import beside


class Ending(NamedTuple):
    """The trading state that was noted last, since when, by whom and why."""

    state: str
    since: str
    actor: str
    reason: str


def noted_ending(database: Path) -> Ending | None:
    """Return the trading state that waits beside the database; None where nothing was noted.

    Lines that cannot be read say that something was noted: the next start begins HALTED.
    """
    try:
        text = beside(database, ".emergency").read_bytes().split(b"\0", 1)[0]
    except OSError:
        return None
    found = None
    for line in text.split(b"\n"):
        if not line:
            continue
        try:
            at, kind, _, payload = json.loads(line)
            if kind == "TradingStateChanged":
                event = json.loads(payload)
                found = Ending(event["after"], at, event["actor"], event["reason"])
        except (ValueError, TypeError, KeyError):
            found = found or Ending("HALTED", "", "engine", "its note cannot be read")
    return found
