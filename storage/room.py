"""Room on the disk: what runs out slowly is told before it stops the engine."""

import shutil
from pathlib import Path

from storage.connect import beside, holders_of

FREE_LEAST = 1 << 30
LOG_MOST = 64 << 20


def log_bytes(path: Path) -> int:
    """Return the size of a database's write-ahead log, 0 where there is none."""
    try:
        return beside(path, "-wal").stat().st_size
    except OSError:
        return 0


def sizes(path: Path) -> dict[str, int]:
    """Return bytes of the database, of its log, and free on its disk; without what is unknown."""
    found = {"log_bytes": log_bytes(path)}
    try:
        found["database_bytes"] = path.stat().st_size
        found["free_bytes"] = shutil.disk_usage(path.parent).free
    except OSError:
        pass
    return found


def troubles(
    path: Path, *, free_least: int = FREE_LEAST, log_most: int = LOG_MOST
) -> dict[str, str | None]:
    """Return each kind of alert about a database's room with its text, None if all is well."""
    found: dict[str, str | None] = {"disk_low": None, "log_long": None}
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        found["disk_low"] = f"the disk of {path} cannot be looked at: {error}"
    else:
        if free < free_least:
            found["disk_low"] = (
                f"{free / (1 << 30):.2f} GiB free on the disk of {path}, "
                f"{free_least / (1 << 30):g} GiB are wanted"
            )
    size = log_bytes(path)
    if size > log_most:
        held = ", ".join(f"pid {pid}" for pid in holders_of(beside(path, "-wal")))
        found["log_long"] = (
            f"the write-ahead log of {path} has {size >> 20} MB, wanted at most "
            f"{log_most >> 20}; held open by {held or 'nobody who can be seen'}"
        )
    return found
