"""A regime decision as ten steps in words and numbers, stored with it and shown as they are.

    Data → Strength → Averages → Trend → Volatility → Crush → Cell → Weights → Rebalance → Orders

A step may have a second line: same number, no name. Texts fit the columns of the screen
(value 17, test 20, result 10, distance 11). A step that was not reached says "·". Marks of
nearness: regime-strategy.md, section 13.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from engine.domain.decision import Step
from engine.domain.money import ONE
from engine.domain.money import text as plain
from engine.domain.regime import CELL_NAMES, RegimeReading, Trend, VolState
from engine.strategy.regime import RegimeParameters

NEAR_T = 0.02
NEAR_Z = 0.05
NEAR_GAP = 0.001
NEAR_CRUSH = 0.01

NAMES = (
    "Data",
    "Strength T",
    "Averages",
    "Trend",
    "Volatility z",
    "Crush",
    "Cell",
    "Weights",
    "Rebalance",
    "Orders",
)
NOT_REACHED = "·"
TENTH = Decimal("0.1")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_VOL_WORDS = {VolState.LOW: "Low", VolState.HIGH: "High"}
_TREND_WORDS = {Trend.BULL: "Bull", Trend.SIDE: "Side", Trend.BEAR: "Bear"}


class Balance(NamedTuple):
    """Steps 8 to 10: what is wanted, how far it is from what is there, what follows."""

    weights: tuple[tuple[str, Decimal], ...]  # symbol, target weight; legs in order
    deviation: Decimal
    drift: Decimal | None
    measured: Decimal | None  # the one that is compared
    threshold: Decimal
    verdict: str  # "rebalance", "no trade", or why it is held
    equity: Decimal | None
    orders: Sequence[tuple[str, Decimal, int]]  # symbol, target weight, pass


def short_day(day: date | None) -> str:
    """Return "19 Nov" in every locale; "·" for none."""
    return f"{day.day} {_MONTHS[day.month - 1]}" if day is not None else NOT_REACHED


def signed(value: float | Decimal, digits: int) -> str:
    """Return a number with its sign, minus as a real minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def data_step(bars: str, beside: str, result: str) -> Step:
    """Return step 1: bars found of expected, the bond's beside, and the gates' verdict."""
    return Step(number=1, name=NAMES[0], value=bars, test=beside, result=result)


def unreached(first: int) -> tuple[Step, ...]:
    """Return the steps from a number on as not reached."""
    return tuple(
        Step(number=n, name=NAMES[n - 1], result=NOT_REACHED) for n in range(first, len(NAMES) + 1)
    )


class Tree:
    """Words the steps of one set of parameters; what the parameters say is worded once."""

    def __init__(self, p: RegimeParameters) -> None:
        self._p = p
        self._bull = f"> {signed(p.t_norm_bull_thresh, 2)} bull"
        self._bear = f"< {signed(p.t_norm_bear_thresh, 2)} bear"
        self._upper = f"Low; High > {signed(p.upper_thresh_z, 2)}"
        self._lower = f"High; Low < {signed(p.lower_thresh_z, 2)}"
        self._crush_name = f"{NAMES[5]} {p.vol_crush_lookback} d"
        self._crush_test = f"< {signed(p.vol_crush_threshold, 2)}"
        self._scale = "" if p.leverage_scalar == 1.0 else f" λ {p.leverage_scalar:g}"
        self._worded: dict[tuple[int, bool | None], tuple[str, str]] = {}

    def reading_steps(self, r: RegimeReading, days: int, held_cell: int | None) -> tuple[Step, ...]:
        """Return steps 2 to 7: how the bars became a cell."""
        return (
            *self._strength(r),
            _averages(r),
            _trend(r.trend_before_crush, r.trend),
            *self._volatility(r),
            _cell(r, days, held_cell),
        )

    def balance_steps(self, r: RegimeReading, b: Balance) -> tuple[Step, Step, Step]:
        """Return steps 8 to 10: weights, the verdict, and what is traded."""
        return self._weights(r, b.weights), _rebalance(b), _orders(b)

    def _strength(self, r: RegimeReading) -> tuple[Step, Step]:
        above = r.t_norm - self._p.t_norm_bull_thresh
        below = r.t_norm - self._p.t_norm_bear_thresh
        return (
            Step(
                number=2,
                name=NAMES[1],
                value=signed(r.t_norm, 3),
                test=self._bull,
                result="bull" if above > 0 else "no",
                distance=signed(above, 3),
                near=abs(above) <= NEAR_T,
            ),
            Step(
                number=2,
                name="",
                test=self._bear,
                result="bear" if below < 0 else "no",
                distance=signed(below, 3),
                near=abs(below) <= NEAR_T,
            ),
        )

    def _volatility(self, r: RegimeReading) -> tuple[Step, Step]:
        p = self._p
        was_low = r.vol_before is VolState.LOW
        away = r.z_score - (p.upper_thresh_z if was_low else p.lower_thresh_z)
        high = r.z_score > p.upper_thresh_z or not (was_low or r.z_score < p.lower_thresh_z)
        latch = Step(
            number=5,
            name=NAMES[4],
            value=signed(r.z_score, 3),
            test=self._upper if was_low else self._lower,
            result="High" if high else "Low",
            distance=signed(away, 3),
            near=abs(away) <= NEAR_Z,
        )
        return latch, self._crush(r, high)

    def _crush(self, r: RegimeReading, high: bool) -> Step:
        if r.crush_change is None:
            return Step(
                number=6,
                name=self._crush_name,
                value=NOT_REACHED,
                test=self._crush_test,
                result="no",
            )
        away = r.crush_change - self._p.vol_crush_threshold
        crushed = "overrides High" if high else "yes"
        return Step(
            number=6,
            name=self._crush_name,
            value=signed(r.crush_change, 3),
            test=self._crush_test,
            result=crushed if r.vol_crush else "no",
            distance=signed(away, 3),
            near=abs(away) <= NEAR_CRUSH,
        )

    def _weights(self, r: RegimeReading, weights: tuple[tuple[str, Decimal], ...]) -> Step:
        row = r.cell, r.bond_bull  # the weights follow from it
        worded = self._worded.get(row)
        if worded is None:
            worded = self._worded[row] = _weight_words(weights)
        legs, cash = worded
        test, distance = "overlay 4-6 only", ""
        if r.cell >= 4:
            test = "bond averages short" if self._p.allow_treasury else "overlay off"
            if r.bond_sma_fast is not None and r.bond_sma_slow is not None:
                sign = ">" if r.bond_bull else "≤"
                test = f"bond {r.bond_sma_fast:.2f} {sign} {r.bond_sma_slow:.2f}"
                distance = f"{signed(100.0 * (r.bond_sma_fast / r.bond_sma_slow - 1.0), 2)} %"
        return Step(
            number=8,
            name=NAMES[7],
            value=legs,
            test=test + self._scale,
            result=cash,
            distance=distance,
        )


def _weight_words(weights: tuple[tuple[str, Decimal], ...]) -> tuple[str, str]:
    """Word target weights in percent: "TQQQ 60 QQQ 40", "cash 0"."""
    legs = " ".join(f"{symbol} {percent(w)}" for symbol, w in weights if w)
    return legs or "none", f"cash {percent(ONE - sum(w for _, w in weights))}"


def percent(weight: Decimal) -> str:
    """Return a weight in percent with at most one decimal."""
    return plain((weight * 100).quantize(TENTH))


def _averages(r: RegimeReading) -> Step:
    gap = r.sma_fast / r.sma_slow - 1.0
    return Step(
        number=3,
        name=NAMES[2],
        value=f"{r.sma_fast:.2f} / {r.sma_slow:.2f}",
        test="fast > slow",
        result="bull" if r.sma_fast > r.sma_slow else "bear",
        distance=f"{signed(100.0 * gap, 2)} %",
        near=abs(gap) <= NEAR_GAP,
    )


@cache
def _trend(bare: Trend, trend: Trend) -> Step:
    return Step(
        number=4,
        name=NAMES[3],
        value="" if trend is bare else bare.value,
        test="2 and 3 agree" if trend is bare else "crush forbids bear",
        result=trend.value,
    )


def _cell(r: RegimeReading, days: int, held_cell: int | None) -> Step:
    held = NOT_REACHED if held_cell is None else held_cell
    return Step(
        number=7,
        name=NAMES[6],
        value=CELL_NAMES[r.cell],
        test=f"{_TREND_WORDS[r.trend]} × {_VOL_WORDS[r.vol]}, held {held}",
        result=str(r.cell),
        distance="provisional" if r.provisional else f"{days} session{'s' if days != 1 else ''}",
    )


def _rebalance(b: Balance) -> Step:
    drift = NOT_REACHED if b.drift is None else f"{b.drift:.3f}"
    return Step(
        number=9,
        name=NAMES[8],
        value=f"{b.deviation:.3f}",
        test=f"> {b.threshold}, drift {drift}",
        result=b.verdict,
        distance=signed(b.measured - b.threshold, 3) if b.measured is not None else "",
    )


def _orders(b: Balance) -> Step:
    if not b.orders:
        return Step(number=10, name=NAMES[9], test="none")
    return Step(
        number=10,
        name=NAMES[9],
        value="e " + (NOT_REACHED if b.equity is None else f"{b.equity:,.2f}"),
        test=", ".join(f"{symbol} → {percent(w)}" for symbol, w, _ in b.orders),
        result=f"{len(b.orders)} leg{'s' if len(b.orders) > 1 else ''}",
        distance="" if len({n for _, _, n in b.orders}) < 2 else "sells first",
    )
