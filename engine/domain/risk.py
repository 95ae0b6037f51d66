"""What the gate says about an order."""

from dataclasses import dataclass
from enum import Enum


class CheckResult(Enum):
    """Verdict of one check."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate with its numbers, as texts fit for the screen and the journal."""

    code: str  # a DenyReason
    result: CheckResult
    value: str
    limit: str
