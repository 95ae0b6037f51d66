"""The person at the keyboard as a strategy: a ledger, limits and a list, and no opinion.

It reads no series and decides at no slot; its orders come as operator requests
(engine.core.manual). It is a strategy all the same, so that what a person buys is owned,
budgeted, reconciled and explained like everything else.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from engine.domain.ids import MANUAL, InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.session import Slot
from engine.domain.stretch import Stretch
from engine.strategy.base import SlotFacts
from engine.strategy.parameter import Kind, Parameter, Relation, Resolved, Schema, Values

_SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-]{0,15}")


def _symbols(values: Values) -> list[str]:
    return str(values["symbols"]).split()


SCHEMA = Schema(
    strategy=MANUAL,
    parameters=(
        Parameter(
            key="symbols",
            kind=Kind.TEXT,
            default="QQQ TQQQ PSQ TMF TMV TLT",
            effect="what may be bought by hand, blanks between the symbols",
        ),
    ),
    relations=(
        Relation(
            keys=("symbols",),
            text="symbols like QQQ, blanks between them, none twice",
            holds=lambda values: (
                all(_SYMBOL.fullmatch(one) for one in _symbols(values))
                and 0 < len(_symbols(values)) == len(set(_symbols(values)))
            ),
        ),
    ),
)


class ManualStrategy:
    """What a person owns through this program (engine.strategy.base.Strategy)."""

    id = MANUAL
    slot: Slot | None = None  # it is asked at none
    inputs: tuple[InstrumentId, ...] = ()
    warmup_bars = 0

    def __init__(self, resolved: Resolved) -> None:
        self.preset = resolved.preset_label
        self.parameter_hash = resolved.parameter_hash
        self.parameters: Mapping[str, str] = resolved.texts
        self.legs = tuple(stock_id(symbol) for symbol in _symbols(resolved.values))
        self.limits: Mapping[str, str] = {}

    def memory(self) -> None:
        """There is nothing to remember."""

    def advance(
        self, memory: None, session_date: date, ordinal: int, bars: Mapping[InstrumentId, Bar]
    ) -> None:
        """No series is read."""

    def pass_quiet(
        self, memory: None, stretch: Stretch, owned: Callable[[InstrumentId], Decimal]
    ) -> int:
        """A person may have something to say at any time."""
        return 0

    def reading(self, memory: None) -> None:
        """There is no regime here."""

    def days_in_cell(self, memory: None) -> int:
        """There are no cells here."""
        return 0

    def warming(self, memory: None) -> tuple[int, int]:
        """Return (0, 0): ready from the start."""
        return 0, 0

    def decide(self, memory: None, facts: SlotFacts) -> None:
        """A person decides, at no slot."""
