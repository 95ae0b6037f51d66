"""What goes wrong inside the practice venue: every fault of orders, fills, links and data.

Faults that need sockets, sessions or frames are handed to the gateway (`Listener.fault`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.brokers.practice.agenda import Agenda
from engine.brokers.practice.announcer import Announcer
from engine.brokers.practice.blotter import COMMISSION_AFTER, Print, root_of
from engine.brokers.practice.desk import Desk
from engine.brokers.practice.faults import CALLBACKS, GATEWAY, POINTS, FaultScript
from engine.brokers.practice.history import Pacing
from engine.brokers.practice.model import ZERO, ZONE, Contract, Fault, Fired, OrderRequest, Refusal
from engine.brokers.practice.orders import Order
from engine.brokers.practice.streams import COMPETING, BarTrouble, Distortion, Streams

NEVER = datetime.max.replace(tzinfo=UTC)
_INSIDE = frozenset(POINTS) - CALLBACKS
_UPSTREAM_LOST = "Connectivity between IB and Trader Workstation has been lost."
_BACK = "Connectivity between IB and Trader Workstation has been restored - data {}."
_FARMS = {
    "data": (2103, 2104, "Market data farm connection is {}:usfarm"),
    "history": (2105, 2106, "HMDS data farm connection is {}:ushmds"),
    "definitions": (2157, 2158, "Sec-def data farm connection is {}:secdefnj"),
}
_FALSE_TEXTS = {
    201: "Order rejected - reason:Invalid order",
    161: "Cancel attempted when order is not in a cancellable state.",
    10147: "OrderId that needs to be cancelled is not found.",
    10148: "OrderId that needs to be cancelled cannot be cancelled.",
    10349: "Order TIF was set to DAY based on order preset.",
    399: "Order Message:\nWarning: your order will not be placed at the exchange until later.",
}


class Mischief:
    """Carries faults out."""

    def __init__(
        self,
        *,
        script: FaultScript,
        desk: Desk,
        streams: Streams,
        pacing: Pacing,
        say: Announcer,
        agenda: Agenda,
        now: Callable[[], datetime],
    ) -> None:
        self._script, self._desk, self._streams, self._pacing = script, desk, streams, pacing
        self._say, self._agenda, self._now = say, agenda, now
        self.is_upstream_lost = False
        self.deferred: list[Callable[[], None]] = []  # orders and cancels for when it is back
        self._foreign = 0
        self._pending: list[Fired] = []  # of the fill that is being made
        desk.before_fill = self.before_fill
        desk.after_fill = self.after_fill
        desk.acknowledged = self.acknowledged

    # -- timed: links, modes, market ---------------------------------------------------------------

    def due(self) -> None:
        """Carry out the faults whose time has come."""
        for fired in self._script.due(self._now()):
            self.carry_out(fired)

    def carry_out(self, fired: Fired) -> None:
        """Carry out a fault that belongs to no order."""
        name = fired.fault.name
        if name in GATEWAY:
            self._say.fault(fired)
            return
        how: dict[str, Callable[[Fired], None]] = {
            "upstream_lost": self._upstream,
            "tws_server_lost": self._upstream,
            "farm_flap": self._farm,
            "nightly": self._nightly,
            "read_only": self._read_only,
            "competing_session": self._competing,
            "limits": self._limits,
            "slow_exchange": self._slow,
            "id_rollback": self._roll_back,
            "foreign_order": self._foreign_order,
            "manual_trade": self._manual_trade,
            "quote": self._quote,
            "bars": self._bars,
        }
        if name in how:
            how[name](fired)

    def _upstream(self, fired: Fired) -> None:
        if self.is_upstream_lost:
            return
        is_server = fired.fault.name == "tws_server_lost"
        code = 2110 if is_server else 1100
        data_lost = not is_server and fired.flag("data_lost")
        self.is_upstream_lost = True
        if not fired.flag("fills", default=True):
            self._desk.rules.matches = False
        self._say.link(code, _UPSTREAM_LOST)
        self._say.hold()
        ends = self._now() + timedelta(seconds=fired.number("s", 30))
        repeat = fired.number("repeat_s", 0)
        if repeat > 0:
            at = self._now() + timedelta(seconds=repeat)
            while at < ends:
                self._agenda.at(at, lambda: self._say.link(code, _UPSTREAM_LOST))
                at += timedelta(seconds=repeat)
        self._agenda.at(ends, lambda: self._upstream_back(data_lost=data_lost))

    def _upstream_back(self, *, data_lost: bool) -> None:
        self.is_upstream_lost = False
        self._desk.rules.matches = True
        if data_lost:
            self._streams.close_all()
            self._say.link(1101, _BACK.format("lost"))
        else:
            self._say.link(1102, _BACK.format("maintained"))
        self._say.release()
        deferred, self.deferred = self.deferred, []
        for one in deferred:
            one()

    def _farm(self, fired: Fired) -> None:
        broken, well, text = _FARMS.get(fired.text("farm"), _FARMS["data"])
        self._say.link(broken, text.format("broken"))
        until = self._now() + timedelta(seconds=fired.number("s", 30))
        if broken == 2103:
            self._streams.distortions.append(Distortion("stale", "", until))
        if fired.flag("recover", default=True):
            self._agenda.at(until, lambda: self._say.link(well, text.format("OK")))

    def _nightly(self, fired: Fired) -> None:
        """Arm what happens every night: the gateway's restart and the broker's reset."""
        down = {k: v for k, v in fired.fault.params.items() if k in ("down_s", "id_rollback")}
        reset = {"s": fired.number("reset_s", 5400), "repeat_s": fired.number("repeat_s", 600)}
        nights = (
            Fault(name="restart", params={"down_s": 45, **down}, at="23:45:00", count=0),
            Fault(name="upstream_lost", params=reset, at="00:15:00", count=0),
        )
        for one in nights:
            self._script.add(one, self._now())

    def _read_only(self, fired: Fired) -> None:
        self._desk.rules.is_read_only = True
        self._until(fired, lambda: setattr(self._desk.rules, "is_read_only", False))

    def _competing(self, fired: Fired) -> None:
        seconds = fired.number("s", 30)
        self._streams.competing_until = self._now() + timedelta(seconds=seconds)
        for client_id, request_id in self._streams.quoted():
            if fired.client_id in (None, client_id):
                self._say.error(client_id, request_id, *COMPETING)

    def _limits(self, fired: Fired) -> None:
        if "lines" in fired.fault.params:
            before = self._streams.lines_max
            self._streams.lines_max = int(fired.number("lines", before))
            self._until(fired, lambda: setattr(self._streams, "lines_max", before))
        if fired.flag("pacing"):
            seconds = fired.number("s", 600)
            self._pacing.refuses_until = self._now() + timedelta(seconds=seconds)

    def _slow(self, fired: Fired) -> None:
        self._desk.rules.slow = fired.number("factor", 10)
        self._until(fired, lambda: setattr(self._desk.rules, "slow", 1.0))

    def _roll_back(self, fired: Fired) -> None:
        self._desk.forget_ids(int(fired.number("n", 1)))

    def _until(self, fired: Fired, undo: Callable[[], None]) -> None:
        """Undo something after its `s` seconds; without them it stays."""
        if "s" in fired.fault.params:
            self._agenda.at(self._now() + timedelta(seconds=fired.number("s", 0)), undo)

    def _quote(self, fired: Fired) -> None:
        mode, symbol = fired.text("mode", "stale"), fired.fault.symbol
        until = None
        if "s" in fired.fault.params:
            until = self._now() + timedelta(seconds=fired.number("s", 0))
        if mode == "halt":
            self._desk.market.halts[symbol] = until or NEVER
        else:
            self._streams.distortions.append(Distortion(_MODES.get(mode, mode), symbol, until))

    def _bars(self, fired: Fired) -> None:
        until = None
        if "s" in fired.fault.params:
            until = self._now() + timedelta(seconds=fired.number("s", 0))
        trouble = BarTrouble(
            fired.text("mode", "stop"),
            fired.fault.symbol,
            until,
            fired.number("late", 10),
            int(fired.number("n", 0)),
        )
        self._streams.bar_troubles.append(trouble)

    def clear(self) -> None:
        """Undo what lasts."""
        self._streams.distortions.clear()
        self._streams.bar_troubles.clear()
        self._streams.competing_until = None
        self._streams.lines_max = 100
        self._pacing.refuses_until = None
        self._desk.market.halts.clear()
        self._desk.rules.is_read_only = False
        self._desk.rules.slow = 1.0
        for order in list(self._desk.live.values()):
            order.is_lost = False

    # -- foreign -----------------------------------------------------------------------------------

    def _foreign_order(self, fired: Fired) -> None:
        self._foreign += 1
        client_id = int(fired.number("owner", fired.fault.client or 0))
        negative = -(1000 + self._foreign)
        order_id = negative if client_id == 0 else int(fired.number("order_id", self._foreign))
        price = fired.text("price")
        self._enter(
            fired,
            client_id,
            order_id,
            kind=fired.text("type", "LMT" if price else "MKT"),
            price=Decimal(price) if price else None,
            tif=fired.text("tif", "GTC"),
            order_ref=fired.text("ref"),
        )

    def _enter(
        self,
        fired: Fired,
        client_id: int,
        order_id: int,
        *,
        kind: str,
        price: Decimal | None,
        tif: str,
        order_ref: str,
    ) -> Order | None:
        quantity = Decimal(fired.text("quantity", "100"))
        order = self._desk.open_new(
            OrderRequest(
                client_id=client_id,
                order_id=order_id,
                contract=Contract(
                    symbol=fired.fault.symbol or "SPY", sec_type="STK", currency="USD"
                ),
                action=fired.text("action", "BUY"),
                quantity=quantity,
                type=kind,
                limit_price=price,
                tif=tif,
                order_ref=order_ref,
            )
        )
        if order is not None:
            self._desk.start(order)
        return order

    def _manual_trade(self, fired: Fired) -> None:
        """Trade by hand: a position changes, an execution of nobody's order appears."""
        self._foreign += 1
        order = self._enter(
            fired,
            0,
            -(1000 + self._foreign),
            kind="MKT",
            price=None,
            tif="GTC",
            order_ref="",
        )
        if order is None or order.is_done:
            return
        quote = self._desk.market.quote(order.traded, self._now())
        offered = quote.ask if order.sign > 0 else quote.bid
        given = fired.text("price")
        price = Decimal(given) if given else (offered or quote.last)
        self._desk.fill(order, order.remaining, price)

    # -- orders ------------------------------------------------------------------------------------

    def _struck(self, point: str, order: OrderRequest) -> list[Fired]:
        """Return the venue's own faults that fire for an order; hand on the gateway's."""
        fired = self._script.strike(
            point,
            _INSIDE,
            client_id=order.client_id,
            order_ref=order.order_ref,
            symbol=order.contract.symbol,
        )
        own = []
        for one in fired:
            if one.fault.name in GATEWAY:
                self._say.fault(one)
            elif POINTS[one.fault.name] == "now":
                self.carry_out(one)
            else:
                own.append(one)
        return own

    def place(self, request: OrderRequest) -> None:
        """Take a new order, with what goes wrong about it."""
        fired = {one.fault.name: one for one in self._struck("place", request)}
        lost = fired.get("lose_order")
        if lost is not None and not _is_after(lost):
            return
        if request.what_if:
            self._desk.open_new(request)
            return
        if "reject" in fired and not fired["reject"].flag("after_accept"):
            self._reject(request, fired["reject"])
            return
        order = self._desk.open_new(request)
        if order is None:
            return
        order.is_lost = lost is not None
        if "double_perm_on_modify" in fired:  # `on` place: of a change that nobody saw
            self._twin(request)
        self._mute(order, fired.get("ack_late"), is_filled_first="fill_before_ack" in fired)
        if "held" in fired:
            self._hold(order, fired["held"])
        self._desk.start(order)
        if "inactive" in fired and not order.is_done:
            self._desk.reject(order, 0, "")
        if "reject" in fired:
            one = fired["reject"]
            after = self._now() + timedelta(seconds=one.number("s", 0.5))
            code, text = int(one.number("code", 201)), one.text("text", _FALSE_TEXTS[201])
            self._agenda.at(after, lambda: self._reject_live(order, code, text))
        if "false_error" in fired and not order.is_done:
            self._false_error(order.request, fired["false_error"])

    def _mute(self, order: Order, late: Fired | None, *, is_filled_first: bool) -> None:
        """Keep the acknowledgement back: for a while, or until the first fill."""
        if is_filled_first or (late is not None and late.text("s", "never") == "never"):
            order.muted_until, order.mute_ends_at_fill = NEVER, True
        elif late is not None:
            order.muted_until = self._now() + timedelta(seconds=late.number("s", 1))
            self._agenda.at(order.muted_until, lambda: self._desk.announce(order))

    def _reject(self, request: OrderRequest, one: Fired) -> None:
        code, text = int(one.number("code", 201)), one.text("text", _FALSE_TEXTS[201])
        if code != 201:
            self._desk.refuse(request, Refusal(code, text))
            return
        order = self._desk.open_new(request)
        if order is not None:
            self._desk.reject(order, code, text)

    def _reject_live(self, order: Order, code: int, text: str) -> None:
        if not order.is_done:
            self._desk.reject(order, code, text)

    def _hold(self, order: Order, one: Fired) -> None:
        seconds = one.text("s")
        order.why_held = "locate"
        if seconds:
            order.held_until = self._now() + timedelta(seconds=float(seconds))
        self._agenda.at(self._now(), lambda: self._tell_held(order, one.text("status", "Inactive")))

    def _tell_held(self, order: Order, status: str) -> None:
        if order.is_done:
            return
        order.status = status
        self._desk.announce(order)
        view = order.view()
        text = "Shares for this order are not immediately available for short sale."
        self._say.error(view.client_id, view.order_id, 404, f"{text} The order will be held.")

    def _false_error(self, request: OrderRequest, one: Fired) -> None:
        code = int(one.number("code", 10349))
        text = one.text("text", _FALSE_TEXTS.get(code, "Order Message"))
        self._say.error(request.client_id, request.order_id, code, text)

    def acknowledged(self, order: Order) -> None:
        """Carry out what waits for the acknowledgement of an order."""
        for one in self._struck("ack", order.request):
            if one.fault.name == "false_error":
                self._false_error(order.request, one)
            elif one.fault.name == "held":
                self._hold(order, one)

    def change(self, order: Order, request: OrderRequest) -> None:
        """Change an order, with what goes wrong about it."""
        fired = {one.fault.name: one for one in self._struck("modify", request)}
        for name in ("false_error", "reject"):
            if name in fired:  # the original works on
                one = fired[name]
                code = int(one.number("code", 201))
                text = one.text("text", _FALSE_TEXTS.get(code, "Order Message"))
                self._desk.refuse(request, Refusal(code, text))
                return
        if "lose_order" in fired:
            return
        if "double_perm_on_modify" in fired:
            self._twin(request)
            return
        self._desk.change(order, request)

    def _twin(self, request: OrderRequest) -> None:
        twin = self._desk.open_new(request)
        if twin is not None:
            self._desk.start(twin)

    def cancel(self, order: Order) -> None:
        """Cancel an order, with what goes wrong about it."""
        fired = {one.fault.name: one for one in self._struck("cancel", order.request)}
        for name in ("refuse_cancel", "false_error"):
            if name in fired:
                one = fired[name]
                code = int(one.number("code", 10148))
                text = one.text("text", _FALSE_TEXTS.get(code, "Order Message"))
                self._desk.refuse(order.request, Refusal(code, text))
                return
        if "lose_order" in fired:
            return
        race = fired.get("fill_on_cancel")
        if race is None:
            self._desk.cancel(order)
            return
        shares = min(order.remaining, Decimal(race.text("shares", str(order.remaining))))
        if "late_s" in race.fault.params:
            self._desk.cancel(order)
            after = self._now() + timedelta(seconds=race.number("late_s", 1))
            self._agenda.at(after, lambda: self._fill_dead(order, shares))
            return
        self._desk.fill(order, shares, self._price_of(order))
        if not order.is_done:
            self._desk.cancel(order)
        elif order.status == "Filled":
            self._desk.refuse(order.request, ended(order))

    def _price_of(self, order: Order) -> Decimal:
        quote = self._desk.market.quote(order.traded, self._now())
        offered = quote.ask if order.sign > 0 else quote.bid
        limit = order.request.limit_price
        return limit if limit is not None else (offered or quote.last)

    def _fill_dead(self, order: Order, shares: Decimal) -> None:
        """Let an execution arrive of an order that had already been called cancelled."""
        done = self._desk.blotter.fill(order, shares, self._price_of(order))
        self._desk.blotter.settle(done)

    # -- fills -------------------------------------------------------------------------------------

    def before_fill(self, order: Order) -> tuple[str, timedelta | None]:
        """Return the zone text and the time of the commission of a coming fill."""
        zone, after = ZONE, COMMISSION_AFTER * self._desk.rules.slow
        late: timedelta | None = after
        self._pending = self._struck("fill", order.request)
        for one in self._pending:
            if one.fault.name == "time_zone":
                zone = one.text("zone", "XYZ/Nowhere")
                zone = "" if zone == "none" else zone
            elif one.fault.name == "commission_late":
                is_never = one.text("s", "never") == "never"
                late = None if is_never else timedelta(seconds=one.number("s", 60))
        return zone, late

    def after_fill(self, order: Order, done: Print) -> None:
        """Carry out what follows a fill: corrections, busts, overfills."""
        pending, self._pending = self._pending, []
        for one in pending:
            name, root = one.fault.name, root_of(done.execution.exec_id)
            if name not in ("exec_correction", "bust", "overfill"):
                continue  # it was carried out before, and its seconds may be a word
            after = self._now() + timedelta(seconds=one.number("s", 1))
            if name != "overfill":
                shares, price = ZERO, done.execution.price
                if name == "exec_correction":
                    shares = Decimal(one.text("shares", str(done.execution.shares)))
                    price = Decimal(one.text("price", str(done.execution.price)))
                self._agenda.at(
                    after,
                    lambda r=root, s=shares, p=price: self.correct(order, r, s, p),  # type: ignore[misc]
                )
            else:
                extra = Decimal(one.text("shares", "1"))
                self._agenda.at(after, lambda x=extra: self._overfill(order, x))  # type: ignore[misc]

    def correct(self, order: Order, root: str, shares: Decimal, price: Decimal) -> None:
        """Correct an execution, or bust it with shares 0."""
        before = self._desk.blotter.correct(root, shares, price)
        if before is None:  # the day it was of is over
            return
        order.filled += shares - before.shares
        order.value += shares * price - before.shares * before.price

    def _overfill(self, order: Order, extra: Decimal) -> None:
        price = order.last_price
        done = self._desk.blotter.fill(order, extra, price)
        self._desk.announce(order)
        self._desk.blotter.settle(done)


def ended(order: Order) -> Refusal:
    """Return the answer to a cancel that comes too late."""
    return Refusal(
        10148,
        f"OrderId {order.request.order_id} that needs to be cancelled cannot be cancelled,"
        f" state: {order.status}.",
    )


_MODES = {"-1": "minus", "0": "zero", "UNSET": "unset"}


def _is_after(one: Fired) -> bool:
    return one.flag("after")
