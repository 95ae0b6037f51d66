"""The risk gate: every check of one order, in the order of the table. Pure.

All checks run and are stored, whatever the earlier ones said; an order's reason is the first
that failed. Working orders count as filled, denominators are equity with open P&L, values are
taken at reference prices, so that a decision sized on the opening price is judged by it.

What is not known (None, NaN, a check that raises) denies an entry and lets an exit pass with
a warning. For an exit a failed check denies, waits, warns or does not apply, as the reasons'
table says: what exists to prevent entries never blocks an exit.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache

from engine.domain.ids import InstrumentId
from engine.domain.money import MICRO, ONE, ZERO
from engine.domain.order import Order, Side
from engine.domain.risk import Check, CheckResult
from engine.domain.session import SessionState, TradingState
from engine.risk.facts import GateFacts, Values
from engine.risk.latches import DRAWDOWN, LOSS_DAY, LOSS_SEVERE, QUALITY
from engine.risk.limits import Limits
from engine.risk.reasons import REASONS, DenyReason, Exits

_R = DenyReason
PASS, WARN, FAIL = CheckResult.PASS, CheckResult.WARN, CheckResult.FAIL
UNKNOWN, NOT_APPLICABLE = CheckResult.UNKNOWN, CheckResult.NOT_APPLICABLE

_NEAR = Decimal("0.8")  # of a loss, drawdown, margin or rate limit: warns
_EXITS_RUN = frozenset({SessionState.RUNNING, SessionState.PAUSED, SessionState.STOPPING})
_LOSSES = (LOSS_DAY, LOSS_SEVERE)

Leverages = Mapping[InstrumentId, Decimal]
_NO_LEVERAGE: Leverages = {}


def check(order: Order, facts: GateFacts, limits: Limits) -> tuple[Check, ...]:
    """Return every check of an order with its numbers, in the order of the table."""
    if not order.is_exit:
        try:
            return tuple([ask(order, facts, limits) for ask in _ENTRY])
        except Exception:  # noqa: BLE001  one of them raises: ask one by one and say which
            return tuple([_careful(code, ask, order, facts, limits) for code, _, ask in _TABLE])
    return tuple(
        [
            _FOR_ENTRIES[code]
            if exits is Exits.FREE
            else _softened(_careful(code, ask, order, facts, limits), exits)
            for code, exits, ask in _TABLE
        ]
    )


def verdict(checks: tuple[Check, ...], is_exit: bool) -> DenyReason | None:
    """Return why an order is denied, None if it is not."""
    for checked in checks:
        if checked.result is FAIL:
            if not is_exit or checked.code in _DENIES_EXITS:
                return DenyReason(checked.code)
        elif checked.result is UNKNOWN and not is_exit:
            return DenyReason(checked.code)
    return None


def waits_for(checks: tuple[Check, ...], is_exit: bool) -> DenyReason | None:
    """Return what an exit that is not denied has to wait for, None if it may go."""
    if not is_exit:
        return None
    for checked in checks:
        if checked.result is FAIL and checked.code in _HOLDS_EXITS:
            return DenyReason(checked.code)
    return None


def raised(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the checks that raised instead of answering: a defect that a person must see."""
    return tuple(checked for checked in checks if checked.value.startswith(_RAISED))


_RAISED = "raised "


def _careful(code: str, ask: "Ask", order: Order, facts: GateFacts, limits: Limits) -> Check:
    """A check that cannot answer is UNKNOWN, never a pass."""
    try:
        return ask(order, facts, limits)
    except ArithmeticError:  # NaN compared, zero divided by
        return Check(code, UNKNOWN, "not a number", "")
    except Exception as error:  # noqa: BLE001  a defect must deny entries, not stop the engine
        return Check(code, UNKNOWN, f"{_RAISED}{type(error).__name__}: {error}", "")


def _softened(checked: Check, exits: Exits) -> Check:
    result = checked.result
    if result is UNKNOWN or (result is FAIL and exits is Exits.WARNED):
        return Check(checked.code, WARN, checked.value, checked.limit)
    return checked


# -- the run -------------------------------------------------------------------------------


def _mode(order: Order, facts: GateFacts, limits: Limits) -> Check:
    return _yes("mode", facts.mode_agrees, facts.mode or "agree", facts.mode or "disagree", "agree")


def _trading_state(order: Order, facts: GateFacts, limits: Limits) -> Check:
    state = facts.trading_state
    if state is TradingState.ACTIVE:
        return _passed("trading_state", "ACTIVE", "not HALTED")
    if order.is_exit and state is TradingState.REDUCING:
        return _passed("trading_state", "REDUCING", "not HALTED")
    return Check("trading_state", FAIL, state.value, "not HALTED" if order.is_exit else "ACTIVE")


def _session_state(order: Order, facts: GateFacts, limits: Limits) -> Check:
    state = facts.session_state
    if state is SessionState.RUNNING:
        return _passed("session_state", "RUNNING", "RUNNING")
    if not order.is_exit:
        return Check("session_state", FAIL, state.value, "RUNNING")
    result = PASS if state in _EXITS_RUN else FAIL
    return Check("session_state", result, state.value, "RUNNING, PAUSED, STOPPING")


def _link(order: Order, facts: GateFacts, limits: Limits) -> Check:
    return _yes("link", facts.link_live, "live", facts.link or "not live", "live")


def _unreconciled(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if facts.reconciled or not order.is_exit:
        return _yes("unreconciled", facts.reconciled, "CLEAN", "not CLEAN", "CLEAN")
    if facts.owned is None or facts.broker_quantity is None:
        return Check("unreconciled", UNKNOWN, "the broker's quantity is unknown", "CLEAN")
    most = min(abs(facts.owned), abs(facts.broker_quantity))
    said = f"{order.quantity} of owned {facts.owned}, broker's {facts.broker_quantity}"
    return Check("unreconciled", (WARN if order.quantity <= most else FAIL), said, f"{most}")


def _instrument(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if not facts.qualified:
        return _yes("instrument", facts.qualified, "", "not qualified", "qualified")
    if facts.listed:
        return _LISTED
    return Check(
        "instrument", (WARN if order.is_exit else FAIL), "not in the list", "in the strategy's list"
    )


# -- the order -----------------------------------------------------------------------------


def _values(order: Order, facts: GateFacts, limits: Limits) -> Check:
    quantity = order.quantity
    limit = f"lot {facts.lot}, tick {facts.tick or 'none'}"
    if not quantity.is_finite() or quantity <= ZERO or quantity % facts.lot:
        return Check("values", FAIL, f"quantity {quantity}", limit)
    tick = MICRO if facts.tick is None else facts.tick
    for price in (order.limit_price, order.stop_price, order.trail):
        if price is not None and (not price.is_finite() or price <= ZERO or price % tick):
            return Check("values", FAIL, f"price {price}", limit)
    reference = order.reference_price
    if reference is None:
        return Check("values", UNKNOWN, "no reference price", limit)
    if not reference.is_finite() or reference <= ZERO:
        return Check("values", FAIL, f"reference price {reference}", limit)
    return Check("values", PASS, f"{quantity} at {reference}", limit)


def _duplicate(order: Order, facts: GateFacts, limits: Limits) -> Check:
    fresh = None if facts.signal_ordered is None else not facts.signal_ordered
    return _yes("duplicate", fresh, "no order yet", "has an order", "one order a signal")


def _oversell(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if order.side is Side.BUY:
        return _SELLS_ONLY
    if facts.owned is None:
        return Check("oversell", UNKNOWN, "owned shares unknown", "owned - working sells")
    most = facts.owned - facts.working_sells
    return Check(
        "oversell",
        (PASS if order.quantity <= most else FAIL),
        f"sell {order.quantity}",
        f"{most} shares",
    )


def _self_cross(order: Order, facts: GateFacts, limits: Limits) -> Check:
    working = facts.opposite_working
    if not working:
        return _NOTHING_OPPOSITE
    return Check("self_cross", FAIL, f"{working} shares work on the other side", "none")


# -- the market ----------------------------------------------------------------------------


def _hours(order: Order, facts: GateFacts, limits: Limits) -> Check:
    return _yes("hours", facts.hours_open, "open", "closed", "open")


def _quote_age(order: Order, facts: GateFacts, limits: Limits) -> Check:
    age, limit = facts.quote_age_s, limits.words["quote_age_s"]
    if age is None or age != age:
        return Check("quote_age", UNKNOWN, "no quote", limit)
    result = PASS if age <= float(limits.quote_age_s) else FAIL
    return Check("quote_age", result, f"{age:.0f} s", limit)


def _quote_sane(order: Order, facts: GateFacts, limits: Limits) -> Check:
    bid, ask, close = facts.bid, facts.ask, facts.last_close
    if bid is None or ask is None:
        return Check("quote_sane", UNKNOWN, "no quote", "")
    if bid <= ZERO or ask < bid:
        return Check("quote_sane", FAIL, f"bid {bid}, ask {ask}", "0 < bid <= ask")
    spread = ZERO if bid == ask else 2 * (ask - bid) / (ask + bid)
    if spread > limits.quote_spread:
        return Check("quote_sane", FAIL, f"spread {spread:.2%}", limits.words["quote_spread"])
    most = min(limits.quote_move * facts.leverage, limits.quote_move_max)
    if close is None:  # the first session of a listing has no close before it
        return Check("quote_sane", PASS, "no close before it", f"move {most:.2%}")
    move = (bid + ask) / (2 * close) - ONE
    result = PASS if abs(move) <= most else FAIL
    return Check("quote_sane", result, f"move {move:.2%}", f"move {most:.2%}")


def _slippage(order: Order, facts: GateFacts, limits: Limits) -> Check:
    executable = facts.ask if order.side is Side.BUY else facts.bid
    reference, limit = order.reference_price, limits.words["slippage"]
    if executable is None or reference is None:
        return Check("slippage", UNKNOWN, "no executable price", limit)
    if order.limit_price is not None:  # it cannot get worse than its limit
        better = min if order.side is Side.BUY else max
        executable = better(executable, order.limit_price)
    estimate = order.side.sign * (executable - reference) / reference
    result = PASS if estimate <= limits.slippage_warn else WARN
    if estimate > limits.slippage:
        result = FAIL
    return Check("slippage", result, f"{estimate:.2%}", limit)


def _liquidity(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if limits.liquidity is None:
        return _OFF["liquidity"]
    limit = limits.words["liquidity"]
    if not facts.mean_volume:
        return Check("liquidity", WARN, "mean volume unknown", limit)
    share = order.quantity / facts.mean_volume
    result = PASS if share <= limits.liquidity else FAIL
    return Check("liquidity", result, f"{share:.2%} of mean volume", limit)


# -- size and exposure ---------------------------------------------------------------------


def _order_size(order: Order, facts: GateFacts, limits: Limits) -> Check:
    notional, most = _notional(order), facts.order_usd
    if most is not None and not (notional is not None and notional <= most):
        value = "unknown" if notional is None else f"{notional:,.2f} USD"
        return Check("order_size", FAIL, value, f"{most:,.2f} USD, live.max_order_usd")
    return _share("order_size", notional, facts.equity, limits.order_size, limits)


def _symbol_exposure(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if limits.symbol_exposure is None:
        return _OFF["symbol_exposure"]
    before, change = facts.values.get(order.instrument, ZERO), _signed(order)
    after = None if before is None or change is None else abs(before + change)
    return _share("symbol_exposure", after, facts.equity, limits.symbol_exposure, limits)


def _strategy_budget(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if limits.strategy_budget is None:
        return _OFF["strategy_budget"]
    share = None if facts.book_equity is None else facts.capital_share * facts.book_equity
    used = _gross(facts.values, order)
    return _share("strategy_budget", used, share, limits.strategy_budget, limits)


def _gross_exposure(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if limits.gross_exposure is None:
        return _OFF["gross_exposure"]
    most, total = limits.gross_exposure, _gross(facts.book_values, order)
    ours = _share("gross_exposure", total, facts.book_equity, most, limits)
    return _of_account(ours, order, facts, most, limits)


def _leveraged_exposure(order: Order, facts: GateFacts, limits: Limits) -> Check:
    most = limits.leveraged_exposure
    if most is None:
        return _OFF["leveraged_exposure"]
    total = _gross(facts.book_values, order, facts.leverages, facts.leverage)
    ours = _share("leveraged_exposure", total, facts.book_equity, most, limits)
    return _of_account(ours, order, facts, most, limits, facts.leverages, facts.leverage)


def _open_positions(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if limits.open_positions is None:
        return _OFF["open_positions"]
    held = sum([1 for value in facts.values.values() if value is None or value])
    if not facts.values.get(order.instrument, ZERO):
        held += 1
    result = PASS if held <= limits.open_positions else FAIL
    return Check("open_positions", result, f"{held}", limits.words["open_positions"])


def _cash(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if order.side is Side.SELL:
        return _BUYS_ONLY
    cost = facts.buy_cost if facts.buy_cost is not None else _notional(order)
    if facts.cash is None or cost is None:
        return Check("cash", UNKNOWN, "cash or cost unknown", "confirmed cash")
    free = facts.cash - facts.reserved_cash
    return Check("cash", (PASS if cost <= free else FAIL), f"{cost:,.2f} USD", f"{free:,.2f} USD")


def _margin_use(order: Order, facts: GateFacts, limits: Limits) -> Check:
    used, most, limit = facts.margin_after, limits.margin_use, limits.words["margin_use"]
    if not facts.has_margin:
        why = "not asked: no order waits for a what-if" if facts.at_broker else "no margin account"
        return Check("margin_use", NOT_APPLICABLE, why, limit)
    if used is None:
        return Check("margin_use", UNKNOWN, "margin unknown", limit)
    result = WARN if used >= _NEAR * most else PASS
    if used > most:
        result = FAIL
    return Check("margin_use", result, f"{used:.2%}", limit)


# -- counts and states ---------------------------------------------------------------------


def _rate_cap(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if facts.orders_minute is None or facts.orders_working is None:
        return Check("rate_cap", UNKNOWN, "counts unknown", "")
    minute, working = facts.orders_minute + 1, facts.orders_working + 1
    value = f"{minute} a minute, {working} working"
    limit = f"{limits.orders_minute} a minute, {limits.orders_working} working"
    if minute > limits.orders_minute or working > limits.orders_working:
        return Check("rate_cap", FAIL, value, limit)
    is_near = 5 * minute >= 4 * limits.orders_minute or 5 * working >= 4 * limits.orders_working
    return Check("rate_cap", (WARN if is_near else PASS), value, limit)


def _day_cap(order: Order, facts: GateFacts, limits: Limits) -> Check:
    notional, equity = _notional(order), facts.book_equity
    before = facts.notional_today
    if facts.orders_today is None or before is None or notional is None or equity is None:
        return Check("day_cap", UNKNOWN, "counts unknown", "")
    count = facts.orders_today + 1
    if not equity > ZERO:
        return Check("day_cap", FAIL, f"equity {equity:,.2f} USD", "")
    turned = (before + notional) / equity
    most = facts.day_usd
    if most is not None and not before + notional <= most:
        value = f"{before + notional:,.2f} USD"
        return Check("day_cap", FAIL, value, f"{most:,.2f} USD, live.max_day_usd")
    value = f"{count} orders, {turned:.2f} of equity"
    limit = f"{limits.orders_day} orders, {limits.notional_day} of equity"
    if count > limits.orders_day or turned > limits.notional_day:
        return Check("day_cap", FAIL, value, limit)
    is_near = 5 * count >= 4 * limits.orders_day or turned >= _NEAR * limits.notional_day
    return Check("day_cap", (WARN if is_near else PASS), value, limit)


def _trades_day(order: Order, facts: GateFacts, limits: Limits) -> Check:
    if limits.trades_day is None:
        return _OFF["trades_day"]
    done, limit = facts.entries_today, limits.words["trades_day"]
    if done is None:
        return Check("trades_day", UNKNOWN, "entries today unknown", limit)
    return Check("trades_day", PASS if done < limits.trades_day else FAIL, f"{done}", limit)


def _loss_latch(order: Order, facts: GateFacts, limits: Limits) -> Check:
    return _latched("loss_latch", facts, _LOSSES, facts.loss_day, limits.loss_day)


def _drawdown_latch(order: Order, facts: GateFacts, limits: Limits) -> Check:
    return _latched("drawdown_latch", facts, (DRAWDOWN,), facts.drawdown, limits.drawdown)


def _quality_latch(order: Order, facts: GateFacts, limits: Limits) -> Check:
    return _latched("quality_latch", facts, (QUALITY,), None, None)


def _strategy_state(order: Order, facts: GateFacts, limits: Limits) -> Check:
    active = None if facts.status is None else facts.status == "ACTIVE"
    return _yes("strategy_state", active, "ACTIVE", facts.status or "", "ACTIVE")


# -- what they share -----------------------------------------------------------------------


def _yes(code: str, answer: bool | None, good: str, bad: str, limit: str) -> Check:
    if answer is None:
        return Check(code, UNKNOWN, "unknown", limit)
    if not answer:
        return Check(code, FAIL, bad, limit)
    return _passed(code, good, limit)


@lru_cache(maxsize=256)  # the same few in every order
def _passed(code: str, value: str, limit: str) -> Check:
    return Check(code, PASS, value, limit)


def _notional(order: Order) -> Decimal | None:
    price = order.reference_price
    return None if price is None else order.quantity * price


def _signed(order: Order) -> Decimal | None:
    price = order.reference_price
    return None if price is None else order.side.sign * order.quantity * price


def _gross(
    values: Values, order: Order, leverages: Leverages = _NO_LEVERAGE, own: Decimal = ONE
) -> Decimal | None:
    """Σ |value| × leverage once the order has filled; None if a value is not known.

    own: the leverage of the order's instrument.
    """
    mine, change = order.instrument, _signed(order)
    before = values.get(mine, ZERO)
    if before is None or change is None:
        return None
    total = abs(before + change) * own
    for instrument, value in values.items():
        if value is None:
            return None
        if instrument != mine:
            total += abs(value) * leverages.get(instrument, ONE)
    return total


def _share(
    code: str,
    value: Decimal | None,
    equity: Decimal | None,
    most: Decimal | None,
    limits: Limits,
) -> Check:
    """Compare a value with a share of equity, by multiplication: exact at the limit."""
    if most is None:
        return _OFF[code]
    limit = limits.words[code]
    if value is None or equity is None:
        return Check(code, UNKNOWN, "value or equity unknown", limit)
    if not equity > ZERO:
        return Check(code, FAIL, f"equity {equity:,.2f} USD", limit)
    if value <= most * equity:
        return Check(code, PASS, f"{value / equity:.2f}", limit)
    return Check(code, FAIL, f"{value / equity:.4f}", limit)


def _of_account(
    ours: Check,
    order: Order,
    facts: GateFacts,
    most: Decimal,
    limits: Limits,
    leverages: Leverages = _NO_LEVERAGE,
    own: Decimal = ONE,
) -> Check:
    """Hold the whole account to the limit too: what no strategy owns counts, and is not touched."""
    if not facts.beside or ours.result is not PASS:
        return ours
    values = dict(facts.book_values)
    for instrument, value in facts.beside.items():
        before = values.get(instrument, ZERO)
        values[instrument] = None if before is None or value is None else before + value
    total = _gross(values, order, leverages, own)
    found = _share(ours.code, total, facts.account_equity, most, limits)
    if found.result is PASS:
        return ours
    return Check(ours.code, found.result, f"{found.value} with what we do not own", found.limit)


def _latched(
    code: str,
    facts: GateFacts,
    names: tuple[str, ...],
    lost: Decimal | None,
    limit: Decimal | None,
) -> Check:
    """A latch denies; a loss near its limit warns, and one that is not a number is a breach."""
    if facts.latches:
        in_force = [name for name in names if name in facts.latches]
        if in_force:
            return Check(code, FAIL, f"{' and '.join(in_force)} set", "not set")
    if lost is None or limit is None:
        return _NOT_SET[code]
    if lost.is_nan():
        return Check(code, FAIL, "loss is not a number", f"{limit:.2%}")
    if lost < _NEAR * limit:
        return _NOT_SET[code]
    return Check(code, WARN, f"not set, at {lost:.2%}", f"{limit:.2%}")


Ask = Callable[[Order, GateFacts, Limits], Check]

_ASKED: dict[DenyReason, Ask] = {
    _R.MODE: _mode,
    _R.TRADING_STATE: _trading_state,
    _R.SESSION_STATE: _session_state,
    _R.LINK: _link,
    _R.UNRECONCILED: _unreconciled,
    _R.INSTRUMENT: _instrument,
    _R.VALUES: _values,
    _R.DUPLICATE: _duplicate,
    _R.OVERSELL: _oversell,
    _R.SELF_CROSS: _self_cross,
    _R.HOURS: _hours,
    _R.QUOTE_AGE: _quote_age,
    _R.QUOTE_SANE: _quote_sane,
    _R.SLIPPAGE: _slippage,
    _R.ORDER_SIZE: _order_size,
    _R.SYMBOL_EXPOSURE: _symbol_exposure,
    _R.STRATEGY_BUDGET: _strategy_budget,
    _R.GROSS_EXPOSURE: _gross_exposure,
    _R.LEVERAGED_EXPOSURE: _leveraged_exposure,
    _R.OPEN_POSITIONS: _open_positions,
    _R.CASH: _cash,
    _R.MARGIN_USE: _margin_use,
    _R.LIQUIDITY: _liquidity,
    _R.RATE_CAP: _rate_cap,
    _R.DAY_CAP: _day_cap,
    _R.TRADES_DAY: _trades_day,
    _R.LOSS_LATCH: _loss_latch,
    _R.DRAWDOWN_LATCH: _drawdown_latch,
    _R.QUALITY_LATCH: _quality_latch,
    _R.STRATEGY_STATE: _strategy_state,
}

_TABLE: tuple[tuple[str, Exits, Ask], ...] = tuple(
    (code.value, REASONS[code].exits, _ASKED[code]) for code in DenyReason
)
_ENTRY: tuple[Ask, ...] = tuple(ask for _, _, ask in _TABLE)
_DENIES_EXITS = frozenset(code.value for code in _R if REASONS[code].exits is Exits.DENIED)
_HOLDS_EXITS = frozenset(code.value for code in _R if REASONS[code].exits is Exits.WAITS)

# checks that need no numbers are made once: an order has thirty of them
_OFF = {code: Check(code, NOT_APPLICABLE, "off", "off") for code, _, _ in _TABLE}
_NOT_SET = {code: Check(code, PASS, "not set", "not set") for code, _, _ in _TABLE}
_FOR_ENTRIES = {code: Check(code, NOT_APPLICABLE, "exit", "entries only") for code, _, _ in _TABLE}
_SELLS_ONLY = Check("oversell", NOT_APPLICABLE, "buy", "sells only")
_BUYS_ONLY = Check("cash", NOT_APPLICABLE, "sell", "buys only")
_NOTHING_OPPOSITE = Check("self_cross", PASS, "nothing opposite", "none")
_LISTED = Check("instrument", PASS, "known", "in the strategy's list")
