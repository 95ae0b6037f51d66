"""Whole-share arithmetic; regime-strategy.md, section 10, and behaviours.md, section 4.2."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.money import ZERO
from engine.strategy.sizing import below_minimum, strength_quantity, target_shares

S = Decimal("0.0005")

cents = st.integers(1, 10_000_00).map(lambda n: Decimal(n) / 100)
shares = st.integers(0, 100_000).map(Decimal)
fractions = st.integers(0, 1_000_000).map(lambda n: Decimal(n) / 1_000_000)


def sized(weight: str, equity: str, cash: str, owned: str, price: str) -> Decimal:
    """Return the signed shares at five basis points."""
    return target_shares(
        Decimal(weight), Decimal(equity), Decimal(cash), Decimal(owned), Decimal(price), S, ZERO
    ).quantity


def test_first_fills_of_the_golden_run() -> None:
    assert sized("0.4", "10000", "10000", "0", "46.33") == 86
    assert sized("0", "8500", "115.405735", "9285", "0.210391") == -9285


def test_target_zero_sells_all_that_is_owned() -> None:
    assert sized("0", "10000", "0", "173", "43.28") == -173
    assert sized("0", "10000", "0", "0", "43.28") == 0


def test_a_buy_is_limited_by_cash_and_expects_its_costs() -> None:
    assert sized("1", "10000", "10000", "0", "100") == 99
    assert sized("1", "10000", "1000", "0", "100") == 9
    assert sized("0.5", "10000", "-5", "0", "100") == 0
    with_fees = target_shares(
        Decimal(1), Decimal(1000), Decimal(1000), ZERO, Decimal(10), ZERO, Decimal("0.01"),
        Decimal(2),
    )  # fmt: skip
    assert with_fees.quantity == 99  # (1000 - 2) / 10.01 = 99.7


def test_a_reduction_sells_what_is_above_the_target() -> None:
    assert sized("0.5", "10000", "0", "100", "100") == -50
    assert sized("0.5", "10000", "5000", "50", "100") == 0
    assert sized("0.000001", "10000", "0", "100", "100") == -100


def test_the_arithmetic_is_told_in_words() -> None:
    buy = target_shares(
        Decimal("0.4"), Decimal(10_000), Decimal(10_000), ZERO, Decimal("46.33"), S, ZERO
    )
    assert buy.words == (
        "e 10000 · w 0.4 - q 0 · a 46.33 = g 4000; buy ⌊min(g, cash 10000) / 46.353165⌋ = 86"
    )
    fee = target_shares(
        Decimal("0.4"), Decimal(100), Decimal(100), ZERO, Decimal(7), ZERO, ZERO, Decimal(1)
    )
    assert "cash 100 - 1) / 7⌋ = 5" in fee.words
    sale = target_shares(Decimal("0.5"), Decimal(100), ZERO, Decimal(10), Decimal(10), S, ZERO)
    assert sale.words.endswith("g -50; sell ⌊-g / 9.995⌋ = 5")
    assert target_shares(ZERO, ZERO, ZERO, Decimal(7), Decimal(1), S, ZERO).words == (
        "target 0: sell all 7"
    )


@given(fractions, cents, shares, cents)
def test_shares_are_whole_and_neither_cash_nor_holding_goes_below_zero(
    weight: Decimal, cash: Decimal, owned: Decimal, price: Decimal
) -> None:
    equity = cash + owned * price
    quantity = target_shares(weight, equity, cash, owned, price, S, ZERO).quantity
    assert quantity == quantity.to_integral_value()
    assert owned + quantity >= 0
    if quantity > 0:
        assert cash - quantity * (price * (1 + S)) >= 0


@given(fractions, cents, shares, cents)
def test_the_same_target_twice_asks_for_nothing_more(
    weight: Decimal, cash: Decimal, owned: Decimal, price: Decimal
) -> None:
    equity = cash + owned * price
    first = target_shares(weight, equity, cash, owned, price, ZERO, ZERO).quantity
    again = target_shares(
        weight, equity, cash - first * price, owned + first, price, ZERO, ZERO
    ).quantity
    assert again == 0


@pytest.mark.parametrize(
    ("strength", "quantity"),
    [("0.85", 8), ("0.2", 5), ("1.7", 10), ("-3", 5), ("1", 10), ("0.5", 5)],
)
def test_strength_scales_a_base_of_ten(strength: str, quantity: int) -> None:
    assert strength_quantity(Decimal(10), Decimal(strength)) == quantity


def test_strength_never_gives_less_than_one_share() -> None:
    assert strength_quantity(Decimal(1), Decimal("0.5")) == 1


@pytest.mark.parametrize("strength", ["NaN", "Infinity", "-Infinity"])
def test_strength_that_is_no_number_is_refused(strength: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        strength_quantity(Decimal(10), Decimal(strength))


def test_orders_below_the_minimum_are_not_made_but_for_closing_everything() -> None:
    minimum, price = Decimal(100), Decimal("9.99")
    assert below_minimum(Decimal(10), price, ZERO, minimum)
    assert not below_minimum(Decimal(11), price, ZERO, minimum)
    assert below_minimum(Decimal(-10), price, Decimal(20), minimum)
    assert not below_minimum(Decimal(-10), price, Decimal(10), minimum)
