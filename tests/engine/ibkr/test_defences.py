"""Defences that stand behind others: each test here fails when its own is taken out."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.brokers.ibkr.broker import IbkrBroker
from engine.brokers.ibkr.connection import ClientIdInUse
from engine.brokers.ibkr.said import AccountValue, Commission, Execution, Heard, Portfolio, Said
from engine.brokers.ibkr.terms import Terms
from engine.brokers.ibkr.trace import Alarm, Out
from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.wire.answer import answer
from engine.brokers.practice.wire.frame import framed
from engine.brokers.practice.wire.request import request
from engine.domain import report as rp
from engine.domain.input import LinkSeen, Reported
from engine.domain.instrument import stock_id
from engine.domain.link import LinkState
from engine.domain.order import OrderStatus, TimeInForce
from engine.errors import BrokerError, BrokerUnreachable
from engine.runtime.clock import SystemClock
from tests.engine.ibkr.test_faults_over_tcp import LIMIT
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.test_translate import (
    KEY,
    MINE,
    error,
    executed,
    shown,
    status,
    tell,
    telling,
)
from tests.engine.ibkr.wire import FAST, QQQ, SELDOM, D, Desk, desk, order, terms

_S = OrderStatus
SPY = stock_id("SPY")
TWICE = stock_id("TWIN")
PATIENT = replace(SELDOM, request=30)


async def test_fills_made_while_away_are_known_before_the_link_is_live() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=SELDOM) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        gateway.restart(down_s=0.3)
        await one.until(lambda: one.broker.machine.reason == "LINK_DOWN")
        gateway.set_market("QQQ", {"bid": "99.00", "ask": "99.01", "last": "99.01"})
        gateway.advance(2)
        before = len(one.said)
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
        told = one.said[before:]
        live = next(
            place
            for place, given in enumerate(told)
            if isinstance(given, LinkSeen) and given.link.state is LinkState.LIVE
        )
        fills = [
            given.report
            for given in told[:live]
            if isinstance(given, Reported) and isinstance(given.report, rp.Executed)
        ]
        assert sum(fill.quantity for fill in fills) == 10


async def test_an_order_that_no_list_shows_after_a_new_connection_is_unknown() -> None:
    evening = datetime(2026, 11, 19, 20, 55, tzinfo=UTC)
    lasting = {"created_at": evening, "time_in_force": TimeInForce.GTC, **LIMIT}
    async with (
        PracticeGateway(seed=7, start=evening) as gateway,
        desk(gateway, timings=SELDOM) as one,
    ):
        await one.live()
        row = send(one, core_of(one), "a", 1, **lasting)
        await one.until(lambda: row.status is _S.ACCEPTED)
        gateway.restart(down_s=1)
        await one.until(lambda: one.broker.machine.reason == "LINK_DOWN")
        gateway.venue.global_cancel()
        gateway.advance(9.5 * 3600)  # 00:25: what ended yesterday is not shown
        await one.until(lambda: row.status is _S.UNKNOWN)
        assert "after a new connection" in row.reason


def test_a_corrected_part_is_not_counted_twice_towards_the_whole() -> None:
    translator = telling(MINE)
    tell(translator, status(MINE, 1, "Submitted"), executed(MINE, 1, 0, 60, "5"))
    tell(translator, executed(MINE, 1, 0, 60, "5.01", revision=2))
    assert translator.traces[MINE.order_id].executed == 60
    (ended,) = tell(translator, status(MINE, 1, "Cancelled", 60))
    assert isinstance(ended, rp.Canceled)


def test_an_execution_alone_shows_that_the_broker_has_the_order() -> None:
    translator = telling(MINE)
    assert translator.unanswered()
    tell(translator, executed(MINE, 1, 0, 60, "5"))
    assert translator.unanswered() == []


def test_a_status_that_comes_before_its_order_is_kept_for_it() -> None:
    translator = telling(MINE)
    translator.begin_epoch()
    assert tell(translator, status(MINE, 0, "Submitted", 40, perm=77)) == []
    tell(translator, shown(MINE, 0, "Submitted", perm=77))
    assert translator.traces[MINE.order_id].filled == 40


def test_a_status_under_another_clients_number_is_not_ours() -> None:
    translator = telling(MINE)
    assert tell(translator, replace(status(MINE, 1, "Cancelled", perm=77), client_id=99)) == []
    assert translator.unanswered()


def test_an_execution_of_another_reference_under_our_number_is_not_booked() -> None:
    told = tell(telling(MINE), executed(order("another", quantity=100), 1, 0, 100, "5"))
    assert [one.kind for one in told if isinstance(one, Alarm)] == ["unknown_own_order"]
    assert len(told) == 1


def test_a_rejected_rest_leaves_what_was_filled() -> None:
    translator = telling(MINE)
    tell(translator, executed(MINE, 1, 0, 40, "5"), error(1, 201, "no margin"))
    told = tell(translator, status(MINE, 1, "Inactive", 40))
    assert [out.text for out in told if isinstance(out, rp.Canceled)] == [
        "rest rejected: 201 no margin"
    ]
    assert not [out for out in told if isinstance(out, rp.Rejected)]


# -- nothing is waited for without an end ------------------------------------------------------


async def test_a_contract_that_nobody_answers_for_is_a_finding() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("silent", on="request:9")
        async with asyncio.timeout(4):
            await one.broker.contracts.qualify([SPY], one.clock.wall())
        assert one.broker.contracts.findings[SPY] == "contract SPY: no answer within 1 s"


async def test_executions_that_nobody_lists_are_an_error() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=SELDOM) as one:
        await one.live()
        await gateway.fault("silent", on="request:7")
        with pytest.raises(BrokerError, match="executions: no answer within 1 s"):
            async with asyncio.timeout(4):
                await one.broker.queries.executions()


async def test_a_refused_question_for_executions_is_an_error_at_once() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=PATIENT) as one:
        await one.live()
        await gateway.fault("error", on="request:7", code=322, text="not now")
        with pytest.raises(BrokerError, match="executions: 322 not now"):
            async with asyncio.timeout(4):
                await one.broker.queries.executions()


@pytest.mark.parametrize("kind", [7, 61])
async def test_a_question_that_a_lost_link_takes_along_is_an_error_at_once(kind: int) -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=PATIENT) as one:
        await one.live()
        queries = one.broker.queries
        asked = await gateway.fault("silent", on=f"request:{kind}")
        waiting = asyncio.create_task(queries.executions() if kind == 7 else queries.positions())
        await one.until(lambda: gateway.venue.fired(asked))
        await gateway.fault("drop_socket", client=17)
        with pytest.raises(BrokerError, match="the link is lost"):
            async with asyncio.timeout(4):
                await waiting


async def test_a_comparison_as_a_whole_has_its_time() -> None:
    async with PracticeGateway(seed=7) as gateway:
        await gateway.fault("slow", on="request", ms=150, count=0)
        async with desk(gateway, timings=replace(FAST, ready=0.3)) as one:
            await one.until(lambda: one.broker.machine.text == "the comparison took too long")
            await one.until(lambda: one.broker.machine.epoch == 2)
            assert not one.broker.is_live


async def test_a_host_that_takes_no_connection_is_given_up_after_its_own_time() -> None:
    """A full line of callers: the next one hears nothing at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        host, port = deaf.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex((host, port))
        async with PracticeGateway(seed=7) as gateway:
            times = replace(FAST, socket=0.2, start=30)
            one = Desk(gateway, terms(gateway, host=host, port=port, timings=times))
            with pytest.raises(BrokerUnreachable, match=r"no connection within 0\.2 s"):
                async with asyncio.timeout(5):
                    await one.broker.connection.open()
        for caller in callers:
            caller.close()


@asynccontextmanager
async def stubborn(*payloads: bytes) -> AsyncIterator[int]:
    """A server that says some messages and then nothing, and never hangs up; yields its port."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for payload in payloads:
            writer.write(framed(payload))
        while await reader.read(1024):
            pass
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("said", "expected", "words"),
    [
        ((b"100\x00now\x00",), BrokerUnreachable, "version must be >= 972"),
        (
            (b"176\x00now\x00", answer("error", 176, {"id": -1, "code": 326, "text": "in use"})),
            ClientIdInUse,
            "client id 17 is in use",
        ),
    ],
)
async def test_what_forbids_a_start_is_said_at_once_not_by_a_time_out(
    said: tuple[bytes, ...], expected: type[Exception], words: str
) -> None:
    async with PracticeGateway(seed=7) as gateway, stubborn(*said) as port:
        one = Desk(gateway, terms(gateway, port=port, timings=replace(FAST, start=30)))
        with pytest.raises(expected, match=words):
            async with asyncio.timeout(5):
                await one.broker.connection.open()


async def test_a_gain_that_is_not_set_is_none_although_the_library_makes_it_nothing() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        heard: list[Said] = []
        hear = one.broker.connection._hear

        def also(given: Heard) -> None:
            heard.append(given.said)
            hear(given)

        one.broker.connection._hear = also
        row = send(one, core_of(one), "a", 1)
        await one.until(lambda: row.status is _S.FILLED)
        await one.until(lambda: [given for given in heard if isinstance(given, Commission)])
        (first, *_) = [given for given in heard if isinstance(given, Commission)]
        assert first.commission is not None
        assert first.realized is None


# -- questions ---------------------------------------------------------------------------------


async def test_after_a_question_without_an_answer_the_next_one_is_asked_twice() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=SELDOM) as one:
        await one.live()
        await gateway.fault("silent", on="request:61")
        with pytest.raises(BrokerError, match="no answer"):
            await one.broker.queries.positions()
        asked = await gateway.fault("slow", on="request:61", ms=0, count=0)
        await one.broker.queries.positions()
        assert gateway.venue.fired(asked) == 2


async def test_of_two_questions_for_executions_each_has_the_rows_of_its_own_answer() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=SELDOM) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1)
        await one.until(lambda: row.status is _S.FILLED)
        queries = one.broker.queries
        await gateway.fault("empty", on="request:7", nth=2)
        await asyncio.gather(queries.executions(), queries.executions())
        assert queries.listed is not None
        assert queries.listed.roots == ()


# -- answers -----------------------------------------------------------------------------------


async def test_of_several_contracts_none_is_guessed() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await one.broker.contracts.qualify([TWICE], one.clock.wall())
        assert one.broker.contracts.get(TWICE) is None
        assert "2 contracts (" in one.broker.contracts.findings[TWICE]


async def test_two_who_need_the_same_market_rule_at_once_both_get_it() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.until(lambda: one.broker.machine.link.is_live)
        contracts, at = one.broker.contracts, one.clock.wall()
        async with asyncio.timeout(4):
            await asyncio.gather(contracts.qualify([QQQ], at), contracts.qualify([SPY], at))
        assert contracts.findings == {}
        assert contracts[QQQ].steps == contracts[SPY].steps


async def test_a_contract_is_asked_for_anew_after_a_day() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        contracts, first = one.broker.contracts, one.broker.contracts[QQQ]
        await contracts.qualify([QQQ], first.at + timedelta(hours=23))
        assert contracts[QQQ] is first
        await contracts.qualify([QQQ], first.at + timedelta(hours=24))
        assert contracts[QQQ] is not first


async def test_steps_are_those_of_the_rule_at_the_exchange_that_orders_go_to() -> None:
    from ib_insync import ContractDetails

    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        details = ContractDetails(validExchanges="NYSE,SMART,ARCA", marketRuleIds="26,109,32")
        steps = await one.broker.contracts._steps(details, D("0.0001"))
        assert steps == ((D(0), D("0.0001")), (D(1), D("0.01")))


async def test_account_updates_are_ended_before_they_are_asked_for_again() -> None:
    """A gateway answers only the first of two subscriptions."""
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        client, asked = one.broker.connection.ib.client, []
        ask = client.reqAccountUpdates

        def noted(subscribe: bool, account: str) -> None:
            asked.append((subscribe, account))
            ask(subscribe, account)

        client.reqAccountUpdates = noted
        await one.broker.queries.account()
        assert asked == [(False, "DU0000001"), (True, "DU0000001")]


@pytest.mark.parametrize(
    ("account", "currency"), [("DU0000001", "BASE"), ("DU0000002", "USD"), ("All", "USD")]
)
def test_values_of_another_account_or_repeated_in_its_base_are_passed_over(
    account: str, currency: str
) -> None:
    wanted = Terms(host="127.0.0.1", port=1, account="DU0000001", live=False)
    queries = IbkrBroker(wanted, lambda given: None, SystemClock()).queries
    cash = AccountValue(account="DU0000001", key="TotalCashValue", value="100", currency="USD")
    queries.take(cash)
    queries.take(replace(cash, account=account, currency=currency, value="7"))
    assert queries.values == {"TotalCashValue": "100"}
    if currency != "BASE":
        queries.take(Portfolio(account=account, contract=KEY, quantity=D(1)))
    assert queries.portfolio == {}


async def test_a_complaint_about_our_pace_is_told_and_holds_everything_back() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=SELDOM) as one:
        await one.live()
        link = one.broker.connection
        for _ in range(80):  # past every limit of the library and of ours
            link.ib.client.conn.sendMsg(framed(request("reqCurrentTime", 176)))
        await one.until(lambda: "link" in one.faults)
        row = send(one, core_of(one), "a", 1, **LIMIT)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, "RATE")
        assert one.broker.is_live


async def test_what_we_stumble_over_is_a_lost_frame_and_asked_for_again() -> None:
    """The library swallows whatever a listener raises."""
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=SELDOM) as one:
        await one.live()
        take = one.broker.translator.take
        stumbled: list[Heard] = []

        def stumbles(heard: Heard) -> Sequence[Out]:
            if isinstance(heard.said, Execution) and not stumbled:
                stumbled.append(heard)
                raise ZeroDivisionError
            return take(heard)

        one.broker.translator.take = stumbles  # type: ignore[method-assign]
        row = send(one, core_of(one), "a", 1)
        await one.until(lambda: one.lost)
        await one.until(lambda: row.status is _S.FILLED)
        assert len(stumbled) == 1


# -- nothing is handed over that would wait ----------------------------------------------------


async def test_behind_bytes_that_have_not_left_nothing_is_sent() -> None:
    slow = replace(FAST, heartbeat_after=60, silence=120)
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=slow) as one:
        await one.live()
        await gateway.fault("half_open", client=17, s=600)
        transport = one.broker.connection.ib.client.conn.transport
        frame = (1 << 20).to_bytes(4, "big") + bytes(1 << 20)
        for _ in range(64):
            if transport.get_write_buffer_size():
                break
            transport.write(frame)
        assert transport.get_write_buffer_size()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, "QUEUE_BUSY")


async def test_behind_a_message_that_waits_in_the_library_nothing_is_sent_and_it_stays() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        queue: Any = one.broker.connection.ib.client._msgQ
        queue.append("58\x001\x00")
        row = send(one, core_of(one), "a", 1, **LIMIT)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, "QUEUE_BUSY")
        assert list(queue) == ["58\x001\x00"]
