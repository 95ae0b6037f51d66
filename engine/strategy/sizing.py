"""From weights to whole shares, in exact decimals; regime-strategy.md, section 10.

With e the strategy's equity, w the target weight, q the shares owned plus working, a the
reference price, s the fraction of it and f the dollars per share that trading is expected to
cost, and g = e·w - q·a what is missing from the target:

| case                | shares                                   |
|---------------------|------------------------------------------|
| w = 0               | sell q                                   |
| w > 0, g > 0        | buy ⌊min(g, cash) / (a(1 + s) + f)⌋      |
| w > 0, g <= 0       | sell ⌊-g / (a(1 - s))⌋, at most q        |

A fixed fee per order is set aside from cash before a buy is sized.
"""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.money import ONE, ZERO, text

STRENGTH_MIN = Decimal("0.5")


class Sized(NamedTuple):
    """Signed whole shares (+ buy, - sell, 0 no order) and the arithmetic in words."""

    quantity: Decimal
    words: str


def target_shares(
    weight: Decimal,
    equity: Decimal,
    cash: Decimal,
    owned: Decimal,
    price: Decimal,
    s: Decimal,
    f: Decimal,
    minimum_fee: Decimal = ZERO,
) -> Sized:
    """Return the shares that move an owned position to its target weight.

    owned: shares owned plus working; price: reference; s: expected spread and slippage as a
    fraction; f: expected charge in dollars per share; minimum_fee: dollars per order.
    """
    if weight == 0:
        return Sized(-owned if owned else ZERO, f"target 0: sell all {text(owned)}")
    gap = equity * weight - owned * price
    facts = (
        f"e {text(equity)} · w {text(weight)} - q {text(owned)} · a {text(price)} = g {text(gap)}; "
    )
    if gap > 0:
        room = min(gap, cash - minimum_fee)
        each = price * (ONE + s) + f
        shares = room // each if room > 0 else ZERO
        aside = f" - {text(minimum_fee)}" if minimum_fee else ""
        return Sized(
            shares,
            f"{facts}buy ⌊min(g, cash {text(cash)}{aside}) / {text(each)}⌋ = {text(shares)}",
        )
    each = price * (ONE - s)
    shares = min(-gap // each, max(owned, ZERO))
    return Sized(-shares if shares else ZERO, f"{facts}sell ⌊-g / {text(each)}⌋ = {text(shares)}")


def strength_quantity(base: Decimal, strength: Decimal) -> Decimal:
    """Scale a number of shares by a signal's strength, held to 0.5..1; at least one share.

    Raises ValueError for a strength that is not a number.
    """
    if not strength.is_finite():
        raise ValueError(f"strength {strength} is not a number")
    scaled = base * min(ONE, max(STRENGTH_MIN, strength))
    return max(ONE, scaled // ONE)


def below_minimum(quantity: Decimal, price: Decimal, owned: Decimal, minimum: Decimal) -> bool:
    """Say whether an order is too small to be worth sending; closing all that is owned never is.

    quantity: signed; minimum: dollars.
    """
    return quantity != -owned and abs(quantity) * price < minimum
