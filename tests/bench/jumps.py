"""Jumps about in the replay of a long backtest: `python -m tests.bench.jumps [JUMPS]`.

A backtest of nine years is made, its replay shown in a pseudo-terminal of 120×40, and `:goto DATE`
typed for random session dates. Printed: the time from the enter key to the screen that stands
there, and what it cost the screen's process, which depends less on what else the machine does.
"""

import random
import re
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from engine.domain.times import parse_utc
from storage.connect import open_reader
from storage.timeline import Timeline, timeline
from tests.architecture.sources import ROOT
from tests.bench.reference import speed_ms
from tests.bench.screen import at, cpu_s
from tests.tui.commands import process
from tests.tui.ptys import Terminal, home
from tui.format import EXCHANGE_ZONE
from tui.replayed import find_step

REAL = ROOT.parent / "shared" / "data" / "market"
RANGE = ("--from", "2010-01-04", "--to", "2018-12-31")


class Jumps(NamedTuple):
    """What jumps took."""

    ms: list[float]  # from the key to the screen, shortest first
    cpu_ms: float  # of the screen's process, on the average
    events: int  # of the session


def backtest(folder: Path) -> Path:
    """Run nine years: on real bars where there are any, else on the built-in market."""
    path = folder / "nine.db"
    data = ("--data", str(REAL)) if REAL.is_dir() else ()
    done = process(folder, "backtest", *RANGE, *data, "--db", str(path))
    assert done.code == 0, done.err
    return path


def measure(folder: Path, jumps: int, seed: int = 1) -> Jumps:
    """Jump to random dates one after the other; print and return what that took."""
    path = backtest(folder)
    with closing(open_reader(path)) as db:
        (session_id,) = db.execute("SELECT session_id FROM sessions").fetchone()
        days = [row[0] for row in db.execute("SELECT DISTINCT session_date FROM v_snapshots")]
        steps = timeline(db, session_id)
    chance, took = random.Random(seed), list[float]()
    arguments = ["-m", "tui", "replay", session_id, "--db", str(path)]
    with Terminal(arguments, size=(120, 40), env=home(folder)) as terminal:
        terminal.shows("⏸")
        cpu = 0.0
        while len(took) < jumps:
            day = chance.choice(days)
            where = _clock_at(path, steps, day)
            if where in terminal.text:
                continue
            _type(terminal, day)
            before = cpu_s(terminal.process.pid)
            took.append(_enter(terminal, where))
            cpu += cpu_s(terminal.process.pid) - before
    found = Jumps(sorted(took), 1000 * cpu / jumps, steps.steps[-1].seq)
    print(
        f"\n{jumps} jumps in a replay of {len(days)} session dates, {found.events} events: p50 "
        f"{at(found.ms, 0.5):.0f} ms, p95 {at(found.ms, 0.95):.0f} ms, slowest "
        f"{found.ms[-1]:.0f} ms; {found.cpu_ms:.0f} ms of CPU each; a million turns of a loop "
        f"{speed_ms():.0f} ms"
    )
    return found


def _clock_at(path: Path, steps: Timeline, day: str) -> str:
    """Where the clock stands at the end of a date, as the message line says it."""
    step = find_step(path, steps, day, parse_utc(steps.steps[0].clock))
    clock = parse_utc(steps.steps[step].clock).astimezone(EXCHANGE_ZONE)
    return f"· {clock:%Y-%m-%d %H:%M:%S} ET ·"


def _type(terminal: Terminal, day: str) -> None:
    """Type where to go."""
    terminal.send(b":")
    terminal.until(lambda: re.search(r"^ ?:", terminal.text, re.MULTILINE), "the line")
    terminal.send(f"goto {day}".encode())
    terminal.until(lambda: f"goto {day}" in terminal.text, "what was typed")


def _enter(terminal: Terminal, where: str) -> float:
    """Press enter; return milliseconds from the key to the screen that stands there."""
    began = time.monotonic()
    terminal.send(b"\r")
    while where not in terminal.text:
        assert time.monotonic() - began < 10, f"not at {where}\n{terminal.text}"
        time.sleep(0.001)
    return 1000 * (time.monotonic() - began)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 100)
