"""Names of things. Every id is text with a type of its own, so they cannot be mixed up."""

import hashlib
from typing import NewType

SessionId = NewType("SessionId", str)  # <mode>-<UTC yyyymmddThhmmssZ>-<8 hex>
Book = NewType("Book", str)  # offline:<root session>, backtest:<root session>, paper:<account>
StrategyId = NewType("StrategyId", str)
InstrumentId = NewType("InstrumentId", str)  # STK:QQQ:USD
SignalId = NewType("SignalId", str)  # sig_ + 12 hex of the dedup key
DecisionId = NewType("DecisionId", str)  # dec_ + 12 hex of (strategy, session date, slot, book)
OrderId = NewType("OrderId", str)  # ord_ + ULID
OrderRef = NewType("OrderRef", str)  # what the broker echoes: <= 40 printable ASCII
ExecId = NewType("ExecId", str)
RequestId = NewType("RequestId", str)  # req_ + ULID
AlertId = NewType("AlertId", str)

MANUAL = StrategyId("manual")

REF_PREFIX = "PH-"
"""Order references that begin so are ours, or those of another engine of ours."""


def order_ref(key: str, number: int) -> OrderRef:
    """Return PH-<12 hex>-<number>: what a broker echoes; 12 hex of a decision's or wish's key."""
    return OrderRef(f"{REF_PREFIX}{key}-{number}")


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(milliseconds: int, randomness: int) -> str:
    """Return the 26 characters of a ULID: 48 bits of time, then 80 random bits."""
    number = (milliseconds << 80) | (randomness & ((1 << 80) - 1))
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def short_hash(text: str, digits: int = 12) -> str:
    """Return the first hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
