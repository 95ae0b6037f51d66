"""Sockets, sessions and the broker's own servers: what is shown, refused and found again."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import BrokerUnreachable
from tests.scenarios.broker.story import Story

LIMIT = "QQQ BUY 10 @ 100"


async def test_the_link_lost_in_a_send_leaves_one_order_that_is_found_by_reference(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("drop_socket", client=17, on="place")
        await story.slot()
        await story.status_is("FILLED")
        assert "UNKNOWN" in story.statuses
        assert "asking the broker by reference" in story.alerts["order_unknown"]
        assert "LINK_DOWN" in story.links
        await story.verdict_is("CLEAN")
        assert len(story.there) == 1


async def test_what_filled_while_the_gateway_was_away_is_fetched_from_it(tmp_path: Path) -> None:
    async with Story(tmp_path, LIMIT, partial_fills="halves") as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.fault("restart", down_s=15, on="fill")
        story.quote("QQQ", "99")
        await story.link_is("LINK_DOWN")
        assert story.alerts["link"].startswith("WARNING LINK_DOWN")
        await story.status_is("FILLED")
        assert sum(quantity for quantity, _ in story.fills) == 10
        await story.verdict_is("CLEAN")


async def test_a_half_open_socket_is_noticed_by_its_silence(tmp_path: Path) -> None:
    quick = {"heartbeat_after": 0.3, "silence": 0.8}
    async with Story(tmp_path, LIMIT, timings=quick) as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.fault("half_open", client=17, s=15)
        await story.link_is("LINK_DOWN")
        assert "nothing heard for" in story.alerts["link"]
        story.quote("QQQ", "99")
        await story.status_is("FILLED")
        await story.verdict_is("CLEAN")


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("upstream_lost", {"data_lost": False, "repeat_s": 100}, "1100"),
        ("upstream_lost", {"data_lost": True}, "1100"),
        ("upstream_lost", {"fills": False}, "1100"),
        ("tws_server_lost", {}, "2110"),
    ],
)
async def test_without_the_brokers_servers_nothing_is_sent_and_their_return_compares_anew(
    tmp_path: Path, name: str, given: dict[str, object], code: str
) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        before = story.streams
        await story.fault(name, s=300, **given)
        await story.link_is("UPSTREAM_DOWN")
        assert story.status["link_text"].startswith(code)
        await story.slot()
        order = story.order()
        assert (order["status"], order["reason"]) == ("DENIED", "link")
        assert "link: UPSTREAM_DOWN" in story.alerts["order_denied"]
        compared = len(story.verdicts)
        story.gateway.advance(300)
        await story.link_is("LIVE")
        await story.until(lambda: len(story.verdicts) > compared)
        assert story.verdicts[-1] == "CLEAN"
        assert story.there == []
        if given.get("data_lost"):
            await story.until(lambda: bool(story.streams - before))


async def test_a_client_id_in_use_ends_the_start_at_once_and_names_it(tmp_path: Path) -> None:
    async with Story(tmp_path, faults={"client_id_busy": {"client": 17, "s": 600}}) as story:
        await story.until(lambda: story.failure is not None)
        assert isinstance(story.failure, BrokerUnreachable)
        assert "client id 17 is in use" in str(story.failure)
        (session,) = story.rows("SELECT * FROM v_sessions")
        assert session["state"] == "FAILED"
        assert "client id 17 is in use" in session["end_reason"]


async def test_a_client_id_taken_meanwhile_is_told_and_nobody_is_fought_for_it(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path) as story:
        await story.fault("client_id_busy", client=17, s=15)
        await story.fault("drop_socket", client=17)
        await story.until(lambda: "in use" in story.status["link_text"])
        assert story.status["link"] == "LINK_DOWN"
        await story.alarm("another program")
        await story.link_is("LIVE")
        await story.verdict_is("CLEAN")


async def test_a_gateway_that_is_silent_at_the_start_is_dialed_again(tmp_path: Path) -> None:
    async with Story(tmp_path) as story:
        await story.fault("silent_start", count=2)
        await story.fault("drop_socket")
        await story.until(lambda: "no answer to the start" in story.status["link_text"])
        await story.link_is("LIVE")
        await story.verdict_is("CLEAN")


async def test_after_a_restart_reissued_ids_mix_up_no_orders(tmp_path: Path) -> None:
    async with Story(tmp_path, LIMIT, "SPY BUY 5 @ 90") as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.status_is("ACCEPTED", "SPY")
        await story.fault("restart", down_s=3, id_rollback=2)
        await story.link_is("LINK_DOWN")
        await story.link_is("LIVE")
        await story.ask("CANCEL", order_id=story.order()["order_id"])
        await story.status_is("CANCELED")
        assert story.order("SPY")["status"] == "ACCEPTED"
        assert sorted(status for _, status in story.there) == ["Cancelled", "Submitted"]


async def test_ids_that_roll_back_are_not_used_twice(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10", "SPY BUY 5 @ 90") as story:
        await story.slot()
        await story.status_is("FILLED")
        await story.status_is("ACCEPTED", "SPY")
        await story.fault("id_rollback", n=2)
        await story.fault("drop_socket", client=17)
        await story.link_is("LIVE")
        await story.ask("FLATTEN")
        await story.until(lambda: story.position() == 0)
        ids = story.rows("SELECT broker_order_id FROM v_orders ORDER BY seq")
        assert [row["broker_order_id"] for row in ids] == [1, 2, 3]


async def test_in_the_blackout_before_the_nightly_restart_nothing_is_sent(tmp_path: Path) -> None:
    evening = datetime(2026, 11, 24, 4, 39, tzinfo=UTC)  # 23:39 in New York, a Monday
    settings = {"run.strategy": "manual", "manual.symbols": "QQQ"}
    async with Story(tmp_path, settings=settings, start=evening) as story:
        await story.until(lambda: story.streams)
        await story.pass_(90)
        await story.link_is("BLACKOUT")
        buy = {"action": "BUY", "symbol": "QQQ", "quantity": "5"}
        assert await story.ask("ORDER", **buy) == "DENIED"
        assert (story.order()["status"], story.order()["reason"]) == ("DENIED", "link")
        assert "link: BLACKOUT" in story.alerts["order_denied"]
        assert story.there == []


async def test_a_night_with_its_restart_and_reset_alarms_nobody(tmp_path: Path) -> None:
    evening = datetime(2026, 11, 24, 4, 39, tzinfo=UTC)  # 23:39 in New York, a Monday
    async with Story(tmp_path, start=evening) as story:
        await story.fault("nightly", count=0)
        for seconds, reason in (
            (120, "BLACKOUT"),
            (240, "LINK_DOWN"),
            (120, "BLACKOUT"),
            (1500, "LIVE"),
            (300, "UPSTREAM_DOWN"),
            (5700, "LIVE"),
        ):
            await story.pass_(seconds, step_s=120)
            await story.link_is(reason)
        await story.verdict_is("CLEAN")
        assert story.alerts == {}


async def test_a_read_only_gateway_is_recognised_and_gets_no_order(tmp_path: Path) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.fault("read_only")
        await story.link_is("READ_ONLY")
        assert "clear Read-Only API" in story.status["link_text"]
        assert story.alerts["link"].startswith("WARNING READ_ONLY")
        await story.slot()
        assert (story.order()["status"], story.order()["reason"]) == ("DENIED", "link")
        assert "link: READ_ONLY" in story.alerts["order_denied"]
        assert story.there == []


async def test_another_login_takes_the_data_and_nothing_is_sized_without_it(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, LIMIT, speed=2) as story:
        await story.fault("competing_session", s=3000)
        await story.slot(waits=True)
        assert story.there == []
        assert "10197" in story.gaps
        await story.alarm("the same user is logged in elsewhere; log out there")
        assert story.status["link"] == "LIVE"


async def test_a_broken_data_farm_keeps_the_socket_and_sizes_nothing(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10", speed=2) as story:
        await story.fault("farm_flap", farm="data", s=300)
        await story.slot(waits=True)
        assert "the data farm usfarm is broken" in story.gaps
        assert story.there == []
        assert story.status["link"] == "LIVE"
        before = story.streams
        story.gateway.advance(300)
        await story.until(lambda: story.streams - before)
        assert story.links[3:] == []


@pytest.mark.parametrize("farm", ["history", "definitions"])
async def test_a_farm_that_no_order_needs_stops_none(tmp_path: Path, farm: str) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("farm_flap", farm=farm, s=20)
        await story.slot()
        await story.status_is("FILLED")
        assert story.links[3:] == []


async def test_a_clock_that_is_wrong_is_told_and_stops_entries(tmp_path: Path) -> None:
    skewed = {"clock_skew": {"s": -90}}
    async with Story(tmp_path, LIMIT, faults=skewed, speed=1) as story:
        assert "ahead of the broker's" in await story.alert("clock_off")
        state = story.status["trading_state"]
        assert (state["state"], state["actor"]) == ("REDUCING", "engine")
        await story.runs()
        await story.slot()
        assert (story.order()["status"], story.order()["reason"]) == ("DENIED", "trading_state")
        assert story.there == []
