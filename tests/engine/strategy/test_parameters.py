"""Schemas, presets, hashes, and every finding at once."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.domain.session import Mode
from engine.errors import SettingsError
from engine.strategy import registry
from engine.strategy.parameter import Kind, canonical

HASHES = {
    "default": "c8ff8a1b35a3c934",
    "smooth15": "9c773d5fa6b1f32e",
    "classic126": "da81a2ab470cfc06",
    "noise2000": "33cfd45e78a355b0",
}


def findings(name: str, preset: str = "default", **given: object) -> tuple[str, ...]:
    """Return what resolving finds wrong."""
    with pytest.raises(SettingsError) as caught:
        registry.resolve(name, preset, given, known_symbols=("QQQ", "TQQQ"))
    return caught.value.findings


@pytest.mark.parametrize(("preset", "digest"), HASHES.items())
def test_preset_has_its_golden_hash(preset: str, digest: str) -> None:
    resolved = registry.resolve("regime", preset)
    assert resolved.parameter_hash == digest
    assert resolved.preset_label == preset
    assert len(resolved.texts) == 36


def test_the_slot_is_no_part_of_the_hash() -> None:
    resolved = registry.resolve("regime", "default", {"execution_slot": "close"})
    assert resolved.parameter_hash == HASHES["default"]
    assert resolved.preset_label == "default+1"


def test_the_same_value_in_any_dress_gives_the_same_hash() -> None:
    dressed: list[dict[str, object]] = [
        {"t_norm_bull_thresh": "0.2", "vol_baseline_window": "126"},
        {"t_norm_bull_thresh": 0.2, "vol_baseline_window": 126},
        {"t_norm_bull_thresh": Decimal("0.2000"), "vol_baseline_window": 126},
        {"t_norm_bull_thresh": "2e-1", "vol_baseline_window": "+126"},
    ]
    for given in dressed:
        resolved = registry.resolve("regime", "smooth15", given)
        assert resolved.parameter_hash == HASHES["classic126"]
        assert resolved.preset_label == "smooth15+2"


def test_overrides_that_change_nothing_are_not_counted() -> None:
    resolved = registry.resolve("regime", "default", {"measurement_noise": "3000", "sma_fast": 40})
    assert resolved.preset_label == "default"
    assert resolved.parameter_hash == HASHES["default"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(3000), "3000"),
        (Decimal("1.0"), "1"),
        (Decimal("-0.30"), "-0.3"),
        (Decimal("1e-4"), "0.0001"),
        (140, "140"),
        (True, "true"),
        (False, "false"),
        ("QQQ", "QQQ"),
    ],
)
def test_canonical_text_is_the_shortest_plain_one(value: Decimal | int | str, text: str) -> None:
    assert canonical(value) == text


def test_all_findings_come_at_once_with_key_value_and_what_is_allowed() -> None:
    found = findings(
        "regime",
        "fast",
        osc_smothness=3,
        wings=2,
        osc_smoothness=25,
        t_max="nan",
        sma_fast="fifty",
        allow_treasury=1,
        w_psq_max=0,
        rebalance_threshold="0.4",
        rebalance_on="always",
        signal_symbol="XYZ",
        core_long_symbol="qqq",
    )
    text = "\n".join(found)
    for line in (
        'regime.preset = "fast": allowed is one of classic126, default, noise2000, smooth15',
        "regime.osc_smothness: unknown key; did you mean osc_smoothness?",
        "regime.osc_smoothness = 25: allowed is an integer in 1..20",
        'regime.t_max = "nan": allowed is a number in 20..100',
        'regime.sma_fast = "fifty": allowed is an integer in 5..100',
        "regime.allow_treasury = 1: allowed is true or false",
        "regime.w_psq_max = 0: allowed is a number in > 0..0.5",
        'regime.rebalance_threshold = "0.4": allowed is a number in > 0..< 0.4',
        'regime.rebalance_on = "always": allowed is one of target_change, actual_drift',
        'regime.signal_symbol = "XYZ": allowed is one of QQQ, TQQQ',
        'regime.core_long_symbol = "qqq": allowed is one of QQQ, TQQQ',
    ):
        assert line in found, text
    assert any(line.startswith("regime.wings: unknown key; known keys: meas") for line in found)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"sma_fast": 100, "sma_slow": 100}, "sma_fast < sma_slow"),
        ({"bond_sma_fast": 60}, "bond_sma_fast < bond_sma_slow"),
        ({"upper_thresh_z": 0.5, "lower_thresh_z": 0.5}, "lower_thresh_z < upper_thresh_z"),
        ({"bull_bond_symbol": "TMV"}, "five different symbols"),
    ],
)
def test_violated_relation_names_every_key_with_its_value(
    given: dict[str, object], text: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        registry.resolve("regime", "default", given)
    (finding,) = caught.value.findings
    assert finding.endswith(f"allowed is {text}")
    for key, value in given.items():
        shown = f'"{value}"' if isinstance(value, str) else value
        assert f"regime.{key} = {shown}" in finding


@pytest.mark.parametrize(
    "nonsense", [True, None, [], "1_0", " 10", "10.0", 10.0, Decimal(10), "", "1e1", "٣"]
)
def test_an_integer_is_digits_or_an_integer(nonsense: object) -> None:
    with pytest.raises(SettingsError):
        registry.resolve("regime", "default", {"osc_smoothness": nonsense})


@pytest.mark.parametrize("nonsense", [True, [], "1_0", " 50", "fifty", "inf", float("nan"), ""])
def test_a_number_is_finite_and_written_plainly(nonsense: object) -> None:
    with pytest.raises(SettingsError):
        registry.resolve("regime", "default", {"t_max": nonsense})


@pytest.mark.parametrize("nonsense", ["True", "yes", 0, 1, ""])
def test_a_switch_is_true_or_false(nonsense: object) -> None:
    with pytest.raises(SettingsError):
        registry.resolve("regime", "default", {"allow_treasury": nonsense})


def test_every_end_of_every_range_is_open_or_closed_as_written() -> None:
    for schema in registry.SCHEMAS.values():
        for p in schema.parameters:
            if p.span is None:
                continue
            assert p.span.holds(p.span.low) is p.span.low_closed
            assert p.span.holds(p.span.high) is p.span.high_closed
            step = Decimal(1) if p.kind is Kind.INT else Decimal("0.000001")
            assert not p.span.holds(p.span.low - step)
            assert not p.span.holds(p.span.high + step)


def test_every_parameter_says_what_it_does_and_has_an_allowed_default() -> None:
    for name, schema in registry.SCHEMAS.items():
        assert schema.strategy == name
        assert len({p.key for p in schema.parameters}) == len(schema.parameters)
        for p in schema.parameters:
            assert p.effect
            assert p.allowed
    assert registry.SCHEMAS["regime"].parameter("nothing") is None


def test_a_script_without_its_file_is_told_what_is_missing() -> None:
    assert findings("script") == ("script.file: missing; allowed is a text that is not empty",)
    assert findings("script", file=" ")


def test_an_unknown_strategy_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r'"regimes": allowed is one of regime, crossover'):
        registry.resolve("regimes")


def test_a_strategy_is_made_from_its_values() -> None:
    strategy = registry.create(registry.resolve("regime", "classic126"), source="CSV ../data")
    assert (strategy.id, strategy.preset, strategy.warmup_bars) == ("regime", "classic126", 150)
    assert strategy.parameter_hash == HASHES["classic126"]
    assert strategy.inputs == ("STK:QQQ:USD", "STK:TLT:USD")
    assert [leg.split(":")[1] for leg in strategy.legs] == ["TQQQ", "QQQ", "PSQ", "TMF", "TMV"]
    assert strategy.reading(strategy.memory()) is None
    assert strategy.limits == registry.LIMITS["regime"]
    stranger = replace(registry.resolve("regime"), strategy="nobody")
    with pytest.raises(SettingsError, match='"nobody": allowed is one of'):
        registry.create(stranger)


@pytest.mark.parametrize("name", ["regime", "crossover"])
def test_the_close_is_refused_where_it_cannot_fill(name: str) -> None:
    at_close = registry.resolve(name, "default", {"execution_slot": "close"})
    for mode in (Mode.PAPER, Mode.LIVE):
        (finding,) = registry.slot_findings(at_close, mode)
        assert finding.startswith(f'{name}.execution_slot = "close"')
        assert mode.value in finding
        assert "5min_before_close" in finding
        assert "or open" in finding
    for mode in (Mode.BACKTEST, Mode.OFFLINE):
        assert not registry.slot_findings(at_close, mode)
    assert not registry.slot_findings(registry.resolve(name), Mode.LIVE)


def test_registered_limits_leave_room_for_every_cell() -> None:
    resolved = registry.resolve("regime")
    limits = {key: Decimal(value) for key, value in registry.LIMITS["regime"].items()}
    limits |= {"gross_exposure": Decimal("1.02"), "leveraged_exposure": Decimal("2.5")}
    assert registry.contradictions(limits, resolved) == []


def test_limits_that_deny_a_cell_are_contradictions() -> None:
    resolved = registry.resolve("regime")
    limits = {
        "order_size": Decimal("0.9"),
        "symbol_exposure": Decimal("0.9"),
        "gross_exposure": Decimal("0.95"),
        "leveraged_exposure": Decimal(2),
        "open_positions": Decimal(1),
        "loss_day": Decimal("0.01"),
    }
    found = registry.contradictions(limits, resolved)
    assert (
        "regime cell 1 (Kill Zone) needs 2.2 of equity with leverage;"
        " limit leveraged_exposure = 2 would deny it" in found
    )
    assert (
        "regime cell 2 (Fragile) needs QQQ at weight 1; limit order_size = 0.9 would deny it"
        in found
    )
    named = {(line.split(" (")[0][-1], line.split("limit ")[1].split()[0]) for line in found}
    assert ("2", "symbol_exposure") in named
    assert ("3", "gross_exposure") in named
    assert ("5", "open_positions") in named
    assert len(found) == len(set(found))
    assert registry.contradictions(limits, registry.resolve("crossover")) == []


def test_inert_keys_wake_up_with_what_they_depend_on() -> None:
    schema = registry.SCHEMAS["regime"]
    awake = registry.resolve(
        "regime",
        "default",
        {
            "double_smoothing": True,
            "use_inverse_hedge": True,
            "max_bond_weight": "0.1",
            "rebalance_on": "actual_drift",
        },
    )
    assert set(schema.inert(awake.values)) == {"rebalance_threshold"}
    small = registry.resolve("regime", "default", {"max_bond_weight": "0.1"})
    assert "rebalance_threshold" not in schema.inert(small.values)
    off = registry.resolve("regime", "default", {"allow_treasury": False})
    assert {"bond_sma_fast", "max_bond_weight", "bull_bond_symbol"} <= set(schema.inert(off.values))
