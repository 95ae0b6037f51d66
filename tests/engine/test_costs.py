"""Costs of the simulated exchange: golden vectors, rounding, sizing's worst case."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import OrderRef
from engine.domain.order import Side
from engine.errors import SettingsError
from engine.exchange.costs import Costs, chance

D = Decimal
REF = OrderRef("ref-1")
CENT = D("0.01")


def test_chance_of_a_fill_is_that_of_the_specification() -> None:
    assert round(chance(7, REF, 0), 6) == D("0.544315")
    assert round(chance(7, REF, 1), 6) == D("0.049338")


@pytest.mark.parametrize(
    ("side", "tick", "price"),
    [
        (Side.BUY, CENT, "100.03"),
        (Side.SELL, CENT, "99.97"),
        (Side.BUY, None, "100.020886"),
        (Side.SELL, None, "99.979114"),
    ],
)
def test_fill_price_is_that_of_the_specification(
    side: Side, tick: Decimal | None, price: str
) -> None:
    assert Costs().fill_price(side, D(100), tick, 7, REF, 0) == D(price)


def test_commission_per_share_has_a_minimum_and_a_maximum_an_order() -> None:
    costs = Costs(adjusted=False)
    assert costs.commission(D(0), D(0)) == 0
    assert costs.commission(D(10), D("1000.30")) == 1
    assert costs.commission(D(1000), D(100000)) == 5
    assert costs.commission(D(1), D(20)) == D("0.2")


def test_adjusted_history_pays_basis_points_and_says_so() -> None:
    costs = Costs(commission_bps=D(1))
    assert costs.commission(D(98), D("9803.92")) == D("0.980392")
    assert costs.describe()["sim.commission_bps"] == "1"
    assert "split-adjusted" in costs.describe()["sim.commission_per_share"]
    assert Costs(adjusted=False).describe()["sim.commission_per_share"] == "0.005"


def test_expectation_is_the_worst_case_of_what_is_charged() -> None:
    regime = Costs(half_spread_bps=D(5), slippage_bps=D(0))
    assert regime.expected(D(100)) == (D("0.0005"), D(0), D(0))
    assert Costs(commission_bps=D(1)).expected(D(50)) == (D("0.0003"), D("0.005"), D(0))
    per_share = Costs(adjusted=False)
    assert per_share.expected(D(100)) == (D("0.0003"), D("0.005"), D(1))
    assert per_share.expected(D(100), CENT)[0] == D("0.0003")
    assert per_share.expected(D(10), CENT)[0] == D("0.001")  # a tick is more than 3 bp


def test_a_cost_that_would_pay_the_trader_is_refused_by_name() -> None:
    with pytest.raises(SettingsError) as refusal:
        Costs(half_spread_bps=D(-1), commission_min=D("NaN"))
    assert len(refusal.value.findings) == 2


prices = st.decimals("0.05", "2000", places=6)
bps = st.decimals("0", "50", places=2)


@given(prices, bps, bps, st.integers(0, 9), st.sampled_from([None, CENT]), st.sampled_from(Side))
def test_no_fill_is_in_the_traders_favour(
    price: Decimal,
    half_spread: Decimal,
    slippage: Decimal,
    n: int,
    tick: Decimal | None,
    side: Side,
) -> None:
    costs = Costs(half_spread_bps=half_spread, slippage_bps=slippage)
    paid = costs.fill_price(side, price, tick, 7, REF, n)
    assert side.sign * (paid - price) >= 0


@given(prices, bps, st.integers(1, 10_000), st.booleans(), st.sampled_from([None, CENT]))
def test_worst_cost_covers_every_fill(
    price: Decimal, slippage: Decimal, quantity: int, adjusted: bool, tick: Decimal | None
) -> None:
    costs = Costs(slippage_bps=slippage, commission_bps=D("1.5"), adjusted=adjusted)
    paid = quantity * costs.fill_price(Side.BUY, price, tick, 7, REF, 0)
    total = paid + costs.commission(D(quantity), paid)
    assert total <= costs.worst_cost(D(quantity), price, tick)


@given(st.lists(st.tuples(st.integers(1, 500), prices), min_size=1, max_size=6), st.booleans())
def test_charges_of_partial_fills_add_up_to_that_of_the_order(
    fills: list[tuple[int, Decimal]], adjusted: bool
) -> None:
    costs = Costs(commission_bps=D(1), adjusted=adjusted)
    charged, quantity, value = D(0), D(0), D(0)
    for n, price in fills:
        before = costs.commission(quantity, value)
        quantity, value = quantity + n, value + n * price
        charge = costs.commission(quantity, value) - before
        assert charge >= 0
        charged += charge
    assert charged == costs.commission(quantity, value)
