"""Run one seed: lives that end in kills, then one that goes on to the end, watched all along."""

import asyncio
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.brokers.simulated import SimulatedBroker
from engine.core.decide import decide
from engine.core.evolve import evolve
from engine.domain.command import RunJob
from engine.domain.event import Event, SessionCreated
from engine.domain.ids import InstrumentId
from engine.domain.input import BarsClosed, Input, QuotesSeen, Started
from engine.domain.money import ZERO
from engine.domain.reconciliation import BrokerAccount
from engine.domain.request import WAITS_FOR_AN_ENGINE
from engine.domain.session import SESSION_ENDS, SessionState
from engine.domain.unit import Entry, Unit
from engine.exchange.book import SimulatedExchange
from engine.execution.router import Router
from engine.ports import Broker, Journal
from engine.runtime.heartbeat import Pulse
from engine.runtime.loop import Loop
from engine.runtime.pace import Pacer
from engine.runtime.rounds import Rounds
from engine.runtime.start import recover, restore_exchange
from tests.simulation import setup as made
from tests.simulation.auditor import Auditor
from tests.simulation.broker import Door, FarBroker
from tests.simulation.canonical import difference, ledger, whole
from tests.simulation.fault import (
    FragileJournal,
    Killed,
    Killer,
    SimInbox,
    VirtualClock,
    fragile,
    kill_points,
)
from tests.simulation.gateway import GatewayBroker
from tests.simulation.request import MemoryBox, Person
from tests.simulation.setup import Setup
from tests.simulation.store import DiskStore, MemoryStore, Store

_IDLE_MAX = 400  # turns in which nothing can happen any more
_UNSTICK_EVERY = 40
_LOOKS = 2  # looks at the purity of a decision in a life: they are dear
_TURNS_MAX = 100_000


@dataclass(slots=True)
class Outcome:
    """How a run ended."""

    end: SessionState = SessionState.CREATED
    decisions_hash: str = ""
    fills_hash: str = ""
    lives: int = 0
    looks: int = 0  # moments at which a request could have come
    seen: Counter[str] = field(default_factory=Counter)  # where it could have died
    kinds: set[str] = field(default_factory=set)  # of events
    orders: int = 0
    fills: int = 0
    result: dict[str, object] = field(default_factory=dict)  # rows and counts


class NoJobs:
    """No work outside the core."""

    def start(self, job: RunJob) -> None:
        """Recorded runs have no backup."""
        raise AssertionError(f"nobody asked for {job.job}")


class World:
    """What outlives the engine, and the engine's lives in it."""

    def __init__(self, of: Setup, kills: list[tuple[str, int]], store: Store, looks: int) -> None:
        self.of = of
        self.rng = random.Random(f"world {of.seed}")
        self.clock = VirtualClock(of.step_s)
        self.store = store
        self.person = Person(self.rng, of.requests, looks, of.changes)
        self.feed = made.feed(of)
        self.sent: Counter[str] = Counter()
        self.outcome = Outcome()
        self.context = made.context(of, 0, None)
        self.far = self._far() if of.far else None
        self._kills = list(kills)

    def _far(self) -> FarBroker | GatewayBroker:
        if not self.of.gateway:
            return FarBroker(self._exchange(), self.rng)
        twins = random.Random(f"twins {self.of.seed}") if self.of.twins else None
        return GatewayBroker(self._exchange(), self.rng, twins)

    @property
    def busted(self) -> set[InstrumentId]:
        """Instruments of which the broker took bought shares back."""
        return self.far.busted if isinstance(self.far, GatewayBroker) else set()

    def _exchange(self) -> SimulatedExchange:
        instruments = self.of.market.history.instruments
        cash = made.shares(self.of) * len(self.of.names)
        return SimulatedExchange(self.of.costs, self.of.seed, instruments, self.context.book, cash)

    async def run(self) -> Outcome:
        """Live until a life ends by itself, then let all come to rest and compare."""
        while not await self._live():
            await self.store.kill()
        if self.far is not None:
            self.far.calm = True  # what was late, or broke with the last process, arrives now
            self.person.is_silent = True
            self._kills = []
            await self._live()
        await self.store.close()
        self.store.check()
        return self.outcome

    async def _live(self) -> bool:
        """Live once; False if the process was killed."""
        self.outcome.lives += 1
        killer = Killer(*(self._kills.pop(0) if self._kills else ("", 0)))
        journal = await self.store.open()
        await self._begin_session(journal)
        life = Life(self, journal, killer)
        try:
            end = await life.loop.run()
        except Killed:
            life.compare_fold()
            return False
        self.outcome.end, self.outcome.seen = end, killer.seen
        life.compare_all()
        return True

    async def _begin_session(self, journal: Journal) -> None:
        """Bury the dead, write our session: what happens before an engine is made."""
        now = self.clock.wall()
        if self.outcome.lives > 1:
            auditor = Auditor(self.of.share_instruments, self.busted)
            auditor.take_all(list(journal.replay(self.context.book)))
            assert auditor.session is not None
            if auditor.session not in SESSION_ENDS:
                await self.store.bury(self.context, auditor.session, now)
            self.context = made.context(self.of, self.outcome.lives - 1, self.context)
        created = Entry(SessionCreated(context=self.context), -1)
        journal.put(Unit(now, now, (created,), durable=True))
        await journal.commit()


class Life:
    """One engine from its start to its end or its kill."""

    def __init__(self, world: World, stored: Journal, killer: Killer) -> None:
        of = world.of
        self._world = world
        self._stored = stored
        self._looks = _LOOKS
        self._idle = 0
        self._stands: tuple[object, ...] = ()
        self._turns = 0
        self.auditor = Auditor(of.share_instruments, world.busted)
        self._events: list[tuple[Event, Unit, int]] = []
        journal = FragileJournal(stored, killer, self._on_put)
        state = self.state = made.state(of, world.context)
        self.auditor.take_all(list(journal.replay(world.context.book)))
        lost = world.person.promised() - self.auditor.requests
        assert not lost, f"answered, but not in the journal: {lost}"
        cursor = recover(state, journal, world.feed)
        world.feed.seek(cursor)
        inbox = SimInbox(world.clock, self._on_turn, self._on_idle)
        box = MemoryBox(world.person.asked, self._on_look)
        near: SimulatedBroker | None = None
        broker: Broker
        if world.far is None:
            self.exchange = world._exchange()
            restore_exchange(self.exchange, state, world.feed, cursor, world.clock.wall())
            broker = near = SimulatedBroker(self.exchange, inbox.put, lambda: self.loop.now())
            if of.within:  # what was sent and was not on file has died with its exchange
                world.sent = Counter(r.order.order_ref for r in state.orders.values() if r.sent)
        else:
            self.exchange = world.far.exchange
            world.far.connect(inbox.put, lambda: self.loop.now())
            broker = world.far
        door = self._door = Door(broker, killer, box, world.sent, state, self._is_on_file)
        self._rounds = Rounds(
            state, world.clock, is_open=lambda at: True, ask=door.read_account,
            is_asked=lambda: getattr(broker, "is_reading", False),
        )  # fmt: skip
        inputs = iter(world.feed)
        pacer = self._pacer = Pacer(of.pace, world.clock.monotonic)
        self.loop = Loop(
            state=state,
            inbox=inbox,
            journal=journal,
            router=Router(door, inbox.put, lambda: self.loop.now()),
            requests=box,
            feed=fragile(inputs, killer),
            position=cursor,
            ahead=inputs,
            exchange_within=of.within,
            market=self._far_market if near is None else near.on_market,
            pacer=pacer,
            clock=world.clock,
            pulse=Pulse(world.clock, len(world.feed)),
            jobs=NoJobs(),
        )
        inbox.put(Started(self.loop.now()))
        if near is not None:
            near.resume()
        elif world.far is not None:
            world.far.resume(state)

    # -- watching ----------------------------------------------------------------------------

    def _is_on_file(self) -> bool:
        """Say whether all is written, or may be late: at an exchange that dies with us."""
        return not self._stored.waiting or (self._world.of.within and self._pacer.unlimited)

    def _on_put(self, seq: int, unit: Unit) -> None:
        self._events += [(entry.event, unit, seq + n) for n, entry in enumerate(unit.entries)]
        self.auditor.take_unit(seq, unit)

    def _on_turn(self, given: Input | None) -> None:
        """Between two inputs: late reports, and now and then a closer look."""
        self._turns += 1
        assert self._turns < _TURNS_MAX, "the engine turns in circles"
        world = self._world
        self._on_look()
        if world.far is not None:
            world.far.turn()
            self._make_rounds()
        if given is not None and self._looks and world.rng.random() < 0.02:
            self._looks -= 1
            self._look_for_purity(given)

    def _make_rounds(self) -> None:
        """Read the account when it is time, as beside a feed that is real."""
        if isinstance(self._world.far, GatewayBroker) and self._turns % 5 == 0:
            trigger = self._rounds.due(self.loop.now())
            if trigger:
                self._door.read_account(trigger)

    def _on_look(self) -> None:
        world = self._world
        world.outcome.looks += 1
        world.person.turn(self.state, world.clock.wall())

    def _on_idle(self) -> None:
        """Nothing came while the loop waited."""
        state = self.state
        stands = (self.loop.position, state.session_state, len(state.working))
        self._idle = self._idle + 1 if stands == self._stands else 0
        self._stands = stands
        if self._idle % _UNSTICK_EVERY == _UNSTICK_EVERY // 2:
            self._world.person.unstick(state, self._world.clock.wall())
        works = [(r.order.order_ref, r.status.value) for r in state.working.values()]
        assert self._idle < _IDLE_MAX, f"stuck in {state.session_state}, working {works}"

    def _look_for_purity(self, given: Input) -> None:
        """Deciding changes nothing, and deciding again decides the same."""
        before = whole(self.state)
        first, second = decide(self.state, given), decide(self.state, given)
        assert difference(before, whole(self.state)) == "", "decide changed the state"
        assert first == second, "decided twice, decided otherwise"

    def _far_market(self, given: QuotesSeen | BarsClosed) -> None:
        far = self._world.far
        assert far is not None
        far.on_market(given, self.loop.position)

    # -- comparing ---------------------------------------------------------------------------

    def compare_fold(self) -> None:
        """The events put so far, folded, are the state (I8)."""
        world = self._world
        folded = made.state(world.of, world.context)
        first = self._events[0][2] if self._events else None
        for one in self._stored.replay(world.context.book):
            if first is None or one.seq < first:
                evolve(folded, one.event, one.seq, one.at)
        for event, unit, seq in self._events:
            evolve(folded, event, seq, unit.at)
        wrong = difference(ledger(folded, self.state), ledger(self.state, self.state))
        assert wrong == "", f"the journal's fold is another state (I8): {wrong}"

    def compare_all(self) -> None:
        """At rest: journal, state, recovery and exchange agree."""
        world, state = self._world, self.state
        self.compare_fold()
        again = made.state(world.of, world.context)
        assert recover(again, self._stored, world.feed) == self.loop.position
        wrong = difference(whole(again), whole(state))
        assert wrong == "", f"recovered, it is another state: {wrong}"
        unread = [r for r in world.person.asked.rows if r.request_id in self.auditor.requests]
        if world.of.dry_run:  # what waits for a real engine is left to it
            unread = [r for r in unread if r.kind not in WAITS_FOR_AN_ENGINE]
        silent = [r.kind for r in unread if r.request_id not in world.person.asked.answers]
        assert not silent, f"requests without an answer: {silent}"
        outcome = world.outcome
        outcome.decisions_hash = state.decisions_digest.hexdigest()
        outcome.fills_hash = state.fills_digest.hexdigest()
        outcome.kinds |= self.auditor.kinds
        outcome.orders, outcome.fills = len(state.orders), len(state.fills)
        outcome.result = {
            "counts": dict(state.counts),
            "results": dict(state.results),
            "latches": list(state.latches_fired),
            "trading": state.trading_state,
            **{f"rows of {name}": list(book.snapshots) for name, book in state.books.items()},
        }
        if world.far is None or world.far.calm:
            self._compare_account()

    def _compare_account(self) -> None:
        """I3, I14: our shares and cash are the exchange's; I4: each execution is booked once."""
        far = self._world.far
        account: BrokerAccount = self.exchange.account() if far is None else far.account()
        ours: dict[str, object] = {}
        for (_, instrument), quantity in self.auditor.shares.items():
            ours[instrument] = ours.get(instrument, ZERO) + quantity  # type: ignore[operator]
        held = {key: quantity for key, quantity in ours.items() if quantity}
        assert held == account.positions, f"ours {held}, the exchange's {account.positions} (I3)"
        cash = sum(self.auditor.cash.values(), ZERO)
        assert cash == account.cash, f"our cash {cash}, the exchange's {account.cash} (I14)"
        assert not account.orders, f"working at the exchange after the end: {account.orders}"
        assert not self.state.working, f"working after the end: {list(self.state.working)}"
        if far is not None:
            assert set(self.auditor.fills) == set(far.executed), "executions differ (I4)"


# -- a seed ----------------------------------------------------------------------------------


def run_seed(seed: int) -> Outcome:
    """Run a seed and return how it ended; AssertionError names the invariant that broke."""
    of = made.setup(seed)
    calm = replace(of, kills=0, requests=0, changes=0, far=False, on_disk=False)
    quiet = _drive(World(calm, [], MemoryStore(), 0))
    if of.kills == 0 and of.is_comparable:
        return quiet
    kills = kill_points(random.Random(f"kills {seed}"), quiet.seen, of.kills)
    chance = random.Random(f"change kills {seed}")
    if of.changes and chance.random() < 0.4:  # a quiet run has none to pick from
        kills.insert(0, (chance.choice(("before change", "after change")), chance.randint(1, 3)))
    if of.on_disk:
        outcome = asyncio.run(_on_disk(of, kills, quiet.looks))
    else:
        outcome = _drive(World(of, kills, MemoryStore(), quiet.looks))
    if of.is_comparable:
        assert outcome.end is quiet.end
        assert outcome.decisions_hash == quiet.decisions_hash, "kills changed the decisions"
        assert outcome.fills_hash == quiet.fills_hash, "kills changed the fills"
        wrong = difference(quiet.result, outcome.result)
        assert wrong == "", f"kills changed the result: {wrong}"
    outcome.kinds |= quiet.kinds
    return outcome


async def _on_disk(of: Setup, kills: list[tuple[str, int]], looks: int) -> Outcome:
    clock = VirtualClock(of.step_s)
    with tempfile.TemporaryDirectory() as folder:
        return await World(of, kills, DiskStore(Path(folder), clock.wall), looks).run()


def _drive(world: World) -> Outcome:
    """Run a coroutine that waits for nothing real: no event loop is needed."""
    coroutine = world.run()
    while True:
        try:
            coroutine.send(None)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
