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

Verdict = tuple[CheckResult, str, str]  # result, value, limit
Leverages = Mapping[InstrumentId, Decimal]
_NO_LEVERAGE: Leverages = {}


def check(order: Order, facts: GateFacts, limits: Limits) -> tuple[Check, ...]:
    """Return every check of an order with its numbers, in the order of the table."""
    is_exit = order.is_exit
    return tuple(
        [_check(code, exits, ask, order, facts, limits, is_exit) for code, exits, ask in _TABLE]
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


def _check(
    code: str,
    exits: Exits,
    ask: "Ask",
    order: Order,
    facts: GateFacts,
    limits: Limits,
    is_exit: bool,
) -> Check:
    if is_exit and exits is Exits.FREE:
        return _said(code, NOT_APPLICABLE, "exit", "entries only")
    try:
        result, value, limit = ask(order, facts, limits)
    except ArithmeticError:  # NaN compared, zero divided by
        result, value, limit = UNKNOWN, "not a number", ""
    except Exception as error:  # noqa: BLE001  a check that raises is UNKNOWN, never a pass
        result, value, limit = UNKNOWN, f"{_RAISED}{type(error).__name__}: {error}", ""
    if is_exit and (result is UNKNOWN or (result is FAIL and exits is Exits.WARNED)):
        result = WARN
    return _said(code, result, value, limit)


@lru_cache(maxsize=4096)  # most texts of one run come again and again
def _said(code: str, result: CheckResult, value: str, limit: str) -> Check:
    return Check(code, result, value, limit)


# -- the run -------------------------------------------------------------------------------


def _mode(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _yes(facts.mode_agrees, facts.mode or "agree", facts.mode or "disagree", "agree")


def _trading_state(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    state = facts.trading_state
    allowed = state is TradingState.ACTIVE or (order.is_exit and state is TradingState.REDUCING)
    return (PASS if allowed else FAIL), state.value, "not HALTED" if order.is_exit else "ACTIVE"


def _session_state(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    state = facts.session_state
    allowed = state in _EXITS_RUN if order.is_exit else state is SessionState.RUNNING
    limit = "RUNNING, PAUSED, STOPPING" if order.is_exit else "RUNNING"
    return (PASS if allowed else FAIL), state.value, limit


def _link(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _yes(facts.link_live, "live", "not live", "live")


def _unreconciled(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if facts.reconciled or not order.is_exit:
        return _yes(facts.reconciled, "CLEAN", "not CLEAN", "CLEAN")
    if facts.owned is None or facts.broker_quantity is None:
        return UNKNOWN, "the broker's quantity is unknown", "CLEAN"
    most = min(abs(facts.owned), abs(facts.broker_quantity))
    said = f"{order.quantity} of owned {facts.owned}, broker's {facts.broker_quantity}"
    return (WARN if order.quantity <= most else FAIL), said, f"{most}"


def _instrument(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if not facts.qualified:
        return _yes(facts.qualified, "", "not qualified", "qualified")
    if facts.listed:
        return PASS, "known", "in the strategy's list"
    return (WARN if order.is_exit else FAIL), "not in the list", "in the strategy's list"


# -- the order -----------------------------------------------------------------------------


def _values(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    quantity = order.quantity
    limit = f"lot {facts.lot}, tick {facts.tick or 'none'}"
    if not quantity.is_finite() or quantity <= ZERO or quantity % facts.lot:
        return FAIL, f"quantity {quantity}", limit
    tick = MICRO if facts.tick is None else facts.tick
    for price in (order.limit_price, order.stop_price, order.trail):
        if price is not None and (not price.is_finite() or price <= ZERO or price % tick):
            return FAIL, f"price {price}", limit
    reference = order.reference_price
    if reference is None:
        return UNKNOWN, "no reference price", limit
    if not reference.is_finite() or reference <= ZERO:
        return FAIL, f"reference price {reference}", limit
    return PASS, f"{quantity} at {reference}", limit


def _duplicate(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    fresh = None if facts.signal_ordered is None else not facts.signal_ordered
    return _yes(fresh, "no order yet", "has an order", "one order a signal")


def _oversell(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if order.side is Side.BUY:
        return NOT_APPLICABLE, "buy", "sells only"
    if facts.owned is None:
        return UNKNOWN, "owned shares unknown", "owned - working sells"
    most = facts.owned - facts.working_sells
    return (PASS if order.quantity <= most else FAIL), f"sell {order.quantity}", f"{most} shares"


def _self_cross(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    working = facts.opposite_working
    if not working:
        return PASS, "nothing opposite", "none"
    return FAIL, f"{working} shares work on the other side", "none"


# -- the market ----------------------------------------------------------------------------


def _hours(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _yes(facts.hours_open, "open", "closed", "open")


def _quote_age(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    age, limit = facts.quote_age_s, f"{limits.quote_age_s} s"
    if age is None or age != age:
        return UNKNOWN, "no quote", limit
    return (PASS if age <= float(limits.quote_age_s) else FAIL), f"{age:.0f} s", limit


def _quote_sane(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    bid, ask, close = facts.bid, facts.ask, facts.last_close
    if bid is None or ask is None:
        return UNKNOWN, "no quote", ""
    if bid <= ZERO or ask < bid:
        return FAIL, f"bid {bid}, ask {ask}", "0 < bid <= ask"
    spread = ZERO if bid == ask else 2 * (ask - bid) / (ask + bid)
    if spread > limits.quote_spread:
        return FAIL, f"spread {_pct(spread)}", _pct(limits.quote_spread)
    most = min(limits.quote_move * facts.leverage, limits.quote_move_max)
    if close is None:  # the first session of a listing has no close before it
        return PASS, "no close before it", f"move {_pct(most)}"
    move = (bid + ask) / (2 * close) - ONE
    return (PASS if abs(move) <= most else FAIL), f"move {_pct(move)}", f"move {_pct(most)}"


def _slippage(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    executable = facts.ask if order.side is Side.BUY else facts.bid
    reference, limit = order.reference_price, _pct(limits.slippage)
    if executable is None or reference is None:
        return UNKNOWN, "no executable price", limit
    if order.limit_price is not None:  # it cannot get worse than its limit
        better = min if order.side is Side.BUY else max
        executable = better(executable, order.limit_price)
    estimate = order.side.sign * (executable - reference) / reference
    if estimate <= limits.slippage_warn:
        return PASS, _pct(estimate), limit
    return (WARN if estimate <= limits.slippage else FAIL), _pct(estimate), limit


def _liquidity(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.liquidity is None:
        return _OFF
    limit = f"{_pct(limits.liquidity)} of mean volume"
    if not facts.mean_volume:
        return WARN, "mean volume unknown", limit
    share = order.quantity / facts.mean_volume
    return (PASS if share <= limits.liquidity else FAIL), f"{_pct(share)} of mean volume", limit


# -- size and exposure ---------------------------------------------------------------------


def _order_size(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _share(_notional(order), facts.equity, limits.order_size)


def _symbol_exposure(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.symbol_exposure is None:
        return _OFF
    before, change = facts.values.get(order.instrument, ZERO), _signed(order)
    after = None if before is None or change is None else abs(before + change)
    return _share(after, facts.equity, limits.symbol_exposure)


def _strategy_budget(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.strategy_budget is None:
        return _OFF
    share = None if facts.book_equity is None else facts.capital_share * facts.book_equity
    used = _gross(facts.values, order)
    return _share(used, share, limits.strategy_budget, "of its share")


def _gross_exposure(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.gross_exposure is None:
        return _OFF
    return _share(_gross(facts.book_values, order), facts.book_equity, limits.gross_exposure)


def _leveraged_exposure(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.leveraged_exposure is None:
        return _OFF
    total = _gross(facts.book_values, order, facts.leverages, facts.leverage)
    return _share(total, facts.book_equity, limits.leveraged_exposure)


def _open_positions(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.open_positions is None:
        return _OFF
    held = sum(1 for value in facts.values.values() if value is None or value)
    if not facts.values.get(order.instrument, ZERO):
        held += 1
    return (PASS if held <= limits.open_positions else FAIL), f"{held}", f"{limits.open_positions}"


def _cash(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if order.side is Side.SELL:
        return NOT_APPLICABLE, "sell", "buys only"
    cost = facts.buy_cost if facts.buy_cost is not None else _notional(order)
    if facts.cash is None or cost is None:
        return UNKNOWN, "cash or cost unknown", "confirmed cash"
    free = facts.cash - facts.reserved_cash
    return (PASS if cost <= free else FAIL), f"{cost:,.2f} USD", f"{free:,.2f} USD"


def _margin_use(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if not facts.has_margin:
        return NOT_APPLICABLE, "no margin account", f"{limits.margin_use}"
    if facts.margin_after is None:
        return UNKNOWN, "margin unknown", f"{limits.margin_use}"
    return _near(facts.margin_after, limits.margin_use, "of equity")


# -- counts and states ---------------------------------------------------------------------


def _rate_cap(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if facts.orders_minute is None or facts.orders_working is None:
        return UNKNOWN, "counts unknown", ""
    minute, working = facts.orders_minute + 1, facts.orders_working + 1
    value = f"{minute} a minute, {working} working"
    limit = f"{limits.orders_minute} a minute, {limits.orders_working} working"
    if minute > limits.orders_minute or working > limits.orders_working:
        return FAIL, value, limit
    is_near = 5 * minute >= 4 * limits.orders_minute or 5 * working >= 4 * limits.orders_working
    return (WARN if is_near else PASS), value, limit


def _day_cap(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    notional, equity = _notional(order), facts.book_equity
    if None in (facts.orders_today, facts.notional_today, notional, equity):
        return UNKNOWN, "counts unknown", ""
    assert facts.orders_today is not None
    assert facts.notional_today is not None
    assert notional is not None
    assert equity is not None
    count = facts.orders_today + 1
    if not equity > ZERO:
        return FAIL, f"equity {equity:,.2f} USD", ""
    turned = (facts.notional_today + notional) / equity
    value = f"{count} orders, {turned:.2f} of equity"
    limit = f"{limits.orders_day} orders, {limits.notional_day} of equity"
    if count > limits.orders_day or turned > limits.notional_day:
        return FAIL, value, limit
    is_near = 5 * count >= 4 * limits.orders_day or turned >= _NEAR * limits.notional_day
    return (WARN if is_near else PASS), value, limit


def _trades_day(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    if limits.trades_day is None:
        return _OFF
    done = facts.entries_today
    if done is None:
        return UNKNOWN, "entries today unknown", f"{limits.trades_day}"
    return (PASS if done < limits.trades_day else FAIL), f"{done}", f"{limits.trades_day}"


def _loss_latch(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _latched(facts, _LOSSES, facts.loss_day, limits.loss_day)


def _drawdown_latch(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _latched(facts, (DRAWDOWN,), facts.drawdown, limits.drawdown)


def _quality_latch(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    return _latched(facts, (QUALITY,), None, None)


def _strategy_state(order: Order, facts: GateFacts, limits: Limits) -> Verdict:
    active = None if facts.status is None else facts.status == "ACTIVE"
    return _yes(active, "ACTIVE", facts.status or "", "ACTIVE")


# -- what they share -----------------------------------------------------------------------

_OFF: Verdict = (NOT_APPLICABLE, "off", "off")


def _yes(answer: bool | None, good: str, bad: str, limit: str) -> Verdict:
    if answer is None:
        return UNKNOWN, "unknown", limit
    return (PASS, good, limit) if answer else (FAIL, bad, limit)


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
    value: Decimal | None, equity: Decimal | None, limit: Decimal | None, of: str = "of equity"
) -> Verdict:
    """Compare a value with a share of equity, by multiplication: exact at the limit."""
    if limit is None:
        return _OFF
    if value is None or equity is None:
        return UNKNOWN, "value or equity unknown", f"{limit} {of}"
    if not equity > ZERO:
        return FAIL, f"equity {equity:,.2f} USD", f"{limit} {of}"
    if value <= limit * equity:
        return PASS, f"{value / equity:.2f} {of}", f"{limit} {of}"
    return FAIL, f"{value / equity:.4f} {of}", f"{limit} {of}"


def _near(value: Decimal, limit: Decimal, of: str) -> Verdict:
    """Compare with a limit that warns from four fifths on."""
    if not value <= limit:
        return FAIL, f"{value:.2f} {of}", f"{limit} {of}"
    return (WARN if value >= _NEAR * limit else PASS), f"{value:.2f} {of}", f"{limit} {of}"


def _latched(
    facts: GateFacts, names: tuple[str, ...], lost: Decimal | None, limit: Decimal | None
) -> Verdict:
    """A latch denies; a loss near its limit warns, and one that is not a number is a breach."""
    in_force = [name for name in names if name in facts.latches]
    if in_force:
        return FAIL, f"{' and '.join(in_force)} set", "not set"
    if lost is None or limit is None:
        return PASS, "not set", "not set"
    if lost.is_nan():
        return FAIL, "loss is not a number", _pct(limit)
    return (WARN if lost >= _NEAR * limit else PASS), f"not set, at {_pct(lost)}", _pct(limit)


def _pct(fraction: Decimal) -> str:
    return f"{100 * fraction:.2f} %"


Ask = Callable[[Order, GateFacts, Limits], Verdict]

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
_DENIES_EXITS = frozenset(code.value for code in _R if REASONS[code].exits is Exits.DENIED)
_HOLDS_EXITS = frozenset(code.value for code in _R if REASONS[code].exits is Exits.WAITS)
