"""The small pure parts of the adapter: codes, prices, fields, account, limits, absence, ticks."""

import asyncio
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers.ibkr import said
from engine.brokers.ibkr.absence import Absence
from engine.brokers.ibkr.account import account_of
from engine.brokers.ibkr.build import fields_of
from engine.brokers.ibkr.codes import CODES, Ends, Reaction, Scope, is_read_only
from engine.brokers.ibkr.contracts import limit_on_rule, on_rule, trigger_on_rule
from engine.brokers.ibkr.limiter import Limiter
from engine.brokers.ibkr.said import ContractKey, number
from engine.brokers.ibkr.sync import Collector
from engine.domain.instrument import stock_id
from engine.domain.market import Feed
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side, TimeInForce
from engine.domain.reconciliation import AnswerFailed, BrokerAccount
from engine.errors import BrokerError
from engine.market.ticks import Tape
from tests.engine.ibkr.wire import QQQ, D, order

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
CENT = ((ZERO, D("0.01")),)
NICKEL = ((ZERO, D("0.01")), (D(3), D("0.05")))
KEY = ContractKey(con_id=1, symbol="QQQ")


# -- codes -------------------------------------------------------------------------------------


def test_only_a_new_order_may_end_on_a_code_alone() -> None:
    ends = {code for code, row in CODES.items() if row.ends is Ends.NEW}
    assert ends == {
        *(109, 110, 111, 113, 200, 320, 321, 322),
        *(203, 387, 388, 434, 435, 436, 451, 460, 10268, 10269, 10270, 10311),
    }
    assert {code for code, row in CODES.items() if row.ends is Ends.WITH_STATUS} == {201, 202}


def test_a_note_is_never_an_end() -> None:
    notes = {code for code, row in CODES.items() if row.reaction is Reaction.NOTE}
    assert notes == {399, 2109, 2137, 2161, 10349}
    assert all(CODES[code].ends is Ends.NO for code in notes)


def test_no_data_code_is_about_an_order() -> None:
    data = {code for code, row in CODES.items() if row.scope is Scope.DATA}
    assert {2103, 101, 162, 354, 10197, 420} <= data
    assert all(CODES[code].ends is Ends.NO for code in data)


def test_read_only_is_told_by_code_and_text() -> None:
    assert is_read_only(321, "The API interface is currently in Read-Only mode.")
    assert not is_read_only(321, "Invalid contract")
    assert not is_read_only(201, "Read-Only")


# -- numbers, prices, fields ---------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.7976931348623157e308, "", None, "abc"])
def test_what_is_not_set_is_none(value: float | str | None) -> None:
    assert number(value) is None


def test_a_number_is_exact() -> None:
    assert number(0.1) == D("0.1")
    assert str(number(100.0)) == "100"
    assert number("99904.3825") == D("99904.3825")


@pytest.mark.parametrize(
    ("price", "side", "wanted"),
    [("2.987", Side.BUY, "2.98"), ("3.07", Side.BUY, "3.05"), ("3.01", Side.SELL, "3.05")],
)
def test_a_limit_is_rounded_to_the_passive_side(price: str, side: Side, wanted: str) -> None:
    assert limit_on_rule(NICKEL, D(price), buy=side is Side.BUY) == D(wanted)


def test_a_stop_is_rounded_away_from_the_market() -> None:
    assert trigger_on_rule(NICKEL, D("2.999"), buy=False) == D("2.99")
    assert trigger_on_rule(NICKEL, D("3.01"), buy=True) == D("3.05")


@given(st.decimals(min_value=D("0.01"), max_value=D(10_000), places=4), st.booleans())
def test_a_rounded_price_is_on_the_rule_and_less_than_a_step_away(price: object, up: bool) -> None:
    value = D(str(price))
    rounded = on_rule(NICKEL, value, up=up)
    assert rounded % (D("0.05") if value >= 3 else D("0.01")) == 0
    assert abs(rounded - value) < D("0.05")


def test_everything_that_matters_is_explicit() -> None:
    fields = fields_of(order("a", quantity=7), "DU0000001", CENT)
    assert fields.tif == "DAY"
    assert fields.account == "DU0000001"
    assert fields.orderRef == "PH-a"
    assert (fields.outsideRth, fields.transmit) == (False, True)
    assert repr(fields.totalQuantity) == "7"


@pytest.mark.parametrize(
    ("type_", "more", "wire"),
    [
        (OrderType.LIMIT, {"limit_price": D("10.006")}, ("LMT", 10, None, "DAY")),
        (OrderType.STOP, {"stop_price": D("9.5")}, ("STP", None, 9.5, "DAY")),
        (OrderType.STOP_LIMIT, {"stop_price": D(9), "limit_price": D(8)}, ("STP LMT", 8, 9, "DAY")),
        (OrderType.TRAIL, {"trail": D("0.75")}, ("TRAIL", None, 0.75, "DAY")),
        (OrderType.MARKET_ON_OPEN, {}, ("MKT", None, None, "OPG")),
        (OrderType.LIMIT_ON_OPEN, {"limit_price": D(5)}, ("LMT", 5, None, "OPG")),
        (OrderType.MARKET_ON_CLOSE, {}, ("MOC", None, None, "DAY")),
        (OrderType.LIMIT_ON_CLOSE, {"limit_price": D(5)}, ("LOC", 5, None, "DAY")),
    ],
)
def test_every_type_has_its_words(
    type_: OrderType, more: dict[str, object], wire: tuple[object, ...]
) -> None:
    made = fields_of(replace(order("a", type_=type_), **more), "DU1", CENT)  # type: ignore[arg-type]
    assert (made.orderType, made.lmtPrice, made.auxPrice, made.tif) == wire


@pytest.mark.parametrize(
    "changed",
    [
        {"order_ref": "PH-\x00a"},
        {"order_ref": "PH-ü"},
        {"order_ref": "P" * 41},
        {"order_ref": ""},
        {"quantity": D(0)},
        {"quantity": D("0.00001")},
        {"type": OrderType.LIMIT, "limit_price": None},
        {"type": OrderType.LIMIT, "limit_price": D("NaN")},
        {"type": OrderType.LIMIT, "limit_price": D("0.001")},
    ],
)
def test_what_the_wire_cannot_carry_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(BrokerError):
        fields_of(replace(order("a"), **changed), "DU1", CENT)  # type: ignore[arg-type]


def test_an_immediate_order_says_so() -> None:
    immediate = replace(order("a"), time_in_force=TimeInForce.IOC)
    assert fields_of(immediate, "DU1", CENT).tif == "IOC"


# -- account -------------------------------------------------------------------------------------

VALUES = {"TotalCashValue": "1000.50", "NetLiquidation": "2000", "AccountReady": "true"}
HELD = said.Position(account="DU1", contract=KEY, quantity=D(10), average_cost=D(50))
IN_PORTFOLIO = said.Portfolio(account="DU1", contract=KEY, quantity=D(10))


def test_an_account_is_positions_cash_and_orders() -> None:
    answer = account_of("DU1", [HELD], [IN_PORTFOLIO], VALUES, [], [])
    assert answer == BrokerAccount(
        positions={QQQ: D(10)}, cash=D("1000.50"), orders=(), costs={QQQ: D(50)}
    )


@pytest.mark.parametrize(
    ("positions", "values"),
    [
        ([], {}),
        ([HELD], {"NetLiquidation": "0"}),
        ([HELD], {"NetLiquidation": ""}),
        ([HELD], {"TotalCashValue": "1.7976931348623157E308"}),
        ([HELD], {"AccountReady": "false"}),
        ([replace(HELD, quantity=None)], {}),
        ([replace(HELD, account="DU2")], {}),
    ],
)
def test_an_answer_that_cannot_be_whole_is_unknown(
    positions: list[said.Position], values: dict[str, str]
) -> None:
    answer = account_of("DU1", positions, [IN_PORTFOLIO], VALUES | values, [], [])
    assert isinstance(answer, AnswerFailed)


def test_two_orders_of_one_reference_are_both_shown() -> None:
    shown = [
        said.OpenOrder(
            order_id=1,
            client_id=17,
            perm_id=perm,
            order_ref="PH-a",
            account="DU1",
            contract=KEY,
            action="BUY",
            quantity=D(10),
            type="LMT",
            tif="DAY",
            status="Submitted",
        )
        for perm in (5, 6)
    ]
    answer = account_of("DU1", [HELD], [], VALUES, shown, [])
    assert isinstance(answer, BrokerAccount)
    assert [(one.order_ref, one.perm_id) for one in answer.orders] == [("PH-a", 5), ("PH-a", 6)]
    assert [(one.side, one.quantity) for one in answer.orders] == [(Side.BUY, D(10))] * 2


def test_an_option_is_not_its_underlying() -> None:
    option = ContractKey(
        con_id=2, symbol="QQQ", sec_type="OPT", expiry="20261218", strike=D(560), right="C"
    )
    assert option.instrument == "OPT:QQQ:20261218:560:C:USD"
    assert option.instrument != stock_id("QQQ")


# -- questions -----------------------------------------------------------------------------------


async def test_a_late_answer_is_never_taken_for_half_of_the_next() -> None:
    collector = Collector()
    first = collector.begin()
    collector.add(HELD)  # half an answer, then the time is over
    collector.is_dirty = True
    first.cancel()
    second = collector.begin()
    collector.add(replace(HELD, quantity=D(1)))  # the other half of the first
    collector.end()
    assert not second.done()
    collector.add(HELD)
    collector.add(replace(HELD, account="DU2"))
    collector.end()
    assert len(await second) == 2


async def test_rows_that_nobody_asked_for_are_not_kept() -> None:
    collector = Collector()
    for _ in range(10):
        collector.add(HELD)
    assert collector.rows == []


async def test_orders_find_a_place_where_requests_have_to_wait() -> None:
    now = [0.0]
    limiter = Limiter(40, lambda: now[0])
    for _ in range(30):
        await limiter.wait()
    waiting = asyncio.create_task(limiter.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert [limiter.take() for _ in range(11)] == [True] * 10 + [False]
    now[0] = 1.0
    assert limiter.take()
    waiting.cancel()


def test_a_cancel_finds_a_place_where_orders_find_none() -> None:
    limiter = Limiter(40, lambda: 0.0)
    while limiter.take():
        pass
    assert [limiter.take_cancel() for _ in range(9)] == [True] * 8 + [False]
    assert not limiter.take()


def test_nothing_is_sent_while_the_gateway_has_complained() -> None:
    now = [0.0]
    limiter = Limiter(40, lambda: now[0])
    limiter.pause(2)
    assert not limiter.take()
    now[0] = 2.5
    assert limiter.take()


# -- absence -------------------------------------------------------------------------------------

PROVEN = Absence(
    asked_at=AT + timedelta(minutes=5),
    sent_at=AT,
    upstream_s=120,
    upstream_s_min=30,
    first_s=61,
    again_s=60,
    next_order_id=5,
    broker_order_id=5,
    position_agrees=True,
)


def test_an_order_is_absent_when_every_condition_holds() -> None:
    assert PROVEN.doubt == ""


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"asked_at": AT + timedelta(days=1)}, "only orders of"),
        ({"upstream_s": 29.0}, "29 s only"),
        ({"first_s": None}, "second look"),
        ({"first_s": 59.0}, "second look"),
        ({"next_order_id": 6}, "it has seen it"),
        ({"broker_order_id": 0}, "not known"),
        ({"position_agrees": None}, "could not be compared"),
        ({"position_agrees": False}, "not the ledger's"),
    ],
)
def test_one_missing_condition_leaves_it_unknown(changed: dict[str, object], word: str) -> None:
    assert word in replace(PROVEN, **changed).doubt  # type: ignore[arg-type]


# -- ticks ---------------------------------------------------------------------------------------


def tape(*prices: tuple[int, float]) -> Tape:
    """A tape that has heard these price ticks."""
    made = Tape(QQQ)
    for tick, value in prices:
        made.on_price(tick, value, AT)
    return made


def why_not(made: Tape, *, allow_delayed: bool = False, age_s: int = 0) -> str:
    """Why it may not decide."""
    return made.refusal(
        AT + timedelta(seconds=age_s), allow_delayed=allow_delayed, age_max=timedelta(seconds=30)
    )


@pytest.mark.parametrize("value", [math.nan, -1.0, 0.0, 1.7976931348623157e308, math.inf])
def test_a_price_that_means_unknown_clears_its_side(value: float) -> None:
    made = tape((1, 99.0), (2, 101.0), (2, value))
    assert made.quote is None
    assert why_not(made) == "no two-sided quote"


def test_the_kind_comes_from_the_announcement_and_from_the_ticks() -> None:
    assert tape((1, 99.0), (2, 101.0)).feed is Feed.LIVE
    assert tape((66, 99.0), (67, 101.0)).feed is Feed.DELAYED
    frozen = tape((1, 99.0), (2, 101.0))
    frozen.on_data_type(2)
    assert frozen.feed is Feed.FROZEN
    assert why_not(frozen, allow_delayed=True) == "the feed is FROZEN"


def test_a_delayed_quote_decides_only_where_it_is_allowed() -> None:
    made = tape((66, 99.0), (67, 101.0))
    assert why_not(made) == "the feed is DELAYED"
    assert why_not(made, allow_delayed=True) == ""


def test_an_old_a_halted_and_a_crossed_quote_decide_nothing() -> None:
    made = tape((1, 99.0), (2, 101.0))
    assert why_not(made) == ""
    assert why_not(made, age_s=31).startswith("31 s old")
    made.on_value(49, 1.0)
    assert why_not(made) == "trading is halted"
    assert why_not(tape((1, 102.0), (2, 101.0))).startswith("crossed")
