"""Asking a real engine in another process, and asking when there is none."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from engine.domain.event import TradingStateChanged
from engine.domain.session import SessionState, TradingState
from engine.runtime.holder import lock_path
from storage.connect import beside
from storage.controls import requests_path
from storage.emergency import EmergencyFile
from tests.architecture.sources import ROOT
from tests.kin import with_us
from tests.patience import PATIENCE_S, crowding
from tests.storage.samples import AT, moved, unit, write
from tests.tui.commands import Here, home

FRESH_S = 5.0


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process; without --db it means the user's own database."""
    return Here(tmp_path, monkeypatch, capsys)


def engine(folder: Path, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """An engine on the built-in market in a process of its own."""
    return start(folder, "run", "--no-ui", "--from", "2020-01-02", *arguments)


@contextmanager
def start(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, killed if it has not ended by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", *arguments],
        cwd=folder,
        env={**home(folder), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=with_us(),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait until something is seen from outside."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.05)


def running(here: Here) -> Callable[[], bool]:
    """Whether the engine's session runs and has traded."""

    def seen() -> bool:
        status = here("status", "--json").json
        session = status["session"] or {}
        return session.get("state") == "RUNNING" and status["counts"]["fills"] > 0

    return seen


def test_an_engine_does_what_another_terminal_asks(here: Here) -> None:
    with engine(here.folder, "--pace", "5/s") as process:
        until(running(here))
        status = here("status", "--json").json
        assert status["engine"]["pid"] == process.pid
        assert status["engine"]["heartbeat_age_s"] < FRESH_S * crowding()
        assert status["link"] == "SYNTHETIC"

        halted = here("halt", "--reason", "a look", "--json").json
        assert (halted["result"], halted["text"]) == ("DONE", "ACTIVE → HALTED")
        assert here("halt", "--reason", "again", "--json").json["text"] == "already HALTED"
        state = here("status", "--json").json["trading_state"]
        assert (state["state"], state["reason"]) == ("HALTED", "a look")
        assert state["actor"] == halted["actor"]

        assert here("resume", "--reason", "no").code == 3
        assert "HALTED → ACTIVE" in here("resume", "--reason", "seen enough").out
        assert "RUNNING → PAUSED" in here("pause").out
        assert here("status", "--json").json["session"]["state"] == "PAUSED"
        assert "PAUSED → RUNNING" in here("continue").out
        assert "ACTIVE → REDUCING" in here("reduce", "--reason", "for a while").out

        clean = here("reconcile", "--json")
        assert (clean.code, clean.json["verdict"]) == (0, "CLEAN")
        refused = here("reconcile", "--accept", "STK:QQQ:USD", "--reason", "bought")
        assert refused.code == 3
        assert here("cancel", "--all", "--reason", "none there").code == 0
        assert here("cancel", "ord_none", "--reason", "none there").code == 3

        changed = here("params", "set", "sma_fast", "50", "--reason", "a test")
        assert changed.code == 0, changed
        history = here("params", "history", "--json").json
        assert [(row["key"], row["old"], row["new"]) for row in history] == [
            ("sma_fast", "40", "50")
        ]
        rows = here("params", "list", "--json").json
        assert next(row for row in rows if row["key"] == "sma_fast")["running"] == "50"

        assert here("flatten", "--reason", "leaving").code == 3
        assert here("flatten", "--reason", "leaving", "--confirm").code == 0
        until(lambda: here("status", "--json").json["trading_state"]["state"] == "HALTED")
        assert here("status", "--json").json["counts"]["positions"] == 0

        assert here("stop").code == 0
        assert here("stop").code == 0
        until(lambda: process.poll() is not None)
        assert process.returncode == 0
    assert here("stop").code == 0
    assert here("status", "--json").json["session"]["state"] == "STOPPED"
    asked = [
        row["payload"]["request"]
        for row in here("journal", "--json", "--limit", "100000").json
        if row["kind"] == "RequestReceived"
    ]
    assert [one["kind"] for one in asked][:3] == ["HALT", "HALT", "RESUME"]
    assert all(one["actor"] == halted["actor"] for one in asked)
    assert asked[0]["reason"] == "a look"


def test_a_second_engine_is_exit_6_and_names_the_first(here: Here) -> None:
    with engine(here.folder, "--pace", "1/s") as first:
        until(lambda: here("status", "--json").json["engine"]["running"])
        with engine(here.folder) as second:
            out, _ = second.communicate(timeout=PATIENCE_S)
        assert second.returncode == 6
        assert "`pilothouse attach` shows it" in out
        assert f"pid {first.pid}" in out


def test_halted_survives_a_kill(here: Here) -> None:
    with engine(here.folder, "--pace", "5/s") as process:
        until(running(here))
        assert here("halt", "--reason", "before the kill").code == 0
        process.kill()
        process.wait()
    died = here("status", "--json").json
    assert died["engine"] == {"running": False}
    assert (died["session"]["state"], died["session"]["end_reason"]) == (
        "INTERRUPTED", "process_died",
    )  # fmt: skip
    assert "INTERRUPTED (process_died)" in here("status").out
    with engine(here.folder, "--pace", "5/s"):
        until(lambda: here("status", "--json").json["engine"]["running"])
        until(lambda: here("status", "--json").json["session"]["state"] == "RUNNING")
        status = here("status", "--json").json
        assert status["trading_state"]["state"] == "HALTED"
        assert status["trading_state"]["reason"] == "before the kill"
        assert status["session"]["parent_session_id"] is not None
        assert here("sessions", "--json").json[0]["state"] == "INTERRUPTED"


async def test_after_an_emergency_status_says_what_the_next_start_will_find(here: Here) -> None:
    database = here.folder / "p.db"
    await write(database, unit(moved(SessionState.CREATED, SessionState.RUNNING)))
    with closing(EmergencyFile(database)) as emergency:
        halted = TradingStateChanged(
            before=TradingState.ACTIVE, after=TradingState.HALTED, reason="disk full",
            actor="engine",
        )  # fmt: skip
        emergency.note(AT, halted)
    status = here("status", "--json", "--db", str(database)).json
    assert (status["session"]["state"], status["session"]["end_reason"]) == (
        "INTERRUPTED", "process_died: disk full",
    )  # fmt: skip
    state = status["trading_state"]
    assert (state["state"], state["reason"], state["waits_for_engine"]) == (
        "HALTED", "disk full", True,
    )  # fmt: skip
    beside(database, ".emergency").write_bytes(b"[not json\n")
    assert here("status", "--json", "--db", str(database)).json["trading_state"]["state"] == (
        "HALTED"
    )


def test_halt_reaches_an_engine_whose_request_file_is_locked(here: Here) -> None:
    with engine(here.folder, "--pace", "5/s"):
        until(running(here))
        database = Path(here("status", "--json").json["database"])
        other = sqlite3.connect(requests_path(database), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            said = here("halt", "--reason", "the file is locked", "--json")
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert said.code == 0
        assert said.json["result"] == "SIGNALED"
        until(lambda: here("status", "--json").json["trading_state"]["state"] == "HALTED")


# -- without an engine ---------------------------------------------------------------------


def test_halt_waits_for_the_next_engine_and_is_in_force_at_once(here: Here) -> None:
    assert here("halt", "--reason", "not today").code == 0
    state = here("status", "--json").json["trading_state"]
    assert (state["state"], state["waits_for_engine"]) == ("HALTED", True)
    assert "waits" in here("status").out
    with engine(here.folder, "--pace", "5/s"):
        until(lambda: here("status", "--json").json["engine"]["running"])
        until(lambda: not here("status", "--json").json["requests_waiting"])
        state = here("status", "--json").json["trading_state"]
        assert (state["state"], state["reason"]) == ("HALTED", "not today")
        assert here("orders", "--json").json == [] or all(
            order["status"] == "DENIED" for order in here("orders", "--json").json
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ("pause",),
        ("continue",),
        ("flatten", "--reason", "x", "--confirm"),
        ("cancel", "--all", "--reason", "x"),
        ("reconcile",),
        ("params", "set", "sma_fast", "50", "--reason", "x"),
    ],
    ids=" ".join,
)
def test_what_needs_an_engine_says_that_none_runs(here: Here, arguments: tuple[str, ...]) -> None:
    said = here(*arguments)
    assert said.code == 2
    assert "no engine runs" in said.out + said.err
    assert list(here.folder.iterdir()) == []


def test_a_parameter_that_no_session_would_take_is_refused_at_once(here: Here) -> None:
    said = here("params", "set", "sma_fast", "500", "--reason", "x")
    assert said.code == 2
    assert "an integer in 5..100" in said.err
    assert here("params", "set", "dream", "1", "--reason", "x").code == 2


def test_a_request_that_nobody_answers_is_not_called_done(here: Here) -> None:
    """A process that is alive and holds note and lock, but is no engine."""
    database = Path(here("status", "--json").json["database"])
    database.parent.mkdir(parents=True)
    note = {"pid": os.getpid(), "session_id": "offline-x", "host": "here", "since": "now"}
    database.with_name(database.name + ".holder").write_text(json.dumps(note))
    with lock_path(database).open("w"):
        paused = here("pause", "--json")
        assert (paused.code, paused.json["result"]) == (7, "NOT_TAKEN")
        halted = here("halt", "--reason", "x", "--json")
        assert (halted.code, halted.json["result"]) == (0, "WAITS")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("command", ["run", "backtest"])
def test_a_signal_ends_the_session_cleanly(
    here: Here, command: str, number: signal.Signals
) -> None:
    long = ("--from", "1995-01-03") if command == "backtest" else ("--no-ui", "--pace", "5/s")
    with start(here.folder, command, *long) as process:
        until(lambda: here("status", "--json").json["engine"]["running"])
        process.send_signal(number)
        until(lambda: process.poll() is not None)
    assert process.returncode == 0
    status = here("status", "--json").json
    assert status["session"]["state"] == "STOPPED"
    assert status["session"]["end_reason"] == number.name


PLANTED = "\x1b[2J\x1b]0;t\x07[red]x[/y]\u202e\u200b\x9b31m\n" + "long" * 200


def test_text_of_a_person_cannot_reach_the_terminal_as_anything_but_text(here: Here) -> None:
    halted = here("halt", "--reason", PLANTED)
    assert halted.code == 0
    for said in (halted, here("status"), here("doctor")):
        for forbidden in ("\x1b", "\x07", "\x9b", "\u202e", "\u200b"):
            assert forbidden not in said.out
            assert forbidden not in said.err
    assert "[red]x[/y]" in halted.out
    assert "[red]x[/y]" in here("status").out
    assert here("status", "--json").json["trading_state"]["reason"] == PLANTED
