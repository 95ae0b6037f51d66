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


def write_holder(database: Path, holder: Holder) -> None:
    """Say who holds it; replaced atomically."""
    path = holder_path(database)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    temporary.replace(path)
