"""The clock of a replay: where in a recorded session it stands, and how it moves.

Knows steps and wall time, no rows: the source folds the journal to where the player is.
"""

from datetime import UTC, date, datetime, time, timedelta

from engine.domain.times import parse_utc, utc_text
from storage.timeline import Timeline
from tui.format import EXCHANGE_ZONE

SPEEDS = (1, 2, 5, 10, 50, 100, 1000, 0)
"""How much faster than it was; 0: as fast as it goes."""

WAIT_MAX_S = 2.0
FRAMES_AT_MOST = 100  # as fast as it goes, a session is over in so many pictures


class Player:
    """A position among the steps of a session; paused until told to play."""

    def __init__(self, timeline: Timeline, step: int = 0) -> None:
        self.timeline = timeline
        self.step = step
        self.playing = False
        self.home: int | None = None  # where it was before it looked at the end
        self._speed = 0
        self._due = 0.0

    @property
    def speed(self) -> int:
        """Times faster than it was, 0 for as fast as it goes."""
        return SPEEDS[self._speed]

    @property
    def seq(self) -> int:
        """The last event that is known here."""
        return self.timeline.steps[self.step].seq

    @property
    def clock(self) -> datetime:
        """The session's clock here."""
        return parse_utc(self.timeline.steps[self.step].clock)

    @property
    def at_end(self) -> bool:
        """Whether there is nothing after this."""
        return self.step == self.timeline.end

    # -- moves -----------------------------------------------------------------------------

    def go(self, step: int) -> None:
        """Stop, and stand at a step."""
        self.playing = False
        self.home = None
        self.step = max(0, min(self.timeline.end, step))

    def by(self, steps: int) -> None:
        """Some steps on, or back."""
        self.go(self.step + steps)

    def by_day(self, direction: int) -> None:
        """To the end of the next or previous date on which anything happened."""
        self.go(self.timeline.day(self.step, direction, _exchange_day))

    def by_mark(self, direction: int) -> None:
        """To the next or previous fill, denial, rejection or alert."""
        self.go(self.timeline.mark(self.step, direction))

    def compare(self) -> None:
        """To the end, and back again: then and now, one after the other."""
        if self.home is not None:
            self.go(self.home)
        elif not self.at_end:
            here = self.step
            self.go(self.timeline.end)
            self.home = here

    def faster(self, by: int) -> None:
        """Another speed."""
        self._speed = max(0, min(len(SPEEDS) - 1, self._speed + by))

    # -- playing ---------------------------------------------------------------------------

    def toggle(self, now: float) -> None:
        """Play or pause; there is nothing to play at the end."""
        self.playing = not self.playing and not self.at_end
        self.home = None
        self._due = now + self._wait()

    def advance(self, now: float) -> bool:
        """Take the steps that are due at a monotonic instant; say whether there were any."""
        if not self.playing:
            return False
        before = self.step
        most = max(1, len(self.timeline.steps) // FRAMES_AT_MOST)
        while self._due <= now and not self.at_end and self.step - before < most:
            self.step += 1
            self._due += self._wait()
        self._due = max(self._due, now - WAIT_MAX_S)  # a screen that stood still does not race
        self.playing = not self.at_end
        return self.step != before or not self.playing

    def _wait(self) -> float:
        if not self.speed:
            return 0.0
        return min(WAIT_MAX_S, self.timeline.seconds(self.step) / self.speed)


def when_is(text: str, now: datetime) -> str | None:
    """Return the instant (stored text) that a person means, exchange time; None: none of these.

    `15:41` or `15:41:07` of the date where the clock stands, `2026-11-20 15:41`, and
    `2026-11-20`, which is all of that date.
    """
    try:
        if len(text) == len("2026-11-20"):
            tomorrow = date.fromisoformat(text) + timedelta(days=1)
            return _stored(datetime.combine(tomorrow, time()) - timedelta(microseconds=1))
        if ":" not in text:
            return None
        if len(text) > len("15:41:07"):
            return _stored(datetime.fromisoformat(text).replace(tzinfo=None))
        today = now.astimezone(EXCHANGE_ZONE).date()
        return _stored(datetime.combine(today, time.fromisoformat(text)))
    except (ValueError, OverflowError):
        return None


def _stored(at: datetime) -> str:
    return utc_text(at.replace(tzinfo=EXCHANGE_ZONE).astimezone(UTC))


def _exchange_day(text: str) -> date:
    return parse_utc(text).astimezone(EXCHANGE_ZONE).date()
