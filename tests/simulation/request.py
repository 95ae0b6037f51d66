"""A person who asks for things at the worst moments, and the request file in memory."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from engine.core.state import State, price_of
from engine.domain.ids import MANUAL, RequestId
from engine.domain.instrument import symbol_of
from engine.domain.order import OrderStatus, WorkingOrder
from engine.domain.request import Request, RequestKind
from engine.domain.session import SessionState

_K = RequestKind
_WISHES = (
    *(_K.HALT, _K.HALT, _K.REDUCE, _K.RESUME, _K.RESUME, _K.RESUME, _K.PAUSE, _K.CONTINUE),
    *(_K.FLATTEN, _K.FLATTEN, _K.CANCEL, _K.CANCEL, _K.CANCEL_ALL, _K.RECONCILE, _K.SETTLE),
    *(_K.ACCEPT_DIFFERENCE, _K.SET_PARAMETER, _K.ACKNOWLEDGE, _K.SNOOZE, _K.PACE, _K.STEP),
)


@dataclass
class Asked:
    """The request file: it outlives a kill."""

    rows: list[Request] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)


class MemoryBox:
    """One engine's look at the request file; implements engine.ports.RequestBox."""

    def __init__(self, asked: Asked, on_look: Callable[[], None]) -> None:
        self._asked = asked
        self._on_look = on_look
        self._read = 0
        self._fresh = True

    def changed(self) -> bool:
        """Say whether something may be new."""
        self._on_look()
        return self._fresh or len(self._asked.rows) > self._read

    def take(self) -> list[Request]:
        """Return what no engine has answered."""
        found = self.unread()
        self._read, self._fresh = len(self._asked.rows), False
        return found

    def unread(self) -> list[Request]:
        """Return what this engine has not taken yet."""
        return [
            r for r in self._asked.rows[self._read :] if r.request_id not in self._asked.answers
        ]

    def answer(self, request_id: str, result: str, text: str) -> None:
        """Note what became of it."""
        del text
        self._asked.answers.setdefault(request_id, result)


class Person:
    """Asks at given moments, counted over all lives."""

    def __init__(self, rng: random.Random, count: int, horizon: int, changes: int = 0) -> None:
        """`changes`: how often a working order is changed, when one works."""
        self.asked = Asked()
        self._rng = rng
        self._changes, self._other = changes, random.Random(f"changes {rng.random()}" * changes)
        self._moments = sorted(rng.randrange(1, max(horizon, 2)) for _ in range(count))
        self._moment = 0
        self.stops = rng.random() < 0.15
        self.is_silent = False

    def turn(self, state: State, now: datetime) -> None:
        """A moment passed: perhaps it is one to ask something."""
        if self.is_silent:
            return
        self._moment += 1
        self._change(state, now)
        while self._moments and self._moments[0] <= self._moment:
            self._moments.pop(0)
            if not self._moments and self.stops:
                self.ask(_K.STOP, now)
            else:
                self._wish(state, now)

    def _wish(self, state: State, now: datetime) -> None:
        rng = self._rng
        if MANUAL in state.books and rng.random() < 0.6:
            kind = rng.choice((_K.PREVIEW, _K.ORDER, _K.ORDER, _K.ORDER))
            self.ask(kind, now, **_ticket(rng, state))
            if rng.random() < 0.2:
                self.asked.rows.append(self.asked.rows[-1])  # a double press
            if rng.random() < 0.3:  # and soon something else about the same order
                self._moments.insert(0, self._moment + rng.randrange(1, 9))
            return
        kind = rng.choice(_WISHES)
        args: dict[str, str] = {}
        if kind is _K.CANCEL and state.orders:
            pool = list(state.working) or list(state.orders)
            args = {"order_id": rng.choice(pool)}
        elif kind is _K.SETTLE:
            unknown = [o for o, r in state.orders.items() if r.status is OrderStatus.UNKNOWN]
            args = {"order_id": rng.choice(unknown or ["ord_none"]), "status": "CANCELED"}
            if unknown:
                return  # a person who settles what still works is wrong: not this one
        elif kind is _K.ACCEPT_DIFFERENCE:
            args = {"item": rng.choice([*sorted(state.blocked), "nothing"])}
        elif kind is _K.SET_PARAMETER:
            names = [*state.books, "nobody"]
            value = rng.choice(("2", "3", "-1", "x"))
            args = {"strategy": rng.choice(names), "key": "fast", "value": value}
        elif kind is _K.PACE:
            args = {"pace": rng.choice(("max", "20/s", "faster", "slower", "at once", ""))}
        elif kind in (_K.ACKNOWLEDGE, _K.SNOOZE):
            args = {"alert_id": "*", "minutes": rng.choice(("5", "", "long", "9" * 30))}
        self.ask(kind, now, reason=rng.choice(("because", "because", "x")), **args)

    def _change(self, state: State, now: datetime) -> None:
        """Perhaps change an order that works, well or badly; one that lasts is made before."""
        if not self._changes:
            return
        rest = self._other.random() < 0.9  # the others are over before they can be changed
        working = [
            row
            for row in state.working.values()
            if row.status in _WORKS and (row.order.limit_price or row.order.stop_price or not rest)
        ]
        if not working or self._other.random() > _CHANGES_AT:
            if self._other.random() < _TICKETS_AT and MANUAL in state.books:
                self.ask(_K.ORDER, now, **_lasting(self._other, state))
            return
        self._changes -= 1
        self.ask(_K.CHANGE, now, **_change(self._other, self._other.choice(working)))
        if self._other.random() < 0.1:
            self.asked.rows.append(self.asked.rows[-1])  # a double press

    def ask(self, kind: RequestKind, now: datetime, reason: str = "because", **args: str) -> None:
        """Write a request down; sometimes the same one twice."""
        number = len(self.asked.rows)
        request = Request(
            request_id=RequestId(f"req_{number:026d}"),
            kind=kind,
            actor="person@simulation",
            reason=reason,
            args=args,
            asked_at=now,
        )
        self.asked.rows.append(request)

    def promised(self) -> set[str]:
        """Return the requests that a person has been told are done; one to stop may come late."""
        done = {key for key, result in self.asked.answers.items() if result == "DONE"}
        return done - {one.request_id for one in self.asked.rows if one.kind is _K.STOP}

    def unstick(self, state: State, now: datetime) -> None:
        """Nothing moves: go on with what was paused, ask again for an account never read."""
        if state.session_state is SessionState.PAUSED:
            self.ask(_K.CONTINUE, now)
        else:
            self.ask(_K.RECONCILE, now)


def _ticket(rng: random.Random, state: State) -> dict[str, str]:
    """Return an order by hand, good or bad: whatever a person may type."""
    by_hand = [o for o, row in state.working.items() if row.order.decision_id is None]
    action = rng.choice(("BUY", "BUY", "BUY", "SELL", "CLOSE", "CLOSE", "REDUCE"))
    if by_hand and rng.random() < 0.5:
        action = "REPLACE"
    instrument = rng.choice(sorted(state.instruments))
    price = price_of(state, instrument) or Decimal(100)
    args = {"action": action, "symbol": symbol_of(instrument), "strategy": MANUAL}
    if action in ("CLOSE", "REDUCE"):
        owners = [(b.strategy.id, i) for b in state.books.values() for i in b.positions]
        owner, held = rng.choice(owners or [(MANUAL, instrument)])
        args |= {"strategy": owner, "symbol": symbol_of(held)}
    if action == "REPLACE":
        args["order_id"] = rng.choice(by_hand)
    if action != "CLOSE":
        much = {"quantity": rng.choice(("1", "5", "40", "400", "0.5", "-1"))}
        args |= much if action == "REPLACE" or rng.random() < 0.6 else {"share": "0.3"}
    if action in ("BUY", "REPLACE") and rng.random() < 0.6:
        near = {name: str((price * Decimal(at)).quantize(Decimal("0.01"))) for name, at in _NEAR}
        kind = rng.choice(("LIMIT", "LIMIT", "STOP", "STOP_LIMIT"))
        args |= {"type": kind, "tif": rng.choice(("DAY", "GTC", "GTC", "GTC", "IOC"))}
        args |= {name: near[name] for name in ("limit", "stop") if name.upper() in kind}
    if rng.random() < 0.3:  # what was seen: often it is so no more
        args |= {"seen_price": str(price), "band_bps": "50", "seen_trading_state": "ACTIVE"}
    return args


def _change(rng: random.Random, row: WorkingOrder) -> dict[str, str]:
    """Return what a working order should become: a price, a quantity, a time."""
    order, args = row.order, {"order_id": str(row.order.order_id)}
    price = "stop" if order.limit_price is None and rng.random() < 0.9 else "limit"
    what = rng.choice((price, price, "quantity", "quantity", "quantity", "both", "tif"))
    if what in ("limit", "stop", "both"):
        name = "limit" if what == "both" else what
        now = order.stop_price if name == "stop" else order.limit_price
        times = Decimal(rng.choice(("0.97", "0.99", "1.001", "1.02", "1.02", "-1")))
        args[name] = str(((now or Decimal(100)) * times).quantize(Decimal("0.01")))
    if what in ("quantity", "both"):
        wanted = rng.choice((order.quantity * 2, order.quantity + 3, row.filled + 1, row.filled))
        args["quantity"] = str(rng.choice((wanted, wanted, order.quantity // 2)))
    if what == "tif":
        args["tif"] = "IOC"
    return args


def _lasting(rng: random.Random, state: State) -> dict[str, str]:
    """Return a limit order by hand that may work for days."""
    instrument = rng.choice(sorted(state.instruments))
    price = (price_of(state, instrument) or Decimal(100)) * Decimal(rng.choice(("0.93", "0.99")))
    return {
        "action": "BUY", "symbol": symbol_of(instrument), "strategy": MANUAL, "type": "LIMIT",
        "quantity": rng.choice(("5", "12", "40")), "limit": str(price.quantize(Decimal("0.01"))),
        "tif": rng.choice(("GTC", "GTC", "DAY")),
    }  # fmt: skip


_WORKS = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
_CHANGES_AT, _TICKETS_AT = 0.2, 0.05
_NEAR = (("limit", "0.95"), ("stop", "1.03"))
