"""The practice broker: orders, fills, account and market of one account; knows no protocol.

It is deterministic: the same seed, start, script and calls at the same instants give the same
announcements. Time passes in `advance_to` only, from one thing that is due to the next: agenda,
bells of the exchange, midnight, timed faults, and ticks of the market while somebody looks at
it or an order could trade. Where nobody looks, nothing is computed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from engine.brokers.practice.account import Account
from engine.brokers.practice.agenda import Agenda
from engine.brokers.practice.announcer import Announcer
from engine.brokers.practice.blotter import Blotter
from engine.brokers.practice.clock import midnight_after
from engine.brokers.practice.desk import Desk, Rules
from engine.brokers.practice.faults import GATEWAY, FaultScript
from engine.brokers.practice.feed import Market, Quote, RecordedBar, Scripted
from engine.brokers.practice.history import Pacing, Past, no_data
from engine.brokers.practice.mischief import Mischief, ended
from engine.brokers.practice.model import (
    AccountValue,
    BidAskTick,
    Chain,
    Commission,
    Contract,
    ContractDetails,
    Execution,
    ExecutionFilter,
    Fault,
    Fired,
    History,
    HistoryAsk,
    Item,
    Kind,
    MarketRule,
    Match,
    MidTick,
    OptionTick,
    OrderRequest,
    OrderView,
    PortfolioRow,
    PositionRow,
    Refusal,
    Schedule,
    SubKey,
    Subscription,
    TradeTick,
)
from engine.brokers.practice.options import black_scholes, implied
from engine.brokers.practice.orders import load_contract, load_order, save_contract, save_order
from engine.brokers.practice.seam import Listener
from engine.brokers.practice.sessions import WEEKDAYS, Hall
from engine.brokers.practice.streams import Streams, computed, grid_after, is_on_grid
from engine.brokers.practice.universe import RULES, Listing, Traded, Universe
from engine.ports import Calendar

_STATE_VERSION = 1


class PracticeVenue:
    """One account at the practice exchange.

    calendar: None for weekdays without holidays. tick_s: how often the market moves; coarser at
    high speeds. partial_fills: `halves`, `none`, or a count. cancel_ms: how long a cancel is
    pending. bars: recorded daily bars by symbol, ascending. script: quotes given in time.
    """

    def __init__(
        self,
        *,
        start: datetime,
        calendar: Calendar | None = None,
        seed: int = 7,
        account: str = "DU0000001",
        cash: Decimal = Decimal(100_000),
        tick_s: float = 0.1,
        partial_fills: str = "halves",
        cancel_ms: int = 0,
        bars: Mapping[str, Sequence[RecordedBar]] | None = None,
        script: Iterable[Scripted] = (),
    ) -> None:
        self.account, self.seed = account, seed
        self._now = self._ticked = start  # all ticks up to there are done
        self._tick = timedelta(seconds=tick_s)
        self._hall = Hall(calendar or WEEKDAYS)
        extra = [
            Listing(con_id=600_001_000 + n, symbol=symbol, name=f"{symbol} (recorded)")
            for n, symbol in enumerate(sorted(bars or {}))
        ]
        self._universe = Universe(self._hall, extra)
        self.market = Market(self._hall, seed, bars=bars, script=script)
        self._past, self._pacing = Past(self.market), Pacing()
        self._agenda = Agenda()
        self._script = FaultScript(seed)
        self._say = Announcer(self._agenda, self._script, self.now)
        self._book = Account(account, cash, self._mark)
        self._blotter = Blotter(self._book, self._say, self._agenda, self.now)
        self._streams = Streams(
            self.market, self._past, self._book, self._say, self._agenda, self.now
        )
        self._desk = Desk(
            hall=self._hall,
            market=self.market,
            account=self._book,
            blotter=self._blotter,
            say=self._say,
            agenda=self._agenda,
            find=lambda request: self._find(request.contract),
            now=self.now,
            first_perm_id=_first_perm_id(seed),
            rules=Rules(partial_fills=partial_fills, cancel_ms=cancel_ms),
        )
        self._mischief = Mischief(
            script=self._script,
            desk=self._desk,
            streams=self._streams,
            pacing=self._pacing,
            say=self._say,
            agenda=self._agenda,
            now=self.now,
        )
        self._midnight = midnight_after(start)
        self._bell = self._hall.next_change(start)
        self._seen: dict[int, Quote] = {}  # quotes of one instant
        self._seen_at = start

    def listen(self, listener: Listener) -> None:
        """Announce to this listener from now on."""
        self._say.listen(listener)

    # -- time --------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the venue's instant."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let some seconds pass."""
        self.advance_to(self._now + timedelta(seconds=seconds))

    def advance_to(self, at: datetime) -> None:
        """Let time pass until an instant."""
        while (due := self.next_due()) <= at:
            self._now = max(self._now, due)
            self._step()
        self._now = self._ticked = max(self._now, at)

    def next_due(self) -> datetime:
        """Return when something can happen next."""
        times = [self._bell, self._midnight]
        for time in (self._agenda.next, self._script.next_due, self._next_tick()):
            if time is not None:
                times.append(time)
        return min(times)

    def _next_tick(self) -> datetime | None:
        wanted = self._streams.next_tick(self._now, self._tick)
        if self._desk.has_work(self._now):
            matched = grid_after(self._now, self._tick)
            return matched if wanted is None else min(wanted, matched)
        return wanted

    def _step(self) -> None:
        """Do everything that is due at this instant, in a fixed order."""
        now = self._now
        self._agenda.run(now)
        due = self._script.next_due
        if due is not None and due <= now:
            self._mischief.due()
            self._agenda.run(now)
        if self._bell <= now:
            self._desk.bell()
            self._expire()
            self._bell = self._hall.next_change(now)
        if self._midnight <= now:
            self._new_day()
        if now > self._ticked:
            self._ticked = now
            if is_on_grid(now, self._tick):
                self._desk.tick(now, self._quote)
            self._streams.tick(now, self._tick, self._quote)
            self._agenda.run(now)

    def _expire(self) -> None:
        """End the options whose last session has closed: orders, then what is held."""
        today = self._hall.today(self._now)
        if today is None or self._now < today.closes:
            return
        for order in list(self._desk.live.values()):
            if order.traded.has_ended(today.day):
                self._desk.finish(order, "Cancelled", 202, "Order Canceled - reason:Expired")
        for held in list(self._book.holdings.values()):
            if held.traded.has_ended(today.day):
                self._blotter.expire(held.traded, self.market.settlement(held.traded))

    def _new_day(self) -> None:
        self._midnight = midnight_after(self._now)
        self._blotter.midnight()
        self._desk.midnight()
        self._book.midnight()

    def _quote(self, traded: Traded) -> Quote:
        if self._seen_at != self._now:
            self._seen_at = self._now
            self._seen.clear()
        key = traded.contract.con_id if traded.multiplier > 1 else traded.listing.con_id
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = self.market.quote(traded, self._now)
        return known

    def _mark(self, traded: Traded) -> Decimal:
        return self._quote(traded).mark

    # -- orders ------------------------------------------------------------------------------------

    def place(self, request: OrderRequest) -> None:
        """Take a new order, the change of a live one, or a what-if."""
        if self._desk.rules.is_read_only:
            self._desk.refuse(request, _READ_ONLY)
            return
        if self._mischief.is_upstream_lost:
            self._mischief.deferred.append(lambda: self.place(request))
            return
        order = self._desk.known(request.client_id, request.order_id)
        if order is None or order.is_stale or request.what_if:
            self._mischief.place(request)
        elif not order.is_done:
            self._mischief.change(order, request)
        elif order.status == "Filled":
            self._desk.refuse(request, Refusal(104, "Cannot modify a filled order."))
        else:
            self._desk.refuse(request, Refusal(103, "Duplicate order id"))

    def cancel(self, client_id: int, order_id: int) -> None:
        """Ask for the end of an order."""
        if self._desk.rules.is_read_only:
            self._say.error(client_id, order_id, _READ_ONLY.code, _READ_ONLY.text)
            return
        if self._mischief.is_upstream_lost:
            self._mischief.deferred.append(lambda: self.cancel(client_id, order_id))
            return
        order = self._desk.known(client_id, order_id)
        refused = None
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            refused = Refusal(10147, text)
        elif order.is_done or self._desk.is_too_late(order):
            refused = ended(order)
        if refused is not None:
            self._say.error(client_id, order_id, refused.code, refused.text)
        elif order is not None and not order.is_canceling:
            self._mischief.cancel(order)

    def global_cancel(self) -> None:
        """Cancel every order of the account."""
        if self._mischief.is_upstream_lost:
            self._mischief.deferred.append(self.global_cancel)
            return
        for order in list(self._desk.live.values()):
            if not order.is_done and not self._desk.is_too_late(order):
                self._mischief.cancel(order)

    @property
    def is_read_only(self) -> bool:
        """Say whether orders are refused: then open orders are too."""
        return self._desk.rules.is_read_only

    def open_orders(self, client_id: int | None = None) -> Sequence[OrderView]:
        """Return the living orders of a client, None: of all."""
        return self._desk.views(client_id)

    def completed_orders(self, *, api_only: bool = False) -> Sequence[OrderView]:
        """Return the orders that ended since midnight in New York."""
        views = (order.view() for order in self._desk.done.values())
        return [view for view in views if view.order_id > 0 or not api_only]

    def executions(self, wanted: ExecutionFilter) -> Sequence[tuple[Execution, Commission | None]]:
        """Return today's executions with their commissions so far known."""
        return self._blotter.wanted(wanted)

    def last_order_id(self, client_id: int) -> int:
        """Return the highest order id that a client has used; 0 for none."""
        return self._desk.last_ids.get(client_id, 0)

    def restarted(self, id_rollback: int = 0) -> None:
        """Hear that the gateway has restarted: subscriptions end, ids may be issued again."""
        self._streams.close_all()
        self._say.forget()
        if id_rollback:
            self._desk.forget_ids(id_rollback)

    # -- account -----------------------------------------------------------------------------------

    def positions(self) -> Sequence[PositionRow]:
        """Return all positions."""
        return self._book.positions()

    def portfolio(self) -> Sequence[PortfolioRow]:
        """Return all positions with their worth."""
        return self._book.portfolio()

    def account_values(self) -> Sequence[AccountValue]:
        """Return the numbers of the account."""
        return self._blotter.values()

    # -- contracts ---------------------------------------------------------------------------------

    def details(self, contract: Contract) -> Sequence[ContractDetails]:
        """Return every contract that a description fits."""
        return [self._universe.details(one, self._now) for one in self._found(contract)]

    def qualify(self, contract: Contract) -> Contract | Refusal:
        """Return the one complete contract meant, or refusal 200."""
        found = self._find(contract)
        return found if isinstance(found, Refusal) else found.contract

    def search(self, pattern: str) -> Sequence[Match]:
        """Return contracts by the beginning of symbol or name."""
        return self._universe.search(pattern)

    def chain(self, symbol: str, sec_type: str, under_con_id: int) -> Sequence[Chain]:
        """Return the option chains of an underlying."""
        listing = self._universe.listing(symbol)
        if listing is None or sec_type != "STK" or under_con_id not in (0, listing.con_id):
            return []
        board = self._universe.board(symbol, self._now, self._reference(symbol))
        return [] if board is None else self._universe.chain(board)

    def market_rule(self, rule_id: int) -> MarketRule | None:
        """Return a rule of price steps."""
        return RULES.get(rule_id)

    def _found(self, contract: Contract) -> list[Traded]:
        known = self._universe.traded(contract.con_id) if contract.con_id else None
        if (known is None and contract.sec_type == "OPT") or contract.con_id >= 10**9:
            symbols = [contract.symbol or contract.local_symbol[:6].strip()]
            if not symbols[0]:
                symbols = list(_CHAINED)
            for symbol in symbols:
                price = self._reference(symbol) if self._universe.listing(symbol) else None
                found = self._universe.find(contract, self._now, price)
                if found:
                    return found
            return []
        return self._universe.find(contract, self._now, None)

    def _reference(self, symbol: str) -> Decimal:
        """Return the price that today's strikes are listed around: the close before."""
        listing = self._universe.listing(symbol)
        assert listing is not None, f"{symbol} is not listed"
        today = self._hall.current(self._now).day
        return self.market.close(symbol, self._hall.calendar.previous_session(today))

    def _find(self, contract: Contract) -> Traded | Refusal:
        if contract.sec_type == "BAG" or contract.legs:
            return Refusal(387, "Unsupported order type for this exchange and security type: BAG")
        return self._universe.qualify(self._found(contract), contract)

    def _known(self, con_id: int) -> Traded:
        found = self._universe.traded(con_id)
        assert found is not None, f"contract {con_id} has never been heard of"
        return found

    # -- market ------------------------------------------------------------------------------------

    def subscribe(self, wanted: Subscription) -> Refusal | None:
        """Open a stream: the first items come at the next `advance_to`."""
        if not (wanted.contract.con_id or wanted.contract.symbol):
            return self._streams.open(wanted, None)
        found = self._find(wanted.contract)
        return found if isinstance(found, Refusal) else self._streams.open(wanted, found)

    def unsubscribe(self, key: SubKey) -> bool:
        """End a stream; False if there was none."""
        return self._streams.close(key)

    def unsubscribe_client(self, client_id: int) -> None:
        """End all streams of a client."""
        self._streams.close_client(client_id)

    def snapshot(self, contract: Contract, data_type: int = 1) -> Sequence[Item]:
        """Return the ticks of this moment."""
        found = self._find(contract)
        if isinstance(found, Refusal):
            return []
        wanted = Subscription(key=(0, 0), kind=Kind.QUOTES, contract=contract, data_type=data_type)
        return self._streams.snapshot(found, wanted)

    def history(self, ask: HistoryAsk) -> History | Refusal:
        """Return bars up to now."""
        found = self._find(ask.contract)
        if isinstance(found, Refusal):
            return found
        too_soon = self._pacing.refusal(ask, self._now)
        if too_soon is not None:
            return too_soon
        given = self._past.bars(found, ask, self._now)
        trouble = self._streams.trouble_of(found.contract.symbol, self._now)
        if isinstance(given, Refusal) or trouble is None:
            return given
        bars = trouble.spoil(given.bars)
        return replace(given, bars=bars) if bars else no_data(found, ask.what)

    def schedule(self, ask: HistoryAsk) -> Schedule | Refusal:
        """Return sessions."""
        return self._past.schedule(ask, self._now)

    def head(self, contract: Contract, what: str) -> datetime | Refusal:
        """Return where history begins."""
        found = self._find(contract)
        if isinstance(found, Refusal):
            return found
        if what not in ("TRADES", "MIDPOINT", "BID", "ASK"):
            return no_data(found, what)
        first = self.market.first_day(found.listing.symbol)
        return self._hall.hours(first).opens

    def histogram(
        self, contract: Contract, period: str, *, use_rth: bool
    ) -> Sequence[tuple[Decimal, Decimal]] | Refusal:
        """Return (price, size) over a period such as "3 days"."""
        found = self._find(contract)
        if isinstance(found, Refusal):
            return found
        return self._past.histogram(found, period, self._now, use_rth=use_rth)

    def past_ticks(
        self,
        contract: Contract,
        start: datetime | None,
        end: datetime | None,
        count: int,
        what: str,
    ) -> Sequence[TradeTick | BidAskTick | MidTick] | Refusal:
        """Return ticks by TRADES, BID_ASK or MIDPOINT."""
        found = self._find(contract)
        if isinstance(found, Refusal):
            return found
        return self._past.ticks(found, start, end, count, what, self._now)

    def option_by_volatility(
        self, contract: Contract, volatility: float, under_price: float
    ) -> OptionTick | Refusal:
        """Compute an option's price."""
        found = self._option(contract)
        if isinstance(found, Refusal):
            return found
        if not (0.001 <= volatility <= 10 and 0.01 <= under_price <= 1e7):
            return Refusal(321, "Volatility or underlying price out of range")
        years = self.market.years(found, self._now)
        return computed(53, black_scholes(found, under_price, volatility, years), under_price)

    def option_by_price(
        self, contract: Contract, price: float, under_price: float
    ) -> OptionTick | Refusal:
        """Compute an option's volatility."""
        found = self._option(contract)
        if isinstance(found, Refusal):
            return found
        if not (0 < price <= 1e7 and 0.01 <= under_price <= 1e7):
            return Refusal(321, "Option or underlying price out of range")
        years = self.market.years(found, self._now)
        return computed(53, implied(found, under_price, price, years), under_price)

    def _option(self, contract: Contract) -> Traded | Refusal:
        found = self._find(contract)
        if isinstance(found, Refusal) or found.is_option:
            return found
        return Refusal(321, "The contract is not an option")

    # -- faults ------------------------------------------------------------------------------------

    def add_fault(self, fault: Fault) -> int:
        """Add to the fault script; returns its id."""
        return self._script.add(fault, self._now)

    def clear_faults(self, name: str = "") -> int:
        """Remove faults by name, empty: all, undoing what lasts; returns how many."""
        if not name:
            self._mischief.clear()
        return self._script.clear(name)

    def fired(self, fault_id: int) -> int:
        """Return how often a fault has fired."""
        return self._script.fired(fault_id)

    def strike(
        self,
        point: str,
        *,
        client_id: int | None = None,
        order_ref: str = "",
        symbol: str = "",
        kind: int | None = None,
    ) -> Sequence[Fired]:
        """Ask which of the gateway's own faults fire at a point."""
        return self._script.strike(
            point, GATEWAY, client_id=client_id, order_ref=order_ref, symbol=symbol, kind=kind
        )

    def direct(self, line: Scripted) -> None:
        """Add a scripted quote: the control port's `market`."""
        self.market.direct(line)
        self._seen.clear()

    # -- state -------------------------------------------------------------------------------------

    @property
    def lines(self) -> int:
        """How many data lines are in use."""
        return self._streams.lines

    def export(self) -> dict[str, object]:
        """Return everything that survives, fit for JSON; includes the true history of today."""
        orders = [*self._desk.done.values(), *self._desk.live.values()]
        contracts = {o.traded.contract.con_id: o.traded.contract for o in orders}
        for held in self._book.holdings.values():
            contracts[held.traded.contract.con_id] = held.traded.contract
        return {
            "version": _STATE_VERSION,
            "seed": self.seed,
            "now": self._now.isoformat(),
            "contracts": [save_contract(one) for one in contracts.values()],
            "account": self._book.export(),
            "orders": [save_order(one) for one in orders],
            "executions": self._blotter.export(),
            "next_perm_id": self._desk.next_perm_id,
            "last_ids": {str(k): v for k, v in self._desk.last_ids.items()},
            "groups": {name: str(part) for name, part in sorted(self._desk.groups.items())},
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up an exported state; ValueError if it is another account's or version's."""
        book: Mapping[str, object] = state["account"]  # type: ignore[assignment]
        if state.get("version") != _STATE_VERSION or book.get("name") != self.account:
            raise ValueError(
                f"state of {book.get('name')}, version {state.get('version')}:"
                f" {self.account}, version {_STATE_VERSION} is needed"
            )
        contracts: Iterable[Mapping[str, object]] = state["contracts"]  # type: ignore[assignment]
        for saved in contracts:
            self._universe.revive(load_contract(saved))
        self._book.restore(book, self._known)
        orders: Iterable[Mapping[str, object]] = state["orders"]  # type: ignore[assignment]
        for row in orders:
            contract: Mapping[str, int] = row["contract"]  # type: ignore[assignment]
            order = load_order(row, self._known(contract["con_id"]))
            (self._desk.done if order.is_done else self._desk.live)[order.perm_id] = order
            self._desk.addresses[order.address] = order.perm_id
        rows: Sequence[Mapping[str, object]] = state["executions"]  # type: ignore[assignment]
        self._blotter.restore(rows, self._known)
        self._desk.next_perm_id = int(str(state["next_perm_id"]))
        last_ids: Mapping[str, int] = state["last_ids"]  # type: ignore[assignment]
        self._desk.last_ids = {int(client): last for client, last in last_ids.items()}
        groups: Mapping[str, str] = state["groups"]  # type: ignore[assignment]
        self._desk.groups = {name: Decimal(part) for name, part in groups.items()}
        self._take_up(datetime.fromisoformat(str(state["now"])))

    def _take_up(self, saved_at: datetime) -> None:
        """Go on from a saved instant: what the time between has ended, ends now."""
        if midnight_after(saved_at) <= self._now:
            self._new_day()
        self._now = self._ticked = max(self._now, saved_at)
        self._midnight = midnight_after(self._now)
        self._bell = self._hall.next_change(self._now)
        for order in list(self._desk.live.values()):
            if order.is_canceling:
                self._desk.cancel(order)
            else:
                self._desk.arm(order)
        self._agenda.at(self._now, self._desk.bell)


_READ_ONLY = Refusal(
    321,
    "Error validating request.-'bP' : cause - The API interface is currently in Read-Only mode.",
)
_CHAINED = ("SPY", "QQQ", "AAPL", "TQQQ")


def _first_perm_id(seed: int) -> int:
    digest = sha256(f"{seed}:perm".encode()).digest()
    return 1_000_000_000 + int.from_bytes(digest[:4], "big") % 500_000_000
