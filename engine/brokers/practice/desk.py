"""The life of orders at the practice venue: taken, changed, cancelled, matched, ended.

    placed ─ transmit 0 ─> PendingSubmit ─ released ─┐
       └────────────────── transmit 1 ───────────────┴> PreSubmitted ─> Submitted ─> Filled
                                                             └──────────────┴─> Cancelled, Inactive

PreSubmitted lasts at least 20 ms and then until nothing is waited for any more: the parent's
fill, a stop's trigger, the open, an auction, a time, a locate. Prices are met at ticks of the
clock strictly after that. Orders are looked at in the order of their permIds, one after the
other, so a group is never filled twice.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from engine.brokers.practice import matching
from engine.brokers.practice.account import Account
from engine.brokers.practice.agenda import Agenda
from engine.brokers.practice.announcer import Announcer
from engine.brokers.practice.blotter import COMMISSION_AFTER, Blotter, Print
from engine.brokers.practice.clock import DAY, new_york, parse_instant
from engine.brokers.practice.feed import Market, Quote
from engine.brokers.practice.model import ZERO, ZONE, OrderRequest, OrderView, Refusal, WhatIf
from engine.brokers.practice.orders import Order, complete, refusal
from engine.brokers.practice.sessions import Hall
from engine.brokers.practice.universe import Traded

ACCEPTED_AFTER = timedelta(milliseconds=20)
_CUTOFF = {True: timedelta(minutes=5), False: timedelta(minutes=10)}  # NASDAQ, the others
_AT_ONCE = frozenset({"IOC", "FOK"})

_HELD_TEXT = (
    "Order Message:\nWarning: Your order will not be placed at the exchange until"
    " {opens} US/Eastern."
)

Find = Callable[[OrderRequest], Traded | Refusal]


@dataclass(slots=True)
class Rules:
    """How the desk works; faults change it."""

    partial_fills: str = "halves"  # halves, none, or a count
    cancel_ms: int = 0  # a cancel is pending that long
    slow: float = 1.0  # factor on acceptance and fills
    is_read_only: bool = False
    matches: bool = True  # False: nothing fills


class Desk:
    """All orders of the account."""

    def __init__(
        self,
        *,
        hall: Hall,
        market: Market,
        account: Account,
        blotter: Blotter,
        say: Announcer,
        agenda: Agenda,
        find: Find,
        now: Callable[[], datetime],
        first_perm_id: int,
        rules: Rules,
    ) -> None:
        self.hall, self.market, self.account, self.blotter = hall, market, account, blotter
        self.say, self.agenda, self.now, self.rules = say, agenda, now, rules
        self._find = find
        self.live: dict[int, Order] = {}  # by permId, ascending
        self.done: dict[int, Order] = {}  # ended since midnight
        self.addresses: dict[tuple[int, int], int] = {}
        self.last_ids: dict[int, int] = {}
        self.next_perm_id = first_perm_id
        self.groups: dict[str, Decimal] = {}  # OCA groups: the part that has filled, 1 is done
        self.before_fill: Callable[[Order], tuple[str, timedelta | None]] | None = None
        self.after_fill: Callable[[Order, Print], None] | None = None
        self.acknowledged: Callable[[Order], None] | None = None

    # -- taking -----------------------------------------------------------------------------------

    def known(self, client_id: int, order_id: int) -> Order | None:
        """Return the newest order at an address; one that lives before one that has ended."""
        perm_id = self.addresses.get((client_id, order_id))
        if perm_id is None:
            return None
        if (newest := self.live.get(perm_id)) is not None:
            return newest
        for order in self.live.values():
            request = order.request
            if (request.client_id, request.order_id) == (client_id, order_id):
                return self.done.get(perm_id) if order.is_stale else order
        return self.done.get(perm_id)

    def open_new(self, request: OrderRequest) -> Order | None:
        """Take a new order; None if it was refused, or was a what-if."""
        traded = self._find(request)
        refused = traded if isinstance(traded, Refusal) else None
        if not isinstance(traded, Refusal):
            refused = refusal(request, traded, self.account.name)
        if refused is not None or isinstance(traded, Refusal):
            self.refuse(request, refused)
            return None
        whole = complete(request, traded, self.account.name)
        if request.what_if:
            self._preview(whole, traded)
            return None
        parent = None
        if request.parent_id:
            parent = self.known(request.client_id, request.parent_id)
            if parent is None:
                self.refuse(
                    request, Refusal(135, f"Can't find order with id = {request.parent_id}")
                )
                return None
        order = Order(whole, traded, self.next_perm_id, self.now())
        order.oca_quantity = whole.quantity
        order.parent_perm = parent.perm_id if parent else 0
        self.next_perm_id += 1
        self.live[order.perm_id] = order
        self.addresses[order.address] = order.perm_id
        client_id = request.client_id
        self.last_ids[client_id] = max(self.last_ids.get(client_id, 0), request.order_id)
        return order

    def start(self, order: Order) -> None:
        """Stage an order that is not to be transmitted, or release it with its family."""
        if not order.request.transmit:
            self.announce(order)
            return
        for one in self._family(order):
            if one.status == "PendingSubmit" and not one.is_done:
                self._accept(one)

    def _family(self, order: Order) -> list[Order]:
        top = order.parent_perm or order.perm_id
        return [o for o in list(self.live.values()) if top in (o.perm_id, o.parent_perm)]

    def refuse(self, request: OrderRequest, why: Refusal | None) -> None:
        """Answer an order that cannot be taken."""
        assert why is not None, "a refusal without a reason"
        self.say.error(request.client_id, request.order_id, why.code, why.text)

    def _preview(self, request: OrderRequest, traded: Traded) -> None:
        sign = 1 if request.action == "BUY" else -1
        effect = self.effect(request, traded, sign * request.quantity)
        self.say.open_order(
            OrderView(
                request=request,
                client_id=request.client_id,
                order_id=request.order_id,
                perm_id=0,
                status="PreSubmitted",
                remaining=request.quantity,
                what_if=effect,
            )
        )

    def effect(self, request: OrderRequest, traded: Traded, signed: Decimal) -> WhatIf:
        """Return what an order would change in the account."""
        quote = self.market.quote(traded, self.now())
        side = quote.ask if signed > 0 else quote.bid
        price = request.limit_price if request.limit_price is not None else side
        return self.account.what_if(traded, signed, price if price else quote.last)

    def _accept(self, order: Order) -> None:
        why = self._rejection(order)
        if why:
            self.reject(order, 201, why)
            return
        late = self._begun(order)
        if late:  # whoever joins a group late gets what it has left
            matching.reduce_to(order, order.request.quantity - late)
        now = self.now()
        order.status = "PreSubmitted"
        order.submits_at = now + ACCEPTED_AFTER * self.rules.slow
        outside = order.request.outside_rth
        today = self.hall.today(now)
        if outside and today is not None and now < today.ends:
            order.session = today.ends
        else:
            coming = self.hall.coming(now)
            order.session = coming.ends if outside else coming.closes
        self.announce(order)
        if order.type not in matching.AUCTION and not self.hall.trades(now, outside=outside):
            opens = new_york(self.hall.coming(now).opens)
            self._tell(order, 399, _HELD_TEXT.format(opens=f"{opens:%Y-%m-%d %H:%M:%S}"))
        if self.acknowledged is not None:
            self.acknowledged(order)
        self.arm(order)

    def arm(self, order: Order) -> None:
        """Ask to be reminded of everything that time does to an order."""
        times = (
            order.submits_at,
            order.held_until,
            parse_instant(order.request.good_after_time),
            good_till(order.request),
        )
        for at in times:
            if at is not None:
                self.agenda.at(at, lambda: self.review(order))

    def _rejection(self, order: Order) -> str:
        """Say why an order that is well formed is rejected; empty if it is not."""
        request, group = order.request, order.request.oca_group
        if self._begun(order) >= request.quantity:
            return f"Order rejected - reason:OCA group {group} is already filled"
        if order.parent_perm:
            parent = self.live.get(order.parent_perm) or self.done.get(order.parent_perm)
            if parent is None or (parent.is_done and parent.status != "Filled"):
                return "Order rejected - reason:Parent order is being cancelled."
            return ""
        if self.is_too_late(order):
            return "Order rejected - reason:The order was received after the closing cut-off time."
        return self.short_of_funds(request, order.traded, order.sign * request.quantity)

    def _begun(self, order: Order) -> Decimal:
        """Return how much of an order its OCA group has filled already."""
        part = self.groups.get(order.request.oca_group, ZERO)
        return (order.oca_quantity * part).to_integral_value(ROUND_CEILING)

    def short_of_funds(self, request: OrderRequest, traded: Traded, signed: Decimal) -> str:
        """Say what an order lacks; empty if the account can carry it."""
        effect = self.effect(request, traded, signed)
        equity, margin = effect.equity_with_loan[2], effect.init_margin[2]
        if effect.init_margin[1] <= 0 or equity >= margin:
            return ""
        return (
            "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED"
            f" POSITION YOUR EQUITY WITH LOAN VALUE [{equity} USD] MUST EXCEED THE INITIAL"
            f" MARGIN [{margin} USD]"
        )

    def is_too_late(self, order: Order) -> bool:
        """Say whether the close is too near for an order that fills at it."""
        if order.type not in matching.AUCTION:
            return False
        today = self.hall.today(self.now())
        if today is None:
            return False
        cutoff = _CUTOFF[order.traded.listing.primary == "NASDAQ"]
        return today.closes - cutoff <= self.now() < today.closes

    # -- changing ---------------------------------------------------------------------------------

    def change(self, order: Order, request: OrderRequest) -> None:
        """Change a live order, or say why not: then the original works on."""
        old = order.request
        wanted = request.contract
        named = wanted.con_id or old.contract.con_id
        same = named == old.contract.con_id and request.action == old.action
        if not same or (wanted.symbol and wanted.symbol != old.contract.symbol):
            self.refuse(
                request, Refusal(105, "Order being modified does not match the original order.")
            )
            return
        refused = refusal(request, order.traded, self.account.name)
        if refused is None and request.quantity <= order.filled:
            refused = Refusal(201, "Order rejected - reason:Quantity is already filled.")
        if refused is None and self.is_too_late(order):
            refused = Refusal(201, "Order rejected - reason:Too late to change the order.")
        if refused is None and not order.parent_perm:
            more = request.quantity - order.filled
            why = self.short_of_funds(request, order.traded, order.sign * more)
            refused = Refusal(201, why) if why else None
        if refused is not None:
            self.refuse(request, refused)
            return
        if (request.aux_price, request.trailing_percent) != (old.aux_price, old.trailing_percent):
            order.trail_stop = None
        order.request = complete(request, order.traded, self.account.name)
        order.oca_quantity = request.quantity
        order.parts.clear()
        if order.status == "PendingSubmit":
            self.start(order)
        else:
            self.announce(order)
            self.arm(order)

    # -- ending -----------------------------------------------------------------------------------

    def cancel(self, order: Order, why: str = "") -> None:
        """Cancel a live order, at once or after the pending time."""
        if not self.rules.cancel_ms:
            self.finish(order, "Cancelled", 202, f"Order Canceled - reason:{why}")
            return
        order.status = "PendingCancel"
        order.is_canceling = True
        self.announce(order, opened=False)
        after = self.now() + timedelta(milliseconds=self.rules.cancel_ms)
        self.agenda.at(after, lambda: self._confirm_cancel(order, why))

    def _confirm_cancel(self, order: Order, why: str) -> None:
        if not order.is_done:
            self.finish(order, "Cancelled", 202, f"Order Canceled - reason:{why}")

    def reject(self, order: Order, code: int, why: str) -> None:
        """End an order as rejected."""
        order.status = "Inactive"
        order.why_held = ""
        self._close(order, f"Rejected: {why}" if why else "Inactive")
        self.announce(order)
        if code:
            self._tell(order, code, why)
        self._end_children(order)

    def finish(self, order: Order, status: str, code: int, text: str) -> None:
        """End an order with its last status and the error that goes with it."""
        order.status = status
        order.why_held = ""
        self._close(order, "Cancelled")
        self.announce(order, opened=False)
        self._tell(order, code, text)
        self._end_children(order)

    def _close(self, order: Order, why: str) -> None:
        order.completed_at, order.completed_status = self.now(), why
        self.live.pop(order.perm_id, None)
        self.done[order.perm_id] = order

    def _end_children(self, parent: Order) -> None:
        for child in [o for o in self.live.values() if o.parent_perm == parent.perm_id]:
            self.finish(child, "Cancelled", 202, "Order Canceled - reason:Parent order ended")

    def _tell(self, order: Order, code: int, text: str) -> None:
        if not order.is_lost:
            view = order.view()
            self.say.error(view.client_id, view.order_id, code, text)

    def announce(self, order: Order, *, opened: bool = True) -> None:
        """Say how an order stands, unless nothing may be said of it now."""
        muted = order.muted_until is not None and self.now() < order.muted_until
        if order.is_lost or muted:
            return
        view = order.view()
        if opened:
            self.say.open_order(view)
        self.say.order_status(view)

    # -- time -------------------------------------------------------------------------------------

    def review(self, order: Order) -> None:
        """See whether time has brought an order on: held, timed out, or Submitted."""
        if order.is_done or order.perm_id not in self.live:
            return
        now = self.now()
        till = good_till(order.request)
        if till is not None and till <= now:
            self.finish(order, "Cancelled", 202, "Order Canceled - reason:Good till date passed")
            return
        if order.held_until is not None and order.held_until <= now:
            order.held_until, order.why_held = None, ""
            order.status = "PreSubmitted"
        if order.status == "PreSubmitted" and not self._waits_for(order):
            order.status = "Submitted"
            self.announce(order)

    def _waits_for(self, order: Order) -> str:
        """Return what an order still waits for; empty for nothing."""
        now, request = self.now(), order.request
        if order.submits_at is None or now < order.submits_at:
            return "acceptance"
        if order.why_held:
            return "locate"
        if order.parent_perm and order.parent_perm in self.live:
            return "parent"
        after = parse_instant(request.good_after_time)
        if after is not None and now < after:
            return "its time"
        if order.type in matching.AUCTION or request.tif == "OPG":
            return "auction"
        if matching.is_dormant(order):
            return "trigger"
        if request.tif in _AT_ONCE:
            return ""
        return "" if self.hall.trades(now, outside=request.outside_rth) else "hours"

    def has_work(self, at: datetime) -> bool:
        """Say whether any order could meet the market at the next tick."""
        if not self.live or not self.rules.matches or not self.hall.trades(at, outside=True):
            return False
        if self.hall.is_regular(at):
            return any(_looks(one) for one in self.live.values())
        return any(
            (one.request.outside_rth or one.request.tif in _AT_ONCE) and _looks(one)
            for one in self.live.values()
        )

    def tick(self, at: datetime, quote_of: Callable[[Traded], Quote]) -> None:
        """Let every order meet the market once."""
        if not self.live or not self.rules.matches:
            return
        regular, outside = self.hall.is_regular(at), self.hall.trades(at, outside=True)
        left: dict[tuple[int, int], Decimal] = {}
        for order in list(self.live.values()):
            if order.perm_id not in self.live or order.is_done or order.why_held:
                continue
            if not (regular or (outside and order.request.outside_rth)):
                if order.request.tif in _AT_ONCE and order.status == "Submitted":
                    self.cancel(order, "the market is closed")
                continue
            if not _looks(order):
                continue
            if order.submits_at is None or at <= order.submits_at:
                continue
            self._meet(order, quote_of(order.traded), left, regular=regular)

    def _meet(
        self,
        order: Order,
        quote: Quote,
        left: dict[tuple[int, int], Decimal],
        *,
        regular: bool,
    ) -> None:
        if quote.halted or not quote.trades:
            return
        if order.type in matching.STOPS and not order.triggered:
            before = order.trail_stop
            waits = self._waits_for(order) != "trigger"
            if waits or not matching.watch(order, quote):
                if order.trail_stop != before and before is None:
                    self.announce(order)
                return
            order.triggered = True
            self.review(order)
        key = (order.traded.contract.con_id, order.sign)
        size = left.setdefault(key, matching.size_for(order, quote))
        price = matching.price_for(order, quote)
        take = ZERO if price is None else self._take(order, size)
        if price is not None and take > 0:
            left[key] = size - take
            self.fill(order, take, price)
        if order.request.tif in _AT_ONCE and order.perm_id in self.live:
            self.cancel(order)

    def _take(self, order: Order, size: Decimal) -> Decimal:
        """Return how much an order trades of a size on offer."""
        remaining = order.remaining
        if order.request.all_or_none or order.request.tif == "FOK":
            return remaining if remaining <= size else ZERO
        if order.request.tif in _AT_ONCE:
            return min(remaining, size)
        if not order.parts:
            order.plan(self.rules.partial_fills)
        return min(order.parts[0], size)

    def fill(self, order: Order, shares: Decimal, price: Decimal) -> Print:
        """Fill a part of an order: execution, status, account, family, group."""
        unsaid: Order | None = None
        if order.mute_ends_at_fill:
            order.mute_ends_at_fill, order.muted_until = False, None
            unsaid = replace(order, status="PreSubmitted")
        zone, fee_after = self.before_fill(order) if self.before_fill else (ZONE, COMMISSION_AFTER)
        done = self.blotter.fill(order, shares, price, zone=zone, fee_after=fee_after)
        if order.parts:
            order.parts[0] -= shares
            if order.parts[0] <= 0:
                order.parts.pop(0)
        if unsaid is not None:
            self.announce(unsaid)
        if order.status == "PreSubmitted":
            order.status = "Submitted"
        if not order.remaining and not order.is_done:
            order.status = "Filled"
            self._close(order, f"Filled Size: {order.filled.normalize():f}")
        self.announce(order)
        self.blotter.settle(done)
        self._after(order, shares)
        if self.after_fill is not None:
            self.after_fill(order, done)
        return done

    def _after(self, order: Order, shares: Decimal) -> None:
        """Let a fill work on the order's family and group."""
        if order.status == "Filled":
            for child in [o for o in self.live.values() if o.parent_perm == order.perm_id]:
                self.review(child)
        group = order.group
        if group is None:
            return
        name, kind = group
        if order.request.oca_group:
            part = self.groups.get(name, ZERO) + shares / order.oca_quantity
            self.groups[name] = Decimal(1) if kind == 1 or order.status == "Filled" else part
        others = [
            o for o in self.live.values() if o.group and o.group[0] == name and o is not order
        ]
        for other in others:
            less = (shares * other.oca_quantity / order.oca_quantity).to_integral_value(
                ROUND_CEILING
            )
            if kind == 1 or other.remaining <= less:
                self.finish(other, "Cancelled", 202, "Order Canceled - reason:OCA group filled")
            else:
                matching.reduce_to(other, other.request.quantity - less)
                self.announce(other)

    # -- opens and closes --------------------------------------------------------------------------

    def bell(self) -> None:
        """Hear that a session has opened or closed: auctions, ends of the day, releases."""
        now = self.now()
        today = self.hall.today(now)
        if today is not None and now == today.opens:
            self._auction(
                (o for o in self.live.values() if o.request.tif == "OPG"),
                lambda traded: self.market.opening(traded.listing.symbol, today.day),
            )
        if today is not None and now == today.closes:
            self._auction(
                (o for o in self.live.values() if o.type in matching.AUCTION),
                lambda traded: self.market.close(traded.listing.symbol, today.day),
            )
        for order in list(self.live.values()):
            if order.perm_id not in self.live:
                continue
            ends = order.request.tif not in ("GTC", "GTD") and order.session is not None
            if ends and order.session is not None and order.session <= now:
                self.finish(order, "Cancelled", 202, "Order Canceled - reason:End of the day")
            else:
                self.review(order)

    def _auction(self, orders: Iterable[Order], price_of: Callable[[Traded], Decimal]) -> None:
        for order in list(orders):
            if order.perm_id not in self.live or order.status == "PendingSubmit" or order.why_held:
                continue
            if self._waits_for(order) != "auction":
                continue
            halted = self.market.quote(order.traded, self.now()).halted
            price = price_of(order.traded)
            if self.rules.matches and not halted and matching.reaches(order, price):
                self.fill(order, order.remaining, price)
            elif order.request.tif == "OPG":
                self.finish(order, "Cancelled", 202, "Order Canceled - reason:Not filled at open")

    def midnight(self) -> None:
        """Forget what ended."""
        for order in self.done.values():
            if self.addresses.get(order.address) == order.perm_id:
                del self.addresses[order.address]
        self.done.clear()
        self.groups.clear()

    def forget_ids(self, count: int) -> None:
        """Roll the order ids back: the last ones will be issued again."""
        for client_id, last in self.last_ids.items():
            self.last_ids[client_id] = max(0, last - count)
        for (client_id, order_id), perm_id in self.addresses.items():
            order = self.live.get(perm_id) or self.done.get(perm_id)
            if order is not None and order_id > self.last_ids.get(client_id, 0):
                order.is_stale = True

    def views(self, client_id: int | None) -> Sequence[OrderView]:
        """Return the living orders of a client, None: of all."""
        return [
            view
            for view in (order.view() for order in self.live.values())
            if client_id is None or view.client_id == client_id
        ]


def good_till(request: OrderRequest) -> datetime | None:
    """Return when a GTD order ends: a date alone means the end of that day."""
    if request.tif != "GTD":
        return None
    till = parse_instant(request.good_till_date)
    has_clock = len(request.good_till_date.replace("-", " ").split()) > 1
    return till if till is None or has_clock else till + DAY - timedelta(seconds=1)


def _looks(order: Order) -> bool:
    """Say whether an order looks at the market: it works, or waits for its trigger."""
    if order.status == "PreSubmitted":
        return matching.is_dormant(order)
    return order.status in ("Submitted", "PendingCancel")
