"""Every trap of the broker and its library, with the tests that fail without its defence.

The table names them; what is not tested elsewhere is tested here. The table of error codes is
written down once more, by hand from the specification, and compared.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from engine.brokers.ibkr import said
from engine.brokers.ibkr.codes import CODES, Ends, Scope
from engine.brokers.ibkr.said import ContractKey
from engine.brokers.ibkr.terms import REQUEST_BASE
from engine.brokers.ibkr.trace import Alarm, AskOrder
from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.order import DONE, OrderStatus
from engine.domain.reconciliation import BrokerAccount
from tests.architecture.sources import ROOT
from tests.engine.ibkr.test_faults_over_tcp import LIMIT
from tests.engine.ibkr.test_over_tcp import account, core_of, send
from tests.engine.ibkr.test_translate import (
    AT,
    MINE,
    error,
    executed,
    shown,
    status,
    tell,
    telling,
    through,
)
from tests.engine.ibkr.wire import QQQ, D, desk, order

_S = OrderStatus

TRAPS = {
    "most error codes mark a Trade Cancelled while the broker works it": (
        "test_a_code_that_looks_like_an_end_leaves_the_order_alive",
        "test_no_code_ends_an_order_that_lives",
        "test_a_refusal_that_was_none_does_not_color_a_later_cancel",
    ),
    "overlapping requests: the first never completes": (
        "test_questions_of_one_kind_are_asked_one_after_the_other",
        "test_of_two_questions_for_executions_each_has_the_rows_of_its_own_answer",
        "test_two_who_need_the_same_market_rule_at_once_both_get_it",
        "test_account_updates_are_ended_before_they_are_asked_for_again",
    ),
    "no time-outs; a what-if answered by a warning never returns": (
        "test_positions_that_do_not_come_are_unknown_not_empty",
        "test_a_what_if_without_an_answer_says_why",
        "test_the_library_is_awaited_under_a_time_limit_only",
        "test_a_contract_that_nobody_answers_for_is_a_finding",
        "test_executions_that_nobody_lists_are_an_error",
        "test_a_comparison_as_a_whole_has_its_time",
        "test_a_host_that_takes_no_connection_is_given_up_after_its_own_time",
    ),
    "errors give an empty list": (
        "test_history_that_fails_is_an_error_with_its_words",
        "test_an_unknown_symbol_is_said_and_the_others_go_on",
        "test_of_several_contracts_none_is_guessed",
        "test_a_refused_question_for_executions_is_an_error_at_once",
        "test_an_empty_answer_against_the_portfolio_is_unknown_not_flat",
    ),
    "the throttle is one line": (
        "test_nothing_is_sent_behind_a_queue_or_beyond_our_rate",
        "test_orders_find_a_place_where_requests_have_to_wait",
        "test_an_order_does_not_wait_behind_data_requests",
        "test_behind_bytes_that_have_not_left_nothing_is_sent",
        "test_behind_a_message_that_waits_in_the_library_nothing_is_sent_and_it_stays",
        "test_a_complaint_about_our_pace_is_told_and_holds_everything_back",
    ),
    "fills made while away raise no event; the order returns with id 0": (
        "test_a_fill_made_while_away_is_booked_once",
        "test_fills_made_while_away_are_known_before_the_link_is_live",
        "test_a_fill_that_came_while_we_were_away_is_found_by_its_reference",
    ),
    "sum of fills is of today only, corrections count twice": (
        "test_a_corrected_execution_replaces_the_old_one",
        "test_a_corrected_part_is_not_counted_twice_towards_the_whole",
        "test_a_status_filled_fills_nothing_but_asks_for_the_executions",
    ),
    "status repeated, missing or after the fill; fill before openOrder": (
        "test_any_order_and_repetition_of_what_is_said_leads_to_the_same_ledger",
        "test_a_fill_may_come_before_its_acknowledgement",
        "test_an_execution_alone_shows_that_the_broker_has_the_order",
    ),
    "permId 0 until the first openOrder; one counter for requests and orders": (
        "test_a_permid_of_zero_overwrites_nothing",
        "test_requests_are_numbered_far_above_orders",
    ),
    "order ids roll back over a restart and are issued again": (
        "test_after_a_restart_reissued_ids_mix_up_no_orders",
        "test_broker_order_ids_mean_nothing_in_another_epoch",
    ),
    "a modify on a lost link leaves two living orders": (
        "test_without_a_whole_link_no_change_leaves",
        "test_a_change_on_a_link_that_breaks_is_settled_by_what_the_next_one_shows",
        "test_two_incarnations_after_a_change_raise_the_alarm",
    ),
    "a modify with a cached order sends back what the server has filled in": (
        "test_price_and_quantity_change_at_the_broker_under_the_same_permid",
    ),
    "PendingCancel may still fill": (
        "test_a_pending_cancel_is_no_end",
        "test_a_fill_that_crosses_a_cancel_is_booked",
    ),
    "other clients' orders register once and go stale": (
        "test_orders_of_others_are_asked_for_anew_each_time",
        "test_a_foreign_order_is_shown_and_never_touched",
    ),
    "an empty tif or account is refused": ("test_everything_that_matters_is_explicit",),
    "text is not escaped, nan and 1e-05 go out": (
        "test_what_the_wire_cannot_carry_is_refused",
        "test_a_message_that_was_not_understood_is_told",
    ),
    "the same data requested twice leaks a line": (
        "test_the_same_instrument_never_takes_two_lines",
        "test_a_line_is_shared_and_ends_with_its_last_user",
        "test_what_is_asked_for_anew_is_ended_first_where_the_broker_still_serves_it",
    ),
    "tickers: NaN, -1, delayed in the same fields": (
        "test_a_price_that_means_unknown_is_no_quote",
        "test_the_kind_comes_from_the_announcement_and_from_the_ticks",
        "test_delayed_data_is_asked_for_only_where_settings_allow_it",
        "test_a_stream_that_falls_silent_is_asked_for_anew",
    ),
    "times without a zone are read in the machine's": (
        "test_times_without_a_zone_are_not_read_in_the_machines",
    ),
    "one execution for a combo and one for each leg": (
        "test_of_a_combo_the_legs_are_booked_and_not_the_whole",
    ),
}
"""Trap → the tests of its defence."""

FOLDERS = (Path(__file__).parent, ROOT / "tests" / "scenarios" / "broker")


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_has_its_tests(trap: str) -> None:
    names = set()
    for path in (path for folder in FOLDERS for path in folder.glob("test_*.py")):
        names |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M))
    assert set(TRAPS[trap]) <= names


# -- codes -------------------------------------------------------------------------------------

LINK, DATA, ORDER, REQUEST = Scope.LINK, Scope.DATA, Scope.ORDER, Scope.REQUEST
NO, NEW, BESIDE = Ends.NO, Ends.NEW, Ends.WITH_STATUS

TABLE = (
    (LINK, NO, "1100 2110 1101 1102 1300 326 502 504 507 100"),
    (DATA, NO, "2103 2105 2157 2104 2106 2158 2107 2108 2119"),
    (REQUEST, NO, "2100 2101"),
    (ORDER, NO, "2102 399 2109 2137 2161 10349 103 104 105 135 136 161 10147 10148 404"),
    (DATA, NO, "101 10190 102 165 300 309 317 366 162"),
    (ORDER, NEW, "109 110 111 113"),
    (REQUEST, NEW, "200 320 321 322"),
    (ORDER, BESIDE, "201 202"),
    (ORDER, NEW, "203 387 388 434 435 436 451 460 10268 10269 10270 10311"),
    (DATA, NO, "354 10089 10090 10091 10167 10168 10186 10197 420 10182 10225"),
)


def test_the_table_of_codes_is_that_of_the_specification() -> None:
    wanted = {int(code): (scope, ends) for scope, ends, codes in TABLE for code in codes.split()}
    assert {code: (row.scope, row.ends) for code, row in CODES.items()} == wanted


@pytest.mark.parametrize("code", [*sorted(CODES), 31337, 2111])
def test_no_code_ends_an_order_that_lives(code: int) -> None:
    translator = telling(MINE)
    told = tell(translator, status(MINE, 1, "Submitted"), error(1, code), error(1, code))
    told += translator.due(AT + timedelta(seconds=10))
    ends = (rp.Rejected, rp.Canceled, rp.Expired, rp.NotFound)
    assert not [out for out in told if isinstance(out, ends)]
    assert tell(translator, status(MINE, 1, "Filled", 100), executed(MINE, 1, 0, 100, "5"))


def test_an_order_still_in_process_is_looked_up_after_five_seconds() -> None:
    translator = telling(MINE)
    assert tell(translator, error(1, 2102)) == []
    assert translator.due(AT + timedelta(seconds=4)) == []
    assert [type(one) for one in translator.due(AT + timedelta(seconds=5))] == [AskOrder]


def test_a_rejection_names_the_setting() -> None:
    (rejected,) = tell(telling(MINE), error(1, 10311, "This order will be directly routed."))
    assert isinstance(rejected, rp.Rejected)
    assert rejected.text == (
        "This order will be directly routed; in the gateway's settings, API, Precautions, allow "
        "directly routed orders"
    )


def test_a_message_that_was_not_understood_is_told() -> None:
    (told,) = tell(telling(MINE), error(-1, 320, "Error reading request"))
    assert isinstance(told, Alarm)
    assert "320 Error reading request" in told.text


def test_a_refusal_before_a_look_up_that_shows_it_alive_was_none() -> None:
    translator = telling(MINE)
    tell(translator, status(MINE, 1, "Submitted"), error(1, 201, "false"))
    translator.shown_alive(MINE.order_id)
    (ended,) = tell(translator, status(MINE, 1, "Cancelled"))
    assert isinstance(ended, rp.Canceled)


async def test_a_refusal_that_was_none_does_not_color_a_later_cancel() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("false_error", code=201, text="not the end")
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status in DONE)
        assert row.status is _S.CANCELED


async def test_an_order_of_an_unknown_contract_blocks_its_symbol() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("reject", code=200, text="No security definition has been found")
        row = send(one, core, "a", 1, **LIMIT)
        await one.until(lambda: row.status in DONE)
        assert row.status is _S.REJECTED
        again = send(one, core, "b", 2, **LIMIT)
        assert again.status is _S.CANCELED
        assert again.reason.startswith("CONTRACT STK:QQQ:USD: 200 No security definition")


# -- what is said ------------------------------------------------------------------------------


def test_a_permid_of_zero_overwrites_nothing() -> None:
    first = shown(MINE, 1, "Submitted", perm=4711)
    unnamed = said.OrderStatus(
        order_id=1, client_id=17, perm_id=0, status="Submitted", filled=D(0), remaining=D(100)
    )
    core = through([MINE], [first, unnamed])
    assert core.row(MINE).perm_id == 4711
    translator = telling(MINE)
    tell(translator, first, unnamed)
    assert translator.owner_of("", 4711) is translator.owner_of(MINE.order_ref)
    assert list(translator.traces[MINE.order_id].incarnations) == [4711]


def test_a_pending_cancel_is_no_end() -> None:
    core = through([MINE], [shown(MINE, 1, "Submitted"), status(MINE, 1, "PendingCancel")])
    assert core.row(MINE).status is _S.ACCEPTED
    fills: list[said.Said] = [
        executed(MINE, 1, 0, 100, "5"),
        status(MINE, 1, "Filled", 100),
    ]
    core = through([MINE], [status(MINE, 1, "PendingCancel"), *fills])
    assert core.row(MINE).status is _S.FILLED


def test_of_a_combo_the_legs_are_booked_and_not_the_whole() -> None:
    whole = executed(MINE, 1, 0, 1, "3.00")
    object.__setattr__(whole, "contract", ContractKey(con_id=28812380, sec_type="BAG"))
    legs = [executed(MINE, 1, part, 50, f"{part}.00") for part in (1, 2)]
    core = through([MINE], [whole, *legs])
    assert [fill.quantity for fill in core.state.fills.values()] == [50, 50]
    assert core.row(MINE).status is _S.FILLED


# -- over TCP ----------------------------------------------------------------------------------


async def test_questions_of_one_kind_are_asked_one_after_the_other() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        asked = one.broker.queries
        await gateway.fault("slow", on="request", ms=50, count=0)
        calls = (asked.positions, asked.open_orders, asked.completed, asked.account)
        async with asyncio.timeout(4):
            await asyncio.gather(*(call() for call in (*calls, *calls, asked.executions)))


async def test_requests_are_numbered_far_above_orders() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        assert one.broker.connection.ib.client.getReqId() > REQUEST_BASE
        assert one.broker.machine.next_order_id == 1
        gateway.restart(down_s=0.1)
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
        assert one.broker.connection.ib.client.getReqId() > REQUEST_BASE
        assert one.broker.machine.next_order_id < REQUEST_BASE


async def test_a_fill_made_while_away_is_booked_once() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        gateway.restart(down_s=0.3)
        await one.until(lambda: one.broker.machine.reason == "LINK_DOWN")
        gateway.set_market("QQQ", {"bid": "99.00", "ask": "99.01", "last": "99.01"})
        gateway.advance(2)
        await one.until(lambda: row.status is _S.FILLED)
        await one.until(lambda: all(f.commission is not None for f in core.state.fills.values()))
        await one.until(lambda: one.broker.is_live)
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {QQQ: core.book.position(QQQ).quantity} == {QQQ: D(10)}
        assert answer.cash == core.book.cash


async def test_orders_of_others_are_asked_for_anew_each_time() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("foreign_order", symbol="QQQ", price="100")
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert len(answer.orders) == 1
        gateway.venue.global_cancel()
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.orders == ()


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize("version", [163, 176])
async def test_times_without_a_zone_are_not_read_in_the_machines(version: int) -> None:
    async with PracticeGateway(seed=7, server_version=version) as gateway, desk(gateway) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1)
        await one.until(lambda: row.status is _S.FILLED)
        for fill in one.reports(rp.Executed):
            assert abs(fill.at.astimezone(UTC) - gateway.venue.now()) < timedelta(seconds=30)


def test_an_order_is_named_only_by_what_it_is() -> None:
    """A later order under the same address of an older epoch does not take its reports."""
    first, second = order("a"), order("b")
    translator = telling(first)
    translator.begin_epoch()
    translator.sent(second, 1, AT)
    told = tell(translator, status(second, 1, "Submitted", perm=77))
    assert [out.order_id for out in told if isinstance(out, rp.Accepted)] == [second.order_id]
