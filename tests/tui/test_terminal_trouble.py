"""Bad terminals: the engine does not feel them, and the screen comes back."""

import os
import signal
import termios
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from engine.domain.request import RequestKind
from tests.tui.ptys import Terminal, home
from tests.tui.pulses import (
    assert_in_time,
    assert_nothing_is_doubled,
    told_up_to_three_times,
    watched,
)
from tests.tui.test_format import PLANTED
from tests.tui.test_terminal import ask, ask_stop, started, value
from tui.actions import MORE_PANES, PANES

STALL_S = 15.0


def resident_kb(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@told_up_to_three_times
def test_a_terminal_that_nobody_reads_stops_no_engine(tmp_path: Path) -> None:
    with started(tmp_path, (120, 40)) as terminal:
        terminal.shows("FILLED")
        terminal.send(b"\x0f")
        terminal.takes_answers()
        terminal.send(b"1")
        terminal.shows("ARMED")
        memory = resident_kb(terminal.process.pid)
        with watched(tmp_path, terminal.process.pid) as pulse:
            seen = value(tmp_path, "SELECT max(seq) FROM events")
            with terminal.stalled():
                terminal.until(lambda: pulse.beats >= STALL_S, "heartbeats of 15 s")
            came_back = time.monotonic()
            terminal.shows("disarmed")
            assert_in_time(time.monotonic() - came_back, 5, "the repaint")
        assert value(tmp_path, "SELECT max(seq) FROM events") != seen
        pulse.assert_small()
        assert resident_kb(terminal.process.pid) - memory < 20_000
        terminal.shows("safe")
        ask_stop(tmp_path)
        terminal.shows("STOPPED")
    assert_nothing_is_doubled(tmp_path)


@told_up_to_three_times
def test_fifty_resizes_in_two_seconds_settle_at_once(tmp_path: Path) -> None:
    with started(tmp_path, (120, 40)) as terminal:
        terminal.shows("FILLED")
        with watched(tmp_path, terminal.process.pid) as pulse:
            terminal.until(lambda: pulse.beats, "a heartbeat")
            before = len(terminal.raw)
            storm = threading.Event()
            for n in range(50):
                terminal.resize(80 + n, 24 + n % 17)
                storm.wait(0.04)  # what is tested is this pace
            terminal.resize(200, 60)
            ended = time.monotonic()
            terminal.until(lambda: "Fills" in terminal.text and "Log" in terminal.text, "all")
            assert_in_time(time.monotonic() - ended, 2, "the last layout")
            assert len(terminal.raw) - before < 25 * 40_000, "one layout per 100 ms at most"
            terminal.until(lambda: pulse.beats > 3, "heartbeats")
        pulse.assert_small()
    assert_nothing_is_doubled(tmp_path)


def test_sigusr1_halts_and_sigquit_leaves_the_stacks_in_the_log(tmp_path: Path) -> None:
    with started(tmp_path) as terminal:
        terminal.shows("ACTIVE")
        terminal.process.send_signal(signal.SIGUSR1)
        terminal.shows("HALTED")
        assert value(tmp_path, "SELECT trading_state FROM books") == "HALTED"
        terminal.process.send_signal(signal.SIGQUIT)
        assert terminal.exit_code() == 0
        terminal.assert_restored()
    assert "Thread 0x" in (tmp_path / "pilothouse.log").read_text()
    assert value(tmp_path, "SELECT state FROM sessions") == "STOPPED"


NOHUP = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it
from tui.cli import main
main(sys.argv[1:])
"""


def test_a_hang_up_that_was_ignored_at_the_start_is_taken_all_the_same(tmp_path: Path) -> None:
    arguments = ["-c", NOHUP, "run", "--pace", "25/s", "--db", str(tmp_path / "a.db")]
    with Terminal(arguments, env=home(tmp_path)) as terminal:
        terminal.shows("BUY")
        terminal.hang_up()
        log = tmp_path / "pilothouse.log"
        terminal.until(lambda: log.exists() and "pilothouse stop" in log.read_text(), "the log")
        seen = value(tmp_path, "SELECT max(seq) FROM events")
        terminal.until(lambda: value(tmp_path, "SELECT max(seq) FROM events") != seen, "events")
        ask_stop(tmp_path)
        terminal.until(lambda: terminal.process.poll() is not None, "the end")
        assert terminal.process.returncode == 0


UNTOLD = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # of no terminal that is its own
from tui.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("is_stalled", [False, True])
def test_a_hang_up_that_no_signal_tells_is_taken_all_the_same(
    tmp_path: Path, *, is_stalled: bool
) -> None:
    arguments = ["-c", UNTOLD, "run", "--pace", "25/s", "--db", str(tmp_path / "a.db")]
    with Terminal(arguments, env=home(tmp_path)) as terminal:
        terminal.shows("BUY")
        if is_stalled:
            termios.tcflow(terminal.slave, termios.TCOOFF)
            seen = value(tmp_path, "SELECT count(*) FROM snapshots")
            terminal.until(
                lambda: value(tmp_path, "SELECT count(*) FROM snapshots") != seen, "days"
            )
        terminal.hang_up()
        log = tmp_path / "pilothouse.log"
        terminal.until(lambda: log.exists() and "pilothouse stop" in log.read_text(), "the log")
        assert terminal.process.poll() is None, "the engine goes on"
        ask_stop(tmp_path)
        terminal.until(lambda: terminal.process.poll() is not None, "the end")
        assert terminal.process.returncode == 0


def test_an_attached_screen_ends_with_a_terminal_that_no_signal_tells_of(tmp_path: Path) -> None:
    with started(tmp_path) as first:
        first.shows("BUY")
        arguments = ["-c", UNTOLD, "attach", "--db", str(tmp_path / "a.db")]
        with Terminal(arguments, env=home(tmp_path)) as second:
            second.shows("BUY")
            second.hang_up()
            second.until(lambda: second.process.poll() is not None, "the end")
            assert second.process.returncode == 0
        first.process.send_signal(signal.SIGTERM)
        assert first.exit_code() == 0


def test_a_terminal_of_sixteen_colors_gets_no_other(tmp_path: Path) -> None:
    env = {**home(tmp_path), "TERM": "xterm", "COLORTERM": ""}
    arguments = ["-m", "tui", "run", "--pace", "25/s", "--db", str(tmp_path / "a.db")]
    with Terminal(arguments, env=env) as terminal:
        terminal.shows("BUY")
        assert b"38;2;" not in terminal.raw
        assert b"38;5;" not in terminal.raw


BROKEN_THREAD = """
import sys
from engine.runtime.loop import Loop
secret_of_this_frame = "never shown"
async def boom(self): raise RuntimeError("broken engine")
Loop.run = boom
from tui.cli import main
main(sys.argv[1:])
"""


def test_an_engine_that_dies_is_named_on_a_screen_that_stays(tmp_path: Path) -> None:
    arguments = ["-c", BROKEN_THREAD, "run", "--db", str(tmp_path / "a.db")]
    with Terminal(arguments, size=(120, 40), env=home(tmp_path)) as terminal:
        terminal.shows("broken engine")
        terminal.send(b"4")
        terminal.shows("Orders")
        terminal.send(b"Q")
        assert terminal.exit_code() == 1
        terminal.assert_restored()
        assert b"never shown" not in bytes(terminal.raw)


def taken(folder: Path, requests: int) -> bool:
    """Whether the engine took so many."""
    sql = "SELECT count(*) FROM events WHERE kind = 'RequestReceived'"
    return value(folder, sql) == requests


@told_up_to_three_times
def test_planted_text_of_an_operator_holds_no_engine_up(tmp_path: Path) -> None:
    with started(tmp_path, (120, 40)) as terminal:
        terminal.shows("FILLED")
        terminal.send(b"0")
        terminal.shows("following")
        at_start = len(terminal.raw)
        with watched(tmp_path, terminal.process.pid) as pulse:
            for n in range(1, 4):
                ask(tmp_path, RequestKind.REDUCE, PLANTED, f"req_planted{n}")
                terminal.until(partial(taken, tmp_path, n), "the request to be taken")
            terminal.shows("REDUCING")
            terminal.until(lambda: pulse.beats > 2, "heartbeats")
        pulse.assert_small()
        for sequence in OBEYED:
            assert sequence not in bytes(terminal.raw)[at_start:], sequence
    assert_nothing_is_doubled(tmp_path)


PLANTED_SCREEN = """
from tests.tui.screens import Asked, StillClock
from tests.tui.test_safety import OneView, planted_view
from tui.application import Pilothouse
from tui.steering import Requests
Pilothouse(
    make_source=lambda: OneView(planted_view()),
    requests=Requests(Asked(), StillClock(), None, "x"),
    clock=StillClock(),
).run(mouse=False)
"""

KEYS = {"comma": ","}  # as they are typed

OBEYED = (b"\x1b[2J", b"\x1b]0;", b"\x1b]52", b"\x1bP", b"\xc2\x9b", b"\x9b31m", b"\x07",
          "\u202e".encode(), "\u200b".encode(), "\U000e0041".encode())  # fmt: skip


def test_no_byte_of_planted_text_reaches_the_terminal_in_any_pane(tmp_path: Path) -> None:
    assert all(text.decode("utf-8", "replace") for text in OBEYED)
    assert "\x1b[2J" in PLANTED
    with Terminal(["-c", PLANTED_SCREEN], size=(120, 40), env=home(tmp_path)) as terminal:
        terminal.shows("Positions")
        at_start = bytes(terminal.raw).find(b"Positions")
        for key, *_ in (*PANES, *MORE_PANES):
            for typed in (
                KEYS.get(key, key).encode(),
                b"j",
                b"\r",
                b"\x1b",
                b"i",
                b"\x1b",
                b"z",
                b"z",
            ):
                terminal.send(typed)
        for also in (b"?", b"\x1b", b"\x10", b"\x1b", b":", b"\x1b"):
            terminal.send(also)
        terminal.send(b"9")
        terminal.shows("Sessions")
        seen = bytes(terminal.raw)[at_start:]
        for sequence in OBEYED:
            assert sequence not in seen, sequence
        os.kill(terminal.process.pid, signal.SIGKILL)
