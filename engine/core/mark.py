"""Marking to market: the row of a strategy after a session date.

On a recorded clock rows wait in `State.pending` until something else is written or the screen
is about to look: like a bar, a quiet session date can be fed again.
"""

from datetime import date
from decimal import Decimal

from engine.core.state import State, StrategyBook, price_of
from engine.domain.snapshot import Holding, Snapshot

_MICRO = Decimal("0.000001")
_F = float | None
_Model = tuple[str | None, str | None, _F, _F, _F, _F]  # trend, vol, T, z, SMA fast, SMA slow
_NO_MODEL: _Model = (None, None, None, None, None, None)
_make = tuple.__new__  # a row for every bar: half the time of calling its class


def mark(state: State, day: date) -> None:
    """Add the rows of a session date; a strategy whose equity is unknown gets none."""
    if not state.history or state.history[-1].session_date != day:
        return  # the closing state of that day is gone: a gap, not a guess
    for book in state.books.values():
        if book.marked is not None and book.marked >= day:
            continue
        row = _row(state, book, day)
        if row is not None:
            state.pending.append(row)
            take_row(book, row)


def take_row(book: StrategyBook, row: Snapshot) -> None:
    """Remember what the next row is measured against."""
    book.marked = row.session_date
    book.before_last = book.equity
    book.equity = row.equity
    book.high_water = row.high_water
    book.recent_equity.append(row.equity)
    book.equity_at_fill = None


def _row(state: State, book: StrategyBook, day: date) -> Snapshot | None:
    equity = cash = book.cash
    holdings: tuple[Holding, ...] = ()
    for instrument, position in book.positions.items():
        quantity = position.quantity
        if quantity:
            price = price_of(state, instrument)
            if price is None:
                return None
            equity += quantity * price
            holdings += (_make(Holding, (instrument, quantity, price)),)
    high = book.high_water
    reading = book.strategy.reading(book.memory)
    cell: int | None = None
    model: _Model = _NO_MODEL
    if reading is not None:
        cell = reading.cell
        model = (
            reading.trend.value,
            reading.vol.value,
            reading.t_norm,
            reading.z_score,
            reading.sma_fast,
            reading.sma_slow,
        )
    return _make(
        Snapshot,
        (
            book.strategy.id,
            day,
            equity,
            cash,
            (book.equity or None) if _follows(state, book) else None,
            book.capital,
            equity if equity > high else high,
            holdings,
            cell,
            book.held_cell,
            *model,
            book.equity_at_fill,
            _baseline(state, book) if book.baseline_start else None,
            book.fees,
            True,
        ),
    )


def _follows(state: State, book: StrategyBook) -> bool:
    """Say whether the row before this one is of the session before; else a return is unknown."""
    history = state.history
    return book.marked is None or (len(history) > 1 and history[-2].session_date == book.marked)


def _baseline(state: State, book: StrategyBook) -> Decimal | None:
    """What the capital would be worth in the signal instrument since before the range."""
    bar = state.bars.get(book.strategy.inputs[0])
    if bar is None or book.baseline_start is None:
        return None
    return (book.capital * bar.close / book.baseline_start).quantize(_MICRO)
