"""What is written together or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from engine.domain.event import Event


class Entry(NamedTuple):
    """One event of a unit. `cause` is the index of its cause within the unit.

    -1: caused by what caused the whole unit (`Unit.causation_seq`), or by nothing.
    """

    event: Event
    cause: int


@dataclass(slots=True)
class Unit:
    """An input and all that it caused."""

    at: datetime  # session clock, when it happened
    known_at: datetime  # session clock, when we learnt it
    entries: Sequence[Entry]
    causation_seq: int | None = None
    cursor: int | None = None  # recorded clock: inputs of the feed consumed so far
    durable: bool = False  # must survive a loss of power before commit() returns
