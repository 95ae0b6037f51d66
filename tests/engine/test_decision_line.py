"""The line of a decision is the same before it is journaled and after it is read back."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from engine.core.digest import decision_line
from engine.domain.event import DecisionMade
from engine.domain.ids import DecisionId, StrategyId

MADE = DecisionMade(
    decision_id=DecisionId("dec_1"),
    strategy=StrategyId("regime"),
    parameter_hash="c8ff8a1b35a3c934",
    preset="default",
    session_date=date(2026, 11, 20),
    slot="open",
    fill_rule="next_open",
    result="rebalance",
    text="cell 3 → 1",
    reading_date=date(2026, 11, 19),
    cell=1,
    held_cell=3,
    series=(),
    gates=(),
    steps=(),
    carried={},
    targets={"TQQQ": Decimal("0.5"), "QQQ": Decimal("0.50"), "PSQ": Decimal(0)},
    deviation=None,
    drift=None,
    threshold=None,
    prices={},
    equity=Decimal(10_000),
    cash=Decimal(10_000),
    legs=(),
)


def test_line_does_not_depend_on_the_order_of_targets() -> None:
    """A journal's JSON sorts its keys: a folded decision lists them otherwise than a new one."""
    turned = replace(MADE, targets=dict(sorted(MADE.targets.items())))
    assert decision_line(turned) == decision_line(MADE)


def test_line_does_not_depend_on_trailing_zeros() -> None:
    """0.50 and 0.5 are one weight."""
    assert b"QQQ=0.5,TQQQ=0.5" in decision_line(MADE)
