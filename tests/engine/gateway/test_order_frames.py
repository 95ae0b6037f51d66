"""Which frames an order's life shows, in which order, to whom."""

from decimal import Decimal
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.model import ExecutionFilter
from engine.brokers.practice.wire.request import NOT_OFFERED, REQUESTS
from tests.engine.gateway.conftest import Joining, Opening
from tests.engine.gateway.samples import Filling
from tests.engine.gateway.talker import SPY, Talker
from tests.engine.gateway.test_fuzz import PLAUSIBLE

Story = list[tuple[str, Any]]


async def told(talker: Talker, since: int, seconds: float = 0.0) -> Story:
    """Let time pass; return what came since, each with its status or code."""
    await talker.settle()
    if seconds:
        talker.gateway.advance(seconds)
        await talker.settle()
    story: Story = []
    for name, values in talker.heard[since:]:
        if name != "currentTime":
            story.append((name, values.get("status", values.get("code"))))
    return story


@pytest.fixture
async def ready(opened: Opening, joined: Joining) -> Talker:
    """A client at a stepped gateway."""
    talker: Talker = await joined(await opened(speed=0))
    return talker


def shown(status: str) -> Story:
    """An order and its status."""
    return [("openOrder", status), ("orderStatus", status)]


async def test_an_order_is_accepted_then_works(ready: Talker) -> None:
    since = len(ready.heard)
    ready.place(1, 10, "LMT", lmtPrice=100)
    assert await told(ready, since) == shown("PreSubmitted")
    since = len(ready.heard)
    assert await told(ready, since, 0.03) == shown("Submitted")


async def test_a_fill_is_execution_then_order_then_commission(ready: Talker) -> None:
    ready.say("reqPositions")
    ready.say("reqAccountUpdates", subscribe=True)
    ready.place(1, 100)
    await ready.settle()
    since = len(ready.heard)
    story = await told(ready, since, 2)
    names = [name for name, _ in story if name != "accountValue"]
    first = names.index("execution")
    assert names[first : first + 3] == ["execution", "openOrder", "orderStatus"]
    assert names[first + 3] != "commission"  # other frames come between
    assert names.count("execution") == names.count("commission") == 2
    assert [status for name, status in story if name == "orderStatus"][-2:] == [
        "Submitted", "Filled",
    ]  # fmt: skip
    assert {"position", "portfolio"} <= set(names)
    executed = ready.all("execution")
    assert [values["r"] for values in executed] == [-1, -1]
    assert executed[-1]["cumQty"] == 100
    assert ready.all("position")[-1]["position"] == 100


async def test_a_change_keeps_the_perm_id(ready: Talker) -> None:
    ready.place(1, 10, "LMT", lmtPrice=100)
    await told(ready, 0, 0.1)
    since = len(ready.heard)
    ready.place(1, 10, "LMT", lmtPrice=101)
    story = await told(ready, since, 0.1)
    assert story[:2] == shown("Submitted") or story[:2] == shown("PreSubmitted")
    assert ready.all("openOrder")[-1]["lmtPrice"] == 101
    assert len({values["permId"] for values in ready.all("openOrder")}) == 1


async def test_a_cancel_is_a_status_and_an_error(ready: Talker) -> None:
    ready.place(1, 10, "LMT", lmtPrice=100)
    await told(ready, 0, 0.1)
    since = len(ready.heard)
    ready.say("cancelOrder", orderId=1)
    assert await told(ready, since, 0.5) == [("orderStatus", "Cancelled"), ("error", 202)]
    for _ in range(2):
        since = len(ready.heard)
        ready.say("cancelOrder", orderId=1)
        assert await told(ready, since, 0.1) == [("error", 10148)]
    since = len(ready.heard)
    ready.say("cancelOrder", orderId=77)
    assert await told(ready, since, 0.1) == [("error", 10147)]


async def test_a_reject_is_inactive_and_an_error(ready: Talker) -> None:
    since = len(ready.heard)
    ready.place(1, 10**6, "LMT", lmtPrice=600)
    assert await told(ready, since, 0.5) == [*shown("Inactive"), ("error", 201)]


async def test_an_order_for_an_unknown_contract_is_one_error(ready: Talker) -> None:
    since = len(ready.heard)
    ready.place(1, 10, conId=0, symbol="NOSUCH")
    assert await told(ready, since, 0.5) == [("error", 200)]


async def test_a_what_if_is_one_order_and_leaves_nothing(ready: Talker) -> None:
    since = len(ready.heard)
    ready.place(1, 10, whatIf=True)
    assert await told(ready, since, 1) == [("openOrder", "PreSubmitted")]
    (values,) = ready.all("openOrder")
    assert values["whatIf"] is True
    assert values["permId"] == 0
    assert values["initMarginAfter"] == values["initMarginBefore"] + values["initMarginChange"]
    assert values["commission"] == 1
    assert list(ready.gateway.venue.open_orders()) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"account": "U999"}, 435), ({"totalQuantity": 0}, 434), ({"orderType": "PEG MID"}, 387),
        ({"orderType": "LMT", "lmtPrice": "100.001"}, 110), ({"tif": "XYZ"}, 111),
        ({"faGroup": "mine"}, 387), ({"algoStrategy": "Adaptive", "algoParams": []}, 387),
        ({"conditions": [{"type": 3, "conjunction": "a", "isMore": True, "time": "x"}]}, 387),
        ({"hedgeType": "D", "hedgeParam": ""}, 387), ({"scalePriceIncrement": 1}, 387),
    ],
)  # fmt: skip
async def test_what_is_not_offered_is_refused_with_its_code(
    ready: Talker, words: dict[str, Any], code: int
) -> None:
    if "lmtPrice" in words:
        words = words | {"lmtPrice": Decimal(words["lmtPrice"])}
    values = {
        **SPY, "orderId": 1, "action": "BUY", "orderType": "MKT", "totalQuantity": 10,
        "tif": "DAY", "account": ready.gateway.account, "transmit": True,
    } | words  # fmt: skip
    ready.say("placeOrder", **values)
    await told(ready, 0, 0.5)
    assert ready.codes() == [code]
    assert list(ready.gateway.venue.open_orders()) == []


async def test_a_used_id_and_a_filled_order_are_refused(ready: Talker) -> None:
    ready.place(1, 10)
    await told(ready, 0, 3)
    ready.place(1, 20)
    await told(ready, 0, 0.5)
    assert ready.codes() == [104]
    ready.place(2, 10, "LMT", lmtPrice=100)
    await told(ready, 0, 0.2)
    ready.say("cancelOrder", orderId=2)
    await told(ready, 0, 0.2)
    ready.place(2, 10, "LMT", lmtPrice=100)
    await told(ready, 0, 0.5)
    assert ready.codes() == [104, 202, 103]


async def test_what_comes_by_hand_is_told_to_client_zero(opened: Opening, joined: Joining) -> None:
    gateway: PracticeGateway = await opened(speed=0)
    zero, other = await joined(gateway, 0), await joined(gateway, 5)
    zero.say("reqAutoOpenOrders", flag=True)
    await zero.settle()
    await gateway.fault("foreign_order", price=100, quantity=7)
    gateway.advance(0.2)
    await zero.settle()
    await other.settle()
    (order_id,) = {values["orderId"] for values in zero.all("openOrder")}
    assert order_id < 0
    assert zero.all("orderBound")[0]["orderId"] == order_id
    assert len(zero.all("orderBound")) == 1
    assert other.all("openOrder") == []
    await other.ask("reqOpenOrders", "openOrderEnd")
    assert other.all("openOrder") == []
    await other.ask("reqAllOpenOrders", "openOrderEnd")
    (seen,) = other.all("openOrder")
    assert (seen["clientId"], seen["totalQuantity"]) == (0, 7)
    await zero.ask("reqOpenOrders", "openOrderEnd")
    assert zero.all("openOrder")[-1]["orderId"] == order_id


async def test_a_position_changed_by_hand_is_told_to_all_who_asked(
    opened: Opening, joined: Joining
) -> None:
    gateway: PracticeGateway = await opened(speed=0)
    one = await joined(gateway, 5)
    await one.ask("reqPositions", "positionEnd")
    await gateway.fault("manual_trade", symbol="QQQ", quantity=30)
    gateway.advance(0.5)
    await one.settle()
    (row,) = one.all("position")
    assert (row["symbol"], row["position"]) == ("QQQ", 30)
    assert one.all("execution") == []
    await one.ask("reqExecutions", "executionEnd", r=2, clientId=0)
    (found,) = one.all("execution")
    (known,) = gateway.venue.executions(ExecutionFilter())
    assert found["execId"] == known[0].exec_id


# -- every request is answered -------------------------------------------------------------

QUIET = frozenset(
    {
        2, 5, 7, 11, 12, 13, 14, 15, 25, 51, 56, 57, 58, 59, 63, 64, 68, 69, 70, 71, 75, 77, 89,
        90, 93, 95, 98,
    }
)  # fmt: skip
"""Those that end something, set something, or are shown elsewhere to answer."""


@pytest.mark.parametrize("number", sorted(REQUESTS.keys() - QUIET - NOT_OFFERED))
async def test_every_request_is_answered(ready: Talker, number: int) -> None:
    message = REQUESTS[number]
    unset = dict.fromkeys(("faGroup", "hedgeType", "algoStrategy", "deltaNeutralOrderType"), "")
    values = Filling(full=False).values(message) | PLAUSIBLE | unset
    values |= {"r": 7, "orderId": 1, "barSize": 5 if number == 50 else "1 min"}
    if number == 3:
        values |= {"duration": None, "account": ready.gateway.account}
    if number == 6:
        values["subscribe"] = True
    if number == 96:
        values["start"] = "20261120 09:31:00"
    if number in (54, 55):
        values |= await an_option(ready)
    before = len(ready.heard)
    ready.say(message.name, **values)
    await told(ready, before, 10)
    answers = [(name, one) for name, one in ready.heard[before:] if name != "currentTime"]
    if number == 49:
        answers = [one for one in ready.heard[before:] if one[0] == "currentTime"]
    assert answers
    wanted = {4: 10147, 10: 354}.get(number)
    codes = [one["code"] for name, one in answers if name == "error"]
    assert codes == ([wanted] if wanted else [])


async def an_option(talker: Talker) -> dict[str, Any]:
    """An option that trades, with a price to compute from."""
    await talker.ask("reqSecDefOptParams", "chainEnd", r=1, symbol="SPY", secType="STK",
                     underConId=756733)  # fmt: skip
    row = talker.all("chain")[0]
    return {
        "symbol": "SPY", "secType": "OPT", "conId": 0, "right": "C",
        "expiry": row["expirations"][5], "strike": row["strikes"][len(row["strikes"]) // 2],
        "price": 12, "volatility": Decimal("0.2"), "underPrice": 645, "n": 0,
    }  # fmt: skip
