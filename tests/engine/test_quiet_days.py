"""Rows that are made when asked for are the rows that would have been made."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.event import SnapshotTaken
from engine.domain.ids import InstrumentId, StrategyId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.snapshot import Holding, QuietDays, Snapshot, are_final, newest_of
from storage.codec import decode, encode

D = Decimal
FIRST = date(2026, 1, 1)
QQQ, TLT = stock_id("QQQ"), stock_id("TLT")
CASH, CAPITAL, START = D("171.95"), D(10_000), D("99.5")
PRICES = st.integers(1, 50_000).map(lambda cents: D(cents) / 100)


def bars(instrument: InstrumentId, close: Decimal) -> dict[InstrumentId, Bar]:
    """The bar of one session."""
    volume = D(1_000)
    bar = Bar(
        instrument=instrument, session_date=FIRST, open=close, high=close, low=close, close=close,
        volume=volume,
    )  # fmt: skip
    return {instrument: bar}


def plain(quantity: Decimal, held: InstrumentId, closes: list[tuple[Decimal, Decimal]],
          start: Decimal | None) -> list[Snapshot]:  # fmt: skip
    """The same rows, one by one, by their definition."""
    rows: list[Snapshot] = []
    high = CAPITAL
    for n, (close, signal) in enumerate(closes):
        equity = CASH + quantity * close
        high = max(high, equity)
        rows.append(
            Snapshot(
                StrategyId("crossover"), FIRST + timedelta(n), equity, CASH,
                rows[-1].equity if rows else CAPITAL, CAPITAL, high,
                (Holding(held, quantity, close),) if quantity else (),
                held_cell=None,
                equity_at_fill=D("9999.5") if n == 0 else None,
                baseline=None if start is None
                else (CAPITAL * signal / start).quantize(D("0.000001")),
                fees_to_date=D("1.25"),
            )
        )  # fmt: skip
    return rows


@given(
    st.sampled_from([D(0), D(97)]),
    st.sampled_from([QQQ, TLT]),
    st.lists(st.tuples(PRICES, PRICES), min_size=1, max_size=12),
    st.sampled_from([None, START]),
)
def test_quiet_days_read_like_the_rows_they_stand_for(
    quantity: Decimal,
    held: InstrumentId,
    closes: list[tuple[Decimal, Decimal]],
    start: Decimal | None,
) -> None:
    if held == QQQ:
        closes = [(signal, signal) for _, signal in closes]
    rows = plain(quantity, held, closes, start)
    quiet = QuietDays(rows[0], QQQ, start)
    for n, (close, signal) in enumerate(closes[1:], start=1):
        assert quiet.add(FIRST + timedelta(n), bars(held, close) | bars(QQQ, signal))
    assert list(quiet) == rows
    assert quiet[-1] == rows[-1]
    assert quiet[-6:] == rows[-6:]
    assert newest_of(quiet) == newest_of(rows) == {StrategyId("crossover"): rows[-1]}
    assert are_final(quiet)
    text = encode(SnapshotTaken(rows=quiet))
    read = decode("SnapshotTaken", 1, text)
    assert isinstance(read, SnapshotTaken)
    assert isinstance(read.rows, QuietDays)
    assert list(read.rows) == rows
    assert encode(read) == text


@pytest.mark.parametrize("missing", [QQQ, TLT])
def test_a_session_without_a_close_is_no_quiet_day(missing: InstrumentId) -> None:
    row = plain(D(97), TLT, [(D(5), D(6))], START)[0]
    quiet = QuietDays(row, QQQ, START)
    there = bars(QQQ, D(6)) | bars(TLT, D(5))
    del there[missing]
    assert not quiet.add(FIRST + timedelta(1), there)
    assert list(quiet) == [row]


def test_a_model_two_holdings_or_a_passing_row_make_no_quiet_days() -> None:
    row = plain(D(97), QQQ, [(D(5), D(5))], None)[0]
    assert QuietDays.can_follow(row)
    assert not QuietDays.can_follow(row._replace(trend="BullStrong"))
    assert not QuietDays.can_follow(row._replace(cell=1))
    assert not QuietDays.can_follow(row._replace(final=False))
    assert not QuietDays.can_follow(row._replace(holdings=row.holdings * 2))
