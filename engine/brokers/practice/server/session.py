"""One started client: what it is called, what it asked to be told, and the way to tell it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.brokers.practice.model import ZONE, Contract, Kind, Refusal
from engine.brokers.practice.seam import Venue
from engine.brokers.practice.wire.value import time_text

NO_ID = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream of the venue, and how this client wants it written."""

    kind: Kind
    contract: Contract
    what: str = ""
    format_date: int = 1
    request: str = ""  # the request that opened it


class Session:
    """What the gateway knows of one client between its start and its end."""

    def __init__(
        self,
        venue: Venue,
        client_id: int,
        version: int,
        send: Callable[[str, Mapping[str, Any]], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self.venue = venue
        self.client_id = client_id
        self.version = version
        self.later = later  # after some seconds of the venue's clock
        self.data_type = 1
        self.auto_bind = False
        self.bound: set[int] = set()  # permIds of orders by hand that client 0 was told of
        self.is_open = True
        self.wants_positions = False
        self.wants_account = False
        self.refreshes_account = False
        self.positions_multi: set[int] = set()
        self.account_multi: dict[int, bool] = {}  # ledger and net liquidation only
        self.summaries: dict[int, frozenset[str]] = {}
        self.streams: dict[int, Stream] = {}
        self._send = send

    def send(self, name: str, words: Mapping[str, Any]) -> None:
        """Send a message by its name."""
        self._send(name, words)

    def tell(self, name: str, **words: Any) -> None:
        """Send a message by its name; words may be left out."""
        self._send(name, words)

    def error(self, r: int, code: int, text: str) -> None:
        """Send an error message; r is a request id, an order id, or −1."""
        self.tell("error", id=r, code=code, text=text)

    def refuse(self, r: int, refusal: Refusal) -> None:
        """Send a refusal of the venue."""
        self.error(r, refusal.code, refusal.text)

    def clock(self, at: datetime) -> str:
        """Return an instant as this client reads it."""
        return time_text(at, self.version, ZONE)

    def knows_account(self, r: int, account: str) -> bool:
        """Say whether an account is ours or not named; else tell the client."""
        if account in ("", self.venue.account, "All"):
            return True
        self.error(r, 321, f"Error validating request: Invalid account code '{account}'.")
        return False
