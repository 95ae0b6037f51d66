"""Small charts in block characters: a line of values, and the strip of cells."""

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
