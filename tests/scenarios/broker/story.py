"""An engine as a user runs it, at a practice gateway over TCP, with a hand on time and faults.

    async with Story(folder, "QQQ BUY 10 @ 100") as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.fault("drop_socket", client=17)

Only what is seen from outside is looked at: rows of the database, `status`, and what the gateway
itself knows. The market's clock runs ten times as fast as the wall's and can be moved on; the
broker's timings are short. At the end of every story the ledger must be the gateway's.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.brokers.ibkr.terms import Timings
from engine.brokers.practice.gateway import PracticeGateway
from engine.runtime.clock import SystemClock
from engine.schedule.calendar import ExchangeCalendar
from engine.settings.load import load
from engine.settings.sources import Flag
from storage.connect import reading
from tests.patience import PATIENCE_S
from tui.commands import asking, standing
from tui.wiring import Watched, run_engine

BEFORE_SLOT = datetime(2026, 11, 20, 14, 42, tzinfo=UTC)
SLOT = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)
"""A Friday in New York, a quarter of an hour after the open."""

DAY, NEXT_DAY = "2026-11-20", "2026-11-23"
SPEED = 10
HEADER = "time,instrument,kind,side,quantity,weight,strength,type,limit,leg"

SHORT = Timings(
    socket=1,
    start=1,
    request=3,
    history=10,
    in_flight_every=0.05,
    in_flight_after=4,  # of the market's clock
    look_up_gap=0,
    poll_busy=0.2,
    poll_touched=0.1,
    settle_after=0.05,
    poll_idle=0.4,
    executions_every=0.3,
    gap_after=0.1,
    settle=0.02,
    settle_cap=0.5,
    commission_after=0.2,
    commission_alarm=0.6,
    cancel_again=0.2,
    inactive_after=0.2,
    absent_again=0.3,
    upstream_for=0.1,
    back_off=0.05,
    back_off_cap=0.2,
    clash_again=0.1,
    clash_jitter=0.02,
    clash_tries=3,
    sync_again=0.1,
    heartbeat_after=0.5,
    silence=4,
    down_alarm=0.5,
    stale_after=0.5,
)


@cache
def exchange() -> ExchangeCalendar:
    """The sessions of the exchange around the stories."""
    return ExchangeCalendar("XNYS", date(2020, 1, 2), date(2027, 11, 1))


class MarketClock(SystemClock):
    """The gateway's instant; seconds that never step are those of the machine."""

    def __init__(self, gateway: PracticeGateway) -> None:
        self._gateway = gateway

    def wall(self) -> datetime:
        """Return the market's time."""
        return self._gateway.venue.now()


class Story:
    """One gateway, one engine, one database."""

    def __init__(
        self,
        folder: Path,
        *wishes: str,
        start: datetime = BEFORE_SLOT,
        faults: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, str] | None = None,
        timings: Mapping[str, Any] | None = None,
        speed: int = SPEED,
        **venue: Any,
    ) -> None:
        """`wishes`: what the strategy does at its slot, such as "QQQ BUY 10 @ 100".

        faults: armed before the engine comes; settings: keys as in the configuration;
        timings: others of the broker than usual; speed: of the market's clock.
        """
        self.database = folder / "paper.db"
        self._script = folder / "script.csv"
        self._script.write_text("\n".join((HEADER, *(_row(wish) for wish in wishes))) + "\n")
        self._wishes = wishes
        self._faults = faults or {}
        self._settings = dict(settings or {})
        self._timings = replace(SHORT, **(timings or {}))
        self._engine: asyncio.Task[None] | None = None
        self._venue = {"partial_fills": "none", "tick_s": 0.5, **venue}
        self.gateway = PracticeGateway(start=start, speed=speed, calendar=exchange(), **self._venue)
        self.watched = Watched()
        self._compared = 0
        self._speed = speed
        self.is_settled = True  # at the end ledger and gateway must agree

    # -- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.gateway.__aenter__()
        for name, given in self._faults.items():
            await self.gateway.fault(name, **given)
        self.begin()
        if not self._faults:
            await self.runs()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self.is_settled:
                await self.agrees()
        finally:
            await self.crash()
            await self.gateway.__aexit__(kind, error, trace)
        if kind is None:
            assert self.gateway.server.failures == []
            self.is_exact()

    def begin(self) -> None:
        """Start the engine, as `pilothouse run --mode paper` does."""
        keys = {
            "run.mode": "paper",
            "run.strategy": "script",
            "script.file": str(self._script),
            "script.execution_slot": "15min_after_open",
            "storage.path": str(self.database),
            "storage.backups": str(self.database.with_name("backups")),
            "ibkr.port": str(self.gateway.port),
            "ibkr.account": "DU0000001",
            "ibkr.practice_speed": str(self._speed),
            **self._settings,
        }
        settings = load(flags=[Flag(f"--set {k}", k, v) for k, v in keys.items()])
        self.watched = Watched()
        clock = MarketClock(self.gateway)
        run = run_engine(settings, self.watched, clock=clock, timings=self._timings)
        self._engine = asyncio.create_task(run, name="engine")

    async def crash(self) -> None:
        """End the engine without a word."""
        if self._engine is not None and not self._engine.done():
            self._engine.cancel()
            await asyncio.wait({self._engine}, timeout=PATIENCE_S)
        self._engine = None

    async def again(self) -> None:
        """Crash the engine and start it again on the same database."""
        await self.crash()
        self.begin()
        await self.runs()

    async def runs(self) -> None:
        """Wait until the engine trades: its feed has begun, its start has been compared."""
        watched = self.watched
        await self.until(lambda: watched.reached is not None and watched.reached.loop.position)
        of_session = "SELECT 1 FROM v_reconciliations WHERE session_id = ?"
        await self.until(lambda: len(self.rows(of_session, watched.session_id)) >= 2)
        await self.until(lambda: self.streams or not self._wishes)

    @property
    def failure(self) -> BaseException | None:
        """What ended the engine, None while it runs or if nothing did."""
        done = self._engine is not None and self._engine.done() and not self._engine.cancelled()
        return self._engine.exception() if self._engine is not None and done else None

    # -- time and mischief -------------------------------------------------------------------

    async def slot(self, *, waits: bool = False) -> None:
        """Let the strategy's slot come; where prices are missing it waits for them in vain."""
        await self.comes(SLOT - timedelta(seconds=3))  # the slot wants quotes of its own time
        if waits:  # as long as the core would still take it
            await self.pass_(1.5, step_s=0.3)  # with what the wire says of that time
            await self.comes(SLOT + timedelta(seconds=109))
        await self.until(lambda: self.rows("SELECT 1 FROM v_decisions"))

    async def comes(self, at: datetime) -> None:
        """Let the market's time go on to an instant, if it is not over."""
        self.gateway.advance(max(0.0, (at - self.gateway.venue.now()).total_seconds()))

    async def pass_(self, seconds: float, step_s: float = 20) -> None:
        """Let the market's time go on in steps, so that everybody keeps up."""
        while seconds > 0:
            self.gateway.advance(min(step_s, seconds))
            seconds -= step_s
            await asyncio.sleep(0.06)

    async def fault(self, name: str, **given: object) -> int:
        """Arm a fault of the script; verdicts count from here on."""
        self._compared = len(self.verdicts)
        return await self.gateway.fault(name, **given)

    def quote(self, symbol: str, price: str, **given: object) -> None:
        """Hold the market at a price."""
        ask = f"{Decimal(price) + Decimal('0.02')}"
        self.gateway.set_market(symbol, {"bid": price, "ask": ask, "last": price, **given})

    async def until(
        self, true: Callable[[], object], within_s: float = PATIENCE_S, *, passing_s: float = 0
    ) -> None:
        """Wait until something is so; say how things stand if it does not become so.

        passing_s: of the market's time, which pass meanwhile between two looks.
        """
        try:
            async with asyncio.timeout(within_s):
                while not true():
                    if self._engine is not None and self._engine.done():
                        self._engine.result()
                    if passing_s:
                        self.gateway.advance(passing_s)
                    await asyncio.sleep(0.1 if passing_s else 0.01)
        except TimeoutError:
            raise AssertionError(f"not so after {within_s} s\n{self.told()}") from None

    async def ask(self, kind: str, reason: str = "a story", **args: str) -> str:
        """Ask the engine as another terminal does; return what came of it."""
        answer = await asyncio.to_thread(asking.ask, self.database, kind, reason, args)
        return answer.result

    # -- what is seen ------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the database; none before there is one."""
        with reading(self.database) as connection:
            if connection is None:
                return []
            return [dict(row) for row in connection.execute(sql, values).fetchall()]

    @property
    def status(self) -> dict[str, Any]:
        """What `pilothouse status --json` says."""
        return standing.collect(self.database)

    @property
    def state(self) -> str:
        """The session's state, empty before there is one."""
        session = self.status["session"] or {}
        return str(session.get("state", ""))

    def order(self, symbol: str = "QQQ") -> dict[str, Any]:
        """The newest order of a symbol."""
        found = self.rows("SELECT * FROM v_orders WHERE symbol = ? ORDER BY seq", symbol)
        return found[-1] if found else {"status": "none", "order_ref": "", "text": ""}

    async def status_is(
        self, status: str, symbol: str = "QQQ", within_s: float = PATIENCE_S
    ) -> None:
        """Wait until the newest order of a symbol has a status."""
        await self.until(lambda: self.order(symbol)["status"] == status, within_s)

    @property
    def statuses(self) -> list[str]:
        """Every status that orders went through, in order."""
        return [
            row["kind"].removeprefix("Order").upper()
            for row in self.rows("SELECT kind FROM v_events WHERE kind LIKE 'Order%' ORDER BY seq")
        ]

    @property
    def fills(self) -> list[tuple[float, float]]:
        """Quantity and price of each fill that counts."""
        return [
            (row["quantity"], row["price"])
            for row in self.rows(
                "SELECT * FROM v_fills WHERE exec_id NOT IN "
                "(SELECT corrects FROM v_fills WHERE corrects IS NOT NULL) ORDER BY seq"
            )
        ]

    def position(self, symbol: str = "QQQ") -> float:
        """Shares that our strategies own."""
        found = self.rows(
            "SELECT sum(quantity) AS n FROM v_positions WHERE symbol = ? AND session_id = "
            "(SELECT session_id FROM v_sessions ORDER BY created_seq DESC LIMIT 1)",
            symbol,
        )
        return float(found[0]["n"] or 0) if found else 0.0

    async def alarm(self, words: str) -> str:
        """Wait until an alert has said some words; return it with severity and kind."""
        await self.until(lambda: any(words in one for one in self.alarms))
        return next(one for one in self.alarms if words in one)

    @property
    def alarms(self) -> list[str]:
        """Everything that was ever raised: severity, kind, text."""
        rows = self.rows("SELECT payload FROM v_events WHERE kind = 'AlertRaised' ORDER BY seq")
        raised = [json.loads(row["payload"])["alert"] for row in rows]
        return [f"{one['severity']} {one['kind']}: {one['text']}" for one in raised]

    @property
    def alerts(self) -> dict[str, str]:
        """Newest text of each kind of alert, with its severity in front."""
        rows = self.rows("SELECT * FROM v_alerts ORDER BY seq")
        return {row["kind"]: f"{row['severity']} {row['text']}" for row in rows}

    async def alert(self, kind: str, within_s: float = PATIENCE_S) -> str:
        """Wait for an alert and return it."""
        await self.until(lambda: kind in self.alerts, within_s)
        return self.alerts[kind]

    def resolved(self, kind: str) -> bool:
        """Say whether no alert of a kind is open."""
        rows = self.rows("SELECT state FROM v_alerts WHERE kind = ?", kind)
        return bool(rows) and all(row["state"] == "RESOLVED" for row in rows)

    @property
    def gaps(self) -> str:
        """What was said about data that could not be used."""
        rows = self.rows("SELECT payload FROM v_events WHERE kind = 'DataGapFound' ORDER BY seq")
        return " ".join(row["payload"] for row in rows)

    @property
    def links(self) -> list[str]:
        """What each state of the link forbade sending for, LIVE where nothing did."""
        rows = self.rows("SELECT payload FROM v_events WHERE kind = 'LinkChanged' ORDER BY seq")
        after = [json.loads(row["payload"])["after"] for row in rows]
        return [link["reason"] or link["state"] for link in after]

    async def link_is(self, reason: str) -> None:
        """Wait until `status` shows what forbids sending, LIVE where nothing does."""
        await self.until(lambda: self.status["link"] == reason)

    @property
    def verdicts(self) -> list[str]:
        """What every comparison said."""
        rows = self.rows("SELECT verdict FROM v_reconciliations ORDER BY seq")
        return [row["verdict"] for row in rows]

    async def verdict_is(self, verdict: str, within_s: float = PATIENCE_S) -> None:
        """Wait until a comparison says something that nobody asked for since the last fault."""
        await self.until(lambda: self.verdicts[self._compared :][-1:] == [verdict], within_s)

    async def reconcile(self) -> str:
        """Compare as `pilothouse reconcile` does; return the verdict."""
        self._compared = len(self.verdicts)
        assert await self.ask("RECONCILE") == "DONE"
        await self.until(lambda: len(self.verdicts) > self._compared)
        return self.verdicts[-1]

    async def is_clean(self) -> None:
        """Compare as `pilothouse reconcile` does until both sides agree."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.reconcile() != "CLEAN":
                await self.pass_(10)

    @property
    def differences(self) -> dict[str, str]:
        """Kind by item of what the newest comparison found."""
        rows = self.rows(
            "SELECT item, kind FROM v_differences WHERE run_id = "
            "(SELECT run_id FROM v_reconciliations ORDER BY seq DESC LIMIT 1)"
        )
        return {row["item"]: row["kind"] for row in rows}

    def told(self) -> str:
        """How things stand, for a story that fails."""
        events = self.rows("SELECT seq, kind, payload FROM v_events ORDER BY seq DESC LIMIT 12")
        last = "\n".join(f"{row['seq']} {row['kind']} {row['payload'][:200]}" for row in events)
        return (
            f"{self.gateway.venue.now()} {self.state}, order {self.order()}\n"
            f"links {self.links}\nverdicts {self.verdicts} "
            f"{self.differences}\nalerts {self.alerts}\nfailure {self.failure!r}\n{last}"
        )

    @property
    def streams(self) -> set[int]:
        """Numbers of the quotes that the gateway serves to the data connection."""
        connection = self.gateway.server.sessions.get(18)
        session = None if connection is None else connection.session
        return set() if session is None else set(session.streams)

    # -- what the gateway knows --------------------------------------------------------------

    @property
    def there(self) -> list[tuple[str, str]]:
        """Reference and status of every order that the gateway has ever taken."""
        venue = self.gateway.venue
        views = [*venue.open_orders(), *venue.completed_orders()]
        return [(view.request.order_ref, view.status) for view in views]

    def holding(self, symbol: str = "QQQ") -> Decimal:
        """Shares that the gateway's account holds."""
        rows = self.gateway.venue.positions()
        return sum((row.position for row in rows if row.contract.symbol == symbol), Decimal(0))

    async def agrees(self) -> None:
        """Wait until our ledger is the gateway's account."""
        await self.until(lambda: self.position() == float(self.holding()))

    def is_exact(self) -> None:
        """No execution twice, and no reference with two orders that work or have filled."""
        ids = [row["exec_id"] for row in self.rows("SELECT exec_id FROM v_fills")]
        assert len(ids) == len(set(ids))
        counted = Counter(
            ref for ref, status in self.there if ref.startswith("PH-") and status != "Cancelled"
        )
        assert all(n == 1 for n in counted.values()) or not self.is_settled, self.there


def _row(wish: str) -> str:
    """Return "QQQ BUY 10 @ 100" as a line of the script; "later" is the next session."""
    day = NEXT_DAY if wish.endswith(" later") else DAY
    symbol, side, quantity, *rest = wish.removesuffix(" later").split()
    kind = "ENTER" if side == "BUY" else "EXIT"
    price = f"LIMIT,{rest[1]}" if rest else ","
    bought = side if side == "BUY" else ""
    return f"{day},{symbol},{kind},{bought},{quantity},,,{price},"
