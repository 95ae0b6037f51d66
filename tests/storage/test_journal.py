"""The journal: numbers at once, one transaction, nothing of a failed unit."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain import event as facts
from engine.domain.ids import OrderId, SessionId, StrategyId
from engine.domain.market import Feed, Quote
from engine.domain.session import SessionState, StrategyInfo, TradingState
from engine.errors import JournalError
from engine.ports import Entry, Heartbeat, Reach, Unit
from storage import latest
from storage.connect import open_reader
from storage.hashchain import verify
from storage.journal import SqliteJournal
from storage.queries.listing import rows
from storage.store import SqliteSessionStore
from tests.storage.samples import (
    AT,
    QQQ,
    SESSION,
    a_trade,
    context,
    created,
    moved,
    open_journal,
    position,
    snapshots,
    unit,
    write,
)


def kinds(journal: SqliteJournal) -> list[str]:
    """What the journal holds of the usual book, in order."""
    return [type(found.event).__name__ for found in journal.replay(context().book)]


async def test_numbers_are_given_at_once_and_without_gaps(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "p.db") as journal:
        assert journal.put(created()) == 1
        assert journal.put(unit(*a_trade(1))) == 2
        assert journal.put(unit(*a_trade(2))) == 8
        assert journal.waiting == 3
        await journal.commit()
        assert journal.waiting == 0
        assert [found.seq for found in journal.replay(context().book)] == list(range(1, 14))


async def test_what_is_replayed_is_what_was_put(tmp_path: Path) -> None:
    given = [facts.SessionCreated(context=context()), *a_trade()]
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(unit(*given, durable=True))
        await journal.commit()
        assert [found.event for found in journal.replay(context().book)] == given
        assert {found.session_id for found in journal.replay(context().book)} == {SESSION}


async def test_causes_point_to_the_unit_and_within_it(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        entries = [
            Entry(event, cause)
            for event, cause in zip(a_trade(), (-1, 0, -1, 2, 2, 3), strict=True)
        ]
        journal.put(Unit(AT, AT + timedelta(seconds=1), entries, causation_seq=1))
        await journal.commit()
    db = open_reader(path)
    found = db.execute("SELECT causation_seq, known_at FROM events WHERE seq > 1").fetchall()
    db.close()
    assert [row[0] for row in found] == [1, 2, 1, 4, 4, 5]
    assert found[0]["known_at"] == "2026-11-20T14:30:01.000000Z"


async def test_neighbouring_snapshots_become_one_event(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    days = snapshots(5)
    async with await open_journal(path) as journal:
        journal.put(created())
        seqs = [
            journal.put(unit(facts.SnapshotTaken(rows=(day,)), cursor=n))
            for n, day in enumerate(days, 1)
        ]
        assert seqs == [2] * 5
        assert journal.waiting == 6
        assert journal.put(unit(*a_trade(), cursor=6)) == 3
        assert journal.put(unit(facts.SnapshotTaken(rows=(days[0],)))) == 9
        await journal.commit()
        assert journal.cursor(context().book) == 6
        joined = next(f for f in journal.replay(context().book) if f.seq == 2)
        assert joined.event == facts.SnapshotTaken(rows=tuple(days))
    db = open_reader(path)
    assert len(rows(db, "snapshots")) == 6
    db.close()


async def test_snapshots_of_two_commits_are_two_events(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created())
        for n, day in enumerate(snapshots(2), 1):
            assert journal.put(unit(facts.SnapshotTaken(rows=(day,)), cursor=n)) == n + 1
            await journal.commit()
            assert journal.cursor(context().book) == n


async def test_a_bad_unit_fails_and_takes_only_what_is_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        journal.put(unit(*a_trade(1)))
        journal.put(
            unit(
                facts.SendStarted(
                    order_id=OrderId("none"), attempt=1, link_epoch=0, broker_order_id=1
                )
            )
        )
        journal.put(unit(*a_trade(2)))
        with pytest.raises(JournalError, match="order none: 0 rows"):
            await journal.commit()
        assert kinds(journal) == ["SessionCreated", *(type(event).__name__ for event in a_trade())]
        with pytest.raises(JournalError, match="takes nothing"):
            journal.put(unit(*a_trade(2)))
        with pytest.raises(JournalError, match="order none"):
            await journal.commit()
        await journal.reset()
        assert journal.put(unit(*a_trade(2))) == 8
        await journal.commit()
    db = open_reader(path)
    assert verify(db) is None
    db.close()


async def test_nothing_of_a_failed_unit_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        journal.put(unit(*a_trade(1), facts.LatchReleased(latch="x", scope="book", by="me")))
        with pytest.raises(JournalError, match="latch x"):
            await journal.commit()
        await journal.reset()
    db = open_reader(path)
    assert rows(db, "orders") == []
    assert rows(db, "trades") == []
    db.close()


async def test_nothing_can_be_put_before_a_session(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(unit(*a_trade()))
        with pytest.raises(JournalError, match="before SessionCreated"):
            await journal.commit()


async def test_a_canceled_commit_is_written_all_the_same(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created())
        task = asyncio.create_task(journal.commit())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert kinds(journal) == ["SessionCreated"]
        journal.put(unit(*a_trade()))
        await journal.commit()
        assert len(kinds(journal)) == 7


async def test_many_committers_lose_nothing(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "p.db") as journal:
        journal.put(created())

        async def trade(n: int) -> None:
            journal.put(unit(*a_trade(n), durable=n % 2 == 0))
            await journal.commit()

        await asyncio.gather(*(trade(n) for n in range(1, 21)))
        assert len(kinds(journal)) == 121


async def test_a_new_session_goes_on_where_its_parent_was(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    child = context("offline-20261121T143000Z-0a1b2c3d", parent_session_id=SessionId(SESSION),
                    book=context().book)  # fmt: skip
    async with await open_journal(path) as journal:
        for given in (
            created(),
            unit(*a_trade(), cursor=17),
            unit(moved(SessionState.CREATED, SessionState.STARTING)),
        ):
            journal.put(given)
        await journal.commit()
    store = SqliteSessionStore(path)
    assert [found.session_id for found in store.interrupted()] == [SESSION]
    assert store.last_context("offline:") == context()
    assert store.last_context("paper:") is None
    async with await open_journal(path) as journal:
        journal.end_interrupted(context(), AT, "engine")
        journal.put(created(child))
        await journal.commit()
        assert journal.cursor(context().book) == 17
        assert len(kinds(journal)) == 10
    assert [found.session_id for found in store.interrupted()] == [child.session_id]
    assert store.state_of(SESSION) == "INTERRUPTED"
    db = open_reader(path)
    assert rows(db, "positions", session_id=child.session_id)[0]["quantity"] == 10
    assert rows(db, "strategies", session_id=child.session_id)[0]["cash"] == 8998.7
    old = rows(db, "sessions")[0]
    assert (old["end_reason"], old["ended_at"]) == ("process_died", "2026-11-20T14:30:00.000000Z")
    db.close()


async def test_a_session_of_another_book_inherits_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    other = context("offline-20261121T143000Z-0a1b2c3d", parent_session_id=SessionId(SESSION))
    await write(path, unit(*a_trade()), created(other))
    db = open_reader(path)
    assert rows(db, "positions", session_id=other.session_id) == []
    assert rows(db, "strategies", session_id=other.session_id)[0]["cash"] == 10_000
    db.close()


async def test_the_latest_rows_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    beat = Heartbeat(
        session_id=SessionId(SESSION), wall_at=AT, clock_at=AT, session_date=date(2026, 11, 20),
        state="RUNNING", trading_state="ACTIVE", pace="max", tick_gap_ms=1.5, reports_waiting=0,
        commit_p99_ms=0.5, next_slot="", loop_lag_ms=0.4, hours="close 2026-11-20T21:00:00.000000Z",
        reach=Reach(round_trip_ms=12.5, asked_s=3.0, farms={"usfarm": "OK"}), since={"link": AT},
    )  # fmt: skip
    quote = Quote(
        instrument=QQQ,
        bid=Decimal("100"),
        ask=Decimal("100.02"),
        at=AT + timedelta(hours=1),
        feed=Feed.LIVE,
    )
    async with await open_journal(path) as journal:
        journal.put(created())
        journal.put(unit(position("10", "1000")))
        await journal.commit()
        await journal.put_latest(beat, [quote])
        await journal.put_latest(beat, [quote])
        db = open_reader(path)
        assert latest.heartbeat(db) == beat
        assert latest.quotes(db, SESSION) == [quote]
        owned = rows(db, "positions")[0]
        db.close()
    assert (owned["market_price"], owned["unrealized_pnl"]) == (100.01, 0.1)


async def test_two_strategies_keep_their_own_cash(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    first = context().strategies[0]
    second = StrategyInfo(
        strategy=StrategyId("crossover"), preset="default", parameter_hash="x",
        parameters={}, cash=Decimal(500),
    )  # fmt: skip
    async with await open_journal(path) as journal:
        journal.put(created(context(strategies=(first, second))))
        journal.put(unit(*a_trade()))
        await journal.commit()
    db = open_reader(path)
    found = {row["strategy_id"]: row["cash"] for row in rows(db, "strategies")}
    db.close()
    assert found == {"regime": 8998.7, "crossover": 500}


async def test_what_a_dry_run_was_told_binds_no_real_book(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    real, dry = context(), context("offline-20261121T143000Z-0a1b2c3d", dry_run=True)

    def moves(before: TradingState, after: TradingState) -> facts.TradingStateChanged:
        return facts.TradingStateChanged(before=before, after=after, reason="x", actor="me")

    active, halted = TradingState.ACTIVE, TradingState.HALTED
    await write(
        path, unit(moves(active, halted)),
        created(dry), unit(moves(active, halted), moves(halted, active)),
    )  # fmt: skip
    store = SqliteSessionStore(path)
    assert store.left_behind("offline", dry_run=False) == ("HALTED", "x", real.session_id)
    assert store.left_behind("offline", dry_run=True) == ("ACTIVE", "x", dry.session_id)


async def test_cached_pages_are_given_back_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        await journal.shrink()
        journal.put(unit(position("10", "1000")))
        await journal.commit()
    db = open_reader(path)
    assert verify(db) is None
    db.close()
