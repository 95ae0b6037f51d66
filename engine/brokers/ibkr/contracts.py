"""Contracts: qualified one by one, kept for a day, and the price steps that an order must keep.

One bad symbol would fail a whole batch, so each is asked for alone; none or several matches are
findings, never a guess. `minTick` is only the smallest step: what is valid is the market rule of
the exchange, and the step depends on the price.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from engine.brokers.ibkr.connection import Connection
from engine.brokers.ibkr.said import number
from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO
from engine.errors import BrokerError

_KEPT = timedelta(hours=24)
_CENT = Decimal("0.01")
SMART = "SMART"

Steps = tuple[tuple[Decimal, Decimal], ...]
"""(low edge, increment), ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualified:
    """One contract that is known exactly."""

    instrument: InstrumentId
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    primary_exchange: str
    local_symbol: str
    trading_class: str
    multiplier: str
    min_tick: Decimal
    steps: Steps
    zone: str
    trading_hours: str
    liquid_hours: str
    at: datetime  # when it was asked


def step_at(steps: Steps, price: Decimal) -> Decimal:
    """Return the price step at a price: that of the last low edge not above it."""
    index = bisect_right([edge for edge, _ in steps], abs(price)) - 1
    return steps[max(index, 0)][1]


def on_rule(steps: Steps, price: Decimal, *, up: bool) -> Decimal:
    """Round a price to the market rule, upwards or downwards."""
    step = step_at(steps, price)
    count = (price / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return count * step


def limit_on_rule(steps: Steps, price: Decimal, *, buy: bool) -> Decimal:
    """Round a limit so that it is never worse than asked: a buy down, a sell up."""
    return on_rule(steps, price, up=not buy)


def trigger_on_rule(steps: Steps, price: Decimal, *, buy: bool) -> Decimal:
    """Round a stop away from the market: a buy up, a sell down."""
    return on_rule(steps, price, up=buy)


class Contracts:
    """What has been qualified, and the library's contracts for it within this connection."""

    def __init__(
        self, connection: Connection, seen: Callable[[Qualified], None] = lambda one: None
    ) -> None:
        """`seen` is told of each contract that was asked for, at first and each day anew."""
        self._connection = connection
        self._seen = seen
        self._known: dict[InstrumentId, Qualified] = {}
        self._rules: dict[int, Steps] = {}
        self._one_rule = asyncio.Lock()  # of two requests for one rule the first has no answer
        self._objects: dict[InstrumentId, Any] = {}
        self.findings: dict[InstrumentId, str] = {}  # why one could not be qualified

    def __getitem__(self, instrument: InstrumentId) -> Qualified:
        return self._known[instrument]

    def get(self, instrument: InstrumentId) -> Qualified | None:
        """Return what is known of an instrument, None if it is not qualified."""
        return self._known.get(instrument)

    def object_of(self, instrument: InstrumentId) -> Any:
        """Return the one object of the library for a contract: conId and SMART.

        The same object each time: a second one for the same data leaks a line.
        """
        made = self._objects.get(instrument)
        if made is None:
            from ib_insync import Contract

            one = self._known[instrument]
            made = self._objects[instrument] = Contract(
                conId=one.con_id,
                symbol=one.symbol,
                secType=one.sec_type,
                currency=one.currency,
                exchange=SMART,
            )
        return made

    def block(self, instrument: InstrumentId, why: str) -> None:
        """The broker does not know this contract (any more): no order until it does again."""
        self._known.pop(instrument, None)
        self._objects.pop(instrument, None)
        self.findings[instrument] = why

    async def qualify(self, instruments: Iterable[InstrumentId], at: datetime) -> None:
        """Ask for each instrument that is not known or was asked for a day ago, one by one.

        What cannot be qualified is a finding. Raises BrokerError if the link fails.
        """
        for instrument in instruments:
            known = self._known.get(instrument)
            if known is not None and at - known.at < _KEPT:
                continue
            try:
                self._known[instrument] = await self._ask(instrument, at)
                self.findings.pop(instrument, None)
                self._seen(self._known[instrument])
            except BrokerError as error:
                if not self._connection.is_open:
                    raise
                self.findings[instrument] = str(error)

    async def _ask(self, instrument: InstrumentId, at: datetime) -> Qualified:
        kind, symbol, *rest = instrument.split(":")
        if kind != "STK":
            raise BrokerError(f"{instrument}: only stocks can be qualified")
        from ib_insync import Stock

        wanted = Stock(symbol, SMART, rest[0] if rest else "USD")
        found = await self._connection.ask(
            f"contract {symbol}", lambda ib: ib.reqContractDetailsAsync(wanted)
        )
        if len(found) != 1:
            exchanges = ", ".join(sorted({str(one.contract.primaryExchange) for one in found}))
            raise BrokerError(
                f"{instrument}: {len(found)} contracts" + (f" ({exchanges})" if found else "")
            )
        details = found[0]
        min_tick = number(details.minTick) or _CENT
        steps = await self._steps(details, min_tick)
        contract = details.contract
        return Qualified(
            instrument=instrument,
            con_id=int(contract.conId),
            symbol=str(contract.symbol),
            sec_type=str(contract.secType),
            currency=str(contract.currency),
            primary_exchange=str(contract.primaryExchange),
            local_symbol=str(contract.localSymbol),
            trading_class=str(contract.tradingClass),
            multiplier=str(contract.multiplier),
            min_tick=min_tick,
            steps=steps,
            zone=str(details.timeZoneId),
            trading_hours=str(details.tradingHours),
            liquid_hours=str(details.liquidHours),
            at=at,
        )

    async def _steps(self, details: Any, min_tick: Decimal) -> Steps:
        exchanges = str(details.validExchanges).split(",")
        rules = str(details.marketRuleIds).split(",")
        index = exchanges.index(SMART) if SMART in exchanges else 0
        if index >= len(rules) or not rules[index].isdigit():
            return ((ZERO, min_tick),)
        rule = int(rules[index])
        async with self._one_rule:
            if rule not in self._rules:
                self._rules[rule] = await self._rule(rule)
        return self._rules[rule]

    async def _rule(self, rule: int) -> Steps:
        def call(ib: Any) -> Any:
            future = ib.wrapper.startReq(f"marketRule-{rule}")
            ib.client.reqMarketRule(rule)
            return future

        return steps_of(await self._connection.ask(f"market rule {rule}", call), rule)


def steps_of(increments: Sequence[Any], rule: int) -> Steps:
    """Return the steps of a market rule as the library gives them; BrokerError if unusable."""
    steps = []
    for one in increments:
        edge, increment = number(one.lowEdge), number(one.increment)
        if edge is None or not increment or increment <= 0:
            raise BrokerError(f"market rule {rule}: step {one} is unusable")
        steps.append((edge, increment))
    if not steps:
        raise BrokerError(f"market rule {rule} has no steps")
    return tuple(sorted(steps))
