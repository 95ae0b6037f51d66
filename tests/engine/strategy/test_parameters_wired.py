"""Each parameter moves what it should, and no more; regime-strategy.md, section 2."""

from datetime import date
from decimal import Decimal

import pytest

from engine.strategy import registry
from engine.strategy.allocation import targets
from engine.strategy.regime import RegimeMemory, RegimeModel
from tests.engine.strategy.material import QQQ, TLT, market, parameters, rows_of

FIRST, LAST = date(2010, 1, 4), date(2018, 12, 31)

Session = tuple[int, tuple[Decimal, ...]]

MOVES = [
    # key, value, sessions with another cell, with other weights
    ("measurement_noise", "2000", 60, 56),
    ("process_noise_1", "1", 11, 10),
    ("process_noise_1", "0.008", 0, 0),
    ("process_noise_1", "0.012", 0, 0),
    ("process_noise_2", "1", 767, 725),
    ("osc_smoothness", "15", 122, 111),
    ("strength_smoothness", "5", 0, 0),
    ("t_max", "60", 23, 21),
    ("symmetric_volume_adjustment", "false", 19, 18),
    ("double_smoothing", "true", 346, 312),
    ("sma_fast", "50", 71, 56),
    ("sma_slow", "200", 138, 110),
    ("t_norm_bull_thresh", "0.2", 195, 195),
    ("t_norm_bear_thresh", "-0.2", 12, 5),
    ("realized_vol_window", "15", 242, 242),
    ("vol_baseline_window", "126", 168, 168),
    ("upper_thresh_z", "1.2", 37, 37),
    ("lower_thresh_z", "0.0", 0, 0),
    ("lower_thresh_z", "0.16", 0, 0),
    ("lower_thresh_z", "0.24", 0, 0),
    ("vol_crush_threshold", "-0.2", 35, 35),
    ("vol_crush_lookback", "10", 54, 54),
    ("leverage_scalar", "0.5", 0, 6),
    ("use_inverse_hedge", "true", 0, 63),
    ("w_psq_max", "0.3", 0, 0),
    ("allow_treasury", "false", 0, 365),
    ("bond_sma_fast", "10", 0, 27),
    ("bond_sma_slow", "100", 0, 28),
    ("max_bond_weight", "0.3", 0, 359),
]
INERT = {"strength_smoothness", "w_psq_max", "rebalance_threshold", "drift_threshold"}
OUTSIDE = {"rebalance_on", "execution_slot"}  # when and why to trade: the portfolio's tests


def sessions(**changed: object) -> list[Session]:
    """Return cell and target weights of every session of the range."""
    p = parameters(**changed)
    of, memory, read = RegimeModel(p), RegimeMemory(), []
    for n, (day, bars) in enumerate(market()):
        of.advance(memory, day, n, bars[QQQ], bars[TLT])
        if FIRST <= day <= LAST:
            assert memory.reading is not None
            cell = memory.reading.cell
            read.append((cell, targets(cell, memory.reading.bond_bull, p)))
    return read


@pytest.fixture(scope="module")
def default() -> list[Session]:
    """The default preset's sessions."""
    rows_of("market/QQQ.csv")
    return sessions()


def differences(one: list[Session], other: list[Session]) -> tuple[int, int]:
    """Count sessions with another cell and with other weights."""
    pairs = list(zip(one, other, strict=True))
    return sum(a[0] != b[0] for a, b in pairs), sum(a[1] != b[1] for a, b in pairs)


@pytest.mark.parametrize(("key", "value", "cells", "weights"), MOVES)
def test_key_moves_as_many_sessions_as_measured(
    default: list[Session], key: str, value: str, cells: int, weights: int
) -> None:
    assert len(default) == 2264
    assert differences(sessions(**{key: value}), default) == (cells, weights)


def test_inverse_cap_moves_the_weights_once_the_hedge_is_on() -> None:
    hedged = sessions(use_inverse_hedge=True)
    capped = sessions(use_inverse_hedge=True, w_psq_max="0.3")
    assert differences(capped, hedged) == (0, 63)


def test_every_key_moves_something_or_is_named_inert() -> None:
    moving = {key for key, _, cells, weights in MOVES if cells or weights}
    schema = registry.SCHEMAS["regime"]
    keys = {p.key for p in schema.parameters if not p.key.endswith("_symbol")}
    # active, and without effect near its default
    assert keys - moving - INERT - OUTSIDE == {"lower_thresh_z"}
    inert = schema.inert(registry.resolve("regime").values)
    assert set(inert) == INERT | {"inverse_hedge_symbol"}
