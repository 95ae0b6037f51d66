"""From cell to weights: the six rows, overlay, scaling, rounding."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategy.allocation import targets, weights
from tests.engine.strategy.material import parameters

ROWS = {
    1: ("0.6", "0.4", "0", "0", "0"),
    2: ("0", "1", "0", "0", "0"),
    3: ("0.2", "0.8", "0", "0", "0"),
    4: ("0", "0", "0", "0.4", "0"),
    5: ("0", "0.5", "0", "0.2", "0"),
    6: ("0", "0", "0", "0.4", "0"),
}


def decimals(row: tuple[str, ...]) -> tuple[Decimal, ...]:
    return tuple(Decimal(part) for part in row)


@pytest.mark.parametrize("cell", range(1, 7))
def test_rows_of_the_table_with_a_rising_bond(cell: int) -> None:
    assert targets(cell, True, parameters()) == decimals(ROWS[cell])


def test_a_falling_bond_moves_the_weight_to_the_bear_leg() -> None:
    assert targets(4, False, parameters()) == decimals(("0", "0", "0", "0", "0.4"))
    assert targets(5, False, parameters()) == decimals(("0", "0.5", "0", "0", "0.2"))


@pytest.mark.parametrize("changed", [{}, {"allow_treasury": False}])
def test_without_an_opinion_on_the_bond_all_stays_cash(changed: dict[str, object]) -> None:
    bull = None if not changed else True
    assert targets(4, bull, parameters(**changed)) == decimals(("0",) * 5)
    assert targets(5, bull, parameters(**changed)) == decimals(("0", "0.5", "0", "0", "0"))
    assert targets(6, bull, parameters(**changed)) == decimals(("0",) * 5)


def test_the_hedge_holds_the_inverse_leg_and_no_bond() -> None:
    hedged = parameters(use_inverse_hedge=True, w_psq_max="0.3")
    assert targets(6, True, hedged) == decimals(("0", "0", "0.3", "0", "0"))
    assert weights(6, True, hedged).cash == 0.7


def test_leverage_scales_cell_five_as_written() -> None:
    for scale in ("0.5", "1.5"):
        p = parameters(leverage_scalar=scale, allow_treasury=False)
        expected = 0.5 * float(scale) / (0.5 * float(scale) + 0.5)
        assert abs(weights(5, None, p).core - expected) < 1e-15


@given(
    st.integers(1, 6),
    st.sampled_from([True, False, None]),
    st.floats(0.5, 1.5),
    st.floats(0, 0.4),
    st.booleans(),
    st.booleans(),
)
def test_weights_are_never_negative_and_sum_to_one(
    cell: int, bull: bool | None, scale: float, cap: float, hedge: bool, overlay: bool
) -> None:
    p = parameters(
        leverage_scalar=scale, max_bond_weight=cap, use_inverse_hedge=hedge, allow_treasury=overlay
    )
    row = weights(cell, bull, p)
    assert min(row) >= 0.0
    assert abs(sum(row) - 1.0) < 1e-12
    legs = targets(cell, bull, p)
    assert sum(legs) <= 1
    assert all(leg == leg.quantize(Decimal("0.000001")) for leg in legs)


@given(st.floats(0.5, 1.5), st.sampled_from([True, False, None]))
def test_leverage_changes_nothing_in_cells_one_to_four_and_six(
    scale: float, bull: bool | None
) -> None:
    plain, scaled = parameters(), parameters(leverage_scalar=scale)
    for cell in (1, 2, 3, 4, 6):
        assert targets(cell, bull, scaled) == targets(cell, bull, plain)


def test_cells_four_and_six_want_the_same() -> None:
    for bull in (True, False, None):
        assert targets(4, bull, parameters()) == targets(6, bull, parameters())


def test_possible_deviations_between_default_targets() -> None:
    rows = {targets(c, b, parameters()) for c, b in product(range(1, 7), (True, False))}
    distances = {
        sum(abs(x - y) for x, y in zip(a, b, strict=True)) for a in rows for b in rows if a != b
    }
    assert distances == {Decimal(d) for d in ("0.4", "0.7", "0.8", "0.9", "1.1", "1.2", "1.4")}
