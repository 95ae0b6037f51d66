"""What our figures are compared with, and the bars of the long run."""

import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

FIRST = date(1880, 1, 1)


@dataclass(slots=True)
class PlainBar:
    """A bar as a program without a journal would have it."""

    day: int
    open: Decimal
    close: Decimal


class PlainCrossover:
    """Two deques, two running means, a position."""

    def __init__(self, fast: int, slow: int) -> None:
        self.fast: deque[Decimal] = deque(maxlen=fast)
        self.slow: deque[Decimal] = deque(maxlen=slow)
        self.sum_fast = self.sum_slow = Decimal(0)
        self.long = False
        self.trades = 0

    def on_bar(self, bar: PlainBar) -> None:
        """Move the means; turn the position where they cross."""
        close, fast, slow = bar.close, self.fast, self.slow
        if len(slow) == slow.maxlen:
            self.sum_slow -= slow[0]
        if len(fast) == fast.maxlen:
            self.sum_fast -= fast[0]
        fast.append(close)
        slow.append(close)
        self.sum_fast += close
        self.sum_slow += close
        above = self.sum_fast * 140 > self.sum_slow * 40
        if above is not self.long and len(slow) == 140:
            self.long = above
            self.trades += 1


def plain_loop(closes: Sequence[Decimal]) -> float:
    """Return bars a second of a plain event loop: bar objects, a queue, two deques, two means."""
    queue: deque[PlainBar] = deque()
    for day, close in enumerate(closes):
        queue.append(PlainBar(day, close, close))
    strategy = PlainCrossover(40, 140)
    began = time.perf_counter()
    while queue:
        strategy.on_bar(queue.popleft())
    return len(closes) / (time.perf_counter() - began)


def speed_ms() -> float:
    """Return what a million turns of a plain loop take: how fast the machine is just now."""
    began, total = time.perf_counter(), 0
    for n in range(1_000_000):
        total += n * n
    return 1000 * (time.perf_counter() - began)


def long_waves(count: int, seed: int = 1) -> list[int]:
    """Return closes in cents: bull and bear markets of about two years, calm ones:
    what is earned compounds for fifty of them and must stay below nine million millions.

    Means of 40 and 140 bars cross every 325 bars; on QQQ, 2009 to 2018, every 192.
    """
    return list(_walk(random.Random(seed), count, drift=0.0006, noise=0.003, length=500))


def random_walk(count: int, seed: int = 1) -> list[int]:
    """Return closes in cents without any trend: the means cross every 115 bars."""
    return list(_walk(random.Random(seed), count, drift=0.0, noise=0.008, length=500))


def _walk(
    chance: random.Random, count: int, drift: float, noise: float, length: int
) -> Iterator[int]:
    price, rising, left = 100.0, False, 0
    for _ in range(count):
        if left == 0:
            rising = price <= 20 or (not rising and price < 2_000)
            left = chance.randint(length // 2, length * 3 // 2)
        left -= 1
        price *= 1 + chance.gauss(drift if rising else -drift, noise)
        price = min(max(price, 1.0), 1e6)
        yield round(price * 100)


def write_bars(folder: Path, closes: Sequence[int]) -> None:
    """Write QQQ.csv: each session opens where the one before closed."""
    lines = ["date,open,high,low,close,volume"]
    before = closes[0]
    for n, close in enumerate(closes):
        low, high = sorted((before, close))
        prices = ",".join(
            f"{cents // 100}.{cents % 100:02}" for cents in (before, high, low, close)
        )
        lines.append(f"{FIRST + timedelta(n)},{prices},1000000")
        before = close
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "QQQ.csv").write_text("\n".join(lines) + "\n")
