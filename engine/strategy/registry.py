"""The strategies by name: their parameters, their making, and what would contradict them."""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from engine.domain.money import ZERO, text
from engine.domain.regime import CELL_NAMES
from engine.domain.session import Mode, Slot
from engine.errors import SettingsError
from engine.strategy import crossover, manual, parameter, regime_schema
from engine.strategy.allocation import LEVERAGES, targets
from engine.strategy.base import Strategy
from engine.strategy.crossover import CROSSOVER, CrossoverStrategy
from engine.strategy.parameter import SLOT_KEY, Resolved, Schema
from engine.strategy.regime import RegimeParameters
from engine.strategy.regime_schema import LEG_KEYS, REGIME
from engine.strategy.script import SCRIPT, ScriptStrategy

SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {schema.strategy: schema for schema in (REGIME, CROSSOVER, SCRIPT, manual.SCHEMA)}
)

LIMITS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"regime": regime_schema.LIMITS, "crossover": crossover.LIMITS, "script": {}, "manual": {}}
)
"""Limits a strategy registers for itself, by limit key; "off" never denies and never latches."""

_WALL_MODES = frozenset({Mode.PAPER, Mode.LIVE})


def schema_of(name: str) -> Schema:
    """Return a strategy's schema; SettingsError for a name nobody has."""
    if name not in SCHEMAS:
        raise SettingsError(_unknown(name))
    return SCHEMAS[name]


def _unknown(name: str) -> str:
    return f'strategy = "{name}": allowed is one of {", ".join(SCHEMAS)}'


def resolve(
    name: str,
    preset: str = "default",
    overrides: Mapping[str, object] = MappingProxyType({}),
    known_symbols: Collection[str] | None = None,
) -> Resolved:
    """Return the values of a strategy; SettingsError with every finding at once.

    known_symbols: instruments there are data for; None leaves symbols unchecked.
    """
    return parameter.resolve(schema_of(name), preset, overrides, known_symbols)


def slot_findings(resolved: Resolved, mode: Mode) -> list[str]:
    """Refuse what cannot be done: nothing that is sent at the close fills there."""
    slot = resolved.texts.get(SLOT_KEY)
    if slot != Slot.CLOSE.value or mode not in _WALL_MODES:
        return []
    return [
        f'{resolved.strategy}.{SLOT_KEY} = "{slot}": not in mode {mode.value}, what is sent at '
        f"the close does not fill there; allowed is {Slot.BEFORE_CLOSE_5.value} or "
        f"{Slot.OPEN.value}"
    ]


def create(
    resolved: Resolved,
    *,
    source: str = "",
    script: str = "",
    session_for: Callable[[datetime], date] | None = None,
) -> Strategy:
    """Make the strategy that these values describe.

    source: where its bars come from, for people. script: the text of a script's file, and
    session_for: the session date whose slot comes next after an instant written in it.
    """
    match resolved.strategy:
        case "regime":
            from engine.strategy.rebalance import RegimeStrategy  # late: settings need none of it

            return RegimeStrategy(resolved, source=source)
        case "crossover":
            return CrossoverStrategy(resolved)
        case "script":
            return ScriptStrategy(resolved, script, session_for)
        case "manual":
            return manual.ManualStrategy(resolved)
        case unknown:
            raise SettingsError(_unknown(unknown))


def contradictions(limits: Mapping[str, Decimal], resolved: Resolved) -> list[str]:
    """Return the cells that a limit would deny, each with the limit and both values.

    limits: those in force for the strategy by limit key, fractions of equity
    (`open_positions`: a count); one that is off is left out. Only the regime strategy has
    fixed rows of weights that a limit can contradict.
    """
    if resolved.strategy != "regime":
        return []
    p = RegimeParameters.of(resolved.values)
    symbols = [resolved.texts[key] for key in LEG_KEYS]
    findings: dict[str, None] = {}
    for cell in CELL_NAMES:
        for bull in (True, False):
            row = targets(cell, bull, p)
            findings.update(dict.fromkeys(_denied(limits, cell, row, symbols)))
    return list(findings)


def _denied(
    limits: Mapping[str, Decimal], cell: int, row: tuple[Decimal, ...], symbols: list[str]
) -> list[str]:
    """Compare one row of weights with the limits that look at weights."""
    name = f"regime cell {cell} ({CELL_NAMES[cell]})"
    gross = sum(row, ZERO)
    leveraged = sum((w * times for w, times in zip(row, LEVERAGES, strict=True)), ZERO)
    largest = max(row)
    symbol = symbols[row.index(largest)]
    count = Decimal(sum(1 for w in row if w))
    needs = {
        "order_size": (largest, f"{symbol} at weight {text(largest)}"),
        "symbol_exposure": (largest, f"{symbol} at weight {text(largest)}"),
        "gross_exposure": (gross, f"{text(gross)} of equity in positions"),
        "leveraged_exposure": (leveraged, f"{text(leveraged)} of equity with leverage"),
        "open_positions": (count, f"{text(count)} positions"),
    }
    return [
        f"{name} needs {words}; limit {key} = {text(limits[key])} would deny it"
        for key, (need, words) in needs.items()
        if key in limits and need > limits[key]
    ]
