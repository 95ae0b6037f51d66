"""Marking to market: the row of a strategy after a session date.

On a recorded clock rows wait in `State.pending` until something else is written or the screen
is about to look: like a bar, a quiet session date can be fed again.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import cast

from engine.core.state import REMEMBERED, State, StrategyBook, price_of
from engine.domain.snapshot import Holding, QuietDays, Snapshot

_MICRO = Decimal("0.000001")
_make = tuple.__new__  # a row for every bar: half the time of calling its class


def mark(state: State, day: date) -> None:
    """Add the rows of a session date; a strategy whose equity is unknown gets none."""
    history = state.history
    if not history or history[-1].session_date != day:
        return  # the closing state of that day is gone: a gap, not a guess
    before = history[-2].session_date if len(history) > 1 else None
    waiting = state.pending
    if type(waiting) is QuietDays:
        if waiting.days[-1] == before and waiting.add(day, history[-1].bars):
            return
        _end_quiet(state, waiting)
    for book in state.books.values():
        marked = book.marked
        if marked is not None and marked >= day:
            continue
        # a row that is not of the session before leaves the return unknown
        follows = marked is None or marked == before
        row = _row(state, book, day, (book.equity or None) if follows else None)
        if row is None:
            continue
        if not state.pending and _may_be_quiet(state, book, row):
            signal = book.strategy.inputs[0] if book.strategy.inputs else None
            state.pending = QuietDays(row, signal, book.baseline_start)
            return
        cast("list[Snapshot]", state.pending).append(row)
        take_row(book, row)


def _may_be_quiet(state: State, book: StrategyBook, row: Snapshot) -> bool:
    """Say whether nobody needs the rows to come before they are written."""
    is_alone = len(state.books) == 1 and state.context.recorded_clock
    return is_alone and not book.limits.can_latch and QuietDays.can_follow(row)


def _end_quiet(state: State, quiet: QuietDays) -> None:
    state.pending = list(quiet)
    take_rows(state.books[quiet.first.strategy], state.pending)


def take_rows(book: StrategyBook, rows: Sequence[Snapshot]) -> None:
    """Take the newest of some rows, as many as anybody remembers."""
    if type(rows) is QuietDays and len(rows) >= REMEMBERED:
        book.marked = rows.days[-1]
        book.before_last, book.equity = rows.equities[-2:]
        book.high_water = rows.highs[-1]
        book.recent_equity.extend(rows.equities[-REMEMBERED:])
        book.equity_at_fill = None
        return
    for row in rows[-REMEMBERED:]:
        if book.marked is None or book.marked < row.session_date:
            take_row(book, row)


def take_row(book: StrategyBook, row: Snapshot) -> None:
    """Remember what the next row is measured against."""
    book.marked = row.session_date
    book.before_last = book.equity
    book.equity = row.equity
    book.high_water = row.high_water
    book.recent_equity.append(row.equity)
    book.equity_at_fill = None


def _row(state: State, book: StrategyBook, day: date, before: Decimal | None) -> Snapshot | None:
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
    if equity > high:
        high = equity
    strategy = book.strategy
    baseline = _baseline(state, book) if book.baseline_start else None
    row: Snapshot = _make(
        Snapshot,
        (strategy.id, day, equity, cash, before, book.capital, high, holdings,
         None, book.held_cell, None, None, None, None, None, None,
         book.equity_at_fill, baseline, book.fees, True),
    )  # fmt: skip
    reading = strategy.reading(book.memory)
    if reading is None:
        return row
    return row._replace(
        cell=reading.cell,
        trend=reading.trend.value,
        vol=reading.vol.value,
        t_norm=reading.t_norm,
        z_score=reading.z_score,
        sma_fast=reading.sma_fast,
        sma_slow=reading.sma_slow,
    )


def _baseline(state: State, book: StrategyBook) -> Decimal | None:
    """What the capital would be worth in the signal instrument since before the range."""
    bar = state.bars.get(book.strategy.inputs[0])
    if bar is None or book.baseline_start is None:
        return None
    return (book.capital * bar.close / book.baseline_start).quantize(_MICRO)
