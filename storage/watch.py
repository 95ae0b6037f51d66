"""What changed since: cheap to ask several times a second, from any process.

`data_version` says that something was committed by another connection; then the kinds of the
events after the last one seen name the panes to read again.
"""

import sqlite3
from typing import NamedTuple

from storage.queries.listing import latest_session

MANY = 1_000  # more new events than this: read everything again

LATEST = "latest"  # heartbeat and quotes: not in the journal
EVERYTHING = frozenset(
    {
        "sessions", "strategies", "control", "parameters", "requests", "regimes", "decisions",
        "signals", "orders", "fills", "positions", "snapshots", "reconciliations", "alerts",
        "jobs", "latches", "data", "events", LATEST,
    }
)  # fmt: skip
"""Every topic there is."""

_TOPICS = {
    "SessionCreated": "sessions strategies positions",
    "SessionStateChanged": "sessions",
    "StrategyStateChanged": "strategies",
    "ParameterChanged": "parameters strategies",
    "ReportReceived": "",
    "RequestReceived": "requests",
    "RequestAnswered": "requests",
    "ReplacementEnded": "requests",
    "RegimeRead": "regimes",
    "DecisionMade": "decisions strategies",
    "SignalRaised": "signals",
    "SignalRejected": "signals",
    "SignalDuplicated": "signals",
    "SignalExpired": "signals",
    "SignalDone": "signals",
    "RiskChecked": "",
    "OrderDenied": "orders",
    "LatchSet": "latches",
    "LatchReleased": "latches",
    "OrderApproved": "orders signals",
    "OrderDryRun": "orders signals",
    "OrderPreviewed": "orders",
    "SendStarted": "orders",
    "SendClosed": "orders",
    "OrderSubmitted": "orders",
    "OrderAccepted": "orders",
    "OrderPartiallyFilled": "orders",
    "OrderFilled": "orders",
    "OrderCanceled": "orders",
    "OrderExpired": "orders",
    "OrderRejected": "orders",
    "OrderUnknown": "orders",
    "OrderPendingCancel": "orders",
    "OrderHeld": "orders",
    "ChangeRequested": "orders",
    "OrderChanged": "orders",
    "ChangeRefused": "orders alerts",
    "CancelRequested": "orders",
    "FillReceived": "fills",
    "FillCorrected": "fills",
    "FillUnmatched": "fills",
    "CommissionBooked": "fills",
    "PositionChanged": "positions",
    "CashChanged": "strategies",
    "SnapshotTaken": "snapshots positions jobs",
    "ReconciliationDone": "reconciliations",
    "DifferenceAccepted": "reconciliations",
    "DataGapFound": "data",
    "LinkChanged": "sessions",
    "BaselineAdopted": "positions",
    "TradingStateChanged": "control",
    "AlertRaised": "alerts",
    "AlertStateChanged": "alerts",
    "JobStarted": "jobs",
    "JobEnded": "jobs",
}


class Changes(NamedTuple):
    """What to read again; empty topics: nothing."""

    topics: frozenset[str]
    seq: int  # the newest event
    session_id: str | None  # the newest session
    everything: bool = False  # too much is new, or another session began


class Watch:
    """Remembers what one reader has seen. Lives with its connection, on one thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._version: int | None = None
        self._seq = 0
        self._session_id: str | None = None

    def changes(self) -> Changes:
        """Return what changed since the last call; the first call says everything."""
        version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
        if version == self._version:
            return Changes(frozenset(), self._seq, self._session_id)
        first = self._version is None
        session_id = latest_session(self._db)
        rows = self._db.execute(
            "SELECT seq, kind FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (self._seq, MANY + 1),
        ).fetchall()
        again = (
            first
            or session_id != self._session_id
            or len(rows) > MANY
            or bool(rows and rows[0][0] != self._seq + 1)
        )
        if len(rows) > MANY:
            newest = self._db.execute("SELECT max(seq) FROM events").fetchone()[0]
        else:
            newest = rows[-1][0] if rows else self._seq
        self._version, self._seq, self._session_id = version, int(newest), session_id
        if again:
            return Changes(EVERYTHING, self._seq, session_id, everything=True)
        topics = {LATEST}
        for _, kind in rows:
            topics.add("events")
            topics.update(_TOPICS.get(kind, "").split())
        return Changes(frozenset(topics), self._seq, session_id)
