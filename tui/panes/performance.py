"""The equity pane in full: curve with benchmark, drawdown, strip of cells, months × years."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from tui.format import UNKNOWN, Shown, cell, fit, number, percent, say
from tui.view import Row
from tui.widgets.chart import Scale, buckets, curve, ticks
from tui.widgets.lines import Line, Span, line

RANGES: tuple[tuple[Shown, int | None], ...] = (
    (Shown("month"), 21), (Shown("quarter"), 63), (Shown("year"), 252), (Shown("all"), None),
)  # fmt: skip
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
AXIS = 10
DRAWDOWN_ROWS = 3
WIDE = 118


def drawdowns(rows: Sequence[Row]) -> list[float]:
    """Return the fall from the highest equity so far, session by session."""
    worth = [float(row["equity"]) for row in rows]
    heights = accumulate(worth, max)
    return [w / h - 1 if h > 0 else 0.0 for w, h in zip(worth, heights, strict=True)]


def benchmark(rows: Sequence[Row], closes: Mapping[str, Row]) -> list[float | None]:
    """Return the regime's series scaled to the first shown equity; None where it has no close."""
    found = [closes.get(row["session_date"], {}).get("close") for row in rows]
    first = next(((e, c) for e, c in zip(rows, found, strict=True) if c), None)
    if first is None:
        return [None] * len(rows)
    factor = float(first[0]["equity"]) / float(first[1])
    return [None if c is None else float(c) * factor for c in found]


def chart_lines(
    rows: Sequence[Row], beside: Sequence[float | None], width: int, height: int, *, log: bool
) -> list[Line]:
    """Return the curve with its axis at the right, the benchmark dotted behind it."""
    room = max(4, width - AXIS - 1)
    values = [float(row["equity"]) for row in rows]
    seen = [*values, *(v for v in beside if v is not None)]
    scale = Scale(min(seen), max(seen), height, log=log)
    texts = curve(values, room, height, scale)
    columns = buckets(beside, room) if any(v is not None for v in beside) else []
    dots: dict[int, set[int]] = {}
    for x, pair in enumerate(columns):
        if pair is not None:
            dots.setdefault(height - 1 - scale.at(pair[1]) // 2, set()).add(x)
    labels = {height - 1 - scale.at(v) // 2: number(v, 0, width=AXIS - 1)
              for v in ticks(min(seen), max(seen), min(5, height))}  # fmt: skip
    now = height - 1 - scale.at(values[-1]) // 2
    lines = []
    for y, text in enumerate(texts):
        label = number(values[-1], 0, width=AXIS - 1) if y == now else labels.get(y, Shown(""))
        spans = _two_inks(fit(text, room), dots.get(y, set()))
        ink = "key" if y == now else "quiet"
        lines.append(line(Span(Shown(" ")), *spans, Span(say(" {}", fit(label, AXIS - 1)), ink)))
    return lines


def _two_inks(text: Shown, dots: set[int]) -> list[Span]:
    """The curve in one ink, the benchmark's dots in another where the curve is not."""
    spans: list[Span] = []
    for x, character in enumerate(text):
        dotted = character == " " and x in dots
        ink, shown = ("quiet", "·") if dotted else ("gain", character)
        if spans and spans[-1].ink == ink:
            spans[-1] = Span(Shown(spans[-1].text + shown), ink)
        else:
            spans.append(Span(Shown(shown), ink))
    return spans


def drawdown_lines(falls: Sequence[float], width: int) -> list[Line]:
    """Return the drawdown hanging from zero, with the deepest at the axis."""
    room = max(4, width - AXIS - 1)
    deepest = min(falls, default=0.0)
    texts = curve(falls, room, DRAWDOWN_ROWS, Scale(min(deepest, -1e-9), 0.0, DRAWDOWN_ROWS),
                  down=True)  # fmt: skip
    if deepest == 0.0:
        texts = [Shown("")] * DRAWDOWN_ROWS
    labels = (Shown("dd 0"), Shown(""), say("{} %", percent(deepest, 1)))
    return [
        line(Span(say(" {}", fit(text, room)), "loss"), Span(say(" {}", label), "quiet"))
        for text, label in zip(texts, labels, strict=True)
    ]


def strip_line(rows: Sequence[Row], closes: Mapping[str, Row], width: int) -> Line:
    """Return a digit a column: the cell at its last session, `·` without a reading."""
    room = max(4, width - AXIS - 1)
    columns = min(room, len(rows))
    digits = []
    for n in range(columns):
        row = rows[(n + 1) * len(rows) // columns - 1]
        known = closes.get(row["session_date"])
        digits.append("·" if known is None else str(known["cell"])[:1])
    return line(
        Shown(" " + "".join(digits)), Span(Shown(" " * (room - columns) + " cell"), "quiet")
    )


def dates_line(rows: Sequence[Row], width: int) -> Line:
    """Return the first and the last date under the curve."""
    room = max(4, width - AXIS - 1)
    first, last = cell(rows[0]["session_date"]), cell(rows[-1]["session_date"])
    return line(Span(say(" {}{}", fit(first, max(0, room - len(last))), last), "quiet"))


def month_returns(rows: Sequence[Row]) -> dict[int, dict[int, float]]:
    """Return year → month → return by the last snapshots; month 0 is the year's."""
    if not rows:
        return {}
    first = rows[0]
    total = first.get("cumulative_return")
    base = float(first["equity"]) / (1 + total) if total not in (None, -1) else None
    before = year_before = float(first["equity"]) if base is None else base
    table: dict[int, dict[int, float]] = {}
    for n, row in enumerate(rows):
        year, month = int(row["session_date"][:4]), int(row["session_date"][5:7])
        after = rows[n + 1]["session_date"] if n + 1 < len(rows) else ""
        worth = float(row["equity"])
        if after[:7] != row["session_date"][:7]:
            table.setdefault(year, {})[month] = worth / before - 1 if before else math.nan
            before = worth
        if after[:4] != row["session_date"][:4]:
            table[year][0] = worth / year_before - 1 if year_before else math.nan
            year_before = worth
    return table


def month_lines(rows: Sequence[Row], width: int, room: int) -> list[Line]:
    """Return months × years, the newest year first: whole percents, one decimal from 118."""
    table = month_returns(rows)
    if not table or room < 2:
        return []
    size, places = (7, 1) if width >= WIDE else (4, 0)
    heads = [fit(Shown(name), size, right=True) for name in MONTHS]
    whole_year = fit(Shown("Year"), size + 1, right=True)
    lines = [line(say(" {} {} {}", Shown("    "), Shown(" ".join(heads)), whole_year), ink="head")]
    for year in sorted(table, reverse=True)[: room - 1]:
        spans = [Span(say(" {}", Shown(str(year))), "quiet")]
        for month in (*range(1, 13), 0):
            value = table[year].get(month)
            text = Shown("") if value is None else percent(value, places, signed=True, width=size)
            ink = "plain" if not value or math.isnan(value) else "gain" if value > 0 else "loss"
            wide = size + (month == 0)
            spans.append(Span(say(" {}", fit(text or Shown(""), wide, right=True)), ink))
        lines.append(line(*spans))
    return lines


def range_name(chosen: int) -> Shown:
    """Return the name of a range."""
    return RANGES[chosen][0] if 0 <= chosen < len(RANGES) else UNKNOWN
