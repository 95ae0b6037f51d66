"""Both connections as one session: start, quotes, history, the feed, stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest

from engine.brokers.ibkr.terms import Timings
from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.input import Input, LinkSeen, QuotesSeen, Reported, SlotDue, Tick
from engine.domain.instrument import stock_id
from engine.domain.link import LinkState
from engine.domain.market import Feed
from engine.domain.session import Mode, Slot
from engine.errors import BrokerUnreachable, SafetyRefusal, SettingsError
from engine.runtime.ibkr import IbkrSession
from engine.runtime.live import LiveSource
from engine.schedule.calendar import ExchangeCalendar
from engine.schedule.slots import slot_at
from engine.settings.model import Ibkr, Run, Settings
from tests.engine.ibkr.wire import FAST, QQQ, D, MarketClock, order
from tests.patience import PATIENCE_S

PSQ = stock_id("PSQ")
NOBODY = stock_id("ZZZZ")


@pytest.fixture
def calendar() -> ExchangeCalendar:
    """The exchange's sessions around the gateway's day."""
    return ExchangeCalendar("XNYS", date(2022, 1, 3), date(2027, 11, 1))


def wanted(gateway: PracticeGateway, *, dry_run: object = False, **changed: object) -> Settings:
    """Settings of a paper session at a gateway."""
    given = {"host": gateway.host, "port": gateway.port, "account": gateway.account}
    return Settings(
        run=Run(mode=Mode.PAPER, dry_run=bool(dry_run)),
        ibkr=Ibkr(**(given | changed)),  # type: ignore[arg-type]
    )


class Room:
    """A session and all that it has said."""

    def __init__(
        self, gateway: PracticeGateway, timings: Timings = FAST, **changed: object
    ) -> None:
        self.said: list[Input] = []
        self.clock = MarketClock(gateway)
        self.session = IbkrSession(
            wanted(gateway, **changed), self._hear, self.clock, timings=timings
        )

    def _hear(self, given: Input) -> None:
        self.said.append(given)

    async def until(self, true: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def room(gateway: PracticeGateway, **changed: object) -> AsyncIterator[Room]:
    """A session that has started with QQQ and PSQ qualified."""
    made = Room(gateway, FAST, **changed)
    await made.session.start([QQQ, PSQ])
    try:
        yield made
    finally:
        await made.session.stop()


async def test_a_session_starts_trades_and_leaves_nothing_behind() -> None:
    async with PracticeGateway(seed=7) as gateway:
        before = asyncio.all_tasks()
        async with room(gateway) as one:
            assert gateway.clients == [17, 18]
            one.session.broker.submit(order("x", quantity=10), 1)
            await one.until(
                lambda: any(
                    isinstance(given, Reported) and isinstance(given.report, rp.Executed)
                    for given in one.said
                )
            )
        await one.until(lambda: gateway.clients == [])
        assert asyncio.all_tasks() <= before | {asyncio.current_task()}


async def test_nobody_listening_is_said_at_once() -> None:
    async with PracticeGateway(seed=7) as gateway:
        closed = Room(gateway, port=1)
        with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1"):
            await closed.session.start()


async def test_a_gateway_that_comes_later_is_waited_for_as_long_as_one_may() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    later = PracticeGateway(seed=7, port=port)
    early = Room(later, replace(FAST, ready=0.3))
    with pytest.raises(BrokerUnreachable, match=r"not ready within 0\.3 s"):
        await early.session.start(patience_s=0.3)
    patient = Room(later)
    starting = asyncio.create_task(patient.session.start([QQQ], patience_s=None))
    await patient.until(lambda: patient.session.broker.machine.tries >= 1)
    async with later, asyncio.timeout(PATIENCE_S):
        await starting
        assert patient.session.broker.machine.link.state is LinkState.LIVE
        await patient.session.stop()


async def test_a_wrong_account_refuses_the_start_and_names_both() -> None:
    async with PracticeGateway(seed=7) as gateway:
        wrong = Room(gateway, account="DU7777777")
        with pytest.raises(SafetyRefusal, match=r"DU7777777.*DU0000001"):
            await wrong.session.start()
        await wrong.until(lambda: gateway.clients == [])


async def test_a_client_id_in_use_refuses_the_start() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway):
        second = Room(gateway)
        with pytest.raises(BrokerUnreachable, match="client id 17 is in use"):
            await second.session.start()


async def test_a_missing_account_is_a_finding() -> None:
    with pytest.raises(SettingsError, match=r"ibkr\.account: missing; mode paper needs it"):
        IbkrSession(
            Settings(run=Run(mode=Mode.PAPER), ibkr=Ibkr(port=4002)),
            lambda given: None,
            MarketClock(PracticeGateway(seed=7)),
        )


# -- quotes ------------------------------------------------------------------------------------


async def test_quotes_arrive_live_and_two_sided() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ, PSQ])
        await one.until(lambda: len(market.quotes(one.clock.wall())[0]) == 2)
        quote = market.quotes(one.clock.wall())[0][QQQ]
        assert quote.feed is Feed.LIVE
        assert 0 < quote.bid < quote.ask


async def test_a_line_is_shared_and_ends_with_its_last_user() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        market.watch([QQQ])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        await market.unwatch([QQQ])
        assert market.tape(QQQ) is not None
        await market.unwatch([QQQ])
        assert market.tape(QQQ) is None


async def test_an_unknown_symbol_is_said_and_the_others_go_on() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ, NOBODY])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        assert "200" in market.quotes(one.clock.wall())[1][NOBODY]


async def test_quotes_come_back_after_the_data_connection_was_lost() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        await gateway.fault("drop_socket", client=18)
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[1])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        assert one.session.broker.machine.epoch == 1


async def test_quotes_come_back_after_the_broker_lost_its_data_requests() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        await gateway.fault("upstream_lost", s=0.2, data_lost=True)
        await one.until(lambda: one.session.broker.machine.reason == "UPSTREAM_DOWN")
        tape = market.tape(QQQ)
        assert tape is not None
        tape.clear()
        gateway.advance(1)
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])


async def test_a_competing_session_makes_quotes_unusable() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        await gateway.fault("competing_session", s=60)
        await one.until(lambda: "10197" in market.quotes(one.clock.wall())[1].get(QQQ, ""))


@pytest.mark.parametrize("mode", ["-1", "0", "UNSET", "delayed", "frozen", "crossed", "halt"])
async def test_a_price_that_means_unknown_is_no_quote(mode: str) -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
        await gateway.fault("quote", symbol="QQQ", mode=mode)
        await one.until(lambda: QQQ in market.quotes(one.clock.wall())[1])


async def test_a_stream_that_falls_silent_is_asked_for_anew() -> None:
    async with PracticeGateway(seed=7) as gateway:
        one = Room(gateway, timings=replace(FAST, stale_after=0.4))
        await one.session.start([QQQ])
        try:
            market = one.session.market
            market.watch([QQQ])
            await one.until(lambda: QQQ in market.quotes(one.clock.wall())[0])
            first = market.request_of(QQQ)
            await gateway.fault("quote", symbol="QQQ", mode="stale", s=60)
            await one.until(lambda: market.request_of(QQQ) not in (0, first))
            assert one.session.data_link.epoch == 1
        finally:
            await one.session.stop()


async def test_a_connection_on_which_nothing_happens_is_asked_for_the_time_and_kept() -> None:
    quick = replace(FAST, heartbeat_after=0.1, silence=0.8)
    async with PracticeGateway(seed=7) as gateway:
        one = Room(gateway, timings=quick)
        await one.session.start([QQQ])
        asked = await gateway.fault("slow", client=18, on="request:49", ms=0, count=0)
        await one.until(lambda: gateway.venue.fired(asked) == 3)
        assert one.session.data_link.epoch == 1
        await one.session.stop()


async def test_an_order_does_not_wait_behind_data_requests() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        symbols = [stock_id(f"Q{number:03d}") for number in range(100)]
        asking = asyncio.create_task(one.session.contracts.qualify(symbols, one.clock.wall()))
        asked = [
            asyncio.create_task(one.session.contracts.qualify([symbol], one.clock.wall()))
            for symbol in symbols
        ]
        await asyncio.sleep(0.05)
        one.session.broker.submit(order("x", quantity=10), 1)
        await one.until(
            lambda: any(
                isinstance(given, Reported) and isinstance(given.report, rp.Accepted)
                for given in one.said
            )
        )
        assert not all(task.done() for task in asked)
        for task in (asking, *asked):
            task.cancel()
        await asyncio.wait({asking, *asked})


# -- history -----------------------------------------------------------------------------------


async def test_eight_hundred_final_sessions_come_with_ticks_and_contracts(
    calendar: ExchangeCalendar,
) -> None:
    async with PracticeGateway(seed=7, calendar=calendar) as gateway, room(gateway) as one:
        history = await one.session.market.history([QQQ, PSQ], calendar)
        assert {len(series.bars) for series in history.series.values()} == {800}
        newest = history.series[QQQ].bars[-1]
        assert newest.session_date == date(2026, 11, 19)  # the running day is not final
        assert history.instruments[QQQ].con_id == 320227571
        assert history.instruments[QQQ].tick == D("0.01")
        assert not [finding for finding in history.findings if finding.kind == "gap"]


async def test_the_feed_gives_quotes_slots_and_final_bars_in_their_time(
    calendar: ExchangeCalendar,
) -> None:
    async with PracticeGateway(seed=7, calendar=calendar) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ, PSQ])
        history = await market.history([QQQ, PSQ], calendar, sessions=30)
        source = LiveSource(
            market, history, calendar, one.clock, slots=[Slot.AFTER_OPEN_15], slot_at=slot_at
        )
        assert len(list(source.warmup())) == 30
        await one.until(lambda: len(market.quotes(one.clock.wall())[0]) == 2)
        feed = iter(source)
        first = next(feed)
        assert isinstance(first, QuotesSeen)
        assert set(first.quotes) == {QQQ, PSQ}
        assert isinstance(next(feed), Tick)
        source.seen = one.clock.wall() - timedelta(hours=1)
        again = iter(source)
        prices, late = next(again), next(again)
        assert isinstance(prices, QuotesSeen)
        assert set(prices.quotes) == {QQQ, PSQ}
        assert isinstance(late, SlotDue)
        assert late.due_at == calendar.opens_at(date(2026, 11, 20)) + timedelta(minutes=15)
        assert late.at > late.due_at


async def test_the_links_of_a_session_end_live() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        links = [given.link for given in one.said if isinstance(given, LinkSeen)]
        assert links[-1].is_live
        assert links[-1].account == "DU0000001"
        assert one.session.data_link.state is LinkState.LIVE
