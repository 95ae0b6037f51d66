"""How a key is written down: its type, unit, range and one sentence, and how it is read.

A value from TOML has its type already; a value from a flag or the environment is text and is
read as TOML would read it, or as plain text where the key wants text.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from engine.domain import money
from engine.domain.session import FillRule, Mode

OFF = "off"
MASK = "********"


def _number(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("not finite")
    return value


def _limit(value: object) -> object:
    return OFF if value == OFF else _number(value)


def _date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return date.fromisoformat(value)
    return value


def _path(value: object) -> object:
    return Path(value).expanduser() if isinstance(value, str) and value else value


def _row(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _word(of: type[Enum]) -> Callable[[object], object]:
    return lambda value: of(value) if isinstance(value, str) else value


Number = Annotated[Decimal, BeforeValidator(_number)]
AS_LIMIT = BeforeValidator(_limit)
Day = Annotated[date, BeforeValidator(_date)]
Place = Annotated[Path, BeforeValidator(_path)]
Names = Annotated[tuple[str, ...], BeforeValidator(_row)]
ModeWord = Annotated[Mode, BeforeValidator(_word(Mode))]
FillWord = Annotated[FillRule, BeforeValidator(_word(FillRule))]


class Section(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def key(default: Any, text: str, *, unit: str = "", allowed: str = "", **limits: Any) -> Any:
    """Write down a key: default, one sentence, unit, and what is allowed beyond its type."""
    extra: JsonDict = {"unit": unit, "allowed": allowed}
    if callable(default):
        return Field(default_factory=default, description=text, json_schema_extra=extra, **limits)
    return Field(default, description=text, json_schema_extra=extra, **limits)


def allowed(field: FieldInfo) -> str:
    """Return what a value may be, in words: `a number from 0 to 1000`."""
    said = _extra(field, "allowed")
    words = said or " or ".join(_in_words(kind) for kind in _kinds(field))
    return " ".join(part for part in (words, _range(field)) if part)


def unit(field: FieldInfo) -> str:
    """Return the unit, empty where a value has none."""
    return _extra(field, "unit")


def is_secret(field: FieldInfo) -> bool:
    """Say whether a value must never be shown, nor stand in a file of settings."""
    return SecretStr in _kinds(field)


def is_path(field: FieldInfo) -> bool:
    """Say whether a value names a file or folder."""
    return Path in _kinds(field)


def from_text(text: str, field: FieldInfo | None) -> Any:
    """Return what the text of a flag or variable means for a key (None: an unknown one)."""
    kinds = _kinds(field) if field else ()
    if kinds and all(_is_text(kind) for kind in kinds):
        return text
    try:
        value = tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if any(get_origin(kind) is tuple for kind in kinds) and not isinstance(value, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return value


def shown(value: object) -> str:
    """Return a checked value as canonical text: plain decimals, ISO dates, true and false."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return money.text(value)
        case Enum():
            return str(value.value)
        case SecretStr():
            return MASK
        case date():
            return value.isoformat()
        case tuple() | list():
            return ",".join(shown(part) for part in value)
        case Mapping():
            return ", ".join(f"{name} = {shown(value[name])}" for name in sorted(value))
        case _:
            return str(value)


def quoted(value: object) -> str:
    """Return a value as a person wrote it, short enough for one line."""
    text = f'"{value}"' if isinstance(value, str) else shown(value)
    if isinstance(value, Mapping):
        text = f"{{{text}}}"
    return text if len(text) <= 60 else text[:59] + "…"


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    annotation = field.annotation
    options = (
        get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    )
    return tuple(_bare(option) for option in options if option is not type(None))


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_text(kind: Any) -> bool:
    plain = isinstance(kind, type) and issubclass(kind, str | Path | date | Enum | SecretStr)
    return plain or (get_origin(kind) is Literal and isinstance(get_args(kind)[0], str))


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if get_origin(kind) is tuple:
        return "a list of " + _in_words(_bare(get_args(kind)[0])).removeprefix("a ") + "s"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(word.value) for word in kind)
    words = {
        Decimal: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "a text",
        date: "a date YYYY-MM-DD",
        Path: "a path",
        SecretStr: "a secret",
    }
    return words.get(kind, "a table")


def _range(field: FieldInfo) -> str:
    words = ((Ge, "ge", "from"), (Gt, "gt", "above"), (Le, "le", "to"), (Lt, "lt", "below"))
    return " ".join(
        f"{word} {getattr(part, name)}"
        for kind, name, word in words
        for part in field.metadata
        if isinstance(part, kind)
    )


def _extra(field: FieldInfo, name: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(name, "")) if isinstance(extra, dict) else ""
