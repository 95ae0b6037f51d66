"""What a person asks to be traded: the order ticket, and how it travels in a request.

A ticket says what is wanted; the engine works out instrument, owner, quantity and price, and
answers a preview with them. The request that follows a yes carries what the person had seen,
so that the engine can tell whether it still stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TypeVar

from engine.domain.ids import MANUAL, OrderId, StrategyId
from engine.domain.order import OrderType, TimeInForce
from engine.errors import SettingsError


class Action(Enum):
    """What a ticket is for."""

    BUY = "BUY"  # for manual
    SELL = "SELL"  # what manual owns
    CLOSE = "CLOSE"  # all that the named strategy owns
    REDUCE = "REDUCE"  # some of it
    REPLACE = "REPLACE"  # of a working order by hand: cancel, then a new order


TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
TIMES = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC)
WITH_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
WITH_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})

NO_ORDER = OrderId("")

_LARGEST = Decimal(10) ** 12
_Word = TypeVar("_Word", Action, OrderType, TimeInForce)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One wish of a person. Quantity or share, never both; CLOSE takes neither."""

    action: Action
    symbol: str = ""  # REPLACE: that of the order
    strategy: StrategyId = MANUAL  # whose position; BUY and SELL are manual's
    quantity: Decimal | None = None  # shares
    share: Decimal | None = None  # BUY: of the strategy's equity; else of what it owns
    type: OrderType = OrderType.MARKET
    limit: Decimal | None = None
    stop: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    order_id: OrderId = NO_ORDER  # REPLACE: the order to be replaced

    def to_args(self) -> dict[str, str]:
        """Return the ticket as a request carries it."""
        args = {
            "action": self.action.value,
            "symbol": self.symbol,
            "strategy": self.strategy,
            "type": self.type.value,
            "tif": self.time_in_force.value,
        }
        for name, value in (
            ("quantity", self.quantity),
            ("share", self.share),
            ("limit", self.limit),
            ("stop", self.stop),
        ):
            if value is not None:
                args[name] = str(value)
        if self.order_id:
            args["order_id"] = self.order_id
        return args


def ticket_of(args: Mapping[str, str]) -> Ticket:
    """Return the ticket of a request; SettingsError names what is wrong and what is allowed."""
    action = _word("action", args, Action, tuple(Action))
    ticket = Ticket(
        action=action,
        symbol=args.get("symbol", ""),
        strategy=StrategyId(args.get("strategy") or MANUAL),
        quantity=_number("quantity", args),
        share=_number("share", args),
        type=_word("type", args, OrderType, TYPES),
        limit=_number("limit", args),
        stop=_number("stop", args),
        time_in_force=_word("tif", args, TimeInForce, TIMES),
        order_id=OrderId(args.get("order_id", "")),
    )
    wrong = fault(ticket)
    if wrong:
        raise SettingsError(wrong)
    return ticket


def fault(ticket: Ticket) -> str:
    """Say what contradicts itself in a ticket; empty if nothing does."""
    action, kind = ticket.action, ticket.type
    if action in (Action.BUY, Action.SELL) and ticket.strategy != MANUAL:
        return f"strategy {ticket.strategy}: buy and sell are orders of {MANUAL}; X closes others'"
    sized = (ticket.quantity is not None) + (ticket.share is not None)
    if action is Action.CLOSE and sized:
        return "close sells all that is owned: no quantity; reduce takes one"
    if action is not Action.CLOSE and sized != 1:
        return "how much? a number of shares, such as 10, or a share, such as 25%"
    if action is Action.REPLACE and not ticket.order_id:
        return "replace needs the order that it replaces"
    if action is Action.REPLACE and ticket.share is not None:
        return "replace takes a number of shares, filled ones included"
    if ticket.share is not None and ticket.share > 1:
        return f"share {ticket.share}: above 0 and 1 (100%) at most"
    if (kind in WITH_LIMIT) is not (ticket.limit is not None):
        return f"type {kind.value}: " + ("needs a limit" if kind in WITH_LIMIT else "has no limit")
    if (kind in WITH_STOP) is not (ticket.stop is not None):
        return f"type {kind.value}: " + ("needs a stop" if kind in WITH_STOP else "has no stop")
    if kind in WITH_STOP and ticket.time_in_force is TimeInForce.IOC:
        return "time IOC: a stop waits; DAY or GTC"
    return ""


def _word(
    name: str, args: Mapping[str, str], kind: type[_Word], allowed: tuple[_Word, ...]
) -> _Word:
    default = "" if name == "action" else allowed[0].value
    given = args.get(name) or default
    for one in allowed:
        if one.value == given:
            return one
    words = ", ".join(one.value for one in allowed)
    raise SettingsError(f"{name} {given!r}: allowed is one of {words}")


def _number(name: str, args: Mapping[str, str]) -> Decimal | None:
    given = args.get(name)
    if given is None or given == "":
        return None
    try:
        value = Decimal(given)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 < value <= _LARGEST:
        raise SettingsError(f"{name} {given!r}: a number above 0, at most 1e12")
    return value
