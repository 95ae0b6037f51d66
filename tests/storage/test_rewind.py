"""Any moment of a recorded session: the rows are those that were there at that moment."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import thread_time
from typing import Any

import pytest

from engine.domain.times import parse_utc
from engine.settings.load import load
from engine.settings.sources import Flag
from storage.codec import decode
from storage.connect import open_reader
from storage.migrate import migrations, statements
from storage.projections import project
from storage.projections.row import Place
from storage.queries import panes
from storage.rewind import Rewind
from storage.timeline import Timeline, timeline
from tests.architecture.sources import ROOT
from tui.wiring import run_session

INSTANTS = 200
REAL = ROOT.parent / "shared" / "data" / "market"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backtest of nine years on real bars, of two on the built-in market where there are none."""
    folder = tmp_path_factory.mktemp("recorded")
    given = {"run.mode": "backtest", "run.pace": "max", "storage.path": str(folder / "r.db")}
    if REAL.is_dir():
        given |= {"run.data": str(REAL), "run.from": "2010-01-04", "run.to": "2018-12-31"}
    else:
        given |= {"run.from": "2014-01-02", "run.to": "2015-12-31"}
    run_session(load(flags=[Flag(k, k, v) for k, v in given.items()], env={}, here=folder))
    return folder / "r.db"


@pytest.fixture(scope="module")
def steps(recorded: Path) -> Timeline:
    """The instants of its one session."""
    with closing(open_reader(recorded)) as db:
        (session_id,) = db.execute("SELECT session_id FROM sessions").fetchone()
        return timeline(db, session_id)


def rewound(path: Path, steps: Timeline) -> Rewind:
    """A database in memory over all of a session."""
    return Rewind(path, steps.book, steps.steps[0].seq, steps.steps[-1].seq)


def rows(db: sqlite3.Connection, steps: Timeline, since: int = 0) -> dict[str, Any]:
    """What every pane shows; of the curve only what is newer than an event."""
    found: dict[str, Any] = panes.read(db, steps.session_id, steps.book, panes.PANES)
    found["snapshots"] = tuple(panes.snapshots_after(db, steps.book, since))
    failed = {topic: why for topic, why in found.items() if isinstance(why, str)}
    assert not failed
    return found


def lived(path: Path, wanted: list[int]) -> Iterator[tuple[int, sqlite3.Connection]]:
    """The database as it grew, event by event: what a reader saw while the session ran."""
    with closing(open_reader(path)) as file, closing(sqlite3.connect(":memory:")) as db:
        db.row_factory = sqlite3.Row
        for step in migrations():
            for statement in statements(step.sql):
                db.execute(statement)
        ends = dict(file.execute("SELECT session_id, ended_at FROM sessions").fetchall())
        books = dict(file.execute("SELECT session_id, book FROM sessions").fetchall())
        for row in file.execute("SELECT * FROM events ORDER BY seq"):
            event = decode(row["kind"], row["version"], row["payload"])
            session = row["session_id"]
            ended = parse_utc(ends[session] or row["at"])
            place = Place(row["seq"], session, books[session], row["at"], lambda at=ended: at)  # type: ignore[misc]
            project(db, place, event)
            marks = ",".join("?" * len(row))
            db.execute(f"INSERT INTO events VALUES ({marks})", tuple(row))  # noqa: S608
            if row["seq"] in wanted:
                yield row["seq"], db


def test_every_pane_shows_what_it_showed_at_that_moment(recorded: Path, steps: Timeline) -> None:
    last = steps.steps[-1].seq
    wanted = sorted({1, last, *random.Random(7).sample(range(1, last), INSTANTS)})
    with closing(rewound(recorded, steps)) as rewind:
        for seq, live in lived(recorded, wanted):
            rewind.seek(seq)
            seen, was = (rows(db, steps, seq - 1_000) for db in (rewind.db, live))
            assert {topic for topic in was if seen[topic] != was[topic]} == set(), seq


def test_forward_then_back_is_as_if_never_moved(recorded: Path, steps: Timeline) -> None:
    chance = random.Random(11)
    last = steps.steps[-1].seq
    with closing(rewound(recorded, steps)) as moved, closing(rewound(recorded, steps)) as still:
        while not moved.prepare(0.05):
            pass
        for _ in range(12):
            seq = chance.randint(1, last)
            moved.seek(seq)
            before = rows(moved.db, steps)
            moved.seek(chance.randint(1, last))
            moved.seek(seq)
            still.seek(seq)
            assert rows(moved.db, steps) == before == rows(still.db, steps)


def test_the_end_is_what_the_database_holds(recorded: Path, steps: Timeline) -> None:
    not_journaled = {"beat", "quotes", "trading"}  # quotes: kept by a run that takes seconds
    with closing(rewound(recorded, steps)) as rewind, closing(open_reader(recorded)) as db:
        rewind.seek(steps.steps[-1].seq)
        seen, stored = rows(rewind.db, steps), rows(db, steps)
        assert {t for t in stored if seen[t] != stored[t]} <= not_journaled
        assert seen["session"][0]["state"] == "COMPLETED"
        assert seen["session"][0]["ended_at"] == stored["session"][0]["ended_at"]


def test_any_moment_is_reached_in_a_fraction_of_a_second(recorded: Path, steps: Timeline) -> None:
    chance = random.Random(13)
    with closing(rewound(recorded, steps)) as rewind:
        while not rewind.prepare(0.05):
            pass
        spent = []
        for _ in range(60):
            began = thread_time()  # of this thread: a busy machine is no slow program
            rewind.seek(chance.randint(1, steps.steps[-1].seq))
            panes.read(rewind.db, steps.session_id, steps.book, panes.PANES)
            spent.append(thread_time() - began)
    assert max(spent) < 0.3, sorted(spent)[-5:]


def test_nothing_is_kept_twice_and_not_more_than_sixteen(recorded: Path, steps: Timeline) -> None:
    with closing(rewound(recorded, steps)) as rewind:
        rewind.seek(steps.steps[0].seq)
        assert not rewind.prepare(0.0)
        while not rewind.prepare(0.05):
            pass
        assert len(rewind._kept) <= 16


def test_steps_are_inputs_in_order(recorded: Path, steps: Timeline) -> None:
    with closing(open_reader(recorded)) as db:
        fills = {row[0] for row in db.execute("SELECT seq FROM fills")}
    clocks = [step.clock for step in steps.steps]
    assert clocks == sorted(clocks)
    assert [step.seq for step in steps.steps] == sorted({step.seq for step in steps.steps})
    for seq in fills:
        assert steps.steps[steps.at_seq(seq)].marked
    middle = steps.end // 2
    assert steps.mark(steps.mark(middle, 1), -1) <= middle
    assert steps.at_instant(clocks[middle]) >= middle
    assert steps.at_instant("2000-01-01T00:00:00.000000Z") == 0
    assert steps.at_instant("2100-01-01T00:00:00.000000Z") == steps.end
