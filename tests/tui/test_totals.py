"""Several strategies are worth what they are worth together."""

from typing import Any

import pytest

from tui.totals import totals


def row(strategy: str, equity: float, daily: float | None, total: float | None) -> dict[str, Any]:
    """A stored snapshot."""
    return {
        "session_date": "2026-11-20", "strategy_id": strategy, "equity": equity, "cash": 1.0,
        "daily_return": daily, "cumulative_return": total, "drawdown": -0.5,
    }  # fmt: skip


def test_of_one_strategy_the_stored_figures_stand() -> None:
    (one,) = totals([[row("a", 90.0, -0.1, -0.1)]])
    assert (one["equity"], one["daily_return"], one["drawdown"]) == (90.0, -0.1, -0.5)


def test_of_several_the_returns_are_those_of_their_sums() -> None:
    first = [row("a", 110.0, 0.1, 0.1), row("b", 100.0, 0.0, 0.0)]
    then = [row("a", 99.0, -0.1, -0.01), row("b", 100.0, 0.0, 0.0)]
    up, down = totals([first, then])
    assert (up["equity"], up["cash"], up["ordinal"]) == (210.0, 2.0, 1)
    assert up["daily_return"] == up["cumulative_return"] == pytest.approx(0.05)
    assert up["drawdown"] == 0.0
    assert down["daily_return"] == pytest.approx(199 / 210 - 1)
    assert down["cumulative_return"] == pytest.approx(199 / 200 - 1)
    assert down["drawdown"] == pytest.approx(199 / 210 - 1)


def test_money_that_joins_is_no_gain_and_what_is_not_known_stays_so() -> None:
    alone, joined = totals([[row("a", 90.0, -0.1, -0.1)],
                            [row("a", 90.0, 0.0, -0.1), row("b", 500.0, 0.0, 0.0)]])  # fmt: skip
    assert (alone["daily_return"], joined["daily_return"]) == (-0.1, pytest.approx(0.0))
    assert joined["drawdown"] == pytest.approx(-0.1)
    unknown = totals([[row("a", 90.0, None, 0.1), row("b", 500.0, 0.0, 0.0)]] * 2)
    assert [(r["daily_return"], r["drawdown"]) for r in unknown] == [(None, None)] * 2
    assert unknown[0]["cumulative_return"] is not None
