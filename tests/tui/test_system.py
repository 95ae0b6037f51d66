"""Health in words: every item has its limit, and what was not reported is not well."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from engine.checks.health import Level
from tests.tui import sample
from tui.panes.system import Item, Own, health_lines, items
from tui.view import Reading, View
from tui.widgets.lines import Line

ROOM = {"database_bytes": 4_200_000, "log_bytes": 100_000, "free_bytes": 5 << 30}


def given(**rows: Any) -> View:
    """The sample with other rows."""
    view = sample.view()
    changed = {k: Reading(v, sample.NOW) for k, v in rows.items()}
    return View(view.moment, {**view.readings, **changed})


def levels(view: View) -> dict[str, Level | None]:
    """How each item is."""
    return {one.name: one.level for one in items(view)}


def named(view: View, name: str, own: Own | None = None) -> Item:
    """One item."""
    (found,) = (one for one in items(view, own) if one.name == name)
    return found


def text_of(line: Line) -> str:
    """A line as it is read."""
    return "".join(span.text for span in line.spans)


REACH = {
    "round_trip_ms": 12.0, "clock_offset_s": -0.04, "asked_s": 20.0, "tries": 0,
    "farms": {"usfarm": "OK", "ushmds": "IDLE"}, "quotes_broken": "",
}  # fmt: skip


def test_a_sound_engine_is_well_in_everything() -> None:
    found = levels(given(beat=(sample.beat(room=ROOM),)))
    assert set(found.values()) <= {Level.OK, None}
    assert {"heartbeat", "loop gap", "loop lag", "commit p99", "WAL", "disk free"} <= found.keys()


def test_a_full_disk_a_long_log_and_a_slow_commit_are_not_well() -> None:
    room = ROOM | {"free_bytes": 1 << 29, "log_bytes": 70_000_000}
    found = levels(given(beat=(sample.beat(room=room, commit_p99_ms=3000.0),)))
    assert found["disk free"] is found["WAL"] is Level.WARN
    assert found["commit p99"] is Level.BAD


def test_a_running_session_without_a_pulse_is_bad() -> None:
    assert levels(given(beat=()))["heartbeat"] is Level.BAD


def test_a_replay_has_no_pulse_and_is_not_ill_for_it() -> None:
    found = items(given(beat=(), session=(sample.session(replay=1),)))
    assert "heartbeat" not in {one.name for one in found}
    assert not any(one.silent or one.level is Level.BAD for one in found)


def test_a_session_that_has_ended_is_not_asked_for_its_pulse() -> None:
    ended = sample.session(state="STOPPED", ended_at=sample.ago(5))
    found = levels(given(session=(ended,), beat=(sample.beat(wall_at=sample.ago(900)),)))
    assert "heartbeat" not in found


def test_a_link_that_is_not_live_says_why() -> None:
    session = sample.session(link="UPSTREAM_DOWN", link_text="1100: connectivity lost")
    link = named(given(session=(session,)), "link")
    assert (link.level, link.note) == (Level.BAD, "1100: connectivity lost")


def test_a_failed_job_is_bad_and_named() -> None:
    job = {"job": "backup", "session_date": "2026-11-20", "outcome": "FAILED", "detail": "full"}
    (last,) = (one for one in items(given(job=(job,))) if one.name == "last job")
    assert (last.level, last.note) == (Level.BAD, "backup of 2026-11-20")


def test_a_low_pane_shows_the_summary_and_what_is_not_well() -> None:
    room = ROOM | {"free_bytes": 1 << 29}
    view = given(beat=(sample.beat(room=room),))
    low, high = health_lines(view, 80, 20), health_lines(view, 80, 40)
    assert len(low) == 3  # the summary, the labels, the one that is not well
    assert len(high) > 8
    assert len(health_lines(view, 80, 20, whole_table=True)) == len(high)
    assert "1 not" in "".join(span.text for span in low[0].spans)
    unread = replace(view, readings={})
    assert health_lines(unread, 80, 20) == []


# -- age and since -------------------------------------------------------------------------


def test_every_item_has_its_age_and_since_when_it_is_so() -> None:
    since = {"loop lag": sample.ago(3600), "data farms": sample.ago(60), "link": sample.ago(90)}
    beat = sample.beat(room=ROOM, loop_lag_ms=0.4, reach=REACH, since=since)
    view = given(beat=(beat,), session=(sample.session(link="LIVE"),))
    lag = named(view, "loop lag")
    assert (lag.value, lag.age, lag.since) == ("0.4 ms", "0s", "14:41:07")
    assert (named(view, "round trip").value, named(view, "round trip").age) == ("12 ms", "20s")
    assert named(view, "clock offset").value == "0.04 s"
    assert named(view, "link").since == "15:39:37"
    compared = named(view, "reconciled")
    assert (compared.value, compared.age, compared.since) == ("CLEAN", "4m", "15:37:07")


def test_data_farms_are_named_and_a_broken_one_is_not_well() -> None:
    def farms(**changes: Any) -> Item:
        view = given(beat=(sample.beat(room=ROOM, reach=REACH | changes),))
        return named(view, "data farms")

    up = farms()
    assert (up.value, up.level, up.note) == ("2 up", Level.OK, "usfarm, ushmds idle")
    other = farms(farms={"usfarm": "OK", "eufarm": "BROKEN"})
    assert (other.value, other.level) == ("1 broken", Level.WARN)
    assert other.note == "eufarm broken, usfarm"
    mine = farms(farms={"usfarm": "BROKEN"}, quotes_broken="the data farm usfarm is broken")
    assert mine.level is Level.BAD
    assert (farms(farms={}).value, farms(farms={}).state) == ("·", "?")


def test_what_was_never_answered_is_unknown_and_never_zero() -> None:
    silent = REACH | {"round_trip_ms": None, "clock_offset_s": None, "asked_s": None}
    view = given(beat=(sample.beat(room=ROOM, reach=silent, loop_lag_ms=None),))
    for name in ("round trip", "clock offset"):
        assert (named(view, name).value, named(view, name).state) == ("·", "?")
    assert (named(view, "loop lag").value, named(view, "loop lag").state) == ("·", "")
    offline = {one.name for one in items(given(beat=(sample.beat(room=ROOM),)))}
    assert not offline & {"round trip", "clock offset", "data farms"}


def test_an_item_that_was_not_reported_for_two_periods_is_a_question_mark() -> None:
    late = sample.beat(room=ROOM, reach=REACH, wall_at=sample.ago(4))
    view = given(beat=(late,))
    assert {named(view, name).state for name in ("loop gap", "commit p99", "round trip")} == {"?"}
    assert named(view, "WAL").state == "OK"  # measured here
    asked = given(beat=(sample.beat(room=ROOM, reach=REACH | {"asked_s": 130.0}),))
    assert named(asked, "round trip").state == "?"
    assert named(asked, "loop gap").state == "OK"


def test_the_screen_says_what_it_sends_and_since_when_it_sees_what_it_measures() -> None:
    own, full = Own(sent_per_s=240.4), ROOM | {"free_bytes": 1 << 29}
    sound = given(beat=(sample.beat(room=ROOM),))
    assert named(sound, "screen", own).value == "240 B/s"
    assert named(sound, "screen").value == "·"
    later = replace(sound.moment, wall=sample.NOW + timedelta(seconds=30))
    assert named(View(later, sound.readings), "disk free", own).since == "15:41:07"
    low = given(beat=(sample.beat(room=full),))
    assert named(View(later, low.readings), "disk free", own).since == "15:41:37"


def test_a_line_of_health_stands_under_its_labels_in_78_cells() -> None:
    view = given(beat=(sample.beat(room=ROOM | {"free_bytes": 1 << 29}),))
    _, labels, disk = (text_of(each) for each in health_lines(view, 80, 20))
    assert disk.startswith(" disk free         0.5 GiB      1 GiB WARN")
    assert labels.index("State") == disk.index("WARN")
    assert len(labels) <= 80
