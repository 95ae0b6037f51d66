"""What the adapter works under: its settings, checked for a mode, and its timings."""

from dataclasses import dataclass, field
from datetime import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.domain.session import Mode
from engine.errors import SettingsError
from engine.settings.model import Settings

PREFIX = "PH-"
"""Order references that begin so are ours or those of another engine."""

NEW_YORK = "America/New_York"

ZONES = (
    "US/Eastern",
    "US/Central",
    NEW_YORK,
    "EST5EDT",
    "Europe/London",
    "Asia/Hong_Kong",
    "UTC",
)
"""Zones that times come in. With one missing the library drops every execution silently."""

_BESIDE = 3
"""A dry run's client ids stand beside those of an engine (two) and of panic at one gateway."""

REQUEST_BASE = 1_000_000_000
"""Ids of requests begin here, far above any order id, so that an error names one of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things may take, in seconds; tests make them short."""

    socket: float = 5
    start: float = 10
    request: float = 10
    history: float = 60
    ready: float = 60  # connect and sync, at the start of a session
    send: float = 0.25  # from the last checks of an order to its bytes
    in_flight_every: float = 2
    in_flight_after: float = 5
    in_flight_tries: int = 5
    look_up_gap: float = 0.1
    look_ups: int = 10  # in one cycle
    poll_busy: float = 10  # open orders, while an order lives
    poll_idle: float = 60
    poll_misses: int = 5
    poll_touched: float = 5  # an order that spoke within it is not missed
    settle_after: float = 10  # after everything was asked, before anything hangs
    executions_every: float = 60
    gap_after: float = 5  # Filled without its fills
    settle: float = 1  # after a fill, before the account is read
    settle_cap: float = 5  # likewise, where its commission does not come
    commission_after: float = 30
    commission_alarm: float = 300
    cancel_again: float = 10
    cancel_tries: int = 3
    inactive_after: float = 2
    absent_again: float = 60  # second look-up before an order is called absent
    upstream_for: float = 30
    back_off: float = 1
    back_off_cap: float = 30
    clash_again: float = 15
    clash_jitter: float = 5
    clash_tries: int = 10
    sync_again: float = 5
    sync_tries: int = 3
    heartbeat_after: float = 10
    silence: float = 30
    down_alarm: float = 300
    stale_after: float = 60  # a quote stream, before it is asked for anew
    clock_every: float = 60  # the broker's clock, once five answers are there
    clock_off: float = 1  # of the session's seconds: an alert
    clock_reduce: float = 5  # likewise: no entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The connection that a session wants."""

    host: str
    port: int
    account: str
    live: bool
    client_id: int = 17
    message_limit: int = 40
    line_limit: int = 100
    tws_zone: str = "US/Eastern"
    restart_at: time = time(23, 45)
    reset_region: str = "north_america"
    allow_delayed: bool = False
    dry_run: bool = False  # nothing is sent to work, whoever asks
    only_asks: bool = False  # a comparison without an engine: nothing at all is sent
    speed: float = 1  # of a practice gateway's clock
    timings: Timings = field(default_factory=Timings)

    @property
    def where(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"


def terms_of(settings: Settings, timings: Timings | None = None) -> Terms:
    """Return the terms of a session; SettingsError names every key that is missing."""
    ibkr, mode = settings.ibkr, settings.run.mode
    missing = [
        f"ibkr.{key}: missing; mode {mode.value} needs it"
        for key in ("port", "account")
        if getattr(ibkr, key) is None
    ]
    if missing or ibkr.port is None or ibkr.account is None:
        raise SettingsError(missing)
    return Terms(
        host=ibkr.host,
        port=ibkr.port,
        account=ibkr.account,
        live=mode is Mode.LIVE,
        client_id=ibkr.client_id + (_BESIDE if settings.run.dry_run else 0),
        message_limit=ibkr.message_limit,
        line_limit=ibkr.line_limit,
        tws_zone=ibkr.tws_zone,
        restart_at=time.fromisoformat(ibkr.restart_time),
        reset_region=ibkr.reset_region,
        allow_delayed=ibkr.allow_delayed and mode is not Mode.LIVE,
        dry_run=settings.run.dry_run,
        speed=float(ibkr.practice_speed),
        timings=timings or Timings(),
    )


def missing_zones(zones: tuple[str, ...] = ZONES) -> list[str]:
    """Return the time zones that cannot be loaded."""
    missing = []
    for zone in zones:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            missing.append(zone)
    return missing
