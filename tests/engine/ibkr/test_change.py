"""A working order is changed where it stands; what it is then, the broker shows."""

from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.command import ChangeOrder
from engine.domain.ids import RequestId
from engine.domain.input import Requested
from engine.domain.link import Link, LinkState
from engine.domain.order import DONE, Order, OrderStatus, WorkingOrder
from engine.domain.request import Request, RequestKind
from engine.domain.session import TradingState
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_lost import LIMIT, ready
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.wire import D, Desk, desk, order

_S = OrderStatus


def ask(core: Core, number: int = 1, **args: str) -> tuple[str, str]:
    """Ask for a change of order a, as a person does; return the answer."""
    request = Request(
        request_id=RequestId(f"req_{number}"),
        kind=RequestKind.CHANGE,
        actor="me",
        reason="closer to the market",
        args={"order_id": "ord_a", **args},
        asked_at=AT,
    )
    core.take(Requested(AT, request))
    return core.answers[request.request_id]


def wanted(core: Core) -> Order:
    """The change that goes out."""
    (command,) = [one for one in core.commands if isinstance(one, ChangeOrder)]
    return command.order


def working(core: Core) -> WorkingOrder:
    """A limit order that works."""
    mine = order("a", **LIMIT)  # type: ignore[arg-type]
    ready(core, AT)
    core.send(mine, 1)
    core.report(rp.Accepted(order_id=mine.order_id))
    return core.row(mine)


# -- the core ----------------------------------------------------------------------------------


def test_a_change_is_written_asked_and_counts_as_the_larger_order_until_it_is_shown() -> None:
    core = Core()
    row = working(core)
    result, text = ask(core, limit="99.50", quantity="30")
    assert (result, text) == (
        "DONE",
        "ord_a change asked: quantity 10 → 30, limit 100 → 99.50",
    )
    assert (row.order.quantity, row.remaining) == (D(10), D(30))
    assert (wanted(core).quantity, wanted(core).limit_price) == (D(30), D("99.50"))
    core.report(rp.Changed(order_id=row.order.order_id))
    assert (row.order.quantity, row.order.limit_price, row.changing) == (D(30), D("99.50"), None)
    assert row.status is _S.ACCEPTED


def test_a_refused_change_leaves_the_order_as_it_was_and_is_told() -> None:
    core = Core()
    row = working(core)
    ask(core, limit="99")
    core.report(rp.ChangeRefused(order_id=row.order.order_id, text="104 too late"))
    assert (row.order.limit_price, row.changing) == (D(100), None)
    assert "change_refused" in {one.kind for one in core.state.alerts.values()}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "is so already"),
        ({"limit": "100"}, "is so already"),
        ({"limit": "nan"}, "a number above 0 is needed"),
        ({"limit": "-1"}, "a number above 0 is needed"),
        ({"stop": "90"}, "this order has none"),
        ({"tif": "GTC"}, "only DAY can become IOC"),
        ({"side": "SELL"}, "only limit, stop, quantity, tif can be changed"),
        ({"order_id": "ord_b", "limit": "99"}, "0 working orders"),
    ],
)
def test_what_cannot_be_changed_is_refused_by_name(args: dict[str, str], words: str) -> None:
    core = Core()
    working(core)
    result, text = ask(core, 1, **args)
    assert result == "REFUSED"
    assert words in text
    assert not core.commands


def degraded(core: Core, how: str) -> str:
    """Make something wrong; return the word of the refusal."""
    state, row = core.state, core.state.orders[order("a").order_id]
    if how == "link":
        state.link = Link(state=LinkState.LIVE, epoch=1, upstream=False, reason="UPSTREAM_DOWN")
        return "UPSTREAM_DOWN"
    if how == "syncing":
        state.link = Link(state=LinkState.SYNCING, epoch=1, reason="SYNCING")
        return "SYNCING"
    if how == "halted":
        state.trading_state = TradingState.HALTED
        return "HALTED"
    if how == "blocked":
        state.blocked.add(row.order.instrument)
        return "unreconciled"
    if how == "canceling":
        row.canceling = True
        return "being canceled"
    row.status = _S.UNKNOWN
    return "UNKNOWN"


@pytest.mark.parametrize("how", ["link", "syncing", "halted", "blocked", "canceling", "unknown"])
def test_nothing_is_changed_while_anything_is_degraded(how: str) -> None:
    core = Core()
    working(core)
    word = degraded(core, how)
    result, text = ask(core, limit="99")
    assert result == "REFUSED"
    assert word in text
    assert not core.commands


def test_one_change_at_a_time_and_none_below_what_is_filled() -> None:
    core = Core()
    row = working(core)
    assert ask(core, limit="99")[0] == "DONE"
    assert "a change is under way: limit 100 → 99" in ask(core, 2, limit="98")[1]
    core.report(rp.Changed(order_id=row.order.order_id))
    row.filled = D(4)
    assert "4 are filled already" in ask(core, 3, quantity="4")[1]


def test_the_gate_looks_at_the_changed_order() -> None:
    core = Core()
    working(core)
    result, text = ask(core, quantity="100000")
    assert result == "DENIED"
    assert not core.commands, text


def test_an_end_ends_its_change_too() -> None:
    core = Core()
    row = working(core)
    ask(core, limit="99")
    core.report(rp.Canceled(order_id=row.order.order_id))
    assert (row.status, row.changing, row.remaining) == (_S.CANCELED, None, D(10))
    core.report(rp.Changed(order_id=row.order.order_id))
    assert row.order.limit_price == D(100)


# -- over TCP ----------------------------------------------------------------------------------


async def accepted(one: Desk, core: Core) -> WorkingOrder:
    """A limit order that works at the gateway."""
    row = send(one, core, "a", 1, **LIMIT)
    await one.until(lambda: row.status is _S.ACCEPTED)
    return row


def change(one: Desk, core: Core, **args: str) -> None:
    """Ask for a change and send it, as the loop does."""
    core.commands.clear()
    assert ask(core, len(core.answers), **args)[0] == "DONE"
    one.broker.change(wanted(core))


def shown(gateway: PracticeGateway) -> list[tuple[Any, ...]]:
    """The living orders at the gateway."""
    return [
        (view.request.quantity, view.request.limit_price, view.request.tif)
        for view in gateway.venue.open_orders()
    ]


async def test_price_and_quantity_change_at_the_broker_under_the_same_permid() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        row = await accepted(one, core)
        perm_id = row.perm_id
        change(one, core, limit="99.50", quantity="30")
        await one.until(lambda: row.changing is None)
        assert (row.order.quantity, row.order.limit_price) == (D(30), D("99.50"))
        assert shown(gateway) == [(D(30), D("99.5"), "DAY")]
        assert row.perm_id == perm_id
        assert "two_incarnations" not in one.faults
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED)


async def test_day_becomes_ioc_and_ends_at_once() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        row = await accepted(one, core)
        change(one, core, tif="IOC")
        await one.until(lambda: row.status in DONE)
        assert row.filled == 0


@pytest.mark.parametrize("code", [104, 105, 201, 110])
async def test_a_change_that_the_broker_refuses_leaves_the_order_alive(code: int) -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        row = await accepted(one, core)
        await gateway.fault("error", on="request:3", code=code, text="not so", count=1)
        change(one, core, limit="99")
        await one.until(lambda: row.changing is None)
        assert (row.order.limit_price, row.status) == (D(100), _S.ACCEPTED)
        (refused,) = one.reports(rp.ChangeRefused)
        assert refused.text == f"{code} not so"
        assert shown(gateway) == [(D(10), D(100), "DAY")]


async def test_a_change_that_nobody_answers_is_settled_by_a_look_up() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        row = await accepted(one, core)
        await gateway.fault("silent", on="request:3", count=1)
        change(one, core, limit="99")
        await one.until(lambda: row.changing is None)
        assert row.order.limit_price == D(100)
        assert one.reports(rp.ChangeRefused)[0].text == "not shown after a look-up"


async def test_without_a_whole_link_no_change_leaves() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        row = await accepted(one, core)
        assert ask(core, limit="99")[0] == "DONE"
        await gateway.fault("upstream_lost", s=30)
        await one.until(lambda: one.broker.machine.reason == "UPSTREAM_DOWN")
        one.broker.change(wanted(core))
        assert row.changing is None
        assert one.reports(rp.ChangeRefused)[0].text == "UPSTREAM_DOWN; nothing was sent"
        assert shown(gateway) == [(D(10), D(100), "DAY")]


async def test_a_change_on_a_link_that_breaks_is_settled_by_what_the_next_one_shows() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        row = await accepted(one, core)
        await gateway.fault("drop_socket", client=17, on="modify")
        change(one, core, limit="99")
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
        await one.until(lambda: row.changing is None)
        ((quantity, limit, _),) = shown(gateway)
        assert (row.order.quantity, row.order.limit_price) == (quantity, limit)


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_restart_of_ours_settles_a_change_by_what_is_shown(arrives: bool) -> None:
    async with PracticeGateway(seed=7) as gateway:
        async with desk(gateway) as one:
            await one.live()
            core = ready(core_of(one), AT)
            row = await accepted(one, core)
            assert ask(core, limit="99")[0] == "DONE"
            one.also = lambda given: None  # the process dies: nothing is heard any more
            if arrives:
                one.broker.change(wanted(core))
                await one.until(lambda: shown(gateway)[0][1] == D(99))
        async with desk(gateway) as two:
            two.also = core.take
            two.broker.restore([row])
            await two.until(lambda: row.changing is None)
            assert row.order.limit_price == (D(99) if arrives else D(100))


async def test_two_incarnations_after_a_change_raise_the_alarm() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one), AT)
        await accepted(one, core)
        await gateway.fault("double_perm_on_modify")
        change(one, core, limit="99")
        await one.until(lambda: "two_incarnations" in one.faults)
        assert len(shown(gateway)) == 2
