"""Numbers of a screen beside those that the command line says."""

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"([+−-]?)((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)([kMBT]?)")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def number_of(text: str) -> float | None:
    """Return the value of a number as it is shown; None for what is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, digits, unit = match.groups()
    return float(digits.replace(",", "")) * _UNITS[unit] * (-1 if sign in ("−", "-") else 1)


@dataclass(slots=True)
class Tally:
    """What was compared, and what differs."""

    numbers: int = 0
    words: int = 0
    differ: list[str] = field(default_factory=list)
    places: Counter[str] = field(default_factory=Counter)  # numbers by the pane they stood in

    def count(self, where: str, numbers: int = 1) -> None:
        """Count numbers of a place; its first word is the pane."""
        self.places[where.split(" ", 1)[0]] += numbers

    def number(self, where: str, shown: str, value: Any) -> None:
        """Compare a number as it is shown with the value: as exact as the screen says it."""
        self.numbers += 1
        self.count(where)
        shown = shown.strip().removesuffix("%").strip()
        if value is None:
            if shown not in ("", "·"):
                self.differ.append(f"{where}: shows {shown!r}, unknown to --json")
            return
        match = _NUMBER.fullmatch(shown)
        if match is None:
            self.differ.append(f"{where}: shows {shown!r}, --json says {value}")
            return
        sign, digits, unit = match.groups()
        plain = digits.replace(",", "")
        seen = Decimal(plain) * _UNITS[unit] * (-1 if sign in ("−", "-") else 1)
        half = Decimal(_UNITS[unit]) / 2 / 10 ** len(plain.partition(".")[2])
        if abs(seen - Decimal(str(value))) > half + Decimal("1e-9"):
            self.differ.append(f"{where}: shows {shown}, --json says {value}")

    def word(self, where: str, shown: str, text: str | None) -> None:
        """Compare a word: what the screen cuts off it says with an ellipsis."""
        self.words += 1
        shown, text = shown.strip(), (text or "").strip()
        cut = shown.endswith("…") and text.startswith(shown[:-1])
        if shown != text and not cut:
            self.differ.append(f"{where}: shows {shown!r}, --json says {text!r}")

    def text(self, where: str, shown: str, text: str) -> None:
        """Compare words with numbers among them; each number counts."""
        self.numbers += len(_NUMBER.findall(text))
        self.count(where, len(_NUMBER.findall(text)))
        self.word(where, shown, text)
