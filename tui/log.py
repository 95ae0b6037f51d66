"""The log file: one JSON object a line, rotated.

The journal says what the engine did; the log says what the journal cannot: when the program
began and ended, under which settings, and how it failed. Tracebacks carry no local variables.
"""

import json
import logging.handlers
import traceback
from pathlib import Path
from typing import Any

from engine.domain.times import utc_text
from engine.runtime.clock import SystemClock

NAME = "pilothouse"
MEGABYTE = 1_000_000


class Log:
    """The program's log; writing never raises and never prints."""

    def __init__(self, path: Path, *, max_mb: int = 10, keep: int = 5) -> None:
        self.path = path
        self._handler = _open(path, max_mb, keep)

    @property
    def is_open(self) -> bool:
        """Whether lines reach the file."""
        return self._handler is not None

    def write(self, event: str, **facts: Any) -> None:
        """Write one line; `exc_info` may hold an exception."""
        if self._handler is None:
            return
        error = facts.pop("exc_info", None)
        line: dict[str, Any] = {
            "event": event,
            **facts,
            "timestamp": utc_text(SystemClock().wall()),
        }
        if error is not None:
            line["exception"] = "".join(traceback.format_exception(error)).rstrip("\n")
        self._handler.emit(logging.makeLogRecord({"msg": json.dumps(line, default=repr)}))

    def close(self) -> None:
        """Let go of the file."""
        if self._handler is not None:
            self._handler.close()
            self._handler = None


def _open(path: Path, max_mb: int, keep: int) -> logging.Handler | None:
    """Open the file for this user alone; None where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=max_mb * MEGABYTE, backupCount=keep, encoding="utf-8"
        )
    except OSError:
        return None
    handler.handleError = lambda record: None  # type: ignore[method-assign]  # a full disk
    return handler
