"""Parameters as rows: what the session runs with, beside default, range, origin and history.

Made from a strategy's schema, on the reading thread; the pane shows what is here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.errors import SettingsError
from engine.strategy.parameter import Kind, Parameter, canonical
from engine.strategy.registry import SCHEMAS, resolve
from tui.view import Row


def parameter_rows(given: Row) -> Iterator[Row]:
    """Return a row for each key of a strategy, in the order of its schema."""
    name, changes = given["strategy_id"], given["changes"]
    schema = SCHEMAS.get(name)
    values = dict(given["parameters"])
    started = dict(values)
    for change in changes:
        values[change["key"]] = change["new"]
    if schema is None:
        known = [Parameter(key=k, kind=Kind.TEXT, default=None, effect="") for k in values]
        inert: dict[str, str] = {}
    else:
        known = list(schema.parameters)
        inert = _inert(name, given["preset"], values)
    for parameter in known:
        history = [c for c in changes if c["key"] == parameter.key]
        yield {
            "id": f"{name}.{parameter.key}",
            "strategy": name,
            "key": parameter.key,
            "value": values.get(parameter.key),
            "started": started.get(parameter.key),
            "default": "" if parameter.default is None else canonical(parameter.default),
            "range": _range(parameter),
            "allowed": parameter.allowed,
            "unit": parameter.unit,
            "effect": parameter.effect,
            "origin": _origin(given, parameter, history),
            "inert": inert.get(parameter.key, ""),
            "history": tuple(history),
            **_newest(history),
        }


def _newest(history: list[Row]) -> dict[str, Any]:
    last = history[-1] if history else {}
    waits = bool(last) and last.get("decided_at") is None
    return {
        "pending": "next dec" if waits else "",
        "before": last.get("old"),
        "by": last.get("actor"),
        "at": last.get("at"),
        "reason": last.get("reason"),
    }


def readable(strategy: str, key: str, text: str) -> bool:
    """Say whether a text is a value of a key, whatever the other keys are."""
    schema = SCHEMAS.get(strategy)
    parameter = schema.parameter(key) if schema is not None else None
    if parameter is None:
        return False
    try:
        resolve(strategy, "default", {key: text})
    except SettingsError as error:
        begin, end = f"{strategy}.{key} = ", f": allowed is {parameter.allowed}"
        return not any(f.startswith(begin) and f.endswith(end) for f in error.findings)
    return True


def refusal(strategy: str, values: Mapping[str, str | None]) -> str:
    """Return why a strategy would not run with these values, in its own words; empty: it would."""
    known = {key: value for key, value in values.items() if value is not None}
    try:
        resolve(strategy, "default", known)
    except SettingsError as error:
        return str(error)
    return ""


def _inert(name: str, preset: str, values: dict[str, str]) -> dict[str, str]:
    try:
        return SCHEMAS[name].inert(resolve(name, base_preset(name, preset), values).values)
    except SettingsError:
        return {}  # a session of an older build: its values mean something else by now


def base_preset(name: str, label: str) -> str:
    """Return the preset under a label: `default` of `default+2`."""
    base = label.split("+")[0]
    return base if name in SCHEMAS and base in SCHEMAS[name].presets else "default"


def _range(parameter: Parameter) -> str:
    if parameter.span is not None:
        return str(parameter.span).replace(" ", "")
    if parameter.choices:
        return "|".join(parameter.choices)
    return {"bool": "true|false", "symbol": "symbol"}.get(parameter.kind.value, "text")


def _origin(given: Row, parameter: Parameter, history: list[Row]) -> str:
    if history:
        return "changed"
    origins = given["origins"]
    key = f"{given['strategy_id']}.{parameter.key}"
    return str(origins.get(key, origins.get(parameter.key, "default")))
