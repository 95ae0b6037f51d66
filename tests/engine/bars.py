"""Calendars, CSV folders and the test data, for tests about the market."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest

from engine.ports import MarketHistory
from engine.schedule.calendar import ExchangeCalendar

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # half an hour before the open
HEADER = "date,open,high,low,close,volume"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"


@cache
def xnys() -> ExchangeCalendar:
    """The New York calendar, known for a year from NOW."""
    return ExchangeCalendar("XNYS", date(2008, 1, 1), date(2027, 11, 20))


def shared_market() -> Path:
    """The folder with real bars; skips the test where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no test data in {SHARED}")
    return SHARED


def row(day: date | str, close: float, volume: float | str = 1000) -> str:
    """One believable line around a close."""
    return f"{day},{close:.2f},{close + 1:.2f},{close - 1:.2f},{close:.2f},{volume}"


def steady(first: date, last: date, close: float = 100.0) -> list[str]:
    """One line per session, with closes that wander by a cent."""
    return [
        row(day, close + 0.01 * (n % 3), 1000 + n % 7)
        for n, day in enumerate(xnys().sessions(first, last))
    ]


def write(folder: Path, symbol: str, lines: Sequence[str], *, end: str = "\n") -> Path:
    """Write a CSV file with the usual header."""
    path = folder / f"{symbol}.csv"
    path.write_text("\n".join([HEADER, *lines]) + end, encoding="utf-8")
    return path


def export(history: MarketHistory, folder: Path) -> None:
    """Write a history as a folder of CSV files."""
    for key, series in history.series.items():
        lines = [
            f"{b.session_date},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in series.bars
        ]
        write(folder, history.instruments[key].symbol, lines)
