"""config, schedule, params and doctor without an engine."""

from pathlib import Path

import pytest

from engine.domain.times import parse_utc
from tests.tui.commands import Here


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


def test_config_show_names_the_origin_of_every_value(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.folder / "config.toml").write_text("[sim]\nslippage_bps = 4\n")
    monkeypatch.setenv("PILOTHOUSE_SIM__SEED", "9")
    shown = here("config", "show", "--set", "sma_fast=50", "--json").json
    settings = shown["settings"]
    assert settings["sim.slippage_bps"] == {"value": "4", "origin": "config.toml"}
    assert settings["sim.seed"] == {"value": "9", "origin": "env PILOTHOUSE_SIM__SEED"}
    assert settings["regime.sma_fast"] == {"value": "50", "origin": "flag --set sma_fast"}
    assert settings["sim.at_end"] == {"value": "keep", "origin": "default"}
    assert len(shown["config_hash"]) == 16
    text = here("config", "show", "--set", "sma_fast=50").out
    assert shown["config_hash"] in text
    assert all(key in text for key in settings)


def test_config_check_is_quiet_or_exit_2(here: Here) -> None:
    assert here("config", "check", "--json").json["ok"] is True
    both = "config", "check", "--set", "run.strategy=regime,crossover"
    (warning,) = here(*both, "--json").json["warnings"]
    assert warning.startswith("QQQ is traded by regime and crossover")
    assert f"warning: {warning}" in here(*both).out
    assert here(*both, "--set", "sessions.share_instruments=true", "--json").json["warnings"] == []
    said = here("config", "check", "--set", "sim.seed=x")
    assert said.code == 2
    assert '--set sim.seed = "x"' in said.err


def test_schedule_lists_what_comes_in_order_with_both_times(here: Here) -> None:
    shown = here("schedule", "--limit", "12", "--json").json
    due = shown["due"]
    assert len(due) == 12
    instants = [parse_utc(row["at"]) for row in due]
    assert instants == sorted(instants)
    assert instants[0] > parse_utc(shown["as_of"])
    assert {"decision:regime", "snapshot", "reconcile", "backup"} <= {row["name"] for row in due}
    assert all(row["exchange"].endswith(("EST", "EDT")) for row in due)
    assert due[0]["name"] in here("schedule", "--limit", "1").out


def test_schedule_follows_the_settings(here: Here) -> None:
    (here.folder / "config.toml").write_text(
        '[run]\nstrategy = ["crossover"]\n[market]\ncalendar = "always"\n'
    )
    due = here("schedule", "--json").json["due"]
    assert "decision:crossover" in {row["name"] for row in due}
    assert all("UTC" in row["exchange"] for row in due)


def test_params_list_has_every_parameter_with_its_limits(here: Here) -> None:
    rows = here("params", "list", "--json").json
    assert len(rows) == 36
    fast = next(row for row in rows if row["key"] == "sma_fast")
    assert fast["value"] == fast["default"] == "40"
    assert "5..100" in fast["allowed"]
    assert next(row for row in rows if row["key"] == "w_psq_max")["note"].startswith("inert")
    other = here("params", "list", "--strategy", "crossover", "--json").json
    assert {"fast", "slow", "exposure"} <= {row["key"] for row in other}
    assert here("params", "list", "--strategy", "dream").code == 2
    assert here("params", "history", "--json").json == []


def test_doctor_has_a_verdict_per_line(here: Here) -> None:
    said = here("doctor", "--json")
    verdicts = {line["item"]: line["verdict"] for line in said.json}
    assert said.code == 0, verdicts
    for item in (
        "python", "textual", "time zones", "settings", "engine", "database", "request file",
        "disk", "calendar", "terminal",
    ):  # fmt: skip
        assert verdicts[item] in ("ok", "note")


def test_doctor_finds_what_is_wrong(here: Here) -> None:
    (here.folder / "config.toml").write_text('[sim]\nseed = "x"\n[storage]\npath = "p.db"\n')
    (here.folder / "p.db").write_bytes(b"not a database" * 1000)
    here("halt", "--reason", "later")
    said = here("doctor", "--json")
    assert said.code == 7
    verdicts = {line["item"]: line["verdict"] for line in said.json}
    assert verdicts["settings"] == "BAD"
    assert verdicts["database"] == "BAD"
    assert verdicts["request file"] == "look"
