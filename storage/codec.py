"""Event ↔ (kind, version, payload): canonical JSON, made by functions compiled once per class.

The text of a payload: keys sorted, no spaces, only ASCII; a Decimal is a string with all its
digits, a float a number (NaN and infinities are strings, JSON has none), an enum its value,
an instant or date its text. A dataclass is an object, a NamedTuple an array; a member of a
union of dataclasses says its class in `type`. Snapshots have a short row of their own.

Why compiled: a generic walk over a decision costs 200 µs, the text below 20. The compiler
writes one Python expression per field and joins them into one f-string per class.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring_ascii as quote
from typing import Any, cast

from engine.domain.event import Event
from engine.domain.snapshot import Holding, QuietDays, Snapshot
from engine.domain.times import parse_utc, utc_text
from engine.errors import JournalError

VERSION = 1
TAG = "type"

KINDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Event)}
"""Every kind of event there is, by name."""


def encode(event: Event) -> str:
    """Return the payload of an event; its kind is the name of its class."""
    return _encoder(type(event))(event)


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


def _encoder(kind: type) -> Callable[[Any], str]:
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
        inner = ",".join(
            f"{{{_expression(hints[name], f'o[{n}]', scope)}}}" for n, name in enumerate(hints)
        )
        text = f"[{inner}]"
    else:
        parts = {
            field.name: f"{{{_expression(hints[field.name], f'o.{field.name}', scope)}}}"
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
        if _plain(args[0]) is Snapshot:
            scope["snapshots"] = snapshot_rows
            return f"snapshots({value})"
        return f'("["+",".join([{_expression(args[0], "i", scope)} for i in {value}])+"]")'
    if origin is not None and issubclass(origin, Mapping):
        item = f'(quote(k)+":"+{_expression(args[1], "i", scope)})'
        return f'("{{"+",".join([{item} for k, i in sorted({value}.items())])+"}}")'
    return _atom(hint, value, scope)


def _atom(hint: Any, value: str, scope: dict[str, Any]) -> str:
    if hint is Decimal:
        return f"'\"%s\"' % {value}"
    if issubclass(hint, Enum):
        if any(quote(member.value) != f'"{member.value}"' for member in hint):
            raise TypeError(f"{hint.__name__} has a value that needs quoting")
        return f"'\"%s\"' % {value}._value_"
    for atom, text in (
        (bool, f"flag({value})"),
        (int, f"int.__repr__({value})"),
        (float, f"number({value})"),
        (str, f"quote({value})"),
        (datetime, f"('\"'+instant({value})+'\"')"),
        (date, f"'\"%s\"' % {value}"),
    ):
        if hint is atom:
            return text
    if dataclasses.is_dataclass(hint) or _is_named_tuple(hint):
        name = f"encode_{hint.__name__}"
        scope[name] = _encoder(hint)
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
        if _plain(args[0]) is Snapshot:
            return lambda v: tuple(map(_snapshot, v))
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
# One row per bar of a long backtest: the only event whose size and speed matter. The first
# eight values are always there, the rest only where it is not the default. v_snapshots reads
# this shape.

_FIXED = 8
_REST = Snapshot._fields[_FIXED:]
_REST_DEFAULTS = tuple(Snapshot._field_defaults[name] for name in _REST)
_REST_HINTS = {name: typing.get_type_hints(Snapshot)[name] for name in _REST}
_REST_READERS = {name: _reader(hint) for name, hint in _REST_HINTS.items()}
_REST_WRITERS: dict[str, Callable[[Any], str]] = {}


def snapshot_rows(rows: Iterable[Snapshot]) -> str:
    """Return the array of the rows of SnapshotTaken.

    A row: eight values, then an object of those that are not the default. A strategy without
    a model and with one holding at most takes the short way, 1 µs: most of its numbers are
    those of the row before, and their texts are kept.
    """
    if type(rows) is QuietDays:
        return _quiet_rows(rows)
    texts = []
    had = _NOTHING_HAD  # numbers of the row before
    equity_text = cash_text = high_text = start_text = held_text = rest_text = ""
    for row in rows:
        (
            strategy, day, equity, cash, before, start, high, holdings,
            _, _, _, _, _, _, _, _, _, baseline, fees, final,
        ) = row  # fmt: skip
        is_plain = final and row[_FIXED:_MODEL_END] == _NO_MODEL
        if not is_plain or before is None or len(holdings) > 1:
            texts.append(_any_row(row))
            continue
        had_equity, had_cash, had_start, had_high, had_fees, had_instrument, had_quantity = had
        before_text = equity_text if before is had_equity else str(before)
        equity_text = str(equity)
        if cash is not had_cash:
            cash_text = str(cash)
        if start is not had_start:
            start_text = str(start)
        if high is not had_high:
            high_text = str(high)
        if fees is not had_fees:
            rest_text = f'"fees_to_date":"{fees!s}"' if fees else ""
        rest, shares = rest_text, ""
        if baseline is not None:
            rest = f'"baseline":"{baseline!s}"{rest and ","}{rest}'
        instrument, quantity = had_instrument, had_quantity
        if holdings:
            ((instrument, quantity, price),) = holdings
            if quantity is not had_quantity or instrument is not had_instrument:
                held_text = f'{_quoted(instrument)},"{quantity!s}"'
            shares = f'[{held_text},"{price!s}"]'
        had = equity, cash, start, high, fees, instrument, quantity
        texts.append(
            f'[{_quoted(strategy)},"{day!s}","{equity_text}","{cash_text}","{before_text}",'
            f'"{start_text}","{high_text}",[{shares}],{{{rest}}}]'
        )
    return f"[{','.join(texts)}]"


def _quiet_rows(days: QuietDays) -> str:
    """Write rows that are never made: nothing but days and prices differs from the first."""
    first = days.first
    strategy, cash, start = quote(first.strategy), f'"{first.cash!s}"', f'"{first.capital!s}"'
    fees = f'"fees_to_date":"{first.fees_to_date!s}"' if first.fees_to_date else ""
    held_cell = f'"held_cell":{first.held_cell}' if first.held_cell is not None else ""
    rest = ",".join(filter(None, (fees, held_cell)))
    shares = "".join([f'{quote(i)},"{q!s}"' for i, q, _ in first.holdings])
    baseline = None if days.start is None else days.baseline
    texts = [_any_row(first)]
    before, top, top_text = str(first.equity), first.high_water, str(first.high_water)
    for day, equity, high, (close, signal) in islice(
        zip(days.days, days.equities, days.highs, days.closes, strict=True), 1, None
    ):
        value = str(equity)
        if high is not top:
            top, top_text = high, str(high)
        held = f'[{shares},"{close!s}"]' if shares else ""
        known = rest
        if baseline is not None:
            known = f'"baseline":"{baseline(signal)!s}"{rest and ","}{rest}'
        texts.append(
            f'[{strategy},"{day!s}","{value}",{cash},"{before}",{start},"{top_text}",'
            f"[{held}],{{{known}}}]"
        )
        before = value
    return f"[{','.join(texts)}]"


_MODEL_END = Snapshot._fields.index("baseline")
_NO_MODEL = (None,) * (_MODEL_END - _FIXED)  # cell .. equity_at_fill
_NOTHING_HAD: tuple[Any, ...] = (None,) * 7
_quoted = lru_cache(maxsize=4096)(quote)


def _any_row(row: Snapshot) -> str:
    held = ",".join([f'[{quote(i)},"{q!s}","{p!s}"]' for i, q, p in row.holdings])
    before = "null" if row.before is None else f'"{row.before!s}"'
    known = {
        name: value
        for name, value, default in zip(_REST, row[_FIXED:], _REST_DEFAULTS, strict=True)
        if value != default
    }
    rest = ",".join(f'"{name}":{_REST_WRITERS[name](known[name])}' for name in sorted(known))
    return (
        f'[{quote(row.strategy)},"{row.session_date!s}","{row.equity!s}","{row.cash!s}",{before},'
        f'"{row.capital!s}","{row.high_water!s}",[{held}],{{{rest}}}]'
    )


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
        **{name: _REST_READERS[name](value) for name, value in rest.items()},
    )


def _compile_rest() -> None:
    for name, hint in _REST_HINTS.items():
        scope: dict[str, Any] = {"quote": quote, "number": number, "flag": flag}
        _REST_WRITERS[name] = eval(f"lambda v: {_expression(hint, 'v', scope)}", scope)


_compile_rest()
