"""Gates, deviations, legs and words of a regime decision."""

import copy
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from engine.domain.decision import GateVerdict
from engine.domain.ids import InstrumentId
from engine.domain.regime import CELL_NAMES
from engine.domain.session import FillRule, Slot
from engine.domain.signal import SignalKind, signal_id
from engine.strategy.base import StrategyVerdict
from engine.strategy.regime import RegimeMemory
from engine.strategy.track import Track
from tests.engine.strategy.material import (
    PSQ,
    QQQ,
    START,
    TLT,
    TMF,
    TMV,
    TQQQ,
    Facts,
    bar,
    fed,
    regime,
)

LEGS = (TQQQ, QQQ, PSQ, TMF, TMV)
PRICES: Mapping[InstrumentId, Decimal] = {
    **dict.fromkeys(LEGS, Decimal(50)),
    TLT: Decimal(100),
}
DEFAULT = regime()


@cache
def _history(kind: str) -> RegimeMemory:
    if kind == "drift":  # cell 3: nothing moves
        return fed(DEFAULT, [100.0] * 300)
    if kind == "kill zone":  # cell 1: a rise that has calmed down
        return fed(DEFAULT, [100.0] * 601 + [100 + 0.5 * k for k in range(1, 31)])
    if kind == "crash":  # cell 6, the bond rising
        closes = [500.0] * 601 + [500 - 0.5 * k for k in range(1, 16)]
        return fed(DEFAULT, closes, bonds=[100 + 0.1 * n for n in range(len(closes))])
    if kind == "grind":  # cell 5, the bond falling
        closes = [500.0] * 601 + [500 - 0.5 * k for k in range(1, 31)]
        return fed(DEFAULT, closes, bonds=[300 - 0.1 * n for n in range(len(closes))])
    return fed(DEFAULT, [100.0] * 180)


def memory(kind: str) -> RegimeMemory:
    """Return a memory whose last reading is of that kind."""
    return _history(kind)


def at(remembered: RegimeMemory, **given: Any) -> Facts:
    """Return facts of the session after the last final bar."""
    last = remembered.signal.last
    assert last is not None
    base: dict[str, Any] = {
        "session_date": last + timedelta(days=1),
        "ordinal": remembered.signal.last_ordinal + 1,
        "prices": PRICES,
    }
    return Facts(**(base | given))


def m(**weights: str) -> dict[InstrumentId, Decimal]:
    """Return targets carried out, by leg symbol."""
    ids = {"TQQQ": TQQQ, "QQQ": QQQ, "PSQ": PSQ, "TMF": TMF, "TMV": TMV}
    return {ids[symbol]: Decimal(w) for symbol, w in weights.items()}


def wished(verdict: StrategyVerdict) -> list[tuple[str, Decimal | None, int]]:
    """Return symbol, target and pass of every wish."""
    return [(w.instrument.split(":")[1], w.target_weight, w.pass_no) for w in verdict.wishes]


def test_a_fresh_book_buys_the_cell_in_leg_order() -> None:
    remembered = memory("drift")
    verdict = DEFAULT.decide(remembered, at(remembered))
    assert (verdict.result, verdict.text) == ("rebalance", "cell · → 3")
    assert wished(verdict) == [("TQQQ", Decimal("0.2"), 2), ("QQQ", Decimal("0.8"), 2)]
    assert {w.kind for w in verdict.wishes} == {SignalKind.TARGET}
    assert {w.leg for w in verdict.wishes} == {0}
    assert {w.reason for w in verdict.wishes} == {"cell ·→3"}
    assert verdict.deviation == 1
    assert verdict.drift == 1
    assert verdict.threshold == Decimal("0.025")


def test_what_is_carried_out_is_left_alone() -> None:
    remembered = memory("drift")
    facts = at(
        remembered,
        m=m(TQQQ="0.2", QQQ="0.8"),
        positions={TQQQ: Decimal(40), QQQ: Decimal(200)},
        cash=Decimal(0),
        held_cell=3,
    )
    verdict = DEFAULT.decide(remembered, facts)
    assert (verdict.result, verdict.text, verdict.wishes) == ("no_trade", "cell 3", ())
    assert verdict.deviation == 0
    assert verdict.drift == Decimal("0.066667")
    assert verdict.carried == {
        "TQQQ": Decimal("0.2"), "QQQ": Decimal("0.8"), "PSQ": 0, "TMF": 0, "TMV": 0,
    }  # fmt: skip


def test_a_switch_reduces_first_and_keeps_leg_order() -> None:
    remembered = memory("grind")
    facts = at(
        remembered,
        m=m(TQQQ="0.6", QQQ="0.4"),
        positions={TQQQ: Decimal(120), QQQ: Decimal(80)},
        cash=Decimal(0),
        held_cell=1,
    )
    verdict = DEFAULT.decide(remembered, facts)
    assert verdict.text == "cell 1 → 5"
    assert wished(verdict) == [
        ("TQQQ", Decimal(0), 1),
        ("QQQ", Decimal("0.5"), 2),
        ("TMV", Decimal("0.2"), 2),
    ]
    reduced = DEFAULT.decide(
        memory("crash"), at(memory("crash"), m=m(QQQ="0.5", TMF="0.2"), held_cell=5)
    )
    assert wished(reduced) == [("QQQ", Decimal(0), 1), ("TMF", Decimal("0.4"), 2)]


def test_a_leg_below_its_old_target_is_a_reduction() -> None:
    remembered = memory("drift")
    facts = at(remembered, m=m(TQQQ="0.6", QQQ="0.4"), held_cell=1)
    assert wished(DEFAULT.decide(remembered, facts)) == [
        ("TQQQ", Decimal("0.2"), 1),
        ("QQQ", Decimal("0.8"), 2),
    ]


def test_shares_without_a_target_are_sold_with_the_next_rebalance() -> None:
    remembered = memory("drift")
    facts = at(remembered, positions={TMV: Decimal(3)})
    assert wished(DEFAULT.decide(remembered, facts))[-1] == ("TMV", Decimal(0), 1)


def test_a_leg_not_listed_yet_waits_with_the_deviation_open() -> None:
    remembered = memory("kill zone")
    unlisted = frozenset({TQQQ})
    first = DEFAULT.decide(remembered, at(remembered, unlisted=unlisted))
    assert wished(first) == [("QQQ", Decimal("0.4"), 2)]
    assert first.targets["TQQQ"] == Decimal("0.6")
    facts = at(remembered, unlisted=unlisted, m=m(QQQ="0.4"), held_cell=1)
    later = DEFAULT.decide(remembered, facts)
    assert (later.result, later.text) == ("no_trade", "cell 1, TQQQ not listed yet")
    assert later.deviation == Decimal("0.6")
    listed = DEFAULT.decide(remembered, at(remembered, m=m(QQQ="0.4"), held_cell=1))
    assert wished(listed) == [("TQQQ", Decimal("0.6"), 2)]


def test_less_than_one_share_counts_as_target_zero() -> None:
    remembered = memory("kill zone")
    dear = {**PRICES, TQQQ: Decimal(7000)}
    verdict = DEFAULT.decide(remembered, at(remembered, prices=dear, m=m(QQQ="0.4"), held_cell=1))
    assert (verdict.result, verdict.deviation) == ("no_trade", Decimal("0.6"))
    held = at(
        remembered,
        prices=dear,
        m=m(QQQ="0.4", TQQQ="0.6"),
        positions={TQQQ: Decimal(1)},
        cash=Decimal(1000),
        held_cell=3,
    )
    assert DEFAULT.decide(remembered, held).wishes == ()


def test_a_working_leg_is_left_alone() -> None:
    remembered = memory("drift")
    one = DEFAULT.decide(remembered, at(remembered, working=frozenset({TQQQ})))
    assert wished(one) == [("QQQ", Decimal("0.8"), 2)]
    all_working = DEFAULT.decide(remembered, at(remembered, working=frozenset(LEGS)))
    assert (all_working.result, all_working.wishes) == ("no_trade", ())


def test_cells_four_and_six_are_no_reason_to_trade() -> None:
    remembered = memory("crash")
    verdict = DEFAULT.decide(remembered, at(remembered, m=m(TMF="0.4"), held_cell=4))
    assert verdict.reading is not None
    assert (verdict.reading.cell, verdict.result, verdict.deviation) == (6, "no_trade", Decimal(0))


def test_the_hedge_trades_the_inverse_leg() -> None:
    hedged = regime(use_inverse_hedge=True)
    remembered = memory("crash")
    verdict = hedged.decide(remembered, at(remembered, m=m(TMF="0.4"), held_cell=4))
    assert wished(verdict) == [("PSQ", Decimal("0.5"), 2), ("TMF", Decimal(0), 1)]


# -- drift -------------------------------------------------------------------------------------


def test_actual_weights_stand_in_for_m_where_that_is_wanted() -> None:
    drifting = regime(rebalance_on="actual_drift")
    remembered = memory("drift")
    facts = at(
        remembered,
        m=m(TQQQ="0.2", QQQ="0.8"),
        positions={TQQQ: Decimal(60), QQQ: Decimal(140)},
        cash=Decimal(0),
        held_cell=3,
    )
    verdict = drifting.decide(remembered, facts)
    assert (verdict.deviation, verdict.drift) == (Decimal(0), Decimal("0.2"))
    assert verdict.threshold == Decimal("0.05")
    assert wished(verdict) == [("TQQQ", Decimal("0.2"), 1), ("QQQ", Decimal("0.8"), 2)]
    assert DEFAULT.decide(remembered, facts).result == "no_trade"
    calm = regime(rebalance_on="actual_drift", drift_threshold="0.2")
    assert calm.decide(remembered, facts).result == "no_trade"


# -- gates -------------------------------------------------------------------------------------


def test_warming_up_shows_how_far_it_is() -> None:
    remembered = memory("short")
    verdict = DEFAULT.decide(remembered, at(remembered))
    assert (verdict.result, verdict.text) == ("warming_up", "warming up 180/221")
    assert DEFAULT.warming(remembered) == (180, 221)
    assert verdict.reading is None
    assert [step.result for step in verdict.steps[1:]] == ["·"] * 9


def test_before_the_first_bar_it_is_warming_up() -> None:
    verdict = DEFAULT.decide(DEFAULT.memory(), Facts(prices=PRICES))
    assert (verdict.result, verdict.text) == ("warming_up", "warming up 0/221")
    assert verdict.steps[0].value == "·, 0/0"


@pytest.mark.parametrize("missing", ["signal", "bond"])
def test_a_missing_session_holds_and_is_named(missing: str) -> None:
    remembered = RegimeMemory()
    for n in range(260):
        day = START + timedelta(days=n)
        signal = None if missing == "signal" and n == 100 else bar(100.0, day)
        bond = None if missing == "bond" and n == 100 else bar(90.0, day, instrument=TLT)
        DEFAULT.model.advance(remembered, day, n, signal, bond)
    verdict = DEFAULT.decide(remembered, at(remembered))
    symbol = "QQQ" if missing == "signal" else "TLT"
    assert verdict.result == "data_gap"
    assert f"{symbol}: 259 bars of 260 sessions" in verdict.text
    assert f"missing after {START + timedelta(days=99)}" in verdict.text
    assert verdict.wishes == ()
    assert verdict.deviation == 1, "computed and shown all the same"
    assert verdict.steps[0].result == "data_gap"


def test_a_bar_that_is_late_and_one_that_is_early_are_gaps() -> None:
    remembered = memory("drift")
    for ordinal in (302, 300):
        facts = at(remembered, ordinal=ordinal)
        expected = "data_gap" if ordinal != 300 else "rebalance"
        assert DEFAULT.decide(remembered, facts).result == expected
    early = at(remembered, ordinal=299)
    assert DEFAULT.decide(remembered, early).result == "data_gap"


def test_under_the_close_rule_the_sessions_own_bar_must_be_there() -> None:
    remembered = memory("drift")
    last = remembered.signal.last_ordinal
    same = at(remembered, ordinal=last, fill_rule=FillRule.SAME_CLOSE)
    assert DEFAULT.decide(remembered, same).result == "rebalance"
    late = at(remembered, ordinal=last + 1, fill_rule=FillRule.SAME_CLOSE)
    assert DEFAULT.decide(remembered, late).result == "data_gap"


@pytest.mark.parametrize("lacking", [QQQ, TQQQ])
def test_a_listed_leg_without_a_price_holds_everything(lacking: InstrumentId) -> None:
    remembered = memory("drift")
    prices = {i: p for i, p in PRICES.items() if i != lacking}
    verdict = DEFAULT.decide(remembered, at(remembered, prices=prices))
    assert verdict.result == "no_price"
    assert lacking.split(":")[1] in verdict.text
    assert verdict.wishes == ()


def test_a_held_leg_without_a_price_holds_and_a_leg_not_wanted_does_not() -> None:
    remembered = memory("drift")
    prices = {i: p for i, p in PRICES.items() if i != TMV}
    assert DEFAULT.decide(remembered, at(remembered, prices=prices)).result == "rebalance"
    held = DEFAULT.decide(remembered, at(remembered, prices=prices, positions={TMV: Decimal(1)}))
    assert (held.result, held.drift) == ("no_price", None)


def test_a_finding_from_outside_blocks_and_is_the_first_reason() -> None:
    remembered = memory("drift")
    gate = GateVerdict(gate="split", passed=False, text="TQQQ: ratio 2.0", reason="data_gap")
    verdict = DEFAULT.decide(remembered, at(remembered, blocked=(gate,)))
    assert (verdict.result, verdict.text) == ("data_gap", "TQQQ: ratio 2.0")
    assert verdict.gates[0] is gate
    assert all(later.passed for later in verdict.gates[1:])


# -- slots inside the session ---------------------------------------------------------------------


def inside(remembered: RegimeMemory, **given: Any) -> Facts:
    """Return facts of a slot before the close on a wall clock."""
    return at(remembered, wall_clock=True, slot=Slot.BEFORE_CLOSE_15, **given)


def test_a_slot_inside_the_session_reads_its_quotes_and_keeps_nothing() -> None:
    remembered = memory("drift")
    before = copy.deepcopy(remembered.reading), len(remembered.closes)
    prices = {**PRICES, QQQ: Decimal("130.5"), TLT: Decimal("77.25")}
    verdict = DEFAULT.decide(remembered, inside(remembered, prices=prices))
    assert verdict.reading is not None
    assert verdict.reading.provisional
    assert verdict.reading.close == 130.5
    assert verdict.reading.session_date == remembered.signal.last + timedelta(days=1)  # type: ignore[operator]
    assert [s.provisional_price for s in verdict.series] == ["130.5", "77.25"]
    assert verdict.series[0].provisional_at == f"{verdict.reading.session_date}T14:30:00.000000Z"
    assert (remembered.reading, len(remembered.closes)) == before
    assert next(s for s in verdict.steps if s.number == 7).distance == "provisional"


def test_a_provisional_reading_adds_no_day_to_the_cell() -> None:
    remembered = memory("drift")
    same = {**PRICES, QQQ: Decimal(100), TLT: Decimal(100)}
    kept = DEFAULT.decide(remembered, inside(remembered, prices=same))
    assert kept.days_in_cell == DEFAULT.days_in_cell(remembered) == 80
    wild = DEFAULT.decide(remembered, inside(remembered, prices={**same, QQQ: Decimal(140)}))
    assert wild.reading is not None
    assert wild.reading.cell != 3
    assert wild.days_in_cell == 0


@pytest.mark.parametrize("lacking", [QQQ, TLT])
def test_a_provisional_element_never_comes_from_another_symbol(lacking: InstrumentId) -> None:
    remembered = memory("drift")
    prices = {i: p for i, p in PRICES.items() if i != lacking}
    verdict = DEFAULT.decide(remembered, inside(remembered, prices=prices))
    assert verdict.result == "no_price"
    assert lacking.split(":")[1] in verdict.text
    assert verdict.reading is remembered.reading


def test_without_the_overlay_the_bond_is_not_asked_for() -> None:
    alone = regime(allow_treasury=False)
    assert alone.inputs == (QQQ,)
    remembered = RegimeMemory()
    for n in range(250):
        day = START + timedelta(days=n)
        alone.advance(remembered, day, n, {QQQ: bar(100.0, day), TLT: bar(9.0, day)})
    assert not remembered.bond_closes
    prices = {i: p for i, p in PRICES.items() if i != TLT} | {QQQ: Decimal(100)}
    verdict = alone.decide(remembered, inside(remembered, prices=prices))
    assert verdict.result == "rebalance"
    assert [row.symbol for row in verdict.series] == ["QQQ"]


def test_the_open_and_a_recorded_clock_use_final_bars_alone() -> None:
    remembered = memory("drift")
    at_open = at(remembered, wall_clock=True, slot=Slot.OPEN)
    recorded = at(remembered, slot=Slot.AFTER_OPEN_15)
    for facts in (at_open, recorded):
        assert DEFAULT.decide(remembered, facts).reading is remembered.reading


# -- what is stored and shown -------------------------------------------------------------------


def test_a_signal_of_a_wish_has_the_id_of_the_specification() -> None:
    hashed = DEFAULT.parameter_hash
    day = date(2026, 11, 20)
    for instrument, expected in ((QQQ, "sig_2c400c04acd7"), (TQQQ, "sig_7f8c8e0d3d64")):
        assert (
            signal_id(DEFAULT.id, hashed, instrument, SignalKind.TARGET, day, "open", 0) == expected
        )


def test_every_cell_and_both_latches_find_their_words() -> None:
    for kind, cell in (("drift", 3), ("kill zone", 1), ("crash", 6), ("grind", 5)):
        remembered = memory(kind)
        verdict = DEFAULT.decide(remembered, at(remembered))
        steps = verdict.steps
        assert [s.number for s in steps] == [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        assert verdict.reading is not None
        assert verdict.reading.cell == cell
        assert steps[7].value == CELL_NAMES[cell]
        assert steps[7].result == str(cell)
        for s in steps:
            widths = (len(s.name), len(s.value), len(s.test), len(s.distance))
            assert all(w <= top for w, top in zip(widths, (13, 17, 20, 11), strict=True)), s


def test_the_tree_tells_the_whole_way_of_a_calm_rise() -> None:
    remembered = memory("kill zone")
    facts = at(remembered, m=m(TQQQ="0.6", QQQ="0.4"), cash=Decimal(10_000), held_cell=1)
    lines = [
        (s.number, s.name, s.value, s.test, s.result, s.distance, s.near)
        for s in DEFAULT.decide(remembered, facts).steps
    ]
    assert lines == [
        (1, "Data", "23 Sep, 631/631", "TLT 631/631", "whole", "", False),
        (2, "Strength T", "+1.000", "> +0.05 bull", "bull", "+0.950", False),
        (2, "", "", "< −0.30 bear", "no", "+1.300", False),
        (3, "Averages", "105.81 / 101.66", "fast > slow", "bull", "+4.08 %", False),
        (4, "Trend", "", "2 and 3 agree", "BullStrong", "", False),
        (5, "Volatility z", "−0.130", "Low; High > +1.00", "Low", "−1.130", False),
        (6, "Crush 5 d", "−0.045", "< −0.15", "no", "+0.105", False),
        (7, "Cell", "Kill Zone", "Bull × Low, held 1", "1", "15 sessions", False),
        (8, "Weights", "TQQQ 60 QQQ 40", "overlay 4-6 only", "cash 0", "", False),
        (9, "Rebalance", "0.000", "> 0.025, drift 1.000", "no trade", "−0.025", False),
        (10, "Orders", "", "none", "", "", False),
    ]


def test_the_tree_says_when_the_bond_has_no_opinion() -> None:
    closes = [500.0] * 601 + [500 - 0.5 * k for k in range(1, 16)]
    young, remembered = 601, RegimeMemory()
    for n, close in enumerate(closes):
        day = START + timedelta(days=n)
        bond = bar(90.0, day, instrument=TLT) if n >= young else None
        DEFAULT.model.advance(remembered, day, n, bar(close, day), bond)
    weights = DEFAULT.decide(remembered, at(remembered)).steps[8]
    assert (weights.value, weights.test, weights.result) == (
        "none", "bond averages short", "cash 100",
    )  # fmt: skip
    scaled = regime(leverage_scalar="0.5", allow_treasury=False)
    weights = scaled.decide(remembered, at(remembered)).steps[8]
    assert weights.test == "overlay off λ 0.5"


def test_only_the_first_hole_is_named() -> None:
    track = Track()
    for ordinal in (4, 5, 7, 9):
        day = START + timedelta(days=ordinal)
        assert track.take(day, ordinal, bar(1.0, day))
    assert not track.take(START, 9, bar(1.0))
    assert track.hole_after == START + timedelta(days=5)
    assert (track.found, track.expected(9), track.whole(9)) == (4, 6, False)


def test_series_facts_say_what_was_known() -> None:
    remembered = memory("drift")
    row = DEFAULT.decide(remembered, at(remembered)).series[0]
    assert (row.symbol, row.anchor, row.found, row.expected) == ("QQQ", START, 300, 300)
    assert row.last == START + timedelta(days=299)
    assert (row.last_close, row.source, row.provisional_price) == ("100.0", "test", None)


def test_deciding_twice_gives_the_same_verdict() -> None:
    remembered = memory("grind")
    facts = at(remembered, m=m(QQQ="1"), positions={QQQ: Decimal(200)}, cash=Decimal(0))
    assert DEFAULT.decide(remembered, facts) == DEFAULT.decide(remembered, facts)
