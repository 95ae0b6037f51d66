"""Section 28 of the gateway's specification, each row at the venue."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers.practice.model import ComboLeg, Contract
from tests.engine.practice.ear import FRIDAY, D, Ear, executions, fixed, held, open_venue, order

KO = fixed("KO", "10:00 50.00 50.02")


def test_accepted_then_submitted_after_20_ms_then_two_halves_and_late_commissions() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 101 MKT"))
    venue.advance(1)
    assert ear.order_log() == [
        *("5 PreSubmitted 0", "3 PreSubmitted 0", "5 Submitted 0", "3 Submitted 0"),
        *("11 51 @ 50.02", "5 Submitted 51", "3 Submitted 51", "61 51", "7", "59 1"),
        *("11 50 @ 50.02", "5 Filled 101", "3 Filled 101", "61 101", "7", "59 0"),
    ]
    times = [at - FRIDAY for at, kind, _ in ear.log if kind in ("status", "commission")]
    ms = timedelta(milliseconds=1)
    assert times == [0 * ms, 20 * ms, 100 * ms, 150 * ms, 200 * ms, 250 * ms]
    assert [e.exec_id[-6:] for e in executions(venue)] == [".01.01", ".02.01"]
    assert len({v.perm_id for v in ear.all("status")}) == 1


@pytest.mark.parametrize(
    ("style", "shares"), [("none", [101]), ("halves", [51, 50]), ("4", [26, 25, 25, 25])]
)
def test_partial_fills_come_in_the_parts_asked_for(style: str, shares: list[int]) -> None:
    venue, _ = open_venue(KO, partial_fills=style)
    venue.place(order(1, "BUY 101 MKT"))
    venue.advance(2)
    assert [int(e.shares) for e in executions(venue)] == shares


def test_a_market_order_takes_the_size_on_offer_and_the_rest_next_tick() -> None:
    venue, _ = open_venue(fixed("KO", "10:00 50.00 50.02 50 300"), partial_fills="none")
    venue.place(order(1, "BUY 700 MKT"))
    venue.advance(1)
    assert [int(e.shares) for e in executions(venue)] == [300, 300, 100]


def test_two_orders_share_the_size_on_offer() -> None:
    venue, _ = open_venue(fixed("KO", "10:00 50.00 50.02 50 300"), partial_fills="none")
    venue.place(order(1, "BUY 200 MKT"))
    venue.place(order(2, "BUY 200 MKT"))
    venue.advance(0.1)
    assert [int(e.shares) for e in executions(venue)] == [200, 100]


def test_a_change_keeps_the_perm_id_and_a_cancel_says_cancelled_and_202() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 100 LMT 49.00"))
    venue.advance(1)
    venue.place(order(1, "BUY 120 LMT 49.50"))
    venue.advance(1)
    view = ear.all("open")[-1]
    assert (view.request.limit_price, view.request.quantity) == (D("49.50"), 120)
    venue.cancel(17, 1)
    assert ear.order_log()[4:] == ["5 Submitted 0", "3 Submitted 0", "3 Cancelled 0", "4 202"]
    assert len({v.perm_id for v in ear.all("status")}) == 1
    assert [v.completed_status for v in venue.completed_orders()] == ["Cancelled"]


def test_a_limit_order_fills_at_the_better_price() -> None:
    venue, _ = open_venue(fixed("KO", "10:00 50.00 50.02", "10:00:05 49.00 49.02"))
    venue.place(order(1, "BUY 100 LMT 49.50"))
    venue.advance(4)
    assert not executions(venue)
    venue.advance(2)
    assert {e.price for e in executions(venue)} == {D("49.02")}


def test_an_order_without_funds_is_inactive_with_201() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 5000 MKT"))
    assert ear.order_log() == ["5 Inactive 0", "3 Inactive 0", "4 201"]
    assert venue.open_orders() == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (order(1, "BUY 100 MKT", contract=Contract(symbol="NOPE", sec_type="STK")), 200),
        (order(1, "BUY 100 MKT", "TWIN"), 200),
        (order(1, "BUY 100 MKT", account="DU9999999"), 435),
        (order(1, "BUY 0 MKT"), 434),
        (order(1, "BUY 100 LMT 49.123"), 110),
        (order(1, "BUY 100 STP 49.123"), 110),
        (order(1, "BUY 100 MKT", tif="XYZ"), 111),
        (order(1, "BUY 100 MOC", tif="GTC"), 111),
        (order(1, "BUY 100 STP 51", tif="IOC"), 111),
        (order(1, "BUY 100 REL"), 387),
        (order(1, "BUY 100 MKT", unsupported=("conditions",)), 387),
        (order(1, "BUY 1 MKT", contract=Contract(sec_type="BAG", legs=(ComboLeg(con_id=1),))), 387),
        (order(1, "HOLD 100 MKT"), 321),
        (order(1, "BUY 100 LMT"), 321),
        (order(1, "SELL 100 TRAIL"), 321),
        (order(1, "BUY 100 LMT 49", tif="GTD"), 321),
        (order(1, "BUY 100 LMT 49", tif="GTD", good_till_date="soon"), 321),
        (order(1, "BUY 100 MKT", parent_id=99), 135),
    ],
)
def test_an_order_that_cannot_be_taken_gets_one_error_and_nothing_else(
    wanted: object, code: int
) -> None:
    venue, ear = open_venue(KO)
    venue.place(wanted)  # type: ignore[arg-type]
    venue.advance(1)
    assert ear.order_log() == [f"4 {code}"]
    assert venue.open_orders() == []
    assert venue.completed_orders() == []


def test_what_is_too_late_or_unknown_is_refused_by_its_code() -> None:
    venue, ear = open_venue(KO)
    venue.cancel(17, 99)
    venue.place(order(1, "BUY 100 MKT"))
    venue.advance(1)
    venue.cancel(17, 1)
    venue.place(order(1, "BUY 200 LMT 40"))
    venue.place(order(2, "BUY 100 LMT 40"))
    venue.cancel(17, 2)
    venue.place(order(2, "BUY 100 LMT 41"))
    venue.place(order(3, "BUY 100 LMT 40"))
    venue.cancel(18, 3)
    venue.place(order(3, "SELL 100 LMT 40"))
    assert ear.codes() == [10147, 10148, 104, 202, 103, 10147, 105]
    assert len(venue.open_orders()) == 1


def test_a_change_that_is_refused_leaves_the_original_working() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 100 LMT 49.00"))
    venue.advance(1)
    venue.place(order(1, "BUY 100 LMT 49.001"))
    venue.place(order(1, "BUY 90000 LMT 49.00"))
    assert ear.codes() == [110, 201]
    (view,) = venue.open_orders()
    assert (view.status, view.request.quantity) == ("Submitted", D(100))


def test_what_if_is_one_open_order_and_leaves_no_trace() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 100 LMT 50.00", what_if=True))
    venue.advance(1)
    assert ear.order_log() == ["5 PreSubmitted 0"]
    (view,) = ear.all("open")
    assert view.perm_id == 0
    assert view.what_if.init_margin == (0, D("2500.50"), D("2500.50"))
    assert view.what_if.maint_margin == (0, D("1250.25"), D("1250.25"))
    assert view.what_if.commission == 1
    assert venue.open_orders() == []
    assert not executions(venue)
    venue.place(order(1, "BUY 100 MKT"))
    venue.advance(1)
    assert ear.statuses(1)[-1] == "Filled"


def test_the_same_check_serves_what_if_and_the_order() -> None:
    venue, ear = open_venue(KO)
    for quantity in (3995, 4005):
        venue.place(order(quantity, f"BUY {quantity} LMT 50.00", what_if=True))
        effect = ear.all("open")[-1].what_if
        venue.place(order(quantity + 10_000, f"BUY {quantity} LMT 50.00"))
        fits = effect.equity_with_loan[2] >= effect.init_margin[2]
        assert (ear.all("status")[-1].status != "Inactive") is fits


# -- stops


def test_a_stop_triggers_on_the_last_price_and_fills_at_the_quote() -> None:
    quotes = fixed(
        "KO", "10:00 50.00 50.02 50.01", "10:00:05 50.50 50.52 50.40", "10:00:10 50.48 50.50 50.51"
    )
    venue, ear = open_venue(quotes)
    venue.place(order(1, "BUY 100 STP 50.50"))
    venue.advance(9)
    assert ear.statuses(1) == ["PreSubmitted"]
    venue.advance(2)
    assert ear.statuses(1) == ["PreSubmitted", "Submitted", "Submitted", "Filled"]
    assert {e.price for e in executions(venue)} == {D("50.50")}


def test_a_stop_limit_rests_as_a_limit_once_triggered() -> None:
    quotes = fixed("KO", "10:00 50.00 50.02", "10:00:05 49.00 49.02 49.00", "10:00:10 49.50 49.52")
    venue, ear = open_venue(quotes)
    venue.place(order(1, "SELL 100 STP LMT 49.40 49.80"))
    venue.advance(9)
    assert ear.statuses(1) == ["PreSubmitted", "Submitted"]
    assert not executions(venue)
    venue.advance(2)
    assert {e.price for e in executions(venue)} == {D("49.50")}


def test_a_trailing_stop_follows_up_and_never_down() -> None:
    quotes = fixed(
        "KO",
        "10:00 50.00 50.02 50.00",
        "10:00:05 52.00 52.02 52.00",
        "10:00:10 51.50 51.52 51.50",
        "10:00:15 51.00 51.02 51.00",
    )
    venue, ear = open_venue(quotes)
    venue.place(order(1, "SELL 100 TRAIL 1.00"))
    venue.advance(1)
    assert venue.open_orders()[0].stop_price == D("49.00")
    venue.advance(12)
    assert venue.open_orders()[0].stop_price == D("51.00")
    venue.advance(3)
    assert {e.price for e in executions(venue)} == {D("51.00")}
    assert ear.statuses(1)[-1] == "Filled"


def test_a_trail_by_percent_starts_where_it_is_told() -> None:
    venue, _ = open_venue(fixed("KO", "10:00 50.00 50.02 50.00", "10:00:05 60.00 60.02 60.00"))
    venue.place(order(1, "SELL 100 TRAIL", trailing_percent=D(10), trail_stop_price=D("47.50")))
    venue.advance(1)
    assert venue.open_orders()[0].stop_price == D("47.50")
    venue.advance(5)
    assert venue.open_orders()[0].stop_price == D("54.00")


# -- time in force


def test_a_day_order_ends_at_the_close_and_a_gtc_order_lives_on() -> None:
    venue, ear = open_venue(KO, start=FRIDAY.replace(hour=20, minute=58))
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.place(order(2, "BUY 100 LMT 40", tif="GTC"))
    venue.advance(300)
    assert ear.statuses(1)[-1] == "Cancelled"
    assert ear.codes(1) == [202]
    assert [v.order_id for v in venue.open_orders()] == [2]


def test_a_gtd_order_ends_at_its_time() -> None:
    venue, ear = open_venue(KO)
    wanted = order(1, "BUY 100 LMT 40", tif="GTD", good_till_date="20261120 10:05:00 US/Eastern")
    venue.place(wanted)
    venue.advance(299)
    assert ear.statuses(1)[-1] == "Submitted"
    venue.advance(2)
    assert ear.statuses(1)[-1] == "Cancelled"


def test_a_gtd_order_of_a_date_lives_through_that_day() -> None:
    venue, ear = open_venue(KO, start=FRIDAY.replace(hour=20, minute=58))
    venue.place(order(1, "BUY 100 LMT 40", tif="GTD", good_till_date="20261120"))
    venue.place(order(2, "BUY 100 LMT 40", tif="GTD", good_till_date="20261121"))
    venue.advance_to(datetime(2026, 11, 21, 5, 30, tzinfo=UTC))
    assert [v.order_id for v in venue.open_orders()] == [2]
    assert ear.codes(1) == [202]


def test_a_cancel_is_pending_only_where_a_delay_is_set_and_may_still_fill() -> None:
    venue, ear = open_venue(fixed("KO", "10:00 50.00 50.02", "10:00:05 45 45.02"), cancel_ms=500)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.place(order(2, "BUY 100 LMT 46"))
    venue.advance(4.8)
    venue.cancel(17, 1)
    venue.cancel(17, 2)
    venue.cancel(17, 2)
    venue.advance(1)
    assert ear.statuses(1)[-2:] == ["PendingCancel", "Cancelled"]
    assert ear.statuses(2)[-1] == "Filled"
    assert ear.codes() == [202]


def test_ioc_takes_what_is_there_and_fok_all_or_nothing() -> None:
    venue, ear = open_venue(fixed("KO", "10:00 50.00 50.02 50 300"))
    venue.place(order(1, "BUY 500 LMT 50.02", tif="IOC"))
    venue.advance(1)
    assert ear.all("status")[-1].filled == 300
    assert ear.statuses(1)[-1] == "Cancelled"
    venue.place(order(2, "BUY 500 LMT 50.02", tif="FOK"))
    venue.place(order(3, "BUY 200 LMT 50.02", tif="FOK"))
    venue.advance(1)
    assert ear.statuses(2)[-1] == "Cancelled"
    assert ear.statuses(3)[-1] == "Filled"
    assert [int(e.shares) for e in executions(venue)] == [300, 200]


def test_all_or_none_waits_for_the_whole_size() -> None:
    venue, _ = open_venue(fixed("KO", "10:00 50.00 50.02 50 300", "10:00:05 50.00 50.02 50 900"))
    venue.place(order(1, "BUY 500 MKT", all_or_none=True))
    venue.advance(4)
    assert not executions(venue)
    venue.advance(2)
    assert [int(e.shares) for e in executions(venue)] == [500]


def test_an_order_outside_hours_waits_with_399_and_fills_after_the_open() -> None:
    venue, ear = open_venue(KO, start=FRIDAY.replace(hour=14, minute=0))
    venue.place(order(1, "BUY 100 MKT"))
    venue.place(order(2, "BUY 100 MKT", outside_rth=True))
    venue.advance(60)
    assert ear.codes(1) == [399]
    assert ear.codes(2) == []
    assert ear.statuses(1) == ["PreSubmitted"]
    assert ear.statuses(2)[-1] == "Filled"
    venue.advance(1801)
    assert ear.statuses(1) == ["PreSubmitted", "Submitted", "Submitted", "Filled"]


def test_opg_orders_fill_at_the_opening_price_or_end() -> None:
    venue, ear = open_venue(KO, start=FRIDAY.replace(hour=14, minute=0))
    venue.place(order(1, "BUY 100 MKT", tif="OPG"))
    venue.place(order(2, "BUY 100 LMT 40", tif="OPG"))
    venue.advance(3600)
    assert ear.statuses(1)[-1] == "Filled"
    assert ear.statuses(2)[-1] == "Cancelled"
    (one,) = executions(venue)
    assert one.at == FRIDAY.replace(hour=14, minute=30)


def test_market_on_close_fills_at_the_official_close_and_cannot_be_stopped() -> None:
    quotes = fixed("KO", "10:00 50.00 50.02", "16:00 51.00 51.02 51.01")
    venue, ear = open_venue(quotes, start=FRIDAY.replace(hour=20, minute=40))
    venue.place(order(1, "BUY 100 MOC"))
    venue.place(order(2, "BUY 100 LOC 50.50"))
    venue.advance(11 * 60)  # 15:51
    venue.cancel(17, 1)
    venue.place(order(3, "BUY 100 MOC"))
    assert ear.codes() == [10148, 201]
    assert ear.statuses(1) == ["PreSubmitted"]
    venue.advance(10 * 60)
    assert ear.statuses(1)[-1] == "Filled"
    assert ear.statuses(2)[-1] == "Cancelled"
    assert [(e.price, e.at.minute, e.at.hour) for e in executions(venue)] == [(D("51.01"), 0, 21)]


def test_nasdaq_takes_orders_for_the_close_until_five_minutes_before() -> None:
    venue, ear = open_venue(
        fixed("MSFT", "10:00 50 50.02"), start=FRIDAY.replace(hour=20, minute=54)
    )
    venue.place(order(1, "BUY 10 MOC", "MSFT"))
    venue.advance(62)
    venue.place(order(2, "BUY 10 MOC", "MSFT"))
    assert ear.codes(1) == []
    assert ear.codes(2) == [201]


def test_nothing_fills_in_a_halt() -> None:
    venue, _ = open_venue()
    venue.place(order(1, "BUY 100 MKT", "HALT"))
    venue.advance(5)
    assert venue.open_orders()[0].status == "Submitted"
    assert not executions(venue)


# -- families and groups


def bracket() -> tuple[object, Ear]:
    quotes = fixed("KO", "10:00 50.00 50.02", "10:00:10 52.00 52.02", "10:00:20 45.00 45.02")
    venue, ear = open_venue(quotes)
    venue.place(order(1, "BUY 100 LMT 50.02", transmit=False))
    venue.place(order(2, "SELL 100 LMT 51.00", parent_id=1, transmit=False))
    return venue, ear


def test_a_bracket_is_held_until_its_last_leg_and_one_exit_cancels_the_other() -> None:
    venue, ear = bracket()
    venue.advance(2)  # type: ignore[attr-defined]
    assert ear.statuses(1) == ["PendingSubmit"]
    assert ear.statuses(2) == ["PendingSubmit"]
    venue.place(order(3, "SELL 100 STP 48.00", parent_id=1))  # type: ignore[attr-defined]
    venue.advance(1)  # type: ignore[attr-defined]
    assert ear.statuses(1)[-1] == "Filled"
    assert ear.statuses(2)[-1] == "Submitted"
    assert ear.statuses(3)[-1] == "PreSubmitted"
    venue.advance(20)  # type: ignore[attr-defined]
    assert ear.statuses(2)[-1] == "Filled"
    assert ear.statuses(3)[-1] == "Cancelled"
    assert held(venue) == 0  # type: ignore[arg-type]
    at_first_half = [v.request.quantity for v in ear.all("open") if v.order_id == 3]
    assert at_first_half[-1] == 50  # half an exit leaves half a stop


def test_children_wait_for_the_parent_and_end_with_it() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 100 LMT 40", transmit=False))
    venue.place(order(2, "SELL 100 LMT 60", parent_id=1))
    venue.advance(2)
    assert ear.statuses(1)[-1] == "Submitted"
    assert ear.statuses(2)[-1] == "PreSubmitted"
    venue.cancel(17, 1)
    assert ear.statuses(2)[-1] == "Cancelled"
    assert venue.open_orders() == []


@pytest.mark.parametrize(("kind", "left"), [(1, "Cancelled"), (2, "Submitted"), (3, "Submitted")])
def test_oca_cancels_or_reduces_the_rest_at_the_first_half(kind: int, left: str) -> None:
    venue, ear = open_venue(KO)
    for n, price in ((1, "50.02"), (2, "49.00")):
        venue.place(order(n, f"BUY 100 LMT {price}", oca_group="g", oca_type=kind))
    venue.advance(0.1)
    assert [int(e.shares) for e in executions(venue)] == [50]
    other = ear.all("status")[-1]
    assert (other.order_id, other.status) == (2, left)
    if kind != 1:
        assert other.remaining == 50
    venue.advance(1)
    assert ear.statuses(1)[-1] == "Filled"
    assert ear.statuses(2)[-1] == "Cancelled"
    venue.place(order(3, "BUY 100 LMT 49.00", oca_group="g", oca_type=kind))
    assert ear.codes(3) == [201]


def test_global_cancel_ends_everybodys_orders() -> None:
    venue, ear = open_venue(KO)
    venue.place(order(1, "BUY 100 LMT 40"))
    venue.place(order(1, "BUY 100 LMT 40", client_id=3))
    venue.advance(1)
    venue.global_cancel()
    assert venue.open_orders() == []
    assert ear.codes() == [202, 202]


def test_midnight_forgets_what_ended_and_keeps_what_lives() -> None:
    venue, _ = open_venue(KO, start=FRIDAY.replace(hour=20, minute=58))
    venue.place(order(1, "BUY 100 MKT"))
    venue.place(order(2, "BUY 100 LMT 40", tif="GTC"))
    venue.advance(1)
    assert len(venue.completed_orders()) == 1
    venue.advance_to(datetime(2026, 11, 21, 5, 1, tzinfo=UTC))
    assert venue.completed_orders() == []
    assert not executions(venue)
    assert len(venue.open_orders()) == 1
    assert held(venue) == 100
