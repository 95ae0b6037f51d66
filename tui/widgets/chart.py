"""Small charts in block characters: a line of values, and the strip of cells."""

import math
from collections.abc import Sequence
from decimal import Decimal

from tui.format import BLANK, Shown

_BLOCKS = " ▁▂▃▄▅▆▇█"

Value = Decimal | float | int | None


def bars(values: Sequence[Value], width: int, height: int) -> list[Shown]:
    """Return `height` lines of at most `width` columns, the newest value at the right.

    Each column is the last value of its share of the series, scaled between the least and the
    largest shown; a column without a value stays empty.
    """
    if width < 1 or height < 1 or not values:
        return []
    columns = min(width, len(values))
    picked = [values[(n + 1) * len(values) // columns - 1] for n in range(columns)]
    known = [float(v) for v in picked if v is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    steps = height * 8 - 1
    levels = [None if v is None else 1 + round((float(v) - low) / span * steps) for v in picked]
    rows: list[Shown] = []
    for row in range(height - 1, -1, -1):
        cells = (0 if level is None else max(0, min(8, level - row * 8)) for level in levels)
        rows.append(Shown("".join(_BLOCKS[eighths] for eighths in cells)))
    return rows


def cells(values: Sequence[int | None], width: int) -> Shown:
    """Return the last cells as digits, `·` for a session without a reading."""
    if width < 1:
        return BLANK
    return Shown("".join("·" if v is None else str(v)[:1] for v in values[-width:]))


# -- the curve -----------------------------------------------------------------------------


def buckets(values: Sequence[Value], width: int) -> list[tuple[float, float] | None]:
    """Return least and largest of each column's share, so that spikes survive; gaps stay gaps."""
    columns = min(width, len(values))
    found: list[tuple[float, float] | None] = []
    for n in range(columns):
        share = values[n * len(values) // columns : (n + 1) * len(values) // columns]
        known = [float(v) for v in share if v is not None]
        found.append((min(known), max(known)) if known else None)
    return found


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return three to five round numbers between two, fewer where most allows fewer."""
    if not high > low:
        return [low]
    raw = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= raw)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]


class Scale:
    """Values to half rows, linear or logarithmic; row 0 is the lowest."""

    def __init__(self, low: float, high: float, rows: int, *, log: bool = False) -> None:
        self.log = log and low > 0
        self.low, self.high = self._to(low), self._to(high)
        self.steps = max(1, rows * 2 - 1)

    def _to(self, value: float) -> float:
        return math.log(value) if self.log and value > 0 else value

    def at(self, value: float) -> int:
        """Return the half row of a value."""
        span = (self.high - self.low) or 1.0
        return round((self._to(value) - self.low) / span * self.steps)


def curve(
    values: Sequence[Value], width: int, height: int, scale: Scale, *, down: bool = False
) -> list[Shown]:
    """Return `height` lines of half blocks: a line, or (down) what lies between zero and it."""
    grid = [[" "] * width for _ in range(height)]
    before: tuple[int, int] | None = None
    for x, pair in enumerate(buckets(values, width)):
        if pair is None:
            before = None
            continue
        low, high = scale.at(pair[0]), scale.at(pair[1])
        if down:
            high = scale.steps
        elif before is not None:  # the line is closed to the column before
            low, high = min(low, before[1]), max(high, before[0])
        before = (scale.at(pair[0]), scale.at(pair[1]))
        for half in range(max(0, low), min(scale.steps, high) + 1):
            row = height - 1 - half // 2
            other = grid[row][x]
            block = "▄" if half % 2 == 0 else "▀"
            grid[row][x] = "█" if other not in (" ", block) else block
    return [Shown("".join(row)) for row in grid]
