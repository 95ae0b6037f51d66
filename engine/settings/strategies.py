"""The tables of the strategies, judged by their own schemas, and limits against their cells."""

from decimal import Decimal

from engine.errors import SettingsError
from engine.risk.limits import KEYS, Limits, merge
from engine.settings.fields import quoted
from engine.settings.model import DEFAULT, Settings, StrategyLimits
from engine.settings.relations import Names
from engine.strategy import registry
from engine.strategy.parameter import Kind, Resolved


def resolve_strategies(settings: Settings, names: Names) -> tuple[dict[str, Resolved], list[str]]:
    """Return the parameters of every strategy, and the findings about those that matter.

    A table that nobody filled in, of a strategy that nobody chose, is not judged.
    """
    resolved: dict[str, Resolved] = {}
    findings: list[str] = []
    for strategy in registry.SCHEMAS:
        table = settings.table(strategy)
        preset = table.pop("preset", "default")
        wrong = _take_mistyped(strategy, table, names)
        try:
            one = registry.resolve(strategy, str(preset), table)
        except SettingsError as error:
            wrong += [_named(finding, strategy, table, names) for finding in error.findings]
        else:
            resolved[strategy] = one
        if strategy in settings.run.strategy and strategy in resolved:
            later = registry.slot_findings(resolved[strategy], settings.run.mode)
            wrong += [_named(finding, strategy, table, names) for finding in later]
            denied = registry.contradictions(_weights(settings, strategy), resolved[strategy])
            wrong += [_blamed(finding, strategy, names) for finding in denied]
        if strategy in settings.run.strategy or settings.table(strategy):
            findings += wrong
    return resolved, findings


def limits_of(settings: Settings, strategy: str) -> Limits:
    """Return the limits in force for one strategy.

    Its own table in [risk] is stronger than a key that somebody set in [risk], that is
    stronger than what the strategy registers, and that is stronger than the default.
    """
    own = settings.risk.of(strategy)
    given = _given(settings) | {key: getattr(own, key) for key in own.model_fields_set}
    return merge(Limits(), registry.LIMITS[strategy], given)


def limits_of_account(settings: Settings) -> Limits:
    """Return the limits in force over all strategies."""
    return merge(Limits(), {}, _given(settings))


def _given(settings: Settings) -> dict[str, object]:
    """Return what somebody set in [risk]: what stands at its default says nothing."""
    return {
        key: getattr(settings.risk, key)
        for key in KEYS
        if settings.origin(f"risk.{key}") != DEFAULT
    }


def _weights(settings: Settings, strategy: str) -> dict[str, Decimal]:
    limits = limits_of(settings, strategy)
    values = {key: getattr(limits, key) for key in KEYS}
    return {key: Decimal(value) for key, value in values.items() if value is not None}


def _take_mistyped(strategy: str, table: dict[str, object], names: Names) -> list[str]:
    """Take text out where a number or a word of TOML belongs, with a finding for each.

    The schema itself would read such text; what comes from a flag or variable is typed already.
    """
    findings = []
    for parameter in registry.SCHEMAS[strategy].parameters:
        value = table.get(parameter.key)
        if isinstance(value, str) and parameter.kind in (Kind.FLOAT, Kind.INT, Kind.BOOL):
            name = f"{strategy}.{parameter.key}"
            begin = names.get(name, name)
            findings.append(f"{begin} = {quoted(value)}: allowed is {parameter.allowed}")
            del table[parameter.key]
    return findings


def _named(finding: str, strategy: str, table: dict[str, object], names: Names) -> str:
    """Put the origin before a finding that begins with its key, and the value if it lacks it."""
    key = finding.split(":", 1)[0].split(" ", 1)[0]
    rest = finding[len(key) :]
    parameter = key.removeprefix(f"{strategy}.")
    if rest.startswith(":") and parameter in table:
        rest = f" = {quoted(table[parameter])}{rest}"
    return f"{names.get(key, key)}{rest}"


def _blamed(finding: str, strategy: str, names: Names) -> str:
    """Put the origin of the limit that a finding is about before it."""
    for key in StrategyLimits.model_fields:
        if f"limit {key} = " in finding:
            name = names.get(f"risk.{strategy}.{key}") or names.get(f"risk.{key}")
            return f"{name}: {finding}" if name else finding
    return finding
