"""Layouts: which fields a message has, in order, at which server version.

A layout is text, near to how the protocol is described on paper:

    orderId:i          a field and its kind (see value.READ); text where no kind is given
    v:i=8              a field that is always written as 8; `=` alone writes nothing
    tif|DAY            a field that is written as DAY when it is not set
    [>=158 duration]   fields that exist from a version on; also [<164 …] and [==163 …]
    *legs(ratio:i)     a count, then that many times the fields
    ?bag(…)            fields that exist only if the question, a name in QUESTIONS, says yes

The same layout writes and reads. A repeat of a single field is a list of plain values, any
other a list of mappings. A name that occurs twice is written twice and read from its last place.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from engine.brokers.practice.wire.value import (
    READ,
    UNSET,
    WireError,
    flag_text,
    number_text,
    plain_text,
)

Values = Mapping[str, Any]


class Field(NamedTuple):
    """One field."""

    name: str
    kind: str
    constant: str | None  # written whatever the value
    default: str | None  # written when there is no value


class Repeat(NamedTuple):
    """A count and that many groups."""

    name: str
    items: tuple["Item", ...]


class When(NamedTuple):
    """Fields that depend on earlier ones."""

    question: str
    items: tuple["Item", ...]


class Gate(NamedTuple):
    """Fields that depend on the version."""

    sign: str
    version: int
    items: tuple["Item", ...]


Item = Field | Repeat | When | Gate


class Message(NamedTuple):
    """A kind of message: its number, its name, its fields after the number."""

    number: int
    name: str
    items: tuple[Item, ...]


def _same_type(*types: str) -> Callable[[Values], bool]:
    """An order type is known with and without blanks."""
    return lambda seen: str(seen.get("orderType") or "").upper().replace(" ", "") in types


CONDITION_TYPES = (1, 3, 4, 5, 6, 7)


def _condition(*types: int) -> Callable[[Values], bool]:
    def ask(seen: Values) -> bool:
        if seen.get("type") not in CONDITION_TYPES:
            raise WireError(f"no condition of type {seen.get('type')}")
        return seen["type"] in types

    return ask


def _set(name: str) -> Callable[[Values], bool]:
    return lambda seen: bool(seen.get(name))


QUESTIONS: dict[str, Callable[[Values], bool]] = {
    "bag": lambda seen: seen.get("secType") == "BAG",
    "dnc": _set("dnc"),
    "deltaNeutral": _set("deltaNeutralOrderType"),
    "scaled": lambda seen: (seen.get("scalePriceIncrement") or 0) > 0,
    "hedged": _set("hedgeType"),
    "algo": _set("algoStrategy"),
    "conditions": _set("conditions"),
    "pegBench": _same_type("PEGBENCH"),
    "pegBest": _same_type("PEGBEST"),
    "pegMid": _same_type("PEGMID"),
    "ibkrats": lambda seen: seen.get("exchange") == "IBKRATS",
    "infinite": lambda seen: seen.get("competeAgainstBestOffset") == float("inf"),
    "ofPrice": _condition(1),
    "ofTime": _condition(3),
    "ofMargin": _condition(4),
    "ofExecution": _condition(5),
    "ofVolume": _condition(6, 7),
    "tradeTicks": lambda seen: seen.get("kind") in (1, 2),
    "quoteTicks": lambda seen: seen.get("kind") == 3,
    "middleTicks": lambda seen: seen.get("kind") == 4,
}


# -- reading the text of a layout ----------------------------------------------------------

_TOKEN = re.compile(r"\[(?:>=|<|==)\d+|[*?]\w+\(|[\])]|[^\s()\[\]]+")
_FIELD = re.compile(r"(\w+)(?::([a-z]))?(?:=(.*)|\|(.*))?")


def layout(text: str) -> tuple[Item, ...]:
    """Read a layout. Raises ValueError where it is none."""
    tokens = iter(_TOKEN.findall(text))
    items = tuple(_items(tokens, ""))
    if (left := next(tokens, None)) is not None:
        raise ValueError(f"'{left}' closes nothing")
    return items


def _items(tokens: Iterator[str], end: str) -> Iterator[Item]:
    for token in tokens:
        if token == end:
            return
        if token[0] == "[":
            sign = token[1:].rstrip("0123456789")
            yield Gate(sign, int(token[1 + len(sign) :]), tuple(_items(tokens, "]")))
        elif token[0] == "*":
            yield Repeat(token[1:-1], tuple(_items(tokens, ")")))
        elif token[0] == "?":
            if token[1:-1] not in QUESTIONS:
                raise ValueError(f"no question '{token[1:-1]}'")
            yield When(token[1:-1], tuple(_items(tokens, ")")))
        else:
            yield _field(token)
    if end:
        raise ValueError(f"'{end}' is missing")


def _field(token: str) -> Field:
    found = _FIELD.fullmatch(token)
    if not found or (found[2] or "s") not in READ:
        raise ValueError(f"'{token}' is no field")
    constant, default = (UNSET if text == "UNSET" else text for text in (found[3], found[4]))
    return Field(found[1], found[2] or "s", constant, default)


@cache
def _at(items: tuple[Item, ...], version: int) -> tuple[Item, ...]:
    """Return the items that exist at a version, without gates."""
    found: list[Item] = []
    for item in items:
        match item:
            case Gate(sign, bound, inner):
                open_ = {">=": version >= bound, "<": version < bound, "==": version == bound}
                found += _at(inner, version) if open_[sign] else ()
            case Repeat(name, inner):
                found.append(Repeat(name, _at(inner, version)))
            case When(question, inner):
                found.append(When(question, _at(inner, version)))
            case Field():
                found.append(item)
    return tuple(found)


# -- writing -------------------------------------------------------------------------------


def write(message: Message, version: int, values: Values) -> bytes:
    """Return the payload of a message. Raises WireError for what cannot be written."""
    out = [str(message.number)]
    try:
        _write(_at(message.items, version), values, version, out, {})
    except (WireError, TypeError) as error:
        raise WireError(f"{message.name}: {error}") from error
    return "".join(f"{field}\0" for field in out).encode()


def _write(
    items: tuple[Item, ...], values: Values, version: int, out: list[str], seen: dict[str, Any]
) -> None:
    for item in items:
        match item:
            case Field():
                out.append(_text(item, values, version, seen))
            case Repeat(name, inner):
                rows: Sequence[Any] = values.get(name) or ()
                out.append(str(len(rows)))
                seen[name] = rows
                alone = _alone(inner)
                for row in rows:
                    _write(inner, {alone: row} if alone else row, version, out, {})
            case When(question, inner):
                if QUESTIONS[question](seen):
                    _write(inner, values, version, out, seen)
            case Gate():
                raise AssertionError("gates are gone at a version")


def _alone(items: tuple[Item, ...]) -> str | None:
    """Return the name of the only field of a group, None if it has more."""
    return items[0].name if len(items) == 1 and isinstance(items[0], Field) else None


def _text(field: Field, values: Values, version: int, seen: dict[str, Any]) -> str:
    name, kind, constant, default = field
    if constant is not None:
        seen[name] = READ[kind](constant)
        return constant
    value = seen[name] = values.get(name)
    if value is None or value == "":
        if default is not None:
            return default
        if kind == "e":
            raise WireError(f"{name} is not set")
        return UNSET if kind == "u" else "0" if kind == "b" else ""
    if kind == "s":
        return plain_text(value, version)
    if kind == "b":
        return flag_text(value)
    if kind == "x" and value == float("inf"):
        return "Infinity"
    return number_text(value)


# -- reading -------------------------------------------------------------------------------


def read(message: Message, version: int, fields: Sequence[str], *, strict: bool) -> dict[str, Any]:
    """Return the values of a message's fields, the number excluded.

    strict: left-over and missing fields are errors. Else extra ones are ignored and missing ones
    are unset, as a server must have it.
    """
    found: dict[str, Any] = {}
    reader = _Reader(fields, 1, strict)
    try:
        _read(_at(message.items, version), reader, found)
    except WireError as error:
        raise WireError(f"{message.name}: {error}") from error
    if strict and reader.left > 0:
        raise WireError(f"{message.name}: {reader.left} fields too many")
    return found


class _Reader:
    def __init__(self, fields: Sequence[str], start: int, strict: bool) -> None:
        self._fields = fields
        self._next = start
        self._strict = strict

    @property
    def left(self) -> int:
        return len(self._fields) - self._next

    def take(self, name: str, kind: str) -> Any:
        if self.left <= 0:
            if self._strict:
                raise WireError(f"{name} is missing")
            return False if kind == "b" else "" if kind == "s" else None
        text = self._fields[self._next]
        self._next += 1
        try:
            return READ[kind](text)
        except WireError as error:
            raise WireError(f"{name} {error}") from error


def _read(items: tuple[Item, ...], reader: _Reader, found: dict[str, Any]) -> None:
    for item in items:
        match item:
            case Field(name, kind):
                found[name] = reader.take(name, kind)
            case Repeat(name, inner):
                found[name] = _read_rows(name, inner, reader)
            case When(question, inner):
                if QUESTIONS[question](found):
                    _read(inner, reader, found)
            case Gate():
                raise AssertionError("gates are gone at a version")


def _read_rows(name: str, items: tuple[Item, ...], reader: _Reader) -> list[Any]:
    count = reader.take(name, "i") or 0
    if not 0 <= count <= max(reader.left, 0):  # every group has a field of its own
        raise WireError(f"{name}: {count} groups do not fit in what is left")
    alone = _alone(items)
    rows: list[Any] = []
    for _ in range(count):
        row: dict[str, Any] = {}
        _read(items, reader, row)
        rows.append(row[alone] if alone else row)
    return rows
