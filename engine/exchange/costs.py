"""What trading costs on the simulated exchange: spread, slippage, commission.

The same keys are the exchange's charges and the strategies' expectation, so a cost that is
charged is also sized for. A charge per share counts shares as they were traded; on
split-adjusted history the counts are adjusted ones (0.01 USD per adjusted TQQQ share would be
4.1 % of a trade of 2010), so there only `commission_bps` is charged, and `describe` says so.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine.domain.ids import OrderRef
from engine.domain.money import BPS, MICRO, ONE, ZERO, text, to_tick
from engine.domain.order import Side
from engine.errors import SettingsError

_TWO_TO_64 = Decimal(2**64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Charges in force; every number is zero or more, so none is ever in the trader's favour."""

    half_spread_bps: Decimal = Decimal(1)
    slippage_bps: Decimal = Decimal(2)  # at worst; each fill pays a seeded part of it
    commission_bps: Decimal = Decimal(0)  # of the value traded, on any history
    commission_per_share: Decimal = Decimal("0.005")  # dollars; as-traded history only
    commission_min: Decimal = Decimal(1)  # dollars an order, with the charge per share
    commission_max_fraction: Decimal = Decimal("0.01")  # of an order's value, likewise
    volume_share: Decimal = Decimal("0.1")  # of a bar's volume that may fill in that bar
    adjusted: bool = True  # the history is split-adjusted

    def __post_init__(self) -> None:
        """Refuse a cost that would pay the trader."""
        findings = [
            f"sim.{name} is {value}, zero or more is needed"
            for name, value in self._numbers()
            if not value.is_finite() or value < ZERO
        ]
        if findings:
            raise SettingsError(findings)

    def _numbers(self) -> list[tuple[str, Decimal]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "adjusted"]

    def expected(
        self, price: Decimal, tick: Decimal | None = None
    ) -> tuple[Decimal, Decimal, Decimal]:
        """Return the worst case for sizing: (s, f, minimum).

        s: fraction of the price lost to spread and slippage, the tick included where there
        is one; f: dollars a share; minimum: dollars to set aside before a buy is sized.
        """
        s = (self.half_spread_bps + self.slippage_bps) / BPS
        if tick is not None:
            s = to_tick(price * (ONE + s), tick, up=True) / price - ONE
        f = price * self.commission_bps / BPS
        if self.adjusted or not self.commission_per_share:
            return s, f, ZERO
        return s, f + self.commission_per_share, self.commission_min

    def worst_cost(self, quantity: Decimal, price: Decimal, tick: Decimal | None) -> Decimal:
        """Return the most cash that a market buy at this reference price can take."""
        worst = self._priced(Side.BUY, price, tick, ONE)
        return quantity * worst + self.commission(quantity, quantity * worst)

    def fill_price(
        self, side: Side, reference: Decimal, tick: Decimal | None, seed: int, ref: OrderRef, n: int
    ) -> Decimal:
        """Return the price of an order's n-th fill (from 0) at this reference price."""
        return self._priced(
            side, reference, tick, chance(seed, ref, n) if self.slippage_bps else ONE
        )

    def _priced(self, side: Side, reference: Decimal, tick: Decimal | None, u: Decimal) -> Decimal:
        lost = side.sign * (self.half_spread_bps + self.slippage_bps * u) / BPS
        return to_tick(reference * (ONE + lost), tick, up=side is Side.BUY)

    def commission(self, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order owes once this quantity, worth this value, has filled.

        A fill is charged the difference it makes, so that the minimum is paid once an order
        and the charges of its fills add up exactly.
        """
        fee = value * self.commission_bps / BPS
        if not self.adjusted and self.commission_per_share:
            per_share = max(quantity * self.commission_per_share, self.commission_min)
            fee += min(per_share, value * self.commission_max_fraction)
        return fee.quantize(MICRO, ROUND_CEILING)

    def allowance(self, volume: Decimal, lot: Decimal) -> Decimal:
        """Return how much may fill in a bar of this volume, in whole lots."""
        return whole_lots(volume * self.volume_share, lot)

    def describe(self) -> Mapping[str, str]:
        """Return the charges in force by setting, as printed beside every result."""
        said = {f"sim.{name}": text(value) for name, value in self._numbers()}
        if self.adjusted:
            unused = "not charged: split-adjusted history"
            for key in ("commission_per_share", "commission_min", "commission_max_fraction"):
                said[f"sim.{key}"] = unused
        return said


def chance(seed: int, ref: OrderRef, n: int) -> Decimal:
    """Return u in 0..1 for the n-th fill of an order: the same in whatever order fills arrive."""
    digest = hashlib.sha256(f"{seed}|{ref}|{n}".encode()).digest()
    return Decimal(int.from_bytes(digest[:8], "big")) / _TWO_TO_64


def whole_lots(quantity: Decimal, lot: Decimal) -> Decimal:
    """Round a quantity down to whole lots."""
    return (quantity / lot).to_integral_value(ROUND_FLOOR) * lot
