"""One broker order of the practice venue, and what makes an order unacceptable.

Codes and texts are those of the real gateway. A refusal ends the request with an error alone;
what has passed here and is rejected later (margin, too late for the close) becomes Inactive
with error 201.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from enum import Enum

from engine.brokers.practice.clock import parse_instant
from engine.brokers.practice.model import (
    DONE,
    ZERO,
    ComboLeg,
    Contract,
    OrderRequest,
    OrderView,
    Refusal,
)
from engine.brokers.practice.universe import Traded, fits

_FINE = Decimal("0.00000001")
_ONE, _SHARE = Decimal(1), Decimal("0.0001")  # steps of a quantity
_QUANTITY_MAX, _PRICE_MAX = Decimal(10) ** 9, Decimal(10) ** 7
_YEAR_MIN, _YEAR_MAX = 1990, 2100


class OrderType(Enum):
    """Types that the venue works."""

    MARKET = "MKT"
    LIMIT = "LMT"
    STOP = "STP"
    STOP_LIMIT = "STP LMT"
    TRAIL = "TRAIL"
    MARKET_ON_CLOSE = "MOC"
    LIMIT_ON_CLOSE = "LOC"


TYPES = {one.value: one for one in OrderType}
_T = OrderType
_PRICED = frozenset({_T.LIMIT, _T.STOP_LIMIT, _T.LIMIT_ON_CLOSE})
_STOPPED = frozenset({_T.STOP, _T.STOP_LIMIT})
_CLOSING = frozenset({_T.MARKET_ON_CLOSE, _T.LIMIT_ON_CLOSE})
_RESTING = ("DAY", "GTC", "GTD")
_TIFS: Mapping[OrderType, tuple[str, ...]] = {
    _T.MARKET: (*_RESTING, "IOC", "FOK", "OPG"),
    _T.LIMIT: (*_RESTING, "IOC", "FOK", "OPG"),
    _T.STOP: _RESTING,
    _T.STOP_LIMIT: _RESTING,
    _T.TRAIL: _RESTING,
    _T.MARKET_ON_CLOSE: ("DAY",),
    _T.LIMIT_ON_CLOSE: ("DAY",),
}


@dataclass(slots=True)
class Order:
    """A broker order; changed by the desk alone."""

    request: OrderRequest  # complete: contract, tif, account
    traded: Traded
    perm_id: int
    placed_at: datetime
    status: str = "PendingSubmit"
    filled: Decimal = ZERO
    value: Decimal = ZERO  # Σ shares × price
    fee: Decimal = ZERO  # charged so far
    fills: int = 0
    last_price: Decimal = ZERO
    parent_perm: int = 0
    submits_at: datetime | None = None  # from here on it may be Submitted
    session: datetime | None = None  # close of the session that a DAY order is good for
    triggered: bool = False
    trail_stop: Decimal | None = None
    why_held: str = ""
    held_until: datetime | None = None
    oca_quantity: Decimal = ZERO  # as placed: what reductions in a group are measured by
    parts: list[Decimal] = field(default_factory=list)  # sizes of the coming fills
    muted_until: datetime | None = None  # nothing is said of it before
    mute_ends_at_fill: bool = False
    is_lost: bool = False  # lives, but nothing is ever said of it
    is_stale: bool = False  # its id has been issued again
    is_canceling: bool = False
    completed_at: datetime | None = None
    completed_status: str = ""

    @property
    def type(self) -> OrderType:
        """Return its type."""
        return TYPES[self.request.type]

    @property
    def sign(self) -> int:
        """Return 1 for a buy, −1 for a sell."""
        return 1 if self.request.action == "BUY" else -1

    @property
    def address(self) -> tuple[int, int]:
        """Return (client id, order id)."""
        return self.request.client_id, self.request.order_id

    @property
    def remaining(self) -> Decimal:
        """Return what is still wanted."""
        return max(ZERO, self.request.quantity - self.filled)

    @property
    def stop(self) -> Decimal | None:
        """Return where its stop stands."""
        return self.trail_stop if self.type is OrderType.TRAIL else self.request.aux_price

    @property
    def is_done(self) -> bool:
        """Say whether nothing can happen to it any more."""
        return self.status in DONE and not self.why_held

    @property
    def group(self) -> tuple[str, int] | None:
        """Return its OCA group and type; children of one parent are a group that reduces."""
        if self.request.oca_group:
            kind = self.request.oca_type
            return self.request.oca_group, kind if kind in (1, 2) else 3
        return (f"parent {self.parent_perm}", 3) if self.parent_perm else None

    @property
    def avg_price(self) -> Decimal:
        """Return the average price of its fills."""
        if not self.filled:
            return ZERO
        return (self.value / self.filled).quantize(_FINE, ROUND_HALF_EVEN)

    def plan(self, style: str) -> None:
        """Split what remains into the fills to come: `halves`, `none`, or a count."""
        rest, self.parts = self.remaining, []
        count = {"halves": 2, "none": 1}.get(style) or int(style)
        for left in range(count, 0, -1):
            part = (rest / left).to_integral_value(ROUND_CEILING) if left > 1 else rest
            if part >= rest:
                part = rest
            if part > 0:
                self.parts.append(part)
                rest -= part

    def view(self) -> OrderView:
        """Return how it stands."""
        request = self.request
        by_hand = request.order_id <= 0
        return OrderView(
            request=request,
            client_id=0 if by_hand else request.client_id,
            order_id=request.order_id,
            perm_id=self.perm_id,
            status=self.status,
            filled=self.filled,
            remaining=self.remaining,
            avg_fill_price=self.avg_price,
            last_fill_price=self.last_price,
            parent_id=request.parent_id,
            why_held=self.why_held,
            stop_price=self.trail_stop,
            completed_at=self.completed_at,
            completed_status=self.completed_status,
        )


def refusal(request: OrderRequest, traded: Traded, account: str) -> Refusal | None:
    """Say why an order cannot be taken at all; None if it can."""
    if request.account and request.account != account:
        return Refusal(435, "You must specify an account.")
    if request.unsupported:
        named = ", ".join(request.unsupported)
        return Refusal(387, f"Unsupported order type for this exchange and security type: {named}")
    if request.type not in TYPES:
        return Refusal(387, "Unsupported order type for this exchange and security type.")
    if request.action not in ("BUY", "SELL"):
        return _invalid(f"Invalid order action '{request.action}'")
    if request.quantity == 0:
        return Refusal(434, "The order size cannot be zero.")
    step = _ONE if traded.is_option else _SHARE
    if not 0 < request.quantity <= _QUANTITY_MAX or request.quantity % step:
        return _invalid(f"Invalid order size {request.quantity}")
    return _tif_refusal(request, traded) or _price_refusal(request, traded)


def _tif_refusal(request: OrderRequest, traded: Traded) -> Refusal | None:
    kind = OrderType(request.type)
    if request.tif and request.tif not in _TIFS[kind]:
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if traded.is_option and kind in _CLOSING:
        return Refusal(387, "Unsupported order type for this exchange and security type.")
    for text in (request.good_till_date, request.good_after_time):
        try:
            at = parse_instant(text)
        except ValueError:
            return _invalid(f"Invalid time '{text}'")
        if at is not None and not _YEAR_MIN <= at.year <= _YEAR_MAX:
            return _invalid(f"Invalid time '{text}'")
    if request.tif == "GTD" and not request.good_till_date:
        return _invalid("Missing good till date")
    return None


def _price_refusal(request: OrderRequest, traded: Traded) -> Refusal | None:
    kind = OrderType(request.type)
    prices: list[Decimal] = []
    if kind in _PRICED:
        if request.limit_price is None:
            return _invalid("Missing limit price")
        prices.append(request.limit_price)
    if kind in _STOPPED:
        if request.aux_price is None:
            return _invalid("Missing stop price")
        prices.append(request.aux_price)
    if kind is OrderType.TRAIL:
        if (request.aux_price is None) == (request.trailing_percent is None):
            return _invalid("A trailing order needs an amount or a percentage")
        amount = request.aux_price if request.aux_price is not None else request.trailing_percent
        if amount is not None and not 0 < amount <= _PRICE_MAX:
            return _invalid(f"Invalid trailing amount {amount}")
        if request.trail_stop_price is not None:
            prices.append(request.trail_stop_price)
    if any(not 0 < price <= _PRICE_MAX or not fits(traded.rule, price) for price in prices):
        return Refusal(
            110, "The price does not conform to the minimum price variation for this contract."
        )
    return None


def _invalid(why: str) -> Refusal:
    return Refusal(321, f"Error validating request.-'placeOrder' : cause - {why}")


def complete(request: OrderRequest, traded: Traded, account: str) -> OrderRequest:
    """Return a request with everything filled in that a client may leave out."""
    known = traded.contract
    wanted = request.contract
    contract = replace(known, exchange=wanted.exchange or known.exchange)
    return replace(request, contract=contract, account=account, tif=request.tif or "DAY")


# -- what survives -----------------------------------------------------------------------------

_DECIMALS = frozenset(
    "quantity limit_price aux_price trail_stop_price trailing_percent strike".split()  # noqa: SIM905
)
_ORDER_DECIMALS = ("filled", "value", "fee", "last_price", "oca_quantity")
_ORDER_PLAIN = (
    *("perm_id", "status", "fills", "parent_perm", "triggered", "why_held"),
    *("is_lost", "is_stale", "completed_status"),
)
_ORDER_TIMES = ("placed_at", "submits_at", "session", "held_until", "completed_at")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value


def save_contract(contract: Contract) -> dict[str, object]:
    """Return a contract, fit for JSON."""
    fields = {
        name: _plain(getattr(contract, name))
        for name in Contract.__slots__
        if name != "legs" and getattr(contract, name) != getattr(Contract(), name)
    }
    if contract.legs:
        fields["legs"] = [
            {name: getattr(leg, name) for name in ComboLeg.__slots__} for leg in contract.legs
        ]
    return fields


def load_contract(saved: Mapping[str, object]) -> Contract:
    """Return a saved contract."""
    fields = {k: Decimal(str(v)) if k in _DECIMALS else v for k, v in saved.items() if k != "legs"}
    legs: list[dict[str, object]] = saved.get("legs", [])  # type: ignore[assignment]
    return Contract(**fields, legs=tuple(ComboLeg(**leg) for leg in legs))  # type: ignore[arg-type]


def save_order(order: Order) -> dict[str, object]:
    """Return an order, fit for JSON."""
    request = {
        name: _plain(getattr(order.request, name))
        for name in OrderRequest.__slots__
        if name not in ("contract", "unsupported", "echo")
    }
    return {
        "request": request,
        "echo": dict(order.request.echo),
        "contract": save_contract(order.request.contract),
        "parts": [str(part) for part in order.parts],
        "trail_stop": None if order.trail_stop is None else str(order.trail_stop),
        **{name: str(getattr(order, name)) for name in _ORDER_DECIMALS},
        **{name: getattr(order, name) for name in _ORDER_PLAIN},
        **{name: _time(getattr(order, name)) for name in _ORDER_TIMES},
    }


def load_order(saved: Mapping[str, object], traded: Traded) -> Order:
    """Return a saved order."""
    fields: Mapping[str, object] = saved["request"]  # type: ignore[assignment]
    contract: Mapping[str, object] = saved["contract"]  # type: ignore[assignment]
    request = OrderRequest(
        contract=load_contract(contract),
        echo=saved["echo"],  # type: ignore[arg-type]
        **{  # type: ignore[arg-type]
            name: Decimal(str(value)) if name in _DECIMALS and value is not None else value
            for name, value in fields.items()
        },
    )
    order = Order(request, traded, 0, _instant(saved["placed_at"]) or datetime.min)  # noqa: DTZ901
    for name in _ORDER_DECIMALS:
        setattr(order, name, Decimal(str(saved[name])))
    for name in _ORDER_PLAIN:
        setattr(order, name, saved[name])
    for name in _ORDER_TIMES:
        setattr(order, name, _instant(saved[name]))
    parts: list[str] = saved["parts"]  # type: ignore[assignment]
    order.parts = [Decimal(part) for part in parts]
    if saved["trail_stop"] is not None:
        order.trail_stop = Decimal(str(saved["trail_stop"]))
    return order


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _instant(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))
