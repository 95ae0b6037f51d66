"""Screens on the engine of another process: either may die, the other goes on."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.runtime.holder import Holder, running, write_holder
from engine.runtime.lock import InstanceLock, lock_path
from storage.connect import open_reader
from storage.queries import panes
from storage.queries.lineage import lineage
from storage.rewind import Rewind
from storage.timeline import timeline
from tests.architecture.sources import ROOT
from tests.kin import with_us
from tests.patience import PATIENCE_S
from tests.tui import sample, seed
from tests.tui.ptys import Terminal, home
from tests.tui.pulses import assert_in_time, told_up_to_three_times
from tests.tui.screens import Asked, CountingIds, StillClock, seeded, until
from tests.tui.test_terminal import ask_stop, value
from tui.attached import Attached, AttachedSource, attached_to, no_engine
from tui.steering import Requests

HALT = b"\x0b"


@contextmanager
def engine(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An engine without a screen, at a brisk pace."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "run", "--no-ui", "--pace", "25/s",
         "--db", str(folder / "a.db")],
        cwd=ROOT, env={**os.environ, **home(folder)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=with_us(),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def attached(folder: Path, *more: str) -> Terminal:
    """A screen on the engine of this folder."""
    arguments = ["-m", "tui", "attach", "--db", str(folder / "a.db"), *more]
    return Terminal(arguments, size=(120, 40), env=home(folder))


def soon(terminal: Terminal, within_s: float, condition: Callable[[], Any], what: str) -> None:
    """Wait for what must come within a bound."""
    began = time.monotonic()
    terminal.until(condition, what)
    assert_in_time(time.monotonic() - began, within_s, what)


def newest(folder: Path) -> Any:
    """The number of the last event."""
    return value(folder, "SELECT max(seq) FROM events")


@told_up_to_three_times
def test_screens_and_engine_survive_each_other(tmp_path: Path) -> None:
    with (
        engine(tmp_path) as first,
        attached(tmp_path) as screen,
        attached(tmp_path, "--read-only") as other,
    ):
        for terminal in (screen, other):
            terminal.shows(f"attached to pid {first.pid}")
            terminal.shows("ACTIVE")

        other.process.kill()  # no screen is missed
        seen = newest(tmp_path)
        screen.until(lambda: newest(tmp_path) > seen, "an engine that goes on")

        screen.send(HALT)
        halted = "SELECT count(*) FROM books WHERE trading_state = 'HALTED'"
        soon(screen, 1, lambda: value(tmp_path, halted), "HALTED")
        screen.shows("EMERGENCY STOP")
        screen.send(b"\x1b")

        first.kill()
        first.wait()
        soon(screen, 2, lambda: "no heartbeat since" in screen.text, "an engine that is missed")
        with engine(tmp_path) as second:
            screen.shows("restarted as")
            screen.until(lambda: "NO ENGINE" not in screen.text, "the recovery")
            screen.process.send_signal(signal.SIGUSR1)  # meant for engines
            assert value(tmp_path, "SELECT state FROM sessions WHERE parent_session_id IS NOT NULL")
            screen.send(b"T")
            screen.shows(f"attached to pid {second.pid}")
            screen.process.send_signal(signal.SIGTERM)
            assert screen.exit_code() == 0
            screen.assert_restored()
            assert second.poll() is None
            ask_stop(tmp_path)
            assert second.wait(PATIENCE_S) == 0
    for session in value_list(tmp_path, "SELECT session_id FROM sessions"):
        assert_rewound(tmp_path / "a.db", session)


def value_list(folder: Path, sql: str) -> list[Any]:
    """The first column."""
    with closing(open_reader(folder / "a.db")) as db:
        return [row[0] for row in db.execute(sql).fetchall()]


def assert_rewound(database: Path, session_id: str) -> None:
    """A chain of sessions, folded again to the end of each: nothing is missing or doubled."""
    with closing(open_reader(database)) as db:
        steps = timeline(db, session_id)
        last = steps.steps[-1].seq
        with closing(Rewind(database, steps.book, steps.steps[0].seq, last)) as rewind:
            rewind.seek(last)
            for topic in ("session", "orders", "fills", "alerts", "decision", "readings"):
                there = panes.PANES[topic](rewind.db, session_id, steps.book)
                here = panes.PANES[topic](db, session_id, steps.book)
                if topic == "session" or last == newest(database.parent):
                    assert there == here, topic


def test_a_halt_that_cannot_be_written_is_signalled(tmp_path: Path) -> None:
    with engine(tmp_path) as process, attached(tmp_path) as screen:
        screen.shows("ACTIVE")
        with closing(sqlite3.connect(tmp_path / "a.db.requests", isolation_level=None)) as locked:
            locked.execute("BEGIN EXCLUSIVE")
            screen.send(HALT)
            screen.shows(f"halt signalled to pid {process.pid}")
            screen.until(
                lambda: value(tmp_path, "SELECT trading_state FROM books") == "HALTED", "HALTED"
            )
        screen.hang_up()
        screen.until(lambda: screen.process.poll() is not None, "the end of the screen")
        assert screen.process.returncode == 0
        assert process.poll() is None


def test_a_screen_waits_for_the_first_engine_and_says_how_its_session_ended(tmp_path: Path) -> None:
    with attached(tmp_path) as screen:
        screen.shows("NO ENGINE, and no session yet")
        with engine(tmp_path) as process:
            screen.shows(f"attached to pid {process.pid}")
            ask_stop(tmp_path)
            assert process.wait(PATIENCE_S) == 0
            screen.shows("SESSION ENDED")
            screen.send(b"Q")
            assert screen.exit_code() == 0
            screen.assert_restored()


def test_another_schema_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("CREATE TABLE t (n)")
    with attached(tmp_path) as screen:
        assert screen.exit_code() == 5
        screen.shows("schema 99")


def test_a_note_is_believed_only_of_a_process_that_holds_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    lock_path(database).touch()
    me = Holder(os.getpid(), "s", "here", "2026-11-20T14:30:00.000000Z")
    write_holder(database, me)
    assert running(database) is None
    with InstanceLock(database) as lock:
        lock.note(me)
        assert running(database) == me
    assert running(database) is None


def engine_row(**changes: Any) -> dict[str, Any]:
    """What an attached screen knows of its engine."""
    return {
        "pid": 4711, "since": "2026-11-20T19:30:00.000000Z", "session_id": sample.SESSION,
        "stranger": None,
    } | changes  # fmt: skip


def test_each_state_of_the_engine_has_its_words() -> None:
    def said(session: dict[str, Any], **changes: Any) -> str:
        view = sample.view(session=(sample.session(**session),), engine=(engine_row(**changes),))
        span = no_engine(view)
        return "" if span is None else span.text

    id = sample.SESSION[-8:]
    assert said({"state": "RUNNING"}) == ""
    assert said({"state": "RUNNING"}, pid=None).startswith("NO ENGINE, no heartbeat since ")
    interrupted = {"state": "INTERRUPTED", "ended_at": "2026-11-20T19:02:00.000000Z"}
    words = said(interrupted, pid=None)
    assert words.startswith(f"NO ENGINE. Last session {id}: INTERRUPTED 14:02:00 ET")
    assert said({"state": "COMPLETED", "ended_at": sample.ago(5)}, pid=None) == ""
    assert attached_to(engine_row()) == f"attached to pid 4711, session {id}, since 14:30 ET"
    assert "no engine runs" in attached_to(engine_row(pid=None))


def test_the_engine_of_a_strange_session_is_not_ours(tmp_path: Path) -> None:
    database = seeded(tmp_path / "s.db")
    held: list[Holder | None] = [Holder(4711, seed.SESSION, "here", sample.ago(60))]
    source = AttachedSource(database, lambda: held[0], lambda: seed.NOW)
    with closing(source):
        for holder, pid in (
            (held[0], 4711),
            (None, None),
            (Holder(4712, "offline-20261120T000000Z-0b0b0b0b", "here", sample.ago(1)), None),
        ):
            held[0] = holder
            view = source.read(frozenset({"positions"}))
            if view is not None:
                row = view["engine"].first()
                assert row is not None
                assert row["pid"] == pid
                assert view["session"].first() is not None
        assert source.read(frozenset({"positions"})) is None


async def test_an_engine_that_is_noted_after_its_first_row_is_named(tmp_path: Path) -> None:
    database = seeded(tmp_path / "s.db")
    held: list[Holder | None] = [None]

    def look() -> Holder | None:
        return held[0]

    app = Attached(
        look,
        make_source=lambda: AttachedSource(database, look, lambda: seed.NOW),
        requests=Requests(Asked(), StillClock(), CountingIds(), "me@here:pts/1"),
        clock=StillClock(),
    )

    def said(words: str) -> bool:
        return app.hint is not None and words in app.hint.text

    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: said("no engine runs"), "a session of nobody's")
        held[0] = Holder(4711, seed.SESSION, "here", sample.ago(60))
        await until(pilot, lambda: said("attached to pid 4711"), "its engine")


def test_a_line_of_sessions_is_followed_and_a_stranger_is_not() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE sessions (session_id, parent_session_id, created_seq)")
        assert lineage(db, None) == (None, None)
        db.executemany(
            "INSERT INTO sessions VALUES (?, ?, ?)",
            [("a", None, 1), ("b", "a", 2), ("c", "b", 3), ("x", None, 4)],
        )
        assert lineage(db, "a") == ("c", "x")
        assert lineage(db, "x") == ("x", None)
        assert lineage(db, None) == ("x", None)
