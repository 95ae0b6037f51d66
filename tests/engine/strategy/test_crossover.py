"""Crossover against an independent calculation with fractions, ties included."""

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.decision import GateVerdict
from engine.domain.order import Side
from engine.domain.session import FillRule
from engine.domain.signal import SignalKind
from engine.strategy import registry
from engine.strategy.crossover import CrossoverMemory, CrossoverStrategy
from tests.engine.strategy.material import QQQ, START, TLT, Facts, bar


def crossover(**given_values: object) -> CrossoverStrategy:
    """Return a crossover with some values changed."""
    return CrossoverStrategy(registry.resolve("crossover", "default", given_values))


def fed(strategy: CrossoverStrategy, cents: Sequence[int], *, hole: int = -1) -> CrossoverMemory:
    """Return the memory after closes in cents; the bar at `hole` is missing."""
    memory = strategy.memory()
    for n, price in enumerate(cents):
        if n != hole:
            day = START + timedelta(days=n)
            strategy.advance(memory, day, n, {QQQ: bar(Decimal(price) / 100, day)})
    return memory


def rising(cents: Sequence[int], fast: int, slow: int) -> bool | None:
    """Compare the means as fractions."""
    if len(cents) < slow:
        return None
    return Fraction(sum(cents[-fast:]), fast) > Fraction(sum(cents[-slow:]), slow)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=60), st.integers(1, 5), st.integers(1, 8))
def test_the_comparison_is_exact_on_series_full_of_ties(
    cents: list[int], fast: int, more: int
) -> None:
    slow = fast + more
    strategy = crossover(fast=fast, slow=slow)
    memory = strategy.memory()
    for n, price in enumerate(cents):
        day = START + timedelta(days=n)
        strategy.advance(memory, day, n, {QQQ: bar(Decimal(price) / 100, day)})
        assert memory.rising == rising(cents[: n + 1], fast, slow)


def test_a_long_series_leaves_no_residue() -> None:
    chance = random.Random(3)
    cents, price, ties = [], 10_000, 0
    strategy = crossover()
    memory = strategy.memory()
    for n in range(6000):
        # long flats make the two means exactly equal, where running floats would not be
        price = max(100, price + (0 if n // 300 % 2 else chance.randint(-90, 90)))
        cents.append(price)
        day = START + timedelta(days=n)
        strategy.advance(memory, day, n, {QQQ: bar(Decimal(price) / 100, day)})
        expected = rising(cents, 40, 140)
        assert memory.rising == expected
        ties += len(cents) >= 140 and len(set(cents[-140:])) == 1
    assert ties > 1000


def at(memory: CrossoverMemory, **given_values: object) -> Facts:
    """Return facts of the session after the last bar, at a price of 2."""
    n = memory.track.last_ordinal + 1
    base: dict[str, object] = {
        "session_date": START + timedelta(days=n),
        "ordinal": n,
        "prices": {QQQ: Decimal(2)},
        "cash": Decimal(1000),
    }
    return Facts(**(base | given_values))  # type: ignore[arg-type]


SMALL = crossover(fast=2, slow=3)
UP, FLAT, DOWN = [100, 100, 200], [100, 100, 100], [300, 200, 100]


def test_it_goes_all_in_with_the_last_final_close() -> None:
    memory = fed(SMALL, UP)
    verdict = SMALL.decide(memory, at(memory))
    assert verdict is not None
    assert verdict.result == "enter"
    (wish,) = verdict.wishes
    assert (wish.kind, wish.side, wish.pass_no) == (SignalKind.ENTER, Side.BUY, 2)
    assert wish.quantity == 490  # int(0.98 · 1000 / 2.00), whatever the price is now
    assert wish.reason == "fast mean 1.500000 > slow mean 1.333333"


def test_it_goes_all_out_when_the_fast_mean_is_no_longer_above() -> None:
    for closes in (FLAT, DOWN):
        memory = fed(SMALL, closes)
        verdict = SMALL.decide(memory, at(memory, positions={QQQ: Decimal(5)}))
        assert verdict is not None
        assert verdict.result == "exit"
        (wish,) = verdict.wishes
        assert (wish.kind, wish.quantity, wish.pass_no) == (SignalKind.EXIT, None, 1)


def test_nothing_is_said_while_the_position_is_as_it_should_be() -> None:
    up, flat, short = fed(SMALL, UP), fed(SMALL, FLAT), fed(SMALL, [100, 200])
    assert SMALL.decide(up, at(up, positions={QQQ: Decimal(5)})) is None
    assert SMALL.decide(flat, at(flat)) is None
    assert SMALL.decide(short, at(short)) is None
    assert SMALL.warming(short) == (2, 3)
    assert SMALL.warming(up) == (3, 3)


def test_a_working_order_and_too_little_cash_are_no_reason_to_speak() -> None:
    memory = fed(SMALL, UP)
    assert SMALL.decide(memory, at(memory, working=frozenset({QQQ}))) is None
    assert SMALL.decide(memory, at(memory, cash=Decimal("2.04"))) is None
    assert SMALL.decide(memory, at(memory, cash=Decimal("2.05"))) is not None


def test_gates_hold_a_change_and_say_why() -> None:
    holed = fed(SMALL, [100, 100, 100, 200], hole=1)
    verdict = SMALL.decide(holed, at(holed))
    assert verdict is not None
    assert (verdict.result, verdict.wishes) == ("data_gap", ())
    memory = fed(SMALL, UP)
    without_price = SMALL.decide(memory, at(memory, prices={}))
    assert without_price is not None
    assert (without_price.result, without_price.text) == ("no_price", "no valid price of QQQ")
    gate = GateVerdict(gate="volume", passed=False, text="volume 0", reason="stale_data")
    blocked = SMALL.decide(memory, at(memory, blocked=(gate,)))
    assert blocked is not None
    assert blocked.result == "stale_data"
    own = SMALL.decide(memory, at(memory, ordinal=2, fill_rule=FillRule.SAME_CLOSE))
    assert own is not None
    assert own.result == "enter"


def test_other_instruments_and_repeated_bars_change_nothing() -> None:
    memory = fed(SMALL, UP)
    day = START + timedelta(days=3)
    SMALL.advance(memory, day, 3, {TLT: bar(Decimal(1), day)})
    SMALL.advance(memory, START, 0, {QQQ: bar(Decimal(1), START)})
    assert memory == fed(SMALL, UP)


def test_it_is_described_by_its_parameters_and_never_latches() -> None:
    strategy = registry.create(registry.resolve("crossover"))
    assert (strategy.id, strategy.preset, strategy.warmup_bars) == ("crossover", "default", 140)
    assert strategy.inputs == strategy.legs == (QQQ,)
    assert strategy.parameters["exposure"] == "0.98"
    assert set(strategy.limits.values()) == {"off"}
    assert {"loss_day", "loss_severe", "drawdown"} <= set(strategy.limits)
    memory = strategy.memory()
    assert strategy.reading(memory) is None
    assert strategy.days_in_cell(memory) == 0


def independent(opens: list[int], closes: list[int], fast: int, slow: int) -> list[tuple[int, int]]:
    """Trade in integers alone: (session, signed shares) of every fill at the next open.

    Cash in micro-dollars, one basis point of commission rounded up to a micro-dollar.
    """
    cash, shares, fills = 10_000_000_000, 0, []
    for n in range(slow, len(closes)):
        above = sum(closes[n - fast : n]) * slow > sum(closes[n - slow : n]) * fast
        if above == bool(shares):
            continue
        quantity = -shares if shares else 98 * cash // (100 * closes[n - 1] * 10_000)
        value = quantity * opens[n] * 10_000
        cash -= value + -(-abs(value) // 10_000)
        shares += quantity
        fills.append((n, quantity))
    return fills


def test_fills_equal_an_independent_calculation_in_integers() -> None:
    chance = random.Random(11)
    opens, closes, price = [], [], 5_000
    for n in range(5000):
        opens.append(max(100, price + chance.randint(-20, 20)))
        price = max(100, price + (0 if n // 250 % 3 == 2 else chance.randint(-60, 61)))
        closes.append(price)
    strategy = crossover()
    memory, cash, shares, fills = strategy.memory(), Decimal(10_000), Decimal(0), []
    for n, (opening, closing) in enumerate(zip(opens, closes, strict=True)):
        day = START + timedelta(days=n)
        at_open = Decimal(opening) / 100
        facts = Facts(
            session_date=day,
            ordinal=n,
            prices={QQQ: at_open},
            positions={QQQ: shares},
            cash=cash,
        )
        verdict = strategy.decide(memory, facts)
        if verdict is not None and n:
            (wish,) = verdict.wishes
            quantity = -shares if wish.quantity is None else wish.quantity
            fee = abs(quantity * at_open) / 10_000
            cash -= quantity * at_open + fee
            shares += quantity
            fills.append((n, int(quantity)))
        strategy.advance(memory, day, n, {QQQ: bar(Decimal(closing) / 100, day)})
    assert len(fills) > 50
    assert fills == independent(opens, closes, 40, 140)


@pytest.mark.bench
def test_advance_and_an_unchanged_decision_take_well_under_a_microsecond() -> None:
    strategy = crossover()
    memory = fed(strategy, [100] * 200)
    facts = at(memory)
    bars = [{QQQ: bar(Decimal(100 + n % 7), START + timedelta(days=n))} for n in range(20_000)]
    steps = iter(range(20_000))

    def advance() -> None:
        n = next(steps)
        strategy.advance(memory, START, 200 + n, bars[n])

    advanced = timeit(advance, number=20_000) / 20_000
    memory = fed(strategy, [100] * 200)
    decided = timeit(lambda: strategy.decide(memory, facts), number=20_000) / 20_000
    print(f"advance {advanced * 1e6:.2f} µs, unchanged decide {decided * 1e6:.2f} µs")
    assert advanced < 1.5e-6
    assert decided < 1e-6
