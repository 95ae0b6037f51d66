"""The two sides of the practice broker: what the gateway calls, and what it hears.

Nothing here waits: time passes in `Venue.advance_to` alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

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


class Listener(Protocol):
    """What the venue announces, in order, while it is called; the gateway routes and encodes.

    Orders carry the owner's client id: callbacks go to that client, and to client 0 when the
    order came by hand. Facts for clients that are not connected are lost, as with a real gateway.
    """

    def open_order(self, view: OrderView) -> None:
        """Message 5."""

    def order_status(self, view: OrderView) -> None:
        """Message 3."""

    def execution(self, execution: Execution) -> None:
        """Message 11, live (request id −1)."""

    def commission(self, commission: Commission) -> None:
        """Message 59."""

    def position(self, row: PositionRow) -> None:
        """Message 61, to those who asked for positions."""

    def portfolio(self, row: PortfolioRow) -> None:
        """Message 7, to those who subscribed to the account."""

    def account_value(self, value: AccountValue) -> None:
        """Message 6, likewise."""

    def item(self, key: SubKey, item: Item) -> None:
        """A tick, bar or PnL of a subscription."""

    def error(self, client_id: int, request_id: int, code: int, text: str) -> None:
        """Message 4 about one order or subscription."""

    def link(self, code: int, text: str) -> None:
        """Message 4 with id −1, to every client: 1100, 1101, 1102, 2103 …"""

    def fault(self, fired: Fired) -> None:
        """A fault of sockets, sessions or frames that the gateway has to carry out."""


class Venue(Protocol):
    """The practice broker: what survives a restart of the gateway.

    Every answer to an order comes through the listener, during the call or a later `advance_to`.
    """

    account: str

    @property
    def is_read_only(self) -> bool:
        """Say whether orders are refused: then open orders are too."""

    def listen(self, listener: Listener) -> None:
        """Announce to this listener from now on."""

    # time
    def now(self) -> datetime:
        """Return the venue's instant."""

    def advance_to(self, at: datetime) -> None:
        """Let time pass until an instant: ticks, matching, faults, all announcements."""

    def advance(self, seconds: float) -> None:
        """Let some seconds pass."""

    def next_due(self) -> datetime:
        """Return when something can happen next: how long the gateway may sleep."""

    # orders
    def place(self, request: OrderRequest) -> None:
        """Take a new order, the change of a live one (same client and order id), or a what-if."""

    def cancel(self, client_id: int, order_id: int) -> None:
        """Ask for the end of an order."""

    def global_cancel(self) -> None:
        """Cancel every order of the account."""

    def open_orders(self, client_id: int | None = None) -> Sequence[OrderView]:
        """Return the living orders of a client, None: of all."""

    def completed_orders(self, *, api_only: bool = False) -> Sequence[OrderView]:
        """Return the orders that ended since midnight in New York."""

    def executions(self, wanted: ExecutionFilter) -> Sequence[tuple[Execution, Commission | None]]:
        """Return today's executions with their commissions so far known."""

    def last_order_id(self, client_id: int) -> int:
        """Return the highest order id that a client has used; 0 for none."""

    def restarted(self, id_rollback: int = 0) -> None:
        """Hear that the gateway has restarted: subscriptions end, ids may be issued again."""

    # account
    def positions(self) -> Sequence[PositionRow]:
        """Return all positions."""

    def portfolio(self) -> Sequence[PortfolioRow]:
        """Return all positions with their worth."""

    def account_values(self) -> Sequence[AccountValue]:
        """Return the numbers of the account."""

    # contracts
    def details(self, contract: Contract) -> Sequence[ContractDetails]:
        """Return every contract that a description fits; none: the gateway answers 200."""

    def qualify(self, contract: Contract) -> Contract | Refusal:
        """Return the one complete contract meant, or refusal 200."""

    def search(self, pattern: str) -> Sequence[Match]:
        """Return contracts by the beginning of symbol or name."""

    def chain(self, symbol: str, sec_type: str, under_con_id: int) -> Sequence[Chain]:
        """Return the option chains of an underlying."""

    def market_rule(self, rule_id: int) -> MarketRule | None:
        """Return a rule of price steps; None: the gateway answers 321."""

    # market
    def subscribe(self, wanted: Subscription) -> Refusal | None:
        """Open a stream: the first items come at the next `advance_to`."""

    def unsubscribe(self, key: SubKey) -> bool:
        """End a stream; False if there was none."""

    def unsubscribe_client(self, client_id: int) -> None:
        """End all streams of a client."""

    def snapshot(self, contract: Contract, data_type: int = 1) -> Sequence[Item]:
        """Return the ticks of this moment."""

    def history(self, ask: HistoryAsk) -> History | Refusal:
        """Return bars up to now; 162 for pacing and no data, 321 for what is not offered."""

    def schedule(self, ask: HistoryAsk) -> Schedule | Refusal:
        """Return sessions (what SCHEDULE)."""

    def head(self, contract: Contract, what: str) -> datetime | Refusal:
        """Return where history begins."""

    def histogram(
        self, contract: Contract, period: str, *, use_rth: bool
    ) -> Sequence[tuple[Decimal, Decimal]] | Refusal:
        """Return (price, size) over a period such as "3 days"."""

    def past_ticks(
        self,
        contract: Contract,
        start: datetime | None,
        end: datetime | None,
        count: int,
        what: str,
    ) -> Sequence[TradeTick | BidAskTick | MidTick] | Refusal:
        """Return ticks by TRADES, BID_ASK or MIDPOINT."""

    def option_by_volatility(
        self, contract: Contract, volatility: float, under_price: float
    ) -> OptionTick | Refusal:
        """Compute an option's price (tick type 53)."""

    def option_by_price(
        self, contract: Contract, price: float, under_price: float
    ) -> OptionTick | Refusal:
        """Compute an option's volatility (tick type 53)."""

    # faults
    def add_fault(self, fault: Fault) -> int:
        """Add to the fault script; returns its id. ValueError names what is wrong with it."""

    def clear_faults(self, name: str = "") -> int:
        """Remove faults by name, empty: all; returns how many."""

    def fired(self, fault_id: int) -> int:
        """Return how often a fault has fired."""

    def strike(
        self,
        point: str,
        *,
        client_id: int | None = None,
        order_ref: str = "",
        symbol: str = "",
        kind: int | None = None,
    ) -> Sequence[Fired]:
        """Ask which of the gateway's own faults fire at a point: connect, request:N, callback."""

    # state
    def export(self) -> dict[str, object]:
        """Return everything that survives, fit for JSON; includes the true history."""

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up an exported state."""
