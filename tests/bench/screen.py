"""What the screen costs: `python -m tests.bench.screen [CHANGES_PER_SECOND] [SECONDS]`.

A database with fifty orders and fifty positions is written by this process as an engine would;
the screen runs in a pseudo-terminal of 120×40 in a process of its own. Printed: CPU of the
screen's process, bytes to the terminal, resident memory, the time to the first screen, and
from a key to its effect. `measure_idle` looks at the product itself: screen and engine at rest.
"""

import asyncio
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
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
from tests.architecture.sources import ROOT
from tests.bench.reference import speed_ms
from tests.patience import PATIENCE_S
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


class Start(NamedTuple):
    """How a program in a terminal began."""

    shown_ms: dict[str, float]  # since it was started, when each text was there
    cpu_ms: float  # of the process, when the last one was
    resident_mb: float  # some seconds later: screen and engine are one process
    cpu: float  # of one core meanwhile, a fraction


def start(
    arguments: list[str], env: dict[str, str], texts: tuple[str, ...], seconds: float
) -> Start:
    """Start a program at 120×40; only the bytes are looked at, so that nothing is in its way."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    began = time.monotonic()
    program = subprocess.Popen(
        [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
    )  # fmt: skip
    try:
        raw, shown = bytearray(), dict[str, float]()
        while len(shown) < len(texts):
            assert time.monotonic() - began < PATIENCE_S, f"not shown: {set(texts) - set(shown)}"
            raw += _read(master, 0.01)
            for text in texts:
                if text not in shown and text.encode() in raw:
                    shown[text] = 1000 * (time.monotonic() - began)
        used = cpu_s(program.pid)
        mark, until = used, time.monotonic() + seconds
        while time.monotonic() < until:
            _read(master, 0.1)
        used_then = cpu_s(program.pid)
        return Start(shown, 1000 * mark, resident_mb(program.pid), (used_then - used) / seconds)
    finally:
        program.kill()
        program.wait()
        os.close(master)
        os.close(slave)


def _read(master: int, wait_s: float) -> bytes:
    ready, _, _ = select.select([master], [], [], wait_s)
    return os.read(master, 65_536) if ready else b""


class Cost(NamedTuple):
    """What a screen cost."""

    first_s: float
    cpu: float  # of one core, a fraction
    bytes_per_s: float
    resident_mb: float
    keys_ms: Sequence[float] = ()  # from a key sent to its effect seen


class Meter:
    """CPU and bytes of a program in a terminal, from when it was made."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.pid = terminal, terminal.process.pid
        self.began, self.cpu, self.sent = time.monotonic(), cpu_s(self.pid), len(terminal.raw)

    def read(self, first_s: float, keys_ms: Sequence[float] = ()) -> Cost:
        """Return what it cost a second since then."""
        wall = time.monotonic() - self.began
        return Cost(
            first_s,
            (cpu_s(self.pid) - self.cpu) / wall,
            (len(self.terminal.raw) - self.sent) / wall,
            resident_mb(self.pid),
            keys_ms,
        )


async def load(journal: SqliteJournal, rate: float, seconds: float) -> None:
    """Change rows at a rate, with a pulse a second as an engine has."""
    start, n, pulse = time.monotonic(), 0, 0.0
    while (elapsed := time.monotonic() - start) < seconds:
        while n < elapsed * rate:
            await change(journal, n)
            n += 1
        if elapsed >= pulse:
            await journal.put_latest(beat(), [])
            pulse += 1.0
        await asyncio.sleep(min(0.5, 1 / rate if rate else 0.5))


def type_keys(terminal: Terminal, count: int) -> list[float]:
    """Move the cursor up and down; return how long each key took to be seen, in ms."""
    took: list[float] = []
    for key in (b"4", b"j"):  # the first step only takes hold of a row
        terminal.send(key)
        time.sleep(0.5)
    for n in range(count):
        before = terminal.column(0)
        sent = time.monotonic()
        terminal.send(b"jk"[n // 8 % 2 :][:1])
        while terminal.column(0) == before:
            assert time.monotonic() - sent < 5, terminal.text
            time.sleep(0.001)
        took.append(1000 * (time.monotonic() - sent))
        time.sleep(0.05 + 0.013 * (n % 7))
    return took


async def measure(
    folder: Path, rate: float, seconds: float, *, keys: int = 0, question: bool = False
) -> Cost:
    """Run the screen beside a writer of rows; print and return what it cost."""
    path = folder / "bench.db"
    prepare(path)
    async with await SqliteJournal.open(path, wall=now) as journal:
        await build(journal)
        began = time.monotonic()
        arguments = ["-m", "tests.bench.screen", "--child", str(path)]
        with Terminal(arguments, size=(120, 40), env=home(folder)) as terminal:
            await asyncio.to_thread(terminal.shows, "PARTIALLY")
            first_s = time.monotonic() - began
            await load(journal, rate, SETTLE_S)
            if question:
                terminal.send(b"\x0f")  # ctrl+o: arm?
                await asyncio.to_thread(terminal.shows, "no in")
            meter = Meter(terminal)
            await load(journal, rate, seconds)
            cost = meter.read(first_s)
            if keys:
                typing = asyncio.create_task(asyncio.to_thread(type_keys, terminal, keys))
                while not typing.done():
                    await load(journal, rate, 1.0)
                cost = cost._replace(keys_ms=sorted(await typing))
    report(f"{rate:.0f} row changes a second{', a question open' * question}", cost)
    return cost


def measure_idle(folder: Path, seconds: float) -> Cost:
    """Run the product, screen and engine, on a market that is shut or slow; print its cost."""
    began = time.monotonic()
    arguments = ["-m", "tui", "run", "--pace", "realtime", "--db", str(folder / "a.db")]
    with Terminal(arguments, size=(120, 40), env=home(folder)) as terminal:
        terminal.shows("Positions")
        first_s = time.monotonic() - began
        sent = len(terminal.raw)
        terminal.shows("CLEAN")
        time.sleep(SETTLE_S)
        meter = Meter(terminal)
        time.sleep(seconds)
        cost = meter.read(first_s)
        terminal.send(b"Q")
        terminal.shows("LEAVE?")
        terminal.takes_answers()
        terminal.send(b"s")
        terminal.exit_code()
    report(f"screen and engine, idle ({sent / 1000:.0f} KB at first)", cost)
    return cost


def report(what: str, cost: Cost) -> None:
    """Print a cost."""
    print(f"\n{what}: first screen {1000 * cost.first_s:.0f} ms, CPU {100 * cost.cpu:.1f} %, "
          f"{cost.bytes_per_s:.0f} bytes/s, {cost.resident_mb:.0f} MB; "
          f"a million turns of a loop {speed_ms():.0f} ms")  # fmt: skip
    if cost.keys_ms:
        last = cost.keys_ms[-1]
        print(f"  {len(cost.keys_ms)} keys: p50 {at(cost.keys_ms, 0.5):.0f} ms, "
              f"p95 {at(cost.keys_ms, 0.95):.0f} ms, slowest {last:.0f} ms")  # fmt: skip


def at(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of ordered numbers."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


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
        asyncio.run(measure(Path(folder), rate, seconds, keys=40))


if __name__ == "__main__":
    main(sys.argv[1:])
