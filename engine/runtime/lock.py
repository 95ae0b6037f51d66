"""One engine per database: an operating-system lock.

The lock file stays when it is released: deleting it would let a second holder in. Who holds
it stands in a note beside it (`holder`); the lock alone decides.
"""

from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from engine.errors import DatabaseUnusable, EngineRunning
from engine.runtime.holder import Holder as Holder
from engine.runtime.holder import holder_path, read_holder, write_holder
from engine.runtime.holder import lock_path as lock_path


class InstanceLock:
    """Held from before the session row until after the last write."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._lock = FileLock(lock_path(database), timeout=0)

    def __enter__(self) -> Self:
        """Take the lock; EngineRunning names the holder, DatabaseUnusable says why none can be."""
        path = lock_path(self._database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("a").close()  # the lock would take a refusal for a holder
        except OSError as error:
            raise DatabaseUnusable(f"{path} cannot be written: {error.strerror}") from error
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
                "`pilothouse attach` shows it, `pilothouse stop` ends it"
            ) from None
        return self

    def note(self, holder: Holder) -> None:
        """Say who holds it."""
        write_holder(self._database, holder)

    def __exit__(self, *_: object) -> None:
        """Release it."""
        holder_path(self._database).unlink(missing_ok=True)
        self._lock.release()
