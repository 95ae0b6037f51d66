"""What the gate is told: the facts around one order, gathered from the state.

Orders approved earlier in the same decision are not in the state yet; they are given as
`ahead` and count as working, like everything that works counts as filled.
"""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from engine.core import quality
from engine.core.compared import foreign_orders, is_held, unowned, unowned_cash
from engine.core.draft import Draft
from engine.core.state import BROKEN_LINK, State, StrategyBook, equity_of, last_equity, price_of
from engine.domain.alert import Severity
from engine.domain.ids import InstrumentId
from engine.domain.money import ONE, ZERO
from engine.domain.order import Order, OrderType, Side
from engine.domain.risk import Check
from engine.domain.session import Mode, Verdict
from engine.risk import gate
from engine.risk.facts import GateFacts
from engine.risk.reasons import DenyReason

_MINUTE = timedelta(seconds=60)
_VOLUME_SESSIONS = 20
_PRICED_LATER = frozenset(
    {OrderType.STOP, OrderType.TRAIL, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE}
)
_ALERTS_CRITICAL = frozenset({DenyReason.UNRECONCILED.value})

verdict = gate.verdict


def check(
    state: State, book: StrategyBook, order: Order, ahead: Iterable[Order] = ()
) -> tuple[Check, ...]:
    """Return every check of the gate for an order of a strategy."""
    return gate.check(order, facts(state, book, order, tuple(ahead)), book.limits)


def facts(state: State, book: StrategyBook, order: Order, ahead: tuple[Order, ...]) -> GateFacts:
    """Return the world around one order; what is not known is None."""
    stock = state.instruments.get(order.instrument)
    quote = state.quotes.get(order.instrument)
    bar = state.bars.get(order.instrument)
    open_orders = _open_orders(state, order, ahead)
    mine = [(o, left) for o, left in open_orders if o.strategy == order.strategy]
    equity = equity_of(state, book)
    values = _values(state, (book,), mine)
    # where nobody else trades, the book's sums are the strategy's
    is_alone = len(state.books) == 1 and len(mine) == len(open_orders)
    book_equity = equity if is_alone else _book_equity(state)
    book_values = values if is_alone else _values(state, state.books.values(), open_orders)
    beside, account_equity = _account(state, book_equity)
    recorded = state.context.recorded_clock
    is_priced = order.reference_price is not None and stock is not None
    is_bought = is_priced and order.side is Side.BUY
    return GateFacts(
        mode_agrees=True,
        mode=f"{state.context.mode.value} on {state.context.account}",
        trading_state=state.trading_state,
        session_state=state.session_state,
        link_live=state.link.is_live,
        link=state.link.reason or state.link.state.value,
        reconciled=_is_reconciled(state, order.instrument),
        broker_quantity=_broker_quantity(state, book, order.instrument),
        qualified=stock is not None,
        listed=order.instrument in book.strategy.legs,
        lot=ONE if stock is None else stock.lot,
        tick=None if stock is None else stock.tick,
        leverage=ONE if stock is None else stock.leverage,
        hours_open=recorded or quote is not None or (order.is_exit and _is_open(state, order)),
        quote_age_s=None if quote is None else (order.created_at - quote.at).total_seconds(),
        bid=None if quote is None else quote.bid,
        ask=None if quote is None else quote.ask,
        last_close=None if bar is None else bar.close,
        mean_volume=_mean_volume(state, order.instrument),
        signal_ordered=order.signal_id is not None
        and state.order_of_signal.get(order.signal_id, order.order_id) != order.order_id,
        owned=book.position(order.instrument).quantity,
        working_sells=_shares(mine, order.instrument, Side.SELL),
        opposite_working=_shares(open_orders, order.instrument, order.side.opposite),
        equity=equity,
        capital_share=_share(book, equity, book_equity),
        cash=book.cash,
        reserved_cash=sum(
            (_worst(state, book, o, left) for o, left in mine if o.side is Side.BUY), ZERO
        ),
        buy_cost=_worst(state, book, order, order.quantity) if is_bought else None,
        values=values,
        entries_today=book.entries_today if state.today == state.session_date else 0,
        status="ACTIVE" if book.status.startswith("RAISED") else book.status,
        latches=_latches(state, book, order, ahead),
        loss_day=_fall(equity, last_equity(state, book)),
        drawdown=_fall(equity, book.high_water),
        book_equity=book_equity,
        book_values=book_values,
        beside=beside,
        account_equity=account_equity,
        at_broker=state.context.mode in (Mode.PAPER, Mode.LIVE),
        leverages={key: one.leverage for key, one in state.instruments.items()},
        orders_minute=sum(1 for at in state.order_times if order.created_at - at <= _MINUTE)
        + len(ahead),
        orders_working=len(open_orders),
        orders_today=(state.orders_today if state.today == state.session_date else 0) + len(ahead),
        notional_today=(state.notional_today if state.today == state.session_date else ZERO)
        + sum((o.quantity * (o.reference_price or ZERO) for o in ahead), ZERO),
        order_usd=state.terms.order_usd,
        day_usd=state.terms.day_usd,
    )


def alert_denied(state: State, draft: Draft, order: Order, code: str, text: str) -> None:
    """Raise one alert per instrument and code, however often it is denied."""
    severity = Severity.CRITICAL if code in _ALERTS_CRITICAL else Severity.WARNING
    draft.alert(state.context.book, severity, "order_denied", f"{order.instrument}.{code}", text)


def _is_reconciled(state: State, instrument: InstrumentId) -> bool:
    if state.verdict is Verdict.UNKNOWN or BROKEN_LINK in state.latches:
        return False
    return not is_held(state, instrument)


def _latches(
    state: State, book: StrategyBook, order: Order, ahead: tuple[Order, ...]
) -> tuple[str, ...]:
    """Return the latches in the way of this order; a probe may pass its own."""
    if not state.latches:
        return ()
    return tuple(
        row.latch
        for row in state.latches.values()
        if row.scope in ("book", book.strategy.id)
        and not quality.may_probe(state, book, row, order, ahead)
    )


def _open_orders(
    state: State, order: Order, ahead: tuple[Order, ...]
) -> list[tuple[Order, Decimal]]:
    """Return what works beside an order, with what is left of it."""
    found = [
        (row.order, row.remaining)
        for order_id, row in state.working.items()
        if order_id != order.order_id
    ]
    found += [(order, order.quantity) for order in ahead]
    return found


def _shares(orders: list[tuple[Order, Decimal]], instrument: InstrumentId, side: Side) -> Decimal:
    return sum((left for o, left in orders if o.instrument == instrument and o.side is side), ZERO)


def _values(
    state: State, books: Iterable[StrategyBook], orders: list[tuple[Order, Decimal]]
) -> dict[InstrumentId, Decimal | None]:
    """Signed dollars by instrument, working orders as if filled; None without a price."""
    shares: dict[InstrumentId, Decimal] = {}
    for book in books:
        for instrument, position in book.positions.items():
            if position.quantity:
                shares[instrument] = shares.get(instrument, ZERO) + position.quantity
    for order, left in orders:
        shares[order.instrument] = shares.get(order.instrument, ZERO) + order.side.sign * left
    values: dict[InstrumentId, Decimal | None] = {}
    for instrument, quantity in shares.items():
        price = price_of(state, instrument)
        values[instrument] = None if price is None else quantity * price
    return values


def _book_equity(state: State) -> Decimal | None:
    total = ZERO
    for book in state.books.values():
        equity = equity_of(state, book)
        if equity is None:
            return None
        total += equity
    return total


def _account(
    state: State, book_equity: Decimal | None
) -> tuple[dict[InstrumentId, Decimal | None], Decimal | None]:
    """Return what no strategy owns, in signed dollars, and the equity of the whole account.

    Orders of others count as filled. Shares that nobody watches have no price here: long ones
    are left out of both numbers, which both would grow by the same; of short ones nothing is known.
    """
    shares = unowned(state)
    foreign = foreign_orders(state)
    if not shares and not foreign:
        return {}, book_equity
    values: dict[InstrumentId, Decimal | None] = {}
    equity = None if book_equity is None else book_equity + unowned_cash(state)
    for instrument in (*shares, *(key for key in foreign if key not in shares)):
        held, price = shares.get(instrument, ZERO), price_of(state, instrument)
        after = held + foreign.get(instrument, ZERO)
        if price is None:
            if held < ZERO or after < ZERO:
                values[instrument] = None
            continue
        values[instrument] = after * price
        equity = None if equity is None else equity + held * price
    return values, equity


def _share(book: StrategyBook, equity: Decimal | None, book_equity: Decimal | None) -> Decimal:
    """Return the part of the book's equity a strategy may use: its share, or what it earned.

    Capital is divided once, at the start. A strategy that then earns more than the others owns
    more than its share, and must not be locked out of its own money.
    """
    if equity is None or not book_equity:
        return book.share
    return max(book.share, equity / book_equity)


def _worst(state: State, book: StrategyBook, order: Order, quantity: Decimal) -> Decimal:
    """Return the most cash that this much of a buy can take, as far as its prices say.

    A price that comes later and has no limit may be as far away as a quote may move at all.
    """
    price, stock = order.limit_price, state.instruments[order.instrument]
    if price is None:
        price = max(order.reference_price or ZERO, order.stop_price or ZERO)
        if order.type in _PRICED_LATER:
            limits = book.limits
            price *= ONE + min(limits.quote_move * stock.leverage, limits.quote_move_max)
    return state.terms.costs.worst_cost(quantity, price, stock.tick)


def _broker_quantity(state: State, book: StrategyBook, instrument: InstrumentId) -> Decimal | None:
    """Return the broker's quantity where it differs from ours, else what we own.

    None while the difference is not confirmed: one empty answer must not hold back an exit.
    """
    if instrument in state.doubtful:
        return None
    found = state.differences.get(instrument)
    return book.position(instrument).quantity if found is None else Decimal(found.theirs)


def _is_open(state: State, order: Order) -> bool:
    """Say whether the exchange was seen open just now, with usable quotes or without."""
    seen = state.quotes_at
    return seen is not None and order.created_at - seen <= _MINUTE


def _mean_volume(state: State, instrument: InstrumentId) -> Decimal | None:
    volumes = [
        closed.bars[instrument].volume
        for closed in state.history[-_VOLUME_SESSIONS:]
        if instrument in closed.bars
    ]
    return sum(volumes, ZERO) / len(volumes) if volumes else None


def _fall(equity: Decimal | None, peak: Decimal) -> Decimal | None:
    if equity is None or peak <= 0:
        return None
    return max(ZERO, ONE - equity / peak)
