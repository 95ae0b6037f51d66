"""The emergency file: <db>.emergency, where cancels are noted while the database takes nothing.

Its 1 MiB is allocated when the engine starts, so that a full disk does not stop the note. One
line of JSON an event; zeros after the last one. Imported once on recovery, then emptied.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from engine.domain.event import Event
from engine.domain.times import parse_utc, utc_text
from engine.errors import JournalError
from storage.codec import VERSION, decode, encode
from storage.connect import beside

SIZE = 1 << 20


class Noted(NamedTuple):
    """One event that could not be journaled."""

    at: datetime
    event: Event


class EmergencyFile:
    """Appends events; keeps the file open, because opening may fail when it is needed."""

    def __init__(self, database: Path) -> None:
        self.path = beside(database, ".emergency")
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            missing = SIZE - os.fstat(self._file).st_size
            if missing > 0:  # written, not only reserved: some file systems reserve nothing
                os.pwrite(self._file, bytes(missing), SIZE - missing)
                os.fsync(self._file)
        except OSError as error:
            raise JournalError(f"{self.path} cannot be prepared: {error.strerror}") from error
        self._end = self._text().rfind(b"\n") + 1  # a line that was cut off is overwritten

    def note(self, at: datetime, event: Event) -> None:
        """Append an event; on return it is on the disk. JournalError if there is no room."""
        line = json.dumps([utc_text(at), type(event).__name__, VERSION, encode(event)]) + "\n"
        text = line.encode()
        if self._end + len(text) > SIZE:
            raise JournalError(f"{self.path} is full")
        try:
            os.pwrite(self._file, text, self._end)
            os.fsync(self._file)
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written: {error.strerror}") from error
        self._end += len(text)

    def noted(self) -> list[Noted]:
        """Return what is noted, oldest first; a line that was cut off is left out."""
        found = []
        for line in self._text().split(b"\n")[:-1]:
            at, kind, version, payload = json.loads(line)
            found.append(Noted(parse_utc(at), decode(kind, version, payload)))
        return found

    def clear(self) -> None:
        """Forget what has been imported: after the commit that holds it."""
        os.pwrite(self._file, bytes(SIZE), 0)
        os.fsync(self._file)
        self._end = 0

    def close(self) -> None:
        """Let go of the file; what is noted stays."""
        os.close(self._file)

    def _text(self) -> bytes:
        return os.pread(self._file, SIZE, 0).split(b"\0", 1)[0]
