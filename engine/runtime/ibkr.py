"""A session's two connections to Interactive Brokers, as one thing to start and stop.

Orders and account go over the first, quotes, history and contracts over the second: a hundred
data requests never stand before an order.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from engine.brokers.ibkr import said
from engine.brokers.ibkr.broker import IbkrBroker, Ledger
from engine.brokers.ibkr.connection import Connection
from engine.brokers.ibkr.contracts import Contracts, Qualified
from engine.brokers.ibkr.hours import differences
from engine.brokers.ibkr.keeper import Keeper
from engine.brokers.ibkr.link import LinkMachine
from engine.brokers.ibkr.terms import ZONES, Terms, Timings, missing_zones, terms_of
from engine.domain.alert import Severity
from engine.domain.fill import Fill
from engine.domain.ids import InstrumentId
from engine.domain.input import Fault
from engine.domain.link import Link
from engine.domain.order import Order, WorkingOrder
from engine.errors import BrokerError, BrokerUnreachable, SafetyRefusal, SettingsError
from engine.market.ibkr import AGE_MAX, IbkrMarket
from engine.ports import Calendar, Clock, Reach, ReportSink
from engine.runtime.keep import Kept
from engine.settings.model import Settings


class IbkrSession:
    """`broker` is the Broker port, `market` gives quotes and history.

    Life: make it, `restore` what the journal knows, set `ledger`, `await start(...)`, trade,
    `await stop()`. Everything that the broker says arrives in the sink, also while starting:
    `LinkSeen`, `Reported`, and `Fault` for what a person must know.
    """

    def __init__(
        self,
        settings: Settings,
        sink: ReportSink,
        clock: Clock,
        *,
        timings: Timings | None = None,
        is_over: Callable[[Order, datetime], bool] | None = None,
        calendar: Calendar | None = None,
        only_asks: bool = False,
    ) -> None:
        """Raises SettingsError if a key that the mode needs is missing.

        The broker's hours of each contract are compared with the calendar, if there is one.
        """
        self._calendar = calendar
        self._told_hours: set[str] = set()
        self.terms: Terms = replace(terms_of(settings, timings), only_asks=only_asks)
        self._sink = sink
        self._clock = clock
        self._keep = Kept(sink, clock)
        self.broker = IbkrBroker(self.terms, sink, clock, is_over=is_over, keep=self._keep)
        self._data_machine = LinkMachine(self.terms, self.terms.client_id + 1, trades=False)
        self._data = Connection(
            "data",
            self.terms,
            self.terms.client_id + 1,
            clock,
            self._hear_data,
            self._on_data_closed,
            tap=self._tap,
            sliced=True,
        )
        self.contracts = Contracts(self._data, self._look_at_hours)
        self.broker.contracts = self.contracts
        times = self.terms.timings
        self.market = IbkrMarket(
            self._data,
            self.contracts,
            clock,
            line_limit=self.terms.line_limit,
            allow_delayed=self.terms.allow_delayed,
            stale_after_s=times.stale_after,
            history_s=times.history,
            age_max=AGE_MAX * float(settings.ibkr.practice_speed),  # of that market's seconds
            broken=lambda: self._data_machine.quotes_broken,
        )
        self._keeper: Keeper | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life --------------------------------------------------------------------------------

    def restore(self, orders: Iterable[WorkingOrder], fills: Iterable[Fill] = ()) -> None:
        """Learn the orders and fills of the journal, so that references find their orders."""
        self.broker.restore(orders, fills)

    def set_ledger(self, ledger: Ledger, cost: Ledger | None = None) -> None:
        """Say how many shares our ledger holds, and what they have cost in dollars.

        An absent order is only provable by the first; a fill whose execution is gone may be
        priced by the second.
        """
        self.broker.ledger = ledger
        self.broker.ledger_cost = cost

    def set_last_look(self, look: Callable[[], str]) -> None:
        """Say what may still keep an order back as its bytes leave (Router.last_look)."""
        self.broker.connection.last_look = look

    async def start(
        self, instruments: Sequence[InstrumentId] = (), *, patience_s: float | None = 0
    ) -> None:
        """Connect, compare, qualify; return when orders could be sent.

        patience_s: how long to wait for a gateway that is not there; None: for ever.
        Raises SettingsError (time zones), SafetyRefusal (a gate), BrokerUnreachable.
        """
        lacking = missing_zones((*ZONES, self.terms.tws_zone))
        if lacking:
            raise SettingsError(
                f"time zones {', '.join(lacking)} cannot be loaded: install tzdata; without them "
                "executions are lost"
            )
        self._keeper = self._data_keeper()
        self._keeper.is_patient = self.broker.keeper.is_patient = patience_s != 0
        self.broker.begin()
        self._tasks = [
            asyncio.create_task(self._keep("data link", self._keeper.run), name="ibkr data link"),
            asyncio.create_task(self._keep("quotes", self.market.run), name="ibkr quotes"),
        ]
        try:
            await self._ready(patience_s)
            await self.contracts.qualify(instruments, self._clock.wall())
        except BaseException:
            await self.stop()
            raise

    async def _ready(self, patience_s: float | None) -> None:
        """Wait for both links, or for the first reason why not."""
        assert self._keeper is not None
        limit = None if patience_s is None else max(patience_s, self.terms.timings.ready)
        try:
            async with asyncio.timeout(limit):
                for keeper in (self.broker.keeper, self._keeper):
                    why = await keeper.settled()
                    if why:
                        raise self._refusal(why)
        except TimeoutError:
            text = self.broker.machine.text or self._data_machine.text
            raise BrokerUnreachable(
                f"{self.terms.where}: not ready within {limit:g} s: {text}"
            ) from None

    def _refusal(self, why: str) -> Exception:
        barred = self.broker.machine.barred
        return BrokerUnreachable(why) if barred is None else SafetyRefusal(barred[1])

    async def stop(self) -> None:
        """Close both connections and end every task; orders at the broker stay as they are."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.terms.timings.socket)
        self._tasks = []
        self._data.close("stopped")
        await self.broker.end()

    # -- the data connection -----------------------------------------------------------------

    @property
    def data_link(self) -> Link:
        """The state of the data connection."""
        return self._data_machine.link

    @property
    def reach(self) -> Reach:
        """How the way to the gateway is."""
        broker, data = self.broker, self._data_machine
        trip = broker.connection.round_trip if broker.connection.is_open else None
        offset = broker.clock_offset_s
        exact = trip is not None and self.terms.speed == 1  # a practice clock is never exact
        return Reach(
            round_trip_ms=None if trip is None else round(1000 * trip[0], 1),
            clock_offset_s=None if offset is None or not exact else round(offset, 2),
            asked_s=None if trip is None else round(self._clock.monotonic() - trip[1], 1),
            tries=broker.machine.tries,
            farms=dict(data.farm_states),
            quotes_broken=data.quotes_broken,
        )

    def _look_at_hours(self, one: Qualified) -> None:
        """Tell of hours that are not our calendar's: once, not for each contract."""
        if self._calendar is None:
            return
        try:
            found = list(differences(one.liquid_hours, one.zone, self._calendar))
        except BrokerError as error:
            found = [str(error)]
        new = [text for text in found if text not in self._told_hours]
        self._told_hours.update(new)
        if new:
            text = f"{one.symbol}: {'; '.join(new)}"
            at, mild = self._clock.wall(), Severity.WARNING
            self._sink(Fault(at, "hours_differ", text, halt=False, severity=mild))

    def _tap(self, ib: object) -> None:
        self.market.tap(ib)

    def _data_keeper(self) -> Keeper:
        return Keeper(
            self._data_machine,
            self._data,
            opened=lambda: self.market.lost(),
            sync=_nothing,
            changed=lambda link: None,
            resubscribe=lambda text: self.market.renew(),
            alert=lambda do: self._sink(
                Fault(self._clock.wall(), "data_link", do.text, halt=False)
            ),
        )

    def _hear_data(self, heard: said.Heard) -> None:
        one = heard.said
        if isinstance(one, said.Error):
            self.market.on_error(one.id, one.code, one.text)
            if self._keeper is not None:
                self._keeper.do(self._data_machine.heard(one.code, one.text, heard.monotonic))

    def _on_data_closed(self, text: str) -> None:
        self.market.lost()
        if self._keeper is not None:
            self._keeper.on_closed(text)


async def _nothing() -> None:
    """Data has nothing to compare."""
