"""From cell to weights: the six rows, the bond overlay, scaling and rounding.

| cell            | leveraged | core | inverse         | bond | cash |
|-----------------|-----------|------|-----------------|------|------|
| 1 Kill Zone     | 0.6       | 0.4  |                 |      |      |
| 2 Fragile       |           | 1.0  |                 |      |      |
| 3 Drift         | 0.2       | 0.8  |                 |      |      |
| 4 Chop          |           |      |                 | 0.4  | 0.6  |
| 5 Grind         |           | 0.5  |                 | 0.2  | 0.3  |
| 6 Crash         |           |      |                 | 0.4  | 0.6  |
| 6 Crash, hedge  |           |      | min(0.5, limit) |      | rest |

Bond and cash of cells 4, 5 and 6 share the part D that is defensive: 1, a half, 1. The bond
gets 0.4 D at most, bull or bear by the bond's own averages; without an opinion on the bond
all of D stays cash. regime-strategy.md, section 6.
"""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.money import ONE, from_float
from engine.strategy.regime import RegimeParameters

BOND_SHARE = 0.4
INVERSE_MAX = 0.5
LEGS = ("leveraged", "core", "inverse", "bull_bond", "bear_bond")
LEVERAGES = (Decimal(3), ONE, ONE, Decimal(3), Decimal(3))  # of the legs, as absolute values


class Weights(NamedTuple):
    """Shares of equity, float64, sum 1."""

    leveraged: float = 0.0
    core: float = 0.0
    inverse: float = 0.0
    bull_bond: float = 0.0
    bear_bond: float = 0.0
    cash: float = 0.0


def table_row(cell: int, bond_bull: bool | None, p: RegimeParameters) -> Weights:
    """Return the row of a cell with the overlay, before scaling."""
    if cell == 1:
        return Weights(leveraged=0.6, core=0.4)
    if cell == 2:
        return Weights(core=1.0)
    if cell == 3:
        return Weights(leveraged=0.2, core=0.8)
    if cell == 6 and p.use_inverse_hedge:
        inverse = min(INVERSE_MAX, p.w_psq_max)
        return Weights(inverse=inverse, cash=1.0 - inverse)
    defensive = 0.5 if cell == 5 else 1.0
    bond = 0.0
    if p.allow_treasury and bond_bull is not None:
        bond = min(BOND_SHARE * defensive, p.max_bond_weight)
    return Weights(
        core=1.0 - defensive,
        bull_bond=bond if bond_bull else 0.0,
        bear_bond=0.0 if bond_bull else bond,
        cash=defensive - bond,
    )


def weights(cell: int, bond_bull: bool | None, p: RegimeParameters) -> Weights:
    """Return the normalised weights of a cell: the row, its stock legs scaled."""
    row = table_row(cell, bond_bull, p)
    scale = p.leverage_scalar
    scaled = Weights(
        row.leveraged * scale,
        row.core * scale,
        row.inverse * scale,
        row.bull_bond,
        row.bear_bond,
        row.cash,
    )
    total = sum(scaled)
    return Weights(*(part / total for part in scaled))


def targets(cell: int, bond_bull: bool | None, p: RegimeParameters) -> tuple[Decimal, ...]:
    """Return the target weights of the five legs in leg order, rounded to 6 decimals.

    Cash is what remains of 1.
    """
    row = weights(cell, bond_bull, p)
    return tuple(from_float(part, what="weight") for part in row[: len(LEGS)])
