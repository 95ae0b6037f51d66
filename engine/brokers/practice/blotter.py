"""Fills of the practice venue: executions, their commissions, and what they do to the account."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.brokers.practice.account import Account, Entry, commission
from engine.brokers.practice.agenda import Agenda
from engine.brokers.practice.announcer import Announcer
from engine.brokers.practice.model import (
    ZERO,
    ZONE,
    AccountValue,
    Commission,
    Execution,
    ExecutionFilter,
)
from engine.brokers.practice.orders import Order, load_contract, save_contract
from engine.brokers.practice.universe import Traded

COMMISSION_AFTER = timedelta(milliseconds=50)
_PREFIX = "0000e0d5"


def root_of(exec_id: str) -> str:
    """Return an execution id without its last part, which is the revision."""
    return exec_id.rpartition(".")[0]


@dataclass(slots=True)
class Print:
    """One execution with its commission; `known_at` None: the commission never comes."""

    execution: Execution
    fee: Commission
    known_at: datetime | None
    traded: Traded
    is_secret: bool = False  # nothing of it is announced


class Blotter:
    """All executions since midnight, newest last."""

    def __init__(
        self, account: Account, say: Announcer, agenda: Agenda, now: Callable[[], datetime]
    ) -> None:
        self._account = account
        self._say = say
        self._agenda = agenda
        self._now = now
        self._prints: list[Print] = []
        self._values: dict[tuple[str, str], str] = {}

    def fill(
        self,
        order: Order,
        shares: Decimal,
        price: Decimal,
        *,
        zone: str = ZONE,
        fee_after: timedelta | None = COMMISSION_AFTER,
    ) -> Print:
        """Book a fill of an order and announce the execution."""
        traded = order.traded
        order.filled += shares
        order.value += shares * price
        order.fills += 1
        order.last_price = price
        owed = commission(traded, order.filled, order.value * traded.multiplier)
        fee, order.fee = owed - order.fee, owed
        exec_id = f"{_PREFIX}.{order.perm_id:08x}.{order.fills:02d}.01"
        view = order.view()
        execution = Execution(
            exec_id=exec_id,
            client_id=view.client_id,
            order_id=view.order_id,
            perm_id=order.perm_id,
            contract=order.request.contract,
            at=self._now(),
            account=self._account.name,
            side="BOT" if order.sign > 0 else "SLD",
            shares=shares,
            price=price,
            cum_qty=order.filled,
            avg_price=order.avg_price,
            exchange=order.request.contract.exchange,
            order_ref=order.request.order_ref,
            zone=zone,
        )
        known_at = None if fee_after is None else self._now() + fee_after
        one = self._enter(execution, traded, order.sign, fee, known_at)
        one.is_secret = order.is_lost
        if not one.is_secret:
            self._say.execution(execution)
        return one

    def settle(self, one: Print) -> None:
        """Announce what a fill changed in the account, and its commission when it is known."""
        if one.known_at is not None and not one.is_secret:
            self._agenda.at(one.known_at, lambda: self._tell_fee(one))
        self.tell_account(one.traded)

    def correct(self, root: str, shares: Decimal, price: Decimal) -> Execution | None:
        """Replace an execution by its next revision: shares 0 busts it. Returns the one before."""
        prints = (p for p in reversed(self._prints) if root_of(p.execution.exec_id) == root)
        old = next(prints, None)
        if old is None:
            return None
        head, _, revision = old.execution.exec_id.rpartition(".")
        change = shares - old.execution.shares
        execution = replace(
            old.execution,
            exec_id=f"{head}.{int(revision) + 1:02d}",
            at=self._now(),
            shares=shares,
            price=price,
            cum_qty=old.execution.cum_qty + change,
        )
        fee = old.fee.commission if shares else ZERO
        sign = 1 if execution.side == "BOT" else -1
        one = self._enter(execution, old.traded, sign, fee, self._now() + COMMISSION_AFTER)
        self._say.execution(execution)
        self.settle(one)
        return old.execution

    def expire(self, traded: Traded, worth: Decimal) -> None:
        """Settle what is held of an option that has ended, in cash; no execution tells of it."""
        con_id = traded.contract.con_id
        held = self._account.quantity(con_id)
        if held:
            sign = -1 if held > 0 else 1
            self._account.book(Entry(f"expiry {con_id}", traded, sign, abs(held), worth, ZERO))
            self.tell_account(traded)

    def _enter(
        self,
        execution: Execution,
        traded: Traded,
        sign: int,
        fee: Decimal,
        known_at: datetime | None,
    ) -> Print:
        profit = self._account.book(
            Entry(root_of(execution.exec_id), traded, sign, execution.shares, execution.price, fee)
        )
        owed = Commission(
            exec_id=execution.exec_id,
            client_id=execution.client_id,
            order_id=execution.order_id,
            commission=fee,
            realized_pnl=profit,
        )
        one = Print(execution, owed, known_at, traded)
        self._prints.append(one)
        return one

    def _tell_fee(self, one: Print) -> None:
        self._say.commission(one.fee, one.execution.order_ref, one.execution.contract.symbol)

    def tell_account(self, traded: Traded) -> None:
        """Announce a position and the numbers of the account that have changed."""
        held = self._account.holdings.get(traded.contract.con_id)
        if held is not None:
            self._say.position(self._account.position(held))
            self._say.portfolio(self._account.portfolio_row(held))
        self.tell_values()

    def tell_values(self) -> None:
        """Announce the numbers of the account that have changed."""
        for value in self._account.values():
            if self._values.get((value.key, value.currency)) != value.value:
                self._values[(value.key, value.currency)] = value.value
                self._say.account_value(value)

    def values(self) -> Sequence[AccountValue]:
        """Return the numbers of the account; what is announced next is measured by them."""
        values = self._account.values()
        self._values = {(value.key, value.currency): value.value for value in values}
        return values

    def wanted(self, asked: ExecutionFilter) -> list[tuple[Execution, Commission | None]]:
        """Return today's executions that fit, with the commissions known by now."""
        now = self._now()
        return [
            (p.execution, p.fee if p.known_at is not None and p.known_at <= now else None)
            for p in self._prints
            if _fits(p.execution, asked)
        ]

    def midnight(self) -> None:
        """Forget the day's executions."""
        self._prints.clear()

    def export(self) -> list[dict[str, object]]:
        """Return the day's executions, fit for JSON."""
        return [
            {
                "execution": {
                    name: str(value) if isinstance(value, Decimal | datetime) else value
                    for name in _EXECUTION
                    if not isinstance(value := getattr(p.execution, name), type(None))
                },
                "contract": save_contract(p.execution.contract),
                "fee": str(p.fee.commission),
                "realized": None if p.fee.realized_pnl is None else str(p.fee.realized_pnl),
                "known_at": None if p.known_at is None else p.known_at.isoformat(),
            }
            for p in self._prints
        ]

    def restore(
        self,
        saved: Sequence[Mapping[str, object]],
        traded: Callable[[int], Traded],
    ) -> None:
        """Take up exported executions."""
        self._prints.clear()
        for row in saved:
            told: Mapping[str, object] = row["execution"]  # type: ignore[assignment]
            contract: Mapping[str, object] = row["contract"]  # type: ignore[assignment]
            words = {
                name: Decimal(str(value)) if name in _DECIMALS else value
                for name, value in told.items()
            }
            words["at"] = datetime.fromisoformat(str(told["at"]))
            execution = Execution(contract=load_contract(contract), **words)  # type: ignore[arg-type]
            realized, known_at = row["realized"], row["known_at"]
            self._prints.append(
                Print(
                    execution,
                    Commission(
                        exec_id=execution.exec_id,
                        client_id=execution.client_id,
                        order_id=execution.order_id,
                        commission=Decimal(str(row["fee"])),
                        realized_pnl=None if realized is None else Decimal(str(realized)),
                    ),
                    None if known_at is None else datetime.fromisoformat(str(known_at)),
                    traded(execution.contract.con_id),
                )
            )


_EXECUTION = tuple(one.name for one in fields(Execution) if one.name != "contract")
_DECIMALS = frozenset({"shares", "price", "cum_qty", "avg_price", "ev_multiplier"})
_SIDES = {"BUY": "BOT", "SELL": "SLD"}


def _fits(one: Execution, asked: ExecutionFilter) -> bool:
    side = _SIDES.get(asked.side, asked.side)
    return (
        (not asked.client_id or one.client_id == asked.client_id)
        and (not asked.account or one.account == asked.account)
        and (asked.since is None or one.at >= asked.since)
        and (not asked.symbol or one.contract.symbol == asked.symbol)
        and (not asked.sec_type or one.contract.sec_type == asked.sec_type)
        and (not asked.exchange or one.exchange == asked.exchange)
        and (not side or one.side == side)
    )
