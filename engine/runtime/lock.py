"""One engine per database: an operating-system lock, and a note that says who holds it.

The lock file stays when it is released: deleting it would let a second holder in. The note
(`<db>.holder`) is only for people and for `status`; the lock alone decides.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from engine.errors import EngineRunning


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a database."""

    pid: int
    session_id: str
    host: str
    since: str  # UTC text


def lock_path(database: Path) -> Path:
    """Return the lock file of a database."""
    return database.with_name(database.name + ".lock")


def holder_path(database: Path) -> Path:
    """Return the note beside it."""
    return database.with_name(database.name + ".holder")


def read_holder(database: Path) -> Holder | None:
    """Return who says to hold the database, None if nobody does or its process is gone."""
    try:
        holder = Holder(**json.loads(holder_path(database).read_text(encoding="utf-8")))
        os.kill(holder.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return holder


class InstanceLock:
    """Held from before the session row until after the last write."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._lock = FileLock(lock_path(database), timeout=0)

    def __enter__(self) -> Self:
        """Take the lock; EngineRunning names the holder."""
        try:
            self._lock.acquire()
        except Timeout:
            holder = read_holder(self._database)
            who = (
                f"pid {holder.pid}, session {holder.session_id}, since {holder.since}"
                if holder is not None
                else "a process that has not said who it is"
            )
            raise EngineRunning(
                f"another engine is running on {self._database}: {who}. "
                "`pilothouse status` shows it, `pilothouse stop` ends it"
            ) from None
        return self

    def note(self, holder: Holder) -> None:
        """Say who holds it; replaced atomically."""
        path = holder_path(self._database)
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(json.dumps(asdict(holder)), encoding="utf-8")
        temporary.replace(path)

    def __exit__(self, *_: object) -> None:
        """Release it."""
        holder_path(self._database).unlink(missing_ok=True)
        self._lock.release()
