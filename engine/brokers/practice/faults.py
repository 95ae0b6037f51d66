"""The fault script: what goes wrong, when, for whom, how often; the same for the same seed.

A fault waits at a point: an order is placed, acknowledged, filled, modified or cancelled, a
client connects, a request comes in, a callback goes out; or it is due at a time. Each name has
the point where it makes sense, which `on` may change. Where a fault is carried out (venue or
gateway) is `GATEWAY`'s business; this module only says that it fires.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from math import isfinite
from random import Random

from engine.brokers.practice.clock import DAY, in_new_york, new_york, parse_clock
from engine.brokers.practice.model import Fault, Fired

NOW = "now"
POINTS = {
    # sockets, sessions, frames: carried out by the gateway
    "drop_socket": NOW,
    "half_open": NOW,
    "fragment": NOW,
    "coalesce": NOW,
    "client_id_busy": "connect",
    "silent_start": "greeting",
    "restart": NOW,
    "slow": "request",
    "silent": "request",
    "empty": "request",
    "error": "request",
    "bad_frame": "callback",
    "clock_skew": NOW,
    # callbacks of the venue
    "delay": "callback",
    "duplicate": "callback",
    "reorder": "callback",
    "lose": "callback",
    # links and modes
    "nightly": NOW,
    "upstream_lost": NOW,
    "tws_server_lost": NOW,
    "farm_flap": NOW,
    "read_only": NOW,
    "competing_session": NOW,
    "limits": NOW,
    "slow_exchange": NOW,
    "id_rollback": NOW,
    # orders
    "lose_order": "place",
    "ack_late": "place",
    "reject": "place",
    "false_error": "place",
    "fill_before_ack": "place",
    "held": "place",
    "inactive": "place",
    "double_perm_on_modify": "modify",
    "fill_on_cancel": "cancel",
    "refuse_cancel": "cancel",
    "commission_late": "fill",
    "exec_correction": "fill",
    "bust": "fill",
    "overfill": "fill",
    "time_zone": "fill",
    "foreign_order": NOW,
    "manual_trade": NOW,
    # market
    "quote": NOW,
    "bars": NOW,
}
"""Every fault and its natural point."""

PARAMETERS: Mapping[str, str] = {
    "drop_socket": "close",
    "half_open": "s",
    "fragment": "bytes",
    "coalesce": "frames",
    "client_id_busy": "s",
    "silent_start": "s",
    "restart": "down_s id_rollback",
    "slow": "ms",
    "error": "code text",
    "bad_frame": "mode",
    "clock_skew": "s",
    "delay": "ms",
    "duplicate": "times",
    "reorder": "window",
    "nightly": "down_s id_rollback reset_s repeat_s",
    "upstream_lost": "s data_lost repeat_s fills",
    "tws_server_lost": "s repeat_s fills",
    "farm_flap": "farm s recover",
    "read_only": "s",
    "competing_session": "s",
    "limits": "lines pacing s",
    "slow_exchange": "factor s",
    "id_rollback": "n",
    "lose_order": "before after",
    "ack_late": "s",
    "reject": "code text after_accept s",
    "false_error": "code text",
    "held": "s status",
    "fill_on_cancel": "shares late_s",
    "refuse_cancel": "code text",
    "commission_late": "s",
    "exec_correction": "price shares s",
    "bust": "s",
    "overfill": "shares s",
    "time_zone": "zone",
    "foreign_order": "owner order_id type price quantity action tif ref",
    "manual_trade": "price quantity action",
    "quote": "mode s",
    "bars": "mode late n s",
}
"""What each fault can be told beside its trigger and filters; the others need nothing."""

_NUMBERS = frozenset(
    {
        "s", "ms", "n", "bytes", "frames", "down_s", "reset_s", "repeat_s", "id_rollback", "times",
        "window", "lines", "factor", "code", "late_s", "late", "price", "quantity", "shares",
        "owner", "order_id",
    }
)  # fmt: skip
_QUOTES = ("stale", "-1", "0", "crossed", "x10", "UNSET", "delayed", "frozen", "halt")
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("farm_flap", "farm"): ("data", "history", "definitions"),
    ("bad_frame", "mode"): ("drop", "insert", "garbage", "oversize"),
    ("quote", "mode"): (*_QUOTES, "minus", "zero", "unset"),
    ("bars", "mode"): ("stop", "late", "revise", "missing"),
}
_OTHER_WORDS = {"farm_flap": "farm", "bad_frame": "mode"}
"""Faults whose `kind` may be a word of their own instead of a message's number."""

_COUNTED = frozenset({"silent", "lose"})
"""Faults whose `n` is how often they strike."""

GATEWAY = frozenset(
    {
        "drop_socket",
        "half_open",
        "fragment",
        "coalesce",
        "client_id_busy",
        "silent_start",
        "restart",
        "slow",
        "silent",
        "empty",
        "error",
        "bad_frame",
        "clock_skew",
    }
)
"""Those that need sockets, sessions or frames."""

CALLBACKS = frozenset({"delay", "duplicate", "reorder", "lose"})

_EVENTS = frozenset(
    {"place", "ack", "fill", "cancel", "modify", "greeting", "connect", "request", "callback"}
)
_FILTERS = {field.name for field in fields(Fault)} - {"name", "params", "fault_id"}


@dataclass(slots=True)
class _Armed:
    """A fault in the script."""

    fault: Fault
    point: str
    random: Random
    due: datetime | None = None
    matches: int = 0
    fired: int = 0

    @property
    def is_spent(self) -> bool:
        return bool(self.fault.count) and self.fired >= self.fault.count


class FaultScript:
    """All faults given so far."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._armed: list[_Armed] = []
        self._given = 0
        self._fired: dict[int, int] = {}

    def add(self, fault: Fault, now: datetime) -> int:
        """Arm a fault and return its id; ValueError names what is wrong with it."""
        point = fault.on or POINTS.get(fault.name, "")
        if fault.name not in POINTS:
            raise ValueError(f"unknown fault {fault.name!r}; known: {', '.join(sorted(POINTS))}")
        if point != NOW and point.split(":")[0] not in _EVENTS:
            raise ValueError(f"unknown trigger {point!r} of fault {fault.name}")
        if fault.nth < 1 or fault.count < 0 or not 0 <= fault.probability <= 1:
            raise ValueError(
                f"fault {fault.name}: nth {fault.nth}, count {fault.count},"
                f" probability {fault.probability}; 1 or more, 0 or more, 0..1 are needed"
            )
        _check_parameters(fault)
        due = None
        if fault.at:
            due = _next_at(fault.at, now)
        elif fault.after_ms is not None:
            due = now + timedelta(milliseconds=fault.after_ms)
        elif point == NOW:
            due = now
        self._given += 1
        given = replace(fault, fault_id=self._given)
        random = Random(f"{self._seed}:fault:{self._given}")
        self._armed.append(_Armed(given, NOW if due is not None else point, random, due))
        self._fired[self._given] = 0
        return self._given

    def clear(self, name: str = "") -> int:
        """Remove faults by name, empty: all; returns how many were armed."""
        before = len(self._armed)
        self._armed = [one for one in self._armed if name and one.fault.name != name]
        return before - len(self._armed)

    def fired(self, fault_id: int) -> int:
        """Return how often a fault has fired."""
        return self._fired.get(fault_id, 0)

    def has(self, point: str) -> bool:
        """Say cheaply whether anything waits at a point."""
        return any(one.point.split(":")[0] == point for one in self._armed)

    @property
    def next_due(self) -> datetime | None:
        """Return when the next timed fault is due."""
        return min((one.due for one in self._armed if one.due is not None), default=None)

    def due(self, now: datetime) -> list[Fired]:
        """Fire what is due by now; a time of day comes round again until its count is spent."""
        fired = []
        for one in list(self._armed):
            if one.due is None or one.due > now:
                continue
            one.due = _next_at(one.fault.at, now) if one.fault.at else None
            one.matches += 1
            if self._fires(one):
                fired.append(Fired(one.fault, one.fault.client))
            elif one.due is None and one in self._armed:
                self._armed.remove(one)
        return fired

    def strike(
        self,
        point: str,
        names: Iterable[str],
        *,
        client_id: int | None = None,
        order_ref: str = "",
        symbol: str = "",
        kind: int | None = None,
    ) -> list[Fired]:
        """Fire what waits at a point for these names and fits its filters."""
        if not self._armed:
            return []
        wanted = frozenset(names)
        fired = []
        for one in list(self._armed):
            fault = one.fault
            if one.due is not None or fault.name not in wanted:
                continue
            if one.point != point and one.point != point.split(":")[0]:
                continue
            if not _fits(fault, client_id, order_ref, symbol, kind):
                continue
            one.matches += 1
            if one.matches >= fault.nth and self._fires(one):
                fired.append(Fired(fault, client_id))
        return fired

    def _fires(self, one: _Armed) -> bool:
        if one.is_spent:
            return False
        if one.fault.probability < 1 and one.random.random() >= one.fault.probability:
            return False
        one.fired += 1
        self._fired[one.fault.fault_id] = one.fired
        over = one.point == NOW and one.due is None
        if over or one.fired == one.fault.count:
            self._armed.remove(one)
        return True


def parse_fault(name: str, given: Mapping[str, object]) -> Fault:
    """Return a fault from loose words: filters and triggers by name, all else parameters.

    So from TOML tables, JSON lines and `NAME k=v` alike; ValueError for a word that is no number
    where one is needed.
    """
    shaped: dict[str, object] = {}
    params: dict[str, object] = {}
    for key, value in given.items():
        if key == "kind" and not str(value).isdigit():
            params[_OTHER_WORDS.get(name, key)] = value  # no message id
        elif key in _FILTERS:
            shaped[key] = _shape(name, key, value)
        elif (key == "times" and name != "duplicate") or (key == "n" and name in _COUNTED):
            shaped["count"] = _shape(name, "count", value)
        else:
            params[key] = value
    return Fault(name=name, params=params, **shaped)  # type: ignore[arg-type]


def parse_faults(table: Mapping[str, object]) -> list[Fault]:
    """Return the faults of a TOML file: `[[fault]]` tables, each with a `name`."""
    rows: Sequence[Mapping[str, object]] = table.get("fault", ())  # type: ignore[assignment]
    found = []
    for row in rows:
        name = str(row.get("name", ""))
        if not name:
            raise ValueError(f"a [[fault]] without a name: {dict(row)}")
        found.append(parse_fault(name, {k: v for k, v in row.items() if k != "name"}))
    return found


def _shape(name: str, key: str, value: object) -> object:
    if key in {"order_ref", "symbol", "on", "at"}:
        return str(value)
    try:
        return float(str(value)) if key == "probability" else int(str(value))
    except ValueError:
        raise ValueError(f"fault {name}: {key} is {value!r}, a number is needed") from None


def _check_parameters(fault: Fault) -> None:
    known = PARAMETERS.get(fault.name, "").split()
    for key, value in fault.params.items():
        if key not in known:
            words = ", ".join([*known, *sorted(_FILTERS)])
            raise ValueError(f"fault {fault.name}: unknown word {key!r}; known: {words}")
        allowed = _CHOICES.get((fault.name, key))
        if allowed is not None and str(value) not in allowed:
            words = ", ".join(allowed)
            raise ValueError(f"fault {fault.name}: {key} is {value!r}; allowed: {words}")
        if key in _NUMBERS and not _is_number(value):
            raise ValueError(f"fault {fault.name}: {key} is {value!r}, a number is needed")


def _is_number(value: object) -> bool:
    """Say whether it is a finite number, or `never` in the place of seconds."""
    try:
        return isfinite(float(str(value)))
    except ValueError:
        return value == "never"


def _fits(
    fault: Fault, client_id: int | None, order_ref: str, symbol: str, kind: int | None
) -> bool:
    return (
        (fault.client is None or fault.client == client_id)
        and (not fault.order_ref or fault.order_ref == order_ref)
        and (not fault.symbol or fault.symbol == symbol)
        and (fault.kind is None or fault.kind == kind)
    )


def _next_at(text: str, after: datetime) -> datetime:
    try:
        clock = parse_clock(text)
    except ValueError as error:
        raise ValueError(f"time of day {text!r}: HH:MM:SS is needed") from error
    day = new_york(after).date()
    at = in_new_york(day, clock)
    return at if at > after else in_new_york(day + DAY, clock)
