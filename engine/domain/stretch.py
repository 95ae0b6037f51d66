"""Session dates in columns, for whoever can take many of them in at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.domain.ids import InstrumentId

if TYPE_CHECKING:  # settings come by here: what a feed brings is not needed to read them
    from engine.domain.input import BarsClosed


@dataclass(slots=True)
class Stretch:
    """Neighboring session dates that come next and hold nothing but bars.

    Every instrument listed by then has its bar on each of them, and no gate found anything.
    """

    days: Sequence[date]
    closed: "Sequence[BarsClosed]"
    jobs: Sequence[tuple[str, timedelta]]  # due on each, with their offsets from the close
    columns: Mapping[InstrumentId, Sequence[Decimal]]  # closes of the whole recording
    first: int  # where in them this begins

    def closes(self, instrument: InstrumentId) -> Sequence[Decimal]:
        """Return the closes of an instrument, one for each session date."""
        return self.columns[instrument][self.first : self.first + len(self.closed)]
