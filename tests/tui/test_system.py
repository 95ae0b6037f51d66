"""Health in words: every item has its limit, and what was not reported is not well."""

from dataclasses import replace
from typing import Any

from engine.checks.health import Level
from tests.tui import sample
from tui.panes.system import health_lines, items
from tui.view import Reading, View

ROOM = {"database_bytes": 4_200_000, "log_bytes": 100_000, "free_bytes": 5 << 30}


def given(**rows: Any) -> View:
    """The sample with other rows."""
    view = sample.view()
    changed = {k: Reading(v, sample.NOW) for k, v in rows.items()}
    return View(view.moment, {**view.readings, **changed})


def levels(view: View) -> dict[str, Level | None]:
    """How each item is."""
    return {one.name: one.level for one in items(view)}


def test_a_sound_engine_is_well_in_everything() -> None:
    found = levels(given(beat=(sample.beat(room=ROOM),)))
    assert set(found.values()) <= {Level.OK, None}
    assert {"heartbeat", "loop gap", "commit p99", "write-ahead log", "disk"} <= found.keys()


def test_a_full_disk_a_long_log_and_a_slow_commit_are_not_well() -> None:
    room = ROOM | {"free_bytes": 1 << 29, "log_bytes": 70_000_000}
    found = levels(given(beat=(sample.beat(room=room, commit_p99_ms=3000.0),)))
    assert found["disk"] is found["write-ahead log"] is Level.WARN
    assert found["commit p99"] is Level.BAD


def test_a_running_session_without_a_pulse_is_bad() -> None:
    assert levels(given(beat=()))["heartbeat"] is Level.BAD


def test_a_session_that_has_ended_is_not_asked_for_its_pulse() -> None:
    ended = sample.session(state="STOPPED", ended_at=sample.ago(5))
    found = levels(given(session=(ended,), beat=(sample.beat(wall_at=sample.ago(900)),)))
    assert "heartbeat" not in found


def test_a_link_that_is_not_live_says_why() -> None:
    session = sample.session(link="UPSTREAM_DOWN", link_text="1100: connectivity lost")
    (link,) = (one for one in items(given(session=(session,))) if one.name == "link")
    assert (link.level, link.note) == (Level.BAD, "1100: connectivity lost")


def test_a_failed_job_is_bad_and_named() -> None:
    job = {"job": "backup", "session_date": "2026-11-20", "outcome": "FAILED", "detail": "full"}
    (last,) = (one for one in items(given(job=(job,))) if one.name == "last job")
    assert (last.level, last.note) == (Level.BAD, "backup of 2026-11-20")


def test_a_low_pane_shows_the_summary_and_what_is_not_well() -> None:
    room = ROOM | {"free_bytes": 1 << 29}
    view = given(beat=(sample.beat(room=room),))
    low, high = health_lines(view, 80, 20), health_lines(view, 80, 40)
    assert len(low) == 2
    assert len(high) > 8
    assert "1 not" in "".join(span.text for span in low[0].spans)
    unread = replace(view, readings={})
    assert health_lines(unread, 80, 20) == []
