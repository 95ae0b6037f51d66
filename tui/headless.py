"""Run without a screen: log lines on stderr, signals, exit codes; also after the terminal is lost.

The lines come from the journal, like those of the log pane: what is printed was written.
"""

import os
import sys
from contextlib import closing

from engine.errors import DatabaseUnusable, JournalError
from engine.settings.model import Settings
from storage.queries.narration import Narration
from tui.format import safe
from tui.sentence import sentence
from tui.signals import steered
from tui.wiring import EngineThread

_POLL_S = 0.25
_LINES_MAX = 200
_SHOWN = (
    "SessionStateChanged",
    "DecisionMade",
    "FillReceived",
    "OrderDenied",
    "OrderRejected",
    "OrderUnknown",
    "SignalRejected",
    "AlertRaised",
    "TradingStateChanged",
    "RequestReceived",
    "RequestAnswered",
    "ReconciliationDone",
    "LatchSet",
    "LatchReleased",
    "JobEnded",
)


def run_headless(settings: Settings) -> int:
    """Run an engine until its session ends; return the exit code."""
    engine = EngineThread(settings)
    engine.start()
    return continue_headless(engine)


def continue_headless(engine: EngineThread) -> int:
    """Watch a running engine until its session ends; return its exit code."""
    with steered(engine), closing(_Lines(engine)) as lines:
        _await_the_start(engine)
        if engine.session_id is not None:
            _say(
                f"session {engine.session_id} on {engine.database}, pid {os.getpid()}; "
                "`pilothouse attach` shows it, `pilothouse stop` ends it"
            )
        while not engine.wait(_POLL_S):
            lines.print_new()
        lines.print_new()
    if engine.error is not None:
        raise engine.error
    if engine.watched.end is not None:
        _say(f"session {engine.session_id} ended: {engine.watched.end.value}")
    for line in engine.watched.left_open:
        _say(f"left open: {line}")
    return engine.exit_code or 0


def _await_the_start(engine: EngineThread) -> None:
    """Wait until it runs or has ended, and say what it waits for."""
    told = ""
    while not engine.watched.ready.wait(_POLL_S):
        why = engine.watched.waits_for
        if why and why != told:
            _say(f"{why}; it is tried again for a minute, Ctrl-C ends it")
            told = why


class _Lines:
    """Prints journaled events as sentences, each once."""

    def __init__(self, engine: EngineThread) -> None:
        self._engine = engine
        self._narration = Narration(engine.database, _SHOWN)
        self._seq = 0

    def print_new(self) -> None:
        """Print what was journaled since the last call."""
        session = self._engine.session_id
        if session is None:
            return
        try:
            rows = self._narration.since(session, self._seq, _LINES_MAX)
        except (DatabaseUnusable, JournalError) as error:
            _say(str(error))
            return
        for row in rows:
            self._seq = row["seq"]
            _say(f"{row['at'][:19]}Z {sentence(row)}")

    def close(self) -> None:
        """Let go of the database."""
        self._narration.close()


def _say(line: str) -> None:
    """Print a line; a terminal that is gone stops nothing."""
    try:
        print(safe(line, 400), file=sys.stderr, flush=True)  # noqa: T201  this is its output
    except OSError:
        return
