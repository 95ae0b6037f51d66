"""A program in a terminal of its own, seen from outside: bytes, screen, signals, exit code."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte

from tests.architecture.sources import ROOT
from tests.kin import with_us
from tests.patience import PATIENCE_S

_NOT_INHERITED = ("LINES", "COLUMNS", "NO_COLOR")  # they would speak for another terminal
_INHERITED = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


class Terminal:
    """A pseudo-terminal with a program in it."""

    def __init__(
        self, arguments: list[str], *, size: tuple[int, int] = (80, 24), env: Mapping[str, str]
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self._lock = threading.Lock()
        self.master, slave = pty.openpty()
        rows = struct.pack("HHHH", size[1], size[0], 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave  # kept open, so that what is left can be looked at
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
            env={**_INHERITED, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
            preexec_fn=_take_terminal(with_us()),
        )  # fmt: skip
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    def _read(self) -> None:
        while self._open:
            try:
                ready, _, _ = select.select([self.master], [], [], 0.05)
                data = os.read(self.master, 65_536) if ready else b""
            except (OSError, ValueError):
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)

    @property
    def text(self) -> str:
        """What the screen shows now."""
        with self._lock:
            return "\n".join(self.screen.display)

    def column(self, x: int) -> str:
        """What one column of the screen shows now, top to bottom."""
        with self._lock:
            return "".join(self.screen.buffer[y][x].data for y in range(self.screen.lines))

    def send(self, data: bytes) -> None:
        """Type."""
        os.write(self.master, data)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}\n{self.text}"
            time.sleep(0.01)

    def shows(self, words: str) -> None:
        """Wait until the screen shows some words."""
        self.until(lambda: words in self.text, repr(words))

    def takes_answers(self) -> None:
        """Wait until an open question does: it counts, from ten or thirty seconds."""
        counting = re.compile(r"no in (?!10s|30s)\d+s")
        self.until(lambda: counting.search(self.text), "the guard to pass")

    def exit_code(self) -> int:
        """Wait for the end."""
        self.until(lambda: self.process.poll() is not None, "the end")
        return int(self.process.returncode)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """This terminal takes no byte meanwhile, as behind a dead link."""
        termios.tcflow(self.slave, termios.TCOOFF)
        try:
            yield
        finally:
            termios.tcflow(self.slave, termios.TCOON)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        with self._lock:
            self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away."""
        if self._open:
            self._open = False
            self._reader.join()
            os.close(self.slave)
            os.close(self.master)

    def assert_restored(self) -> None:
        """The terminal is as it was: normal screen, cursor, no protocols, same settings."""
        with self._lock:
            raw = bytes(self.raw)
        for left, entered in (
            (b"\x1b[?1049l", b"\x1b[?1049h"),
            (b"\x1b[?25h", b"\x1b[?25l"),
            (b"\x1b[?2004l", b"\x1b[?2004h"),
            (b"\x1b[?1004l", b"\x1b[?1004h"),
        ):
            assert raw.rfind(left) > raw.rfind(entered) >= 0, left
        assert b"\x1b[?1003h" not in raw, "no mouse"
        assert termios.tcgetattr(self.slave) == self.before


def _take_terminal(end_with_us: Callable[[], None]) -> Callable[[], None]:
    def take() -> None:
        end_with_us()
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return take


def home(folder: Path) -> dict[str, str]:
    """Environment of a person who has nothing yet."""
    return {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PILOTHOUSE_LOG__PATH": str(folder / "pilothouse.log"),
    }
