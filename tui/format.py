"""Values to text: money, quantity, percent, age, instant, id; and `safe` for foreign text.

Pure, and free of the screen: the command line uses it too. Every function returns `Shown`,
the only text that a widget, a title or a log line takes, so a missing call is a type error.
Unknown (None, NaN, infinity) is `·`, never 0 and never blank. Numbers carry a real minus.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import NewType
from zoneinfo import ZoneInfo

from rich.cells import cell_len

from engine.domain.times import parse_utc

Shown = NewType("Shown", str)
Number = Decimal | int | float

UNKNOWN = Shown("·")
BLANK = Shown("")
EXCHANGE_ZONE = ZoneInfo("America/New_York")

_REPLACEMENT = "\ufffd"
_UNITS = tuple((Decimal(1000) ** n, unit) for n, unit in enumerate("kMBT", start=1))


# -- foreign text --------------------------------------------------------------------------


def safe(text: str, limit: int = 500) -> Shown:
    """Return text that can neither style, nor move the cursor, nor reorder what follows it.

    Cut to `limit` characters and composed; tab, newline and every space separator become a
    blank; what cannot be printed (controls, escapes, direction marks, zero-width and private
    characters, lone surrogates) becomes U+FFFD; of several combining marks one stays.
    """
    text = text[:limit]
    if text.isascii() and text.isprintable():
        return Shown(text)
    shown: list[str] = []
    marked = True  # a mark at the start would sit on whatever stands before
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character) in ("Mn", "Me", "Mc"):
            if not marked:
                shown.append(character)
            marked = True
            continue
        marked = False
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            shown.append(" ")
        else:
            shown.append(character if character.isprintable() else _REPLACEMENT)
    return Shown(unicodedata.normalize("NFC", "".join(shown))[:limit])


def cell(text: str, limit: int = 200) -> Shown:
    """Return safe text for a table: letters written from right to left become U+FFFD too.

    A terminal would otherwise reorder the digits that stand beside them.
    """
    shown = safe(text, limit)
    if shown.isascii():
        return shown
    return Shown(
        "".join(_REPLACEMENT if unicodedata.bidirectional(c) in ("R", "AL") else c for c in shown)
    )


def say(template: str, *parts: Shown) -> Shown:
    """Return our own words with shown parts at each `{}`; the template is always a literal."""
    return Shown(template.format(*parts))


def fills_at(mode: object, rule: object) -> Shown:
    """Return where a session's orders fill: at the broker, or by the rule of the simulation."""
    if mode in ("paper", "live"):
        return Shown("the broker")
    return safe(f"{rule}, not achievable" if rule == "same_close" else str(rule))


# -- numbers -------------------------------------------------------------------------------


def number(
    value: Number | None, places: int = 2, *, signed: bool = False, width: int | None = None
) -> Shown:
    """Return a number with thousands separated; in k, M, B with three digits if too wide."""
    exact = _exact(value)
    if exact is None:
        return UNKNOWN
    text = _signed(f"{exact:,.{places}f}", signed)
    if width is not None and len(text) > width:
        text = _signed(_scaled(exact, width - (signed or exact < 0)), signed)
    return Shown(text if width is None or len(text) <= width else "#" * width)


def money(value: Number | None, *, signed: bool = False, width: int | None = None) -> Shown:
    """Return dollars and cents."""
    return number(value, 2, signed=signed, width=width)


def price(value: Number | None, width: int | None = None) -> Shown:
    """Return dollars per share: cents, and four decimals below one dollar."""
    exact = _exact(value)
    places = 4 if exact is not None and 0 < abs(exact) < 1 else 2
    return number(exact, places, width=width)


def quantity(value: Number | None, width: int | None = None) -> Shown:
    """Return shares: whole ones plain, a fraction with as many decimals as it has."""
    exact = _exact(value)
    if exact is None:
        return UNKNOWN
    places = max(0, -int(exact.normalize().as_tuple().exponent))
    return number(exact, min(places, 6), width=width)


def percent(
    fraction: Number | None, places: int = 1, *, signed: bool = False, width: int | None = None
) -> Shown:
    """Return a fraction in percent, without the sign %."""
    exact = _exact(fraction)
    return number(None if exact is None else exact * 100, places, signed=signed, width=width)


def whole(value: int | None) -> Shown:
    """Return a count."""
    return UNKNOWN if value is None else Shown(f"{value:,}".replace("-", "−"))


def _exact(value: Number | None) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, float):
        value = Decimal(repr(value))
    exact = Decimal(value)
    return exact if exact.is_finite() else None


def _signed(text: str, signed: bool) -> str:
    """A real minus; a plus where asked; zero has neither."""
    bare = text.removeprefix("-")
    if not any(digit in "123456789" for digit in bare):
        return bare
    if text.startswith("-"):
        return "−" + bare
    return "+" + bare if signed else bare


def _scaled(exact: Decimal, width: int) -> str:
    """Three significant digits and a unit, fewer where three are too wide."""
    for places in (2, 1, 0):
        for factor, unit in _UNITS:
            scaled = exact / factor
            if abs(scaled) < Decimal("999.5"):
                digits = min(places, 2 - min(2, max(0, scaled.adjusted())))
                text = f"{scaled:.{digits}f}{unit}"
                if len(text.removeprefix("-")) <= width:
                    return text
                break
    return f"{exact:.0e}"


# -- time ----------------------------------------------------------------------------------


def age(seconds: float | None) -> Shown:
    """Return an age in at most four cells: 3s 59s 4m 2h 3d."""
    if seconds is None:
        return UNKNOWN
    left = int(max(0.0, seconds))
    if left < 60:
        return Shown(f"{left}s")
    if left < 3600:
        return Shown(f"{left // 60}m")
    if left < 86_400:
        return Shown(f"{left // 3600}h")
    return Shown(f"{left // 86_400}d" if left < 864_000_000 else ">27y")


def time_left(seconds: float | None) -> Shown:
    """Return what is left in at most four cells: 3d 14h 2h04 29m 9m59 59s."""
    left = 0 if seconds is None else int(max(0.0, seconds))
    if seconds is None or left < 60 or left >= 36_000 or 600 <= left < 3600:
        return age(seconds)
    high, low, unit = (*divmod(left, 60), "m") if left < 600 else (*divmod(left // 60, 60), "h")
    return Shown(f"{high}{unit}{low:02}")


def countdown(seconds: float | None) -> Shown:
    """Return what is left as 04:31, or 2:04:31 from an hour on."""
    if seconds is None:
        return UNKNOWN
    left = int(max(0.0, seconds))
    hours, minutes = divmod(left // 60, 60)
    return Shown(
        f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes:02}:{left % 60:02}"
    )


@lru_cache(maxsize=4096)
def exchange_time(at: datetime | None, *, seconds: bool = True) -> Shown:
    """Return the exchange's time of day, 15:41:07 or 15:41."""
    if at is None:
        return UNKNOWN
    return Shown(f"{at.astimezone(EXCHANGE_ZONE):{'%H:%M:%S' if seconds else '%H:%M'}}")


@lru_cache(maxsize=4096)
def when(at: datetime | None, today: date | None) -> Shown:
    """Return 15:41:07 on the session date, else 26-11-20: eight cells, in the shown zone."""
    if at is None:
        return UNKNOWN
    there = _shown_zone.zone
    local = at.astimezone(there)
    if today is not None and at.astimezone(EXCHANGE_ZONE).date() == today:
        return Shown(f"{local:%H:%M:%S}")
    return Shown(f"{local:%y-%m-%d}")


def until(text: str | None, today: date | None) -> Shown:
    """Return when a latch ends: an instant like `when`, else the word that is stored."""
    try:
        return when(parse_utc(text or ""), today)
    except ValueError:
        return word(text and text.replace("_", " "))


@dataclass(slots=True)
class _ShownZone:
    """The zone in which rows show their times."""

    name: Shown
    zone: tzinfo | None  # None: the zone of this machine


_ZONES = (
    _ShownZone(Shown("ET"), EXCHANGE_ZONE), _ShownZone(Shown("local"), None),
    _ShownZone(Shown("UTC"), UTC),
)  # fmt: skip
_shown_zone = _ShownZone(_ZONES[0].name, _ZONES[0].zone)


def next_zone() -> Shown:
    """Show times of rows in the next zone: the exchange's, this machine's, UTC."""
    at = next(n for n, each in enumerate(_ZONES) if each.name == _shown_zone.name)
    return show_zone(_ZONES[(at + 1) % len(_ZONES)].name)


def show_zone(name: str) -> Shown:
    """Show times of rows in this zone: ET, local, UTC."""
    chosen = next(each for each in _ZONES if each.name == name)
    _shown_zone.name, _shown_zone.zone = chosen.name, chosen.zone
    when.cache_clear()
    return chosen.name


def zone_name() -> Shown:
    """Return the name of the zone in which rows show their times."""
    return _shown_zone.name


def both_instants(at: datetime | None) -> Shown:
    """Return an instant in full, exchange time and UTC."""
    if at is None:
        return UNKNOWN
    return Shown(f"{at.astimezone(EXCHANGE_ZONE):%Y-%m-%d %H:%M:%S ET} ({at:%Y-%m-%d %H:%M:%SZ})")


def day(value: date | None) -> Shown:
    """Return a session date, 2026-11-20."""
    return UNKNOWN if value is None else Shown(value.isoformat())


# -- ids and words -------------------------------------------------------------------------


def short_id(text: str | None) -> Shown:
    """Return the last six characters of an id."""
    return UNKNOWN if not text else cell(text[-6:])


def word(text: str | None) -> Shown:
    """Return a word from outside for a table, unknown where there is none."""
    return UNKNOWN if text is None else cell(text)


_SEVERITIES = {"INFO": Shown("INFO"), "WARNING": Shown("WARN"), "CRITICAL": Shown("CRIT")}
_SLOTS = {
    "open": Shown("open"),
    "15min_after_open": Shown("o+15"),
    "15min_before_close": Shown("c-15"),
    "5min_before_close": Shown("c-5"),
    "close": Shown("close"),
}


def severity(text: str | None) -> Shown:
    """Return INFO, WARN or CRIT."""
    return _SEVERITIES.get(text or "", word(text))


def slot(text: str | None) -> Shown:
    """Return a slot in five cells: open o+15 c-15 c-5 close."""
    if text is not None and text.startswith("req_"):
        return Shown("hand")  # a person's request stands for the slot of a decision
    return _SLOTS.get(text or "", word(text))


# -- width ---------------------------------------------------------------------------------


def clip(text: Shown, width: int) -> Shown:
    """Return text of at most `width` terminal cells, ending in … where something is missing."""
    if len(text) <= width and text.isascii():
        return text
    if cell_len(text) <= width:
        return text
    if width < 1:
        return BLANK
    kept, used = [], 0
    for character in text:
        size = cell_len(character)
        if used + size > width - 1:
            break
        kept.append(character)
        used += size
    return Shown("".join(kept) + "…")


@lru_cache(maxsize=4096)
def fit(text: Shown, width: int, *, right: bool = False) -> Shown:
    """Return text of exactly `width` terminal cells."""
    text = clip(text, width)
    missing = width - (len(text) if text.isascii() else cell_len(text))
    return Shown(" " * missing + text if right else text + " " * missing)


_ASCII = str.maketrans(
    {
        "·": ".", "−": "-", "…": "~", "≠": "#", "≈": "~", "×": "x", "→": ">", "←": "<",
        "▲": "^", "▼": "v", "△": "^", "▽": "v", "●": "+", "◐": "~", "○": "-", "•": "*",
        "▶": ">", "⏸": "=", "│": "|", "─": "-", "Δ": "d", "≥": ">", "≤": "<", "Σ": "S",
        "–": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "▀": "*", "▁": ".", "▂": ".", "▃": ":",
        "▄": ":", "▅": "+", "▆": "+", "▇": "#", "█": "#", "σ": "s", "½": "h", "±": "~",
    }
)  # fmt: skip


def to_ascii(text: Shown) -> Shown:
    """Return the same text in ASCII, cell for cell, for terminals without UTF-8."""
    if text.isascii():
        return text
    plain = text.translate(_ASCII)
    if plain.isascii():
        return Shown(plain)
    return Shown("".join(c if c.isascii() else "?" * cell_len(c) for c in plain))
