"""The connection to a broker, as far as decisions depend on it."""

from dataclasses import dataclass
from enum import Enum


class LinkState(Enum):
    """How far a connection has come."""

    DOWN = "DOWN"
    TCP = "TCP"
    READY = "READY"
    SYNCING = "SYNCING"
    LIVE = "LIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One state of the connection. `reason` is the first thing that forbids sending, "" if none.

    Reasons: MODE_GATE ACCOUNT_MISMATCH READ_ONLY LINK_DOWN UPSTREAM_DOWN BLACKOUT SYNCING.
    """

    state: LinkState
    epoch: int = 0  # one more with every connection; broker order ids mean nothing across it
    upstream: bool = True  # the broker's own servers are reached
    reason: str = ""
    next_order_id: int = 1
    account: str = ""
    planned: bool = False  # the night's restart or reset: nobody is alarmed
    text: str = ""  # for people: error code and words, attempt number

    @property
    def is_live(self) -> bool:
        """Say whether orders may be sent."""
        return self.state is LinkState.LIVE and not self.reason


SIMULATED = Link(state=LinkState.LIVE, epoch=1)
"""The simulated exchange is always there."""
