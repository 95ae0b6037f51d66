"""A paper session at a practice gateway, asked from other terminals: reconcile, accept, panic."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.controls import requests_path
from tests.patience import PATIENCE_S
from tests.tui.commands import Here
from tests.tui.gateways import Running, order, placed, running, started
from tests.tui.test_cli_control import start, until
from tui.source import DatabaseSource

SPEED = "20"
SPY, CASH = "STK:SPY:USD", "cash"


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


def state_of(here: Here) -> str:
    """The session's state, empty before there is one."""
    session = here("status", "--json").json["session"] or {}
    return str(session.get("state", ""))


def verdicts(here: Here) -> list[str]:
    """What the comparisons found, oldest first."""
    from storage.connect import reading

    database = here.folder / "state" / "pilothouse" / "pilothouse.db"
    with reading(database) as connection:
        assert connection is not None
        rows = connection.execute("SELECT verdict FROM v_reconciliations ORDER BY seq").fetchall()
    return [row[0] for row in rows]


def payloads(here: Here, kind: str) -> list[str]:
    """What is journaled of a kind, oldest first."""
    from storage.connect import reading

    database = here.folder / "state" / "pilothouse" / "pilothouse.db"
    with reading(database) as connection:
        assert connection is not None
        wanted = "SELECT payload FROM v_events WHERE kind = ? ORDER BY seq"
        return [row[0] for row in connection.execute(wanted, (kind,))]


def at(gateway: Running) -> tuple[str, ...]:
    """The flags of a paper session at it."""
    keys = {
        "ibkr.port": gateway.where["port"],
        "ibkr.account": gateway.where["account"],
        "ibkr.practice_speed": SPEED,
    }
    return tuple(word for key, value in keys.items() for word in ("--set", f"{key}={value}"))


def test_a_manual_trade_is_found_blocks_and_is_accepted_and_a_failure_is_no_answer(
    here: Here,
) -> None:
    market = ("--start", "2026-11-20T15:00:00Z", "--speed", SPEED)
    with running(here.folder, *market) as gateway:
        flags = ("--no-ui", "--mode", "paper", *at(gateway))
        with start(here.folder, "run", *flags) as engine:
            until(lambda: state_of(here) == "RUNNING")
            lives_by_the_clock_of_the_gateway(here)
            said = here("reconcile", "--json")
            assert (said.code, said.json["verdict"]) == (0, "CLEAN")
            is_compared_again_and_again(here)
            settles_by_a_person(here, gateway)
            fails_without_an_answer(here, gateway)
            panics_while_it_is_frozen(here, gateway, engine)
            panics_where_no_request_can_be_left(here)
            assert here("stop").code == 0
            engine.wait(PATIENCE_S)
            assert engine.returncode == 0
        compares_without_an_engine(here, gateway)


def compares_without_an_engine(here: Here, gateway: Running) -> None:
    """The same report from a process of its own, which sends nothing and leaves no engine."""
    alone = ("reconcile", "--json", "--set", "run.mode=paper", *at(gateway))
    assert here("reconcile").code == 2  # offline: there is no broker
    said = here(*alone)
    assert (said.code, said.json["verdict"]) == (0, "CLEAN"), said.err
    gateway.fault("manual_trade", symbol="SPY", quantity=7)
    found = here(*alone)
    assert found.code == 7
    assert {d["kind"] for d in found.json["differences"] if not d["accepted_by"]} >= {
        "MISSING_LOCAL"
    }
    gateway.fault("error", kind=61, code=321, text="not now", nth=2)  # the first is the sync's
    failed = here(*alone)
    assert (failed.code, failed.json["verdict"]) == (4, "UNKNOWN"), failed.err
    is_settled_without_an_engine(here, alone)
    sessions = here("sessions", "--json").json
    assert [one["state"] for one in sessions] == ["STOPPED"] * 9
    assert here("db", "check").code == 0
    assert not here("status", "--json").json["engine"]["running"]


def is_settled_without_an_engine(here: Here, alone: tuple[str, ...]) -> None:
    """A person decides also where no engine runs; who and why is written, nothing is sent."""
    book = alone[2:]
    assert here("reconcile", "--accept", SPY, "--reason", "a gift").code == 2  # offline
    refused = here(
        "reconcile", "--settle", "ord_x", "--as", "CANCELED", "--reason", "phoned", *book
    )
    assert (refused.code, "only an UNKNOWN order can be settled" in refused.out) == (3, True)
    assert here("reconcile", "--accept", SPY, *book).code == 3  # a reason is needed
    for item in (SPY, CASH):
        said = here("reconcile", "--accept", item, "--reason", "a gift", "--json", *book)
        assert (said.code, said.json["result"], said.json["engine"]) == (0, "DONE", None), said.err
    compared = here(*alone)
    assert (compared.code, compared.json["verdict"]) == (0, "CLEAN")
    assert {one["item"] for one in compared.json["differences"]} == {SPY, CASH}
    found = [json.loads(text) for text in payloads(here, "DifferenceAccepted")]
    told = [(one["item"], bool(one["actor"])) for one in found if one["reason"] == "a gift"]
    assert told == [(SPY, True), (CASH, True)]


def lives_by_the_clock_of_the_gateway(here: Here) -> None:
    """Its date is no reason to call the engine silent; ages on the screen count by its clock."""
    engine = here("status", "--json").json["engine"]
    assert engine["heartbeat_age_s"] < PATIENCE_S
    assert engine["clock_at"].startswith("2026-11-20T")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    source = DatabaseSource(here.folder / "state/pilothouse/pilothouse.db", None, lambda: now)
    view = source.read(frozenset())
    source.close()
    assert view is not None
    assert view.moment.clock is not None
    assert view.moment.clock.date().isoformat() == "2026-11-20"


def is_compared_again_and_again(here: Here) -> None:
    """What says nothing new is no row, but its age is seen."""
    was = here("status", "--json").json["reconciliation"]
    assert was["verdict"] == "CLEAN"

    def later() -> bool:
        now = here("status", "--json").json["reconciliation"]
        return bool(now["run_id"] == was["run_id"] and now["compared_at"] > was["compared_at"])

    until(later)


def settles_by_a_person(here: Here, gateway: Running) -> None:
    """A trade by hand is seen by a timer, twice, and blocks until a person accepts it."""
    quiet = len(verdicts(here))
    gateway.fault("manual_trade", symbol="SPY", quantity=10)
    until(lambda: len(verdicts(here)) >= quiet + 2)
    assert verdicts(here)[quiet:] == ["DIFFERENCES", "DIFFERENCES"]
    found = here("reconcile", "--json")
    assert found.code == 7
    kinds = {one["item"]: one["kind"] for one in found.json["differences"]}
    assert kinds == {SPY: "MISSING_LOCAL", CASH: "CASH"}
    assert here("reconcile", "--accept", "STK:QQQ:USD", "--reason", "no such").code == 3
    assert here("reconcile", "--accept", SPY).code == 3  # a reason is needed
    for item in (SPY, CASH):
        assert here("reconcile", "--accept", item, "--reason", "bought by hand").code == 0
    settled = here("reconcile", "--json")
    assert (settled.code, settled.json["verdict"]) == (0, "CLEAN")
    assert {one["item"] for one in settled.json["differences"]} == {SPY, CASH}


def fails_without_an_answer(here: Here, gateway: Running) -> None:
    """A failed query is exit 4 and changes nothing that is known."""
    gateway.fault("error", kind=61, code=321, text="no positions today", count=0)
    failed = here("reconcile", "--json")
    assert (failed.code, failed.json["verdict"]) == (4, "UNKNOWN")
    gateway.ask(op="clear")
    assert here("reconcile").code == 0


def panics_while_it_is_frozen(
    here: Here, gateway: Running, engine: "subprocess.Popen[str]"
) -> None:
    """A frozen engine cannot keep an order alive, and is halted when it wakes."""
    with started(gateway, 5) as line:
        placed(line, order(1))
        engine.send_signal(signal.SIGSTOP)
        try:
            said = here("panic", "--confirm", "--json")
        finally:
            engine.send_signal(signal.SIGCONT)
        assert (said.code, json.loads(said.out)["result"]) == (0, "NONE_LEFT"), said.err
        assert gateway.living() == []
    until(lambda: here("status", "--json").json["trading_state"]["state"] == "HALTED")


def panics_where_no_request_can_be_left(here: Here) -> None:
    """An engine whose request file is locked by somebody is halted by a signal."""
    assert here("resume", "--reason", "seen").code == 0
    database = Path(here("status", "--json").json["database"])
    with closing(sqlite3.connect(requests_path(database), isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        said = here("panic", "--confirm", "--json")
        assert "no halt request could be left" in said.json["halt"]
        assert said.json["halt"].endswith("was told by signal")
        until(lambda: here("status", "--json").json["trading_state"]["state"] == "HALTED")
        somebody.execute("ROLLBACK")
