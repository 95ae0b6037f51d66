"""Which rows are shown and in what order: filters as typed, sorting by a column's value.

    text        any column shows it        !text        none does
    field=text  that column is it          field<1000   as a number, as it is shown

Terms are joined by AND; upper and lower case are the same. A field is a column's label, the
name behind it, or a part of one that fits no other column.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol

from tui.format import UNKNOWN, Shown, safe
from tui.view import Moment, Row

_TERM = re.compile(r"([^=<>!]+)([=<>])(.*)")
_UNITS = {"k": Decimal(10**3), "M": Decimal(10**6), "B": Decimal(10**9), "T": Decimal(10**12)}

Keyed = tuple[str, Row]


class Field(Protocol):
    """What a column is, as far as filters and sorting care."""

    @property
    def label(self) -> Shown:
        """What it is called."""

    @property
    def of(self) -> str:
        """The row's field behind it."""

    @property
    def show(self) -> Callable[[Row, Moment], Shown]:
        """What it shows."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition."""

    text: str
    field: Field | None = None
    sign: str = ""  # = < >, and ! for a text that must not be there

    def holds(self, row: Row, moment: Moment, fields: Sequence[Field]) -> bool:
        """Say whether a row meets it."""
        if self.field is None:
            found = any(self.text in shown_in(f, row, moment).casefold() for f in fields)
            return found != (self.sign == "!")
        shown = shown_in(self.field, row, moment)
        if self.sign == "=":
            raw = row.get(self.field.of)
            texts = {shown.strip().casefold(), str("" if raw is None else raw).casefold()}
            return self.text in texts or _same(shown, self.text)
        left, right = number_in(shown), number_in(self.text)
        if left is None or right is None:
            return False
        return left < right if self.sign == "<" else left > right


@dataclass(frozen=True, slots=True)
class Filter:
    """What was typed, and what it means."""

    typed: str
    terms: tuple[Term, ...]

    def holds(self, row: Row, moment: Moment, fields: Sequence[Field]) -> bool:
        """Say whether a row meets every term."""
        return all(term.holds(row, moment, fields) for term in self.terms)


def parse(typed: str, fields: Sequence[Field]) -> Filter:
    """Return the filter that a text means; a field nobody has is text like any other."""
    terms: list[Term] = []
    for word in typed.casefold().split():
        match = _TERM.fullmatch(word)
        field = field_named(match[1], fields) if match else None
        if match and field is not None:
            terms.append(Term(match[3], field, match[2]))
        elif word.startswith("!") and len(word) > 1:
            terms.append(Term(word[1:], sign="!"))
        elif word != "!":
            terms.append(Term(word))
    return Filter(typed, tuple(terms))


def field_named(name: str, fields: Sequence[Field]) -> Field | None:
    """Return the column of this name, or the only one whose name holds it."""
    name = name.casefold()
    names = [(field, {field.label.casefold(), field.of.casefold()}) for field in fields]
    exact = [field for field, known in names if name in known]
    if exact:
        return exact[0]
    parts = [field for field, known in names if any(name in each for each in known)]
    return parts[0] if len(parts) == 1 else None


def shown_in(field: Field, row: Row, moment: Moment) -> Shown:
    """Return what a column shows of a row."""
    return field.show(row, moment)


def number_in(text: str) -> Decimal | None:
    """Return the number that a text shows: `−1.2k` is −1200; None where there is none."""
    plain = text.strip().replace("−", "-").replace(",", "").replace("%", "")
    unit = _UNITS.get(plain[-1:])
    try:
        value = Decimal(plain[:-1] if unit else plain)
    except InvalidOperation:
        return None
    return (value * unit if unit else value) if value.is_finite() else None


def _same(shown: str, typed: str) -> bool:
    left, right = number_in(shown), number_in(typed)
    return left is not None and left == right


# -- sorting -------------------------------------------------------------------------------


def sort_letters(fields: Sequence[Field]) -> dict[str, Field]:
    """Return the letter of each column: the first of its label that is free; `s` restores."""
    letters: dict[str, Field] = {}
    for field in fields:
        candidates = [c for c in field.label.lower() if c.isascii() and c.isalpha()]
        spare = "abcdefghijklmnopqrtuvwxyz"
        letter = next((c for c in (*candidates, *spare) if c not in letters and c != "s"), None)
        if letter is not None:
            letters[letter] = field
    return letters


def by_value(rows: Iterable[Keyed], field: Field, moment: Moment, *, reverse: bool) -> list[Keyed]:
    """Return rows in a column's order; equal ones keep theirs, unknown ones come last."""
    known: list[tuple[tuple[int, Decimal, str], Keyed]] = []
    unknown: list[Keyed] = []
    for keyed in rows:
        value = _value(field, keyed[1], moment)
        if value is None:
            unknown.append(keyed)
        else:
            known.append((value, keyed))
    known.sort(key=lambda pair: pair[0], reverse=reverse)
    return [*(keyed for _, keyed in known), *unknown]


def _value(field: Field, row: Row, moment: Moment) -> tuple[int, Decimal, str] | None:
    raw = row.get(field.of) if field.of else None
    if isinstance(raw, int | float | Decimal):
        exact = Decimal(str(raw))
        return (0, exact, "") if exact.is_finite() else None
    if isinstance(raw, str) and raw:
        return (1, Decimal(0), raw.casefold())
    if field.of:
        return None
    shown = shown_in(field, row, moment).strip()
    if not shown or shown == UNKNOWN:
        return None
    exact_shown = number_in(shown)
    return (1, Decimal(0), shown.casefold()) if exact_shown is None else (0, exact_shown, "")


def typed_text(typed: str) -> Shown:
    """Return a filter as titles show it."""
    return safe(typed, 60)
