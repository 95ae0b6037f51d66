"""Answers that are late, missing, empty, refused or unreadable: unknown, never empty or flat."""

from pathlib import Path

import pytest

from tests.scenarios.broker.story import Story

MARKET = "QQQ BUY 10"
QUICK = {"request": 0.5}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("empty", {"kind": 61, "count": 0}, "positions"),
        ("silent", {"kind": 61, "count": 0}, "no answer"),
        ("slow", {"kind": 61, "ms": 20_000, "count": 0}, "no answer"),
        ("error", {"kind": 61, "code": 321, "text": "not now", "count": 0}, "positions"),
        ("silent", {"kind": 16, "count": 0}, "orders"),
    ],
    ids=lambda one: one if isinstance(one, str) else str(one["kind"]),
)
async def test_an_answer_that_cannot_be_believed_is_unknown_and_nothing_is_closed(
    tmp_path: Path, name: str, given: dict[str, object], said: str
) -> None:
    async with Story(tmp_path, MARKET, timings=QUICK) as story:
        await story.slot()
        await story.status_is("FILLED")
        await story.fault(name, **given)
        assert await story.reconcile() == "UNKNOWN"
        assert said in story.alerts["reconciliation"]
        assert story.position() == 10
        assert story.differences == {}
        story.gateway.venue.clear_faults()
        await story.pass_(30)
        await story.is_clean()


@pytest.mark.parametrize("mode", ["drop", "insert", "garbage"])
async def test_a_frame_that_cannot_be_read_compares_everything_anew(
    tmp_path: Path, mode: str
) -> None:
    async with Story(tmp_path, MARKET) as story:
        await story.fault("bad_frame", kind=11, client=17, mode=mode)
        await story.slot()
        await story.status_is("FILLED")
        assert [quantity for quantity, _ in story.fills] == [10]
        await story.is_clean()


async def test_an_absurd_frame_costs_the_connection_and_no_fill(tmp_path: Path) -> None:
    async with Story(tmp_path, MARKET, timings={"silence": 0.8, "heartbeat_after": 0.3}) as story:
        await story.fault("bad_frame", kind=11, client=17, mode="oversize")
        await story.slot()
        await story.status_is("FILLED")
        assert "LINK_DOWN" in story.links[1:]
        await story.is_clean()


@pytest.mark.parametrize(
    ("name", "given"), [("fragment", {"bytes": 7}), ("coalesce", {"frames": 9})]
)
async def test_frames_cut_or_joined_are_the_same_frames(
    tmp_path: Path, name: str, given: dict[str, object]
) -> None:
    async with Story(tmp_path, MARKET) as story:
        await story.fault(name, client=17, **given)
        await story.slot()
        await story.status_is("FILLED")
        await story.is_clean()
        assert set(story.links[2:]) == {"LIVE"}
