"""config.toml, written from the model, so that neither can have a key that the other lacks.

`python -m engine.settings.template > config.toml` writes it anew; a test compares the two.
"""

import sys
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from engine.settings.fields import Section, allowed, shown, unit
from engine.settings.model import Settings
from engine.strategy.parameter import Kind, Parameter, Schema, canonical
from engine.strategy.registry import SCHEMAS

HEAD = """\
# Every setting of Pilothouse with its default. A line that begins with # and a key is the
# default written out: take the # away to change it.
#
# The strongest origin wins, key by key: a flag, the environment (PILOTHOUSE_<SECTION>__<KEY>,
# also from a .env file with mode 0600), the file of --config or PILOTHOUSE_CONFIG,
# ./config.toml, config.toml in the user's config folder, the default. `pilothouse config show`
# prints what is in force and where it comes from. Fractions are fractions: 0.25, never 25 %.
"""

EXAMPLES: dict[str, str] = {
    "storage.path": '"/var/lib/pilothouse/pilothouse.db"',
    "storage.backups": '"/var/backups/pilothouse"',
    "run.from": "2010-01-04",
    "run.to": "2018-12-31",
    "run.data": '"data/bars"',
    "market.overrides": '{ "2026-12-09" = "closed", "2026-12-10" = "13:00" }',
    "sessions.capital_shares": "{ regime = 0.7, crossover = 0.3 }",
    "live.max_order_usd": "5000",
    "live.max_day_usd": "20000",
    "ibkr.port": "4002",
    "ibkr.account": '"DU0000001"',
    "screen.keys": '{ "orders.cancel" = "D", "zoom" = "f6,ctrl+r" }',
    "log.path": '"/var/log/pilothouse.log"',
    "script.file": '"signals.csv"',
}
"""What to write where there is no default to show."""


def template() -> str:
    """Return the text of config.toml."""
    lines = [HEAD.rstrip("\n")]
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            lines += _section(name, kind)
        else:
            lines += _strategy(SCHEMAS[name])
    return "\n".join(lines) + "\n"


def _section(name: str, section: type[Section]) -> Iterator[str]:
    """Write one table; the limits of a strategy alone are the same keys again."""
    yield from ("", f"[{name}]", f"# {section.__doc__}")
    for attribute, field in section.model_fields.items():
        inner = field.annotation
        alias = field.alias or attribute
        if isinstance(inner, type) and issubclass(inner, Section):
            keys = ", ".join(inner.model_fields)
            yield from ("", f"[{name}.{alias}]", f"# {field.description}, any of: {keys}")
        else:
            yield from _key(f"{name}.{alias}", alias, field)


def _key(path: str, alias: str, field: FieldInfo) -> Iterator[str]:
    default = field.default if field.default_factory is None else None
    facts = [unit(field), allowed(field), "no default" if path in EXAMPLES else ""]
    yield f"# {field.description} ({'; '.join(fact for fact in facts if fact)})"
    yield f"#{alias} = {EXAMPLES.get(path) or _toml(default)}"


def _strategy(schema: Schema) -> Iterator[str]:
    """Write a strategy's table from its schema."""
    yield from ("", f"[{schema.strategy}]", f"# Parameters of the strategy {schema.strategy}.")
    yield f"# named sets of values (one of {', '.join(schema.presets)})"
    yield '#preset = "default"'
    for parameter in schema.parameters:
        path = f"{schema.strategy}.{parameter.key}"
        facts = [parameter.unit, parameter.allowed, "required" if path in EXAMPLES else ""]
        yield f"# {parameter.effect} ({'; '.join(fact for fact in facts if fact)})"
        yield f"#{parameter.key} = {EXAMPLES.get(path) or _parameter(parameter)}"


def _parameter(parameter: Parameter) -> str:
    if parameter.default is None:
        return '""'
    quotes = parameter.kind in (Kind.CHOICE, Kind.SYMBOL, Kind.TEXT)
    text = canonical(parameter.default)
    return f'"{text}"' if quotes else text


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str | Enum | Path):
        return f'"{shown(value)}"'
    return str(value) if isinstance(value, Decimal) else shown(value)


if __name__ == "__main__":
    sys.stdout.write(template())
