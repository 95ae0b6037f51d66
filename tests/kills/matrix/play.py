"""Play one cell: live, die, come back, come to rest, and compare both sides."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.domain.request import RequestKind
from storage.check import check
from tests.kills.matrix.cell import GATEWAYS, Cell
from tests.kills.matrix.stage import (
    PRICE,
    D,
    Life,
    Nursery,
    Stage,
    Template,
    prepared,
    template,
)

FRIDAY = datetime(2026, 11, 20, 14, 45, 3, tzinfo=UTC)  # seconds after its slot
MONDAY = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 4, 46, tzinfo=UTC)  # 23:46 in New York

_HELD = 20
SCRIPTS = {
    "entry": (f"2026-11-19,QQQ,ENTER,BUY,{_HELD},,,,,", "2026-11-20,QQQ,ENTER,BUY,10,,,,,"),
    "limit": (f"2026-11-19,QQQ,ENTER,BUY,{_HELD},,,,,", "2026-11-20,QQQ,ENTER,BUY,10,,,LIMIT,499,"),
    "exit": (f"2026-11-19,QQQ,ENTER,BUY,{_HELD},,,,,", "2026-11-20,QQQ,EXIT,,,,,,,"),
}

_RUNS = """
SELECT 1 FROM v_sessions WHERE state = 'RUNNING' AND session_id =
(SELECT session_id FROM v_sessions ORDER BY created_seq DESC LIMIT 1)
"""
_CASH = """
SELECT cash FROM v_strategies WHERE session_id =
(SELECT session_id FROM v_sessions ORDER BY created_seq DESC LIMIT 1)
"""
_SHARES = """
SELECT quantity FROM v_positions WHERE session_id =
(SELECT session_id FROM v_sessions ORDER BY created_seq DESC LIMIT 1)
"""


async def book_of(side: str, folder: Path, nursery: Nursery) -> Template:
    """Return the book in which the cells of a side begin."""
    return await template(folder, nursery, *SCRIPTS[side])


class TooSlow(Exception):
    """The machine stood still: a slot was missed or a commit took seconds. Nothing is proven."""


async def play(cell: Cell, folder: Path, nursery: Nursery, book: Template) -> int:
    """Play a cell and return how many processes were killed; AssertionError says what broke."""
    async with prepared(folder, nursery, book, FRIDAY) as stage:
        try:
            return await _play(cell, stage)
        except AssertionError as error:
            slow = "SELECT 1 FROM v_alerts WHERE kind IN ('slot_missed', 'writer_stalled')"
            if stage.rows(slow):
                raise TooSlow(stage.told()) from error
            raise


async def _play(cell: Cell, stage: Stage) -> int:
    if cell.point.asks == "cancel":
        await stage.gateway.fault("quote", mode="halt", symbol="QQQ", on="place")
    for name, words in GATEWAYS[cell.gateway]:
        await stage.gateway.fault(name, **words)
    life = await stage.start(cell.point.hook)
    if cell.point.asks:
        await _ask(stage, life, cell.point.asks)
    kills = await _dies(stage, life)
    if not await _was_read(stage, cell):
        cell = replace(cell, gateway="did not")
    await _come_back(stage, cell.restart)
    if cell.point.second is not None:
        kills += await _dies(stage, await stage.start(cell.point.second))
    before = len(stage.rows("SELECT 1 FROM v_sessions"))
    life = await stage.start()
    await stage.until(lambda: len(stage.rows("SELECT 1 FROM v_sessions")) > before, life)
    await _rest(stage, life, cell)
    if _order(stage)["status"] == "UNKNOWN":
        await life.kill()  # a stop would wait for what no one will say
        kills += 1
    else:
        ended = await stage.stop(life)
        assert ended["ended"] == 0, f"exit {ended}: {stage.told()}"
    _compare(stage, cell)
    return kills


async def _ask(stage: Stage, life: Life, what: str) -> None:
    def working() -> list[dict[str, Any]]:
        return stage.rows("SELECT order_id FROM v_orders WHERE status = 'ACCEPTED'")

    assert await stage.until(working, life), stage.told()
    order_id = working()[0]["order_id"]
    if what == "cancel":
        stage.ask(RequestKind.CANCEL, order_id=order_id)
        return
    for _ in range(100):  # refused while a comparison has something to confirm
        stage.ask(RequestKind.CHANGE, order_id=order_id, limit="498.50")
        await asyncio.sleep(0.2)
        if life.is_over or stage.rows("SELECT 1 FROM events WHERE kind = 'ChangeRequested'"):
            return
    said = "SELECT payload FROM events WHERE kind = 'RequestAnswered' ORDER BY seq DESC LIMIT 3"
    raise AssertionError(f"never changed: {stage.rows(said)}\n{stage.told()}")


async def _dies(stage: Stage, life: Life) -> int:
    await stage.until(lambda: life.is_over, life)
    end = await life.end()
    assert end["killed"], f"it ended with {end} before the point: {stage.told()}"
    return 1


async def _was_read(stage: Stage, cell: Cell) -> bool:
    """Say whether the gateway has read the order that the engine has sent before it died.

    A socket that dies with something unread resets the line, and what the other side has not
    read by then is gone: killed right after the call, an engine may have sent or not.
    """
    if cell.gateway not in ("got it", "late"):
        return True
    for _ in range(20):
        if len(list(stage.placed())) > 0:
            return True
        await asyncio.sleep(0.01)
    return False


async def _come_back(stage: Stage, restart: str) -> None:
    if restart == "night":
        stage.advance(NIGHT)
    if restart in ("gateway", "night"):
        stage.look()
        stage.gateway.restart(down_s=1, id_rollback=3)
        await stage.listening()
    if restart in ("midnight", "night"):
        stage.advance(MONDAY)
    stage.offer()


# -- at rest -------------------------------------------------------------------------------------


def expected(cell: Cell) -> set[str]:
    """Return what the row of the decision's order may say in the end; "" for no row."""
    point = cell.point.name
    if point == "before approval":
        return {""} if cell.next_day else {"FILLED"}
    if point == "filled":
        return {"FILLED"}
    if point == "canceled":
        return {"CANCELED"}
    if cell.next_day:  # INFERRED: filled by what the broker holds now
        return {"UNKNOWN", "FILLED"} if cell.orders and not cell.point.asks else {"UNKNOWN"}
    if cell.is_lost:
        return {"CANCELED"}
    if cell.point.asks == "cancel":
        return {"FILLED"} if cell.gateway == "cancel fills" else {"CANCELED"}
    return {"FILLED"}


def _order(stage: Stage) -> dict[str, Any]:
    """Return the row of Friday's order, with status "" if there is none."""
    found = stage.rows("SELECT * FROM v_orders ORDER BY seq")[1:]
    assert len(found) <= 1, f"one decision, {len(found)} orders: {stage.told()}"
    return found[0] if found else {"status": "", "order_ref": "", "order_id": ""}


async def _rest(stage: Stage, life: Life, cell: Cell) -> None:
    """Wait until nothing more will happen: settled, or undecided and said so."""
    assert await stage.until(lambda: stage.rows(_RUNS), life), stage.told()
    if cell.point.asks != "cancel":
        stage.gateway.venue.clear_faults("")  # a halted market opens again
        stage.offer(50, price=D(498) if cell.side == "limit" else PRICE)

    def at_rest() -> bool:
        order = _order(stage)
        if order["status"] not in expected(cell):
            return False
        if order["status"] == "UNKNOWN":
            return bool(stage.rows("SELECT 1 FROM v_alerts WHERE kind = 'order_undecided'"))
        return stage.is_charged or cell.next_day or cell.gateway == "fee never"

    assert await stage.until(at_rest, life), f"it ended by itself: {stage.told()}"
    if _order(stage)["status"] != "UNKNOWN" and cell.gateway != "fee never":
        await stage.compare(life)  # a fee that never comes is a difference for ever


def _compare(stage: Stage, cell: Cell) -> None:
    """One order or none, each fill once, shares and cash, one chain of sessions, a whole file."""
    stage.look()
    order = _order(stage)
    undecided = order["status"] == "UNKNOWN"
    mine = [one for one in stage.orders.values() if one["request"]["client_id"] == 17]
    mine = [one for one in mine if one["perm_id"] not in stage.before]
    assert len(mine) == cell.orders, (
        f"{len(mine)} broker orders, {cell.orders} wanted: {stage.told()}"
    )
    placed = Counter(stage.placed())
    at_most = 2 if cell.point.asks == "change" else 1  # a change is an order of the same number
    assert all(count <= at_most for count in placed.values()), f"sent again: {placed}"
    assert len(placed) <= 1, placed
    _compare_fills(stage, cell, order, undecided=undecided)
    _check_chain(stage.rows("SELECT * FROM v_sessions ORDER BY created_seq"), cell)
    faults = [one for one in check(stage.database) if not one.ok]
    assert not faults, faults


def _compare_fills(stage: Stage, cell: Cell, order: dict[str, Any], *, undecided: bool) -> None:
    ours = {
        row["exec_id"]: (Decimal(str(row["quantity"])), Decimal(str(row["price"])))
        for row in stage.rows("SELECT * FROM v_fills WHERE order_id = ?", order["order_id"])
    }
    theirs = {
        key: (D(one["execution"]["shares"]), D(one["execution"]["price"]))
        for key, one in stage.executions.items()
        if key not in stage.before_executions
    }
    missing = {key: fill for key, fill in theirs.items() if key not in ours}
    known = {key: fill for key, fill in ours.items() if key in theirs}
    assert all(theirs[key] == fill for key, fill in known.items())
    if undecided:
        assert known == ours
    else:
        inferred = sum(q for key, (q, _) in ours.items() if key not in theirs)
        assert cell.next_day or not inferred, f"made up: {ours}"
        assert inferred == sum(q for q, _ in missing.values()), f"ours {ours}, theirs {theirs}"
    held = sum(row.position for row in stage.gateway.venue.positions())
    shares = sum(Decimal(str(row["quantity"])) for row in stage.rows(_SHARES))
    if not undecided and stage.is_charged:
        cash = sum(D(str(row["cash"])) for row in stage.rows(_CASH))
        assert abs(cash - stage.cash) < D("0.01"), f"cash {cash}, the gateway's {stage.cash}"
    if not undecided:
        assert shares == held, f"we hold {shares}, the gateway says {held}: {stage.told()}"
    elif shares != held:
        verdict = stage.rows("SELECT verdict FROM v_reconciliations ORDER BY seq DESC LIMIT 1")
        assert verdict == [{"verdict": "DIFFERENCES"}], stage.told()


def _check_chain(chain: list[dict[str, Any]], cell: Cell) -> None:
    states = [one["state"] for one in chain]
    assert states[:-1] == ["STOPPED", *["INTERRUPTED"] * cell.kills], states
    parents = [one["parent_session_id"] for one in chain]
    assert parents == [None, *(one["session_id"] for one in chain[:-1])]
    assert len({one["book"] for one in chain}) == 1
