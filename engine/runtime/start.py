"""Every start is a recovery: fold the journal, feed the market again, ask the exchange.

A fresh book is the case in which there is nothing to fold. On a recorded clock the market
inputs up to the cursor are given again; they rebuild what bars and quotes mean to the
strategies and to the exchange, while the journal rebuilds orders, fills, positions and cash.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from engine.core.evolve import absorb, evolve
from engine.core.state import State
from engine.domain.ids import InstrumentId, OrderId
from engine.domain.input import BarsClosed, Input, QuotesSeen
from engine.domain.money import ZERO
from engine.domain.order import OrderType
from engine.domain.session import TradingState
from engine.exchange.book import SimulatedExchange
from engine.ports import Journal

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAIL})


class RecordedSource(Protocol):
    """The recorded feed as recovery needs it (engine.market.replay.RecordedFeed)."""

    def warmup(self) -> Iterator[BarsClosed]:
        """Yield the history before the range."""

    def refeed(self, cursor: int) -> Iterator[Input]:
        """Yield the first `cursor` inputs of the range again."""


def recover(state: State, journal: Journal, source: RecordedSource) -> int:
    """Rebuild the state of a book; return the cursor from which its feed goes on."""
    fold(state, journal)
    warm_up(state, source)
    cursor = journal.cursor(state.context.book)
    for given in source.refeed(cursor):
        absorb(state, given)
    return cursor


def fold(state: State, journal: Journal) -> None:
    """Rebuild the ledger half of a book: orders, fills, positions, cash, states."""
    for recorded in journal.replay(state.context.book):
        evolve(state, recorded.event, recorded.seq, recorded.at)


def warm_up(state: State, source: RecordedSource) -> None:
    """Give the strategies the history before the range."""
    for closed in source.warmup():
        absorb(state, closed)
    for one in state.books.values():
        bar = state.bars.get(one.strategy.inputs[0]) if one.strategy.inputs else None
        one.baseline_start = None if bar is None else bar.close


def withheld(state: State) -> frozenset[OrderId]:
    """Return the orders that were never answered and that nothing may send any more.

    A halt or a cancel came before their sending was over: a restart must not send them.
    """
    return frozenset(
        order_id
        for order_id, row in state.working.items()
        if row.canceling
        or state.trading_state is TradingState.HALTED
        or (state.trading_state is TradingState.REDUCING and not row.order.is_exit)
    )


def restore_exchange(
    exchange: SimulatedExchange,
    state: State,
    source: RecordedSource,
    cursor: int,
    fallback_at: datetime,
) -> None:
    """Give the simulated exchange the account and the working orders that the journal knows."""
    positions: dict[InstrumentId, object] = {}
    for book in state.books.values():
        for instrument, position in book.positions.items():
            positions[instrument] = positions.get(instrument, ZERO) + position.quantity  # type: ignore[operator]
    exchange.restore(
        sum((book.cash for book in state.books.values()), ZERO)
        if state.known_book
        else sum((book.capital for book in state.books.values()), ZERO),
        positions,  # type: ignore[arg-type]
        state.orders.values(),
        state.fills_of,
        state.at or fallback_at,
        state.fills.values(),
    )
    stops = any(row.order.type in _STOPS for row in state.working.values())
    for given in _seen(source.refeed(cursor), everything=stops):
        exchange.watch(given)


def _seen(inputs: Iterable[Input], *, everything: bool) -> Iterator[QuotesSeen | BarsClosed]:
    """Yield the market inputs among these.

    Unless a stop works, the newest session's (all: its first quotes are the opening auction, which
    tells the others apart) and the last bars before it.
    """
    newest: list[QuotesSeen | BarsClosed] = []
    for given in inputs:
        if not isinstance(given, QuotesSeen | BarsClosed):
            continue
        if everything:
            yield given
            continue
        if newest and newest[-1].session_date != given.session_date:
            before = [one for one in newest if isinstance(one, BarsClosed)]
            newest = [*before[-1:]]
        newest.append(given)
    yield from newest
