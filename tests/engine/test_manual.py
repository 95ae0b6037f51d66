"""Orders by hand through the whole path: request → gate → order → fill, and what stops them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.draft import Decision
from engine.core.state import StrategyBook
from engine.domain.event import (
    AlertRaised,
    BaselineAdopted,
    OrderDenied,
    ReplacementEnded,
    RequestAnswered,
    SignalRaised,
    SignalRejected,
)
from engine.domain.ids import MANUAL, RequestId, StrategyId
from engine.domain.input import Requested, Started
from engine.domain.order import OrderStatus, OrderType, TimeInForce
from engine.domain.request import Request, RequestKind
from engine.domain.session import Mode, SessionState
from engine.domain.unit import Entry
from engine.risk.limits import Limits
from engine.strategy import registry
from engine.strategy.base import Strategy
from tests.engine.desk import CLOSE, SLOT, Desk, Killed, script, step
from tests.engine.story import Story, Wisher

DAWN = datetime(2026, 11, 20, 14, tzinfo=UTC)
D = Decimal
SCRIPT = StrategyId("script")
S = OrderStatus
Prices = Mapping[str, Sequence[str | None]]


def manual() -> Strategy:
    """The person at the keyboard, who may trade both symbols of these tests."""
    return registry.create(registry.resolve("manual", "default", {"symbols": "QQQ TLT"}))


def order(desk: Desk, action: str, **args: str) -> Callable[[], None]:
    """Ask for an order at this very moment."""
    return asked(desk, "ORDER", action, args)


def asked(desk: Desk, kind: str, action: str, args: Mapping[str, str]) -> Callable[[], None]:
    """Put a ticket's request before the engine."""
    words = {"action": action, "symbol": "QQQ", **args}
    return lambda: desk.inbox.put(desk.requested(kind, "a key", words))


def answers(desk: Desk) -> list[tuple[str, str]]:
    """Results and texts in order."""
    return [(a.result, a.text) for a in desk.events(RequestAnswered)]


def quick(folder: Path, strategies: Sequence[Strategy], prices: Prices, **more: Any) -> Desk:
    """A desk whose engine takes what is asked right after the numbered input."""
    return Desk(folder, strategies, prices, pace="1000/s", **more)


def previews(desk: Desk) -> list[dict[str, Any]]:
    """Every preview that was answered."""
    return [json.loads(a.preview) for a in desk.events(RequestAnswered) if a.preview]


PRICES: Prices = {"QQQ": ["100"] * 6, "TLT": ["50"] * 6}
BUYS = ("2026-03-02,QQQ,ENTER,BUY,40,,,,,0",)


async def test_a_buy_by_hand_goes_the_one_path_and_belongs_to_manual(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10")
    await desk.run()
    (row,) = desk.orders()
    assert (row.status, row.filled, row.order.strategy) == (S.FILLED, D(10), MANUAL)
    (signal,) = [e.signal for e in desk.events(SignalRaised)]
    assert row.order.signal_id == signal.signal_id
    assert signal.reason == "BUY by tester@desk"
    assert answers(desk) == [("DONE", f"{row.order.order_id} sent")]
    assert desk.owned() == 10


async def test_a_preview_says_all_that_the_gate_would_and_leaves_no_order(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script(), manual()], PRICES, limits={"order_size": "0.10"})
    desk.before[step(1, SLOT)] = asked(desk, "PREVIEW", "BUY", {"symbol": "TLT", "share": "0.5"})
    await desk.run()
    assert answers(desk) == [("DONE", "BUY 50 TLT MARKET DAY: order_size")]
    (shown,) = previews(desk)
    assert (shown["quantity"], shown["value"], shown["cash_after"]) == ("50", "2500", "2500")
    assert (shown["owned_after"], shown["weight_after"]) == ("50", "0.500000")
    assert shown["denied"] == "order_size"
    assert len(shown["checks"]) == 30
    assert ["order_size", "FAIL", "0.5000", "0.10 of equity"] in shown["checks"]
    assert not desk.orders("TLT")
    assert not desk.events(OrderDenied)


@pytest.mark.parametrize(
    ("args", "kind", "filled"),
    [
        ({"type": "LIMIT", "limit": "95"}, OrderType.LIMIT, 0),
        ({"type": "LIMIT", "limit": "105"}, OrderType.LIMIT, 10),
        ({"type": "STOP", "stop": "101"}, OrderType.STOP, 10),
        ({"type": "STOP", "stop": "120"}, OrderType.STOP, 0),
        ({"type": "STOP_LIMIT", "stop": "101", "limit": "103"}, OrderType.STOP_LIMIT, 10),
    ],
)
async def test_limits_and_stops_wait_for_their_price(
    tmp_path: Path, args: dict[str, str], kind: OrderType, filled: int
) -> None:
    desk = quick(tmp_path, [manual()], {"QQQ": ["100", "100 102", "104 104", "104"]})
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10", tif="GTC", **args)
    await desk.run()
    (row,) = desk.orders()
    assert (row.order.type, row.filled) == (kind, D(filled))
    assert row.order.time_in_force is TimeInForce.GTC


async def test_an_order_of_the_day_ends_with_it(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], {"QQQ": ["100", "100", "90"]})
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10", type="LIMIT", limit="95")
    await desk.run()
    assert desk.statuses() == [S.EXPIRED]


async def test_nobody_sells_by_hand_what_a_strategy_owns(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "SELL", quantity="10")
    await desk.run()
    assert answers(desk) == [("REFUSED", "not_owned: manual owns no QQQ")]
    assert [e.reason for e in desk.events(SignalRejected)] == ["not_owned"]
    assert desk.owned() == 40


async def test_more_than_owned_is_denied_not_cut(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10")
    desk.before[step(2, SLOT)] = order(desk, "SELL", quantity="11")
    await desk.run()
    (_, (result, text)) = answers(desk)
    assert result == "DENIED"
    assert text.endswith("oversell: sell 11, limit 10 shares")
    assert desk.owned() == 10


async def test_closing_is_the_exit_of_whoever_owns_it(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)
    close = order(desk, "CLOSE", strategy="script")
    desk.before[step(1, CLOSE)] = lambda: (close(), close())
    await desk.run()
    sold = desk.orders()[1]
    assert (sold.order.strategy, sold.order.is_exit, sold.filled) == (SCRIPT, True, D(40))
    assert sold.order.decision_id is None
    assert desk.owned() == 0
    first, second = answers(desk)
    assert first == ("DONE", f"{sold.order.order_id} sent")
    assert second == ("REFUSED", "closing: all 40 QQQ are being sold already")


async def test_reducing_sells_a_share_of_what_is_owned(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "REDUCE", strategy="script", share="0.25")
    await desk.run()
    assert desk.orders()[1].order.sizing == "⌊0.25 of 40 owned⌋ = 10"
    assert desk.owned() == 30


async def test_an_instrument_that_a_strategy_holds_is_not_bought_by_hand(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10")
    await desk.run()
    assert answers(desk) == [("REFUSED", "instrument_leased: QQQ belongs to script")]


@pytest.mark.parametrize(("state", "left"), [("REDUCE", 0), ("HALT", 40)])
async def test_only_exits_go_while_reducing_and_nothing_while_halted(
    tmp_path: Path, state: str, left: int
) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)

    def act() -> None:
        desk.inbox.put(desk.requested(state, "because"))
        order(desk, "BUY", symbol="TLT", quantity="10")()
        order(desk, "CLOSE", strategy="script")()

    desk.before[step(1, SLOT)] = act
    await desk.run()
    results = [result for result, _ in answers(desk)]
    assert results == ["DONE", "DENIED", "DONE" if state == "REDUCE" else "DENIED"]
    assert desk.owned() == left
    assert desk.owned("TLT") == 0


async def test_a_paused_session_lets_an_exit_by_hand_go(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)

    def act() -> None:
        desk.inbox.put(desk.requested("PAUSE"))
        order(desk, "BUY", symbol="TLT", quantity="10")()
        order(desk, "CLOSE", strategy="script")()
        desk.inbox.put(desk.requested("CONTINUE"))

    desk.before[step(1, SLOT)] = act
    await desk.run()
    assert answers(desk)[1] == ("REFUSED", "paused: the session is paused")
    assert desk.owned() == 0


@pytest.mark.parametrize(
    ("seen", "changed"),
    [
        ({"seen_owned": "39"}, [["owned", "39", "40"]]),
        ({"seen_working": "5"}, [["working", "5", "0"]]),
        ({"seen_trading_state": "HALTED"}, [["trading_state", "HALTED", "ACTIVE"]]),
        ({"seen_price": "99", "band_bps": "50"}, [["price", "99", "100"]]),
        ({"seen_price": "99.8", "band_bps": "50", "seen_owned": "40"}, []),
    ],
)
async def test_what_has_changed_since_it_was_seen_sends_nothing(
    tmp_path: Path, seen: dict[str, str], changed: list[list[str]]
) -> None:
    desk = quick(tmp_path, [script(*BUYS), manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "CLOSE", strategy="script", **seen)
    await desk.run()
    ((result, _),) = answers(desk)
    assert result == ("CHANGED" if changed else "DONE")
    assert desk.owned() == (40 if changed else 0)
    if changed:
        (again,) = previews(desk)
        assert again["changed"] == changed
        assert again["seen"]["owned"] == "40"


async def test_the_price_that_was_seen_is_what_slippage_is_measured_from(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    given = {"seen_price": "99.9", "band_bps": "50"}
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10", **given)
    await desk.run()
    assert desk.orders()[0].order.reference_price == D("99.9")


async def test_one_request_that_arrives_twice_is_one_order(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)

    def twice() -> None:
        given = desk.requested(
            "ORDER", "a key", {"action": "BUY", "symbol": "QQQ", "quantity": "9"}
        )
        desk.inbox.put(given)
        desk.inbox.put(given)

    desk.before[step(1, SLOT)] = twice
    await desk.run()
    assert len(desk.orders()) == len(answers(desk)) == 1


async def test_without_manual_in_the_session_there_is_nothing_to_buy_with(tmp_path: Path) -> None:
    desk = quick(tmp_path, [script()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10")
    await desk.run()
    ((result, text),) = answers(desk)
    assert result == "REFUSED"
    assert text.startswith("no_strategy: no strategy manual in this session; start with")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"quantity": "-5"}, "quantity '-5': a number above 0, at most 1e12"),
        ({"quantity": "NaN"}, "quantity 'NaN': a number above 0, at most 1e12"),
        ({"quantity": "1", "type": "TRAIL"}, "type 'TRAIL': allowed is one of MARKET, LIMIT"),
        ({"quantity": "1", "type": "LIMIT"}, "type LIMIT: needs a limit"),
        ({"quantity": "1", "limit": "5"}, "type MARKET: has no limit"),
        ({"quantity": "1", "share": "0.5"}, "how much?"),
        ({"share": "1.5"}, "share 1.5: above 0 and 1 (100%) at most"),
        ({"quantity": "1", "strategy": "script"}, "strategy script: buy and sell are orders of"),
        ({"quantity": "10", "symbol": "XYZ"}, "unknown_instrument: 'XYZ': this session has QQQ"),
        ({"quantity": "0.5"}, "below_minimum: 50 USD, 100 USD at least"),
    ],
)
async def test_nonsense_is_refused_by_name(tmp_path: Path, args: dict[str, str], said: str) -> None:
    desk = quick(tmp_path, [script(), manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", **args)
    await desk.run()
    ((result, text),) = answers(desk)
    assert result == "REFUSED"
    assert text.startswith(said)
    assert not desk.orders()


async def test_a_dry_run_records_the_order_and_sends_none(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    desk.dry_run = True
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10")
    await desk.run()
    ((result, _),) = answers(desk)
    assert (result, desk.statuses(), desk.owned()) == ("DRY_RUN", [S.DRY_RUN], D(0))


async def test_an_order_by_hand_that_a_kill_kept_from_the_exchange_is_sent_once(
    tmp_path: Path,
) -> None:
    desk = quick(tmp_path, [manual()], PRICES)

    class Dies:
        """A process that ends after the order was written and before it was sent."""

        def __init__(self, real: Any) -> None:
            self._real = real

        def submit(self, *_: Any) -> None:
            raise Killed

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    desk.wrap_broker = Dies
    desk.before[step(1, SLOT)] = order(desk, "BUY", quantity="10")
    with pytest.raises(Killed):
        await desk.run()
    assert desk.statuses() == [S.APPROVED]
    desk.wrap_broker = lambda broker: broker
    await desk.run()
    assert [(row.status, row.filled) for row in desk.orders()] == [(S.FILLED, D(10))]


# -- replacing -------------------------------------------------------------------------------


def replacing(desk: Desk, **args: str) -> Callable[[], None]:
    """Ask for the newest order to be replaced."""

    def ask() -> None:
        old = [*desk.state.orders][-1]
        order(desk, "REPLACE", order_id=old, **args)()

    return ask


RESTING = {"quantity": "10", "type": "LIMIT", "tif": "GTC"}


async def test_replacing_is_a_cancel_its_confirmation_and_a_new_order(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", limit="90", **RESTING)
    desk.before[step(2, SLOT)] = replacing(desk, limit="101", **RESTING)
    await desk.run()
    old, new = desk.orders()
    assert (old.status, new.status) == (S.CANCELED, S.FILLED)
    assert old.order.order_ref != new.order.order_ref
    assert (new.order.limit_price, new.order.quantity) == (D(101), D(10))
    (ended,) = desk.events(ReplacementEnded)
    assert (ended.order_id, ended.outcome) == (old.order.order_id, "DONE")
    assert answers(desk)[1][1] == (f"{old.order.order_id} cancel asked; the new order waits for it")
    assert not desk.state.replacing


async def test_a_replacement_the_gate_would_deny_leaves_the_old_order_alone(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", limit="90", **RESTING)
    given = {**RESTING, "quantity": "1000"}
    desk.before[step(2, SLOT)] = replacing(desk, limit="91", **given)
    await desk.run()
    (_, (result, text)) = answers(desk)
    assert result == "DENIED"
    assert text.startswith("cash: 91,000.00 USD")
    assert text.endswith("works on")
    assert len(desk.orders()) == 1


async def test_what_fills_before_the_cancel_is_confirmed_is_not_replaced(tmp_path: Path) -> None:
    """The old order's fill and the request cross: the exchange refuses the cancel."""
    desk = quick(tmp_path, [manual()], {"QQQ": ["100", "100", "100", "100"]})
    desk.before[step(1, SLOT)] = order(desk, "BUY", limit="90", **RESTING)

    class Late:
        """A broker that fills what it is asked to cancel."""

        def __init__(self, real: Any) -> None:
            self._real = real

        def cancel(self, order_id: Any) -> None:
            desk.exchange._resting.clear()
            fill(desk, order_id)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    desk.wrap_broker = Late
    desk.before[step(2, SLOT)] = replacing(desk, limit="95", **RESTING)
    await desk.run()
    assert desk.statuses() == [S.FILLED]
    (ended,) = desk.events(ReplacementEnded)
    assert (ended.outcome, ended.text) == ("FILLED", "the old order filled 10 in the meantime")
    assert "not_replaced" in desk.alerts()


def fill(desk: Desk, order_id: Any) -> None:
    """Let a whole order fill at its limit."""
    from engine.domain.ids import ExecId
    from engine.domain.input import Reported
    from engine.domain.report import Executed

    made = desk.state.orders[order_id].order
    assert made.limit_price is not None
    report = Executed(
        exec_id=ExecId("sim.x.1"), order_id=order_id, quantity=made.quantity,
        price=made.limit_price, commission=D(0), at=desk.loop.now(),
    )  # fmt: skip
    desk.inbox.put(Reported(desk.loop.now(), report))


async def test_a_kill_between_cancel_and_new_order_leaves_one_new_order(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    desk.before[step(1, SLOT)] = order(desk, "BUY", limit="90", **RESTING)

    class Dies:
        def __init__(self, real: Any) -> None:
            self._real = real

        def cancel(self, *_: Any) -> None:
            raise Killed

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    desk.wrap_broker = Dies
    desk.before[step(2, SLOT)] = replacing(desk, limit="101", **RESTING)
    with pytest.raises(Killed):
        await desk.run()
    assert desk.state.replacing
    desk.wrap_broker = lambda broker: broker
    await desk.run()
    assert desk.statuses() == [S.CANCELED, S.FILLED]
    assert desk.owned() == 10


async def test_an_order_that_a_strategy_decided_is_canceled_not_replaced(tmp_path: Path) -> None:
    rows = ("2026-03-02,QQQ,ENTER,BUY,10,,,LIMIT,90,0",)
    desk = quick(tmp_path, [script(*rows), manual()], PRICES)
    desk.before[step(0, CLOSE)] = replacing(desk, limit="95", **RESTING)
    await desk.run()
    ((result, text),) = answers(desk)
    assert result == "REFUSED"
    assert text == "not_by_hand: script decided this order: cancel it; it decides anew"


class Slow:
    """A broker that answers a cancel when it is told to."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.late: list[Any] = []

    def cancel(self, order_id: Any) -> None:
        """Remember."""
        self.late.append(order_id)

    def answer(self) -> None:
        """Now."""
        for order_id in self.late:
            self._real.cancel(order_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("what", ["HALT", "REDUCE", "FLATTEN", "STOP"])
async def test_nothing_comes_after_a_halt_or_a_stop_when_the_cancel_is_confirmed(
    tmp_path: Path, what: str
) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    brokers: list[Slow] = []

    def slow(real: Any) -> Any:
        brokers.append(Slow(real))
        return brokers[0]

    desk.wrap_broker = slow
    desk.before[step(1, SLOT)] = order(desk, "BUY", limit="90", **RESTING)
    desk.before[step(2, SLOT)] = replacing(desk, limit="101", **RESTING)

    def asks() -> None:
        desk.inbox.put(desk.requested(what, "stop key"))
        if what in ("HALT", "REDUCE"):
            desk.inbox.put(desk.requested("RESUME", "go on"))
        asyncio.get_running_loop().call_later(0.05, brokers[0].answer)

    desk.before[step(2, CLOSE)] = asks
    await desk.run()
    (ended,) = desk.events(ReplacementEnded)
    assert ended.outcome == "DROPPED"
    assert len(desk.orders()) == 1
    assert desk.owned() == 0


# -- pressed twice ---------------------------------------------------------------------------

_TICKETS = st.sampled_from(
    [
        {"action": "BUY", "symbol": "QQQ", "quantity": "10"},
        {"action": "BUY", "symbol": "QQQ", "quantity": "7", "type": "LIMIT", "limit": "99"},
        {"action": "BUY", "symbol": "TLT", "share": "0.2"},
        {"action": "SELL", "symbol": "QQQ", "quantity": "5"},
        {"action": "CLOSE", "symbol": "QQQ"},
        {"action": "REDUCE", "symbol": "TLT", "share": "0.5"},
    ]
)


@given(st.lists(st.tuples(_TICKETS, st.booleans()), min_size=1, max_size=6), st.data())
def test_however_often_a_request_arrives_it_is_one_order(
    wanted: list[tuple[dict[str, str], bool]], data: st.DataObject
) -> None:
    """Every request comes once at least, then any of them again, before fills and after."""
    story = Story(Wisher("manual")).opens("100")
    asks = [request("ORDER", n, args) for n, (args, _) in enumerate(wanted)]
    for n, (one, (_, fills)) in enumerate(zip(asks, wanted, strict=True), start=1):
        story.given(Requested(story.at, one))
        if fills:
            story.fills()
        for again in data.draw(st.lists(st.sampled_from(asks[:n]), max_size=4)):
            story.given(Requested(story.at, again))
    answers = {a.request_id for a in story.of(RequestAnswered)}
    assert len(story.of(RequestAnswered)) == len(answers) == len(asks)
    refs = [row.order.order_ref for row in story.state.orders.values()]
    assert len(refs) == len(set(refs)) <= len(asks)
    assert len({order.order_ref for order in story.sent}) == len(story.sent)


def request(kind: str, number: int, args: Mapping[str, str]) -> Request:
    """A request as a screen would make it."""
    return Request(
        request_id=RequestId(f"req_{number:026d}"),
        kind=RequestKind(kind),
        actor="me@here:pts/1",
        reason="ticket",
        args=args,
        asked_at=DAWN,
    )


# -- joining a book ----------------------------------------------------------------------------


def starts(story: Story) -> None:
    """A new session of the book begins."""
    story.state.session_state = SessionState.CREATED
    story.given(Started(story.at))


@pytest.mark.parametrize(("free", "cash"), [("250000", "50000"), ("49999", "0")])
def test_a_strategy_that_joins_a_book_is_given_cash_that_nobody_owns(free: str, cash: str) -> None:
    story = Story(Wisher("regime"))
    story.state.context = replace(story.state.context, mode=Mode.PAPER)
    newcomer = Wisher("manual")
    story.state.books[MANUAL] = StrategyBook(newcomer, [], D(50_000), D("0.5"), Limits())
    known = BaselineAdopted(positions={"STK:SPY:USD": D(3)}, cash=D(free))
    story._write(Decision([Entry(known, -1)], ()))
    starts(story)
    assert story.state.books[MANUAL].cash == D(cash)
    assert story.state.baseline_cash == D(free) - D(cash)
    assert story.state.books[StrategyId("regime")].cash == D(100_000)
    told = {e.alert.kind for e in story.of(AlertRaised)}
    assert ("no_capital" in told) is (cash == "0")
    starts(story)
    assert story.state.books[MANUAL].cash == D(cash)


async def test_a_share_is_sized_at_the_dearest_price_it_could_cost(tmp_path: Path) -> None:
    desk = quick(tmp_path, [manual()], PRICES)
    low = {"share": "0.5", "type": "LIMIT", "limit": "80"}
    high = {"share": "0.5", "type": "STOP", "stop": "125"}

    def act() -> None:
        for args in (low, high):
            asked(desk, "PREVIEW", "BUY", args)()

    desk.before[step(1, SLOT)] = act
    await desk.run()
    assert [one["quantity"] for one in previews(desk)] == ["50", "40"]
