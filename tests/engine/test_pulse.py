"""The pulse measures commits, and tells of what runs out slowly."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.domain import event as facts
from engine.domain.alert import AlertState, Severity
from engine.domain.session import TradingState
from engine.ports import Reach
from engine.runtime.clock import SystemClock
from engine.runtime.heartbeat import Pulse
from engine.runtime.inbox import Inbox
from tests.engine.story import Story
from tests.patience import PATIENCE_S

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def test_a_disk_that_fills_is_told_once_and_resolved_when_there_is_room_again() -> None:
    now: dict[str, str | None] = {"disk_low": "0.80 GiB free"}
    pulse, story = Pulse(SystemClock(), 0, troubles=lambda: dict(now)), Story()
    for _ in range(3):
        story.given(*pulse.news(AT))
    (alert,) = story.of(facts.AlertRaised)
    assert (alert.alert.kind, alert.alert.text) == ("disk_low", "0.80 GiB free")
    assert alert.alert.severity is Severity.WARNING
    assert story.trading == TradingState.ACTIVE.value
    now["disk_low"] = None
    for _ in range(2):
        story.given(*pulse.news(AT))
    (change,) = story.of(facts.AlertStateChanged)
    assert (change.alert_id, change.state) == (alert.alert.alert_id, AlertState.RESOLVED)
    now["disk_low"] = "0.70 GiB free"
    story.given(*pulse.news(AT))
    assert len(story.of(facts.AlertRaised)) == 2
    now["disk_low"] = None
    story.given(*Pulse(SystemClock(), 0, troubles=lambda: now).news(AT))
    assert len(story.of(facts.AlertStateChanged)) == 2, "a new session ends what an old one left"


def test_the_slowest_of_a_hundred_commits_is_told() -> None:
    pulse = Pulse(SystemClock(), 0)
    assert pulse.commit_p99_ms is None
    for n in range(100):
        pulse.committed(n / 1000)
    assert pulse.commit_p99_ms == 98.0


class SetClock(SystemClock):
    """A clock that is set."""

    at = 1000.0

    def monotonic(self) -> float:
        """Return what was set."""
        return self.at


class HeldUp(Inbox):
    """Comes half a second late out of every wait."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__()
        self.clock = clock

    async def wait(self, timeout_s: float) -> None:
        """Be late."""
        self.clock.at += timeout_s + 0.5


async def test_a_gap_is_what_held_the_loop_up_and_not_what_it_wanted_to_wait() -> None:
    clock = SetClock()
    pulse = Pulse(clock, 0)
    await pulse.rest(HeldUp(clock), clock.at + 2.0)
    pulse.turn()
    assert pulse.gap_ms == 500.0
    clock.at += 3.0  # busy all the while
    pulse.turn()
    assert pulse.gap_ms == 3000.0


async def test_lag_is_how_late_a_rest_ended_and_unknown_where_the_loop_never_slept() -> None:
    clock = SetClock()
    pulse = Pulse(clock, 0)
    pulse.turn()
    assert pulse.lag_ms is None
    await pulse.rest(HeldUp(clock), clock.at - 1.0)  # late already: nothing was slept
    assert pulse.lag_ms is None
    await pulse.rest(HeldUp(clock), clock.at + 2.0)
    assert pulse.lag_ms == 500.0


def test_an_item_is_as_it_is_since_it_became_so() -> None:
    pulse, ok = Pulse(SystemClock(), 0), Reach(round_trip_ms=12.0, farms={"usfarm": "OK"})
    broken = replace(ok, farms={"usfarm": "BROKEN"})
    at = [AT + timedelta(seconds=n) for n in range(3)]
    assert set(pulse._as_it_is(0, ok, "", at[0]).values()) == {at[0]}
    then = pulse._as_it_is(2000, broken, "", at[1])
    assert (then["report lane"], then["data farms"], then["round trip"]) == (at[1], at[1], at[0])
    assert pulse._as_it_is(2000, broken, "", at[2]) == then
    assert "link" not in pulse._as_it_is(0, None, "", at[2])


async def test_a_nudge_ends_a_wait_though_nothing_arrived() -> None:
    inbox = Inbox()
    asyncio.get_running_loop().call_soon(inbox.wake)
    async with asyncio.timeout(PATIENCE_S):
        await inbox.wait(10 * PATIENCE_S)
    assert not inbox
