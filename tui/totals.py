"""Snapshots of several strategies as one: sums, and the returns that follow from them."""

from collections.abc import Iterable, Sequence
from typing import Any

from tui.view import Row


def totals(days: Iterable[Sequence[Row]]) -> list[Row]:
    """Return one row for each session date, the oldest first; `days` are its strategies' rows.

    Of one strategy the stored figures stand. Of several the day is measured against the sum of
    what each was worth before, the total against the sum of their capitals, the drawdown along
    the days: money that joins with a new strategy is no gain.
    """
    found: list[Row] = []
    worth: float | None = 1.0  # of one dollar since the beginning; None once a day is not known
    high = 1.0
    for ordinal, rows in enumerate(days, start=1):
        row = _sums(rows, ordinal)
        day = row["daily_return"]
        worth = None if worth is None or day is None else worth * (1 + day)
        high = high if worth is None else max(high, worth)
        if len(rows) > 1:
            row["drawdown"] = None if worth is None else worth / high - 1
        found.append(row)
    return found


def _sums(rows: Sequence[Row], ordinal: int) -> dict[str, Any]:
    alone = rows[0] if len(rows) == 1 else None
    return {
        "session_date": rows[0]["session_date"],
        "ordinal": ordinal,
        "equity": sum(row["equity"] for row in rows),
        "cash": sum(row["cash"] for row in rows),
        "daily_return": _since(rows, "daily_return") if alone is None else alone["daily_return"],
        "cumulative_return": _since(rows, "cumulative_return")
        if alone is None
        else alone["cumulative_return"],
        "drawdown": None if alone is None else alone["drawdown"],
    }


def _since(rows: Sequence[Row], name: str) -> float | None:
    """Return what all made together, measured as each of them is; None where one is not known."""
    before = 0.0
    for row in rows:
        made = row[name]
        if made is None or made <= -1:
            return None
        before += row["equity"] / (1 + made)
    return sum(row["equity"] for row in rows) / before - 1 if before else None
