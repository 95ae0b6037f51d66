"""The whole strategy on real prices with a minimal loop: decide, size, fill in leg order.

Golden: the 332 fills and the daily curve of the default preset, and the tables of
regime-strategy.md, section 17. The loop knows nothing of journals, gates or orders.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from time import perf_counter
from timeit import repeat

import pytest

from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO, to_micro_price
from engine.domain.session import FillRule
from engine.strategy.base import Wish
from engine.strategy.rebalance import RegimeStrategy
from engine.strategy.sizing import below_minimum, target_shares
from tests.engine.strategy.material import Facts, market, regime, rows_of

FIRST = date(2010, 1, 4)
FIVE_BPS = Decimal("0.0005")


@dataclass
class Account:
    """Cash, shares and targets carried out of one run."""

    s: Decimal = FIVE_BPS
    minimum: Decimal = Decimal(100)
    cash: Decimal = Decimal(10_000)
    shares: dict[InstrumentId, Decimal] = field(default_factory=dict)
    m: dict[InstrumentId, Decimal] = field(default_factory=dict)
    held_cell: int | None = None
    fills: list[dict[str, str]] = field(default_factory=list)
    rebalances: int = 0

    def equity(self, prices: dict[InstrumentId, Decimal]) -> Decimal:
        """Cash + Σ shares × price."""
        return self.cash + sum((n * prices[i] for i, n in self.shares.items() if n), ZERO)

    def carry_out(
        self, wish: Wish, prices: dict[InstrumentId, Decimal], day: date, decided_on: date
    ) -> None:
        """Size one wish on what is there now and fill it at the reference price."""
        instrument, weight = wish.instrument, wish.target_weight
        assert weight is not None
        owned, price = self.shares.get(instrument, ZERO), prices[instrument]
        quantity = target_shares(
            weight, self.equity(prices), self.cash, owned, price, self.s, ZERO
        ).quantity
        self.m[instrument] = weight
        if quantity == 0 or below_minimum(quantity, price, owned, self.minimum):
            return
        side = 1 if quantity > 0 else -1
        filled_at = to_micro_price(price * (1 + side * self.s))
        self.cash -= quantity * filled_at
        self.shares[instrument] = owned + quantity
        assert self.cash >= 0
        self.fills.append(
            {
                "session_date": day.isoformat(),
                "decided_on": decided_on.isoformat(),
                "symbol": instrument.split(":")[1],
                "side": "BUY" if side > 0 else "SELL",
                "quantity": str(abs(quantity)),
                "price": f"{filled_at:.6f}",
                "cash_after": f"{self.cash:.6f}",
            }
        )


def run(
    strategy: RegimeStrategy, account: Account, rule: FillRule = FillRule.NEXT_OPEN
) -> list[dict[str, str]]:
    """Trade 2010 to 2018; return the daily rows in the words of the golden file."""
    memory, listed, daily = strategy.memory(), set(), []
    same_close = rule is FillRule.SAME_CLOSE
    for n, (day, bars) in enumerate(market()):
        if same_close:
            strategy.advance(memory, day, n, bars)
        if day >= FIRST:
            listed |= set(bars)
            at_open = rule is FillRule.NEXT_OPEN
            prices = {i: bar.open if at_open else bar.close for i, bar in bars.items()}
            facts = Facts(
                session_date=day,
                ordinal=n,
                prices=prices,
                positions=account.shares,
                m=account.m,
                cash=account.cash,
                held_cell=account.held_cell,
                unlisted=frozenset(set(strategy.legs) - listed),
                fill_rule=rule,
            )
            decide(strategy, memory, account, facts, prices)
        if not same_close:
            strategy.advance(memory, day, n, bars)
        if day >= FIRST:
            closes = {i: bar.close for i, bar in bars.items()}
            row = {
                "session_date": day.isoformat(),
                "held_cell": str(account.held_cell),
                "equity": f"{account.equity(closes):.6f}",
                "cash": f"{account.cash:.6f}",
            }
            shares = {i.split(":")[1]: str(account.shares.get(i, ZERO)) for i in strategy.legs}
            daily.append(row | shares)
    return daily


def decide(
    strategy: RegimeStrategy,
    memory: object,
    account: Account,
    facts: Facts,
    prices: dict[InstrumentId, Decimal],
) -> None:
    """Let the strategy decide once and carry its wishes out, reductions first."""
    verdict = strategy.decide(memory, facts)  # type: ignore[arg-type]
    assert verdict.reading is not None
    assert verdict.deviation is not None
    assert verdict.threshold is not None
    assert verdict.result in ("rebalance", "no_trade")
    before = len(account.fills)
    for wish in sorted(verdict.wishes, key=lambda wish: wish.pass_no):
        account.carry_out(wish, prices, facts.session_date, verdict.reading.session_date)
    account.rebalances += len(account.fills) > before
    # a cell is held once its targets are: cells 4 and 6 may follow each other without a trade
    if verdict.wishes or verdict.deviation <= verdict.threshold:
        account.held_cell = verdict.reading.cell


def test_all_fills_of_the_golden_run_row_for_row() -> None:
    account = Account()
    daily = run(regime(), account)
    assert len(account.fills) == 332
    assert account.fills == rows_of("portfolio_2010_2018_fills.csv")
    assert account.rebalances == 147
    golden = rows_of("portfolio_2010_2018_daily.csv")
    assert len(golden) == 2264
    assert daily == golden


@pytest.mark.parametrize(
    ("preset", "final", "fills", "rebalances"),
    [
        ("smooth15", "38611.36", 301, 133),
        ("classic126", "34508.08", 323, 139),
        ("noise2000", "39277.89", 319, 137),
    ],
)
def test_the_other_presets(preset: str, final: str, fills: int, rebalances: int) -> None:
    account = Account()
    daily = run(regime(preset), account)
    assert f"{Decimal(daily[-1]['equity']):.2f}" == final
    assert (len(account.fills), account.rebalances) == (fills, rebalances)


@pytest.mark.parametrize(
    ("rule", "bps", "final", "fills"),
    [
        (FillRule.NEXT_OPEN, 10, "40222.94", 332),
        (FillRule.NEXT_CLOSE, 5, "36549.94", 332),
        (FillRule.SAME_CLOSE, 5, "64766.86", 330),
    ],
)
def test_the_other_fill_rules_and_costs(rule: FillRule, bps: int, final: str, fills: int) -> None:
    account = Account(s=Decimal(bps) / 10_000)
    daily = run(regime(), account, rule)
    assert f"{Decimal(daily[-1]['equity']):.2f}" == final
    assert len(account.fills) == fills


@pytest.mark.parametrize(("threshold", "fills"), [("0.05", 368), ("0.025", 491)])
def test_rebalancing_by_drift_trades_more_and_earns_the_same(threshold: str, fills: int) -> None:
    # section 9 counts every whole share; the general 100 USD would leave out two of them
    account = Account(minimum=ZERO)
    strategy = regime(rebalance_on="actual_drift", drift_threshold=threshold)
    daily = run(strategy, account)
    assert len(account.fills) == fills
    assert abs(Decimal(daily[-1]["equity"]) / Decimal("43309.87") - 1) < Decimal("0.01")


@pytest.mark.bench
def test_a_session_is_read_within_sixty_microseconds() -> None:
    strategy, days, best = regime(), market(), 1.0
    for _ in range(5):
        memory, began = strategy.memory(), perf_counter()
        for n, (day, bars) in enumerate(days):
            strategy.advance(memory, day, n, bars)
        best = min(best, (perf_counter() - began) / len(days))
    day, bars = days[-1]
    prices = {i: bar.close for i, bar in bars.items()}
    facts = Facts(session_date=day, ordinal=len(days), prices=prices)
    decided = min(repeat(lambda: strategy.decide(memory, facts), number=1000, repeat=5)) / 1000
    print(f"advance {best * 1e6:.1f} µs, decide {decided * 1e6:.1f} µs")
    assert best < 60e-6
    assert decided < 100e-6
