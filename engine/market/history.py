"""What every source ends in: a MarketHistory with its instruments, gaps, findings and hash."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from engine.domain.ids import InstrumentId
from engine.domain.instrument import Stock, symbol_of
from engine.domain.market import Adjustment, DataFinding, Series
from engine.domain.money import text
from engine.market.quality import REGIME_BANDS, Bands, examine, gaps
from engine.ports import Calendar, MarketHistory

FUNDS: dict[str, tuple[str, int]] = {
    "TQQQ": ("QQQ", 3),
    "PSQ": ("QQQ", -1),
    "TMF": ("TLT", 3),
    "TMV": ("TLT", -3),
}
"""Leveraged and inverse funds: what they follow, and its daily multiple."""

CENT = Decimal("0.01")


def stock(symbol: str, adjustment: Adjustment) -> Stock:
    """Return the instrument of a symbol; split-adjusted history has no tick."""
    underlying, multiple = FUNDS.get(symbol, (None, 1))
    return Stock(
        symbol=symbol,
        tick=None if adjustment is Adjustment.SPLIT else CENT,
        underlying=underlying,
        multiple=Decimal(multiple),
    )


def assemble(
    series: Mapping[InstrumentId, Series],
    source: str,
    calendar: Calendar | None,
    *,
    bands: Bands = REGIME_BANDS,
    findings: Sequence[DataFinding] = (),
) -> MarketHistory:
    """Return a history after every gate has looked at it.

    Without a calendar every date with data is a session: a gap is a date that another
    series has.
    """
    stocks = {key: stock(symbol_of(key), one.adjustment) for key, one in series.items()}
    found = [
        *findings,
        *_gaps(series, calendar),
        *examine(stocks, {key: one.bars for key, one in series.items()}, bands),
    ]
    # a bar that is not final is not stored as one
    unusable = {(f.symbol, f.session_date) for f in found if f.kind == "zero_volume" and f.blocks}
    if unusable:
        series = {key: _without(one, unusable) for key, one in series.items()}
    return MarketHistory(
        instruments=stocks,
        series=series,
        findings=tuple(sorted(found, key=lambda f: (f.session_date or date.min, f.symbol))),
        source=source,
        data_hash=data_hash(series),
    )


def _without(one: Series, unusable: set[tuple[str, date | None]]) -> Series:
    symbol = symbol_of(one.instrument)
    kept = tuple(bar for bar in one.bars if (symbol, bar.session_date) not in unusable)
    return Series(
        instrument=one.instrument,
        bars=kept,
        source=one.source,
        feed=one.feed,
        adjustment=one.adjustment,
    )


def session_dates(history: MarketHistory) -> list[date]:
    """Return every date on which any series has a bar, ascending."""
    return _union(history.series)


def _union(series: Mapping[InstrumentId, Series]) -> list[date]:
    return sorted({bar.session_date for one in series.values() for bar in one.bars})


def _gaps(series: Mapping[InstrumentId, Series], calendar: Calendar | None) -> list[DataFinding]:
    """One blocking finding for each run of missing sessions, from listing to the newest bar."""
    days = _union(series)
    if not days:
        return []
    expected = days if calendar is None else calendar.sessions(days[0], days[-1])
    findings = []
    for key, one in series.items():
        if not one.bars:
            continue
        listed = one.bars[0].session_date
        found = [bar.session_date for bar in one.bars]
        for gap in gaps(found, [day for day in expected if day >= listed]):
            span = f"{gap.first}" if gap.sessions == 1 else f"{gap.first} to {gap.last}"
            findings.append(
                DataFinding(
                    kind="gap",
                    symbol=symbol_of(key),
                    session_date=gap.first,
                    text=f"{symbol_of(key)} has no bar for {gap.sessions} session(s): {span}",
                    blocks=True,
                )
            )
    return findings


def data_hash(series: Mapping[InstrumentId, Series]) -> str:
    """Return 16 hex digits of SHA-256 over one line per bar, numbers in their shortest form."""
    digest = hashlib.sha256()
    for key in sorted(series):
        lines = [
            f"{key}|{bar.session_date.isoformat()}|{text(bar.open)}|{text(bar.high)}"
            f"|{text(bar.low)}|{text(bar.close)}|{text(bar.volume)}\n"
            for bar in series[key].bars
        ]
        digest.update("".join(lines).encode())
    return digest.hexdigest()[:16]


class Coverage(NamedTuple):
    """How much of a range a series covers."""

    found: int  # bars in the range
    expected: int  # sessions in the range
    listed: int  # of those, sessions from the series' first bar on

    @property
    def fraction(self) -> float:
        """Found / expected; 0 for a range without sessions."""
        return self.found / self.expected if self.expected else 0.0


def coverage(
    history: MarketHistory, calendar: Calendar, first: date, last: date
) -> dict[InstrumentId, Coverage]:
    """Count bars against the calendar's sessions from first to last, per instrument."""
    sessions = calendar.sessions(first, last)
    result = {}
    for key, one in history.series.items():
        found = sum(first <= bar.session_date <= last for bar in one.bars)
        start = one.bars[0].session_date if one.bars else date.max
        result[key] = Coverage(found, len(sessions), sum(day >= start for day in sessions))
    return result
