"""Limits: who wins, what is refused, how they are said."""

from decimal import Decimal

import pytest

from engine.errors import SettingsError
from engine.risk.limits import KEYS, RANGES, Limits, merge

D = Decimal


def test_settings_win_over_the_strategy_and_the_strategy_over_defaults() -> None:
    found = merge(
        Limits(),
        {"order_size": "1", "symbol_exposure": "1", "loss_day": "0.15"},
        {"order_size": D("0.5"), "open_positions": 3},
    )
    assert (found.order_size, found.symbol_exposure) == (D("0.5"), D(1))
    assert (found.loss_day, found.loss_severe, found.open_positions) == (D("0.15"), D("0.10"), 3)
    origins = [found.origin(key) for key in ("order_size", "symbol_exposure", "drawdown")]
    assert origins == ["settings", "strategy", "default"]


def test_every_finding_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        merge(
            Limits(),
            {"ordersize": "1", "trades_day": "2.5", "orders_day": "off"},
            {"order_size": "0", "slippage": "much", "drawdown": "1.5", "notional_day": "NaN"},
        )
    text = "\n".join(refusal.value.findings)
    assert len(refusal.value.findings) == 7
    assert "limit ordersize (strategy): unknown, known are order_size" in text
    assert "limit trades_day (strategy) = 2.5: allowed is a whole number from 1 to 10000" in text
    assert "limit orders_day (strategy) = off: cannot be off" in text
    assert "limit order_size (settings) = 0: allowed is above 0 to 10, or off" in text
    assert "limit slippage (settings) = much: not a number" in text
    assert "limit drawdown (settings) = 1.5: allowed is above 0 to 1, or off" in text
    assert "limit notional_day (settings) = NaN: allowed is above 0 to 1000" in text


def test_caps_of_the_account_cannot_be_off() -> None:
    off = {key for key, allowed in RANGES.items() if allowed.may_be_off}
    assert not off & {"orders_minute", "orders_working", "orders_day", "notional_day", "slippage"}


def test_every_limit_has_a_range_that_holds_its_default_and_words() -> None:
    defaults = Limits()
    again = merge(defaults, {}, {key: getattr(defaults, key) for key in KEYS})
    assert [getattr(again, key) for key in KEYS] == [getattr(defaults, key) for key in KEYS]
    assert set(defaults.words) == set(KEYS)
    assert defaults.words["slippage"] == "1.00%"
    assert defaults.words["order_size"] == "0.30 of equity"
    assert merge(defaults, {"quality": "off"}, {}).words["quality"] == "off"


def test_only_losses_that_are_all_off_can_never_latch() -> None:
    off = dict.fromkeys(("loss_day", "loss_severe", "drawdown"), "off")
    assert Limits().can_latch
    assert merge(Limits(), {"loss_day": "off", "drawdown": "off"}, {}).can_latch
    assert not merge(Limits(), off, {}).can_latch
