"""What a chart says in numbers: its axis, its last value, its dates, the months below it."""

import re
from collections.abc import Sequence
from typing import Any

from tests.walk.agree import Row, Said, Shown
from tests.walk.tally import Tally, number_of
from tui.panes.performance import AXIS, MONTHS

DATES = re.compile(r"^ (\d{4}-\d\d-\d\d) +(\d{4}-\d\d-\d\d)")


def check_chart(tally: Tally, shown: Shown, said: Said) -> None:
    """The chart of a symbol: prices of decisions, or the closes that the regime reads."""
    title = shown.all(r" Chart · (\w+) · (\d+|all)\b")
    if not title:
        return
    symbol, many = title[0]
    series = prices(said, symbol)
    if not series or "no price" in "".join(shown.lines[1:3]):
        return
    dates = sorted(series)[-int(many) :] if many != "all" else sorted(series)
    check_axis(tally, "Chart", axis(shown.lines[1:]), series[dates[-1]])
    check_dates(tally, "Chart", shown, dates)
    for day in shown.all(r" · (\d{4}-\d\d-\d\d) · "):
        tally.text("Chart as of", day[0], dates[-1])


def prices(said: Said, symbol: str) -> dict[str, float]:
    """Price by session date, as the journal has it."""
    found: dict[str, float] = {}
    newest: Row = {}
    for decided in said.decisions:
        price = (decided.get("prices") or {}).get(symbol)
        if price is not None:
            found[decided["session_date"]] = float(price)
        newest = decided if decided.get("cell") is not None else newest
    read = (newest.get("series") or [{}])[0].get("symbol")
    if read == symbol:
        found |= {
            row["session_date"]: float(row["close"])
            for row in said.rows["regimes"]
            if not row.get("provisional") and row.get("close") is not None
        }
    return found


def check_equity_chart(tally: Tally, shown: Shown, said: Said) -> None:
    """The curve of equity in full: axis, deepest drawdown, dates, months and years."""
    rows = [row for row in said.rows["snapshots"] if row["equity"] is not None]
    if len(rows) < 2 or not shown.all(r"(\bdd 0)\s*$"):
        return
    above = next(n for n, line in enumerate(shown.lines) if line.rstrip().endswith("dd 0"))
    check_axis(tally, "Equity", axis(shown.lines[1:above]), rows[-1]["equity"])
    deepest = min(row["drawdown"] for row in rows)
    for line in shown.lines[above + 1 : above + 4]:
        if (found := re.search(r" ([+−]?\d+\.\d) %\s*$", line)) is not None:
            tally.number("Equity deepest", found[1], deepest * 100)
    check_dates(tally, "Equity", shown, [row["session_date"] for row in rows])
    check_months(tally, shown, rows)


def axis(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return the numbers at the right of a chart, with the lines they stand on."""
    found = []
    for y, line in enumerate(lines):
        text = line[-AXIS:].strip()
        if number_of(text) is not None and not DATES.match(line):
            found.append((y, text))
    return found


def check_axis(tally: Tally, where: str, labels: list[tuple[int, str]], last: float) -> None:
    """One number is the last value; the others stand where their values belong."""
    nearest = min(labels, key=lambda label: abs((number_of(label[1]) or 0.0) - last), default=None)
    if nearest is None:
        tally.differ.append(f"{where}: no number at its axis, the last value is {last}")
        return
    tally.number(f"{where} last value", nearest[1], last)
    others = [(y, number_of(text) or 0.0) for y, text in labels if (y, text) != nearest]
    (top, high), (bottom, low) = (others[0], others[-1]) if len(others) > 1 else ((0, 0.0),) * 2
    for y, value in [*others, (nearest[0], last)]:
        tally.numbers += (y, value) in others
        tally.count(where, int((y, value) in others))
        if bottom == top:
            continue
        belongs = top + (high - value) / (high - low) * (bottom - top)
        if abs(belongs - y) > 1.5:  # a label stands in a whole row: each end may be half a row off
            tally.differ.append(f"{where} axis: {value} stands in row {y}, not in {belongs:.1f}")


def check_dates(tally: Tally, where: str, shown: Shown, dates: Sequence[str]) -> None:
    """The first and the last date below a curve."""
    for first, last in shown.all(DATES.pattern):
        tally.text(f"{where} first date", first, dates[0])
        tally.text(f"{where} last date", last, dates[-1])


def check_months(tally: Tally, shown: Shown, rows: Sequence[Row]) -> None:
    """Months by years, from the last equity of each."""
    heads = [n for n, line in enumerate(shown.lines) if line.split()[:2] == ["Jan", "Feb"]]
    if not heads:
        return
    ends = [shown.lines[heads[0]].index(name) + len(name) for name in (*MONTHS, "Year")]
    before = rows[0]["equity"] / (1 + rows[0]["cumulative_return"])
    month_ends = {row["session_date"][:7]: row["equity"] for row in rows}
    year_ends = {row["session_date"][:4]: row["equity"] for row in rows}
    for line in shown.lines[heads[0] + 1 :]:
        year = line[:5].strip()
        if not year.isdecimal():
            break
        texts = [line[a:b].strip() for a, b in zip([5, *ends], ends, strict=False)]
        keys = [f"{year}-{month:02}" for month in range(1, 13)]
        for key, text in zip(keys, texts, strict=False):
            tally.number(f"Equity {key}", text, returned(month_ends, key, before))
        tally.number(f"Equity {year}", texts[-1], returned(year_ends, year, before))


def returned(ends: dict[str, Any], key: str, base: float) -> float | None:
    """Return in percent over a month or year; None where it has no snapshot."""
    if key not in ends:
        return None
    earlier = [name for name in ends if name < key]
    start = ends[max(earlier)] if earlier else base
    return float(ends[key] / start - 1) * 100
