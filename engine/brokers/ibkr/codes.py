"""Error codes of the broker as data: what each is about, what to do, whether it ends an order.

Most messages that look like the end of an order are not. An order ends on a code alone only
where the table says NEW, and then only while nothing else was ever heard of it; WITH_STATUS
needs the status beside it. A code that is not in the table changes nothing about an order:
it is shown, and the order is looked up. Texts are kept verbatim.
"""

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """What a code is about."""

    LINK = "link"
    DATA = "data"
    ORDER = "order"
    REQUEST = "request"


class Ends(Enum):
    """Whether an order may end on this code alone."""

    NO = "no"
    NEW = "new"  # only if nothing was ever heard of the order
    WITH_STATUS = "with status"


class Reaction(Enum):
    """What to do about a code."""

    UPSTREAM_LOST = "upstream lost"
    UPSTREAM_BACK = "upstream back, subscriptions kept"
    UPSTREAM_BACK_EMPTY = "upstream back, subscriptions lost"
    PORT_CHANGED = "alert and stop"
    CLASH = "client id in use: the same id again later"
    BACK_OFF = "no connection: back off"
    PACE = "too many messages: pause"
    FARM_BROKEN = "a farm is broken: keep the socket"
    FARM_OK = "a farm is back: resubscribe after a break"
    FARM_IDLE = "a farm is idle: information"
    ONE_SUBSCRIBER = "account updates belong to one subscriber"
    RETRY = "still processing: look again after 5 s"
    NOTE = "a note; the order is alive"
    EVICT = "lines used up: evict the lowest priority"
    UNKNOWN = "duplicate id: the order is UNKNOWN, look up by reference"
    DROP_STREAM = "that stream is over"
    LOOK_UP = "look the order up"
    REFUSED = "a new order is rejected; a changed one works on as it was"
    HISTORY = "pacing: wait; no data: empty; else failed"
    CONTRACT = "no or ambiguous contract"
    REJECTED = "rejected, with Inactive or Cancelled"
    CANCELED = "cancelled, with Cancelled"
    READ_ONLY = "Read-Only in the text: nothing can be sent"
    NOT_PERMITTED = "rejected: a setting or permission of the account"
    NOT_SUBSCRIBED = "no live data: delayed only if allowed"
    COMPETING = "another session takes the data: log out there"
    HELD = "held for locate; the order is alive"
    RESUBSCRIBE = "resubscribe that stream"


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table."""

    scope: Scope
    reaction: Reaction
    ends: Ends
    meaning: str


_S, _R, _E = Scope, Reaction, Ends

_TABLE: tuple[tuple[str, Scope, Reaction, Ends, str], ...] = (
    ("1100 2110", _S.LINK, _R.UPSTREAM_LOST, _E.NO, "the broker's servers are not reached"),
    ("1101", _S.LINK, _R.UPSTREAM_BACK_EMPTY, _E.NO, "reached again, data requests lost"),
    ("1102", _S.LINK, _R.UPSTREAM_BACK, _E.NO, "reached again, data requests kept"),
    ("1300", _S.LINK, _R.PORT_CHANGED, _E.NO, "the API port was changed"),
    ("326", _S.LINK, _R.CLASH, _E.NO, "the client id is in use"),
    ("502 504 507", _S.LINK, _R.BACK_OFF, _E.NO, "no connection"),
    ("100", _S.LINK, _R.PACE, _E.NO, "too many messages"),
    ("2103 2105 2157", _S.DATA, _R.FARM_BROKEN, _E.NO, "a data farm is broken"),
    ("2104 2106 2158", _S.DATA, _R.FARM_OK, _E.NO, "a data farm is connected"),
    ("2107 2108 2119", _S.DATA, _R.FARM_IDLE, _E.NO, "a data farm is idle or connecting"),
    ("2100 2101", _S.REQUEST, _R.ONE_SUBSCRIBER, _E.NO, "account updates were taken over"),
    ("2102", _S.ORDER, _R.RETRY, _E.NO, "still processing"),
    ("399 2109 2137 2161 10349", _S.ORDER, _R.NOTE, _E.NO, "a note about a living order"),
    ("101 10190", _S.DATA, _R.EVICT, _E.NO, "market data lines are used up"),
    ("103", _S.ORDER, _R.UNKNOWN, _E.NO, "duplicate order id"),
    ("102 165 300 309 317 366", _S.DATA, _R.DROP_STREAM, _E.NO, "about a data request's id"),
    (
        "104 105 135 136 161 10147 10148",
        _S.ORDER,
        _R.LOOK_UP,
        _E.NO,
        "a change or cancel was refused, or its order was not found",
    ),
    ("109 110 111 113", _S.ORDER, _R.REFUSED, _E.NEW, "price, tick or time in force"),
    ("162", _S.DATA, _R.HISTORY, _E.NO, "history"),
    ("200", _S.REQUEST, _R.CONTRACT, _E.NEW, "no or ambiguous contract"),
    ("201", _S.ORDER, _R.REJECTED, _E.WITH_STATUS, "rejected"),
    ("202", _S.ORDER, _R.CANCELED, _E.WITH_STATUS, "cancelled"),
    ("320 321 322", _S.REQUEST, _R.READ_ONLY, _E.NEW, "cannot be parsed or processed, or invalid"),
    (
        "203 387 388 434 435 436 451 460 10268 10269 10270 10311",
        _S.ORDER,
        _R.NOT_PERMITTED,
        _E.NEW,
        "not permitted or supported, size, account, or a precautionary limit of the settings",
    ),
    (
        "354 10089 10090 10091 10167 10168 10186",
        _S.DATA,
        _R.NOT_SUBSCRIBED,
        _E.NO,
        "no subscription, delayed",
    ),
    ("10197", _S.DATA, _R.COMPETING, _E.NO, "a competing session takes the data"),
    ("404", _S.ORDER, _R.HELD, _E.NO, "held while shares are located"),
    ("420 10182 10225", _S.DATA, _R.RESUBSCRIBE, _E.NO, "a stream was interrupted"),
)

CODES: dict[int, Code] = {
    int(number): Code(scope, reaction, ends, meaning)
    for numbers, scope, reaction, ends, meaning in _TABLE
    for number in numbers.split()
}
"""Every code with a meaning of its own."""

INACTIVE_MEANS_REJECTED = frozenset({201, 203, 387, 388, 451, 460})
"""With one of these beside it, the status Inactive is a rejection."""


def is_read_only(code: int, text: str) -> bool:
    """Say whether an error means that the gateway's API is in read-only mode."""
    row = CODES.get(code)
    return row is not None and row.reaction is _R.READ_ONLY and "read-only" in text.lower()


def advised(code: int, text: str) -> str:
    """Return a refusal's words, with what a person can do about it where that is known."""
    what = _ADVICE.get(code, "")
    return f"{text.rstrip('. ')}; {what}" if what else text


def advice(code: int) -> str:
    """Return what a person can do about a refusal, empty where nothing is known."""
    return _ADVICE.get(code, "")


_ADVICE = {
    321: "in the gateway's settings, API, clear Read-Only API",
    326: "another program is connected with this client id; stop it or change ibkr.client_id",
    203: "the account may not trade it: its permissions are in the account's settings",
    387: "this exchange does not take this kind of order",
    388: "the exchange has a smallest size above this",
    434: "a size above 0 is needed",
    435: "check ibkr.account",
    436: "an advisor's account needs an allocation, which is not supported",
    460: "the account has no permission to trade it: its settings",
    10268: "the attribute eTradeOnly is not supported",
    10269: "the attribute firmQuoteOnly is not supported",
    10270: "the attribute nbboPriceCap is not supported",
    10311: "in the gateway's settings, API, Precautions, allow directly routed orders",
    451: "raise the precautionary limit in the gateway's presets, or order less",
    354: "subscribe to the market data, or set ibkr.allow_delayed in paper",
    10197: "the same user is logged in elsewhere; log out there",
}
