"""What survives a restart of the gateway's process, and that nothing depends on chance."""

import json
from datetime import datetime, timedelta

import pytest

from engine.brokers.practice.clock import parse_instant
from engine.brokers.practice.faults import PARAMETERS, POINTS
from engine.brokers.practice.model import Contract, ExecutionFilter, Kind, Subscription
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

KO = fixed("KO", "10:00 50.00 50.02", "10:00:20 51.00 51.02 51.01")


def busy(venue: PracticeVenue) -> None:
    """Fill one order, leave a half-filled one, a stop, a bracket, an OCA pair, an option."""
    call = Contract(
        symbol="SPY", sec_type="OPT", expiry="20261218", strike=D(640), right="C", currency="USD"
    )
    venue.place(order(1, "BUY 100 MKT"))
    venue.place(order(2, "SELL 100 STP 45.00", tif="GTC"))
    venue.place(order(3, "BUY 10 LMT 40", transmit=False, tif="GTC"))
    venue.place(order(4, "SELL 10 LMT 60", parent_id=3, tif="GTC"))
    for n, kind in ((5, 1), (6, 1)):
        venue.place(order(n, "BUY 10 LMT 41", oca_group="pair", oca_type=kind, tif="GTC"))
    venue.place(order(7, "BUY 1 MKT", contract=call))
    venue.place(order(8, "SELL 10 TRAIL 2.00", tif="GTC"))
    venue.advance(1)
    venue.place(order(9, "BUY 101 MKT", client_id=3))
    venue.advance(0.1)


def reborn(venue: PracticeVenue, start: datetime | None = None) -> tuple[PracticeVenue, Ear]:
    again, ear = open_venue(KO, start=start or venue.now())
    again.restore(json.loads(json.dumps(venue.export())))
    return again, ear


def test_everything_survives_a_restart_of_the_process() -> None:
    venue, _ = open_venue(KO)
    busy(venue)
    again, ear = reborn(venue)
    assert list(again.open_orders()) == list(venue.open_orders())
    assert again.completed_orders() == venue.completed_orders()
    wanted = ExecutionFilter()
    assert [e for e, _ in again.executions(wanted)] == [e for e, _ in venue.executions(wanted)]
    assert again.positions() == venue.positions()
    assert again.account_values() == venue.account_values()
    assert again.last_order_id(17) == 8
    for one in (venue, again):
        one.place(order(20, "BUY 5 MKT"))
        one.advance(30)
    assert [v.perm_id for v in again.open_orders()] == [v.perm_id for v in venue.open_orders()]
    assert [e.exec_id for e in executions(again)] == [e.exec_id for e in executions(venue)]
    assert value(again, "TotalCashValue") == value(venue, "TotalCashValue")
    assert ear.statuses(20)[-1] == "Filled"
    assert [fee for _, fee in again.executions(wanted)] == [f for _, f in venue.executions(wanted)]


def test_a_state_taken_up_days_later_has_ended_what_was_good_for_the_day() -> None:
    venue, _ = open_venue(KO)
    busy(venue)
    venue.place(order(30, "BUY 1 LMT 40"))
    venue.advance(1)
    position = held(venue)
    again, ear = reborn(venue, FRIDAY + timedelta(days=4))
    again.advance(1)
    assert not executions(again)
    assert again.completed_orders()[0].order_id == 30
    assert ear.statuses(30) == ["Cancelled"]
    assert held(again) == position
    assert {v.request.tif for v in again.open_orders()} == {"GTC"}


def test_the_state_of_another_account_is_refused() -> None:
    venue, _ = open_venue(KO)
    other, _ = open_venue(KO, account="DU7654321")
    with pytest.raises(ValueError, match="DU7654321, version 1 is needed"):
        other.restore(venue.export())


def _story(seed: int) -> list[object]:
    """Every kind of order and many faults, for two minutes."""
    venue, ear = open_venue(seed=seed)
    contract = venue.qualify(stock("TQQQ"))
    assert isinstance(contract, Contract)
    venue.subscribe(Subscription(key=(17, 1), kind=Kind.QUOTES, contract=contract))
    venue.subscribe(Subscription(key=(17, 2), kind=Kind.PNL))
    for name in sorted(POINTS):
        if POINTS[name] not in ("connect", "request", "now"):
            words = {"s": 1} if "s" in PARAMETERS.get(name, "").split() else {}
            fault(venue, name, count=0, probability=0.15, **words)
    kinds = ["MKT", "LMT 30", "STP 31.00", "TRAIL 0.20", "STP LMT 32.00 31.00", "MOC"]
    for n in range(1, 41):
        action = "BUY" if n % 3 else "SELL"
        venue.place(order(n, f"{action} {n} {kinds[n % 6]}", "TQQQ", oca_group="g" * (n % 5 == 0)))
        venue.advance(0.7)
        if n % 4 == 0:
            venue.cancel(17, n - 2)
    venue.advance(60)
    return [*ear.log, venue.export()]


def test_the_same_seed_and_requests_give_the_same_events() -> None:
    first = _story(7)
    assert first == _story(7)
    assert len(first) > 500
    assert first != _story(8)


@pytest.mark.parametrize(
    "text",
    [
        "20261120 10:00:00 US/Eastern",
        "20261120  10:00:00",
        "20261120-15:00:00",
        "20261120 16:00:00 Europe/Paris",
    ],
)
def test_times_of_the_wire(text: str) -> None:
    assert parse_instant(text) == FRIDAY


@pytest.mark.parametrize(
    "text", ["soon", "20261320", "20261120 25:00:00", "20261120 10:00:00 XY/Z"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_instant(text)
    assert parse_instant("") is None
