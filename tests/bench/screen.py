"""What the screen costs: `python -m tests.bench.screen [CHANGES_PER_SECOND] [SECONDS]`.

A database with fifty orders and fifty positions is written by this process as an engine would;
the screen runs in a pseudo-terminal of 120×40 in a process of its own. Printed: CPU of the
screen's process, bytes to the terminal, resident memory, and the time to the first screen.
"""

import asyncio
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from engine.domain import event as facts
from engine.domain.ids import InstrumentId, SessionId
from engine.domain.order import OrderStatus, Side
from engine.domain.position import FLAT, Position
from engine.ports import Heartbeat
from storage.journal import SqliteJournal
from storage.start import prepare
from tests.storage.samples import REGIME, context, created, unit
from tests.tui import seed
from tests.tui.ptys import Terminal, home

ROWS = 50
SETTLE_S = 4.0


def now() -> datetime:
    """Real time: ages must count."""
    return datetime.now(UTC)  # noqa: TID251  a measurement from outside


def child(path: Path) -> None:
    """Show a database that another process writes."""
    from engine.runtime.clock import SystemClock
    from engine.runtime.ids import SystemIds
    from tui.application import Pilothouse
    from tui.source import DatabaseSource
    from tui.steering import Requests

    Pilothouse(
        make_source=lambda: DatabaseSource(path, None, now),
        requests=Requests(lambda _: None, SystemClock(), SystemIds(), "bench"),
        clock=SystemClock(),
    ).run(mouse=False)


async def build(journal: SqliteJournal) -> None:
    """Fifty working orders and fifty positions."""
    journal.put(created(context(seed.SESSION, started_at=now(), recorded_clock=False)))
    for n in range(ROWS):
        instrument = InstrumentId(f"STK:S{n:03}:USD")
        given = seed.order(n, instrument, Side.BUY, 1_000_000)
        journal.put(unit(*seed.order_events(given, "100.00", 10), at=now()))
    await journal.commit()


async def change(journal: SqliteJournal, n: int) -> None:
    """One more partial fill: a row of the orders and a row of the positions change."""
    which, filled = n % ROWS, 10 + n
    order = seed.order(which, InstrumentId(f"STK:S{which:03}:USD"), Side.BUY, 1_000_000)
    if n % 2:
        journal.put(
            unit(
                facts.OrderPartiallyFilled(
                    order_id=order.order_id, status=OrderStatus.PARTIALLY_FILLED,
                    filled=Decimal(filled), filled_value=Decimal(filled * 100),
                ),
                at=now(),
            )
        )  # fmt: skip
    else:
        journal.put(
            unit(
                facts.PositionChanged(
                    strategy=REGIME, instrument=order.instrument, before=FLAT,
                    after=Position(Decimal(filled), Decimal(filled * 100)), realized=Decimal(0),
                ),
                at=now(),
            )
        )  # fmt: skip
    await journal.commit()


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Cost(NamedTuple):
    """What a screen cost."""

    first_s: float
    cpu: float  # of one core, a fraction
    bytes_per_s: float
    resident_mb: float


async def measure(folder: Path, rate: float, seconds: float) -> Cost:
    """Run the screen beside a writer; print and return what it cost."""
    path = folder / "bench.db"
    prepare(path)
    async with await SqliteJournal.open(path, wall=now) as journal:
        await build(journal)
        began = time.monotonic()
        arguments = ["-m", "tests.bench.screen", "--child", str(path)]
        with Terminal(arguments, size=(120, 40), env=home(folder)) as terminal:
            pid = terminal.process.pid
            await asyncio.to_thread(terminal.shows, "Positions")
            first_s = time.monotonic() - began
            print(f"first screen          {1000 * first_s:8.0f} ms")
            await asyncio.to_thread(terminal.shows, "PARTIALLY")
            print(f"first rows            {1000 * (time.monotonic() - began):8.0f} ms")
            n, start, marks = 0, time.monotonic(), None
            while True:
                elapsed = time.monotonic() - start
                if marks is None and elapsed > SETTLE_S:
                    marks = (time.monotonic(), cpu_s(pid), len(terminal.raw))
                if elapsed > SETTLE_S + seconds:
                    break
                while rate and n < elapsed * rate:
                    await change(journal, n)
                    n += 1
                await journal.put_latest(beat(), [])
                await asyncio.sleep(min(1.0, 1 / rate if rate else 1.0))
            assert marks is not None
            wall = time.monotonic() - marks[0]
            cost = Cost(
                first_s,
                (cpu_s(pid) - marks[1]) / wall,
                (len(terminal.raw) - marks[2]) / wall,
                resident_mb(pid),
            )
            print(f"row changes           {rate:8.0f} /s")
            print(f"CPU of one core       {100 * cost.cpu:8.1f} %")
            print(f"bytes to terminal     {cost.bytes_per_s:8.0f} /s")
            print(f"resident memory       {cost.resident_mb:8.0f} MB")
    return cost


def beat() -> Heartbeat:
    """A pulse of now."""
    at = now()
    return Heartbeat(
        session_id=SessionId(seed.SESSION), wall_at=at, clock_at=at, session_date=at.date(),
        state="RUNNING", trading_state="ACTIVE", pace="", tick_gap_ms=1.0, reports_waiting=0,
        commit_p99_ms=1.0, next_slot="",
    )  # fmt: skip


def main(arguments: list[str]) -> None:
    """Measure, or be the screen that is measured."""
    if arguments[:1] == ["--child"]:
        child(Path(arguments[1]))
        return
    rate = float(arguments[0]) if arguments else 20.0
    seconds = float(arguments[1]) if len(arguments) > 1 else 20.0
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), rate, seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
