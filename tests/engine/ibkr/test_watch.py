"""The timings of the specification, on a clock that is set by hand."""

import asyncio
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from engine.brokers.ibkr import said
from engine.brokers.ibkr.absence import Absence
from engine.brokers.ibkr.limiter import Limiter
from engine.brokers.ibkr.terms import Terms, Timings
from engine.brokers.ibkr.trace import Alarm, AskExecutions, Out
from engine.brokers.ibkr.translate import Translator
from engine.brokers.ibkr.watch import Watch
from engine.domain import report as rp
from engine.domain.ids import OrderId
from tests.engine.ibkr.test_translate import ACCOUNT, AT, executed, heard, paid, shown, status
from tests.engine.ibkr.wire import order

TIMES = Timings(look_up_gap=0)
MINE = order("2c400c04acd7-0", quantity=100)


class Stand:
    """Stands for a broker that watches one order, every second of a clock set by hand.

    It answers every question at once, and says about the order only what a test makes it say.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.terms = Terms(host="h", port=1, account=ACCOUNT, live=False, timings=TIMES)
        self.connection = SimpleNamespace(
            clock=SimpleNamespace(monotonic=lambda: self.now, wall=self.wall),
            limiter=Limiter(40, lambda: self.now),
            asked_time_at=None,
            ask_time=lambda: self.did("time"),
        )
        self.translator = Translator(ACCOUNT, 17)
        self.machine = SimpleNamespace(read_only="")
        self.queries = SimpleNamespace(open_orders=self.open_orders)
        self.knows_offset = True
        self.is_live = True
        self.done: list[tuple[float, str]] = []  # (second, what)
        self.told: list[rp.Report] = []
        self.wishes: list[Out] = []
        self.watch = Watch(self)  # type: ignore[arg-type]
        self.watch.synced()
        self.watch._asked_clock = 0.0

    def wall(self) -> datetime:
        """The clock on the wall."""
        return AT + timedelta(seconds=self.now)

    def did(self, what: str) -> None:
        """Note what was done, and when."""
        self.done.append((self.now, what))

    def times(self, what: str) -> list[float]:
        """The seconds at which something was done."""
        return [at for at, one in self.done if one == what]

    async def open_orders(self) -> tuple[list[object], list[object]]:
        """Answer that nothing is open."""
        self.did("open orders")
        return [], []

    async def executions(self) -> None:
        """Answer that nothing was executed."""
        self.did("executions")

    def look_up(self, order_id: OrderId) -> None:
        """Ask for one order."""
        self.did(f"look up {order_id}" if order_id != MINE.order_id else "look up")

    def send_cancel(self, trace: object) -> None:
        """Ask for a cancel."""
        self.did("cancel")

    def tell(self, report: rp.Report) -> None:
        """Report."""
        self.did(type(report).__name__)
        self.told.append(report)

    def wish(self, wish: Out) -> None:
        """Wish."""
        self.did(wish.kind if isinstance(wish, Alarm) else type(wish).__name__)
        self.wishes.append(wish)

    def out(self, out: Out) -> None:
        """Carry out what the translator says."""
        if isinstance(out, Alarm | AskExecutions):
            self.wish(out)

    def says(self, *given: said.Said) -> None:
        """Something is said now."""
        for one in given:
            for out in self.translator.take(heard(one, self.wall())):
                self.out(out)

    def send(self) -> None:
        """Send the order now."""
        self.translator.sent(MINE, 1, self.wall())

    async def until(self, second: float) -> None:
        """Make rounds every two seconds until then."""
        while self.now < second:
            self.now = min(second, self.now + TIMES.in_flight_every)
            for out in self.translator.due(self.wall()):
                self.out(out)
            await self.watch.round()


@pytest.fixture
def stand() -> Stand:
    """A broker with a link that has been live for a minute."""
    made = Stand()
    made.now = 60.0
    made.watch._polled = made.watch._executed = 60.0
    return made


def test_the_timings_are_those_of_the_specification() -> None:
    times = Timings()
    assert (times.socket, times.start, times.request, times.history) == (5, 10, 10, 60)
    assert (times.in_flight_every, times.in_flight_after, times.in_flight_tries) == (2, 5, 5)
    assert (times.look_ups, times.look_up_gap) == (10, 0.1)
    assert (times.poll_busy, times.poll_idle, times.poll_misses) == (10, 60, 5)
    assert (times.poll_touched, times.settle_after) == (5, 10)
    assert (times.gap_after, times.commission_after, times.commission_alarm) == (5, 30, 300)
    assert (times.cancel_again, times.cancel_tries) == (10, 3)
    assert (times.back_off, times.back_off_cap) == (1, 30)
    assert (times.heartbeat_after, times.silence, times.down_alarm) == (10, 30, 300)
    assert (times.absent_again, times.upstream_for) == (60, 30)
    assert (times.clash_again, times.clash_jitter, times.clash_tries) == (15, 5, 10)
    assert (times.sync_again, times.sync_tries, times.ready) == (5, 3, 60)


async def test_an_order_without_an_answer_is_looked_up_five_times_and_is_then_unknown(
    stand: Stand,
) -> None:
    stand.send()
    await stand.until(82)
    assert stand.times("look up") == [66, 68, 70, 72, 74]
    assert stand.times("SendFailed") == [76]
    assert isinstance(stand.told[0], rp.SendFailed)


async def test_an_order_that_speaks_is_not_looked_up(stand: Stand) -> None:
    stand.send()
    stand.says(shown(MINE, 1, "Submitted"))
    await stand.until(68)
    assert stand.times("look up") == []


async def test_of_many_that_hang_ten_are_looked_up_in_a_cycle(stand: Stand) -> None:
    for number in range(1, 16):
        stand.translator.sent(order(f"n{number}"), number, stand.wall())
    await stand.until(66)
    assert len([what for _, what in stand.done if what.startswith("look up")]) == 10
    await stand.until(100)
    assert {report.order_id for report in stand.told if isinstance(report, rp.SendFailed)} == set(
        stand.translator.traces
    )


async def test_nothing_hangs_in_the_first_ten_seconds_of_a_link() -> None:
    stand = Stand()
    stand.send()
    await stand.until(8)
    assert stand.done == []
    await stand.until(10)
    assert stand.times("look up") == [10]


async def test_open_orders_are_asked_for_each_ten_seconds_while_one_lives_else_each_minute(
    stand: Stand,
) -> None:
    await stand.until(182)
    assert stand.times("open orders") == [120, 180]
    stand.send()
    stand.says(shown(MINE, 1, "Submitted"))
    await stand.until(212)
    assert stand.times("open orders")[2:] == [190, 200, 210]


async def test_five_polls_without_an_order_and_it_is_looked_up_nothing_is_concluded(
    stand: Stand,
) -> None:
    stand.send()
    stand.says(shown(MINE, 1, "Submitted"))
    await stand.until(112)
    assert stand.times("look up") == [110]  # polls at 70, 80 … 110
    assert stand.told == []


async def test_an_order_that_spoke_just_now_is_not_missed(stand: Stand) -> None:
    stand.send()
    stand.says(shown(MINE, 1, "Submitted"))
    for second in range(68, 128, 10):
        await stand.until(second)
        stand.says(status(MINE, 1, "Submitted"))
    await stand.until(128)
    assert stand.times("look up") == []


async def test_executions_are_asked_for_each_minute(stand: Stand) -> None:
    await stand.until(242)
    assert stand.times("executions") == [120, 180, 240]


async def test_filled_without_its_fills_is_asked_for_after_five_seconds(stand: Stand) -> None:
    stand.send()
    stand.says(shown(MINE, 1, "Filled"), status(MINE, 1, "Filled", 100))
    await stand.until(68)
    assert stand.times("AskExecutions") == [66]
    stand.says(executed(MINE, 1, 0, 100, "5"))
    await stand.until(90)
    assert stand.times("AskExecutions") == [66]


async def test_a_commission_is_asked_for_after_thirty_seconds_and_told_after_five_minutes(
    stand: Stand,
) -> None:
    fill = executed(MINE, 1, 0, 100, "5")
    stand.send()
    stand.says(fill)
    stand.watch._executed = 60.0
    await stand.until(358)
    assert stand.times("AskExecutions")[0] == 92
    assert stand.times("commission_missing") == []
    await stand.until(364)
    assert stand.times("commission_missing")[0] == 362
    stand.says(paid(fill))
    before = len(stand.wishes)
    await stand.until(400)
    assert len(stand.wishes) == before


def cancel_asked(stand: Stand) -> None:
    """An order of ours works, and its cancel was sent."""
    stand.send()
    stand.says(shown(MINE, 1, "Submitted"))
    stand.translator.canceling(MINE.order_id)
    stand.watch.cancels(MINE.order_id)


async def test_a_cancel_is_repeated_three_times_ten_seconds_apart_and_then_told(
    stand: Stand,
) -> None:
    cancel_asked(stand)
    await stand.until(120)
    assert stand.times("cancel") == [70, 80, 90]
    assert stand.times("cancel_unconfirmed") == [100]


async def test_a_cancel_that_nobody_answers_is_asked_each_minute_and_after_each_new_link(
    stand: Stand,
) -> None:
    cancel_asked(stand)
    await stand.until(230)
    assert stand.times("cancel") == [70, 80, 90, 160, 220]
    stand.watch.begin_epoch()
    await stand.until(233)
    assert stand.times("cancel")[5:] == [232]


async def test_a_confirmed_cancel_is_not_repeated(stand: Stand) -> None:
    cancel_asked(stand)
    await stand.until(72)
    stand.says(status(MINE, 1, "Cancelled"))
    await stand.until(120)
    assert stand.times("cancel") == [70]
    assert stand.times("cancel_unconfirmed") == []


async def test_the_clock_is_asked_for_each_minute(stand: Stand) -> None:
    stand.watch._asked_clock = 60.0
    await stand.until(182)
    assert stand.times("time") == [120, 180]


async def test_rounds_end_with_their_task() -> None:
    stand = Stand()
    task = asyncio.create_task(stand.watch.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


def test_a_look_up_that_comes_between_does_not_put_off_the_second_one() -> None:
    stand = Stand()
    stand.translator.sent(MINE, 1, AT)
    trace = stand.translator.traces[MINE.order_id]
    unsure = Absence(
        asked_at=AT, sent_at=AT, upstream_s=0, upstream_s_min=30, first_s=None, again_s=60,
        next_order_id=1, broker_order_id=1, position_agrees=True,
    )  # fmt: skip
    for stand.now in (10.0, 11.0):
        stand.watch._conclude(trace, unsure)
    assert stand.watch._again == {MINE.order_id: 70.0}
