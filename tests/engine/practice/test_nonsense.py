"""Whatever is asked, the venue answers or refuses; nothing raises and nothing takes long."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers.practice.history import DAILY, SIZES
from engine.brokers.practice.model import (
    Contract,
    History,
    HistoryAsk,
    Kind,
    OrderRequest,
    Refusal,
    Schedule,
    Subscription,
)
from tests.engine.practice.ear import FRIDAY, D, fixed, open_venue, order, stock

KO = fixed("KO", "10:00 50.00 50.02")
VENUE, EAR = open_venue(KO)
Numbers = st.one_of(
    st.none(),
    st.sampled_from(
        [D(0), D(-1), D(50), D("50.02"), D("0.001"), D("1E+300"), D("1E-300"), D("1E+27")]
    ),
)
Words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["99991231 23:59:59", "00010101", "20261120-10:00:00", "1 D", "\u00b2 D"]),
)
Contracts = st.builds(
    Contract,
    con_id=st.sampled_from([0, -1, 600000008, 756733, 1262772422, 2**31 - 1]),
    symbol=st.sampled_from(["", "KO", "SPY", "\u0130"]),
    sec_type=st.sampled_from(["", "STK", "OPT", "BAG", "FUT"]),
    expiry=Words,
    strike=Numbers.map(lambda number: number or Decimal(0)),
    right=st.sampled_from(["", "C", "X"]),
    local_symbol=st.sampled_from(["", "KO", "SPY   ABCDEFGHIJKLMNO", "SPY   261218C00600000"]),
)


@settings(max_examples=150, deadline=None)
@given(
    Contracts,
    st.sampled_from(["BUY", "SELL", ""]),
    Numbers,
    st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MOC", "LOC", "X"]),
    st.tuples(Numbers, Numbers, Numbers, Numbers),
    st.sampled_from(["", "DAY", "GTC", "GTD", "IOC", "FOK", "OPG", "?"]),
    st.tuples(Words, Words, Words),
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(-1, 9)),
)
def test_any_order_is_taken_or_refused(
    contract: Contract,
    action: str,
    quantity: Decimal | None,
    kind: str,
    prices: tuple[Decimal | None, ...],
    tif: str,
    words: tuple[str, str, str],
    flags: tuple[bool, bool, bool, int],
) -> None:
    EAR.log.clear()
    for order_id in (5, 6, 5):  # the third changes, or repeats
        VENUE.place(
            OrderRequest(
                client_id=1,
                order_id=order_id,
                contract=contract,
                action=action,
                quantity=quantity or Decimal(0),
                type=kind,
                limit_price=prices[0],
                aux_price=prices[1],
                trail_stop_price=prices[2],
                trailing_percent=prices[3],
                tif=tif,
                oca_group=words[0],
                good_after_time=words[1],
                good_till_date=words[2],
                transmit=flags[0],
                what_if=flags[1],
                all_or_none=flags[2],
                parent_id=max(0, flags[3]),
                oca_type=flags[3],
            )
        )
    VENUE.advance(0.3)
    VENUE.cancel(1, 5)
    VENUE.global_cancel()
    assert EAR.log
    VENUE.export()


@settings(max_examples=150, deadline=None)
@given(
    Contracts,
    st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    st.sampled_from([*SIZES, *DAILY, "", "7 mins"]),
    st.one_of(
        Words,
        st.sampled_from(["9 D", "99999999999999 Y", "999999999 S", "9 W", "0 D", "1 Y", "30 S"]),
    ),
    st.sampled_from(["TRADES", "BID_ASK", "MIDPOINT", "ADJUSTED_LAST", "X"]),
)
def test_any_question_about_the_past_is_answered_or_refused(
    contract: Contract, end: datetime | None, size: str, duration: str, what: str
) -> None:
    ask = HistoryAsk(contract=contract, end=end, bar_size=size, duration=duration, what=what)
    assert isinstance(VENUE.history(ask), History | Refusal)
    assert isinstance(VENUE.schedule(ask), Schedule | Refusal)
    VENUE.past_ticks(contract, end, None, 50, what)
    VENUE.past_ticks(contract, None, end, 50, what)
    VENUE.histogram(contract, duration, use_rth=True)
    VENUE.head(contract, what)
    VENUE.details(contract)
    VENUE.search(duration)
    VENUE.chain(contract.symbol, contract.sec_type, contract.con_id)
    VENUE.snapshot(contract)


@pytest.mark.parametrize("number", [0.0, -1.0, 1e-300, 1e308, float("inf"), float("nan")])
def test_option_questions_out_of_range_are_refused(number: float) -> None:
    call = Contract(
        symbol="SPY", sec_type="OPT", expiry="20261218", strike=D(600), right="C", currency="USD"
    )
    for first, second in ((number, 600.0), (0.2, number)):
        for ask in (VENUE.option_by_volatility, VENUE.option_by_price):
            answer: Any = ask(call, first, second)
            assert isinstance(answer, Refusal) or answer.type == 53


def test_a_history_before_all_history_is_no_data() -> None:
    ask = HistoryAsk(contract=stock("SPY"), end=datetime(1, 1, 1, tzinfo=UTC), duration="10 Y")
    answer = VENUE.history(ask)
    assert isinstance(answer, Refusal)
    assert answer.code == 162
    late = VENUE.history(
        HistoryAsk(contract=stock("SPY"), end=FRIDAY.replace(year=9000), duration="2 D")
    )
    assert isinstance(late, History)
    assert len(late.bars) == 2


def test_any_subscription_is_opened_or_refused() -> None:
    venue, _ = open_venue()
    for kind in Kind:
        for what in ("TRADES", "Last", "X"):
            for contract in (stock("SPY"), stock("NOPE"), Contract()):
                asked = Subscription(
                    key=(1, 1), kind=kind, contract=contract, what=what, bar_size="X"
                )
                refused = venue.subscribe(asked)
                assert refused is None or refused.code in (200, 321)
                venue.advance(5)
    venue.place(order(1, "BUY 1 MKT"))
    venue.advance(1)
    assert venue.positions()
