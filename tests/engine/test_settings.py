"""Origins, findings and the effective configuration."""

import os
import re
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.session import FillRule, Mode
from engine.errors import SettingsError
from engine.risk.limits import KEYS, RANGES, Limits
from engine.settings.load import load
from engine.settings.model import Risk, Settings, StrategyLimits
from engine.settings.places import database
from engine.settings.sources import Flag, keys_of
from engine.settings.strategies import limits_of, limits_of_account
from engine.settings.template import EXAMPLES, template
from engine.strategy.registry import LIMITS, SCHEMAS
from tests.architecture.sources import ROOT


def flag(key: str, text: str) -> Flag:
    """A setting as `--set` gives it."""
    return Flag(f"--set {key}", key, text)


def loaded(
    folder: Path,
    *flags: Flag,
    env: dict[str, str] | None = None,
    named: Path | None = None,
    today: date | None = None,
) -> Settings:
    """The settings of a user who has nothing but this folder."""
    variables = {"XDG_CONFIG_HOME": str(folder / "home"), **(env or {})}
    return load(flags=flags, env=variables, here=folder, named=named, today=today)


def findings(
    folder: Path, *flags: Flag, env: dict[str, str] | None = None, today: date | None = None
) -> Sequence[str]:
    """What stops the start."""
    with pytest.raises(SettingsError) as refusal:
        loaded(folder, *flags, env=env, today=today)
    return refusal.value.findings


def file(folder: Path, text: str) -> Path:
    """A config.toml in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_the_offline_mode_with_the_regime_strategy(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.run.mode is Mode.OFFLINE
    assert settings.run.strategy == ("regime",)
    assert settings.sim.fill is FillRule.NEXT_OPEN
    assert settings.strategy("regime").parameter_hash == "c8ff8a1b35a3c934"
    assert set(settings.origins().values()) == {"default"}


def test_the_stronger_origin_wins_key_by_key(tmp_path: Path) -> None:
    file(tmp_path / "home" / "pilothouse", "[sim]\nseed = 1\nslippage_bps = 1\nfill = 'next_close'")
    file(tmp_path, "[sim]\nseed = 2\nslippage_bps = 2.25")
    named = tmp_path / "named.toml"
    named.write_text("[sim]\nseed = 3\n")
    in_env = {"PILOTHOUSE_SIM__SEED": "4"}
    assert loaded(tmp_path).sim.seed == 2
    assert loaded(tmp_path, named=named).sim.seed == 3
    assert loaded(tmp_path, env={"PILOTHOUSE_CONFIG": str(named)}).sim.seed == 3
    assert loaded(tmp_path, named=named, env=in_env).sim.seed == 4
    settings = loaded(tmp_path, flag("sim.seed", "5"), named=named, env=in_env)
    assert settings.sim.seed == 5
    assert settings.sim.slippage_bps == Decimal("2.25")
    assert settings.sim.fill is FillRule.NEXT_CLOSE
    assert settings.origin("sim.seed") == "flag --set sim.seed"
    assert settings.origin("sim.slippage_bps") == str(tmp_path / "config.toml")
    assert settings.origin("sim.at_end") == "default"


def test_every_error_of_every_origin_is_told_at_once(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        """
        mode = "offline"
        [sim]
        fil = "next_open"
        seed = "seven"
        volume_share = 1.5
        [risk.regime]
        loss_day = true
        [regime]
        sma_fast = "40"
        sma_slowly = 3
        [ruin]
        mode = "offline"
        """,
    )
    found = findings(
        tmp_path,
        flag("run.capital", "99"),
        flag("sma_fast", "90"),
        flag("sma_slow", "60"),
        env={"PILOTHOUSE_RUN__MODE": "dream", "PILOTHOUSE_SIM__SEED": "8"},
    )
    text = "\n".join(found)
    assert len(found) == 10, text
    for part in (
        "--set run.capital = 99: a number from 100 to 1000000000",
        'env PILOTHOUSE_RUN__MODE = "dream": one of backtest, offline, paper, live',
        f'{path}: mode = "offline": unknown section',
        f'{path}: sim.fil = "next_open": unknown key; did you mean sim.fill?',
        f'{path}: sim.seed = "seven": a whole number from 0 to',
        f"{path}: sim.volume_share = 1.5: a number above 0 to 1",
        f"{path}: risk.regime.loss_day = true: a number above 0 to 1, or off",
        f"{path}: ruin = {{mode = offline}}: unknown section; there are storage,",
        f"{path}: regime.sma_slowly = 3: unknown key; did you mean sma_slow?",
        "--set sma_fast = 90, regime.sma_slow = 60: allowed is sma_fast < sma_slow",
    ):
        assert part in text, text


def test_a_text_in_a_file_is_no_number(tmp_path: Path) -> None:
    path = file(tmp_path, '[regime]\nsma_fast = "40"\n[sim]\nseed = "7"\ncommission_bps = true')
    assert findings(tmp_path) == (
        f'{path}: sim.seed = "7": a whole number from 0 to 9223372036854775807',
        f"{path}: sim.commission_bps = true: a number from 0 to 1000",
        f'{path}: regime.sma_fast = "40": allowed is an integer in 5..100',
    )


@pytest.mark.parametrize("text", ["[sim\n", "a = 1\na = 2\n", "[sim]\nseed = nine"])
def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path, text: str) -> None:
    path = file(tmp_path, text)
    (found,) = findings(tmp_path)
    assert found.startswith(f"{path}: not TOML: ")
    assert "line" in found


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"# \xff")
    assert findings(tmp_path) == (f"{tmp_path}/config.toml: not UTF-8 at byte 2",)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "no.toml"
    with pytest.raises(SettingsError, match=r"--config = .*no\.toml: no such file"):
        loaded(tmp_path, named=missing)
    (found,) = findings(tmp_path, env={"PILOTHOUSE_CONFIG": str(missing)})
    assert found == f"env PILOTHOUSE_CONFIG = {missing}: no such file"


def test_a_bare_key_belongs_to_the_only_strategy(tmp_path: Path) -> None:
    settings = loaded(tmp_path, flag("sma_fast", "50"), Flag("--preset", "preset", "smooth15"))
    assert settings.strategy("regime").preset_label == "smooth15+1"
    assert settings.origin("regime.sma_fast") == "flag --set sma_fast"
    assert settings.origin("regime.osc_smoothness") == "preset smooth15"
    assert settings.effective()["regime.osc_smoothness"] == "15"


def test_a_bare_key_needs_to_say_which_of_two_strategies(tmp_path: Path) -> None:
    file(tmp_path, '[run]\nstrategy = ["regime", "crossover"]')
    (found,) = findings(tmp_path, flag("fast", "50"))
    assert found == (
        "--set fast = 50: with several strategies say which one, for example regime.fast"
    )


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ([("run.strategy", "regime,regime")], '"regime": named 2 times, once is allowed'),
        ([("run.strategy", "dream")], '"dream": unknown strategy; there are regime, crossover'),
        ([("run.strategy", "")], "a list of strategy names"),
        ([("run.from", "2012-01-03"), ("run.to", "2012-01-03")], "must be before run.to"),
        (
            [("run.dry_run", "true"), ("run.mode", "backtest")],
            "a backtest sends nothing; allowed with mode offline, paper and live",
        ),
        ([("run.to", "2026-11-21")], "must not be after today, 2026-11-20"),
        ([("run.from", "03.01.2012")], "a date YYYY-MM-DD"),
        ([("run.from", "2012-02-30")], "a date YYYY-MM-DD"),
        ([("run.pace", "0/s")], "max, realtime or N/s"),
        ([("run.data", "/nowhere/at/all")], "no such folder"),
        ([("sessions.capital_shares", "{regime = 0.7, crossover = 0.4}")], "add up to 1.1"),
        ([("sessions.capital_shares", "{dream = 0.7}")], "dream is no strategy"),
        ([("market.overrides", '{"2026-02-30" = "closed"}')], '"closed" or "HH:MM"'),
        ([("risk.slippage_warn", "0.02")], "must not be above risk.slippage = 0.01"),
    ],
)
def test_relations_between_settings(
    tmp_path: Path, flags: list[tuple[str, str]], part: str
) -> None:
    given = [flag(key, text) for key, text in flags]
    (found,) = findings(tmp_path, *given, today=date(2026, 11, 20))
    assert part in found
    assert found.startswith(f"--set {flags[0][0]} = ")


@pytest.mark.parametrize(
    ("mode", "account", "host", "is_allowed"),
    [
        ("paper", "DU1", "127.0.0.1", True),
        ("paper", "DU1", "192.168.1.7", False),
        ("live", "U1234567", "127.0.0.1", False),
        ("live", "U0000001", "127.0.0.1", True),
        ("offline", "DU1", "127.0.0.1", False),
    ],
)
def test_a_clock_that_runs_faster_is_for_practice_alone(
    tmp_path: Path, mode: str, account: str, host: str, is_allowed: bool
) -> None:
    given = {
        "run.mode": mode, "ibkr.account": account, "ibkr.host": host, "ibkr.practice_speed": "60",
        "ibkr.port": "4002", "live.max_order_usd": "1", "live.max_day_usd": "1",
    }  # fmt: skip
    flags = [flag(key, value) for key, value in given.items()]
    if is_allowed:
        assert loaded(tmp_path, *flags).ibkr.practice_speed == 60
    else:
        assert "ibkr.practice_speed = 60: only for" in findings(tmp_path, *flags)[0]


def test_live_mode_has_no_default_caps(tmp_path: Path) -> None:
    assert findings(tmp_path, flag("run.mode", "live")) == (
        "live.max_order_usd: missing; mode live needs it, a number of USD above 0",
        "live.max_day_usd: missing; mode live needs it, a number of USD above 0",
        "ibkr.port: missing; mode live needs it",
        "ibkr.account: missing; mode live needs it",
    )


def test_mode_paper_has_no_default_port_or_account(tmp_path: Path) -> None:
    assert findings(tmp_path, flag("run.mode", "paper"), flag("run.capital", "5")) == (
        "--set run.capital = 5: a number from 100 to 1000000000",
        "ibkr.port: missing; mode paper needs it",
        "ibkr.account: missing; mode paper needs it",
    )


def test_a_dotenv_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PILOTHOUSE_SIM__SEED=11\nOTHER=1\n")
    path.chmod(0o640)
    assert findings(tmp_path) == (f"{path}: mode 0640: 0600 is needed, others could read it",)
    path.chmod(0o600)
    settings = loaded(tmp_path)
    assert settings.sim.seed == 11
    assert settings.origin("sim.seed") == ".env PILOTHOUSE_SIM__SEED"
    assert loaded(tmp_path, env={"PILOTHOUSE_SIM__SEED": "12"}).sim.seed == 12


def test_a_dotenv_of_other_programs_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("OTHER=1\n")
    path.chmod(0o644)
    assert loaded(tmp_path).sim.seed == 7


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, env={"PILOTHOUSE_SIM_SEEDS": "3", "PILOTHOUSE": "x"}).sim.seed == 7


def test_a_path_in_a_file_is_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "bars").mkdir()
    file(tmp_path, '[run]\ndata = "bars"\n[storage]\npath = "kept/p.db"')
    settings = loaded(tmp_path)
    assert settings.run.data == tmp_path / "bars"
    assert settings.storage.path == tmp_path / "kept" / "p.db"


def test_the_quick_way_to_the_database_agrees_with_the_settings(tmp_path: Path) -> None:
    file(tmp_path / "home" / "pilothouse", '[storage]\npath = "a.db"')
    env = {"XDG_CONFIG_HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state")}
    here = tmp_path / "empty"
    here.mkdir()
    for variables in (env, {**env, "PILOTHOUSE_STORAGE__PATH": "b.db"}):
        full = load(env=variables, here=here).storage.path
        assert database(None, None, variables, here) == full
    assert database(Path("c.db"), None, env, here) == Path("c.db")
    bare = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path)}
    assert database(None, None, bare, here) == tmp_path / "state" / "pilothouse" / "pilothouse.db"


def test_the_hash_covers_what_influences_results_and_nothing_else(tmp_path: Path) -> None:
    usual = loaded(tmp_path).config_hash
    for key, text in (
        ("storage.path", "x.db"),
        ("screen.theme", "light"),
        ("log.keep", "3"),
        ("run.pace", "max"),
        ("crossover.fast", "17"),
    ):
        assert loaded(tmp_path, flag(key, text)).config_hash == usual, key
    for key, text in (
        ("sim.slippage_bps", "3"),
        ("run.capital", "10000"),
        ("run.to", "2018-12-31"),
        ("regime.sma_fast", "50"),
        ("risk.regime.order_size", "1.5"),
    ):
        assert loaded(tmp_path, flag(key, text)).config_hash != usual, key


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.sim.seed = 3  # type: ignore[misc]


def test_the_environment_of_this_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PILOTHOUSE_SIM__SEED", "99")
    assert load().sim.seed == 99


def test_limits_of_a_strategy_come_from_the_strongest_of_four(tmp_path: Path) -> None:
    usual = limits_of(loaded(tmp_path), "regime")
    assert (usual.order_size, usual.origin("order_size")) == (Decimal(1), "strategy")
    assert (usual.open_positions, usual.origin("open_positions")) == (20, "default")
    assert limits_of(loaded(tmp_path), "crossover").drawdown is None
    settings = loaded(
        tmp_path,
        flag("risk.order_size", "1.5"),
        flag("risk.drawdown", "0.5"),
        flag("risk.regime.drawdown", "off"),
    )
    limits = limits_of(settings, "regime")
    assert (limits.order_size, limits.origin("order_size")) == (Decimal("1.5"), "settings")
    assert limits.drawdown is None
    assert limits_of(settings, "crossover").drawdown == Decimal("0.5")
    assert limits_of_account(settings).drawdown == Decimal("0.5")
    assert limits_of_account(settings).loss_day == Decimal("0.05")


def test_every_limit_of_the_gate_can_be_set_and_has_its_default() -> None:
    keys = set(Risk.model_fields) - set(SCHEMAS)
    assert keys == set(KEYS)
    assert all(getattr(Risk(), key) == getattr(Limits(), key) for key in keys)


@pytest.mark.parametrize("key", KEYS)
def test_a_limit_is_allowed_what_the_gate_allows(tmp_path: Path, key: str) -> None:
    allowed = RANGES[key]
    others = [flag("run.strategy", "crossover")]
    if key == "slippage_warn":
        others.append(flag("risk.slippage", "1"))
    for text in [str(allowed.most), *["off"] * allowed.may_be_off]:
        loaded(tmp_path, *others, flag(f"risk.{key}", text))
    for text in [str(allowed.most + 1), "0", "-1", "x", *["off"] * (not allowed.may_be_off)]:
        assert any(
            f"risk.{key} =" in one for one in findings(tmp_path, *others, flag(f"risk.{key}", text))
        )


def test_limits_that_a_cell_cannot_keep_are_refused(tmp_path: Path) -> None:
    found = findings(tmp_path, flag("risk.symbol_exposure", "0.5"))
    assert found[0] == (
        "--set risk.symbol_exposure: regime cell 1 (Kill Zone) needs TQQQ at weight 0.6; "
        "limit symbol_exposure = 0.5 would deny it"
    )
    file(tmp_path, "[risk.regime]\norder_size = 0.5")
    assert any("limit order_size = 0.5" in one for one in findings(tmp_path))


def test_every_strategy_has_its_tables() -> None:
    assert set(Settings.known_strategies()) == set(SCHEMAS) == set(LIMITS)
    assert all(set(limits) <= set(StrategyLimits.model_fields) for limits in LIMITS.values())
    assert {name for name in Risk.model_fields if name in SCHEMAS} == set(SCHEMAS)


def test_config_toml_has_every_key_and_no_other() -> None:
    assert (ROOT / "config.toml").read_text(encoding="utf-8") == template()


def test_config_toml_taken_at_its_word_is_the_default(tmp_path: Path) -> None:
    """But for examples, and for limits that the regime strategy needs to be wider."""
    kept_out = {*(key.rpartition(".")[2] for key in EXAMPLES), *LIMITS["regime"], "preset"}
    spelled = re.sub(r"^#(\w+ = )", r"\1", template(), flags=re.MULTILINE)
    spelled = spelled.partition("[script]")[0]
    lines = [line for line in spelled.splitlines() if line.partition(" =")[0] not in kept_out]
    file(tmp_path, "\n".join(lines))
    settings, usual = loaded(tmp_path), loaded(tmp_path, env={"XDG_STATE_HOME": "/nowhere"})
    assert settings.effective() == {
        **usual.effective(),
        "storage.path": settings.effective()["storage.path"],
        "log.path": settings.effective()["log.path"],
    }
    spelled_out = {key for key in settings.effective() if settings.origin(key) != "default"}
    assert spelled_out == {
        key for key in settings.effective() if key.rpartition(".")[2] not in kept_out
    }


def test_the_examples_of_config_toml_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "data" / "bars").mkdir(parents=True)
    text = "\n".join(
        f"[{key.rpartition('.')[0]}]\n{key.rpartition('.')[2]} = {example}"
        for key, example in EXAMPLES.items()
        if key.startswith(("market", "sessions", "live", "script", "log"))
    )
    file(tmp_path, text.replace("[live]\nmax_day", "max_day"))
    settings = loaded(tmp_path, flag("run.data", str(tmp_path / "data" / "bars")))
    assert settings.market.calendar_overrides == {
        date(2026, 12, 9): None,
        date(2026, 12, 10): time(13, 0),
    }
    assert sum(settings.sessions.capital_shares.values()) == 1


READ_BY_ANOTHER_NAME = {
    "market.overrides": "calendar_overrides",
    "storage.keep_daily": "storage.keep",
    "storage.keep_weekly": "storage.keep",
    "storage.keep_monthly": "storage.keep",
}


def test_a_key_that_nobody_reads_does_not_exist() -> None:
    """Limits are read by name into the gate's own, see above."""
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("engine", "storage", "tui")
        for path in (ROOT / folder).rglob("*.py")
        if path.name not in ("model.py", "template.py")
    )
    names = {
        key: READ_BY_ANOTHER_NAME.get(key, f"{key.partition('.')[0]}.{place.attribute}")
        for key, place in keys_of(Settings).items()
        if not key.startswith("risk.")
    }
    assert not [key for key, name in names.items() if not re.search(rf"\b{name}\b", code)]


def test_the_default_folders_are_those_of_the_user_at_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    settings = load(here=tmp_path)
    assert Path(settings.storage.path).is_relative_to(tmp_path)
    assert Path(settings.log.path).is_relative_to(tmp_path)
