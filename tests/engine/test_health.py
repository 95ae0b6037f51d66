"""Health rows: bounds, what does not apply, the worst of all."""

import pytest

from engine.checks.health import Level, Vitals, examine, worst
from engine.domain.session import Verdict


@pytest.mark.parametrize(
    ("vitals", "level", "value"),
    [
        (Vitals(heartbeat_age_s=1.0), Level.OK, "1 s"),
        (Vitals(heartbeat_age_s=5.0), Level.WARN, "5 s"),
        (Vitals(heartbeat_age_s=float("nan")), Level.BAD, "nan s"),
        (Vitals(tick_gap_ms=2000.0), Level.BAD, "2000 ms"),
        (Vitals(reports_waiting=1000), Level.BAD, "1000"),
        (Vitals(commit_p99_ms=14.9), Level.OK, "14.9 ms"),
        (Vitals(quote_age_s=45.0), Level.WARN, "45 s"),
        (Vitals(clock_offset_s=-1.5), Level.WARN, "1.5 s"),
        (Vitals(wal_mb=640.0), Level.WARN, "640 MB"),
        (Vitals(free_gib=0.5), Level.WARN, "0.5 GiB"),
        (Vitals(free_gib=12.0), Level.OK, "12.0 GiB"),
    ],
)
def test_numbers_become_levels(vitals: Vitals, level: Level, value: str) -> None:
    (row,) = examine(vitals)
    assert (row.level, row.value) == (level, value)


def test_what_does_not_apply_has_no_row() -> None:
    assert examine(Vitals()) == ()
    assert worst(()) is Level.OK


def test_worst_row_speaks_for_all() -> None:
    rows = examine(Vitals(heartbeat_age_s=6.0), link_live=True, verdict=Verdict.CLEAN)
    assert [row.level for row in rows] == [Level.WARN, Level.OK, Level.OK]
    assert worst(rows) is Level.WARN
    lost = examine(Vitals(), link_live=False, verdict=Verdict.UNKNOWN)
    assert [row.level for row in lost] == [Level.BAD, Level.WARN]
    assert worst(lost) is Level.BAD
