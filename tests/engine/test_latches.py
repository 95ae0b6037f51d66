"""Latches: every limit sets its own, a bad tick only warns, release is as the table says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engine.risk.latches import (
    NEXT_OPEN,
    PERSON,
    RECONCILED,
    Readings,
    breaches,
    is_released,
    quality_breach,
    quality_until,
    reading,
)
from engine.risk.limits import Limits, merge

D = Decimal
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def found(
    equity: str, last: str | None = "100", week: str | None = None, peak: str = "100"
) -> dict[str, str]:
    """Latches with their release, under default limits."""
    return {
        breach.latch: breach.until
        for breach in breaches(
            equity=D(equity),
            last=None if last is None else D(last),
            week_ago=None if week is None else D(week),
            high_water=D(peak),
            limits=Limits(),
        )
    }


@pytest.mark.parametrize(
    ("given", "latches"),
    [
        (("95.01",), {}),
        (("95",), {"loss_day": NEXT_OPEN}),
        (("92.5",), {"loss_day": NEXT_OPEN, "loss_severe": PERSON}),
        (("99", "100", "110"), {"loss_severe": PERSON}),
        (("99", "100", "109"), {}),
        (("85", "86", None, "100"), {"drawdown": PERSON}),
        (("85.01", "86", None, "100"), {}),
        (("90", None), {}),
        (("NaN",), {"loss_day": NEXT_OPEN, "loss_severe": PERSON, "drawdown": PERSON}),
        (("1", "0"), {"loss_day": NEXT_OPEN, "loss_severe": PERSON, "drawdown": PERSON}),
    ],
)
def test_latches_set_at_their_limits(given: tuple[str, ...], latches: dict[str, str]) -> None:
    assert found(*given) == latches


def test_breach_says_its_numbers() -> None:
    (breach,) = breaches(
        equity=D("94"), last=D("100"), week_ago=None, high_water=D("100"), limits=Limits()
    )
    assert breach.text == "equity 94.00 USD is 6.00 % below 100.00 USD, limit 5.00 %"


def test_limits_that_are_off_never_latch() -> None:
    off = merge(Limits(), dict.fromkeys(("loss_day", "loss_severe", "drawdown"), "off"), {})
    assert breaches(equity=D(1), last=D(100), week_ago=D(100), high_water=D(100), limits=off) == ()


def test_breach_must_hold_for_three_readings_five_seconds_apart() -> None:
    now = Readings()
    for seconds, seen in ((0, 1), (3, 1), (5, 2), (9, 2), (10, 3)):
        now = reading(now, NOON + timedelta(seconds=seconds), is_breach=True)
        assert now.seen == seen
        assert now.is_warning == (seen < 3)
        assert now.is_confirmed == (seen == 3)


def test_one_good_reading_clears_the_bad_ones() -> None:
    now = reading(Readings(2, NOON), NOON + timedelta(seconds=9), is_breach=False)
    assert (now.seen, now.is_warning) == (0, False)


@pytest.mark.parametrize(
    ("rejected", "timed_out", "slippage", "words"),
    [
        (3, 0, [], "3 orders rejected"),
        (0, 3, [], "3 orders timed out"),
        (2, 2, [], None),
        (0, 0, ["101", "0", "0", "150"], "2 of 4 fills"),
        (0, 0, ["101", "0", "0", "0", "0", "150"], None),
        (0, 0, ["100", "100", "100"], None),
    ],
)
def test_quality_latch_sets(
    rejected: int, timed_out: int, slippage: list[str], words: str | None
) -> None:
    why = quality_breach(rejected, timed_out, [*map(D, slippage), None][: len(slippage)])
    assert (why is None) == (words is None)
    assert words is None or (why is not None and words in why)


def test_quality_latch_can_be_off_and_doubles_its_wait() -> None:
    assert quality_breach(9, 9, [D(999)] * 5, None) is None
    assert quality_until(NOON, 0) == NOON + timedelta(minutes=30)
    assert quality_until(NOON, 2) == NOON + timedelta(hours=2)


def test_latches_are_released_as_the_table_says() -> None:
    assert not is_released(PERSON, opened=True, reconciled=True, now="2099")
    assert is_released(NEXT_OPEN, opened=True)
    assert not is_released(NEXT_OPEN)
    assert is_released(RECONCILED, reconciled=True)
    assert not is_released(RECONCILED, opened=True)
    until = "2026-11-20T17:30:00.000000Z"
    assert is_released(until, now="2026-11-20T17:30:00.000000Z")
    assert not is_released(until, now="2026-11-20T17:29:59.999999Z")
    assert not is_released(until)
