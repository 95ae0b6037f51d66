"""The log file: one JSON object a line, rotated.

The journal says what the engine did; the log says what the journal cannot: when the program
began and ended, under which settings, and how it failed. Tracebacks carry no local variables.
"""

import json
import logging.handlers
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.domain.times import utc_text
from engine.runtime.clock import SystemClock

NAME = "pilothouse"
MEGABYTE = 1_000_000
HEARD = {
    "pilothouse": logging.INFO,
    "ib_insync": logging.WARNING,
    "eventkit": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""Loggers whose words belong into the file, and from which level; else they would be lost, or
reach the terminal and tear the screen."""


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
        self._handler.handle(logging.makeLogRecord({"msg": json.dumps(line, default=repr)}))

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Write down what the engine, the broker's library and the loop say meanwhile."""
        ear = _Ear(self)
        before = {name: logging.getLogger(name).level for name in HEARD}
        for name, level in HEARD.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).addHandler(ear)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).removeHandler(ear)
                logging.getLogger(name).setLevel(level)

    def close(self) -> None:
        """Let go of the file."""
        if self._handler is not None:
            self._handler.close()
            self._handler = None


class _Ear(logging.Handler):
    """What a logger says, as a line of the log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; a text that does not fit its arguments is written as it is."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        self._log.write(text, logger=record.name, level=record.levelname, exc_info=error)


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
