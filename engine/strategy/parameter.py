"""Parameters of strategies as data: what there is, what is allowed, what was asked for.

One schema serves the validation of settings, the table of parameters, the editor and the
hash. A value may come as TOML gave it or as text from a flag or an environment variable; it
leaves as Decimal (kind float), int, bool or str, and as its canonical text, which is hashed.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType

from engine.domain.ids import short_hash
from engine.domain.money import text as plain
from engine.domain.session import Slot
from engine.errors import SettingsError

Value = Decimal | int | bool | str
Values = Mapping[str, Value]

SLOT_KEY = "execution_slot"  # says when, not what: the one key outside the hash

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-]{0,15}")


class Kind(Enum):
    """What kind of value a parameter takes."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    CHOICE = "choice"
    SYMBOL = "symbol"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers; an end that is not closed is itself not allowed."""

    low: Decimal
    high: Decimal
    low_closed: bool = True
    high_closed: bool = True

    def holds(self, value: Decimal) -> bool:
        """Say whether a value lies inside."""
        above = value >= self.low if self.low_closed else value > self.low
        below = value <= self.high if self.high_closed else value < self.high
        return above and below

    def __str__(self) -> str:
        """Return "0.01..0.9", with > or < before an open end."""
        low = "" if self.low_closed else "> "
        high = "" if self.high_closed else "< "
        return f"{low}{plain(self.low)}..{high}{plain(self.high)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One knob of a strategy."""

    key: str
    kind: Kind
    default: Value | None  # None: required
    effect: str  # one sentence
    span: Span | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    inert: Callable[[Values], str] | None = None  # why it moves nothing beside these values; ""

    @property
    def allowed(self) -> str:
        """Say what may be given, in words."""
        match self.kind:
            case Kind.FLOAT:
                return f"a number in {self.span}" if self.span else "a number"
            case Kind.INT:
                return f"an integer in {self.span}" if self.span else "an integer"
            case Kind.BOOL:
                return "true or false"
            case Kind.CHOICE:
                return "one of " + ", ".join(self.choices)
            case Kind.SYMBOL:
                return "a known instrument's symbol, like QQQ"
            case Kind.TEXT:
                return "a text that is not empty"


SLOT_PARAMETER = Parameter(
    key=SLOT_KEY,
    kind=Kind.CHOICE,
    default=Slot.OPEN.value,
    choices=tuple(slot.value for slot in Slot),
    effect="the moment of the session at which the strategy may act",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A rule between parameters."""

    keys: tuple[str, ...]
    text: str  # what must hold: "sma_fast < sma_slow"
    holds: Callable[[Values], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All parameters of a strategy, its presets and its relations."""

    strategy: str
    parameters: tuple[Parameter, ...]
    presets: Mapping[str, Mapping[str, Value]] = field(
        default_factory=lambda: MappingProxyType({"default": {}})
    )
    relations: tuple[Relation, ...] = ()

    def parameter(self, key: str) -> Parameter | None:
        """Return the parameter of a key."""
        return next((p for p in self.parameters if p.key == key), None)

    def inert(self, values: Values) -> dict[str, str]:
        """Return the keys that move nothing beside these values, with the reason of each."""
        reasons = {p.key: p.inert(values) for p in self.parameters if p.inert is not None}
        return {key: reason for key, reason in reasons.items() if reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Values that passed: complete, in range, in agreement with each other."""

    strategy: str
    preset: str  # the preset's own name
    preset_label: str  # "default", "default+2" with two values changed
    values: Values
    texts: Mapping[str, str]  # canonical text of every key
    parameter_hash: str  # 16 hex digits over all keys but the slot


def canonical(value: Value) -> str:
    """Return the one text of a value: shortest plain decimal, digits, true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value) if isinstance(value, Decimal) else str(value)


def parameter_hash(texts: Mapping[str, str]) -> str:
    """Return the hash that names a set of values; the slot is not part of it."""
    lines = sorted(f"{key}={value}" for key, value in texts.items() if key != SLOT_KEY)
    return short_hash("\n".join(lines), 16)


def resolve(
    schema: Schema,
    preset: str,
    overrides: Mapping[str, object],
    known_symbols: Collection[str] | None = None,
) -> Resolved:
    """Return a preset with overrides laid over it.

    Raises SettingsError with every finding at once: unknown preset and keys, wrong types,
    values out of range, missing required keys, violated relations.
    """
    findings: list[str] = []
    chosen = schema.presets.get(preset)
    if chosen is None:
        findings.append(
            f"{schema.strategy}.preset = {_shown(preset)}: "
            f"allowed is one of {', '.join(sorted(schema.presets))}"
        )
        chosen = {}
    findings += [_unknown(schema, key) for key in overrides if schema.parameter(key) is None]
    base = {p.key: chosen.get(p.key, p.default) for p in schema.parameters}
    values: dict[str, Value] = {}
    for p in schema.parameters:
        given = overrides.get(p.key, base[p.key])
        if given is None:
            findings.append(f"{schema.strategy}.{p.key}: missing; allowed is {p.allowed}")
            continue
        value = _read(p, given)
        if value is None or not _known(p, value, known_symbols):
            allowed = p.allowed
            if p.kind is Kind.SYMBOL and known_symbols is not None:
                allowed = "one of " + ", ".join(sorted(known_symbols))
            findings.append(f"{schema.strategy}.{p.key} = {_shown(given)}: allowed is {allowed}")
            continue
        values[p.key] = value
    findings += [
        _violated(schema, relation, values)
        for relation in schema.relations
        if all(key in values for key in relation.keys) and not relation.holds(values)
    ]
    if findings:
        raise SettingsError(findings)
    changed = sum(values[key] != base[key] for key in values)
    texts = {key: canonical(value) for key, value in values.items()}
    return Resolved(
        strategy=schema.strategy,
        preset=preset,
        preset_label=f"{preset}+{changed}" if changed else preset,
        values=MappingProxyType(values),
        texts=MappingProxyType(texts),
        parameter_hash=parameter_hash(texts),
    )


def _read(p: Parameter, given: object) -> Value | None:
    """Return the value in its own type; None where it is not allowed."""
    match p.kind:
        case Kind.FLOAT:
            number = _number(given)
            return number if number is not None and _inside(p, number) else None
        case Kind.INT:
            whole = _integer(given)
            return whole if whole is not None and _inside(p, Decimal(whole)) else None
        case Kind.BOOL:
            if isinstance(given, bool):
                return given
            return {"true": True, "false": False}.get(given) if isinstance(given, str) else None
        case Kind.CHOICE:
            return given if isinstance(given, str) and given in p.choices else None
        case Kind.SYMBOL:
            return given if isinstance(given, str) and _SYMBOL.fullmatch(given) else None
        case Kind.TEXT:
            return given if isinstance(given, str) and given.strip() else None


def _number(given: object) -> Decimal | None:
    """Return a finite number as the Decimal of its shortest float text."""
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal | str):
        return None
    if isinstance(given, str) and (given != given.strip() or "_" in given):
        return None
    try:
        value = Decimal(repr(given) if isinstance(given, float) else given)
    except InvalidOperation:
        return None
    # the model computes in float64: two texts of one double are one value and one hash
    return Decimal(repr(float(value))) if value.is_finite() else None


def _integer(given: object) -> int | None:
    """Return a whole number; 10.0 is not one, and neither is true."""
    if isinstance(given, str):
        return int(given) if _INTEGER.fullmatch(given) else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _inside(p: Parameter, value: Decimal) -> bool:
    return p.span is None or p.span.holds(value)


def _known(p: Parameter, value: Value, known_symbols: Collection[str] | None) -> bool:
    return p.kind is not Kind.SYMBOL or known_symbols is None or value in known_symbols


def _unknown(schema: Schema, key: str) -> str:
    """Word the finding about a key that does not exist, with the nearest that does."""
    keys = [p.key for p in schema.parameters]
    near = difflib.get_close_matches(key, keys, 1)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(keys)}"
    return f"{schema.strategy}.{key}: unknown key; {hint}"


def _violated(schema: Schema, relation: Relation, values: Values) -> str:
    """Word the finding about a relation, naming each key with its value."""
    given = ", ".join(f"{schema.strategy}.{key} = {_shown(values[key])}" for key in relation.keys)
    return f"{given}: allowed is {relation.text}"


def _shown(given: object) -> str:
    """Show a value as it was given: texts in quotation marks, numbers plain."""
    if isinstance(given, bool | Decimal):
        return canonical(given) if isinstance(given, bool) or given.is_finite() else str(given)
    return f'"{given}"' if isinstance(given, str) else str(given)
