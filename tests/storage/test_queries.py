"""What commands and screens read: rows, status, the chain of an id, what changed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain import event as facts
from engine.domain.ids import DecisionId, RequestId
from engine.domain.request import Request, RequestKind
from engine.domain.risk import Check, CheckResult
from engine.domain.session import SessionState, TradingState
from engine.domain.snapshot import Holding
from engine.errors import DatabaseUnusable, SettingsError
from storage.connect import open_reader
from storage.queries.chain import explain, resolve
from storage.queries.fetch import fetch
from storage.queries.listing import find_session, latest_session, rows
from storage.queries.status import status
from storage.watch import EVERYTHING, LATEST, MANY, Watch
from tests.storage.samples import (
    AT,
    DAY,
    QQQ,
    REGIME,
    SESSION,
    context,
    created,
    fill,
    moved,
    open_journal,
    order,
    order_filled,
    position,
    signal,
    snapshot,
    snapshots,
    unit,
    write,
)
from tests.storage.test_projections import decision, reading

OTHER = "offline-20261121T143000Z-0a1b2c3d"


async def a_day(path: Path) -> None:
    """A session with a reading, a decision of two legs, and one filled order."""
    first = signal("sig_aaaaaaaaaaaa", decision_id=DecisionId("dec_1"))
    second = signal("sig_bbbbbbbbbbbb", decision_id=DecisionId("dec_1"), leg=1)
    bought = order("ord_AAAA", signal_id=first.signal_id, decision_id=DecisionId("dec_1"))
    denied = order("ord_BBBB", signal_id=second.signal_id, decision_id=DecisionId("dec_1"))
    checks = (Check("order_size", CheckResult.FAIL, "0.41", "0.30"),)
    await write(
        path,
        unit(reading(1)),
        unit(decision(), facts.SignalRaised(signal=first), facts.SignalRaised(signal=second)),
        unit(
            facts.RiskChecked(order_id=denied.order_id, checks=checks),
            facts.OrderDenied(order=denied, code="order_size", text="0.41 > 0.30"),
        ),
        unit(facts.OrderApproved(order=bought)),
        unit(
            facts.FillReceived(fill=fill("x1", bought)),
            order_filled(bought),
            position("10", "1001.3"),
        ),
        unit(facts.SnapshotTaken(rows=(snapshot(equity="10010"),))),
    )


async def test_rows_are_the_newest_and_the_oldest_of_them_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_reader(path)
    events = rows(db, "journal", limit=2)
    assert [row["kind"] for row in events] == ["PositionChanged", "SnapshotTaken"]
    assert [row["order_id"] for row in rows(db, "orders", session_id=SESSION)] == [
        "ord_BBBB", "ord_AAAA",
    ]  # fmt: skip
    assert rows(db, "orders", session_id="nobody") == []
    assert rows(db, "snapshots", since="2026-11-21") == []
    assert rows(db, "snapshots", session_id=SESSION, limit=1)[0]["equity"] == 10010
    assert len(rows(db, "trades", since="2026-11-20T14:30:00.000000Z")) == 1
    db.close()


async def test_a_limit_unfolds_only_the_newest_snapshots(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path, *(unit(facts.SnapshotTaken(rows=tuple(snapshots(50)))) for _ in range(3)))
    db = open_reader(path)
    assert len(rows(db, "snapshots", session_id=SESSION)) == 150
    assert [r["session_date"] for r in rows(db, "snapshots", session_id=SESSION, limit=2)] == [
        "2000-02-18", "2000-02-19",
    ]  # fmt: skip
    db.close()


async def test_a_session_is_found_by_part_of_its_id(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await write(path, created(context(OTHER)))
    db = open_reader(path)
    assert latest_session(db) == OTHER
    assert find_session(db, SESSION) == SESSION
    assert find_session(db, "offline-20261121") == OTHER
    assert find_session(db, "0a1b2c3d") is None
    assert find_session(db, "nothing") is None
    db.close()


def test_reading_where_nothing_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="there is no database"):
        open_reader(tmp_path / "p.db")


# -- status --------------------------------------------------------------------------------


async def test_a_strategy_stands_by_what_holds_it(tmp_path: Path) -> None:
    states = SessionState
    steps = [
        (moved(states.CREATED, states.RUNNING), "ACTIVE"),
        (replace(decision(), text="warming up 180/221", result="warming_up"), "WARMING 180/221"),
        (replace(decision(), decision_id=DecisionId("dec_9"), slot="close"), "ACTIVE"),
        (moved(states.RUNNING, states.PAUSED), "PAUSED"),
        (
            facts.LatchSet(
                latch="loss_latch", scope=REGIME, until="next_open", text="-6 %", session_date=DAY
            ),
            "LATCHED",
        ),
        (
            facts.StrategyStateChanged(
                strategy=REGIME, before="ACTIVE", after="ERROR", reason="it raised"
            ),
            "ERROR",
        ),
    ]
    for n, (_, expected) in enumerate(steps, 1):
        path = tmp_path / f"{n}.db"
        await write(path, *[unit(event) for event, _ in steps[:n]])
        db = open_reader(path)
        (row,) = status(db).strategies
        db.close()
        assert row["state"] == expected


async def test_status_of_a_session(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_reader(path)
    found = status(db)
    db.close()
    assert found.session is not None
    assert found.session["session_id"] == SESSION
    assert found.trading_state["trading_state"] == "ACTIVE"
    assert found.last_decision is not None
    assert found.last_decision["result"] == "rebalance"
    assert (found.equity, found.equity_date, found.cash) == (10010, "2026-11-20", 10_000)
    assert found.counts["orders"] == 2
    assert (found.counts["fills"], found.counts["positions"]) == (1, 1)
    assert found.heartbeat is None
    assert found.last_seq == 12


async def test_status_of_an_empty_database_knows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path):
        db = open_reader(path)
        found = status(db)
        db.close()
    assert (found.session, found.equity, found.cash, found.last_seq) == (None, None, None, 0)
    assert found.trading_state["trading_state"] == "ACTIVE"


async def test_the_trading_state_outlives_the_session(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    halt = facts.TradingStateChanged(
        before=TradingState.ACTIVE, after=TradingState.HALTED, reason="odd prices", actor="me"
    )
    await write(path, unit(halt), created(context(OTHER, book=context().book)))
    db = open_reader(path)
    found = status(db)
    db.close()
    assert found.session is not None
    assert found.session["session_id"] == OTHER
    assert (found.trading_state["trading_state"], found.trading_state["reason"]) == (
        "HALTED", "odd prices",
    )  # fmt: skip


# -- explain -------------------------------------------------------------------------------


async def test_the_chain_of_an_order_holds_what_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_reader(path)
    chain = explain(db, "ord_AAAA")
    db.close()
    assert (chain.asked, chain.id) == ("order", "ord_AAAA")
    assert chain.decision is not None
    assert chain.reading is not None
    assert [row["signal_id"] for row in chain.signals] == ["sig_aaaaaaaaaaaa"]
    assert [row["exec_id"] for row in chain.fills] == ["x1"]
    assert [fact.kind for fact in chain.facts] == [
        "RegimeRead", "DecisionMade", "SignalRaised", "OrderApproved", "FillReceived",
        "OrderFilled", "PositionChanged",
    ]  # fmt: skip
    assert chain.session["mode"] == "offline"


async def test_the_chain_of_a_denied_order_has_every_check(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_reader(path)
    chain = explain(db, "sig_bbbbbbbbbbbb")
    db.close()
    assert chain.asked == "signal"
    assert [(row["code"], row["result"]) for row in chain.risk_checks] == [("order_size", "FAIL")]
    assert [fact.kind for fact in chain.facts][-2:] == ["RiskChecked", "OrderDenied"]


async def test_the_chain_of_a_decision_has_all_legs(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_reader(path)
    chain = explain(db, "dec_1")
    assert len(chain.signals) == 2
    assert len(chain.orders) == 2
    assert explain(db, "x1").orders[0]["order_id"] == "ord_AAAA"
    db.close()


async def test_the_chain_follows_causes_up_and_effects_down(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    asked = Request(
        request_id=RequestId("req_1"), kind=RequestKind.FLATTEN, actor="me", reason="x", asked_at=AT
    )
    bought = order("ord_AAAA")
    await write(
        path,
        unit(
            facts.RequestReceived(request=asked),
            facts.OrderApproved(order=bought),
            facts.FillReceived(fill=fill("x1", bought)),
            position("10"),
        ),
    )
    db = open_reader(path)
    chain = explain(db, "AAAA")
    db.close()
    assert [fact.kind for fact in chain.facts] == [
        "RequestReceived", "OrderApproved", "FillReceived", "PositionChanged",
    ]  # fmt: skip
    assert chain.decision is None


async def test_an_id_is_found_by_its_ends_only_if_it_is_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    await a_day(path)
    db = open_reader(path)
    assert resolve(db, "ord_A") == ("order", "ord_AAAA")
    assert resolve(db, "BBBB") == ("order", "ord_BBBB")
    assert resolve(db, "ref-ord_BBBB") == ("order", "ord_BBBB")
    with pytest.raises(SettingsError, match="more than one id fits: ord_AAAA, ord_BBBB"):
        resolve(db, "ord_")
    with pytest.raises(SettingsError, match="no order, signal, decision or fill"):
        resolve(db, "zzz")
    with pytest.raises(SettingsError):
        resolve(db, "")
    db.close()


# -- watch ---------------------------------------------------------------------------------


async def test_a_watch_names_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        await journal.commit()
        db = open_reader(path)
        watch = Watch(db)
        assert watch.changes().topics == EVERYTHING
        assert watch.changes().topics == frozenset()
        journal.put(unit(facts.OrderApproved(order=order())))
        await journal.commit()
        changes = watch.changes()
        assert changes.topics == {"orders", "signals", "events", LATEST}
        assert (changes.seq, changes.session_id, changes.everything) == (2, SESSION, False)
        journal.put(created(context(OTHER)))
        await journal.commit()
        assert watch.changes().everything
        for n in range(MANY + 1):
            journal.put(unit(moved_to(n)))
        await journal.commit()
        changes = watch.changes()
        assert (changes.everything, changes.seq) == (True, MANY + 4)
        db.close()


def moved_to(n: int) -> facts.CashChanged:
    """Something small that happens often."""
    return facts.CashChanged(strategy=REGIME, before=Decimal(n), after=Decimal(n + 1), reason="x")


async def test_reading_beside_the_writer_sees_whole_units(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with await open_journal(path) as journal:
        journal.put(created())
        journal.put(unit(position("10")))
        held = snapshot(DAY + timedelta(1), holdings=(Holding(QQQ, Decimal(10), Decimal(5)),))
        journal.put(unit(facts.SnapshotTaken(rows=(held,))))
        db = open_reader(path)
        assert rows(db, "positions") == []
        await journal.commit()
        assert rows(db, "positions")[0]["market_price"] == 5
        journal.put(unit(moved(SessionState.CREATED, SessionState.STARTING)))
        await journal.commit()
        assert rows(db, "sessions")[0]["state"] == "STARTING"
        db.close()


async def test_text_with_a_flipped_bit_is_read_with_replacement_marks(tmp_path: Path) -> None:
    async with await open_journal(tmp_path / "a.db"):
        pass
    db = open_reader(tmp_path / "a.db")
    sound, broken = "SELECT 'sound' AS text, ? AS n", "SELECT CAST(x'61ff62' AS TEXT) AS text"
    assert fetch(db, broken) == [{"text": "a\ufffdb"}]
    assert fetch(db, sound, 1) == [{"text": "sound", "n": 1}]
    assert db.execute(broken).fetchone()["text"] == "a\ufffdb"  # the connection is as it was
    db.close()
