"""An engine in a process of its own: start it, watch its journal grow, kill it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from storage.connect import open_reader
from tests.architecture.sources import ROOT
from tests.kin import with_us
from tests.patience import PATIENCE_S
from tests.tui.commands import home

_LOOK_S = 0.01


class Victim:
    """One engine process on a database."""

    def __init__(self, folder: Path, database: Path, *arguments: str) -> None:
        self.database = database
        self._errors = (folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments, "--db", str(database)],
            cwd=folder,
            env={**home(folder), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            preexec_fn=with_us(),
        )
        self._folder = folder

    @property
    def lives(self) -> bool:
        """Say whether it runs."""
        return self.process.poll() is None

    def wait_until(self, condition: Any) -> bool:
        """Look until a condition holds; False if the process ended before."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if not self.lives:
                return bool(condition())
            assert time.monotonic() < deadline, f"nothing came: {self.said()}"
            time.sleep(_LOOK_S)
        return True

    def kill(self) -> None:
        """SIGKILL; nothing of it runs when this returns."""
        if self.lives:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._errors.close()

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.kill()

    def said(self) -> str:
        """What it wrote on stderr."""
        return (self._folder / "stderr").read_text(errors="replace")[-2_000:]


def rows(database: Path, sql: str, *values: object) -> list[dict[str, Any]]:
    """Read rows; none while there is nothing to read."""
    try:
        db = open_reader(database)
    except EngineError:
        return []
    try:
        return [dict(row) for row in db.execute(sql, values).fetchall()]
    except Exception as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        db.close()


def cursor(database: Path) -> int:
    """How many inputs of the feed have been written about, in the newest session."""
    found = rows(
        database,
        "SELECT cursor FROM events WHERE cursor IS NOT NULL ORDER BY seq DESC LIMIT 1",
    )
    return int(found[0]["cursor"]) if found else 0


def sessions(database: Path) -> list[dict[str, Any]]:
    """Every session, oldest first."""
    return rows(database, "SELECT * FROM v_sessions ORDER BY created_seq")


def kill_at_random(victim: Victim, rng: random.Random, inputs: int) -> bool:
    """Kill at a random moment of what is left to do; False if it ended before."""
    before = len(sessions(victim.database))
    if rng.random() < 0.2:  # while it starts: the row of the session is all there is
        reached = victim.wait_until(lambda: len(sessions(victim.database)) > before)
    else:
        done = cursor(victim.database)
        wanted = rng.randint(done, min(done + inputs // 5, inputs))
        victim.wait_until(lambda: len(sessions(victim.database)) > before)
        reached = victim.wait_until(lambda: cursor(victim.database) > wanted)
    time.sleep(rng.uniform(0, 0.02))  # and then into whatever it does at that instant
    lived = victim.lives
    victim.kill()
    return reached and lived
