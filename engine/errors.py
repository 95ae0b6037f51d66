"""Everything the engine raises, as one tree.

    EngineError
    ├── SettingsError       configuration: exit 2, every finding at once
    ├── MarketDataError     a file, series or quote that cannot be used
    ├── BrokerError         the broker (or simulated exchange) cannot be asked
    │   └── BrokerUnreachable       exit 4
    ├── JournalError        the database refused or lost something: trading state HALTED
    │   ├── DatabaseUnusable        corrupt, newer, read-only, full at start: exit 5
    │   └── EngineRunning           another engine holds the database: exit 6
    ├── SafetyRefusal       a safety rule says no: exit 3
    └── BrokenInvariant     a fact that cannot be true: HALTED, then exit 1

Expected refusals (a denied order, a rejected signal) are values, never exceptions.
"""


class EngineError(Exception):
    """Base of every operating error; its text is fit for the user."""

    exit_code = 1


class SettingsError(EngineError):
    """Configuration that cannot be used; `findings` has one line for each problem."""

    exit_code = 2

    def __init__(self, findings: list[str] | tuple[str, ...] | str) -> None:
        self.findings: tuple[str, ...] = (
            (findings,) if isinstance(findings, str) else tuple(findings)
        )
        super().__init__("\n".join(self.findings))


class MarketDataError(EngineError):
    """Market data that cannot be used; the text names file, line and value."""

    exit_code = 2


class BrokerError(EngineError):
    """The broker answered with an error or did not answer."""


class BrokerUnreachable(BrokerError):
    """No connection to the broker."""

    exit_code = 4


class JournalError(EngineError):
    """The journal could not be written or read; nothing may be sent after it."""

    exit_code = 5


class DatabaseUnusable(JournalError):
    """The database cannot be opened for writing: corrupt, newer schema, read-only, full."""


class EngineRunning(EngineError):
    """Another engine holds the database or the account."""

    exit_code = 6


class SafetyRefusal(EngineError):
    """A safety rule refused to go on; the text names both values."""

    exit_code = 3


class BrokenInvariant(EngineError):
    """Something that must never be true is true."""
