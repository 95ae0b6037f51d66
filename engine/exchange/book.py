"""The simulated exchange: cash, shares and working orders of one account, and their reports.

Pure: the same book, orders, prices, costs and seed give the same reports. It keeps its own
account, apart from our ledger, so that reconciliation compares two things. It has no memory
of its own: after a kill `restore` takes what the journal knows, `watch` is fed the market
inputs up to the cursor again, and `resume` gives the reports that were never written.

When an order meets a price:

- A market input that comes strictly after acceptance, and the auction of the very instant of
  acceptance: orders of an opening decision, both passes, count as placed before the auction.
- A bar counts whole for orders accepted before or at the first quotes of its session date;
  for an order accepted while the bar was being made only its close came after acceptance.
- Orders are looked at in order of acceptance; one order fills at most once per input.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from engine.domain.fill import Fill
from engine.domain.ids import Book, ExecId, InstrumentId, OrderId
from engine.domain.input import BarsClosed, QuotesSeen
from engine.domain.instrument import Stock
from engine.domain.money import ZERO, to_tick
from engine.domain.order import ENDS, Order, OrderStatus, Side, TimeInForce, WorkingOrder
from engine.domain.reconciliation import BrokerAccount, BrokerOrder
from engine.domain.report import (
    Accepted,
    Canceled,
    CancelRefused,
    Executed,
    Expired,
    NotFound,
    Rejected,
    Report,
    Submitted,
)
from engine.exchange.acceptance import cash_refusal, form_refusal, share_refusal
from engine.exchange.costs import Costs
from engine.exchange.matching import (
    ON_CLOSE,
    STOPS,
    Prices,
    Touch,
    Trigger,
    at_open_only,
    flat,
    match,
    of_bar,
    of_quote,
)

REFUSED = 201
"""Code of every refusal, the number that a broker uses for it."""

_NOTHING: tuple[Report, ...] = ()
_UNANSWERED = frozenset({OrderStatus.APPROVED, OrderStatus.SUBMITTED})


@dataclass(slots=True, eq=False)
class _Resting:
    """A working order as the exchange keeps it."""

    order: Order
    stock: Stock
    accepted_at: datetime
    filled: Decimal = ZERO
    value: Decimal = ZERO  # Σ quantity × price
    fills: int = 0
    trigger: Trigger = field(default_factory=Trigger)

    @property
    def remaining(self) -> Decimal:
        return self.order.quantity - self.filled


class SimulatedExchange:
    """One account on a simulated exchange. Its reports come in the order they happened."""

    def __init__(
        self,
        costs: Costs,
        seed: int,
        instruments: Mapping[InstrumentId, Stock],
        book: Book,
        cash: Decimal,
    ) -> None:
        """Open an account that holds `cash` dollars and no shares."""
        self._costs = costs
        self._seed = seed
        self._instruments = instruments
        self._exec_prefix = f"sim.{hashlib.sha256(book.encode()).hexdigest()[:8]}."
        self._cash = cash
        self._shares: dict[InstrumentId, Decimal] = {}
        self._resting: dict[OrderId, _Resting] = {}  # in order of acceptance
        self._history: dict[OrderId, list[Report]] = {}  # what was said about every order
        self._quotes: QuotesSeen | None = None
        self._bars: BarsClosed | None = None
        self._session: date | None = None  # of the last quotes
        self._opened_at: datetime | None = None  # first quotes of that session date
        self._filled_at: datetime | None = None  # newest fill instant before a restore...
        self._filled_then: dict[OrderId, tuple[InstrumentId, Decimal]] = {}  # ...and its fills
        self._unsettled: list[WorkingOrder] = []  # restored, not resumed yet
        self._groups_done: set[str] = set()  # OCA groups with a fill
        self._restored_at: datetime

    # -- what the trader does ----------------------------------------------------------------

    def submit(self, order: Order, at: datetime) -> list[Report]:
        """Take an order: Submitted, then Rejected or Accepted, then its fill if it has one now.

        An order whose id is known already changes nothing and is answered with nothing.
        """
        if order.order_id in self._history:
            return []
        said: list[Report] = [Submitted(order_id=order.order_id)]
        self._history[order.order_id] = []
        self._receive(order, at, said)
        return self._remember(said)

    def cancel(self, order_id: OrderId, at: datetime) -> list[Report]:
        """Cancel what still works; a finished or unknown order refuses."""
        del at  # a cancel takes effect at once
        said = self._cancel(order_id)
        return self._remember(said) if order_id in self._history else said

    def look_up(self, order_id: OrderId) -> list[Report]:
        """Return all that was said about an order since the start, NotFound if it never came."""
        said = self._history.get(order_id)
        if said is None:
            return [NotFound(order_id=order_id)]
        if not said and order_id in self._resting:  # accepted before the start
            return [Accepted(order_id=order_id)]
        return list(said)

    def account(self) -> BrokerAccount:
        """Return positions, cash and open orders."""
        return BrokerAccount(
            positions=dict(self._shares),
            cash=self._cash,
            orders=tuple(
                BrokerOrder(
                    order_ref=resting.order.order_ref,
                    instrument=resting.order.instrument,
                    remaining=resting.remaining,
                )
                for resting in self._resting.values()
            ),
        )

    # -- what the market does ----------------------------------------------------------------

    def on_quotes(self, seen: QuotesSeen) -> Sequence[Report]:
        """Match what rests with these quotes."""
        self._see(seen)
        if not self._resting:
            return _NOTHING
        said: list[Report] = []
        for resting in list(self._resting.values()):
            if resting.accepted_at < seen.at and self._works(resting):
                self._meet_quote(resting, seen, said)
        return self._remember(said)

    def on_bars(self, closed: BarsClosed) -> Sequence[Report]:
        """Match what rests with these bars, then let the day's orders expire."""
        self._bars = closed
        if not self._resting:
            return _NOTHING
        said: list[Report] = []
        room: dict[InstrumentId, Decimal] = {}
        for resting in list(self._resting.values()):
            if self._works(resting):
                self._meet_bar(resting, closed, room, said)
        for resting in list(self._resting.values()):
            order = resting.order
            is_of_the_day = order.time_in_force is TimeInForce.DAY and not at_open_only(order)
            if is_of_the_day or order.type in ON_CLOSE:
                self._expire(resting, said)
        return self._remember(said)

    # -- after a kill ------------------------------------------------------------------------

    def restore(
        self,
        cash: Decimal,
        positions: Mapping[InstrumentId, Decimal],
        orders: Iterable[WorkingOrder],
        fills_done: Mapping[OrderId, int],
        at: datetime,
        fills: Iterable[Fill] = (),
    ) -> None:
        """Rebuild the account from the journal; then `watch` the market again and `resume`.

        orders: the live ones; those that ended are welcome and tell which OCA groups are done.
        at: the session's clock; an order sent and never answered counts as received then.
        fills: at least those of the newest fill instant, so that a bar that had been matched
        in part when the process died gives the rest of its fills and none of them twice.
        """
        self._cash = cash
        self._shares = {key: quantity for key, quantity in positions.items() if quantity}
        self._resting, self._history, self._unsettled, self._groups_done = {}, {}, [], set()
        self._restored_at = at
        self._filled_at, self._filled_then = None, {}
        for fill in fills:
            if self._filled_at is None or fill.at > self._filled_at:
                self._filled_at, self._filled_then = fill.at, {}
            if fill.at == self._filled_at:
                self._filled_then[fill.order_id] = (fill.instrument, fill.quantity)
        for known in sorted((o for o in orders if o.sent), key=lambda known: known.seq):
            order = known.order
            self._history[order.order_id] = []
            if known.filled and order.oca_group is not None:
                self._groups_done.add(order.oca_group)
            if known.status in ENDS:
                continue
            self._unsettled.append(known)
            if known.status not in _UNANSWERED:
                self._resting[order.order_id] = _Resting(
                    order,
                    self._instruments[order.instrument],
                    known.accepted_at or order.created_at,  # sent in the unit that made it
                    known.filled,
                    known.filled_value,
                    fills_done.get(order.order_id, 0),
                )

    def watch(self, given: QuotesSeen | BarsClosed) -> None:
        """Take in again a market input that had been matched before the kill: nothing fills.

        All of them up to the cursor, in order; the newest quotes and bars are enough while no
        stop is working.
        """
        if isinstance(given, QuotesSeen):
            self._see(given)
            for resting in self._resting.values():
                order = resting.order
                quote = given.quotes.get(order.instrument)
                is_due = resting.accepted_at < given.at or self._is_auction_of(resting.accepted_at)
                if quote is not None and is_due:
                    match(order, of_quote(quote, order.side), resting.trigger)
            return
        self._bars = given
        for resting in self._resting.values():
            prices = self._prices_for(resting, given)
            if prices is not None:
                match(resting.order, prices, resting.trigger)

    def resume(self, withheld: Collection[OrderId] = ()) -> list[Report]:
        """Return the reports that the kill has kept from being written, then go on as before.

        withheld: orders that nobody answered and that must not be sent any more; as far as the
        journal tells they never came.
        """
        said: list[Report] = []
        for group in sorted(self._groups_done):
            self._cancel_group(group, None, said)
        for known in self._unsettled:
            order_id = known.order.order_id
            resting = self._resting.get(order_id)
            if resting is not None:
                if known.status is OrderStatus.UNKNOWN:
                    said.append(Accepted(order_id=order_id))
                is_now = resting.accepted_at == self._restored_at
                if is_now and self._is_auction_of(resting.accepted_at):
                    resting.trigger = Trigger()  # watch() has shown it this very auction
                    self._meet_auction(resting, said)
            elif known.status in _UNANSWERED and order_id in withheld:
                said.append(Canceled(order_id=order_id, text="withheld at the restart"))
                continue
            elif known.status in _UNANSWERED:
                if known.status is not OrderStatus.SUBMITTED:
                    said.append(Submitted(order_id=order_id))
                self._receive(known.order, self._restored_at, said)
            if known.canceling:
                said.extend(self._cancel(order_id))
        self._unsettled = []
        return self._remember(said)

    # -- acceptance --------------------------------------------------------------------------

    def _receive(self, order: Order, at: datetime, said: list[Report]) -> None:
        refusal = self._refusal(order)
        if refusal:
            said.append(Rejected(order_id=order.order_id, code=REFUSED, text=refusal))
            return
        said.append(Accepted(order_id=order.order_id))
        resting = _Resting(order, self._instruments[order.instrument], at)
        self._resting[order.order_id] = resting
        self._meet_auction(resting, said)

    def _refusal(self, order: Order) -> str:
        """Say why an order cannot be taken; empty if it can."""
        stock = self._instruments.get(order.instrument)
        if stock is None:
            return f"unknown instrument {order.instrument}"
        wrong = form_refusal(order, stock)
        if wrong:
            return wrong
        if order.oca_group in self._groups_done:
            return f"another order of group {order.oca_group} has filled"
        if order.side is Side.SELL:
            held = self._shares.get(order.instrument, ZERO)
            return share_refusal(order, order.quantity, held, self._claimed(order))
        price = self._price_now(order)
        needed = ZERO if price is None else order.quantity * price
        return cash_refusal(order, order.quantity, needed, self._cash)

    def _claimed(self, order: Order) -> Decimal:
        """Shares in other working sells of the instrument; those of one group count once."""
        return sum(
            (
                other.remaining
                for other in self._resting.values()
                if other.order.instrument == order.instrument
                and other.order.side is Side.SELL
                and (order.oca_group is None or other.order.oca_group != order.oca_group)
            ),
            ZERO,
        )

    def _price_now(self, order: Order) -> Decimal | None:
        """What a buy must be able to pay: its limit, else the newest price seen."""
        if order.limit_price is not None:
            return order.limit_price
        bar = self._bars.bars.get(order.instrument) if self._bars else None
        quote = self._quotes.quotes.get(order.instrument) if self._quotes else None
        if quote is None or (
            bar and self._bars and self._quotes and self._bars.at > self._quotes.at
        ):
            return bar.close if bar else None
        return quote.ask

    # -- matching ----------------------------------------------------------------------------

    def _see(self, seen: QuotesSeen) -> None:
        if seen.session_date != self._session:
            self._session = seen.session_date
            self._opened_at = seen.at
        self._quotes = seen

    def _works(self, resting: _Resting) -> bool:
        return resting.order.order_id in self._resting

    def _is_auction_of(self, at: datetime) -> bool:
        """Say whether the newest quotes are an auction of this very instant."""
        return self._quotes is not None and self._quotes.auction and self._quotes.at == at

    def _meet_auction(self, resting: _Resting, said: list[Report]) -> None:
        if self._quotes is not None and self._is_auction_of(resting.accepted_at):
            self._meet_quote(resting, self._quotes, said)

    def _meet_quote(self, resting: _Resting, seen: QuotesSeen, said: list[Report]) -> None:
        order = resting.order
        is_opening = seen.auction and seen.at == self._opened_at
        if order.type in ON_CLOSE and (is_opening or not seen.auction):
            return
        if at_open_only(order) and not is_opening:
            return
        quote = seen.quotes.get(order.instrument)
        if quote is not None:
            touch = match(order, of_quote(quote, order.side), resting.trigger)
            if touch is not None:
                self._fill(resting, touch, resting.remaining, seen.at, said)
            if order.time_in_force is TimeInForce.IOC and self._works(resting):
                self._drop(resting, "nothing more at this price", said)
        if at_open_only(order) and self._works(resting):
            self._expire(resting, said)

    def _meet_bar(
        self,
        resting: _Resting,
        closed: BarsClosed,
        room: dict[InstrumentId, Decimal],
        said: list[Report],
    ) -> None:
        order = resting.order
        prices = self._prices_for(resting, closed)
        if prices is None or self._stop_comes_first(resting, closed):
            return
        touch = match(order, prices, resting.trigger)
        done_then = self._filled_then if self._filled_at == closed.at else {}
        if touch is not None and order.order_id not in done_then:
            if order.instrument not in room:
                volume = closed.bars[order.instrument].volume
                room[order.instrument] = self._costs.allowance(volume, resting.stock.lot) - sum(
                    (q for instrument, q in done_then.values() if instrument == order.instrument),
                    ZERO,
                )
            quantity = min(resting.remaining, room[order.instrument])
            if quantity > ZERO and self._fill(resting, touch, quantity, closed.at, said):
                room[order.instrument] -= quantity
        if not self._works(resting):
            return
        if order.time_in_force is TimeInForce.IOC:
            self._drop(resting, "nothing more at this price", said)
        elif at_open_only(order):
            self._expire(resting, said)

    def _prices_for(self, resting: _Resting, closed: BarsClosed) -> Prices | None:
        """Return what an order may see of its instrument's bar; None for nothing."""
        order = resting.order
        bar = closed.bars.get(order.instrument)
        if bar is None or resting.accepted_at >= closed.at:
            return None
        opened_at = self._opened_at if self._session == closed.session_date else None
        is_whole = opened_at is None or resting.accepted_at <= opened_at
        if order.type in ON_CLOSE:
            return flat(bar.close)
        if at_open_only(order):
            return flat(bar.open) if is_whole else None
        if not is_whole:
            return flat(bar.close)
        return flat(bar.open) if order.time_in_force is TimeInForce.IOC else of_bar(bar)

    def _stop_comes_first(self, resting: _Resting, closed: BarsClosed) -> bool:
        """Say whether a stop of the same OCA group is touched by this bar too."""
        order = resting.order
        if order.oca_group is None or order.type in STOPS:
            return False
        for other in self._resting.values():
            if other.order.oca_group == order.oca_group and other.order.type in STOPS:
                prices = self._prices_for(other, closed)
                if prices and match(other.order, prices, replace(other.trigger)):
                    return True
        return False

    # -- what a match does -------------------------------------------------------------------

    def _fill(
        self,
        resting: _Resting,
        touch: Touch,
        quantity: Decimal,
        at: datetime,
        said: list[Report],
    ) -> bool:
        """Book one execution; False if cash or shares do not allow it, which ends the order."""
        order, instrument = resting.order, resting.order.instrument
        price = self._fill_price(resting, touch)
        filled, value = resting.filled + quantity, resting.value + quantity * price
        commission = self._costs.commission(filled, value) - self._costs.commission(
            resting.filled, resting.value
        )
        change = -order.side.sign * quantity * price - commission
        held = self._shares.get(instrument, ZERO)
        why = share_refusal(order, quantity, held) or cash_refusal(
            order, quantity, -change, self._cash
        )
        if why:
            self._refuse(resting, why, said)
            return False
        self._cash += change
        held += order.side.sign * quantity
        if held:
            self._shares[instrument] = held
        else:
            del self._shares[instrument]
        resting.filled, resting.value = filled, value
        resting.fills += 1
        said.append(
            Executed(
                order_id=order.order_id,
                exec_id=ExecId(f"{self._exec_prefix}{order.order_ref}.{resting.fills}"),
                quantity=quantity,
                price=price,
                commission=commission,
                at=at,
            )
        )
        if not resting.remaining:
            del self._resting[order.order_id]
        if order.oca_group is not None:
            self._cancel_group(order.oca_group, resting, said)
        return True

    def _fill_price(self, resting: _Resting, touch: Touch) -> Decimal:
        order, tick = resting.order, resting.stock.tick
        if touch.pays:
            price = self._costs.fill_price(
                order.side, touch.reference, tick, self._seed, order.order_ref, resting.fills
            )
        else:
            price = to_tick(touch.reference, tick, up=order.side is Side.BUY)
        if touch.cap is None:
            return price
        return min(price, touch.cap) if order.side is Side.BUY else max(price, touch.cap)

    def _cancel(self, order_id: OrderId) -> list[Report]:
        if order_id in self._resting:
            del self._resting[order_id]
            return [Canceled(order_id=order_id, text="canceled on request")]
        known = order_id in self._history
        why = "the order has ended" if known else "no such order"
        return [CancelRefused(order_id=order_id, text=why)]

    def _cancel_group(self, group: str, filled: _Resting | None, said: list[Report]) -> None:
        self._groups_done.add(group)
        for other in list(self._resting.values()):
            if other.order.oca_group == group and other is not filled and not other.filled:
                self._drop(other, "another order of its group filled", said)

    def _drop(self, resting: _Resting, why: str, said: list[Report]) -> None:
        del self._resting[resting.order.order_id]
        said.append(Canceled(order_id=resting.order.order_id, text=why))

    def _expire(self, resting: _Resting, said: list[Report]) -> None:
        del self._resting[resting.order.order_id]
        said.append(Expired(order_id=resting.order.order_id, text="its time in force is over"))

    def _refuse(self, resting: _Resting, why: str, said: list[Report]) -> None:
        """End an order that cannot fill: rejected, or canceled where a part has filled."""
        if resting.filled:
            self._drop(resting, why, said)
            return
        del self._resting[resting.order.order_id]
        said.append(Rejected(order_id=resting.order.order_id, code=REFUSED, text=why))

    def _remember(self, said: list[Report]) -> list[Report]:
        for report in said:
            self._history[report.order_id].append(report)  # type: ignore[union-attr]
        return said
