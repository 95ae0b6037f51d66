"""A screen without an engine of its own: signals and a lost terminal end it, and nothing else."""

import signal

from tui.application import Pilothouse
from tui.shell import Left


class Guest(Pilothouse):
    """What attach and replay have in common."""

    def _take_signals(self) -> None:
        suspend = signal.getsignal(signal.SIGTSTP)
        super()._take_signals()
        signal.signal(signal.SIGTSTP, suspend)  # no engine here that would stand still

    def _stop_by_signal(self, name: str) -> None:
        self.leave(Left.SIGNAL)  # the session is another process's, or long over

    def _halt_by_signal(self) -> None:
        """Ignored: it is meant for engines."""
