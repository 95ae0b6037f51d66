"""The practice account: one ledger that positions, cash, margin and profit are read from.

A fill enters the ledger once, by the root of its execution id; a correction replaces it and the
day is added up again. At midnight the day's fills are folded into the balances they lead to.
Costs include commissions, as the broker's average cost does; for what was sold short they are
the proceeds less commissions, with a minus.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from engine.brokers.practice.model import (
    ZERO,
    AccountValue,
    Pnl,
    PortfolioRow,
    PositionRow,
    WhatIf,
)
from engine.brokers.practice.universe import CENT, Traded
from engine.exchange.costs import Costs

STOCK_COSTS = Costs(adjusted=False)
_OPTION_FEE, _OPTION_MIN = Decimal("0.65"), Decimal(1)
_FINE = Decimal("0.00000001")
_INITIAL, _MAINTENANCE, _LEVERAGED = Decimal("0.5"), Decimal("0.25"), Decimal("0.75")
_SHORT_OPTION = Decimal("0.2")
_DAY_TRADING = 4  # buying power in terms of available funds


def commission(traded: Traded, quantity: Decimal, value: Decimal) -> Decimal:
    """Return what an order owes once this quantity, worth this value, has filled."""
    if not quantity:
        return ZERO
    if traded.is_option:
        return max(_OPTION_MIN, quantity * _OPTION_FEE)
    return STOCK_COSTS.commission(quantity, value)


@dataclass(frozen=True, slots=True)
class Entry:
    """One fill in the ledger."""

    root: str  # of the execution id
    traded: Traded
    sign: int  # 1 bought, −1 sold
    shares: Decimal
    price: Decimal
    commission: Decimal


@dataclass(slots=True)
class Holding:
    """What is held of one contract."""

    traded: Traded
    quantity: Decimal = ZERO
    cost: Decimal = ZERO  # of what is held, with commissions and multiplier
    realized: Decimal = ZERO  # since midnight

    @property
    def avg_cost(self) -> Decimal:
        """Return the cost of one."""
        return (
            (self.cost / self.quantity).quantize(_FINE, ROUND_HALF_EVEN) if self.quantity else ZERO
        )

    def take(self, entry: Entry) -> Decimal | None:
        """Book a fill; returns the profit realised, None if it only opened."""
        multiplier, signed = self.traded.multiplier, entry.sign * entry.shares
        closing = ZERO
        if self.quantity * signed < 0:
            closing = min(abs(self.quantity), entry.shares)
        opening = entry.shares - closing
        profit: Decimal | None = None
        if closing:
            fee = entry.commission * closing / entry.shares
            whole = closing == abs(self.quantity)
            freed = self.cost if whole else self.cost * closing / abs(self.quantity)
            profit = -(entry.sign * closing * entry.price * multiplier + fee) - freed
            profit = profit.quantize(_FINE, ROUND_HALF_EVEN)
            self.cost = ZERO if whole else self.cost - freed
            self.realized += profit
        if opening:
            fee = entry.commission * opening / entry.shares
            self.cost += entry.sign * opening * entry.price * multiplier + fee
        self.quantity += signed
        return profit


@dataclass(slots=True)
class _Balance:
    """Where the ledger stood at midnight."""

    cash: Decimal
    holdings: dict[int, tuple[Traded, Decimal, Decimal]] = field(default_factory=dict)
    worth: Decimal = ZERO  # net liquidation
    unrealized: dict[int, Decimal] = field(default_factory=dict)


Marks = Callable[[Traded], Decimal]
"""The price a contract is valued at."""


class Account:
    """Cash and holdings of one account; `marks` gives the prices of the moment."""

    def __init__(self, name: str, cash: Decimal, marks: Marks) -> None:
        self.name = name
        self.cash = cash
        self.holdings: dict[int, Holding] = {}
        self._marks = marks
        self._morning = _Balance(cash, worth=cash)
        self._today: dict[str, Entry] = {}  # by root, in the order booked

    # -- booking -------------------------------------------------------------------------------

    def book(self, entry: Entry) -> Decimal | None:
        """Book a fill, or its correction; returns the profit it realised, None if none."""
        corrects = entry.root in self._today
        self._today[entry.root] = entry
        return self._add_up(entry.root) if corrects else self._take(entry)

    def _take(self, entry: Entry) -> Decimal | None:
        if not entry.shares:
            return None
        self.cash -= entry.sign * entry.shares * entry.price * entry.traded.multiplier
        self.cash -= entry.commission
        con_id = entry.traded.contract.con_id
        return self.holdings.setdefault(con_id, Holding(entry.traded)).take(entry)

    def _add_up(self, root: str) -> Decimal | None:
        self.cash = self._morning.cash
        self.holdings = {
            con_id: Holding(traded, quantity, cost)
            for con_id, (traded, quantity, cost) in self._morning.holdings.items()
        }
        profits = {one: self._take(entry) for one, entry in self._today.items()}
        return profits[root]

    def midnight(self) -> None:
        """Begin a new day: realised profit and corrections end here."""
        self._today.clear()
        self.holdings = {
            con_id: Holding(one.traded, one.quantity, one.cost)
            for con_id, one in self.holdings.items()
            if one.quantity
        }
        self._morning = _Balance(
            self.cash,
            {c: (one.traded, one.quantity, one.cost) for c, one in self.holdings.items()},
            self.net_liquidation,
            {c: self._unrealized(one) for c, one in self.holdings.items()},
        )

    # -- worth ---------------------------------------------------------------------------------

    @property
    def net_liquidation(self) -> Decimal:
        """Return cash and everything held at its mark."""
        return self.cash + sum((self._worth(one) for one in self.holdings.values()), ZERO)

    def _worth(self, one: Holding) -> Decimal:
        return one.quantity * self._marks(one.traded) * one.traded.multiplier

    def _unrealized(self, one: Holding) -> Decimal:
        return self._worth(one) - one.cost if one.quantity else ZERO

    def quantity(self, con_id: int) -> Decimal:
        """Return how much is held of a contract."""
        held = self.holdings.get(con_id)
        return held.quantity if held else ZERO

    def margin(self, changes: Mapping[int, tuple[Traded, Decimal]]) -> tuple[Decimal, Decimal]:
        """Return initial and maintenance margin after some changes of quantities."""
        after = {c: (one.traded, one.quantity) for c, one in self.holdings.items()}
        for con_id, (traded, change) in changes.items():
            after[con_id] = (traded, after.get(con_id, (traded, ZERO))[1] + change)
        initial = maintenance = ZERO
        for traded, quantity in after.values():
            first, later = self._required(traded, quantity)
            initial += first
            maintenance += later
        return initial, maintenance

    def _required(self, traded: Traded, quantity: Decimal) -> tuple[Decimal, Decimal]:
        if not quantity:
            return ZERO, ZERO
        value = abs(quantity) * self._marks(traded) * traded.multiplier
        if not traded.is_option:
            if traded.listing.leverage >= 3:
                return value * _LEVERAGED, value * _LEVERAGED
            return value * _INITIAL, value * _MAINTENANCE
        if quantity > 0:
            return value, value
        under = self._marks(Traded(traded.contract, traded.listing))
        gap = traded.contract.strike - under
        out = max(ZERO, gap if traded.contract.right == "C" else -gap)
        cover = max(ZERO, _SHORT_OPTION * under - out) * abs(quantity) * traded.multiplier
        return value + cover, value + cover

    def what_if(self, traded: Traded, signed: Decimal, price: Decimal) -> WhatIf:
        """Return what an order filled whole at a price would change."""
        con_id = traded.contract.con_id
        before = self.margin({})
        after = self.margin({con_id: (traded, signed)})
        fee = commission(traded, abs(signed), abs(signed) * price * traded.multiplier)
        # filled at its price and valued at the mark: the difference is gained or lost at once
        change = signed * (self._marks(traded) - price) * traded.multiplier - fee
        equity = self.net_liquidation

        def triple(first: Decimal, last: Decimal) -> tuple[Decimal, Decimal, Decimal]:
            first, last = _cents(first), _cents(last)
            return first, last - first, last

        return WhatIf(
            init_margin=triple(before[0], after[0]),
            maint_margin=triple(before[1], after[1]),
            equity_with_loan=triple(equity, equity + change),
            commission=fee,
        )

    # -- views ---------------------------------------------------------------------------------

    def positions(self) -> Sequence[PositionRow]:
        """Return what is held."""
        return [self.position(one) for one in self.holdings.values() if one.quantity]

    def position(self, one: Holding) -> PositionRow:
        """Return one holding as a position, zero included."""
        return PositionRow(
            account=self.name,
            contract=one.traded.contract,
            position=one.quantity,
            avg_cost=one.avg_cost,
        )

    def portfolio(self) -> Sequence[PortfolioRow]:
        """Return what is held or was today, with its worth."""
        return [self.portfolio_row(one) for one in self.holdings.values()]

    def portfolio_row(self, one: Holding) -> PortfolioRow:
        """Return one holding with its worth."""
        return PortfolioRow(
            account=self.name,
            contract=one.traded.contract,
            position=one.quantity,
            market_price=self._marks(one.traded),
            market_value=_cents(self._worth(one)),
            average_cost=one.avg_cost,
            unrealized_pnl=_cents(self._unrealized(one)),
            realized_pnl=_cents(one.realized),
        )

    def pnl(self) -> Pnl:
        """Return the day's profit and loss."""
        return Pnl(
            daily=_cents(self.net_liquidation - self._morning.worth),
            unrealized=_cents(self._sum(self._unrealized(h) for h in self.holdings.values())),
            realized=_cents(self._sum(h.realized for h in self.holdings.values())),
        )

    def pnl_single(self, con_id: int) -> Pnl:
        """Return the day's profit and loss of one contract."""
        one = self.holdings.get(con_id)
        if one is None:
            return Pnl(daily=ZERO, unrealized=ZERO, realized=ZERO, position=ZERO, value=ZERO)
        earlier = self._morning.unrealized.get(con_id, ZERO)
        return Pnl(
            daily=_cents(self._unrealized(one) + one.realized - earlier),
            unrealized=_cents(self._unrealized(one)),
            realized=_cents(one.realized),
            position=one.quantity,
            value=_cents(self._worth(one)),
        )

    def _sum(self, numbers: Iterable[Decimal]) -> Decimal:
        return sum(numbers, ZERO)

    def values(self) -> Sequence[AccountValue]:
        """Return the account's numbers by key."""
        stocks = options = gross = unrealized = realized = ZERO
        for one in self.holdings.values():
            worth = self._worth(one)
            gross += abs(worth)
            unrealized += self._unrealized(one)
            realized += one.realized
            if one.traded.is_option:
                options += worth
            else:
                stocks += worth
        equity = self.cash + stocks + options
        initial, maintenance = self.margin({})
        available, excess = equity - initial, equity - maintenance
        cushion = (excess / equity).quantize(Decimal("0.000001")) if equity else ZERO
        dollars = {
            "AccruedCash": ZERO,
            "AvailableFunds": available,
            "BuyingPower": max(ZERO, available * _DAY_TRADING),
            "EquityWithLoanValue": equity,
            "ExcessLiquidity": excess,
            "FullAvailableFunds": available,
            "FullExcessLiquidity": excess,
            "FullInitMarginReq": initial,
            "FullMaintMarginReq": maintenance,
            "GrossPositionValue": gross,
            "InitMarginReq": initial,
            "LookAheadAvailableFunds": available,
            "LookAheadExcessLiquidity": excess,
            "LookAheadInitMarginReq": initial,
            "LookAheadMaintMarginReq": maintenance,
            "MaintMarginReq": maintenance,
            "NetLiquidation": equity,
            "PreviousDayEquityWithLoanValue": self._morning.worth,
            "RegTEquity": equity,
            "RegTMargin": initial,
            "SMA": available,
            "SettledCash": self.cash,
            "TotalCashValue": self.cash,
        }
        ledger = {
            "CashBalance": self.cash,
            "NetLiquidationByCurrency": equity,
            "OptionMarketValue": options,
            "RealizedPnL": realized,
            "StockMarketValue": stocks,
            "TotalCashBalance": self.cash,
            "UnrealizedPnL": unrealized,
        }
        words = {
            "AccountCode": self.name,
            "AccountReady": "true",
            "AccountType": "INDIVIDUAL",
            "Cushion": f"{cushion.normalize():f}",
            "DayTradesRemaining": "-1",
        }
        return [
            *(AccountValue(key, value) for key, value in words.items()),
            *(AccountValue(key, _text(value), "USD") for key, value in dollars.items()),
            *(
                AccountValue(key, _text(value), currency)
                for currency in ("BASE", "USD")
                for key, value in ledger.items()
            ),
            *(AccountValue("Currency", currency, currency) for currency in ("BASE", "USD")),
            *(AccountValue("ExchangeRate", "1.00", currency) for currency in ("BASE", "USD")),
        ]

    # -- what survives -------------------------------------------------------------------------

    def export(self) -> dict[str, object]:
        """Return the ledger, fit for JSON; contracts by id."""
        return {
            "name": self.name,
            "cash": str(self._morning.cash),
            "worth": str(self._morning.worth),
            "holdings": {
                str(c): [str(quantity), str(cost), str(self._morning.unrealized.get(c, ZERO))]
                for c, (_, quantity, cost) in self._morning.holdings.items()
            },
            "today": [
                [
                    *(e.root, e.traded.contract.con_id, e.sign),
                    *(str(e.shares), str(e.price), str(e.commission)),
                ]
                for e in self._today.values()
            ],
        }

    def restore(self, state: Mapping[str, object], traded: Callable[[int], Traded]) -> None:
        """Take up an exported ledger."""
        held: Mapping[str, Sequence[str]] = state["holdings"]  # type: ignore[assignment]
        rows: Sequence[Sequence[str | int]] = state["today"]  # type: ignore[assignment]
        self._morning = _Balance(
            Decimal(str(state["cash"])),
            {
                int(c): (traded(int(c)), Decimal(q), Decimal(cost))
                for c, (q, cost, _) in held.items()
            },
            Decimal(str(state["worth"])),
            {int(c): Decimal(unrealized) for c, (_, _, unrealized) in held.items()},
        )
        self.cash = self._morning.cash
        self.holdings = {
            c: Holding(one, quantity, cost)
            for c, (one, quantity, cost) in self._morning.holdings.items()
        }
        self._today = {}
        for root, con_id, sign, shares, price, fee in rows:
            self.book(
                Entry(
                    str(root),
                    traded(int(con_id)),
                    int(sign),
                    Decimal(shares),
                    Decimal(price),
                    Decimal(fee),
                )
            )


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_EVEN)


def _text(value: Decimal) -> str:
    return f"{_cents(value):f}"
