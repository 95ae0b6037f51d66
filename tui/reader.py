"""The reading worker: a thread with its own read-only connection, and one message per change.

It asks the source every 200 ms, sends one `Changed` with frozen rows, and goes on only after
that was handled: a terminal that stands still costs no memory.
"""

from collections.abc import Callable, Generator
from threading import Event
from typing import Protocol

from textual.app import App
from textual.worker import get_current_worker

from storage.queries.pages import Window
from tui.messages import Changed
from tui.view import Row, View, Wanted

POLL_S = 0.2
BETWEEN_S = 0.02  # a search that goes on leaves the screen time to paint


class Source(Protocol):
    """Where rows come from; lives on the reading thread alone."""

    def read(self, wanted: Wanted) -> View | None:
        """Return what is wanted if anything changed since the last call, else None."""

    def every(self, session_id: str, window: Window) -> Generator[tuple[Row, ...], None, None]:
        """Yield all rows of a long table that meet a window's conditions, piece by piece."""

    @property
    def unfinished(self) -> bool:
        """Whether the next read finds more though nothing changed."""

    def close(self) -> None:
        """Let go of the database."""


class Reader:
    """Runs on a thread of the app; the screen says what it wants to see."""

    def __init__(
        self,
        app: App[None],
        make_source: Callable[[], Source],
        wanted: Callable[[], Wanted],
    ) -> None:
        self._app = app
        self._make_source = make_source
        self._wanted = wanted
        self._handled = Event()
        self._wake = Event()

    def handled(self) -> None:
        """The last message was handled: the next may come."""
        self._handled.set()

    def wake(self) -> None:
        """Something else is wanted: read now."""
        self._wake.set()

    def run(self) -> None:
        """Read until the worker is canceled."""
        worker = get_current_worker()
        source = self._make_source()
        try:
            while not worker.is_cancelled:
                view = source.read(self._wanted())
                if view is None:
                    self._wake.wait(0 if source.unfinished else POLL_S)
                    self._wake.clear()
                    continue
                self._handled.clear()
                self._app.post_message(Changed(view))
                while not self._handled.wait(POLL_S) and not worker.is_cancelled:
                    pass
                self._wake.wait(BETWEEN_S if source.unfinished else POLL_S)
                self._wake.clear()
        finally:
            source.close()
