"""The link to the gateway as a state machine, without any connection."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.brokers.ibkr.link import Act, Do, LinkMachine, gate
from engine.brokers.ibkr.rhythm import in_blackout, in_reset
from engine.brokers.ibkr.terms import Terms, missing_zones
from engine.domain.link import LinkState

_S = LinkState
TERMS = Terms(host="127.0.0.1", port=4002, account="DU0000001", live=False)


def made(*, trades: bool = True) -> LinkMachine:
    """A machine that has never dialed."""
    return LinkMachine(TERMS, 17, trades=trades)


def up() -> LinkMachine:
    """A live machine."""
    machine = made()
    machine.dialing()
    machine.connected(["DU0000001"], 5)
    machine.synced()
    return machine


def acts(given: object) -> list[Act]:
    """What is to be done, without when and why."""
    return [one.act for one in given]  # type: ignore[attr-defined]


def test_the_way_up_is_dial_ids_compare_live() -> None:
    machine = made()
    assert (machine.state, machine.reason) == (_S.DOWN, "LINK_DOWN")
    machine.dialing()
    assert (machine.state, machine.reason) == (_S.TCP, "LINK_DOWN")
    assert acts(machine.connected(["DU0000001"], 5)) == [Act.SYNC]
    assert (machine.state, machine.reason, machine.epoch) == (_S.SYNCING, "SYNCING", 1)
    machine.synced()
    assert machine.link.is_live
    assert machine.link.next_order_id == 5


@pytest.mark.parametrize(
    ("live", "account", "managed", "reason"),
    [
        (False, "DU0000001", ["DU0000001"], None),
        (False, "DF0000001", ["DU0000001", "DF0000001"], None),
        (True, "U0000001", ["U0000001"], None),
        (False, "U0000001", ["U0000001"], "MODE_GATE"),
        (True, "DU0000001", ["DU0000001"], "MODE_GATE"),
        (False, "DU0000001", ["DU0000002"], "ACCOUNT_MISMATCH"),
        (True, "U0000001", [], "ACCOUNT_MISMATCH"),
    ],
)
def test_mode_and_account_must_agree(
    live: bool, account: str, managed: list[str], reason: str | None
) -> None:
    found = gate(live=live, account=account, managed=managed)
    assert (None if found is None else found[0]) == reason
    if found is not None:
        assert account in found[1]


def test_a_failed_gate_stops_for_good() -> None:
    machine = made()
    machine.dialing()
    assert acts(machine.connected(["DU9999999"], 1)) == [Act.STOP]
    assert machine.is_stopped
    assert machine.closed("the connection is gone") == ()
    assert "DU9999999" in machine.text
    assert "DU0000001" in machine.text


def test_the_wait_doubles_to_half_a_minute_and_begins_anew_after_a_success() -> None:
    machine = made()
    waits = []
    for _ in range(10):
        machine.dialing()
        waits.append(machine.refused("no").__iter__().__next__().after_s)
    for wait, least in zip(waits, (1, 2, 4, 8, 16, 30, 30, 30, 30, 30), strict=True):
        assert least <= wait <= least * 1.2
    machine.dialing()
    machine.connected(["DU0000001"], 1)
    assert machine.closed("gone")[0].after_s <= 1.2


def test_programs_that_lost_their_gateway_together_do_not_dial_together() -> None:
    waits = set()
    for client_id in range(1, 6):
        machine = LinkMachine(TERMS, client_id)
        machine.dialing()
        waits.add(machine.refused("no")[0].after_s)
    assert len(waits) == 5


def test_a_long_outage_is_told_once_not_at_each_attempt() -> None:
    machine, told = made(), []
    for _ in range(20):
        machine.dialing()
        told.append(machine.link.state)
        machine.refused("no")
        told.append(machine.link.state)
    assert told.count(_S.TCP) == 3


def test_a_client_id_in_use_keeps_the_id_waits_longer_and_alarms_after_ten() -> None:
    machine = made()
    for turn in range(1, 13):
        machine.dialing()
        done = machine.refused("client id 17 is in use", clash=True)
        assert 10 <= done[0].after_s <= 20
        assert acts(done) == ([Act.CONNECT, Act.ALERT] if turn == 10 else [Act.CONNECT])


@pytest.mark.parametrize("code", [1100, 2110])
def test_a_lost_upstream_keeps_the_socket_and_forbids_sending(code: int) -> None:
    machine = up()
    assert machine.heard(code, "lost", 0.0) == ()
    assert (machine.state, machine.reason) == (_S.LIVE, "UPSTREAM_DOWN")
    machine.heard(code, "lost", 1.0)
    assert acts(machine.heard(1102, "back", 2.0)) == [Act.SYNC]
    assert machine.reason == "SYNCING"
    machine.synced()
    assert machine.reason == ""


def test_data_lost_with_the_upstream_is_asked_for_anew() -> None:
    machine = up()
    machine.heard(1100, "lost", 0.0)
    assert acts(machine.heard(1101, "back, data lost", 1.0)) == [Act.SYNC, Act.RESUBSCRIBE]


def test_a_third_failed_comparison_closes() -> None:
    machine = made()
    machine.dialing()
    machine.connected(["DU0000001"], 1)
    assert acts(machine.sync_failed("positions")) == [Act.SYNC]
    assert acts(machine.sync_failed("positions")) == [Act.SYNC]
    assert acts(machine.sync_failed("positions")) == [Act.CLOSE]
    assert machine.reason == "SYNCING"


def test_a_third_complaint_within_a_minute_closes_earlier_ones_only_pause() -> None:
    machine = up()
    assert acts(machine.heard(100, "max rate", 0.0)) == [Act.PAUSE, Act.ALERT]
    assert acts(machine.heard(100, "max rate", 61.0)) == [Act.PAUSE, Act.ALERT]
    assert acts(machine.heard(100, "max rate", 62.0)) == [Act.PAUSE, Act.ALERT]
    assert acts(machine.heard(100, "max rate", 63.0)) == [Act.CLOSE]


def test_a_broken_farm_keeps_the_socket_and_its_return_resubscribes() -> None:
    machine = up()
    assert machine.heard(2103, "Market data farm connection is broken:usfarm", 0.0) == ()
    assert machine.farms == {"usfarm": 2103}
    assert machine.link.is_live
    back = machine.heard(2104, "Market data farm connection is OK:usfarm", 1.0)
    assert acts(back) == [Act.RESUBSCRIBE]
    assert machine.heard(2104, "Market data farm connection is OK:usfarm", 2.0) == ()


def test_every_farm_that_was_heard_of_is_known_until_the_connection_ends() -> None:
    machine = up()
    machine.heard(2104, "Market data farm connection is OK:usfarm", 0.0)
    machine.heard(2105, "HMDS data farm connection is broken:ushmds", 0.0)
    machine.heard(
        2107,
        "HMDS data farm connection is inactive but should be available upon demand.euhmds",
        0.0,
    )
    assert machine.farm_states == {"usfarm": "OK", "ushmds": "BROKEN", "euhmds": "IDLE"}
    assert machine.tries == 0
    machine.closed("gone")
    assert machine.farm_states == {}
    machine.dialing()
    machine.dialing()
    assert machine.tries == 2
    machine.heard(2103, "Market data farm connection is broken:usfarm", 0.0)
    machine.connected(["DU0000001"], 1)
    assert machine.quotes_broken, "said before ids and accounts, as a gateway does"


def test_read_only_is_a_reason_until_the_next_connection() -> None:
    machine = up()
    machine.heard(321, "Error validating request: The API interface is in Read-Only mode.", 0.0)
    assert machine.reason == "READ_ONLY"
    assert "Read-Only API" in machine.text
    machine.closed("gone")
    machine.dialing()
    machine.connected(["DU0000001"], 1)
    machine.synced()
    assert machine.reason == ""


def test_a_changed_port_stops_and_alarms() -> None:
    machine = up()
    assert acts(machine.heard(1300, "the port has changed", 0.0)) == [Act.ALERT, Act.STOP]
    assert machine.is_stopped


def test_a_lost_frame_compares_anew() -> None:
    machine = up()
    assert acts(machine.frame_lost()) == [Act.SYNC]
    assert machine.reason == "SYNCING"


@pytest.mark.parametrize(
    ("at", "is_near"),
    [
        ((4, 39), False),
        ((4, 40), True),
        ((4, 59), True),
        ((5, 9), True),
        ((5, 10), False),
        ((15, 0), False),
    ],
)
def test_the_blackout_is_five_minutes_before_to_twenty_five_after(
    at: tuple[int, int], is_near: bool
) -> None:
    assert in_blackout(datetime(2026, 11, 21, *at, tzinfo=UTC), time(23, 45)) is is_near


def test_the_blackout_forbids_and_allows_again() -> None:
    machine = up()
    assert machine.clock(datetime(2026, 11, 21, 4, 45, tzinfo=UTC))
    assert machine.reason == "BLACKOUT"
    assert machine.clock(datetime(2026, 11, 21, 5, 15, tzinfo=UTC))
    assert machine.reason == ""


def test_resets_of_the_broker_are_known_by_region() -> None:
    night = datetime(2026, 11, 18, 5, 30, tzinfo=UTC)  # 00:30 in New York
    assert in_reset(night, "north_america")
    assert not in_reset(datetime(2026, 11, 18, 16, 0, tzinfo=UTC), "north_america")
    assert in_reset(datetime(2026, 11, 18, 6, 0, tzinfo=UTC), "europe")
    assert in_reset(datetime(2026, 11, 21, 6, 0, tzinfo=UTC), "asia")  # weekend, everywhere


def test_five_minutes_without_the_broker_are_an_alarm_once_but_not_at_night() -> None:
    day, night = (
        datetime(2026, 11, 18, 16, 0, tzinfo=UTC),
        datetime(2026, 11, 18, 5, 30, tzinfo=UTC),
    )
    machine = up()
    assert machine.overdue(0.0, day) == ()
    machine.closed("gone")
    assert machine.overdue(10.0, day) == ()
    assert machine.overdue(309.0, day) == ()
    assert machine.overdue(311.0, night) == ()
    assert acts(machine.overdue(312.0, day)) == [Act.ALERT]
    assert machine.overdue(400.0, day) == ()


def test_a_gateway_that_connects_and_answers_nothing_is_an_alert_too() -> None:
    day = datetime(2026, 11, 18, 16, 0, tzinfo=UTC)
    machine = made()
    alarms: list[Do] = []
    for now in range(0, 600, 30):  # each time it connects, and three comparisons fail
        machine.dialing()
        machine.connected(["DU0000001"], 1)
        alarms += machine.overdue(now, day)
        for _ in range(3):
            machine.sync_failed("positions: no answer within 10 s")
        machine.closed("3 failed comparisons")
        alarms += machine.overdue(now + 29, day)
    assert acts(alarms) == [Act.ALERT]
    assert "for 5 min" in alarms[0].text
    machine.dialing()
    machine.connected(["DU0000001"], 1)
    machine.synced()
    assert machine.overdue(700, day) == ()
    machine.closed("gone")
    assert machine.overdue(720, day) == ()


def test_a_connection_for_data_has_no_gates() -> None:
    machine = made(trades=False)
    machine.dialing()
    machine.connected(["DU9999999"], 1)
    machine.synced()
    assert machine.state is _S.LIVE


def test_a_missing_time_zone_is_named() -> None:
    assert missing_zones() == []
    assert missing_zones(("UTC", "XYZ/Nowhere")) == ["XYZ/Nowhere"]


class Whatever(RuleBasedStateMachine):
    """Anything may happen at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = made()
        self.compared = False  # since the last thing that made it necessary
        self.epochs = 0

    @precondition(lambda self: self.machine.state is _S.DOWN)
    @rule()
    def dial(self) -> None:
        self.machine.dialing()

    @precondition(lambda self: self.machine.state is _S.TCP)
    @rule(next_id=st.integers(1, 1000))
    def ids_come(self, next_id: int) -> None:
        self.machine.connected(["DU0000001"], next_id)
        self.epochs += 1
        self.compared = False

    @precondition(lambda self: self.machine.state is _S.TCP)
    @rule(clash=st.booleans())
    def is_refused(self, clash: bool) -> None:
        assert Act.CONNECT in acts(self.machine.refused("no", clash=clash))

    @rule()
    def closes(self) -> None:
        before = self.machine.state
        done = acts(self.machine.closed("gone"))
        assert (Act.CONNECT in done) == (before is not _S.DOWN)
        self.compared = False

    @rule()
    def answers_come(self) -> None:
        if self.machine.state is _S.SYNCING:
            self.compared = True
        self.machine.synced()

    @rule()
    def an_answer_fails(self) -> None:
        self.machine.sync_failed("positions")

    @rule(code=st.sampled_from([1100, 1101, 1102, 2110, 2103, 2104, 100, 31337, 502]))
    def a_code_comes(self, code: int) -> None:
        self.machine.heard(code, "farm:usfarm", 0.0)
        if code in (1101, 1102):
            self.compared = False

    @rule()
    def a_frame_is_lost(self) -> None:
        self.machine.frame_lost()
        self.compared = False

    @invariant()
    def live_means_compared(self) -> None:
        link = self.machine.link
        if link.is_live:
            assert self.compared
            assert link.upstream
        assert (link.reason == "") == link.is_live
        assert link.epoch == self.epochs


Whatever.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestWhatever = Whatever.TestCase
