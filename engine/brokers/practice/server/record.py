"""Every frame of every client in both directions, readable, one JSON document a line."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.brokers.practice.wire.answer import read_answer
from engine.brokers.practice.wire.request import read_request
from engine.brokers.practice.wire.value import WireError


class Record:
    """A file of frames. Each line: at, connection, client, way, message, values."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> "Record":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note(self, at: datetime, connection: int, client: int | None, text: str) -> None:
        """Write something that is no frame: connected, closed, a fault."""
        self._write(at, connection, client, {"way": "note", "text": text})

    def greeting(self, at: datetime, connection: int, *, is_in: bool, **values: object) -> None:
        """Write the versions that a client offers, or the one that was agreed on."""
        line = {"way": "in" if is_in else "out", "message": "hello" if is_in else "welcome"}
        self._write(at, connection, None, {**line, "values": values})

    def frame(
        self,
        at: datetime,
        connection: int,
        client: int | None,
        *,
        payload: bytes,
        version: int,
        is_in: bool,
    ) -> None:
        """Write a frame, as values by name where it is a message."""
        line: dict[str, Any] = {"way": "in" if is_in else "out"}
        try:
            read = read_request if is_in else read_answer
            message, values = read(payload, version, strict=False)
            line |= {"message": message.name, "values": values}
        except WireError as error:
            line |= {"raw": payload.decode(errors="backslashreplace"), "why": str(error)}
        self._write(at, connection, client, line)

    def _write(
        self, at: datetime, connection: int, client: int | None, line: Mapping[str, Any]
    ) -> None:
        if self._file.closed:
            return
        document = {"at": at.isoformat(), "connection": connection, "client": client, **line}
        self._file.write(json.dumps(document, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return str(value)
