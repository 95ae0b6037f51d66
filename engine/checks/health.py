"""Turn ages and counts into rows that say OK, WARN or BAD, for status and doctor. Pure.

What is not known is BAD where the engine should be telling it, and left out where nobody can
know it (no engine runs, no broker is used).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import NamedTuple

from engine.domain.session import Verdict


class Level(Enum):
    """How a row is: green, amber, red."""

    OK = "OK"
    WARN = "WARN"
    BAD = "BAD"


class Health(NamedTuple):
    """One row."""

    item: str
    level: Level
    value: str
    limit: str


class Bounds(NamedTuple):
    """From where on a number warns, and from where on it is bad; None: never."""

    item: str
    warn: float
    bad: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What is measured of a running engine; None where it does not apply."""

    heartbeat_age_s: float | None = None
    tick_gap_ms: float | None = None  # the longest that the loop was held up
    loop_lag_ms: float | None = None  # the latest that it woke up after its time
    reports_waiting: int | None = None
    commit_p99_ms: float | None = None
    quote_age_s: float | None = None  # oldest of the instruments in use, in open hours
    round_trip_ms: float | None = None  # of a question to the broker
    clock_offset_s: float | None = None  # against the broker's clock, either sign
    wal_mb: float | None = None
    free_gib: float | None = None  # less is worse


BOUNDS: dict[str, Bounds] = {
    "heartbeat_age_s": Bounds("heartbeat", 5, 15, "s"),
    "tick_gap_ms": Bounds("loop gap", 250, 2000, "ms"),
    "loop_lag_ms": Bounds("loop lag", 250, 2000, "ms"),
    "reports_waiting": Bounds("report lane", 100, 1000, ""),
    "commit_p99_ms": Bounds("commit p99", 15, 2000, "ms"),
    "quote_age_s": Bounds("oldest quote", 30, 60, "s"),
    "round_trip_ms": Bounds("round trip", 1000, 5000, "ms"),
    "clock_offset_s": Bounds("clock offset", 1, 5, "s"),
    "wal_mb": Bounds("WAL", 64, None, "MB"),
}

FREE_GIB_LEAST = 1.0

_OF_VERDICT = {
    Verdict.CLEAN: Level.OK,
    Verdict.DIFFERENCES: Level.BAD,
    Verdict.UNKNOWN: Level.WARN,
}


def examine(
    vitals: Vitals, *, link_live: bool | None = None, verdict: Verdict | None = None
) -> tuple[Health, ...]:
    """Return a row for everything that applies, in a fixed order."""
    rows = [
        _row(bounds, abs(value))
        for name, bounds in BOUNDS.items()
        if (value := getattr(vitals, name)) is not None
    ]
    if vitals.free_gib is not None:
        level = Level.OK if vitals.free_gib >= FREE_GIB_LEAST else Level.WARN
        rows.append(
            Health("disk free", level, f"{vitals.free_gib:.1f} GiB", f"{FREE_GIB_LEAST:g} GiB")
        )
    if link_live is not None:
        state = "live" if link_live else "not live"
        rows.append(Health("link", Level.OK if link_live else Level.BAD, state, "live"))
    if verdict is not None:
        rows.append(Health("reconciliation", _OF_VERDICT[verdict], verdict.value, "CLEAN"))
    return tuple(rows)


def worst(rows: Sequence[Health]) -> Level:
    """Return the worst level of all rows, OK where there are none."""
    order = list(Level)
    return max((row.level for row in rows), key=order.index, default=Level.OK)


def _row(bounds: Bounds, value: float) -> Health:
    if bounds.bad is not None and not value < bounds.bad:  # NaN is bad
        level = Level.BAD
    else:
        level = Level.OK if value < bounds.warn else Level.WARN
    unit = f" {bounds.unit}" if bounds.unit else ""
    return Health(bounds.item, level, f"{value:g}{unit}", f"{bounds.warn:g}{unit}")


assert set(BOUNDS) | {"free_gib"} == {field.name for field in fields(Vitals)}
