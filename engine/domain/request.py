"""What a person asks for, from a key or from another terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from engine.domain.ids import RequestId


class RequestKind(Enum):
    """Everything that can be asked of a running engine."""

    HALT = "HALT"
    REDUCE = "REDUCE"
    RESUME = "RESUME"
    PAUSE = "PAUSE"
    CONTINUE = "CONTINUE"
    STOP = "STOP"
    FLATTEN = "FLATTEN"
    CANCEL = "CANCEL"  # args order_id
    CANCEL_ALL = "CANCEL_ALL"
    CHANGE = "CHANGE"  # args order_id, and limit, stop, quantity, tif
    PREVIEW = "PREVIEW"  # args of a ticket; answered with what the order would be and do
    ORDER = "ORDER"  # args of a ticket and what the person had seen
    RECONCILE = "RECONCILE"
    ACCEPT_DIFFERENCE = "ACCEPT_DIFFERENCE"  # args item
    SETTLE = "SETTLE"  # args order_id, status
    SET_PARAMETER = "SET_PARAMETER"  # args strategy, key, value
    ACKNOWLEDGE = "ACKNOWLEDGE"  # args alert_id, or "*"
    SNOOZE = "SNOOZE"  # args alert_id, minutes
    PACE = "PACE"  # args pace: max, realtime, N/s
    STEP = "STEP"  # one input of a paused recorded clock


WAITS_FOR_AN_ENGINE = frozenset({RequestKind.HALT, RequestKind.REDUCE, RequestKind.RESUME})
"""Kept for the next start when no engine runs."""

NEVER_EXPIRES = frozenset(
    {
        RequestKind.HALT,
        RequestKind.REDUCE,
        RequestKind.PAUSE,
        RequestKind.CANCEL,
        RequestKind.CANCEL_ALL,
    }
)

EXPIRES_AFTER_S = 10
FLATTEN_EXPIRES_AFTER_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One wish, committed to the request file before anything else happens."""

    request_id: RequestId
    kind: RequestKind
    actor: str  # user@host:tty
    reason: str
    args: Mapping[str, str] = field(default_factory=dict)
    asked_at: datetime  # wall clock
