"""What `status` says is what is known: a slot that is past is not the next one."""

from typing import Any

import pytest

from tui.commands.standing import _link, _next_slot
from tui.format import fills_at


@pytest.mark.parametrize(
    ("decided_at", "expected"),
    [
        (None, "open 2014-02-26T14:30:00.000000Z"),
        ("2014-02-25T14:30:00.000000Z", "open 2014-02-26T14:30:00.000000Z"),
        ("2014-02-26T14:30:00.000000Z", None),
        ("2014-02-27T14:30:00.000000Z", None),
    ],
)
def test_a_slot_that_a_decision_has_gone_past_is_not_the_next(
    decided_at: str | None, expected: str | None
) -> None:
    beat = {"next_slot": "open 2014-02-26T14:30:00.000000Z"}
    decision = None if decided_at is None else {"at": decided_at}
    assert _next_slot(beat, decision) == expected
    assert _next_slot({"next_slot": ""}, decision) is None
    assert _next_slot(None, decision) is None


@pytest.mark.parametrize(
    ("mode", "link", "expected"),
    [
        ("paper", None, "DOWN"),
        ("live", None, "DOWN"),
        ("paper", "LIVE", "LIVE"),
        ("offline", None, "SYNTHETIC"),
    ],
)
def test_a_link_that_never_was_is_down(mode: str, link: str | None, expected: str) -> None:
    session: dict[str, Any] = {"mode": mode, "link": link, "feed": "LIVE"}
    if mode == "offline":
        session["feed"] = "SYNTHETIC"
    assert _link(session) == expected


@pytest.mark.parametrize(
    ("mode", "rule", "expected"),
    [
        ("backtest", "next_open", "next_open"),
        ("offline", "same_close", "same_close, not achievable"),
        ("paper", "next_open", "the broker"),
        ("live", "same_close", "the broker"),
    ],
)
def test_a_rule_of_the_simulation_stands_beside_no_brokers_fill(
    mode: str, rule: str, expected: str
) -> None:
    assert fills_at(mode, rule) == expected
