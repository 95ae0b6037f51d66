"""A decision and everything that explains it; stored whole, shown without further arithmetic."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar, cast

from engine.domain.ids import InstrumentId, SignalId
from engine.domain.value import value


@value
class SeriesFacts:
    """What a decision knew of one price series."""

    symbol: str
    anchor: date | None  # first loaded session
    last: date | None  # last final session used
    found: int  # bars from the anchor
    expected: int  # exchange sessions from the anchor
    last_close: str | None
    last_volume: str | None
    source: str
    provisional_price: str | None = None
    provisional_at: str | None = None


@value
class Step:
    """One line of a decision tree, in words and numbers: what, value, test, result, distance."""

    number: int
    name: str
    value: str = ""
    test: str = ""
    result: str = ""
    distance: str = ""
    near: bool = False  # within the limits of regime-strategy 13: one cent can flip it


@value
class GateVerdict:
    """One data gate: pass, or hold with a reason code and the values that say why."""

    gate: str
    passed: bool
    text: str
    reason: str = ""  # data_gap stale_data no_price data_disagreement warming_up


@value
class PlannedLeg:
    """One instrument of a decision, in leg order."""

    leg: int
    instrument: InstrumentId
    signal_id: SignalId
    target_weight: Decimal | None
    quantity: Decimal | None  # where a number of shares was asked for
    pass_no: int  # 1: exits and reductions; 2: buys, after all of pass 1 ended
    price: Decimal  # reference


T = TypeVar("T")


class _Later(Sequence[Any]):
    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], tuple[Any, ...]]) -> None:
        self._make: Callable[[], tuple[Any, ...]] | None = make
        self._made: tuple[Any, ...] = ()

    def _all(self) -> tuple[Any, ...]:
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if type(other) is _Later else other)

    __hash__ = None  # type: ignore[assignment]  # as what it holds

    def __repr__(self) -> str:
        return repr(self._all())


def later(make: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """Return what reads like the tuple that `make` returns, made when somebody first looks.

    A decision is worded for whoever writes or shows it, not while the market waits for it.
    `make` must depend on nothing that changes.
    """
    return cast("tuple[T, ...]", _Later(make))
