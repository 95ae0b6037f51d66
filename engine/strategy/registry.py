"""The strategies by name: their parameters, their making, and what would contradict them."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from types import MappingProxyType

from engine.domain.session import Mode, Slot
from engine.errors import SettingsError
from engine.strategy import parameter
from engine.strategy.parameter import SLOT_KEY, Resolved, Schema
from engine.strategy.regime_schema import REGIME

SCHEMAS: Mapping[str, Schema] = MappingProxyType({schema.strategy: schema for schema in (REGIME,)})

_WALL_MODES = frozenset({Mode.PAPER, Mode.LIVE})


def schema_of(name: str) -> Schema:
    """Return a strategy's schema; SettingsError for a name nobody has."""
    if name not in SCHEMAS:
        raise SettingsError(f"strategy = {name!r}: allowed is one of {', '.join(SCHEMAS)}")
    return SCHEMAS[name]


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
    slot = resolved.texts[SLOT_KEY]
    if slot != Slot.CLOSE.value or mode not in _WALL_MODES:
        return []
    return [
        f'{resolved.strategy}.{SLOT_KEY} = "{slot}": not in mode {mode.value}, what is sent at '
        f"the close does not fill there; allowed is {Slot.BEFORE_CLOSE_5.value} or "
        f"{Slot.OPEN.value}"
    ]


def contradictions(limits: Mapping[str, Decimal], resolved: Resolved) -> list[str]:
    """Return the cells that a limit would deny, each with the limit and both values.

    limits: by limit key, fractions of equity (`open_positions`: a count); a limit that is
    off is left out. Only strategies with fixed rows of weights can contradict them.
    """
    return []
