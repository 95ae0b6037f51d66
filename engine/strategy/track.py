"""How far a series of final bars has come: anchor, count, newest bar, first hole.

The calendar numbers its sessions one by one (`ordinal`), so a missing session shows as a
difference between the count and the distance from the anchor.
"""

from dataclasses import dataclass
from datetime import date

from engine.domain.market import Bar


@dataclass(slots=True)
class Track:
    """What a strategy remembers of one series besides its numbers."""

    anchor: date | None = None  # session date of the first bar
    anchor_ordinal: int = 0
    last: date | None = None
    last_ordinal: int = -1
    found: int = 0
    hole_after: date | None = None  # last bar before the first missing session
    bar: Bar | None = None

    def take(self, session_date: date, ordinal: int, bar: Bar) -> bool:
        """Take in the next final bar; False, and nothing changes, for one already passed."""
        if ordinal != self.last_ordinal + 1 or self.anchor is None:
            if self.anchor is None:
                self.anchor = session_date
                self.anchor_ordinal = ordinal
            elif ordinal <= self.last_ordinal:
                return False
            elif self.hole_after is None:
                self.hole_after = self.last
        self.last = session_date
        self.last_ordinal = ordinal
        self.found += 1
        self.bar = bar
        return True

    def take_run(self, session_date: date, ordinal: int, bar: Bar, count: int) -> None:
        """Take in the bars of that many neighboring sessions, the next ones; the last is given."""
        self.last = session_date
        self.last_ordinal = ordinal
        self.found += count
        self.bar = bar

    def expected(self, final_ordinal: int) -> int:
        """Return the sessions from the anchor to the last one that must be final; 0 unlisted."""
        return 0 if self.anchor is None else max(0, final_ordinal - self.anchor_ordinal + 1)

    def whole(self, final_ordinal: int) -> bool:
        """Say whether there is exactly one bar for each of those sessions, and none beyond."""
        return self.found == self.expected(final_ordinal) and (
            self.anchor is None or self.last_ordinal == final_ordinal
        )

    def fault(self, symbol: str, final_ordinal: int) -> str:
        """Say in words what is missing."""
        hole = f", a session is missing after {self.hole_after}" if self.hole_after else ""
        return (
            f"{symbol}: {self.found} bars of {self.expected(final_ordinal)} sessions"
            f" from {self.anchor}, last {self.last}{hole}"
        )
