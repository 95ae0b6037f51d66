"""Killed at random moments and started again, a run ends like one that nobody disturbed."""

import os
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.kills.victim import Victim, cursor, kill_at_random, rows, sessions
from tests.tui.commands import process

_KILLS = int(os.environ.get("PILOTHOUSE_KILLS", "20")) // 2  # the other half dies at a gateway
_EACH = 5  # kills of one run
_SEED = int(os.environ.get("PILOTHOUSE_KILLS_SEED", "7"))

_RANGE = ("--strategy", "regime,crossover", "--from", "2016-01-04", "--to", "2016-07-29")
_INPUTS = 145 * 5  # sessions of the range, five inputs each
_PACES = ("max", "2000/s", "600/s")


@cache
def undisturbed(folder: Path) -> dict[str, Any]:
    """The result of the same run without a kill, at max."""
    said = process(folder, "backtest", *_RANGE, "--db", "quiet.db", "--json")
    assert said.code == 0, said.err
    result: dict[str, Any] = said.json
    assert result["state"] == "COMPLETED"
    assert result["fills"] > 10, "a run that hardly trades proves nothing"
    return result


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Once per worker."""
    return undisturbed(tmp_path_factory.mktemp("quiet"))


def start(folder: Path, mode: str, pace: str) -> Victim:
    """Start the run of a mode; offline at a pace, which may be another one every time."""
    if mode == "backtest":
        return Victim(folder, folder / "p.db", "backtest", *_RANGE, "--json")
    arguments = ("run", "--no-ui", "--mode", "offline", "--pace", pace, *_RANGE)
    return Victim(folder, folder / "p.db", *arguments)


@pytest.mark.kills
@pytest.mark.parametrize("run", range(max(1, -(-_KILLS // _EACH))))
def test_kills_change_nothing(
    run: int,
    quiet: dict[str, Any],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Same hashes, no order twice, no fill twice, sessions INTERRUPTED and linked."""
    rng = random.Random(f"{_SEED} {run}")
    mode = "backtest" if run % 4 == 3 else "offline"
    database = tmp_path / "p.db"
    kills = 0
    while kills < _EACH and cursor(database) < _INPUTS:
        victim = start(tmp_path, mode, rng.choice(_PACES))
        if not kill_at_random(victim, rng, _INPUTS):
            break  # it was faster: the run is over
        kills += 1
    if not sessions(database) or sessions(database)[-1]["state"] != "COMPLETED":
        last = start(tmp_path, mode, "max")
        assert last.end() == 0, last.said()
    chain = sessions(database)
    record_property("kills", kills)
    assert kills, "nothing was killed: every start was faster"
    _check_chain(chain)
    assert chain[-1]["decisions_hash"] == quiet["decisions_hash"]
    assert chain[-1]["fills_hash"] == quiet["fills_hash"]
    _check_once(database, quiet)
    checked = process(tmp_path, "db", "check", "--db", str(database))
    assert checked.code == 0, checked.out + checked.err


def _check_chain(chain: list[dict[str, Any]]) -> None:
    states = [one["state"] for one in chain]
    assert states == ["INTERRUPTED"] * (len(chain) - 1) + ["COMPLETED"]
    parents = [one["parent_session_id"] for one in chain]
    assert parents == [None, *(one["session_id"] for one in chain[:-1])]
    assert len({one["book"] for one in chain}) == 1


def _check_once(database: Path, quiet: dict[str, Any]) -> None:
    """No order_ref and no exec_id twice, none missing; one row per strategy and session date."""
    orders = rows(database, "SELECT order_ref FROM v_orders")
    refs = [one["order_ref"] for one in orders]
    assert len(refs) == len(set(refs)) == quiet["orders"] + quiet["denied"]
    fills = [one["exec_id"] for one in rows(database, "SELECT exec_id FROM v_fills")]
    assert len(fills) == len(set(fills)) == quiet["fills"]
    days = rows(database, "SELECT strategy_id, session_date FROM v_snapshots")
    keys = [(one["strategy_id"], one["session_date"]) for one in days]
    assert len(keys) == len(set(keys)) == 2 * quiet["sessions"]


@pytest.mark.kills
def test_halted_survives_a_kill(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Once `halt` has returned nothing is sent, whatever dies; a person leaves it."""
    database = tmp_path / "p.db"
    victim = start(tmp_path, "offline", "100/s")
    assert victim.wait_until(lambda: cursor(database) > 40), victim.said()
    said = process(tmp_path, "halt", "--reason", "prices look wrong", "--db", str(database))
    assert said.code == 0, said.err
    victim.kill()
    record_property("kills", 1)
    sent = rows(database, "SELECT count(*) AS n FROM v_orders WHERE status <> 'DENIED'")
    again = start(tmp_path, "offline", "max")
    assert again.end() == 0, again.said()
    status = process(tmp_path, "status", "--json", "--db", str(database)).json
    assert status["trading_state"]["state"] == "HALTED"
    assert status["trading_state"]["reason"] == "prices look wrong"
    assert [one["state"] for one in sessions(database)] == ["INTERRUPTED", "COMPLETED"]
    assert rows(database, "SELECT count(*) AS n FROM v_orders WHERE status <> 'DENIED'") == sent
