"""When an order that nobody knows may be called absent: every condition, or it stays UNKNOWN.

A look-up that finds nothing proves nothing by itself: the order may be on its way, the day may
be over, the broker's servers may be unreachable. A wrong "never arrived" sends a second order.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.brokers.ibkr.terms import NEW_YORK


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What is known about an order that was not found."""

    asked_at: datetime
    sent_at: datetime
    upstream_s: float  # for how long the broker's servers have been reached
    upstream_s_min: float
    first_s: float | None  # since the first answered look-up without it; None: this is the first
    again_s: float
    next_order_id: int  # that the gateway gave at the first connection after the send
    broker_order_id: int  # that the order had; 0 unknown
    position_agrees: bool | None  # broker = ledger; None: not known

    @property
    def doubt(self) -> str:
        """The first condition that is not met; empty if the order is provably absent."""
        zone = ZoneInfo(NEW_YORK)
        sent, asked = self.sent_at.astimezone(zone).date(), self.asked_at.astimezone(zone).date()
        if sent != asked:
            return f"it was sent on {sent}, and only orders of {asked} are shown"
        if self.upstream_s < self.upstream_s_min:
            return f"the broker's servers have been reached for {self.upstream_s:.0f} s only"
        if self.first_s is None or self.first_s < self.again_s:
            return f"a second look after {self.again_s:g} s has to agree"
        if not self.broker_order_id:
            return "the id it was sent with is not known"
        if self.next_order_id > self.broker_order_id:
            return (
                f"the gateway's next id is {self.next_order_id}, beyond the order's "
                f"{self.broker_order_id}: it has seen it"
            )
        if self.position_agrees is None:
            return "the position could not be compared"
        if not self.position_agrees:
            return "the broker's position is not the ledger's"
        return ""
