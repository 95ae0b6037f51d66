"""The real program in a real terminal: it paints, acts, leaves, and survives the loss of it."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from engine.domain.ids import RequestId
from engine.domain.request import Request, RequestKind
from storage import controls
from storage.connect import open_reader
from tests.architecture.sources import ROOT
from tests.tui.ptys import Terminal, home
from tests.tui.pulses import assert_nothing_is_doubled, told_up_to_three_times, watched

SIZES = {"small": (80, 24), "large": (120, 40)}


def started(folder: Path, size: tuple[int, int] = (80, 24), *more: str) -> Terminal:
    """The program as a newcomer starts it, at a brisk pace."""
    arguments = ["-m", "tui", "run", "--pace", "25/s", "--db", str(folder / "a.db"), *more]
    return Terminal(arguments, size=size, env=home(folder))


def value(folder: Path, sql: str) -> object:
    """One value of the database."""
    db = open_reader(folder / "a.db")
    try:
        row = db.execute(sql).fetchone()
    finally:
        db.close()
    return None if row is None else row[0]


def test_it_paints_trades_stops_and_gives_the_terminal_back(tmp_path: Path) -> None:
    with started(tmp_path, SIZES["small"]) as terminal:
        terminal.shows("SYNTHETIC")
        terminal.shows("BUY")
        terminal.send(b"0")
        terminal.shows("following")
        terminal.send(b"\xff\xfe\x0b")  # no UTF-8 at all, then ctrl+k
        terminal.shows("EMERGENCY STOP")
        terminal.shows("HALTED")
        assert value(tmp_path, "SELECT trading_state FROM books") == "HALTED"
        terminal.send(b"\x1b")
        terminal.until(lambda: "EMERGENCY STOP" not in terminal.text, "the panel to close")
        terminal.send(b"Q")
        terminal.shows("LEAVE?")
        terminal.takes_answers()
        terminal.send(b"s")
        assert terminal.exit_code() == 0
        terminal.assert_restored()
    assert value(tmp_path, "SELECT state FROM sessions") == "STOPPED"


@told_up_to_three_times
def test_without_its_terminal_the_engine_goes_on(tmp_path: Path) -> None:
    with started(tmp_path, SIZES["large"]) as terminal:
        terminal.shows("Positions")
        terminal.shows("next_open")
        terminal.until(lambda: value(tmp_path, "SELECT count(*) FROM fills"), "fills")
        with watched(tmp_path, terminal.process.pid) as pulse:
            terminal.hang_up()
            log = tmp_path / "pilothouse.log"
            terminal.until(lambda: log.exists() and "pilothouse stop" in log.read_text(), "the log")
            seen = value(tmp_path, "SELECT max(seq) FROM events")
            terminal.until(
                lambda: value(tmp_path, "SELECT max(seq) FROM events") != seen, "more events"
            )
            terminal.until(lambda: pulse.beats > 2, "heartbeats")
        pulse.assert_small()
        assert terminal.process.poll() is None
        ask_stop(tmp_path)
        terminal.until(lambda: terminal.process.poll() is not None, "the end")
        assert terminal.process.returncode == 0
    assert value(tmp_path, "SELECT state FROM sessions") == "STOPPED"
    assert "ended: STOPPED" in log.read_text()
    assert_nothing_is_doubled(tmp_path)


def ask_stop(folder: Path) -> None:
    """Stop from outside."""
    ask(folder, RequestKind.STOP, "enough", "req_1")


def ask(folder: Path, kind: RequestKind, reason: str, id: str) -> None:
    """Ask the engine from outside."""
    request = Request(
        request_id=RequestId(id),
        kind=kind,
        actor="test",
        reason=reason,
        asked_at=datetime.now(UTC),  # noqa: TID251  another process
    )
    controls.ask(folder / "a.db", request)


@told_up_to_three_times
def test_a_signal_stops_the_session_and_gives_the_terminal_back(tmp_path: Path) -> None:
    with started(tmp_path) as terminal:
        terminal.shows("ACTIVE")
        with watched(tmp_path, terminal.process.pid) as pulse:
            terminal.process.send_signal(signal.SIGTSTP)  # ignored: the engine would stand still
            terminal.until(lambda: pulse.beats > 1, "heartbeats")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.exit_code() == 0
        terminal.assert_restored()
        pulse.assert_small()
    assert value(tmp_path, "SELECT state FROM sessions") == "STOPPED"
    assert_nothing_is_doubled(tmp_path)


CRASH = """
import sys
from tui.panes.fills import FillsPane
secret_of_this_frame = "never shown"
def boom(self, view): raise ValueError("broken pane")
FillsPane.rows_of = boom
from tui.cli import main
main(sys.argv[1:])
"""


def test_a_crash_of_the_screen_leaves_the_engine_and_no_local_variable(tmp_path: Path) -> None:
    arguments = ["-c", CRASH, "run", "--pace", "25/s", "--db", str(tmp_path / "a.db")]
    with Terminal(arguments, env=home(tmp_path)) as terminal:
        terminal.shows("ACTIVE")
        terminal.send(b"5")
        terminal.shows("the screen crashed: ValueError: broken pane")
        terminal.assert_restored()
        assert terminal.process.poll() is None
        ask_stop(tmp_path)
        assert terminal.exit_code() == 1
        assert b"never shown" not in bytes(terminal.raw)
    assert "broken pane" in (tmp_path / "pilothouse.log").read_text()


def test_no_terminal_is_refused_with_the_way_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "run", "--db", str(tmp_path / "a.db")],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        env={**os.environ, **home(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--no-ui" in done.stderr
    assert not (tmp_path / "a.db").exists()


def test_a_dumb_terminal_is_refused(tmp_path: Path) -> None:
    arguments = ["-m", "tui", "run", "--db", str(tmp_path / "a.db")]
    with Terminal(arguments, env={**home(tmp_path), "TERM": "dumb"}) as terminal:
        assert terminal.exit_code() == 2
        assert b"--no-ui" in terminal.raw
        assert b"\x1b[" not in terminal.raw
