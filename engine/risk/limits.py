"""Every number of the gate: its default, what is allowed, and where the value in force is from.

A strategy's limits are measured against its own ledger: its equity is its cash and positions.
Those of the account are measured against the whole book's equity, over all strategies and
what nobody owns. `strategy_budget` joins the two: the strategy's value against its share of
the book's equity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from engine.errors import SettingsError

OFF = "off"


class Range(NamedTuple):
    """What a limit may be. Most are above `least`; counts may equal it."""

    least: Decimal
    most: Decimal
    is_count: bool = False
    may_be_off: bool = False
    unit: str = "of equity"


_EQUITY = Range(Decimal(0), Decimal(10), may_be_off=True)
_LOSS = Range(Decimal(0), Decimal(1), may_be_off=True)
_FRACTION = Range(Decimal(0), Decimal(1), unit="")  # said in percent
_COUNT = Range(Decimal(1), Decimal(1000), is_count=True, unit="orders")

RANGES: dict[str, Range] = {
    "order_size": _EQUITY,
    "symbol_exposure": _EQUITY,
    "strategy_budget": _EQUITY._replace(unit="of its share"),
    "gross_exposure": _EQUITY,
    "leveraged_exposure": _EQUITY._replace(most=Decimal(20)),
    "open_positions": _COUNT._replace(may_be_off=True, unit="positions"),
    "trades_day": _COUNT._replace(most=Decimal(10_000), may_be_off=True, unit="entries"),
    "slippage_warn": _FRACTION,
    "slippage": _FRACTION,
    "liquidity": _FRACTION._replace(may_be_off=True, unit="of mean volume"),
    "loss_day": _LOSS,
    "loss_severe": _LOSS,
    "drawdown": _LOSS,
    "quality": _COUNT._replace(most=Decimal(100), may_be_off=True, unit="in a row"),
    "margin_use": _FRACTION,
    "orders_minute": _COUNT,
    "orders_working": _COUNT,
    "orders_day": _COUNT._replace(most=Decimal(100_000)),
    "notional_day": Range(Decimal(0), Decimal(1000)),
    "quote_age_s": Range(Decimal(0), Decimal(3600), unit="s"),
    "quote_spread": _FRACTION,
    "quote_move": _FRACTION,
    "quote_move_max": _FRACTION,
}
"""Only what a strategy may register can be off; nobody can raise the caps of the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits in force for one strategy. None: off, that check denies and latches nothing."""

    order_size: Decimal | None = Decimal("0.30")  # of the strategy's equity
    symbol_exposure: Decimal | None = Decimal("0.30")  # of the strategy's equity
    strategy_budget: Decimal | None = Decimal("1.02")  # of its share of the book's equity
    gross_exposure: Decimal | None = Decimal("1.02")  # of the book's equity
    leveraged_exposure: Decimal | None = Decimal("2.5")  # of the book's equity
    open_positions: int | None = 20  # of the strategy
    trades_day: int | None = 10  # entries of the strategy filled in one session date
    slippage_warn: Decimal = Decimal("0.003")
    slippage: Decimal = Decimal("0.010")
    liquidity: Decimal | None = Decimal("0.05")  # of 20 sessions' mean volume
    loss_day: Decimal | None = Decimal("0.05")
    loss_severe: Decimal | None = Decimal("0.10")  # over five session dates
    drawdown: Decimal | None = Decimal("0.15")
    quality: int | None = 3  # rejections or time-outs in a row
    margin_use: Decimal = Decimal("0.80")
    orders_minute: int = 20
    orders_working: int = 20
    orders_day: int = 200
    notional_day: Decimal = Decimal("4.0")
    quote_age_s: Decimal = Decimal(30)
    quote_spread: Decimal = Decimal("0.01")
    quote_move: Decimal = Decimal("0.25")  # from the last close, times the fund's leverage
    quote_move_max: Decimal = Decimal("0.75")
    origins: Mapping[str, str] = field(default_factory=dict)  # key → strategy, settings
    words: Mapping[str, str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Say every limit in words once: an order has thirty checks."""
        words = {key: _words(key, getattr(self, key)) for key in KEYS}
        object.__setattr__(self, "words", words)

    @property
    def can_latch(self) -> bool:
        """Say whether any loss or drawdown latch is on."""
        return not (self.loss_day is None and self.loss_severe is None and self.drawdown is None)

    def origin(self, key: str) -> str:
        """Return where a limit's value comes from: default, strategy or settings."""
        return self.origins.get(key, "default")


KEYS: tuple[str, ...] = tuple(RANGES)


def merge(
    defaults: Limits,
    registered: Mapping[str, object],
    settings: Mapping[str, object],
) -> Limits:
    """Return the limits in force: settings over what the strategy registers over defaults.

    SettingsError with every unknown key, wrong type and value out of range at once.
    """
    values: dict[str, Decimal | int | None] = {}
    origins = dict(defaults.origins)
    findings: list[str] = []
    for origin, given in (("strategy", registered), ("settings", settings)):
        for key, value in given.items():
            where = f"limit {key} ({origin})"
            if key not in RANGES:
                findings.append(f"{where}: unknown, known are {', '.join(KEYS)}")
                continue
            try:
                values[key] = _value(key, value)
                origins[key] = origin
            except ValueError as error:
                findings.append(f"{where} = {value}: {error}")
    if findings:
        raise SettingsError(findings)
    kept = {key: getattr(defaults, key) for key in KEYS if key not in values}
    return Limits(**kept, **values, origins=origins)  # type: ignore[arg-type]  # by RANGES


def _words(key: str, value: Decimal | int | None) -> str:
    """Return a limit as a person says it: 1.00 of equity, 5.00%, 20 orders, off."""
    if value is None:
        return OFF
    allowed = RANGES[key]
    if isinstance(value, Decimal) and allowed.most <= 1:
        return f"{value:.2%} {allowed.unit}".strip()
    return f"{value} {allowed.unit}"


def _value(key: str, value: object) -> Decimal | int | None:
    """Return a limit's value from text or number; ValueError says what is allowed."""
    allowed = RANGES[key]
    if value == OFF or value is None:
        if allowed.may_be_off:
            return None
        raise ValueError(f"cannot be off, allowed is {_allowed(allowed)}")
    try:
        number = Decimal(value) if isinstance(value, str | int | Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"not a number, allowed is {_allowed(allowed)}") from None
    above = number.is_finite() and (
        number >= allowed.least if allowed.is_count else number > allowed.least
    )
    if not above or number > allowed.most or (allowed.is_count and number % 1):
        raise ValueError(f"allowed is {_allowed(allowed)}")
    return int(number) if allowed.is_count else number


def _allowed(allowed: Range) -> str:
    if allowed.is_count:
        return f"a whole number from {allowed.least} to {allowed.most}"
    return f"above {allowed.least} to {allowed.most}" + (", or off" if allowed.may_be_off else "")
