"""The matrix: where the engine dies, what the gateway makes of it, how it comes back.

Each cell says how many broker orders its one decision may have in the end, and what becomes of
its row; both follow from the restart table.

    died                                   gateway                   orders  the row
    before the approval was committed      -                         1       FILLED, decided afresh
    between approval and call, in a queue  -                         0       CANCELED, never arrived
    after the call                         got it, late              1       FILLED
                                           did not                   0       CANCELED, never arrived
    after any answer                       fills, or works on        1       FILLED
    around a cancel                        whatever                  1       CANCELED, FILLED
    around a change                        whatever                  1       FILLED, old or new

Past midnight the broker shows nothing of the day before: what is not proven by then stays UNKNOWN
until a person decides, and its instrument is blocked; a decision that was not taken is MISSED.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

RESTARTS = ("plain", "gateway", "midnight", "night")
"""Engine alone; gateway too, its next ids rolled back; a day later; both."""

SIDES = ("entry", "exit", "limit")
"""Of the order: at the market; or an entry below it, which can be changed."""

Hook = Mapping[str, Any]
Fault = tuple[str, dict[str, Any]]

_HALT = {"mode": "halt", "symbol": "QQQ"}

GATEWAYS: dict[str, tuple[Fault, ...]] = {
    "-": (),
    "got it": (),
    "did not": (("silent", {"client": 17, "kind": 3}),),
    "late": (("slow", {"client": 17, "kind": 3, "ms": 8_000}),),
    "fills": (),
    "works on": (("quote", {**_HALT, "on": "place"}),),
    "rest works on": (("quote", {**_HALT, "on": "fill"}),),
    "fee late": (("commission_late", {"s": 40, "count": 0}),),
    "fee never": (("commission_late", {"s": "never", "count": 0}),),
    "cancel lost": (("silent", {"client": 17, "kind": 4}),),
    "cancel late": (("slow", {"client": 17, "kind": 4, "ms": 8_000}),),
    "cancel fills": (("fill_on_cancel", {}),),
    "change lost": (("silent", {"client": 17, "kind": 3, "nth": 2}),),
    "change late": (("slow", {"client": 17, "kind": 3, "nth": 2, "ms": 8_000}),),
    "change refused": (("false_error", {"on": "modify", "code": 110}),),
    "cancel refused": (("refuse_cancel", {"code": 10148}),),
}
"""What the gateway makes of it, as faults of its script."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place to die."""

    name: str
    hook: Hook
    gateways: tuple[str, ...]
    asks: str = ""  # what a person asks of the working order before: cancel, change
    second: Hook | None = None  # the next life dies too, here
    sent: bool = True  # the order may have reached the gateway


def _hook(at: str, what: str, nth: int = 1) -> Hook:
    return {"at": at, "what": what, "nth": nth}


_CALLED = ("got it", "did not", "late")
_CHANGED = ("-", "change lost", "change late", "change refused")
_CANCELED = ("-", "cancel lost", "cancel late", "cancel fills", "cancel refused")
_QUESTIONS = ("orders", "completed", "executions", "positions", "account")

POINTS: tuple[Point, ...] = (
    Point("before approval", _hook("before", "OrderApproved"), ("-",), sent=False),
    Point("approved", _hook("after", "OrderApproved"), ("-",), sent=False),
    Point("before the call", _hook("before", "call"), ("-",), sent=False),
    Point("in the queue", _hook("queued", "call"), ("-",), sent=False),
    Point("called", _hook("after", "call"), _CALLED),
    Point("before submitted", _hook("before", "OrderSubmitted"), _CALLED),
    Point("submitted", _hook("after", "OrderSubmitted"), _CALLED),
    Point("before accepted", _hook("before", "OrderAccepted"), ("fills", "works on")),
    Point("accepted", _hook("after", "OrderAccepted"), ("fills", "works on")),
    Point("before a fill", _hook("before", "FillReceived"), ("fills", "rest works on")),
    Point("partly filled", _hook("after", "FillReceived"), ("fills", "rest works on")),
    Point("before the fee", _hook("before", "CommissionBooked"), ("fills", "fee late")),
    Point("filled", _hook("after", "OrderFilled"), ("fills", "fee late", "fee never")),
    Point("charged", _hook("after", "CommissionBooked"), ("fills", "rest works on")),
    Point("before cancel", _hook("before", "CancelRequested"), ("-",), asks="cancel"),
    Point("cancel noted", _hook("after", "CancelRequested"), ("-",), asks="cancel"),
    Point("cancel called", _hook("after", "cancel"), _CANCELED, asks="cancel"),
    Point("before canceled", _hook("before", "OrderCanceled"), ("-",), asks="cancel"),
    Point("canceled", _hook("after", "OrderCanceled"), ("-",), asks="cancel"),
    Point("before change", _hook("before", "ChangeRequested"), ("-",), asks="change"),
    Point("change noted", _hook("after", "ChangeRequested"), ("-",), asks="change"),
    Point("change called", _hook("after", "change"), _CHANGED, asks="change"),
    Point("before changed", _hook("before", "OrderChanged"), ("-",), asks="change"),
    Point("changed", _hook("after", "OrderChanged"), ("-",), asks="change"),
    *(
        Point(f"comparing, {what}", _hook("after", "call"), _CALLED, second=_hook("after", what))
        for what in _QUESTIONS
    ),
    *(
        Point(
            f"comparing, {at} its commit",
            _hook("after", "OrderAccepted"),
            ("fills", "works on"),
            second=_hook(at, "ReconciliationDone"),
        )
        for at in ("before", "after")
    ),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One of the matrix."""

    side: str
    point: Point
    gateway: str
    restart: str

    @property
    def name(self) -> str:
        """As it is asked for: side/point/gateway/restart."""
        return "/".join((self.side, self.point.name, self.gateway, self.restart))

    @property
    def next_day(self) -> bool:
        """Say whether the engine comes back on another day."""
        return self.restart in ("midnight", "night")

    @property
    def kills(self) -> int:
        """How many engines are killed in it, at least."""
        return 1 if self.point.second is None else 2

    @property
    def is_lost(self) -> bool:
        """Say whether the order never reaches the broker, although it may have been sent."""
        if not self.point.sent:
            return self.point.name != "before approval"
        # what waits in a gateway that restarts dies with it; the night comes hours later
        return self.gateway == "did not" or (self.gateway == "late" and self.restart == "gateway")

    @property
    def orders(self) -> int:
        """How many broker orders the decision may have in the end."""
        if self.point.name == "before approval":
            return 0 if self.next_day else 1
        return 0 if self.is_lost else 1


def cells() -> Iterator[Cell]:
    """Yield the whole matrix."""
    for side in SIDES:
        for point in POINTS:
            if (side == "limit") is not (point.asks == "change"):
                continue
            for gateway in point.gateways:
                for restart in RESTARTS:
                    yield Cell(side, point, gateway, restart)


def named(name: str) -> Cell:
    """Return a cell by its name."""
    found = next((cell for cell in cells() if cell.name == name), None)
    assert found is not None, f"{name}: no such cell; side/point/gateway/restart is needed"
    return found


def deck(seed: int, kills: int) -> list[Cell]:
    """Return cells for so many kills: all of them before one comes twice, in any order."""
    dealt: list[Cell] = []
    left = kills
    for number in count():
        every = list(cells())
        random.Random(f"{seed} {number}").shuffle(every)
        for cell in every:
            if left <= 0:
                return dealt
            dealt.append(cell)
            left -= cell.kills
    raise AssertionError("the deck has no end")
