"""Why an order is denied: one code, one sentence, and what a person can do about it.

The codes are the checks of the gate in the order in which they run; an order's reason is the
first that failed. `Exits` says what a failed check means for an order that lowers a position:
a gate that exists to prevent entries never blocks an exit.
"""

from enum import Enum
from typing import NamedTuple


class Exits(Enum):
    """What becomes of an exit that fails a check."""

    DENIED = "denied"
    WAITS = "waits"  # approved, sent when the check passes
    WARNED = "warned"  # sent
    FREE = "free"  # the check is for entries alone


class DenyReason(Enum):
    """Codes of the gate's checks, in its order."""

    MODE = "mode"
    TRADING_STATE = "trading_state"
    SESSION_STATE = "session_state"
    LINK = "link"
    UNRECONCILED = "unreconciled"
    INSTRUMENT = "instrument"
    VALUES = "values"
    DUPLICATE = "duplicate"
    OVERSELL = "oversell"
    SELF_CROSS = "self_cross"
    HOURS = "hours"
    QUOTE_AGE = "quote_age"
    QUOTE_SANE = "quote_sane"
    SLIPPAGE = "slippage"
    ORDER_SIZE = "order_size"
    SYMBOL_EXPOSURE = "symbol_exposure"
    STRATEGY_BUDGET = "strategy_budget"
    GROSS_EXPOSURE = "gross_exposure"
    LEVERAGED_EXPOSURE = "leveraged_exposure"
    OPEN_POSITIONS = "open_positions"
    CASH = "cash"
    MARGIN_USE = "margin_use"
    LIQUIDITY = "liquidity"
    RATE_CAP = "rate_cap"
    DAY_CAP = "day_cap"
    TRADES_DAY = "trades_day"
    LOSS_LATCH = "loss_latch"
    DRAWDOWN_LATCH = "drawdown_latch"
    QUALITY_LATCH = "quality_latch"
    STRATEGY_STATE = "strategy_state"


class Reason(NamedTuple):
    """One row of the table."""

    sentence: str
    runbook: str
    exits: Exits


_R = DenyReason
_LATCH = "See the latch's numbers in the alerts; release it with resume --reason when you know why."

REASONS: dict[DenyReason, Reason] = {
    _R.MODE: Reason(
        "Account, mode and dry run do not agree.",
        "Compare [broker] account with the account shown in the status line, then start again.",
        Exits.DENIED,
    ),
    _R.TRADING_STATE: Reason(
        "The trading state does not allow this order.",
        "Find out who set it and why (status), then resume --reason TEXT.",
        Exits.DENIED,
    ),
    _R.SESSION_STATE: Reason(
        "The session is not running.",
        "Wait for the start to end, or continue a paused session.",
        Exits.DENIED,
    ),
    _R.LINK: Reason(
        "The broker cannot be reached, or is in its nightly blackout.",
        "Check the gateway; the engine reconnects by itself and reconciles first.",
        Exits.WAITS,
    ),
    _R.UNRECONCILED: Reason(
        "Our ledger and the broker's account have not been found equal.",
        "Run reconcile, look at each difference, settle it with --accept ITEM --reason TEXT.",
        Exits.DENIED,
    ),
    _R.INSTRUMENT: Reason(
        "The instrument is unknown, or not one that this strategy may trade.",
        "Check the symbols of the strategy and the data source.",
        Exits.DENIED,
    ),
    _R.VALUES: Reason(
        "Quantity or price is not a number that can be traded.",
        "Look at the sizing arithmetic with explain; a lot or tick may be wrong.",
        Exits.DENIED,
    ),
    _R.DUPLICATE: Reason(
        "The signal already has an order.",
        "Nothing to do: one decision makes one order.",
        Exits.DENIED,
    ),
    _R.OVERSELL: Reason(
        "It would sell more than the strategy owns.",
        "Look for another working sell; short positions are off.",
        Exits.DENIED,
    ),
    _R.SELF_CROSS: Reason(
        "An order of ours works on the other side.",
        "Cancel that order, or wait for its end.",
        Exits.WAITS,
    ),
    _R.HOURS: Reason(
        "The instrument's session is not open, or it is halted.",
        "See schedule for the next opening.",
        Exits.WAITS,
    ),
    _R.QUOTE_AGE: Reason(
        "The quote is too old to trade on.",
        "Check the market data; it is asked for again by itself.",
        Exits.WARNED,
    ),
    _R.QUOTE_SANE: Reason(
        "The quote cannot be right: crossed, too wide, or far from the last close.",
        "Compare with another source; look for a split.",
        Exits.WARNED,
    ),
    _R.SLIPPAGE: Reason(
        "The price has run away from the decision's price.",
        "The next decision uses the new price; see the limit slippage.",
        Exits.WARNED,
    ),
    _R.ORDER_SIZE: Reason(
        "The order is too large a share of equity.",
        "Compare the strategy's weights with risk.order_size.",
        Exits.FREE,
    ),
    _R.SYMBOL_EXPOSURE: Reason(
        "Too much of equity would be in one instrument.",
        "Compare the strategy's weights with risk.symbol_exposure.",
        Exits.FREE,
    ),
    _R.STRATEGY_BUDGET: Reason(
        "The strategy would use more than its share of the account.",
        "Change its share of capital or risk.strategy_budget.",
        Exits.FREE,
    ),
    _R.GROSS_EXPOSURE: Reason(
        "All positions together would be worth more than allowed.",
        "Reduce a position or change risk.gross_exposure.",
        Exits.FREE,
    ),
    _R.LEVERAGED_EXPOSURE: Reason(
        "All positions together, times their funds' leverage, would be too large.",
        "Reduce a leveraged fund or change risk.leveraged_exposure.",
        Exits.FREE,
    ),
    _R.OPEN_POSITIONS: Reason(
        "Too many instruments would be held at once.",
        "Close one, or change risk.open_positions.",
        Exits.FREE,
    ),
    _R.CASH: Reason(
        "The confirmed cash does not pay for it.",
        "Wait for sells to be confirmed; the next decision sizes on the cash there is.",
        Exits.FREE,
    ),
    _R.MARGIN_USE: Reason(
        "The broker's margin after this order would be too high.",
        "Reduce positions, or change risk.margin_use.",
        Exits.FREE,
    ),
    _R.LIQUIDITY: Reason(
        "The order is too large a share of the instrument's usual volume.",
        "Trade less of it, or change risk.liquidity.",
        Exits.WARNED,
    ),
    _R.RATE_CAP: Reason(
        "Too many orders in a minute, or working at once.",
        "Look at what the strategy is doing; it is paused after ten such denials.",
        Exits.WARNED,
    ),
    _R.DAY_CAP: Reason(
        "Too many orders, or too much value ordered, in one session date.",
        "Look at the day's orders; risk.orders_day and risk.notional_day are the limits.",
        Exits.WARNED,
    ),
    _R.TRADES_DAY: Reason(
        "The strategy has filled as many entries today as it may.",
        "Entries are possible again on the next session date.",
        Exits.FREE,
    ),
    _R.LOSS_LATCH: Reason("A loss limit has been reached.", _LATCH, Exits.FREE),
    _R.DRAWDOWN_LATCH: Reason("The drawdown limit has been reached.", _LATCH, Exits.FREE),
    _R.QUALITY_LATCH: Reason(
        "Too many of the strategy's orders ended badly.",
        "It tries one order after the pause; look at the rejections and fills before.",
        Exits.FREE,
    ),
    _R.STRATEGY_STATE: Reason(
        "The strategy is warming up, paused, latched or in error.",
        "See its row in the overview; an error's text is in the log.",
        Exits.FREE,
    ),
}


def sentence(code: str) -> str:
    """Return the one sentence of a deny reason."""
    return REASONS[DenyReason(code)].sentence


def runbook(code: str) -> str:
    """Return what a person can do about a deny reason."""
    return REASONS[DenyReason(code)].runbook
