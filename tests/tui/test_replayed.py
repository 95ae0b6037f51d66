"""A recorded session on the screen: its clock moves, nothing else does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from engine.domain.request import Request
from engine.errors import SettingsError
from engine.runtime.clock import SystemClock
from engine.settings.load import load
from engine.settings.sources import Flag
from storage.connect import open_reader
from storage.queries.pages import Window
from storage.timeline import Timeline
from tests.architecture.sources import ROOT
from tests.tui.ptys import Terminal, home
from tests.tui.screens import CountingIds, press, until
from tui.actions import of
from tui.panes.long import LongPane
from tui.player import Player
from tui.replayed import Replayed, ReplaySource, Wish, find_step, recorded
from tui.shell import ScreenOptions
from tui.steering import Requests
from tui.wiring import run_session

WANTED = frozenset({"positions", "orders", "fills", "alerts", "decision", "snapshots", "events"})
NOW = datetime(2026, 11, 20, 20, 41, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year of the built-in market."""
    folder = tmp_path_factory.mktemp("replayed")
    given = {
        "run.mode": "backtest", "run.pace": "max", "run.from": "2014-01-02",
        "run.to": "2014-12-31", "storage.path": str(folder / "r.db"),
    }  # fmt: skip
    run_session(load(flags=[Flag(k, k, v) for k, v in given.items()], env={}, here=folder))
    return folder / "r.db"


@pytest.fixture(scope="module")
def steps(database: Path) -> Timeline:
    """Its instants."""
    return recorded(database, "backtest")


@pytest.fixture
def source(database: Path, steps: Timeline) -> Iterator["Watched"]:
    """What a replay reads."""
    watched = Watched(database, steps)
    yield watched
    watched.source.close()


class Watched:
    """A source with its player, moved without a screen."""

    def __init__(self, path: Path, steps: Timeline) -> None:
        self.player = Player(steps)
        self.wishes: SimpleQueue[Wish] = SimpleQueue()
        self.source = ReplaySource(path, steps, self.player, self.wishes, lambda: NOW)

    def rows(self, step: int) -> dict[str, Any]:
        """Everything that is shown at a step."""
        self.wishes.put(lambda player, _: player.go(step))
        view = self.source.read(WANTED)
        assert view is not None
        assert view.moment.clock is not None
        assert all(not reading.failed for reading in view.readings.values())
        return {topic: reading.rows for topic, reading in view.readings.items()}


def test_forward_then_back_shows_the_same(source: Watched, steps: Timeline) -> None:
    there = source.rows(steps.end // 3)
    end = source.rows(steps.end)
    assert end != there
    assert source.rows(steps.end // 3) == there
    assert source.rows(steps.end) == end
    assert end["replay"][0]["end"]["state"] == "COMPLETED"
    assert end["replay"][0]["end"]["fills"] == len(steps_of(source, "fills"))


def steps_of(source: Watched, table: str) -> list[Any]:
    """Rows of a table at the end."""
    with closing(open_reader(source.source._path)) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608


def test_what_is_not_journaled_is_unknown(source: Watched, steps: Timeline) -> None:
    rows = source.rows(steps.end // 2)
    assert rows["beat"] == ()
    assert rows["trading"][0]["state"] == "ACTIVE"
    assert rows["session"][0]["ended_at"] is None
    assert source.source.read(WANTED) is None


def test_every_way_to_say_where(database: Path, steps: Timeline) -> None:
    def find(text: str) -> int:
        return find_step(database, steps, text, NOW)

    with closing(open_reader(database)) as db:
        order, seq = db.execute("SELECT order_id, seq FROM orders ORDER BY seq DESC").fetchone()
    assert find("start") == 0
    assert find("end") == steps.end
    assert find("seq 18") == steps.at_seq(18)
    assert find(order) == steps.at_seq(seq)
    summer = steps.steps[find("2014-07-01")].clock
    assert summer.startswith("2014-07-01")
    assert steps.steps[find("2014-07-01 12:00")].clock < summer
    for wrong in ("seq x", "nothing", ""):
        with pytest.raises(SettingsError):
            find(wrong)


def test_a_session_that_is_not_there_is_refused(database: Path) -> None:
    with pytest.raises(SettingsError, match="no session"):
        recorded(database, "9f3a1c22")


# -- the screen ----------------------------------------------------------------------------


def never(request: Request) -> None:
    """Nothing is ever asked of a recorded session."""
    raise AssertionError(f"asked {request.kind}")


def replayed(path: Path, steps: Timeline) -> Replayed:
    """The screen at the start of a session."""
    player, wishes, clock = Player(steps), SimpleQueue[Wish](), SystemClock()
    return Replayed(
        lambda text, at: find_step(path, steps, text, at),
        wishes,
        make_source=lambda: ReplaySource(path, steps, player, wishes, clock.wall),
        requests=Requests(never, clock, CountingIds(), "me@here:pts/1"),
        clock=clock,
        options=ScreenOptions(read_only=True),
    )


def seq_of(app: Replayed) -> int:
    """The event up to which the screen knows."""
    row = app.view["replay"].first()
    return int(row["seq"]) if row else 0


async def test_keys_move_the_clock_and_nothing_is_asked(database: Path, steps: Timeline) -> None:
    app = replayed(database, steps)
    first = steps.mark(1, 1)
    second = steps.mark(first, 1)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: seq_of(app) == steps.steps[0].seq, "the start")
        for key, step in (
            ("]", 1), ("]", 2), ("[", 1), (")", first), (")", second), ("(", first),
            ("'", steps.end), ("'", first),
        ):  # fmt: skip
            await press(pilot, key)
            seq = steps.steps[step].seq
            await until(pilot, lambda seq=seq: seq_of(app) == seq, key)  # type: ignore[misc]
        app.run_command(f"goto seq {steps.steps[second].seq}")
        await until(pilot, lambda: seq_of(app) == steps.steps[second].seq, ":goto")
        app.run_command("goto nowhere at all")
        assert app.hint is not None
        assert "nowhere at all" in app.hint.text
        await press(pilot, "colon", *"halt", "enter")
        await press(pilot, "colon", *"stop", "enter")
        await press(pilot, "ctrl+p", "escape")
        await press(pilot, "ctrl+k")
        assert app.hint is not None
        assert "nothing to stop" in app.hint.text
        await press(pilot, "T", "ctrl+o", "C", "X", "P")
        assert not app.dashboard.confirm.display
        assert app.requests.last is None


async def test_now_is_marked_where_it_differs_from_then(database: Path, steps: Timeline) -> None:
    app = replayed(database, steps)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: seq_of(app) == steps.steps[0].seq, "the start")
        there = steps.steps[steps.mark(1, 1)].seq
        await press(pilot, ")")
        await until(pilot, lambda: seq_of(app) == there, "the first fill")
        positions = app.dashboard.panes["positions"]
        await until(pilot, lambda: bool(positions.keys), "its position")
        held = set(positions.keys)
        await press(pilot, "'")
        await until(pilot, lambda: seq_of(app) == steps.steps[-1].seq, "now")
        await until(pilot, lambda: "≠" in positions.text.split("\n")[0], "what differs")
        changed, new, gone = positions.differences()
        assert changed + gone >= 1
        rows = positions.text.split("\n")[3:]
        for key, text in zip(positions.keys, rows, strict=False):
            assert text[0] in ("≠ " if key in held else "+")
        assert new == len(set(positions.keys) - held)
        await press(pilot, "'")
        await until(pilot, lambda: seq_of(app) == there, "back")
        await until(pilot, lambda: positions.then is None, "no comparison")
        assert "≠" not in positions.text


async def test_a_long_table_and_a_pane_shown_later_are_marked_too(
    database: Path, steps: Timeline
) -> None:
    app = replayed(database, steps)
    home = steps.steps[steps.end // 2].seq
    with closing(open_reader(database)) as db:
        (begun,) = db.execute("SELECT min(seq) FROM events").fetchone()
        (last,) = db.execute("SELECT max(seq) FROM events").fetchone()
        (before,) = db.execute("SELECT count(*) FROM orders WHERE seq <= ?", (home,)).fetchone()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: seq_of(app) == steps.steps[0].seq, "the start")
        app.run_command(f"goto seq {home}")
        await press(pilot, "0")
        log = app.dashboard.panes["log"]
        assert isinstance(log, LongPane)
        await until(pilot, lambda: seq_of(app) == home and log.part is not None, "a page")
        await press(pilot, "'")
        new = last - home
        told = f"≠ 0 changed, {new:,} new, 0 gone"
        await until(pilot, lambda: told in log.text.split("\n")[0], "what is new")
        assert {text[0] for text in log.text.split("\n")[3:] if text.strip()} == {"+"}
        await press(pilot, "g")
        await until(pilot, lambda: log.keys[:1] == (str(begun),), "the beginning")
        await until(pilot, lambda: log.then is not None and str(begun) in log.then, "as it was")
        await press(pilot, "j")
        assert {text[0] for text in log.text.split("\n")[3:] if text.strip()} == {" ", ">"}
        await press(pilot, "4")
        orders = app.dashboard.panes["orders"]
        await until(pilot, lambda: orders.then is not None, "another pane")
        assert len(orders.then or {}) == before
        await press(pilot, "'")
        await until(pilot, lambda: seq_of(app) == home, "back")
        await until(pilot, lambda: log.then is None and orders.then is None, "no comparison")


def test_an_export_of_a_replay_is_of_the_instant(source: Watched, steps: Timeline) -> None:
    there = source.rows(steps.end // 3)
    found = source.source.every(steps.session_id, Window("orders"))
    rows = [row for piece in found for row in piece]
    assert {row["order_id"] for row in rows} == {row["order_id"] for row in there["orders"]}
    assert 0 < len(rows) < len(steps_of(source, "orders"))
    assert source.rows(steps.end // 3 + 1)


def test_no_key_of_a_replay_is_another_one_of_every_pane() -> None:
    taken = [key for action in of("table") for key in action.keys]
    own = [key for action in of("replay") for key in action.keys]
    assert len(own) == len(set(own))
    assert not set(own) & set(taken)


def test_the_real_program_replays_and_leaves_no_trace(tmp_path: Path, database: Path) -> None:
    before = database.read_bytes()
    arguments = ["-m", "tui", "replay", "backtest", "--at", "2014-06-30", "--db", str(database)]
    with Terminal(arguments, size=(80, 24), env=home(tmp_path)) as terminal:
        terminal.shows("REPLAY")
        terminal.shows("2014-06-30")
        terminal.send(b"\x0b")
        terminal.shows("replay: nothing to stop")
        terminal.send(b"'")
        terminal.shows("this is the END")
        terminal.send(b"'")
        terminal.shows("×1 ⏸")
        terminal.send(b"@")
        terminal.shows("GO TO")
        terminal.takes_answers()
        terminal.send(b"end\r")
        terminal.shows("END: COMPLETED")
        terminal.send(b"[")
        terminal.shows("×1 ⏸")
        terminal.send(b"p")
        terminal.until(lambda: "▶" in terminal.text or "END: " in terminal.text, "a clock")
        terminal.send(b"Q")
        assert terminal.exit_code() == 0
        terminal.assert_restored()
    assert database.read_bytes() == before


def test_neither_command_loads_the_engine() -> None:
    heavy = ("pandas", "exchange_calendars", "ib_insync", "tui.wiring", "engine.core.decide")
    code = (
        "import sys, tui.app, tui.attached, tui.replayed, tui.commands.screens; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
