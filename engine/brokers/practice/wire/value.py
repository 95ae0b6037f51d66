"""Values as text on the wire.

A number is written without an exponent and without trailing zeros; an integral one without a
point, because older clients read sizes as integers. Unset numbers are the largest double where
a client wants to know, else empty. Numbers that arrive become Decimals: exact, and never NaN.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

UNSET = "1.7976931348623157e+308"
UNSET_TEXTS = frozenset(
    {
        "",
        "1.7976931348623157e308",
        UNSET,
        "2147483647",
        "9223372036854775807",
        "infinity",
        "infinite",
    }
)
ZONED_TIMES_FROM = 174
ASCII_ESCAPES_FROM = 153

ID_END = 2**31
NUMBER_MAX = Decimal(10) ** 18
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")
_WHOLE = re.compile(r"[+-]?\d{1,20}(?:\.0{0,10})?")
_FOREIGN = re.compile(r"[^ -~]")

Number = int | float | Decimal


class WireError(ValueError):
    """Bytes that are no message of this protocol, or a value that it cannot carry."""


# -- out -----------------------------------------------------------------------------------


def number_text(value: Number) -> str:
    """Return a number with at most ten decimals, no exponent, no trailing zeros."""
    if isinstance(value, int):
        return str(int(value))
    if not math.isfinite(value):
        raise WireError(f"{value} is not a number that can be written")
    text = f"{value:.10f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def flag_text(value: object) -> str:
    """Return 1 for true, 0 for false and unset."""
    return "1" if value else "0"


def plain_text(value: object, version: int) -> str:
    r"""Return printable ASCII; everything else as \uXXXX, for clients that know it."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    if version < ASCII_ESCAPES_FROM:
        return _FOREIGN.sub("?", text)
    return _FOREIGN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def time_text(at: datetime, version: int, zone: str) -> str:
    """Return an instant on the broker's wall clock; newer clients are told the zone.

    A zone that nobody knows is still written as given: the clock is then New York's.
    """
    local = at.astimezone(_zone(zone))
    if version >= ZONED_TIMES_FROM:
        return f"{local:%Y%m%d %H:%M:%S}" + (f" {zone}" if zone else "")
    return f"{local:%Y%m%d  %H:%M:%S}"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("America/New_York")


# -- in ------------------------------------------------------------------------------------


def number(text: str) -> Decimal | None:
    """Return a number, None for unset; WireError for words and for what is out of range."""
    if text.lower() in UNSET_TEXTS:
        return None
    if not _NUMBER.fullmatch(text):
        raise WireError(f"'{text[:40]}' is not a number")
    found = Decimal(text)
    if abs(found) > NUMBER_MAX:
        raise WireError(f"'{text[:40]}' is out of range")
    return found


def whole(text: str) -> int | None:
    """Return a count or an id, None for unset; ids are smaller than 2 to the 31st."""
    if text.lower() in UNSET_TEXTS:
        return None
    if not _WHOLE.fullmatch(text):
        raise WireError(f"'{text[:40]}' is not an integer")
    found = int(text.split(".")[0])
    if not -ID_END <= found < ID_END:
        raise WireError(f"'{text[:40]}' is out of range")
    return found


def long(text: str) -> int | None:
    """Return an epoch or a position in a bit mask, None for unset."""
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise WireError(f"'{text[:40]}' is not an integer")
    return int(text.split(".")[0])


def number_or_infinite(text: str) -> Decimal | float | None:
    """Return a number, infinity where it is meant, None for unset."""
    return math.inf if text.lower() in ("infinity", "infinite") else number(text)


def flag(text: str) -> bool:
    """Return a flag; empty is false."""
    if text in ("", "0"):
        return False
    if text == "1":
        return True
    raise WireError(f"'{text[:40]}' is not 0 or 1")


READ: dict[str, Callable[[str], object]] = {
    "s": str,
    "i": whole,
    "t": long,
    "n": number,
    "u": number,
    "e": number,
    "x": number_or_infinite,
    "b": flag,
}
"""Kinds: text, id or count, long integer, number (unset: empty), number (unset: the largest
double), number that is never unset, number that may be infinite, flag."""
