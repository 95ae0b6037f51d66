"""The note that says who holds a database: for people and for `status`; the lock alone decides.

Standard library only: `status` and `halt` read it and must start fast.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


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
    """Return the note beside a database."""
    return database.with_name(database.name + ".holder")


def read_holder(database: Path) -> Holder | None:
    """Return who says to hold the database, None if nobody does or its process is gone."""
    try:
        holder = Holder(**json.loads(holder_path(database).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # alive, and another user's
    return holder


def running(database: Path) -> Holder | None:
    """Return the engine that holds a database now, None if there is none.

    A note outlives an engine that was killed, and its number may be another process by now:
    where the system can tell, the process must have the lock file open.
    """
    holder = read_holder(database)
    if holder is None or _has_open(holder.pid, lock_path(database)) is False:
        return None
    return holder


def _has_open(pid: int, path: Path) -> bool | None:
    """Say whether a process has a file open, None where that cannot be told."""
    try:
        wanted = path.stat()
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:
        return False if Path("/proc/self/fd").exists() else None
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            if os.path.samestat(descriptor.stat(), wanted):
                return True
        except OSError:
            continue  # closed meanwhile, or it leads nowhere
    return False


def write_holder(database: Path, holder: Holder) -> None:
    """Say who holds it; replaced atomically."""
    path = holder_path(database)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    temporary.replace(path)
