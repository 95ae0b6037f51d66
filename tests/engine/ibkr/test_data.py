"""Data that fails in its own ways: lines, farms, streams, pace, clocks. Over TCP."""

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.streams import Streams
from engine.domain.alert import Severity
from engine.domain.ids import InstrumentId
from engine.domain.input import Fault
from engine.domain.instrument import stock_id
from engine.errors import MarketDataError
from engine.schedule.calendar import ExchangeCalendar
from tests.engine.ibkr.test_session import PSQ, Room, room
from tests.engine.ibkr.wire import FAST, QQQ, desk


async def quoted(one: Room, *instruments: object) -> None:
    """Wait until exactly these have quotes that may decide."""
    market = one.session.market
    await one.until(lambda: set(market.quotes(one.clock.wall())[0]) == set(instruments))


def refusals(one: Room) -> dict[InstrumentId, str]:
    """Why the others may not decide."""
    return one.session.market.quotes(one.clock.wall())[1]


def streams(gateway: PracticeGateway) -> Streams:
    """What the gateway serves."""
    return gateway.venue._streams


def faults(one: Room, kind: str) -> list[Fault]:
    """Alarms of one kind."""
    return [given for given in one.said if isinstance(given, Fault) and given.kind == kind]


# -- lines -------------------------------------------------------------------------------------


async def test_with_one_line_left_what_is_at_stake_gets_it() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        await gateway.fault("limits", lines=1, s=86400)
        market.watch([PSQ, QQQ])
        await quoted(one, PSQ)
        market.set_rank(lambda instrument: int(instrument != QQQ))  # QQQ is held now
        market.watch([QQQ])
        await quoted(one, QQQ)
        assert "no data line is left" in refusals(one)[PSQ]
        assert len(streams(gateway).quoted()) == 1


async def test_our_own_limit_of_lines_is_kept_and_said() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway, line_limit=1) as one:
        one.session.market.watch([QQQ, PSQ])
        await quoted(one, QQQ)
        assert refusals(one)[PSQ] == "no data line is left: 1 serve what matters more"
        await one.session.market.unwatch([QQQ])
        one.session.market.watch([PSQ])
        await quoted(one, PSQ)


async def test_the_same_instrument_never_takes_two_lines() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        for _ in range(3):
            one.session.market.watch([QQQ])
        await quoted(one, QQQ)
        one.session.market.lost()  # as after 1101: asked for anew
        await quoted(one, QQQ)
        assert one.session.contracts.object_of(QQQ) is one.session.contracts.object_of(QQQ)
        await gateway.fault("drop_socket", client=18)
        await one.until(lambda: not streams(gateway).quoted())
        await quoted(one, QQQ)
        assert len(streams(gateway).quoted()) == 1


@pytest.mark.parametrize("code", [300, 366, 420, 10182, 10225])
async def test_a_stream_that_the_broker_ends_is_asked_for_anew(code: int) -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await quoted(one, QQQ)
        first = market.request_of(QQQ)
        market.on_error(first, code, "not here")
        assert refusals(one)[QQQ] == "no two-sided quote"
        market.watch([QQQ])  # the next turn
        await quoted(one, QQQ)
        assert market.request_of(QQQ) != first


async def test_what_is_asked_for_anew_is_ended_first_where_the_broker_still_serves_it() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await quoted(one, QQQ)
        (old,) = streams(gateway).quoted()
        market.renew()
        await one.until(lambda: market.request_of(QQQ) not in (0, old[1]))
        await quoted(one, QQQ)
        assert [request for _, request in streams(gateway).quoted()] == [market.request_of(QQQ)]


@pytest.mark.parametrize("code", [354, 10089, 10090, 10091, 10168, 10186])
async def test_a_stream_without_a_subscription_says_so_and_decides_nothing(code: int) -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        await gateway.fault("error", on="request:1", code=code, text="not subscribed", count=0)
        one.session.market.watch([QQQ])
        await one.until(lambda: refusals(one).get(QQQ) == f"{code} not subscribed")


@pytest.mark.parametrize(("allowed", "kind"), [(False, 1), (True, 3)])
async def test_delayed_data_is_asked_for_only_where_settings_allow_it(
    *, allowed: bool, kind: int
) -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway, allow_delayed=allowed) as one:
        asked: list[int] = []
        one.session._data.ib.client.reqMarketDataType = asked.append
        one.session.market.watch([QQQ, PSQ])
        await quoted(one, QQQ, PSQ)
        assert asked == [kind]  # once: each message counts towards the gateway's limit
        one.session.market.renew()
        await one.until(lambda: asked == [kind, kind])


# -- farms and sessions ------------------------------------------------------------------------


async def test_a_broken_farm_makes_quotes_unusable_at_once_and_keeps_the_socket() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        market = one.session.market
        market.watch([QQQ])
        await quoted(one, QQQ)
        first = market.request_of(QQQ)
        await gateway.fault("farm_flap", kind="data", s=30)
        await one.until(lambda: refusals(one).get(QQQ) == "the data farm usfarm is broken")
        assert one.session.data_link.is_live
        gateway.advance(31)
        await one.until(lambda: market.request_of(QQQ) not in (0, first))
        gateway.advance(1)
        await quoted(one, QQQ)
        assert market.request_of(QQQ) != first
        assert len(streams(gateway).quoted()) == 1  # the old one was ended
        assert one.session.data_link.epoch == 1


@pytest.mark.parametrize("kind", ["history", "definitions"])
async def test_another_farm_leaves_quotes_alone(kind: str) -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        one.session.market.watch([QQQ])
        await quoted(one, QQQ)
        await gateway.fault("farm_flap", kind=kind, s=30)
        await one.until(lambda: one.session._data_machine.farms)
        await quoted(one, QQQ)


async def test_a_competing_session_is_told_once_with_what_to_do() -> None:
    async with PracticeGateway(seed=7) as gateway, room(gateway) as one:
        one.session.market.watch([QQQ, PSQ])
        await quoted(one, QQQ, PSQ)
        await gateway.fault("competing_session", s=60)
        await one.until(lambda: faults(one, "data_link"))
        await one.until(lambda: len(refusals(one)) == 2)
        (told,) = faults(one, "data_link")
        assert "10197" in told.text
        assert "log out there" in told.text
        assert one.session.data_link.is_live  # nobody fights for it


# -- history -----------------------------------------------------------------------------------


async def test_history_is_asked_for_in_regular_hours_four_symbols_at_a_time() -> None:
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 2), date(2027, 11, 1))
    symbols = [stock_id(symbol) for symbol in ("QQQ", "PSQ", "SPY", "TLT", "IWM", "GLD")]
    async with PracticeGateway(seed=7, calendar=calendar) as gateway, room(gateway) as one:
        await one.session.contracts.qualify(symbols, one.clock.wall())
        client, asked = one.session._data.ib.client, []
        ask = client.reqHistoricalData

        def noted(*fields: object) -> None:
            asked.append(fields[2:])
            ask(*fields)

        client.reqHistoricalData = noted
        await gateway.fault("slow", on="request:20", ms=300, count=0)
        market = one.session.market
        coming = [asyncio.create_task(market.bars(it, calendar, sessions=10)) for it in symbols]
        await one.until(lambda: len(asked) == 4)
        await asyncio.sleep(0.1)
        assert len(asked) == 4
        await asyncio.gather(*coming)
        assert asked == [("", "30 D", "1 day", "TRADES", True, 2, False, [])] * 6


async def test_history_that_nobody_sends_is_given_up_at_the_broker_too() -> None:
    """It would stay open there, and of those there may be fifty."""
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 2), date(2027, 11, 1))
    async with PracticeGateway(seed=7, calendar=calendar) as gateway:
        one = Room(gateway, timings=replace(FAST, history=0.3))
        await one.session.start([QQQ])
        await gateway.fault("silent", on="request:20")
        ended = await gateway.fault("slow", on="request:25", ms=0, count=0)
        with pytest.raises(MarketDataError, match=r"history QQQ: no answer within 0\.3 s"):
            await one.session.market.bars(QQQ, calendar, sessions=10)
        await one.until(lambda: gateway.venue.fired(ended) == 1)
        assert len((await one.session.market.bars(QQQ, calendar, sessions=10)).bars) == 10
        await one.session.stop()
        assert gateway.venue.fired(ended) == 1


async def test_after_a_complaint_about_pace_no_history_is_asked_for_ten_minutes() -> None:
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 2), date(2027, 11, 1))
    async with PracticeGateway(seed=7, calendar=calendar) as gateway, room(gateway) as one:
        market = one.session.market
        await gateway.fault("limits", pacing=True, s=60)
        with pytest.raises(MarketDataError, match="pacing violation"):
            await market.bars(QQQ, calendar, sessions=10)
        gateway.advance(70)  # the broker would give it again, we do not ask yet
        with pytest.raises(MarketDataError, match="pace allows none for"):
            await market.bars(PSQ, calendar, sessions=10)
        gateway.advance(540)
        assert len((await market.bars(QQQ, calendar, sessions=10)).bars) == 10


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"name": "empty"}, "the broker gave no final bar"),
        ({"name": "error", "code": 162, "text": "HMDS query returned no data"}, "no final bar"),
        ({"name": "error", "code": 162, "text": "something else"}, "something else"),
        ({"name": "error", "code": 321, "text": "bar size"}, "bar size"),
    ],
    ids=["empty", "no-data", "162", "321"],
)
async def test_history_that_fails_is_an_error_with_its_words(
    fault: dict[str, object], words: str
) -> None:
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 2), date(2027, 11, 1))
    given = {key: value for key, value in fault.items() if key != "name"}
    async with PracticeGateway(seed=7, calendar=calendar) as gateway, room(gateway) as one:
        await gateway.fault(str(fault["name"]), on="request:20", count=1, **given)
        with pytest.raises(MarketDataError, match=words):
            await one.session.market.bars(QQQ, calendar, sessions=10)
        assert (await one.session.market.bars(QQQ, calendar, sessions=10)).bars  # no wait


# -- the clock ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skew", "severity", "reduce"), [(3, Severity.WARNING, False), (-8, Severity.CRITICAL, True)]
)
async def test_a_clock_that_differs_is_told_and_beyond_five_seconds_stops_entries(
    skew: float, severity: Severity, reduce: bool
) -> None:
    async with PracticeGateway(seed=7) as gateway:
        await gateway.fault("clock_skew", s=skew)
        async with desk(gateway) as one:
            await one.live()
            await one.until(lambda: "clock_off" in one.faults)
            assert one.broker.clock_offset_s == pytest.approx(-skew, abs=0.7)
            (told,) = [f for f in one.said if isinstance(f, Fault) and f.kind == "clock_off"]
            assert (told.severity, told.reduce, told.halt) == (severity, reduce, False)
            assert ("behind" if skew > 0 else "ahead") in told.text


async def test_a_clock_that_agrees_is_no_matter() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await one.until(lambda: one.broker.knows_offset)
        assert abs(one.broker.clock_offset_s or 0.0) <= 0.6
        assert "clock_off" not in one.faults


async def test_a_practice_gateway_that_lags_behind_its_speed_is_no_matter() -> None:
    async with PracticeGateway(seed=7) as gateway:
        await gateway.fault("clock_skew", s=-300)
        async with desk(gateway, speed=60) as one:
            await one.live()
            await one.until(lambda: one.broker.knows_offset)
            assert "clock_off" not in one.faults
