"""Settings → concrete adapters: the one place that names every part.

`run_engine` is the life of one engine from lock to last write. `EngineThread` runs it on a
thread and a loop of its own; whoever started it only watches, and asks by the request file.
"""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.brokers.simulated import SimulatedBroker
from engine.core.state import State, cost_of, is_at_stake, left_open, shares_of
from engine.domain.command import RunJob
from engine.domain.event import SessionCreated
from engine.domain.ids import InstrumentId
from engine.domain.input import JobDue, JobFinished, Requested, Started
from engine.domain.request import Request
from engine.domain.session import Mode, SessionContext, SessionState
from engine.domain.times import utc_text
from engine.errors import EngineError
from engine.exchange.book import SimulatedExchange
from engine.execution.router import Router
from engine.market.replay import RecordedInputs
from engine.ports import Clock, Entry, MarketHistory, Unit
from engine.research.backtest import result
from engine.runtime import memory
from engine.runtime.clock import PracticeClock, SystemClock
from engine.runtime.heartbeat import Pulse
from engine.runtime.ids import SystemIds
from engine.runtime.inbox import Inbox
from engine.runtime.keep import Kept, Work
from engine.runtime.live import LiveSource
from engine.runtime.lock import Holder, InstanceLock
from engine.runtime.loop import Loop
from engine.runtime.pace import Pacer
from engine.runtime.rounds import Rounds
from engine.runtime.start import fold, recover, restore_exchange, warm_up, withheld
from engine.runtime.wall import WallPacer, WallSource
from engine.schedule.slots import BACKUP_AGE_MAX, slot_at
from engine.settings.model import Settings
from engine.settings.places import state_folder
from storage import backup, controls, start
from storage.emergency import EmergencyFile
from storage.journal import SqliteJournal
from storage.room import troubles
from storage.store import SqliteSessionStore
from tui import connecting, making, recovery
from tui import plan as plans
from tui.signals import steered

if TYPE_CHECKING:
    from engine.brokers.ibkr.terms import Timings
    from engine.runtime.ibkr import IbkrSession

_FEW_EVENTS = 100  # a database that has hardly been used needs no copy yet

_FINDINGS = 7
_COLLECT = (20_000, 20, 50)
"""When the collector looks in a recorded run: almost nothing here goes in circles, and what a run
remembers of its bars it would otherwise walk time and again, for a tenth of the run."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: exit code of the process, session, and the result of a recorded run."""

    exit_code: int
    session_id: str
    result: dict[str, Any] | None
    left_open: tuple[str, ...] = ()  # what a person has to look at


@dataclass(slots=True)
class Reached:
    """The engine's loop, for what must reach it when nothing can be written."""

    asyncio_loop: asyncio.AbstractEventLoop
    loop: Loop


@dataclass(slots=True)
class Watched:
    """What an engine shows to whoever started it; written by the engine's thread only."""

    session_id: str | None = None
    done: int = 0
    total: int = 0
    result: dict[str, Any] | None = None
    end: SessionState | None = None
    left_open: tuple[str, ...] = ()  # what a person has to look at
    early: list[Callable[[Loop], None]] = field(default_factory=list)  # said before it could hear
    ready: threading.Event = field(default_factory=threading.Event)
    reached: Reached | None = None
    has_screen: bool = False  # said before the start: somebody looks, and can leave
    waits_for: str = ""  # why the broker is not reached yet


Trade = Callable[
    [Settings, plans.Plan, SessionContext, SqliteJournal, Clock, Watched, EmergencyFile],
    Awaitable[None],
]


async def run_engine(
    settings: Settings,
    watched: Watched,
    *,
    clock: Clock | None = None,
    timings: "Timings | None" = None,
    trade: "Trade | None" = None,
) -> None:
    """Run one session from the instance lock to its end. Raises EngineError if it cannot.

    Tests give a clock that they move and short `timings` of the broker; `trade` is what the
    session does, if it is not to trade.
    """
    clock = clock or await _clock(settings)
    database = Path(settings.storage.path)
    with InstanceLock(database) as lock, ExitStack() as held:
        locks = [lock]
        if plans.at_broker(settings):
            if not settings.run.dry_run:  # which cannot send
                account = InstanceLock(state_folder() / f"account-{settings.ibkr.account}")
                locks.append(held.enter_context(account))
            plan = plans.prepare_at_broker(settings, clock.wall())
        else:  # bad data is refused before a row is written
            plan = plans.prepare(settings, clock.wall())
        lost = start.prepare(database)
        journal = await SqliteJournal.open(database, wall=clock.wall, tail_lost=lost)
        async with journal:
            emergency = held.enter_context(closing(EmergencyFile(database)))
            context = await _open_session(settings, plan, journal, clock, emergency)
            watched.session_id = context.session_id
            since = utc_text(context.started_at)
            for one in locks:
                one.note(Holder(context.pid, context.session_id, context.host, since))
            if trade is None:
                at_broker = plans.at_broker(settings)
                trade = partial(_trade_at_broker, timings=timings) if at_broker else _trade
            await trade(settings, plan, context, journal, clock, watched, emergency)
            await journal.truncate_log()


async def _open_session(
    settings: Settings,
    plan: plans.Plan,
    journal: SqliteJournal,
    clock: Clock,
    emergency: EmergencyFile,
) -> SessionContext:
    """End the sessions whose process died, write ours; nothing is written before it."""
    now = clock.wall()
    store = SqliteSessionStore(journal.path)
    for dead in store.interrupted():
        journal.end_interrupted(dead, now, "engine")
    await journal.commit()
    mode = settings.run.mode.value
    wall = plans.on_wall_clock(settings)
    older = store.on_wall_clock(mode) if wall else store.uncontinued()
    newest = store.left_behind(mode, dry_run=settings.run.dry_run)
    context = making.context(settings, plan, older, now, SystemIds().bits(32))
    entries = [Entry(SessionCreated(context=context), -1)]
    if context.parent_session_id is None:
        inherited = making.inherited_state(settings, newest, journal.tail_lost)
        if inherited is not None:
            entries.append(Entry(inherited, 0))
    elif journal.tail_lost:
        entries.append(Entry(making.halted(journal.tail_lost), 0))
    noted = recovery.imported(emergency, store, context.book)
    entries += [Entry(event, 0) for event in noted]
    journal.put(Unit(now, now, entries, durable=True))
    await journal.commit()
    if noted:
        emergency.clear()
    return context


async def _trade(
    settings: Settings,
    plan: plans.Plan,
    context: SessionContext,
    journal: SqliteJournal,
    clock: Clock,
    watched: Watched,
    emergency: EmergencyFile,
) -> None:
    state = making.beginning(settings, plan, context)
    feed = plan.feed
    assert feed is not None, "only a broker's session has no feed yet"
    if isinstance(feed, WallSource):
        feed.seen = _last_seen(journal, context)
    cursor = recover(state, journal, feed)
    feed.seek(cursor)
    inbox = Inbox()
    exchange = SimulatedExchange(
        plan.costs, settings.sim.seed, plan.history.instruments, context.book, settings.run.capital
    )
    restore_exchange(exchange, state, feed, cursor, clock.wall())
    broker = SimulatedBroker(exchange, inbox.put, lambda: loop.now())
    pacer = Pacer(context.pace, clock.monotonic) if context.recorded_clock else WallPacer(clock)
    watched.total = len(feed)
    inputs, requests = iter(feed), controls.SqliteRequestBox(journal.path)
    loop = Loop(
        state=state,
        inbox=inbox,
        journal=journal,
        router=Router(broker, inbox.put, lambda: loop.now()),
        requests=requests,
        feed=inputs,
        position=cursor,
        ahead=inputs if isinstance(inputs, RecordedInputs) else None,
        exchange_within=True,
        market=broker.on_market,
        pacer=pacer,
        clock=clock,
        pulse=Pulse(
            clock,
            len(feed),
            lambda at: plans.next_slot(plan, at),
            partial(troubles, journal.path),
            lambda: broker.answered_at,
            hours=lambda at: plans.hours(plan, at),
        ),
        jobs=Jobs(settings, journal, inbox, lambda: loop.now()),
        watch=lambda done: setattr(watched, "done", done),
        emergency=emergency,
    )
    inbox.put(Started(loop.now()))
    broker.resume(withheld(state))
    _back_up_if_old(settings, context, journal, inbox, clock.wall())
    with requests:
        wall_s = await _run(loop, watched, clock)
    if context.recorded_clock:
        watched.result = result(
            state,
            plan.history,
            plan.sessions,
            plan.before,
            wall_s,
            plan.warnings,
        )


def calm_collector(is_recorded: bool = False) -> None:
    """Let the collector look seldom; the history is there to stay, it need not walk that at all."""
    gc.freeze()
    gc.set_threshold(*(_COLLECT if is_recorded else memory.IN_A_LIVE_SESSION))


async def _run(loop: Loop, watched: Watched, clock: Clock) -> float:
    """Run the loop to the end of its session, say how it ended; return how long it took."""
    calm_collector(loop.state.context.recorded_clock)
    watched.reached = Reached(asyncio.get_running_loop(), loop)
    for say in watched.early:
        say(loop)
    watched.ready.set()
    began = clock.monotonic()
    watched.end = await loop.run()
    took = clock.monotonic() - began
    watched.left_open = left_open(loop.state)
    return took


def _last_seen(journal: SqliteJournal, context: SessionContext) -> datetime | None:
    """Return when the book last ran; None for one that begins."""
    fresh = context.parent_session_id is None
    return None if fresh else making.last_running(journal, context.book)


async def _clock(settings: Settings) -> SystemClock:
    """Return the clock on the wall, or that of a practice gateway which runs faster."""
    speed, ibkr = settings.ibkr.practice_speed, settings.ibkr
    if not plans.at_broker(settings) or speed == 1 or ibkr.port is None:
        return SystemClock()
    from engine.brokers.ibkr.probe import gateway_time

    return PracticeClock(await gateway_time(ibkr.host, ibkr.port), float(speed))


async def _trade_at_broker(
    settings: Settings,
    plan: plans.Plan,
    context: SessionContext,
    journal: SqliteJournal,
    clock: Clock,
    watched: Watched,
    emergency: EmergencyFile,
    *,
    timings: "Timings | None" = None,
) -> None:
    """Connect, recover, warm up from the broker's own history, then trade until stopped."""
    state = making.beginning(settings, plan, context)
    fold(state, journal)
    inbox = Inbox()
    session = _broker_session(state, settings, plan, inbox, clock, timings)
    instruments, requests = list(state.instruments), controls.SqliteRequestBox(journal.path)
    try:
        await connecting.connect(session, instruments, requests, watched)
        history = await _history(settings, plan, session, instruments)
    except (EngineError, connecting.Stopped) as why:
        watched.left_open = left_open(state)
        await session.stop()
        with requests:
            await connecting.write_end(journal, requests, clock.wall(), watched, why)
        return
    state.instruments.update(history.instruments)
    session.market.watch(instruments)
    session.market.set_rank(lambda instrument: int(not is_at_stake(state, instrument)))
    feed = _live_feed(plan, session, history, clock)
    feed.seen = _last_seen(journal, context)
    warm_up(state, feed)
    rounds = _rounds(state, plan, session, clock)
    router = Router(session.broker, inbox.put, lambda: loop.now(), requests.changed)
    session.set_last_look(router.last_look)
    loop = Loop(
        state=state,
        inbox=inbox,
        journal=journal,
        router=router,
        requests=requests,
        feed=iter(feed),
        position=0,
        market=lambda given: None,
        pacer=WallPacer(clock),
        clock=clock,
        pulse=Pulse(
            SystemClock(),
            0,
            lambda at: plans.next_slot(plan, at),
            partial(troubles, journal.path),
            lambda: session.broker.answered_at,
            lambda: session.reach,
            lambda at: plans.hours(plan, at),
        ),
        jobs=Jobs(settings, journal, inbox, lambda: loop.now()),
        emergency=emergency,
        machine_time=SystemClock().wall,
    )
    inbox.put(Started(loop.now()))
    _back_up_if_old(settings, context, journal, inbox, clock.wall())
    try:
        small = partial(memory.keep_small, journal.shrink)
        work: Mapping[str, Work] = {"final bars": feed.run, "rounds": rounds.run, "memory": small}
        async with _beside(inbox, clock, work):
            await _run(loop, watched, clock)
    finally:
        requests.close()
        await session.stop()


def _live_feed(
    plan: plans.Plan, session: "IbkrSession", history: MarketHistory, clock: Clock
) -> LiveSource:
    return LiveSource(
        session.market,
        history,
        plan.calendar,
        clock,
        slots=list(plans.slots_of(plan.strategies).values()),
        slot_at=slot_at,
        jobs=plans.WALL_JOBS,
    )


async def _history(
    settings: Settings,
    plan: plans.Plan,
    session: "IbkrSession",
    instruments: Sequence[InstrumentId],
) -> MarketHistory:
    return await session.market.history(instruments, plan.calendar, bands=plans.bands(settings))


def _broker_session(
    state: State,
    settings: Settings,
    plan: plans.Plan,
    inbox: Inbox,
    clock: Clock,
    timings: "Timings | None",
) -> "IbkrSession":
    from engine.runtime.ibkr import IbkrSession  # late: a tenth of every other start

    session = IbkrSession(settings, inbox.put, clock, timings=timings, calendar=plan.calendar)
    session.restore(state.orders.values(), state.fills.values())
    session.set_ledger(partial(shares_of, state), partial(cost_of, state))
    return session


def _rounds(state: State, plan: plans.Plan, session: "IbkrSession", clock: Clock) -> Rounds:
    def is_open(at: datetime) -> bool:
        return plan.calendar.session_of(at) is not None

    broker = session.broker
    return Rounds(
        state, clock, is_open=is_open, ask=broker.read_account, is_asked=lambda: broker.is_reading
    )


@asynccontextmanager
async def _beside(inbox: Inbox, clock: Clock, work: Mapping[str, Work]) -> AsyncIterator[None]:
    """Run work while the block does; what dies is started again, and says so."""
    keep = Kept(inbox.put, clock)
    tasks = [asyncio.create_task(keep(name, one), name=name) for name, one in work.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def _back_up_if_old(
    settings: Settings,
    context: SessionContext,
    journal: SqliteJournal,
    inbox: Inbox,
    now: datetime,
) -> None:
    """A night without an engine is made up at the next start; a backtest needs no copies."""
    if context.mode is Mode.BACKTEST or journal.next_seq < _FEW_EVENTS:
        return
    made = backup.backups(backup.backups_of(journal.path, settings.storage.backups), journal.path)
    if not made or now - max(copy.at for copy in made) > BACKUP_AGE_MAX:
        day = date.fromordinal(now.toordinal())
        inbox.put(JobDue(context.started_at, now, "backup", day))


class Jobs:
    """Work outside the core: the nightly backup."""

    def __init__(
        self,
        settings: Settings,
        journal: SqliteJournal,
        inbox: Inbox,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._inbox = inbox
        self._now = now
        self._running: set[asyncio.Task[None]] = set()

    def start(self, job: RunJob) -> None:
        """Begin the job; its end comes back as JobFinished."""
        task = asyncio.create_task(self._run(job), name=f"job {job.job}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, job: RunJob) -> None:
        folder = backup.backups_of(self._journal.path, self._settings.storage.backups)
        try:
            made = await _in_its_thread(lambda: self._back_up(folder))
            ok, detail = True, made
        except Exception as error:  # noqa: BLE001  a job that fails says so, whatever it was
            ok, detail = False, str(error) or type(error).__name__
        self._inbox.put(JobFinished(self._now(), job.job, job.session_date, ok, detail))

    def _back_up(self, folder: Path) -> str:
        made = backup.make_backup(self._journal.path, folder, SystemClock().wall())
        backup.prune(folder, self._settings.storage.keep, self._journal.path)
        return str(made.path)


async def _in_its_thread(work: Callable[[], str]) -> str:
    """Do work in a thread that ends with it; those of the loop's own pool stay for ever."""
    pool = ThreadPoolExecutor(1, "job")
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    finally:
        pool.shutdown(wait=False)


class EngineThread:
    """An engine on its own thread and loop. Only ever watched from outside."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Path(settings.storage.path)
        self.error: BaseException | None = None
        self.watched = Watched()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=False)

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end; say whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def halt(self, why: str) -> None:
        """HALT without a file: for a signal, when nothing can be written."""
        reached = self.watched.reached
        if reached is not None:
            reached.loop.bar(why)  # of this instant, whatever the engine's loop is doing
        self._tell(lambda loop: loop.fault("halt", why, halt=True))

    def request(self, request: Request) -> None:
        """Hand over a request that the request file could not take."""
        self._tell(lambda loop: loop.inbox.put(Requested(loop.now(), request)))

    def nudge(self) -> None:
        """Let it look at the request file now."""
        reached = self.watched.reached
        if reached is not None and self.alive:
            with suppress(RuntimeError):  # it has just ended
                reached.asyncio_loop.call_soon_threadsafe(reached.loop.inbox.wake)

    def _tell(self, say: Callable[[Loop], None]) -> None:
        self.watched.early.append(say)  # twice is once: halts and requests repeat harmlessly
        reached = self.watched.reached
        if reached is not None and self.alive:
            reached.asyncio_loop.call_soon_threadsafe(say, reached.loop)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    @property
    def session_id(self) -> str | None:
        """The session, once there is one."""
        return self.watched.session_id

    @property
    def db_path(self) -> Path:
        """The database it writes."""
        return self.database

    @property
    def exit_code(self) -> int | None:
        """The exit code of its end, None while it runs."""
        if self.alive:
            return None
        if isinstance(self.error, EngineError):
            return self.error.exit_code
        if self.error is not None:
            return 1
        if self.watched.end is SessionState.FAILED:
            return 1
        return _FINDINGS if self.watched.left_open else 0

    def _run(self) -> None:
        try:
            asyncio.run(run_engine(self.settings, self.watched))
        except BaseException as error:  # noqa: BLE001  whoever started the thread reports it
            self.error = error
        finally:
            self.watched.ready.set()


def run_session(
    settings: Settings,
    *,
    progress: Progress | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> RunOutcome:
    """Run a session to its end and return how it ended; raises what stopped the engine."""
    engine = EngineThread(settings)
    engine.start()
    with steered(engine):
        engine.watched.ready.wait()
        if on_ready is not None and engine.session_id is not None:
            on_ready(engine.session_id)
        while not engine.wait(0.1):
            if progress is not None:
                progress(engine.watched.done, engine.watched.total, "inputs")
    if engine.error is not None:
        raise engine.error
    watched = engine.watched
    return RunOutcome(
        engine.exit_code or 0, engine.session_id or "", watched.result, watched.left_open
    )
