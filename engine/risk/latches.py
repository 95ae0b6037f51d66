"""When a latch sets, and when it is released. Pure.

A loss never sets HALTED: that would stop exits. The day's latch releases itself at the next
session's open; a severe loss or a drawdown waits for a person. A final bar counts at once;
quotes can lie, so there a breach must hold for three readings five seconds apart.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from engine.domain.ids import OrderId
from engine.risk.limits import Limits

LOSS_DAY, LOSS_SEVERE, DRAWDOWN = "loss_day", "loss_severe", "drawdown"
QUALITY, CONNECTIVITY = "quality", "connectivity"
LATCHES = (LOSS_DAY, LOSS_SEVERE, DRAWDOWN, QUALITY, CONNECTIVITY)

NEXT_OPEN, PERSON, RECONCILED = "next_open", "person", "reconciled"

_SEVERE = Decimal("1.5")  # times the day's limit
_READINGS = 3
_READINGS_APART = timedelta(seconds=5)
_QUALITY_PAUSE = timedelta(minutes=30)
_IN_A_ROW = 3
_BAD_FILLS, _OF_FILLS = 2, 5
_BAD_SLIPPAGE_BPS = Decimal(100)


class Breach(NamedTuple):
    """A limit that is breached now: the latch it sets, until when, and the numbers."""

    latch: str
    until: str  # next_open, person, reconciled, or an instant
    text: str


def breaches(
    *,
    equity: Decimal,
    last: Decimal | None,
    week_ago: Decimal | None,
    high_water: Decimal,
    limits: Limits,
) -> tuple[Breach, ...]:
    """Return the loss and drawdown latches that this equity sets.

    last: at the last snapshot, on the first day the capital; week_ago: five session dates
    before; high_water: with cash flows removed. NaN is a breach of whatever it is compared
    with. An equity that is not known must not be given: it is no reading.
    """
    found: list[Breach] = []
    if limits.loss_day is not None and last is not None:
        lost = _fall(equity, last)
        if not lost < limits.loss_day:
            text = f"equity {_usd(equity)} is {_pct(lost)} below {_usd(last)}"
            found.append(Breach(LOSS_DAY, NEXT_OPEN, f"{text}, limit {_pct(limits.loss_day)}"))
            if not lost < _SEVERE * limits.loss_day:
                limit = _pct(_SEVERE * limits.loss_day)
                found.append(Breach(LOSS_SEVERE, PERSON, f"{text} in a day, limit {limit}"))
    if limits.loss_severe is not None and week_ago is not None:
        lost = _fall(equity, week_ago)
        if not lost < limits.loss_severe and not any(b.latch == LOSS_SEVERE for b in found):
            text = f"equity {_usd(equity)} is {_pct(lost)} below {_usd(week_ago)}"
            limit = _pct(limits.loss_severe)
            found.append(Breach(LOSS_SEVERE, PERSON, f"{text} in five days, limit {limit}"))
    if limits.drawdown is not None:
        lost = _fall(equity, high_water)
        if not lost < limits.drawdown:
            text = f"equity {_usd(equity)} is {_pct(lost)} below its peak {_usd(high_water)}"
            found.append(Breach(DRAWDOWN, PERSON, f"{text}, limit {_pct(limits.drawdown)}"))
    return tuple(found)


class Readings(NamedTuple):
    """Quote readings that breached one limit, one after the other without a good one between."""

    seen: int = 0
    last_at: datetime | None = None

    @property
    def is_warning(self) -> bool:
        """Say whether a breach has been seen that does not count yet: one bad tick warns."""
        return 0 < self.seen < _READINGS

    @property
    def is_confirmed(self) -> bool:
        """Say whether the breach has held long enough to set the latch."""
        return self.seen >= _READINGS


def reading(before: Readings, at: datetime, *, is_breach: bool) -> Readings:
    """Return the readings after another one; those less than 5 s apart count as one."""
    if not is_breach:
        return Readings()
    if before.last_at is not None and at - before.last_at < _READINGS_APART:
        return before
    return Readings(before.seen + 1, at)


def quality_breach(
    rejected: int,
    timed_out: int,
    slippage_bps: Sequence[Decimal | None],
    limit: int | None = _IN_A_ROW,
) -> str | None:
    """Return why a strategy's quality latch sets, None if it does not.

    rejected, timed_out: orders in a row; slippage_bps: of the newest fills, newest last,
    + = worse; unknown ones are not counted as bad.
    """
    if limit is None:
        return None
    if rejected >= limit:
        return f"{rejected} orders rejected in a row, limit {limit}"
    if timed_out >= limit:
        return f"{timed_out} orders timed out in a row, limit {limit}"
    newest = slippage_bps[-_OF_FILLS:]
    bad = sum(1 for bps in newest if is_bad_fill(bps))
    if bad >= _BAD_FILLS:
        return f"{bad} of {len(newest)} fills slipped more than 1 %, limit {_BAD_FILLS}"
    return None


class Quality(NamedTuple):
    """How a strategy's orders went since its quality latch was last set or released."""

    rejected: int = 0  # in a row
    timed_out: int = 0  # in a row
    fills: tuple[tuple[str, Decimal | None], ...] = ()  # the newest: execution, slippage
    failed_probes: int = 0  # since the latch was set first
    probe: OrderId | None = None  # the entry that is being tried

    def breach(self, limit: int | None) -> str | None:
        """Return why the latch sets, None if it does not."""
        return quality_breach(self.rejected, self.timed_out, [bps for _, bps in self.fills], limit)

    def fine(self, *, timed_out: bool) -> "Quality":
        """Return it after an order that the broker took; one found late has timed out before."""
        return self._replace(rejected=0, timed_out=self.timed_out if timed_out else 0)

    def filled(self, execution: str, bps: Decimal | None) -> "Quality":
        """Return it after another fill, or after the correction of one."""
        if any(known == execution for known, _ in self.fills):
            fills = tuple((k, bps if k == execution else b) for k, b in self.fills)
        else:
            fills = (*self.fills[1 - _OF_FILLS :], (execution, bps))
        return self._replace(fills=fills)


def is_bad_fill(slippage_bps: Decimal | None) -> bool:
    """Say whether a fill was far worse than its reference; an unknown one is not."""
    return slippage_bps is not None and not slippage_bps <= _BAD_SLIPPAGE_BPS


def quality_until(since: datetime, failed_probes: int) -> datetime:
    """Return when a quality latch lets one entry through as a probe; each failure doubles it."""
    return since + _QUALITY_PAUSE * (1 << failed_probes)


def is_released(
    until: str, *, opened: bool = False, reconciled: bool = False, now: str | None = None
) -> bool:
    """Say whether a latch is over by itself; one that waits for a person never is.

    until: as stored with the latch. opened: a session after the one of the breach has opened.
    now: the session clock's instant as fixed-width text.
    """
    if until == PERSON:
        return False
    if until == NEXT_OPEN:
        return opened
    if until == RECONCILED:
        return reconciled
    return now is not None and now >= until


def _fall(equity: Decimal, before: Decimal) -> Decimal:
    """Fraction lost since then; all of it where there was nothing, or a number is not one."""
    if equity.is_nan() or before.is_nan() or before <= 0:
        return Decimal(1)
    return 1 - equity / before


def _usd(value: Decimal) -> str:
    return f"{value:,.2f} USD"


def _pct(fraction: Decimal) -> str:
    return f"{100 * fraction:.2f} %"
