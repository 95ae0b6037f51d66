"""Event ↔ (kind, version, payload): canonical JSON, made by functions compiled once per class.

The text of a payload: keys sorted, no spaces, only ASCII; a Decimal is a string with all its
digits, a float a number (NaN and infinities are strings, JSON has none), an enum its value,
an instant or date its text. A dataclass is an object, a NamedTuple an array; a member of a
union of dataclasses says its class in `type`. Snapshots have a short form of their own.

Why compiled: a generic walk over a decision costs 200 µs, the text below 20. The compiler
writes one Python expression per field and joins them into one f-string per class.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from itertools import islice
from json.encoder import encode_basestring_ascii as quote
from typing import Any, cast

from engine.domain.event import Event, SnapshotTaken
from engine.domain.money import ZERO
from engine.domain.snapshot import Holding, QuietDays, Snapshot
from engine.domain.times import parse_utc, utc_text
from engine.errors import JournalError

VERSION = 1
TAG = "type"

KINDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Event)}
"""Every kind of event there is, by name."""


def encode(event: Event) -> str:
    """Return the payload of an event; its kind is the name of its class."""
    return encoder(type(event))(event)


def decode(kind: str, version: int, payload: str) -> Event:
    """Return the event of a stored row. JournalError for a kind or version from elsewhere."""
    found = KINDS.get(kind)
    if found is None:
        raise JournalError(f"the journal holds an event of unknown kind {kind!r}")
    if version != VERSION:
        raise JournalError(f"event {kind} has version {version}, this program reads {VERSION}")
    return cast(Event, _decoder(found)(json.loads(payload)))


# -- writing -------------------------------------------------------------------------------


def number(value: float) -> str:
    """Return the shortest text that reads back as the same float."""
    if value - value == 0:
        return repr(value)
    return f'"{value!r}"'


def flag(value: bool) -> str:
    """Return true or false."""
    return "true" if value else "false"


_encoders: dict[type, Callable[[Any], str]] = {}
_tagged: dict[type, Callable[[Any], str]] = {}


def encoder(kind: type) -> Callable[[Any], str]:
    """Return the function that makes the payload of events of one kind."""
    found = _encoders.get(kind)
    if found is None:
        found = _encoders[kind] = _compile_encoder(kind, tag=None)
    return found


def _union(value: object) -> str:
    """Encode a member of a union of dataclasses, with its class name in it."""
    kind = type(value)
    found = _tagged.get(kind)
    if found is None:
        found = _tagged[kind] = _compile_encoder(kind, tag=kind.__name__)
    return found(value)


def _compile_encoder(kind: type, tag: str | None) -> Callable[[Any], str]:
    """Write, compile and return the function that turns an object of a class into text."""
    scope: dict[str, Any] = {
        "quote": quote,
        "number": number,
        "flag": flag,
        "instant": utc_text,
        "union": _union,
    }
    hints = typing.get_type_hints(kind)
    if _is_named_tuple(kind):
        inner = ",".join(_part(hints[name], f"o[{n}]", scope) for n, name in enumerate(hints))
        text = f"[{inner}]"
    else:
        parts = {
            field.name: _part(hints[field.name], f"o.{field.name}", scope)
            for field in dataclasses.fields(kind)
        }
        if tag is not None:
            if TAG in parts:
                raise TypeError(f"{kind.__name__} has a field {TAG!r} and is in a union")
            parts[TAG] = f'"{tag}"'
        inner = ",".join(f'"{name}":{parts[name]}' for name in sorted(parts))
        text = f"{{{{{inner}}}}}"
    source = f"def encode(o):\n    return f'''{text}'''"
    exec(source, scope)
    return cast("Callable[[Any], str]", scope["encode"])


def _part(hint: Any, value: str, scope: dict[str, Any]) -> str:
    """Return what stands for a value in its class's f-string."""
    text = _expression(hint, value, scope)
    # an f-string within it is part of it
    return text[2:-1] if text.startswith("f'") else f"{{{text}}}"


def _expression(hint: Any, value: str, scope: dict[str, Any]) -> str:
    """Return the Python expression that makes the text of one value of this type."""
    hint = _plain(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        rest = [arg for arg in args if arg is not type(None)]
        name = f"v{len(scope)}"
        if len(rest) == len(args):
            return f"union({value})"
        scope[name] = None  # only to make the next name differ
        inner = _expression(rest[0], name, scope) if len(rest) == 1 else f"union({name})"
        return f'("null" if ({name} := {value}) is None else {inner})'
    if origin is tuple and len(args) == 2 and args[1] is ...:
        return f'("["+",".join([{_expression(args[0], "i", scope)} for i in {value}])+"]")'
    if origin is not None and issubclass(origin, Mapping):
        item = f'(quote(k)+":"+{_expression(args[1], "i", scope)})'
        return f'("{{"+",".join([{item} for k, i in sorted({value}.items())])+"}}")'
    return _atom(hint, value, scope)


def _atom(hint: Any, value: str, scope: dict[str, Any]) -> str:
    if issubclass(hint, Enum):
        if any(quote(member.value) != f'"{member.value}"' for member in hint):
            raise TypeError(f"{hint.__name__} has a value that needs quoting")
        return f"""f'"{{{value}._value_}}"'"""
    for atom, text in (
        (Decimal, f"""f'"{{{value}!s}}"'"""),
        (bool, f"flag({value})"),
        (int, f"int.__repr__({value})"),
        (float, f"number({value})"),
        (str, f"quote({value})"),
        (datetime, f"""f'"{{instant({value})}}"'"""),
        (date, f"""f'"{{{value}!s}}"'"""),
    ):
        if hint is atom:
            return text
    if dataclasses.is_dataclass(hint) or _is_named_tuple(hint):
        name = f"encode_{hint.__name__}"
        scope[name] = encoder(hint)
        return f"{name}({value})"
    raise TypeError(f"the codec has no rule for {hint!r}")


def _plain(hint: Any) -> Any:
    """Return the type beneath NewTypes."""
    while isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    return hint


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


# -- reading -------------------------------------------------------------------------------

_decoders: dict[type, Callable[[Any], Any]] = {}


def _decoder(kind: type) -> Callable[[Any], Any]:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = _make_decoder(kind)
    return found


def _make_decoder(kind: type) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    if _is_named_tuple(kind):
        readers = tuple(_reader(hint) for hint in hints.values())
        return lambda array: kind(*[read(v) for read, v in zip(readers, array, strict=True)])
    # a field added later is missing in older rows and takes its default
    fields = [(field.name, _reader(hints[field.name])) for field in dataclasses.fields(kind)]
    return lambda found: kind(**{name: read(found[name]) for name, read in fields if name in found})


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Return the function that turns parsed JSON into a value of this type."""
    hint = _plain(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        rest = [arg for arg in args if arg is not type(None)]
        read = _reader(rest[0]) if len(rest) == 1 else _union_reader(rest)
        return lambda v: None if v is None else read(v)
    if origin is tuple and len(args) == 2 and args[1] is ...:
        item = _reader(args[0])
        return lambda v: tuple(map(item, v))
    if origin is not None and issubclass(origin, Mapping):
        item = _reader(args[1])
        return lambda v: {key: item(i) for key, i in v.items()}
    if hint is datetime:
        return parse_utc
    if hint is date:
        return date.fromisoformat
    if hint in (str, int, bool):
        return _same
    if dataclasses.is_dataclass(hint) or _is_named_tuple(hint):
        return lambda v: _decoder(hint)(v)  # by name: a class may hold itself
    return cast("Callable[[Any], Any]", hint)  # Decimal, float, an enum: called with the value


def _union_reader(members: list[Any]) -> Callable[[Any], Any]:
    by_name = {member.__name__: member for member in members}
    return lambda v: _decoder(by_name[v[TAG]])(v)


def _same(value: Any) -> Any:
    return value


# -- snapshots -----------------------------------------------------------------------------
# One row per bar of a long backtest: the only event whose size and speed matter. A row: eight
# values that are always there, then an object of those that are not the default. Of quiet days
# only the first has such a row, the others a text: session date, close of what is held, and the
# signal's where that is another instrument. The rest follows from them, here and in v_snapshots.

_FIXED = 8
_HINTS = typing.get_type_hints(Snapshot)
_READERS = {name: _reader(_HINTS[name]) for name in Snapshot._fields[_FIXED:]}


def _writer(hint: Any) -> Callable[[Any], str]:
    scope: dict[str, Any] = {"quote": quote, "number": number, "flag": flag}
    return cast("Callable[[Any], str]", eval(f"lambda v: {_expression(hint, 'v', scope)}", scope))


_REST = sorted(
    (name, at, Snapshot._field_defaults[name], _writer(_HINTS[name]))
    for at, name in enumerate(Snapshot._fields)
    if at >= _FIXED
)


_BETWEEN = '","'
_OLD_CLOSES = 4  # where closes begin in a quiet day's array, as it was before schema 5


def _snapshots_text(event: SnapshotTaken) -> str:
    rows = event.rows
    if not isinstance(rows, QuietDays):
        return f'{{"rows":[{",".join(map(_row_text, rows))}]}}'
    start = "" if rows.start is None else f',"start":"{rows.start!s}"'
    return f'{{"quiet":{{"days":[{_quiet_text(rows)}]{start}}},"rows":[{_row_text(rows.first)}]}}'


def _row_text(row: Snapshot) -> str:
    held = ",".join([f'[{quote(i)},"{q!s}","{p!s}"]' for i, q, p in row.holdings])
    before = "null" if row.before is None else f'"{row.before!s}"'
    rest = ",".join(
        [f'"{name}":{text(row[at])}' for name, at, default, text in _REST if row[at] != default]
    )
    return (
        f'[{quote(row.strategy)},"{row.session_date!s}","{row.equity!s}","{row.cash!s}",{before},'
        f'"{row.capital!s}","{row.high_water!s}",[{held}],{{{rest}}}]'
    )


def _quiet_text(quiet: QuietDays) -> str:
    """Write a text for each day: a long run has one of these for every bar."""
    days, prices = islice(map(date.isoformat, quiet.days), 1, None), quiet.prices[1:]
    if quiet.signals is None:
        lines = [f"{day} {price!s}" for day, price in zip(days, prices, strict=True)]
    else:
        signals = quiet.signals[1:]
        lines = [f"{d} {p!s} {s!s}" for d, p, s in zip(days, prices, signals, strict=True)]
    return f'"{_BETWEEN.join(lines)}"' if lines else ""


def _snapshots(found: dict[str, Any]) -> SnapshotTaken:
    rows = tuple(map(_snapshot, found["rows"]))
    return SnapshotTaken(rows=_quiet(rows[0], **found["quiet"]) if "quiet" in found else rows)


def _quiet(
    first: Snapshot, days: list[str] | list[list[str]], start: str | None = None
) -> QuietDays:
    quiet = QuietDays(first)
    quiet.start = None if start is None else Decimal(start)
    told = [
        day.split(" ") if isinstance(day, str) else [day[0], *day[_OLD_CLOSES:]] for day in days
    ]
    if told:
        dates, prices, *signals = zip(*told, strict=True)
        quiet.signals = [ZERO] if signals else None
        quiet.take(
            [date.fromisoformat(day) for day in dates],
            list(map(Decimal, prices)),
            [Decimal(close) for column in signals for close in column],
        )
    return quiet


def _snapshot(array: list[Any]) -> Snapshot:
    strategy, day, equity, cash, before, capital, high, held, rest = array
    return Snapshot(
        strategy,
        date.fromisoformat(day),
        Decimal(equity),
        Decimal(cash),
        None if before is None else Decimal(before),
        Decimal(capital),
        Decimal(high),
        tuple([Holding(i, Decimal(q), Decimal(p)) for i, q, p in held]),
        **{name: _READERS[name](value) for name, value in rest.items()},
    )


_encoders[SnapshotTaken] = _snapshots_text
_decoders[SnapshotTaken] = _snapshots
