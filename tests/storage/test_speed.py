"""What storage costs: run alone by make bench, ratios against references of the same run."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Self

import pytest

from engine.domain import event as facts
from engine.domain.ids import SessionId
from engine.domain.snapshot import Holding, Snapshot
from engine.ports import Unit
from storage.codec import encode
from storage.connect import beside, open_writer
from storage.hashchain import verify
from storage.journal import SqliteJournal
from tests.storage.samples import (
    AT,
    QQQ,
    REGIME,
    a_trade,
    context,
    created,
    open_journal,
    position,
    signal,
    unit,
)
from tests.storage.test_projections import decision

pytestmark = pytest.mark.bench


def middle(times: list[float]) -> float:
    """The median."""
    return sorted(times)[len(times) // 2]


def best_us(work: Callable[[], object], count: int = 2_000) -> float:
    """Microseconds of one call, the best of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(count):
            work()
        rounds.append(time.perf_counter() - began)
    return min(rounds) / count * 1e6


def marked(count: int) -> list[Snapshot]:
    """Rows of a strategy that holds one instrument, with returns of full length."""
    rows, before, high = [], Decimal(10_000), Decimal(10_000)
    for n in range(count):
        price = Decimal(100) + Decimal(n * 37 % 1009) / 100
        equity = Decimal("123.45") + 98 * price
        high = max(high, equity)
        rows.append(
            Snapshot(
                REGIME, date(1900, 1, 1) + timedelta(n), equity, Decimal("123.45"),
                before, Decimal(10_000), high, (Holding(QQQ, Decimal(98), price),),
                baseline=price * 100,
            )
        )  # fmt: skip
        before = equity
    return rows


async def test_a_snapshot_row_costs_microseconds(tmp_path: Path) -> None:
    units = [
        unit(facts.SnapshotTaken(rows=(row,)), cursor=n) for n, row in enumerate(marked(51_200))
    ]
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created())
        journal.put(unit(position("98", "9800")))
        await journal.commit()
        began = time.perf_counter()
        for n in range(0, len(units), 256):
            for given in units[n : n + 256]:
                journal.put(given)
            await journal.commit()
        each = (time.perf_counter() - began) / len(units) * 1e6
    print(f"\nsnapshot rows, 256 a commit: {each:.2f} µs a row")
    assert each < 8


async def test_a_trade_of_six_events_costs_a_fraction_of_a_millisecond(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created())
        await journal.commit()
        alone = middle([await appended(journal, unit(*a_trade(n))) for n in range(1_000)])
        began = time.perf_counter()
        for n in range(2_000, 3_000):
            journal.put(unit(*a_trade(n)))
        await journal.commit()
        together = (time.perf_counter() - began) / 1_000
    print(f"\na trade of 6 events: alone {alone * 1e6:.0f} µs, in a group {together * 1e6:.0f} µs")
    assert alone < 0.001
    assert together < 0.0004


@pytest.mark.parametrize("events", [1, 2, 6])
async def test_a_durable_append_costs_little_more_than_the_disk(
    tmp_path: Path, events: int
) -> None:
    """In turn with a bare commit of as many bytes: both meet the same disk.

    One event, what stands before a send, and a whole trade, whose rows are in six tables.
    """
    path, ours, bare = tmp_path / "p.db", [], []
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        for n in range(50):
            await appended(journal, unit(*a_trade(n)[:events], durable=True))
        other = bare_database(tmp_path / "bare.db")
        with closing(other), Log(path) as log, Log(tmp_path / "bare.db") as its_log:
            log.grown(), its_log.grown()
            pages = owed = 0
            for n in range(100, 500):
                given = unit(*a_trade(n)[:events], durable=True)
                ours.append(await appended(journal, given))
                written = log.grown()
                pages, owed = pages + written, owed + written
                bare.append(bare_commit(other, owed))
                owed -= its_log.grown()
    took, least = middle(ours), middle(bare)
    print(
        f"\ndurable append of {events} events ({pages / 400:.1f} pages): {took * 1e6:.0f} µs, a "
        f"bare commit of as many {least * 1e6:.0f} µs, ratio {took / least:.2f}"
    )
    assert abs(owed) <= 5
    assert took <= 1.5 * least


class Log:
    """A write-ahead log, whose frames are counted; one that is full begins again at its start."""

    def __init__(self, path: Path) -> None:
        self._file = beside(path, "-wal").open("rb", buffering=0)
        self._salts, self._frames = b"", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def grown(self) -> int:
        """The frames, each a page and 24 bytes, since the last call."""
        fd = self._file.fileno()
        salts = os.pread(fd, 8, 16)  # of the header; others where it has begun again
        if salts != self._salts:
            self._salts, self._frames = salts, 0
        before = self._frames
        while os.pread(fd, 8, 32 + self._frames * 4_120 + 8) == salts:
            self._frames += 1
        return self._frames - before


async def appended(journal: SqliteJournal, given: Unit) -> float:
    """The time of one put and commit."""
    began = time.perf_counter()
    journal.put(given)
    await journal.commit()
    return time.perf_counter() - began


def bare_database(path: Path) -> sqlite3.Connection:
    """A database with one table, that writes durably."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t (x BLOB)")
    return db


def bare_commit(db: sqlite3.Connection, pages: int) -> float:
    """The time of a durable commit of so many pages and nothing else.

    Two of them are the row's own and the first of the file, which has grown.
    """
    began = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO t VALUES (zeroblob(?))", (max(pages - 2, 0) * 4_096,))
    db.execute("COMMIT")
    return time.perf_counter() - began


def test_events_become_text_in_microseconds() -> None:
    for event in (*a_trade(), facts.SignalRaised(signal=signal()), decision()):
        each = best_us(lambda event=event: encode(event))  # type: ignore[misc]
        print(f"\n{type(event).__name__}: {each:.1f} µs", end="")
        assert each < 50


async def test_the_chain_is_verified_quickly(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    child = context("offline-20261121T143000Z-0a1b2c3d", parent_session_id=SessionId("x"))
    assert child.parent_session_id
    async with await open_journal(path) as journal:
        journal.put(created())
        for n in range(2_000):
            journal.put(unit(*a_trade(n), at=AT))
        await journal.commit()
    db = open_writer(path)
    began = time.perf_counter()
    assert verify(db) is None
    each = (time.perf_counter() - began) / 12_001
    size = path.stat().st_size / 12_001
    db.close()
    print(f"\nverify: {each * 1e6:.1f} µs an event, {size:.0f} bytes an event")
    assert each < 50e-6
