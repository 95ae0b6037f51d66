"""What signals mean to a process that runs an engine without a screen."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from engine.domain.request import Request, RequestKind
from engine.errors import JournalError
from engine.runtime.clock import SystemClock
from engine.runtime.ids import SystemIds, request_id
from storage import controls
from tui import terminal

if TYPE_CHECKING:
    from tui.wiring import EngineThread


@contextmanager
def steered(engine: "EngineThread") -> Iterator[None]:
    """SIGTERM and SIGINT stop cleanly, a second SIGINT at once; SIGUSR1 halts."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            os._exit(130)  # every start is a recovery
        asked = True
        _ask_stop(engine, signal.Signals(number).name)

    def halt(number: int, frame: FrameType | None) -> None:
        engine.halt("SIGUSR1")

    handlers: dict[int, Callable[[int, FrameType | None], None] | signal.Handlers] = {
        signal.SIGTERM: stop,
        signal.SIGINT: stop,
        signal.SIGUSR1: halt,
        signal.SIGHUP: signal.SIG_IGN,
        signal.SIGTSTP: signal.SIG_IGN,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask_stop(engine: "EngineThread", why: str) -> None:
    """Ask by the request file, as everybody does; by the engine's inbox if it cannot be written."""
    clock = SystemClock()
    now = clock.wall()
    request = Request(
        request_id=request_id(now, SystemIds().bits(80)),
        kind=RequestKind.STOP,
        actor=terminal.actor(),
        reason=why,
        asked_at=now,
    )
    try:
        controls.ask(engine.database, request)
    except JournalError:
        engine.request(request)
