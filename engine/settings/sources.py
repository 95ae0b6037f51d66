"""One origin's values, read and checked key by key, so that every error of every origin is told."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from engine.settings.fields import (
    MASK,
    Section,
    allowed,
    from_text,
    is_path,
    is_secret,
    quoted,
)
from engine.settings.places import ENV_PREFIX, beside

DOTENV = ".env"


class Given(NamedTuple):
    """One value as somebody wrote it down."""

    key: str  # dotted: "sim.half_spread_bps"
    value: Any
    name: str  # how a finding names it: a flag, a variable, or file and key
    origin: str  # how the effective value names where it came from


class Key(NamedTuple):
    """Where a key lives in the model."""

    section: type[Section]
    alias: str  # its name in the section's table
    attribute: str  # its name in Python, where `from` is taken
    field: FieldInfo


@cache
def keys_of(model: type[BaseSettings]) -> dict[str, Key]:
    """Return every key of the model by its dotted name, strategies' own tables left out."""
    found: dict[str, Key] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found.update(_keys_in(field.annotation, name))
    return found


def _keys_in(section: type[Section], prefix: str) -> Iterator[tuple[str, Key]]:
    for name, field in section.model_fields.items():
        alias = field.alias or name
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _keys_in(inner, f"{prefix}.{alias}")
        else:
            yield f"{prefix}.{alias}", Key(section, alias, name, field)


def strategies_of(model: type[BaseSettings]) -> tuple[str, ...]:
    """Return the strategies that have a table of their own."""
    return tuple(
        name
        for name, field in model.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, Section))
    )


# -- reading -------------------------------------------------------------------------------


class Flag(NamedTuple):
    """A setting given on the command line; a key without a point is the strategy's."""

    name: str  # as typed: "--capital", "--set sim.fill"
    key: str
    text: str


def from_flags(flags: Iterable[Flag], model: type[BaseSettings]) -> list[Given]:
    """Read the command line's settings."""
    keys = keys_of(model)
    return [
        Given(flag.key, _typed(flag.text, keys.get(flag.key)), flag.name, f"flag {flag.name}")
        for flag in flags
    ]


def from_env(env: Mapping[str, str], model: type[BaseSettings], origin: str = "env") -> list[Given]:
    """Read PILOTHOUSE_<SECTION>__<KEY>; a variable without two underscores is no setting."""
    keys = keys_of(model)
    found = []
    for variable, text in sorted(env.items()):
        rest = variable.removeprefix(ENV_PREFIX)
        if rest == variable or "__" not in rest:
            continue
        key = rest.lower().replace("__", ".")
        name = f"{origin} {variable}"
        found.append(Given(key, _typed(text, keys.get(key)), name, name))
    return found


def from_dotenv(folder: Path, model: type[BaseSettings]) -> tuple[list[Given], list[str]]:
    """Read the settings in a folder's .env, and a finding if others may read that file."""
    path = folder / DOTENV
    if not path.is_file():
        return [], []
    from dotenv import dotenv_values  # most people have no such file

    texts = {name: text or "" for name, text in dotenv_values(path, interpolate=False).items()}
    given = from_env(texts, model, DOTENV)
    mode = stat.S_IMODE(path.stat().st_mode)
    if given and mode & 0o077:
        return given, [f"{path}: mode {mode:04o}: 0600 is needed, others could read it"]
    return given, []


def from_file(file: Path, tables: Mapping[str, Any], model: type[BaseSettings]) -> list[Given]:
    """Read a file's tables; relative paths are beside the file."""
    found = []
    shown = os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file)
    for key, value in _flat(tables, keys_of(model), strategies_of(model)):
        place = keys_of(model).get(key)
        if place and is_path(place.field) and isinstance(value, str) and value:
            value = str(beside(Path(value), file))
        found.append(Given(key, value, f"{shown}: {key}", shown))
    return found


def _flat(
    table: Mapping[str, Any], keys: Mapping[str, Key], strategies: Sequence[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        inside = any(known.startswith(f"{key}.") for known in keys) or key in strategies
        if inside and isinstance(value, dict):
            yield from _flat(value, keys, strategies, f"{key}.")
        else:
            yield key, value


def _typed(text: str, key: Key | None) -> Any:
    return from_text(text, key.field if key else None)


# -- checking ------------------------------------------------------------------------------


class Layer(PydanticBaseSettingsSource):
    """The checked values of one origin, as the settings library merges them."""

    def __init__(self, model: type[BaseSettings], given: Sequence[Given]) -> None:
        super().__init__(model)
        self.findings: list[str] = []
        self.accepted: dict[str, Given] = {}
        for one in given:
            self._take(one, model)

    def _take(self, one: Given, model: type[BaseSettings]) -> None:
        section, _, rest = one.key.partition(".")
        if section in strategies_of(model) and rest:
            self.accepted[one.key] = one  # the strategy's own schema judges it
            return
        key = keys_of(model).get(one.key)
        if key is None:
            self.findings.append(f"{one.name} = {quoted(one.value)}: {_unknown(one.key, model)}")
            return
        if is_secret(key.field) and not one.name.startswith((DOTENV, "env ")):
            self.findings.append(f"{one.name} = {MASK}: secrets come from the environment or .env")
            return
        try:
            key.section.model_validate({key.alias: one.value})
        except ValidationError:
            value = MASK if is_secret(key.field) else quoted(one.value)
            self.findings.append(f"{one.name} = {value}: {allowed(key.field)}")
        else:
            self.accepted[one.key] = one

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return one section's values."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the accepted values as nested tables."""
        tables: dict[str, Any] = {}
        for key, one in self.accepted.items():
            *path, last = key.split(".")
            table = tables
            for part in path:
                table = table.setdefault(part, {})
            table[last] = one.value
        return tables


def _unknown(key: str, model: type[BaseSettings]) -> str:
    section, _, _ = key.partition(".")
    known = list(keys_of(model))
    if section in strategies_of(model):
        return "a table is needed"
    siblings = [name for name in known if name.startswith(f"{section}.")]
    if not siblings:
        sections = {name.partition(".")[0]: None for name in known}
        return f"unknown section; there are {', '.join([*sections, *strategies_of(model)])}"
    if section == key:
        return "a table is needed"
    close = get_close_matches(key, known, n=1, cutoff=0.75)
    if close:
        return f"unknown key; did you mean {close[0]}?"
    return f"unknown key; [{section}] has {', '.join(n.partition('.')[2] for n in siblings)}"
