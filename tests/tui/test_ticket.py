"""The order ticket from the keyboard, an engine at work beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from engine.domain.event import ReplacementEnded, RequestReceived
from engine.domain.ids import OrderId
from engine.domain.order import OrderStatus, TimeInForce
from engine.domain.request import Request
from engine.domain.session import TradingState
from engine.domain.ticket import TIMES, Action, Ticket
from engine.errors import SettingsError
from engine.runtime.clock import SystemClock
from engine.runtime.ids import SystemIds
from engine.strategy.base import Strategy
from storage.controls import SqliteRequestBox
from tests.engine.desk import SLOT, Desk, script, step
from tests.engine.test_manual import BUYS, PRICES, fill, manual
from tests.tui.preview import PREVIEW
from tests.tui.screens import handled, press, ready, settled, text_of, until
from tui import steering
from tui.application import Pilothouse
from tui.dialogs import confirm, ticket
from tui.format import Shown
from tui.shell import ScreenOptions
from tui.source import DatabaseSource
from tui.steering import Requests

S = OrderStatus
SMALL = (80, 24)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may come at once or late: keys of a test are not type-ahead."""
    monkeypatch.setattr(confirm, "OPENED_S", -60.0)
    monkeypatch.setattr(confirm, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "ESC_S", 0.0)


@dataclass
class Floor:
    """A screen, the engine it looks at, and every request that was committed."""

    app: Pilothouse
    pilot: Pilot[None]
    desk: Desk
    asked: list[Request] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """Kinds in the order they were asked."""
        return [request.kind.value for request in self.asked]

    async def keys(self, *pressed: str) -> None:
        """Press keys; a word is typed letter by letter."""
        for each in pressed:
            for key in each if " " in each else (each,):
                await press(self.pilot, key)
            if each.isdigit() and self.app.dashboard.current != "help":
                await settled(self.pilot)  # another pane has its rows before the next key

    async def sees(self, *words: str) -> None:
        """Wait until the screen shows all of these."""
        await until(self.pilot, lambda: all(word in self.text for word in words), f"to see {words}")

    @property
    def text(self) -> str:
        """All that is on the screen."""
        return text_of(self.pilot) + self.app.dashboard.entry.text


@asynccontextmanager
async def floor(
    folder: Path,
    strategies: Sequence[Strategy] | None = None,
    *,
    armed: bool = True,
    size: tuple[int, int] = SMALL,
    options: ScreenOptions | None = None,
    prices: Any = PRICES,
    wrap: Callable[[Any], Any] = lambda broker: broker,
    **more: Any,
) -> AsyncIterator[Floor]:
    """An engine that stands still inside a session, with the screen on it."""
    desk = Desk(folder, strategies or [script(*BUYS), manual()], prices, pace="1000/s", **more)
    desk.wrap_broker = wrap
    desk.before[step(1, SLOT)] = lambda: desk.loop._pacer.set("0.001/s")
    engine = asyncio.create_task(desk.run())
    asked: list[Request] = []
    box = SqliteRequestBox(desk.path)

    def commit(request: Request) -> None:
        asked.append(request)
        box.ask(request)

    clock = SystemClock()
    requests = Requests(commit, clock, SystemIds(), "me@here:pts/1")
    app = Pilothouse(
        make_source=lambda: DatabaseSource(desk.path, None, clock.wall, lambda: requests.last_id),
        requests=requests,
        clock=clock,
        options=options,
    )
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await until(pilot, lambda: step(1, SLOT) not in desk.before, "the session")
        if strategies is None or len(strategies) > 1:
            await until(pilot, lambda: positions(app) > 0, "what the script buys")
        if armed:
            app.arming.arm(5)
        yield Floor(app, pilot, desk, asked)
    box.close()
    with SqliteRequestBox(desk.path) as last:
        last.ask(desk.request("STOP"))
    await engine


def positions(app: Pilothouse) -> int:
    """How many positions the screen has heard of."""
    counts = app.view["counts"].first()
    return counts["positions"] if counts else 0


async def test_a_buy_is_typed_previewed_confirmed_and_filled(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ")
        await on.sees("BUY", "= BUY 10 QQQ MARKET DAY", "nothing is sent yet")
        assert not on.asked
        await on.keys("enter")
        await on.sees("BUY QQQ?", "owned 0 → 10", "gate: 30 checks", "y send")
        assert not on.desk.orders()
        await on.keys("y")
        await on.sees("ORDER", "QQQ FILLED 10/10")
        assert on.kinds == ["PREVIEW", "ORDER"]
        assert [row.order.strategy for row in on.desk.orders()] == ["manual"]
        sent = on.desk.events(RequestReceived)[-1].request
        assert sent.args["answer"] == "y"
        assert sent.args["shown"].startswith("BUY 10 QQQ MARKET DAY, about 1,000 USD")


async def test_closing_names_the_owner_and_sells_what_it_owns(tmp_path: Path) -> None:
    async with floor(tmp_path) as on:
        await on.keys("3", "j", "X")
        await on.sees("CLOSE QQQ?", "owned 40 → 0", "owner script; it decides anew at")
        await on.keys("y")
        await on.sees("FILLED 40/40")
        assert on.desk.owned() == 0


async def test_reducing_takes_a_share_of_the_row_under_the_cursor(tmp_path: Path) -> None:
    async with floor(tmp_path) as on:
        await on.keys("3", "j", "R", "5", "0", "%")
        await on.sees("script owns 40 QQQ", "= REDUCE 50.00 % QQQ MARKET DAY")
        await on.keys("enter")
        await on.sees("owned 40 → 20")
        await on.keys("y")
        await on.sees("FILLED 20/20")


async def test_an_order_is_replaced_after_its_cancel(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ LIMIT 90 GTC", "enter")
        await on.sees("y send")
        await on.keys("y")
        await on.sees("ACCEPTED 0/10")
        await on.keys("4", "j", "M")
        await on.sees("REPLACE the order by", "10 LIMIT 90 GTC")
        await on.keys("ctrl+u", "10 LIMIT 101 GTC", "enter")
        await on.sees("REPLACE by QQQ?", "QQQ LIMIT 101.00 GTC")
        await on.keys("y")
        await on.sees("FILLED 10/10")
        assert on.desk.statuses() == [S.CANCELED, S.FILLED]


async def test_what_the_gate_denies_is_said_and_cannot_be_sent(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "5000 QQQ", "enter")
        await on.sees("NOT SENT: the gate denies it, order_size")
        assert "y send" not in on.text
        await on.keys("y")
        assert on.kinds == ["PREVIEW"]


async def test_what_changed_comes_back_as_a_new_question(tmp_path: Path) -> None:
    async with floor(tmp_path) as on:
        await on.keys("3", "j", "X")
        await on.sees("y send")
        given = {"action": "REDUCE", "strategy": "script", "symbol": "QQQ", "quantity": "10"}
        on.desk.inbox.put(on.desk.requested("ORDER", "another screen", given))
        await until(on.pilot, lambda: on.desk.owned() == 30, "the other order")
        await on.keys("y")
        await on.sees("CHANGED, nothing was sent: owned 40 → 30", "owned 30 → 0", "y send")
        assert on.desk.owned() == 30
        await on.keys("y")
        await on.sees("FILLED 30/30")
        ids = [r.request_id for r in on.asked if r.kind.value == "ORDER"]
        assert len(set(ids)) == 2


async def test_a_double_press_is_one_order(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ", "enter")
        await on.sees("y send")
        await on.keys("y", "y", "y")
        await on.sees("FILLED 10/10")
        assert on.kinds.count("ORDER") == 1
        assert len(on.desk.orders()) == 1


@pytest.mark.parametrize("stage", ["typing", "waiting", "confirm"])
async def test_the_stop_key_ends_an_open_ticket(tmp_path: Path, stage: str) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ")
        if stage != "typing":
            await on.keys("enter")
        if stage == "confirm":
            await on.sees("y send")
        await on.keys("ctrl+k")
        assert on.kinds[-1] == "HALT"
        await on.sees("EMERGENCY STOP", "HALTED")
        await on.keys("y", "enter", "enter")
        await handled(on.pilot)
        assert "ORDER" not in on.kinds
        assert "EMERGENCY STOP" in on.text
        assert on.desk.state.trading_state is TradingState.HALTED
        assert not on.desk.orders()


@pytest.mark.parametrize("stage", ["typing", "confirm"])
async def test_a_ticket_survives_every_resize(tmp_path: Path, stage: str) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ")
        if stage == "confirm":
            await on.keys("enter")
            await on.sees("y send")
        for size in ((120, 40), (200, 60), (62, 17), SMALL):
            await on.pilot.resize_terminal(*size)
            await handled(on.pilot)
            assert on.app.dashboard.confirm.has_focus
        if stage == "typing":
            await on.keys("enter")
            await on.sees("y send")
        await on.keys("y")
        await on.sees("FILLED 10/10")


async def test_nothing_is_traded_by_a_screen_that_is_not_armed(tmp_path: Path) -> None:
    async with floor(tmp_path, armed=False) as on:
        for keys in (("B",), ("S",), ("3", "j", "X"), ("R",), ("4", "j", "M")):
            on.app._hint = None
            await on.keys(*keys)
            await on.sees("not armed: ctrl+o arms this screen")
        assert not on.asked


async def test_a_read_only_screen_has_no_ticket(tmp_path: Path) -> None:
    async with floor(tmp_path, options=ScreenOptions(read_only=True)) as on:
        for keys in (("B",), ("S",), ("3", "j", "X"), ("R",), ("4", "j", "M"), (":", "buy 1 QQQ")):
            await on.keys(*keys, "enter", "y")
        assert not on.asked
        assert not on.app.dashboard.confirm.display


async def test_disarmed_under_an_open_question_sends_nothing(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ", "enter")
        await on.sees("y send")
        on.app.arming.disarm()
        await on.keys("y")
        await on.sees("disarmed in the meantime: nothing was sent")
        assert "ORDER" not in on.kinds


async def test_anything_but_y_is_no(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        for leave in ("escape", "n", "B", "space"):
            await on.keys("B", "10 QQQ", "enter")
            await on.sees("y send")
            await on.keys(*["enter"] * 10)
            assert "y send" in on.text
            await on.keys(leave)
            assert not on.app.dashboard.confirm.display
        assert "ORDER" not in on.kinds
        assert not on.desk.orders()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("10", "which symbol? one such as TQQQ"),
        ("QQQ", "how much? a number of shares"),
        ("-5 QQQ", "quantity '-5': a number above 0"),
        ("10 QQQ LIMIT", "limit 'nothing': a number above 0"),
        ("10 QQQ @@", "'@@': allowed is SHARES or n%"),
        ("200% QQQ", "share 2: above 0 and 1 (100%) at most"),
    ],
)
def test_what_cannot_be_read_is_said_by_name(line: str, says: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        ticket.typed_ticket(line, Ticket(action=Action.BUY))
    assert str(wrong.value).startswith(says)


async def test_a_line_that_cannot_be_read_stays_until_it_can(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ LIMIT ", "enter")
        await on.sees("· limit 'nothing': a number above 0", "not yet: see above")
        assert not on.asked
        await on.keys("9", "9", "enter")
        await on.sees("BUY 10 QQQ LIMIT 99.00 DAY")


@given(
    st.decimals("0.01", "100000", places=2),
    st.sampled_from(["", "LIMIT", "STOP", "BOTH"]),
    st.sampled_from([*TIMES]),
    st.permutations(range(4)),
)
def test_a_ticket_is_read_the_same_in_any_order(
    value: Decimal, kind: str, time: TimeInForce, order: Sequence[int]
) -> None:
    if kind in ("STOP", "BOTH") and time is TimeInForce.IOC:
        time = TimeInForce.DAY
    prices = {"": "", "LIMIT": f"LIMIT {value}", "STOP": f"STP {value}"}
    parts = ["7", "QQQ", prices.get(kind, f"STOP {value} LMT {value}"), time.value]
    made = ticket.typed_ticket(" ".join(parts[n] for n in order), Ticket(action=Action.BUY))
    assert (made.symbol, made.quantity, made.time_in_force) == ("QQQ", Decimal(7), time)
    assert made.limit == (value if kind in ("LIMIT", "BOTH") else None)
    assert made.stop == (value if kind in ("STOP", "BOTH") else None)
    assert ticket.typed_ticket(ticket.words_of(made), Ticket(action=Action.BUY)) == made


async def test_verbs_open_the_same_question(tmp_path: Path) -> None:
    async with floor(tmp_path) as on:
        await on.keys("3", ":", "close qqq", "enter")
        await on.sees("CLOSE QQQ?")
        await on.keys("escape", ":", "buy 20 tlt limit 49.5", "enter")
        await on.sees("BUY 20 TLT LIMIT 49.50 DAY")
        await on.keys("escape", ":", "sell 1 qqq", "enter")
        await on.sees("NOT SENT: not_owned: manual owns no QQQ")


async def test_a_small_terminal_refuses_the_question_and_says_why(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()], size=(59, 15)) as on:
        await on.keys("B")
        await on.sees("the question needs 60×16")
        await on.keys("ctrl+k")
        assert on.kinds == ["HALT"]


async def test_after_the_row_under_the_cursor_left_the_next_key_is_refused_once(
    tmp_path: Path,
) -> None:
    rows = (*BUYS, "2026-03-02,TLT,ENTER,BUY,10,,,,,1")
    async with floor(tmp_path, [script(*rows), manual()]) as on:
        await on.keys("3")
        pane = on.app.dashboard.panes["positions"]
        await until(on.pilot, lambda: len(pane.keys) == 2, "both rows")
        await on.keys("j")
        assert pane.row is not None
        assert pane.row["symbol"] == "QQQ"
        given = {"action": "CLOSE", "strategy": "script", "symbol": "QQQ"}
        on.desk.inbox.put(on.desk.requested("ORDER", "another screen", given))
        await until(on.pilot, lambda: len(pane.keys) == 1, "the row to leave")
        await on.keys("X")
        await on.sees("selection changed: look, then press again")
        assert not on.asked
        await on.keys("X")
        await on.sees("CLOSE TLT?")


async def test_a_large_live_order_is_confirmed_by_typing_its_quantity() -> None:
    asked = ticket.order_question(
        {**PREVIEW, "quantity": "130"},
        lambda key, text: None,
        Shown("LIVE"),
        session=(),
        next_slot=Shown(""),
        by_word=True,
    )
    assert asked.typed is not None
    assert asked.answers[0] == ("y", "send")
    assert [asked.typed.accepts(word) for word in ("y", "13", "130")] == [False, False, True]


class Deaf:
    """A broker that takes a cancel and never answers it."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def cancel(self, order_id: OrderId) -> None:
        """Say nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


async def test_a_replacement_says_what_it_waits_for_and_what_came_in_between(
    tmp_path: Path,
) -> None:
    async with floor(tmp_path, [manual()], wrap=Deaf) as on:
        await on.keys("B", "10 QQQ LIMIT 90 GTC", "enter")
        await on.sees("y send")
        await on.keys("y")
        await on.sees("ACCEPTED 0/10")
        await on.keys("4", "j", "M", "ctrl+u", "10 LIMIT 91 GTC", "enter")
        await on.sees("REPLACE by QQQ?")
        await on.keys("y")
        await on.sees("0/10 cancel asked; the new order waits for it")
        await on.keys("M")
        await on.sees("QQQ")  # the line opens: what can be done about it is the engine's to say
        await on.keys("enter")
        await on.sees("NOT SENT not_working:", "is being canceled")
        (old,) = on.desk.orders()
        fill(on.desk, old.order.order_id)
        await until(on.pilot, lambda: on.desk.statuses() == [S.FILLED], "the fill")
        assert [e.outcome for e in on.desk.events(ReplacementEnded)] == ["FILLED"]
        assert "not_replaced" in on.desk.alerts()


async def test_every_check_is_shown_on_demand_and_the_question_stays(tmp_path: Path) -> None:
    async with floor(tmp_path, [manual()]) as on:
        await on.keys("B", "10 QQQ", "enter")
        await on.sees("y send", "v all checks", "order 0.10 of 10", "budget 0.10 of 10")
        await on.keys("v")
        await on.sees("Checks of this very order", "trading_state", "ACTIVE  limit not HALTED")
        assert on.app.dashboard.confirm.has_focus
        await on.keys("y")
        await on.sees("FILLED 10/10")
        await on.keys("escape")
        await on.sees("Overview")
        await on.keys("B", "5000 QQQ", "enter")
        await on.sees("NOT SENT", "v all checks")
        await on.keys("v")
        await on.sees("order_size         fail           50.0000  limit 10 of equity")
        await on.keys("y")
        assert on.kinds.count("ORDER") == 1
