"""A journaled event as one sentence for people: what the log shows, and `explain` too.

Each kind has a template whose places are paths into the payload. A kind without a template
shows its subject, so nothing in the journal is ever invisible.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tui.format import UNKNOWN, Shown, cell, money, percent, price, quantity, safe, say, short_id
from tui.view import Row

Payload = Mapping[str, Any]


def sentence(event: Row) -> Shown:
    """Return the event in words; its payload is JSON text or what that text says."""
    kind, subject, payload = event["kind"], event["subject"] or "", event["payload"]
    if isinstance(payload, str):
        return _sentence(kind, subject, payload)
    return _written(kind, subject, payload)


def event_ink(event: Row) -> str:
    """Return the ink of an event: what a person should notice."""
    kind = event["kind"]
    if kind == "AlertRaised":
        severity = at(payload_of(event["payload"]), "alert.severity")
        return {"CRITICAL": "danger", "WARNING": "warn"}.get(str(severity), "plain")
    return _INKS.get(kind, "plain")


_INKS = {
    "TradingStateChanged": "warn",
    "OrderDenied": "warn",
    "OrderRejected": "warn",
    "OrderUnknown": "danger",
    "SignalRejected": "warn",
    "LatchSet": "warn",
    "DataGapFound": "warn",
    "FillReceived": "gain",
    "DecisionMade": "key",
    "SessionStateChanged": "key",
    "RequestReceived": "key",
    "RiskChecked": "stale",
    "SendStarted": "stale",
    "OrderSubmitted": "stale",
    "CashChanged": "stale",
    "SnapshotTaken": "stale",
    "ReportReceived": "stale",
    "JobStarted": "stale",
}


ALL: frozenset[str] = frozenset()
QUIET = frozenset(kind for kind, ink in _INKS.items() if ink == "stale")
WORRYING = frozenset(kind for kind, ink in _INKS.items() if ink in ("warn", "danger"))
WORRYING |= {"AlertRaised", "AlertStateChanged"}
NOTABLE = WORRYING | {kind for kind, ink in _INKS.items() if ink in ("gain", "key")}
"""Kinds that are routine, that somebody should look at, and these with what moved something."""


@lru_cache(maxsize=2048)
def _sentence(kind: str, subject: str, text: str) -> Shown:
    return _written(kind, subject, payload_of(text))


def _written(kind: str, subject: str, payload: Payload) -> Shown:
    write = _WRITERS.get(kind)
    if write is not None:
        return write(payload, subject)
    template = _TEMPLATES.get(kind)
    if template is None:
        return say("{} {}", cell(kind), cell(subject))
    words, *paths = template
    return say(words, *(_word(payload, path) for path in paths))


@lru_cache(maxsize=512)
def payload_of(text: str) -> Payload:
    """Return a payload; an empty one where the text is no JSON object."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def at(payload: Payload, path: str) -> Any:
    """Return what stands at a dotted path, None where there is nothing."""
    found: Any = payload
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _word(payload: Payload, path: str) -> Shown:
    """The value at a path; `#` in front shows the last six characters of an id."""
    value = at(payload, path.removeprefix("#"))
    if value is None or value == "":
        return UNKNOWN
    if path.startswith("#"):
        return short_id(str(value))
    return cell(str(value))


_TEMPLATES: dict[str, tuple[str, ...]] = {
    "SessionCreated": ("session created: {} on {}", "context.mode", "context.source"),
    "SessionStateChanged": ("session {} → {}: {}", "before", "after", "reason"),
    "StrategyStateChanged": ("{} {} → {}: {}", "strategy", "before", "after", "reason"),
    "ParameterChanged": ("{}.{} {} → {} by {}", "strategy", "key", "old", "new", "actor"),
    "RequestReceived": (
        "{} asked by {}: {}", "request.kind", "request.actor", "request.reason",
    ),
    "ReplacementEnded": ("replacing {}: {} {}", "#order_id", "outcome", "text"),
    "RequestAnswered": ("request {} {}: {}", "#request_id", "result", "text"),
    "RegimeRead": (
        "{} reads cell {}: {} × {}", "strategy", "reading.cell", "reading.trend", "reading.vol",
    ),
    "DecisionMade": ("{} decides {}: {}", "strategy", "result", "text"),
    "SignalRejected": (
        "signal {} {} rejected {}: {}", "#signal.signal_id", "signal.instrument", "reason", "text",
    ),
    "SignalDuplicated": ("signal {} came again", "#signal_id"),
    "SignalExpired": ("signal {} expired: {}", "#signal_id", "text"),
    "SignalDone": ("signal {} done: {}", "#signal_id", "outcome"),
    "OrderDenied": ("order {} DENIED {}: {}", "#order.order_id", "code", "text"),
    "LatchSet": ("latch {} set for {} until {}: {}", "latch", "scope", "until", "text"),
    "LatchReleased": ("latch {} of {} released by {}", "latch", "scope", "by"),
    "OrderPreviewed": ("order {} {}", "#order_id", "text"),
    "SendStarted": ("order {} sending, attempt {}", "#order_id", "attempt"),
    "SendClosed": ("order {} was not sent: {}", "#order_id", "text"),
    "ChangeRequested": ("order {} change asked: {}", "#order_id", "reason"),
    "OrderChanged": ("order {} changed", "#order_id"),
    "ChangeRefused": ("order {} change refused: {}", "#order_id", "text"),
    "CancelRequested": ("order {} cancel asked by {}: {}", "#order_id", "actor", "reason"),
    "LinkChanged": ("link {} → {}: {}", "before.state", "after.state", "after.text"),
    "FillUnmatched": ("execution {} belongs to no order: {}", "exec_id", "text"),
    "CommissionBooked": ("order {} commission {}", "#order_id", "commission"),
    "DifferenceAccepted": ("{} accepted by {}: {}", "item", "actor", "reason"),
    "DataGapFound": ("data gate {} {}: {}", "gate", "symbol", "text"),
    "TradingStateChanged": (
        "trading state {} → {} by {}: {}", "before", "after", "actor", "reason",
    ),
    "AlertRaised": ("{} {}: {}", "alert.severity", "alert.kind", "alert.text"),
    "AlertStateChanged": ("alert {} {} by {}", "#alert_id", "state", "actor"),
    "JobStarted": ("job {} started for {}", "job", "session_date"),
    "JobEnded": ("job {} for {} {} {}", "job", "session_date", "outcome", "detail"),
    "ReportReceived": ("report {} {}", "report.type", "#report.order_id"),
}  # fmt: skip


def _signal(payload: Payload, _: str) -> Shown:
    target = _number(at(payload, "signal.target_weight"))
    wish = say("target {} %", percent(target)) if target is not None else cell("")
    return say(
        "signal {} {} {} {}",
        _word(payload, "#signal.signal_id"),
        _word(payload, "signal.kind"),
        symbol(at(payload, "signal.instrument")),
        wish,
    )


def _order(payload: Payload, _: str) -> Shown:
    return say(
        "order {} approved: {} {} {} {}",
        _word(payload, "#order.order_id"),
        _word(payload, "order.side"),
        quantity(_number(at(payload, "order.quantity"))),
        symbol(at(payload, "order.instrument")),
        _word(payload, "order.type"),
    )


def _dry(payload: Payload, subject: str) -> Shown:
    return say("DRY RUN {}", _order(payload, subject))


def _fill(payload: Payload, _: str) -> Shown:
    return say(
        "fill of {}: {} {} {} @ {}",
        _word(payload, "#fill.order_id"),
        _word(payload, "fill.side"),
        quantity(_number(at(payload, "fill.quantity"))),
        symbol(at(payload, "fill.instrument")),
        price(_number(at(payload, "fill.price"))),
    )


def _corrected(payload: Payload, subject: str) -> Shown:
    return say("corrected {}", _fill(payload, subject))


def _position(payload: Payload, _: str) -> Shown:
    return say(
        "position {} {} → {}, realized {}",
        symbol(at(payload, "instrument")),
        quantity(_number(at(payload, "before.quantity"))),
        quantity(_number(at(payload, "after.quantity"))),
        money(_number(at(payload, "realized")), signed=True),
    )


def _cash(payload: Payload, _: str) -> Shown:
    return say(
        "cash of {} {} → {}, {}",
        _word(payload, "strategy"),
        money(_number(at(payload, "before"))),
        money(_number(at(payload, "after"))),
        _word(payload, "reason"),
    )


def _checks(payload: Payload, subject: str) -> Shown:
    checks = payload.get("checks") or []
    failed = [c for c in checks if isinstance(c, dict) and c.get("result") not in _FINE]
    if not failed:
        return say("order {} passed {} checks", short_id(subject), Shown(str(len(checks))))
    first = failed[0]
    return say(
        "order {} {} {}: {} limit {}",
        short_id(subject),
        safe(str(first.get("result"))),
        safe(str(first.get("code"))),
        safe(str(first.get("value"))),
        safe(str(first.get("limit"))),
    )


def _compared(payload: Payload, _: str) -> Shown:
    differences = payload.get("differences") or []
    return say(
        "reconciliation {}: {} equal, {} differ",
        _word(payload, "verdict"),
        _word(payload, "matched"),
        Shown(str(len(differences))),
    )


_FINE = ("PASS", "NOT_APPLICABLE")


def _snapshot(payload: Payload, _: str) -> Shown:
    rows = payload.get("rows") or []
    last = rows[-1] if rows else None
    if isinstance(last, list) and len(last) > 2:
        return say("snapshot {} equity {}", cell(str(last[1])), money(_number(last[2])))
    return say("snapshots of {} sessions", Shown(str(len(rows))))


def _moved(payload: Payload, subject: str) -> Shown:
    status, filled = _word(payload, "status"), quantity(_number(at(payload, "filled")))
    words = at(payload, "text")
    told = say(": {}", cell(str(words))) if words else cell("")
    return say("order {} {}, filled {}{}", short_id(subject), status, filled, told)


def _baseline(payload: Payload, _: str) -> Shown:
    positions = at(payload, "positions")
    held = positions if isinstance(positions, Mapping) else {}
    shares = [say("{} {}", symbol(name), quantity(_number(n))) for name, n in held.items()]
    what = Shown(", ".join(shares)) if shares else Shown("no position")
    cash = money(_number(at(payload, "cash")), signed=True)
    return say("the account held {} and cash {} of no strategy", what, cash)


def _held(payload: Payload, subject: str) -> Shown:
    how = Shown("held back by the broker" if at(payload, "held") else "works again")
    words = at(payload, "text")
    told = say(": {}", cell(str(words))) if words else cell("")
    return say("order {} {}{}", short_id(subject), how, told)


_WRITERS: dict[str, Callable[[Payload, str], Shown]] = {
    "SignalRaised": _signal,
    "OrderApproved": _order,
    "OrderDryRun": _dry,
    "FillReceived": _fill,
    "FillCorrected": _corrected,
    "PositionChanged": _position,
    "CashChanged": _cash,
    "OrderHeld": _held,
    "BaselineAdopted": _baseline,
    "ReconciliationDone": _compared,
    "RiskChecked": _checks,
    "SnapshotTaken": _snapshot,
    **dict.fromkeys(
        (
            "OrderSubmitted", "OrderAccepted", "OrderPartiallyFilled", "OrderFilled",
            "OrderCanceled", "OrderExpired", "OrderRejected", "OrderUnknown", "OrderPendingCancel",
        ),
        _moved,
    ),
}  # fmt: skip


def symbol(instrument: Any) -> Shown:
    """Return the symbol inside an instrument id."""
    if not isinstance(instrument, str):
        return UNKNOWN
    return cell(instrument.split(":")[1] if instrument.count(":") >= 2 else instrument)


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
