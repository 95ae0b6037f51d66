"""The head file: <db>.head names the last durable row of the journal, apart from the database.

SQLite cannot tell that the end of its write-ahead log is gone or that an older copy has been
put back: both are whole databases. This file can. It never names a row that a loss of power
could take away.
"""

import json
import os
from pathlib import Path

from storage.connect import beside
from storage.hashchain import Link


def write(path: Path, link: Link) -> None:
    """Replace the head file of a database in one step."""
    new = beside(path, ".head.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(link._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(beside(path, ".head"))


def read(path: Path) -> Link | None:
    """Return what the head file says; None if there is none or it cannot be read."""
    try:
        found = json.loads(beside(path, ".head").read_text(encoding="utf-8"))
        return Link(int(found["seq"]), str(found["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
