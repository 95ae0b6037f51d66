"""A table of a million fills: `python -m tests.bench.longtable [FILLS] [KEYS]`.

Bulk rows are written by this process, the screen runs in a pseudo-terminal of 120×40 in one of
its own. Printed by kind of key: the time from its byte to what it must show, p50 and p95, and what
it cost the screen's process, which depends less on what else the machine does.
"""

import asyncio
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from storage.connect import open_reader
from tests.bench.screen import cpu_s
from tests.storage import bulk
from tests.tui import seed
from tests.tui.ptys import Terminal, home

SIZE = (120, 40)
LIMIT_S = 0.2


class Bench:
    """Presses keys and waits for what they show."""

    def __init__(self, path: Path, terminal: Terminal) -> None:
        self.terminal = terminal
        self.took: dict[str, list[float]] = {}
        self.cpu: dict[str, float] = {}  # of the screen's process, all keys of a kind together
        self.db = open_reader(path)

    def key(self, kind: str, data: bytes, shown: Callable[[], bool]) -> None:
        """Press a key; note how long it took to show what it must."""
        assert not shown(), f"{kind}: it shows it already"
        began, cpu = time.monotonic(), cpu_s(self.terminal.process.pid)
        self.terminal.send(data)
        while not shown():
            assert time.monotonic() - began < 30, f"{kind}: in vain\n{self.terminal.text}"
            time.sleep(0.001)
        self.took.setdefault(kind, []).append(time.monotonic() - began)
        time.sleep(0.02)
        used = cpu_s(self.terminal.process.pid) - cpu
        self.cpu[kind] = self.cpu.get(kind, 0.0) + used

    @property
    def cursor(self) -> str:
        """The line under the cursor."""
        return next((row for row in self.terminal.text.split("\n") if row.startswith(">")), "")

    @property
    def first(self) -> str:
        """The first row."""
        lines = self.terminal.text.split("\n")
        at = next((n for n, row in enumerate(lines) if " Time " in row and "Sym" in row), 0)
        return lines[at + 1]

    def let_go(self) -> None:
        """Away with filter, zoom and cursor; zoom again."""
        for key in (b"\x1b", b"\x1b", b"\x1b", b"z"):
            self.terminal.send(key)
            time.sleep(0.3)

    def moves(self, kind: str, data: bytes) -> None:
        """A key after which another row is under the cursor."""
        before = self.cursor
        self.key(kind, data, lambda: self.cursor not in ("", before))

    def price(self, order: str, where: str = "1") -> str:
        """What the price of the first row in an order looks like."""
        row = self.db.execute(
            f"SELECT price FROM v_fills WHERE {where} ORDER BY {order} LIMIT 1"  # noqa: S608
        ).fetchone()
        return f"{row[0]:.2f}"


def walk(bench: Bench, keys: int) -> None:
    """Rows, pages, ends."""
    for _ in range(keys):
        bench.moves("row", b"j")
    for _ in range(keys):
        bench.moves("page", b"\x1b[6~")
    for _ in range(keys // 10 or 1):
        bench.moves("end", b"G")
        bench.moves("page from the end", b"\x1b[5~")
        bench.moves("end", b"g")


def sort(bench: Bench, keys: int) -> None:
    """Orders, and pages in them."""
    bench.let_go()
    low, high = bench.price("price"), bench.price("price DESC")
    newest = bench.first
    for _ in range(keys // 6 or 1):
        bench.key("sort", b"sp", lambda: low in bench.first)
        bench.key("sort", b"sp", lambda: high in bench.first)
        for _ in range(4):
            bench.moves("page, sorted", b"\x1b[6~")
        bench.let_go()
        bench.key("sort", b"ss", lambda: bench.first == newest)


def search(bench: Bench, keys: int) -> None:
    """Filters: what many rows meet, what few do, what none does."""
    chance = random.Random(3)
    for _ in range(keys // 6 or 1):
        symbol = chance.choice(bulk.SYMBOLS)
        bench.terminal.send(f"/sym={symbol}".encode()[:-1])
        time.sleep(0.3)
        last = symbol[-1].encode()
        bench.key("filter, many", last, lambda s=symbol: f" {s} " in bench.first)  # type: ignore[misc]
        bench.terminal.send(b"\r")
        time.sleep(0.2)
        bench.moves("page, filtered", b"\x1b[6~")
        bench.let_go()
        bench.terminal.send(b"/sym=RAR")
        time.sleep(0.5)
        bench.key("filter, few", b"E", lambda: f" {bulk.RARE} " in bench.first)
        bench.terminal.send(b"\r")
        time.sleep(0.2)
        bench.let_go()
        bench.terminal.send(b"/nobod")
        time.sleep(0.7)
        bench.key("filter, none", b"y", lambda: "/nobody" in bench.terminal.text)
        began = time.monotonic()
        bench.terminal.until(
            lambda: re.search(r"0 of [\d,]+ match", bench.terminal.text), "all were searched"
        )
        bench.took.setdefault("all searched", []).append(time.monotonic() - began)
        bench.terminal.send(b"\r")
        time.sleep(0.2)
        bench.let_go()


def measure(folder: Path, fills: int, keys: int) -> dict[str, list[float]]:
    """Make the database, press the keys; print and return seconds by kind of key."""
    path = folder / "long.db"
    asyncio.run(seed.build(path, seed.story()))
    began = time.monotonic()
    bulk.add(path, fills)
    size = path.stat().st_size / 1e6
    print(f"{fills:,} fills written in {time.monotonic() - began:.0f} s, {size:,.0f} MB")
    arguments = ["-m", "tests.bench.screen", "--child", str(path)]
    with Terminal(arguments, size=SIZE, env=home(folder)) as terminal:
        terminal.shows("Positions")
        bench = Bench(path, terminal)
        terminal.shows("Fills")
        terminal.send(b"5z")
        terminal.shows(f"Fills · {fills + 2:,}")
        walk(bench, keys)
        sort(bench, keys)
        search(bench, keys)
        bench.db.close()
    for kind, took in bench.took.items():
        p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
        print(
            f"{kind:20} {len(took):4} ×  p50 {1000 * statistics.median(took):5.0f} ms  "
            f"p95 {1000 * p95:5.0f} ms  max {1000 * max(took):5.0f} ms  "
            f"CPU {1000 * bench.cpu.get(kind, 0.0) / len(took):4.0f} ms each"
        )
    return bench.took


def main(arguments: list[str]) -> None:
    """Measure with so many fills and keys."""
    fills = int(arguments[0]) if arguments else 1_000_000
    keys = int(arguments[1]) if len(arguments) > 1 else 60
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), fills, keys)


if __name__ == "__main__":
    main(sys.argv[1:])
