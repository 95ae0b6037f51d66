"""A terminal of tmux with the program in it, and what `--json` says at the same moment."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.architecture.sources import ROOT
from tests.tui.commands import home

STILL_S = 0.25
WITHIN_S = 30.0


class Terminal:
    """One engine with its screen, in a tmux server of its own; keys go in, text comes out."""

    def __init__(self, folder: Path, columns: int, rows: int, *arguments: str) -> None:
        self.columns, self.rows = columns, rows
        self._folder = folder
        self._env = {**home(folder), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color",
                     "LC_ALL": "C.UTF-8", "TMUX": ""}  # fmt: skip
        del self._env["COLUMNS"]  # a size that is said beats the terminal's own
        self._socket = f"walk-{os.getpid()}-{columns}"
        words = [sys.executable, "-m", "tui", *arguments]
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-s", "w", "-x", str(columns), "-y", str(rows),
            " ".join(f"'{word}'" for word in words),
        )  # fmt: skip

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *words], env=self._env, cwd=self._folder,
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        return done.stdout

    def ask(self, *words: str) -> Any:
        """Return what a command says with --json."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", *words, "--json"], env=self._env, cwd=self._folder,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout, f"{' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout)

    def press(self, key: str) -> None:
        """Press a key as a person would."""
        self._tmux("send-keys", "-t", "w", key)

    @property
    def lines(self) -> list[str]:
        """What is on the screen now, each line as wide as the terminal."""
        text = self._tmux("capture-pane", "-p", "-t", "w")
        lines = text.split("\n")[: self.rows]
        return [line.ljust(self.columns) for line in lines]

    def until(self, holds: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait until the screen shows something; return it."""
        end = time.monotonic() + WITHIN_S
        while not holds(lines := self.lines):
            assert time.monotonic() < end, f"not seen: {what}\n" + "\n".join(lines)
            time.sleep(0.05)
        return lines

    def settled(self) -> list[str]:
        """Wait until nothing below the status line changes any more; return the screen."""
        before: list[str] = []
        since = time.monotonic()
        end = since + WITHIN_S
        while time.monotonic() - since < STILL_S:
            lines = self.lines
            if lines[1:] != before[1:]:
                before, since = lines, time.monotonic()
            assert time.monotonic() < end, "the screen never stands still"
            time.sleep(0.05)
        return self.lines

    def close(self) -> None:
        """End the server and what runs in it."""
        self._tmux("kill-server")
