"""Every fault of section 33 that is carried out in the venue, and how the script fires."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.brokers.practice.faults import (
    CALLBACKS,
    GATEWAY,
    PARAMETERS,
    POINTS,
    parse_fault,
    parse_faults,
)
from engine.brokers.practice.model import (
    Bar,
    Contract,
    DataType,
    ExecutionFilter,
    Fault,
    HistoryAsk,
    Kind,
    Refusal,
    Subscription,
    TickPrice,
)
from engine.brokers.practice.venue import PracticeVenue
from tests.engine.practice.ear import (
    FRIDAY,
    D,
    Ear,
    executions,
    fault,
    fixed,
    held,
    open_venue,
    order,
    stock,
    value,
)

KO = fixed("KO", "10:00 50.00 50.02")


def ready(name: str, **words: object) -> tuple[PracticeVenue, Ear]:
    venue, ear = open_venue(KO, partial_fills="none")
    fault(venue, name, **words)
    venue.advance(0)
    return venue, ear


def bought(name: str, **words: object) -> tuple[PracticeVenue, Ear]:
    """A market order of 100, placed when the fault is armed, three seconds later."""
    venue, ear = ready(name, **words)
    venue.place(order(1, "BUY 100 MKT"))
    venue.advance(3)
    return venue, ear


# -- orders


def test_an_order_lost_before_never_existed() -> None:
    venue, ear = bought("lose_order")
    assert ear.log == []
    assert venue.open_orders() == []
    assert held(venue) == 0


def test_an_order_lost_after_lives_without_any_callback() -> None:
    venue, ear = bought("lose_order", after=True)
    assert {kind for _, kind, _ in ear.log} <= {"position", "portfolio", "value"}
    assert [v.status for v in venue.completed_orders()] == ["Filled"]
    assert held(venue) == 100


def test_a_late_acknowledgement_comes_after_its_seconds() -> None:
    venue, ear = ready("ack_late", s=2)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(1.9)
    assert ear.order_log() == []
    venue.advance(0.2)
    assert ear.order_log() == ["5 Submitted 0", "3 Submitted 0"]


def test_an_acknowledgement_may_never_come() -> None:
    venue, ear = ready("ack_late")
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(60)
    assert ear.order_log() == []
    assert [v.status for v in venue.open_orders()] == ["Submitted"]


def test_a_fill_may_come_before_its_acknowledgement() -> None:
    _, ear = bought("fill_before_ack")
    assert ear.order_log() == [
        *("11 100 @ 50.02", "5 PreSubmitted 0", "3 PreSubmitted 0"),
        *("5 Filled 100", "3 Filled 100", "61 100", "7", "59 1"),
    ]


def test_a_reject_by_wish_and_one_after_acceptance() -> None:
    _, ear = bought("reject", text="no")
    assert ear.order_log() == ["5 Inactive 0", "3 Inactive 0", "4 201"]
    venue, ear = ready("reject", after_accept=True, code=203)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(3)
    assert ear.statuses(1) == ["PreSubmitted", "Submitted", "Inactive"]
    assert ear.codes() == [203]


@pytest.mark.parametrize("code", [10349, 201, 161, 10147, 399])
def test_a_false_error_says_no_of_an_order_that_lives_on(code: int) -> None:
    venue, ear = bought("false_error", code=code)
    assert ear.codes() == [code]
    assert ear.statuses(1)[-1] == "Filled"
    assert held(venue) == 100


def test_a_false_error_on_a_change_leaves_the_old_order() -> None:
    venue, ear = ready("false_error", on="modify", code=201)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(1)
    venue.place(order(1, "BUY 100 LMT 41"))
    assert ear.codes() == [201]
    assert [v.request.limit_price for v in venue.open_orders()] == [40]


def test_a_change_may_leave_two_live_orders() -> None:
    venue, _ = ready("double_perm_on_modify")
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(1)
    venue.place(order(1, "BUY 100 LMT 41"))
    venue.advance(1)
    views = venue.open_orders()
    assert [(v.order_id, v.request.limit_price) for v in views] == [(1, D(40)), (1, D(41))]
    assert len({v.perm_id for v in views}) == 2
    assert len({v.request.order_ref for v in views}) == 1


def test_a_cancel_may_lose_the_race_against_a_fill() -> None:
    venue, ear = ready("fill_on_cancel")
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(1)
    venue.cancel(17, 1)
    assert ear.statuses(1)[-1] == "Filled"
    assert ear.codes() == [10148]
    assert held(venue) == 100


def test_a_fill_may_come_after_cancelled() -> None:
    venue, ear = ready("fill_on_cancel", shares=40, late_s=1)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(1)
    venue.cancel(17, 1)
    venue.advance(2)
    assert [kind for _, kind, _ in ear.log if kind in ("execution", "status")][-2:] == [
        "status",
        "execution",
    ]
    assert ear.statuses(1)[-1] == "Cancelled"
    assert held(venue) == 40


def test_a_cancel_may_be_refused() -> None:
    venue, ear = ready("refuse_cancel", code=10147)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.advance(1)
    venue.cancel(17, 1)
    assert ear.codes() == [10147]
    assert len(venue.open_orders()) == 1
    venue.cancel(17, 1)
    assert venue.open_orders() == []


def test_a_held_order_is_inactive_and_alive() -> None:
    venue, ear = ready("held", s=5)
    venue.place(order(1, "SELL 100 MKT"))
    venue.advance(4)
    view = venue.open_orders()[0]
    assert (view.status, view.why_held, view.is_done) == ("Inactive", "locate", False)
    assert ear.codes() == [404]
    venue.advance(3)
    assert held(venue) == -100


def test_inactive_without_any_code_is_dead() -> None:
    venue, ear = bought("inactive")
    assert ear.statuses(1)[-1] == "Inactive"
    assert ear.codes() == []
    assert venue.open_orders() == []


# -- fills


def test_a_commission_comes_late_or_never() -> None:
    venue, ear = bought("commission_late", s=10)
    assert not ear.all("commission")
    assert [fee for _, fee in venue.executions(ExecutionFilter())] == [None]
    venue.advance(10)
    assert len(ear.all("commission")) == 1
    venue, ear = bought("commission_late", s="never")
    venue.advance(3600)
    assert not ear.all("commission")


def test_an_execution_is_corrected_and_the_books_with_it() -> None:
    venue, ear = bought("exec_correction", price="49.00", shares=90)
    first, second = ear.all("execution")
    assert first.exec_id[:-3] == second.exec_id[:-3]
    assert (first.exec_id[-3:], second.exec_id[-3:]) == (".01", ".02")
    assert held(venue) == 90
    assert value(venue, "TotalCashValue") == 100_000 - 90 * 49 - 1
    assert [v.filled for v in venue.completed_orders()] == [90]


def test_a_bust_takes_the_fill_back() -> None:
    venue, ear = bought("bust")
    assert [e.shares for e in ear.all("execution")] == [100, 0]
    assert held(venue) == 0
    assert value(venue, "TotalCashValue") == 100_000


def test_an_overfill_is_more_than_was_wanted() -> None:
    venue, _ = bought("overfill", shares=7)
    assert held(venue) == 107
    assert [v.filled for v in venue.completed_orders()] == [107]


@pytest.mark.parametrize(("zone", "written"), [("XYZ/Nowhere", "XYZ/Nowhere"), ("none", "")])
def test_an_execution_may_carry_a_zone_that_nobody_knows(zone: str, written: str) -> None:
    venue, ear = bought("time_zone", zone=zone)
    assert ear.all("execution")[0].zone == written
    assert executions(venue)[0].zone == written


# -- links and modes


def test_upstream_lost_holds_facts_back_and_1102_lets_them_come() -> None:
    venue, ear = ready("upstream_lost", s=10, repeat_s=3, after_ms=150)
    venue.place(order(1, "BUY 100 LMT 50.02"))
    venue.place(order(2, "BUY 100 LMT 40"))
    venue.advance(0.5)  # the fill at 100 ms was told, its commission is not
    said = ear.order_log()
    assert "3 Filled 100" in said
    venue.cancel(17, 2)
    venue.place(order(3, "BUY 1 MKT"))
    venue.advance(9)
    assert ear.all("link") == [1100] * 4
    assert ear.statuses(3) == []
    venue.advance(2)
    assert ear.all("link")[-1] == 1102
    assert ear.statuses(2)[-1] == "Cancelled"
    assert ear.statuses(3)[-1] == "Filled"


def test_upstream_lost_with_its_data_ends_the_streams() -> None:
    venue, ear = open_venue(KO)
    contract = venue.qualify(stock("KO"))
    assert isinstance(contract, Contract)
    venue.subscribe(Subscription(key=(17, 1), kind=Kind.QUOTES, contract=contract))
    fault(venue, "upstream_lost", s=1, data_lost=True)
    venue.advance(2)
    assert ear.all("link") == [1100, 1101]
    assert not venue.unsubscribe((17, 1))


def test_fills_may_stop_or_go_on_while_upstream_is_lost() -> None:
    for goes_on in (True, False):
        venue, ear = ready("upstream_lost", s=5, fills=goes_on, after_ms=50)
        venue.place(order(1, "BUY 100 MKT"))
        venue.advance(4)
        assert (held(venue) == 100) is goes_on
        assert not ear.all("execution")
        venue.advance(2)
        assert len(ear.all("execution")) == 1


def test_the_server_link_and_the_farms_have_their_codes() -> None:
    venue, ear = ready("tws_server_lost", s=2)
    venue.advance(3)
    assert ear.all("link") == [2110, 1102]
    for farm, codes in (("data", [2103, 2104]), ("history", [2105, 2106])):
        venue, ear = ready("farm_flap", farm=farm, s=2)
        venue.advance(3)
        assert ear.all("link") == codes
    venue, ear = ready("farm_flap", farm="definitions", s=2, recover=False)
    venue.advance(3)
    assert ear.all("link") == [2157]


def test_the_nightly_fault_restarts_and_resets_every_day() -> None:
    venue, ear = open_venue()
    fault(venue, "nightly")
    venue.advance_to(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    restarts = [at for at, kind, fact in ear.log if kind == "fault"]
    assert [at.strftime("%a %H:%M") for at in restarts] == ["Sat 04:45", "Sun 04:45", "Mon 04:45"]
    assert ear.all("link").count(1102) == 3
    lost = [at for at, kind, fact in ear.log if kind == "link" and fact == 1100]
    assert lost[0].strftime("%H:%M") == "05:15"
    assert len(lost) == 3 * 9


def test_read_only_refuses_orders_with_321() -> None:
    venue, ear = ready("read_only", s=5)
    venue.place(order(1, "BUY 100 MKT"))
    venue.cancel(17, 1)
    assert ear.codes() == [321, 321]
    assert "Read-Only" in ear.all("error")[0][3]
    assert venue.is_read_only
    venue.advance(6)
    assert not venue.is_read_only


def test_a_competing_session_silences_quotes_with_10197() -> None:
    venue, ear = open_venue()
    contract = venue.qualify(stock("SPY"))
    assert isinstance(contract, Contract)
    venue.subscribe(Subscription(key=(17, 5), kind=Kind.QUOTES, contract=contract))
    venue.advance(1)
    ear.log.clear()
    fault(venue, "competing_session", s=3)
    venue.advance(2.9)
    assert ear.codes(5) == [10197]
    assert not ear.all("item")
    venue.advance(1)
    assert ear.all("item")


def test_limits_can_be_lowered() -> None:
    venue, _ = ready("limits", lines=1, pacing=True, s=60)
    contract = venue.qualify(stock("SPY"))
    assert isinstance(contract, Contract)
    answers = [
        venue.subscribe(Subscription(key=(17, n), kind=Kind.QUOTES, contract=contract))
        for n in (1, 2)
    ]
    assert answers[0] is None
    assert answers[1] is not None
    refused = venue.history(HistoryAsk(contract=stock("SPY")))
    assert isinstance(refused, Refusal)
    assert refused.code == 162
    venue.advance(61)
    assert not isinstance(venue.history(HistoryAsk(contract=stock("SPY"))), Refusal)


def test_a_slow_exchange_takes_its_time() -> None:
    venue, ear = ready("slow_exchange", factor=100)
    venue.place(order(1, "BUY 100 MKT"))
    venue.advance(1.9)
    assert ear.statuses(1) == ["PreSubmitted"]
    venue.advance(0.3)
    assert held(venue) == 100
    assert not ear.all("commission")
    venue.advance(5)
    assert ear.all("commission")


def test_ids_roll_back_and_are_issued_again() -> None:
    venue, ear = open_venue(KO)
    for n in (1, 2, 3):
        venue.place(order(n, "BUY 100 LMT 40", tif="GTC"))
    venue.advance(1)
    fault(venue, "id_rollback", n=2)
    venue.advance(0)
    assert venue.last_order_id(17) == 1
    venue.place(order(2, "BUY 50 LMT 41"))
    venue.advance(1)
    views = [v for v in venue.open_orders() if v.order_id == 2]
    assert [v.request.quantity for v in views] == [100, 50]
    assert len({v.perm_id for v in views}) == 2
    assert ear.codes() == []


def test_foreign_orders_and_trades_by_hand_appear() -> None:
    venue, ear = open_venue(KO)
    fault(venue, "foreign_order", symbol="KO", price="40", quantity=10)
    fault(venue, "foreign_order", symbol="KO", price="41", client=33, order_id=5, ref="theirs")
    fault(venue, "manual_trade", symbol="KO", action="SELL", quantity=30, price="50.50")
    venue.advance(1)
    by_hand, other = venue.open_orders()
    assert (by_hand.client_id, by_hand.order_id < 0) == (0, True)
    assert (other.client_id, other.order_id, other.request.order_ref) == (33, 5, "theirs")
    assert held(venue) == -30
    (trade,) = ear.all("execution")
    assert (trade.client_id, trade.price, trade.side) == (0, D("50.50"), "SLD")


# -- market


def watching(**words: object) -> list[Any]:
    venue, ear = open_venue(fixed("KO", "10:00 50.00 50.02", "10:00:05 51.00 51.02"))
    contract = venue.qualify(stock("KO"))
    assert isinstance(contract, Contract)
    venue.subscribe(Subscription(key=(17, 1), kind=Kind.QUOTES, contract=contract))
    venue.advance(1)
    ear.log.clear()
    fault(venue, "quote", symbol="KO", **words)
    venue.advance(6)
    return [item for _, item in ear.all("item")]


@pytest.mark.parametrize(
    ("mode", "price"),
    [("-1", D(-1)), ("0", D(0)), ("crossed", D("50.02")), ("x10", D(500)), ("UNSET", None)],
)
def test_quotes_can_be_wrong(mode: str, price: object) -> None:
    bids = [i.price for i in watching(mode=mode) if isinstance(i, TickPrice) and i.type == 1]
    assert bids[0] == price


def test_quotes_can_be_stale_frozen_delayed_or_halted() -> None:
    assert watching(mode="stale", s=5.9)[-1]
    assert not [i for i in watching(mode="stale") if isinstance(i, TickPrice)]
    assert watching(mode="frozen") == [DataType(2)]
    delayed = watching(mode="delayed")
    assert delayed[0] == DataType(3)
    assert {i.type for i in delayed if isinstance(i, TickPrice)} <= {66, 67, 68, 72, 73, 75, 76}
    assert [i.value for i in watching(mode="halt") if getattr(i, "type", 0) == 49] == [1.0]


@pytest.mark.parametrize(
    ("mode", "more", "seconds"),
    [
        ("stop", {}, []),
        ("missing", {"n": 2}, [10, 15]),
        ("late", {"late": 7}, [0, 5]),
        ("revise", {"s": 6}, [0, 0, 5, 10, 15]),
    ],
)
def test_bars_can_stop_miss_come_late_or_change(
    mode: str, more: dict[str, object], seconds: list[int]
) -> None:
    venue, ear = open_venue()
    contract = venue.qualify(stock("SPY"))
    assert isinstance(contract, Contract)
    venue.subscribe(Subscription(key=(17, 1), kind=Kind.BARS_5S, contract=contract))
    fault(venue, "bars", symbol="SPY", mode=mode, **more)
    venue.advance(20)
    bars = [item for _, item in ear.all("item") if isinstance(item, Bar)]
    assert [bar.at.second for bar in bars] == seconds


# -- callbacks


@pytest.mark.parametrize(
    ("words", "days", "is_higher"),
    [
        ({"mode": "missing", "n": 2}, -2, False),
        ({"mode": "late"}, -1, False),
        ({"mode": "revise"}, 0, True),
    ],
)
def test_the_newest_bars_of_a_history_are_late_missing_or_others(
    words: dict[str, object], days: int, is_higher: bool
) -> None:
    venue, _ = open_venue()
    ask = HistoryAsk(contract=stock("SPY"), duration="10 D")
    before = venue.history(ask)
    fault(venue, "bars", symbol="SPY", **words)
    venue.advance(0)
    after = venue.history(ask)
    assert not isinstance(before, Refusal)
    assert not isinstance(after, Refusal)
    assert len(after.bars) == len(before.bars) + days
    newest = before.bars[len(after.bars) - 1]
    assert (after.bars[-1].close > newest.close) is is_higher


def test_callbacks_are_delayed_doubled_swapped_or_lost() -> None:
    _, ear = bought("duplicate", kind=11, count=1)
    assert len(ear.all("execution")) == 2
    _, ear = bought("lose", kind=59)
    assert not ear.all("commission")
    _, ear = bought("delay", kind=11, ms=1500)
    at = next(at for at, kind, _ in ear.log if kind == "execution")
    assert at - FRIDAY == timedelta(milliseconds=1600)
    _, ear = bought("reorder", kind=11, window=2)
    said = [line for line in ear.order_log() if line[0] != "6"]
    assert said.index("3 Filled 100") < said.index("11 100 @ 50.02")


# -- the script


def test_filters_nth_and_count_decide_who_is_struck() -> None:
    venue, ear = open_venue(KO)
    spot = fault(venue, "reject", symbol="KO", order_ref="ref-1", client=17)
    second = fault(venue, "false_error", nth=2, count=2, code=399)
    for n in (1, 2, 3, 4, 5):
        venue.place(order(n, "BUY 10 LMT 40"))
    assert ear.codes() == [201, 399, 399]
    assert (venue.fired(spot), venue.fired(second)) == (1, 2)


def test_probability_is_a_stream_of_the_seed() -> None:
    def struck(seed: int) -> list[int]:
        venue, ear = open_venue(KO, seed=seed)
        fault(venue, "false_error", probability=0.5, count=0)
        for n in range(1, 41):
            venue.place(order(n, "BUY 1 LMT 40"))
        return [error[1] for error in ear.all("error")]

    assert struck(7) == struck(7)
    assert struck(7) != struck(8)
    assert 8 <= len(struck(7)) <= 32


def test_times_of_day_come_round_and_delays_pass() -> None:
    venue, ear = open_venue()
    fault(venue, "drop_socket", at="10:30:00", count=2)
    fault(venue, "half_open", after_ms=1500, s=3)
    venue.advance_to(FRIDAY + timedelta(days=4))
    assert [(at - FRIDAY, fact.fault.name) for at, _, fact in ear.log] == [
        (timedelta(seconds=1.5), "half_open"),
        (timedelta(minutes=30), "drop_socket"),
        (timedelta(days=1, minutes=30), "drop_socket"),
    ]


def test_the_gateways_faults_are_handed_over_at_their_point() -> None:
    venue, ear = open_venue(KO)
    fault(venue, "drop_socket", client=17, on="ack")
    fault(venue, "slow", on="request:61", ms=200)
    venue.place(order(1, "BUY 1 LMT 40"))
    (fired,) = ear.all("fault")
    assert (fired.fault.name, fired.client_id) == ("drop_socket", 17)
    assert venue.strike("request:5", client_id=17) == []
    (fired,) = venue.strike("request:61", client_id=17)
    assert fired.number("ms", 0) == 200


def test_clearing_undoes_what_lasts() -> None:
    venue, _ = ready("read_only")
    fault(venue, "slow", count=0)
    assert venue.clear_faults("slow") == 1
    venue.clear_faults()
    assert not venue.is_read_only


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("explode", {}),
        ("reject", {"on": "tuesday"}),
        ("reject", {"nth": 0}),
        ("reject", {"probability": "2"}),
        ("reject", {"count": "many"}),
        ("drop_socket", {"at": "noon"}),
        ("half_open", {"seconds": 3}),
        ("half_open", {"s": "long"}),
        ("empty", {"rows": 3}),
        ("quote", {"mode": "upside down"}),
        ("farm_flap", {"kind": "chickens"}),
    ],
)
def test_a_wrong_fault_is_refused_by_name(name: str, words: dict[str, object]) -> None:
    venue, _ = open_venue()
    with pytest.raises(ValueError, match=name if name != "drop_socket" else "noon"):
        fault(venue, name, **words)


def test_faults_come_from_a_table_and_loose_words_are_parameters() -> None:
    given = {"fault": [{"name": "reject", "client": 17, "code": 203}, {"name": "bust", "nth": "2"}]}
    assert parse_faults(given) == [
        Fault(name="reject", client=17, params={"code": 203}),
        Fault(name="bust", nth=2),
    ]
    assert parse_fault("duplicate", {"times": 3}).params == {"times": 3}
    assert parse_fault("lose", {"n": 3}).count == 3
    with pytest.raises(ValueError, match="without a name"):
        parse_faults({"fault": [{"client": 17}]})


def test_every_fault_of_the_specification_is_known() -> None:
    told = """
        drop_socket half_open fragment coalesce upstream_lost tws_server_lost farm_flap
        client_id_busy silent_start restart nightly read_only competing_session slow silent empty
        error delay duplicate reorder lose lose_order ack_late commission_late reject false_error
        double_perm_on_modify exec_correction bust fill_on_cancel overfill fill_before_ack
        refuse_cancel held inactive id_rollback foreign_order manual_trade time_zone quote bars
        limits bad_frame clock_skew slow_exchange
    """
    assert set(told.split()) == set(POINTS)
    assert not GATEWAY & CALLBACKS
    assert set(PARAMETERS) < set(POINTS)
