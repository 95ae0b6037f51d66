"""One cell of the matrix on its stage: a gateway in this process, engines in others, the truth."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.server.record import Record
from engine.brokers.practice.venue import PracticeVenue
from engine.domain.ids import RequestId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.request import Request, RequestKind
from engine.schedule.calendar import FIRST, ExchangeCalendar, year_ahead
from storage import controls
from tests.architecture.sources import ROOT
from tests.kills.victim import rows
from tests.kin import with_us
from tests.patience import PATIENCE_S
from tests.tui.commands import home

SPEED = 20
HEADER = "time,instrument,kind,side,quantity,weight,strength,type,limit,leg"
_LOOK_S, _TICK_S = 0.01, 0.25
_MOMENT = timedelta(minutes=1)
D = Decimal
SYMBOL, PRICE = "QQQ", D(500)
SLOT_OF_THURSDAY = datetime(2026, 11, 19, 14, 45, tzinfo=UTC)
_FILLED = "SELECT 1 FROM v_orders WHERE status = 'FILLED'"
_CALENDAR = ExchangeCalendar("XNYS", FIRST, year_ahead(SLOT_OF_THURSDAY.date()))
_FIRST_DAY, _LAST_DAY = date(2026, 9, 1), date(2026, 12, 4)


class Nursery:
    """The process that engines are forked from."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.lives: list[Life] = []

    async def bear(self, wanted: Mapping[str, Any]) -> "Life":
        """Start an engine."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(wanted).encode() + b"\n")
        life = Life((await self._said())["pid"], asyncio.ensure_future(self._said()))
        self.lives.append(life)
        return life

    async def ready(self) -> None:
        """Wait until everything is imported."""
        assert (await self._said())["ready"]

    async def empty(self) -> None:
        """Kill whatever still lives."""
        for life in self.lives:
            await life.kill()
        self.lives.clear()

    async def _said(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = await self._child.stdout.readline()
        assert line, "the nursery is gone"
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[Nursery]:
    """A nursery that lives while the block does."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.kills.matrix.nursery",
        cwd=ROOT, env={**home(folder), "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, preexec_fn=with_us(),
    )  # fmt: skip
    made = Nursery(child)
    await made.ready()
    try:
        yield made
    finally:
        await made.empty()
        assert child.stdin is not None
        child.stdin.close()
        await child.wait()


class Life:
    """One engine process."""

    def __init__(self, pid: int, end: "asyncio.Future[dict[str, Any]]") -> None:
        self.pid = pid
        self._end = end

    @property
    def is_over(self) -> bool:
        """Say whether the process has ended."""
        return self._end.done()

    async def kill(self) -> None:
        """SIGKILL; nothing of it runs when this returns."""
        if not self.is_over:
            os.kill(self.pid, signal.SIGKILL)
            await self.end()

    async def end(self, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for its end: exit code, and whether SIGKILL was it."""
        return await asyncio.wait_for(asyncio.shield(self._end), within_s)


class Stage:
    """Gateway, folder and what is known of both."""

    def __init__(self, folder: Path, nursery: Nursery, gateway: PracticeGateway) -> None:
        self.folder, self.gateway = folder, gateway
        self.database = folder / "p.db"
        self._nursery = nursery
        self._ticks = 0
        self._offered, self._offered_at = (5, PRICE, False), float("inf")
        self.orders: dict[int, dict[str, Any]] = {}  # the truth, by permId, midnight or not
        self.executions: dict[str, dict[str, Any]] = {}  # likewise, by execId
        self.look()
        self.before = set(self.orders)  # permIds
        self.before_executions = set(self.executions)

    # -- engines -----------------------------------------------------------------------------

    async def start(self, point: Mapping[str, Any] | None = None) -> Life:
        """Start an engine that dies at a point."""
        settings = {
            "run.mode": "paper",
            "run.strategy": "script",
            "script.file": str(self.folder / "signals.csv"),
            "script.execution_slot": "15min_after_open",
            "storage.path": str(self.database),
            "ibkr.port": str(self.gateway.port),
            "ibkr.account": self.gateway.account,
            "ibkr.practice_speed": str(SPEED),
        }
        return await self._nursery.bear(
            {
                "folder": str(self.folder),
                "env": home(self.folder),
                "settings": list(settings.items()),
                "point": point,
            }
        )

    def ask(self, kind: RequestKind, **args: str) -> None:
        """Ask as a command line does."""
        request = Request(
            request_id=RequestId(f"req_{time.monotonic_ns():026d}"),
            kind=kind,
            actor="test",
            reason="because",
            args=args,
            asked_at=datetime.now(UTC),  # noqa: TID251  the machine's, as a command line's is
        )
        controls.ask(self.database, request)

    async def until(
        self, holds: Callable[[], object], life: Life, within_s: float = PATIENCE_S
    ) -> bool:
        """Look until something holds; False if the engine ended before."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    if life.is_over:
                        return bool(holds())
                    self.look()
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise AssertionError(f"not so within {within_s:g} s: {self.told()}") from None
        return True

    async def stop(self, life: Life) -> dict[str, Any]:
        """Stop an engine cleanly."""
        self.ask(RequestKind.STOP)
        return await life.end()

    # -- what each side says -----------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the database."""
        return rows(self.database, sql, *values)

    def look(self) -> None:
        """Note what the broker knows now: midnight will take it away."""
        if asyncio.get_running_loop().time() - self._offered_at > _TICK_S:
            size, price, halted = self._offered
            self.offer(size, price=price, halted=halted)
        state: Any = self.gateway.state()
        for one in state["orders"]:
            self.orders[one["perm_id"]] = one
        for one in state["executions"]:
            self.executions[one["execution"]["exec_id"]] = one

    def offer(self, size: int = 5, *, price: Decimal = PRICE, halted: bool = False) -> None:
        """Hold the market at a price, with some shares on either side, or halt it."""
        self._offered = (size, price, halted)
        self._ticks += 1
        wide = D("0.01") + D("0.01") * (self._ticks % 2)  # a quote that never moves grows old
        self._offered_at = asyncio.get_running_loop().time()
        self.gateway.set_market(
            SYMBOL,
            {
                "bid": price - wide,
                "ask": price + wide,
                "last": price,
                "bid_size": size,
                "ask_size": size,
                "halted": halted,
            },
        )

    async def compare(self, life: Life) -> None:
        """Ask for a comparison with the account, and wait until it is clean."""
        newest = "SELECT verdict, seq FROM v_reconciliations ORDER BY seq DESC LIMIT 1"
        before = self.rows("SELECT coalesce(max(seq), 0) AS seq FROM events")[0]["seq"]
        self.ask(RequestKind.RECONCILE)

        def agrees() -> bool:
            found = self.rows(newest)
            return bool(found) and found[0]["verdict"] == "CLEAN" and found[0]["seq"] > before

        assert await self.until(agrees, life), self.told()

    @property
    def is_charged(self) -> bool:
        """Say whether every fill has its commission."""
        return not self.rows("SELECT 1 FROM v_fills WHERE commission IS NULL")

    @property
    def cash(self) -> Decimal:
        """The account's cash at the gateway."""
        values = self.gateway.venue.account_values()
        return next(D(one.value) for one in values if one.key == "TotalCashValue")

    async def listening(self) -> None:
        """Wait until the gateway takes clients again."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.gateway.is_listening:  # noqa: ASYNC110  it has no event
                await asyncio.sleep(_LOOK_S)

    def placed(self) -> Iterator[str]:
        """Yield the reference of each order that a client put on the wire."""
        for line in (self.folder / "frames.jsonl").read_text().splitlines():
            if '"placeOrder"' in line:
                yield json.loads(line)["values"]["orderRef"]

    def advance(self, until: datetime) -> None:
        """Let the market's time pass at once."""
        now = self.gateway.venue.now()
        evening = (now + timedelta(days=1)).replace(hour=4, minute=0)  # 23:00 in New York
        for at in (now + _MOMENT, evening, until):
            if (
                now < at <= until
            ):  # looked at on the way: what is under way arrives, and midnight forgets
                self.gateway.advance((at - self.gateway.venue.now()).total_seconds())
                self.look()

    def told(self) -> str:
        """Both sides, for a failure."""
        orders = self.rows("SELECT order_ref, status, filled, text, sent_at FROM v_orders")
        alerts = self.rows("SELECT kind, subject, text FROM v_alerts")
        sessions = self.rows("SELECT session_id, state FROM v_sessions ORDER BY created_seq")
        path = self.folder / "stderr"
        error = path.read_text()[-1500:] if path.exists() else ""
        mine = [(o["status"], o["request"]["order_ref"]) for o in self.orders.values()]
        events = self.rows("SELECT known_at, kind, subject FROM events ORDER BY seq DESC LIMIT 12")
        told = [f"{e['known_at'][11:22]} {e['kind']} {e['subject'] or ''}" for e in events[::-1]]
        now = self.gateway.venue.now()
        return f"{now}\n{told}\n{orders}\n{alerts}\n{sessions}\nbroker: {mine}\n{error}"


@asynccontextmanager
async def stage(folder: Path, nursery: Nursery, at: datetime, *script: str) -> AsyncIterator[Stage]:
    """A stage with a market that stands still, from an instant on."""
    (folder / "signals.csv").write_text("\n".join((HEADER, *script)) + "\n")
    async with PracticeGateway(speed=SPEED, venue=_venue(at)) as gateway:
        made = Stage(folder, nursery, gateway)
        made.offer()
        try:
            yield made
        finally:
            await nursery.empty()


@asynccontextmanager
async def prepared(
    folder: Path, nursery: Nursery, template: "Template", at: datetime
) -> AsyncIterator[Stage]:
    """A stage that goes on with a template's book and account."""
    shutil.copytree(template.folder, folder, dirs_exist_ok=True)
    venue = _venue(template.now)
    venue.restore(template.state)
    venue.advance_to(at)
    with Record(folder / "frames.jsonl") as record:
        async with PracticeGateway(speed=SPEED, venue=venue, record=record) as gateway:
            made = Stage(folder, nursery, gateway)
            made.offer()
            try:
                yield made
            finally:
                await nursery.empty()


@dataclass(frozen=True, slots=True)
class Template:
    """A book that holds something already, and the account at the broker."""

    folder: Path
    state: Mapping[str, object]
    now: datetime


async def template(folder: Path, nursery: Nursery, *script: str) -> Template:
    """Let a session buy a day before, and end it cleanly."""
    for minutes in (1, 4, 16):  # before the slot; a slow machine starts slowly
        home_of_it = folder / str(minutes)
        home_of_it.mkdir()
        early = SLOT_OF_THURSDAY - timedelta(minutes=minutes)
        async with stage(home_of_it, nursery, early, *script) as made:
            life = await made.start()
            if not await _is_in_time(made, life):
                continue
            await made.until(lambda: made.rows(_FILLED) and made.is_charged, life)
            await made.compare(life)
            assert (await made.stop(life))["ended"] == 0, made.told()
            return Template(home_of_it, made.gateway.state(), made.gateway.venue.now())
    raise AssertionError("no engine starts within a quarter of an hour of the market")


async def _is_in_time(made: Stage, life: Life) -> bool:
    """Say whether the engine ran before the slot of a fresh book, which is not made up."""
    await made.until(lambda: made.rows("SELECT 1 FROM v_sessions WHERE state = 'RUNNING'"), life)
    running = made.rows("SELECT at FROM events WHERE kind = 'SessionStateChanged' ORDER BY seq")
    return str(running[-1]["at"]) < (SLOT_OF_THURSDAY - timedelta(seconds=2)).isoformat()


def _venue(at: datetime) -> PracticeVenue:
    return PracticeVenue(seed=7, start=at, calendar=_CALENDAR, tick_s=1, bars={SYMBOL: _bars()})


def _bars() -> list[Bar]:
    return [
        Bar(
            instrument=stock_id(SYMBOL), session_date=day, open=PRICE, high=PRICE, low=PRICE,
            close=PRICE, volume=D(10_000_000),
        )
        for day in _CALENDAR.sessions(_FIRST_DAY, _LAST_DAY)
    ]  # fmt: skip
