"""How many bytes a second go to the terminal: counted where they leave."""

from collections import deque
from collections.abc import Callable

OVER = 11  # looks, one a second


class Sent:
    """Counts what is written; looked at once a second."""

    def __init__(self) -> None:
        self.total = 0
        self._looks: deque[tuple[float, int]] = deque(maxlen=OVER)

    def through(self, write: Callable[[str], None]) -> Callable[[str], None]:
        """Return `write` with its bytes counted."""

        def counted(data: str) -> None:
            self.total += len(data) if data.isascii() else len(data.encode(errors="replace"))
            write(data)

        return counted

    def look(self, now: float) -> None:
        """Note how much it is by now; `now` is monotonic."""
        self._looks.append((now, self.total))

    @property
    def per_s(self) -> float | None:
        """The mean of the last ten seconds, None before there are two looks."""
        if len(self._looks) < 2:
            return None
        (began, before), (now, total) = self._looks[0], self._looks[-1]
        return (total - before) / (now - began) if now > began else None
