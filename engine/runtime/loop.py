"""The one loop: take → decide → journal → evolve → act → publish, the same in every mode.

Reports, requests and timers come from the inbox; market inputs from the feed, at the pace of
the session's clock. A unit with commands is committed before its commands are carried out;
units without may wait for company on a recorded clock, because a kill only makes the feed give
them again. Publishing is the database itself: screens watch what was written.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from engine.core.daily import pending
from engine.core.decide import STEPS, decide
from engine.core.draft import NOTHING, Decision
from engine.core.evolve import absorb, evolve
from engine.core.quiet import pass_quiet
from engine.core.requests import is_stale
from engine.core.state import State
from engine.domain.command import (
    CancelOrder,
    ChangeOrder,
    Command,
    EndSession,
    LookAgain,
    LookUpOrder,
    PreviewOrder,
    ReadAccount,
    RunJob,
    SetPace,
    SubmitOrder,
)
from engine.domain.event import (
    CancelRequested,
    Event,
    RequestAnswered,
    SessionStateChanged,
    TradingStateChanged,
)
from engine.domain.input import (
    BarsClosed,
    DataEnded,
    Fault,
    Input,
    JobDue,
    QuotesSeen,
    Requested,
    SlotDue,
    Tick,
)
from engine.domain.request import WAITS_FOR_AN_ENGINE, Request, RequestKind
from engine.domain.session import SESSION_ENDS, SessionState, TradingState
from engine.domain.snapshot import QuietDays
from engine.domain.stretch import Stretch
from engine.errors import JournalError
from engine.execution.router import Router
from engine.ports import Clock, Entry, Journal, RequestBox, Unit
from engine.runtime.commands import all_stay
from engine.runtime.heartbeat import Pulse
from engine.runtime.inbox import Inbox

_GROUP = 256  # units that may wait for one commit
_GROUP_S = 0.1  # and for how long
_YIELD_S = 0.005
_POLL_S = 1 / 3  # request file, while waiting; a send looks by itself, a screen beside us nudges
_EARLY_S = 0.0015  # a timer of the event loop may come a millisecond late: turn through the last
_LOOKED_S = 0.25  # how old a look at the request file may be when an order is sent
_STALL_S = 2.0  # a commit that takes longer halts


class Feed(Protocol):
    """Market inputs in order; on a recorded clock they can be given again from any position."""

    position: int

    def __iter__(self) -> Iterator[Input]: ...


class Ahead(Protocol):
    """A recorded feed of which whole session dates can be left out."""

    def stretch(self, position: int) -> Stretch | None:
        """Return session dates that come next, if that many inputs taken end one; else None."""

    def skip(self, sessions: int) -> int:
        """Leave out the next session dates of a stretch; return how many inputs that is."""


class Pacing(Protocol):
    """When an input may happen (engine.runtime.pace.Pacer, engine.runtime.wall.WallPacer)."""

    text: str

    @property
    def unlimited(self) -> bool:
        """True where nothing waits."""

    def set(self, pace: str) -> None:
        """Change the pace; SettingsError if it cannot be."""

    def delay(self, at: datetime) -> float:
        """Return seconds to wait before an instant."""


class Jobs(Protocol):
    """Work outside the core: backup."""

    def start(self, job: RunJob) -> None:
        """Begin the job; its end comes back through the inbox as JobFinished."""


class Emergency(Protocol):
    """Takes what the journal cannot (storage.emergency.EmergencyFile)."""

    def note(self, at: datetime, event: Event) -> None:
        """Append an event; on return it is on the disk. JournalError if it cannot be."""


class Loop:
    """Owns the state; nobody else changes it."""

    stop_within_s = 10.0  # a stop waits no longer for confirmations

    def __init__(
        self,
        *,
        state: State,
        inbox: Inbox,
        journal: Journal,
        router: Router,
        requests: RequestBox,
        feed: Iterator[Input],
        position: int,
        ahead: Ahead | None = None,
        exchange_within: bool = False,
        market: Callable[[QuotesSeen | BarsClosed], None],
        pacer: Pacing,
        clock: Clock,
        pulse: Pulse,
        jobs: Jobs,
        watch: Callable[[int], None] = lambda done: None,
        emergency: Emergency | None = None,
        machine_time: Callable[[], datetime] | None = None,
    ) -> None:
        """`ahead`: the feed, where it can leave out what is quiet. `exchange_within`: the exchange
        dies with this process and remembers what the journal does. `machine_time`: what other
        processes stamp their requests with; a practice market may run by another clock than the
        machine."""
        self.state = state
        self.inbox = inbox
        self._journal = journal
        self._router = router
        self._requests = requests
        self._feed = feed
        self._ahead = ahead
        self._exchange_within = exchange_within
        self._market = market
        self._pacer = pacer
        self._clock = clock
        self._machine_time = machine_time or clock.wall
        self._began = self._machine_time()
        self._pulse = pulse
        self._jobs = jobs
        self._emergency = emergency  # where a failure is noted that the journal cannot take
        self._watch = watch  # told now and then how many inputs are done
        self.position = position  # feed inputs consumed
        self._recorded = state.context.recorded_clock
        self._next: Input | None = None  # taken from the feed, waiting for its time
        self._exhausted = False
        self._steps = 0
        self._breath = clock.monotonic()
        self._last_commit = self._breath
        self._last_poll = 0.0
        self._stops_by: float | None = None  # monotonic
        self._answers: deque[tuple[str, str, str]] = deque()  # not written back yet
        self.ended: SessionState | None = None

    # -- the loop ----------------------------------------------------------------------------

    async def run(self) -> SessionState:
        """Run until the session has an end; return it.

        A journal that fails and a defect leave the loop at once: HALTED, entries canceled.
        """
        try:
            return await self._run()
        except JournalError as error:
            raise self._give_up(error) from error
        except Exception as error:
            await self._fail(error)
            raise

    async def _run(self) -> SessionState:
        started = self.inbox.take()
        if started is not None:
            await self._take(started)
            await self._poll()  # what waited for an engine comes before anything is traded
        while self.ended is None:
            given = self.inbox.take()
            if given is not None:
                await self._take(given)
            elif not self._may_feed():
                await self._idle(_POLL_S)
            elif self._pacer.unlimited and self._next is None and not self._steps:
                await self._sprint()
            else:
                await self._feed_one()
            if self._clock.monotonic() - self._breath > _YIELD_S:
                await self._breathe()
        await self._commit()
        self._refuse_the_rest()
        await self._pulse.beat(self, self._journal)
        return self.ended

    def _may_feed(self) -> bool:
        state = self.state.session_state
        if state is SessionState.PAUSED:
            return self._steps > 0
        return state is SessionState.RUNNING and not self._exhausted

    async def _feed_one(self) -> None:
        given = self._next
        if given is None:
            given = next(self._feed, None)
            if given is None:
                await self._data_ended()
                return
        delay = 0.0 if self._pacer.unlimited or self._steps else self._pacer.delay(given.at)
        if delay > 0:
            self._next = given
            wait = delay if self._recorded else max(0.0, delay - _EARLY_S)
            await self._idle(min(wait, _POLL_S))
            return
        self._next = None
        self._steps = max(0, self._steps - 1)
        self.position += 1
        if not self._recorded and isinstance(given, SlotDue | JobDue):
            given.at = max(given.at, self._clock.wall())  # it may be late, and must know it
        kind = type(given)
        if kind is QuotesSeen or kind is BarsClosed:
            await self._take_market(given)  # type: ignore[arg-type]
        elif kind is SlotDue or kind is JobDue:
            absorb(self.state, given)
            await self._take(given)
        else:
            await self._take(given)

    async def _sprint(self) -> None:
        """Take inputs as `_feed_one` does, without a turn of the event loop for each, for 5 ms."""
        state, market, reports, steps = self.state, self._market, self.inbox.reports, STEPS
        deadline = self._breath + _YIELD_S
        for given in self._feed:
            self.position += 1
            kind = type(given)
            if kind is QuotesSeen or kind is BarsClosed:
                market(given)  # type: ignore[arg-type]
                if reports:
                    await self._after_matching(given)
                    return
            take, look = steps[kind]
            take(state, given)
            decision = look(state, given)
            if decision is not NOTHING and (commands := self._write(given, decision)):
                await self._act(commands)
                return
            if kind is not JobDue and self.position & 31:
                continue
            if self._clock.monotonic() > deadline:
                if len(state.pending) >= _GROUP:
                    self._write_pending(given)
                return
            if type(state.pending) is QuietDays and self._ahead is not None:
                self._pass_quiet(self._ahead, deadline)
        await self._data_ended()

    def _pass_quiet(self, ahead: Ahead, deadline: float) -> None:
        """Leave out what comes next as far as nothing would come of it.

        Nobody looks at the state before the next input has renewed it: the time is asked for
        before, not after.
        """
        passed = missing = 0
        while passed == missing and (stretch := ahead.stretch(self.position)) is not None:
            passed, missing = pass_quiet(self.state, stretch), len(stretch.days)
            self.position += ahead.skip(passed)
            if self._clock.monotonic() > deadline:
                return

    async def _data_ended(self) -> None:
        self._exhausted = True
        await self._poll()  # what was asked while the data ran out comes before its end
        await self._take(DataEnded(self.now()))

    async def _take_market(self, given: QuotesSeen | BarsClosed) -> None:
        """Let the exchange match resting orders first."""
        self._market(given)
        await self._after_matching(given)

    async def _after_matching(self, given: Input) -> None:
        """Take the reports of matching, then the input itself; one commit for all of it."""
        commands: list[Command] = []
        while (report := self.inbox.take()) is not None:
            commands += self._write(report, decide(self.state, report))
        absorb(self.state, given)
        decision = decide(self.state, given)
        commands += self._write(given, decision)
        if commands:
            await self._act(commands)

    async def _take(self, given: Input) -> None:
        decision = decide(self.state, given)
        if decision is NOTHING:
            return
        commands = self._write(given, decision)
        if commands:
            await self._act(commands)

    def _write(self, given: Input, decision: Decision) -> Sequence[Command]:
        """Queue the decision's events and evolve; return the commands they allow."""
        entries, commands, causation_seq = decision
        if entries:
            if self.state.pending:
                self._write_pending(given)
            at = given.at
            durable = not self._recorded or _moves_session(entries)
            cursor = self.position if self._recorded else None
            seq = self._journal.put(Unit(at, at, entries, causation_seq, cursor, durable))
            state = self.state
            for entry in entries:
                evolve(state, entry.event, seq, at)
                seq += 1
            if type(given) is Fault and given.halt:
                self._router.barred = ""  # the trading state says it now
        return commands

    def _write_pending(self, given: Input) -> None:
        """Queue the rows of quiet session dates before what comes after them."""
        decision = pending(self.state)
        at = given.at
        cursor = self.position if self._recorded else None
        seq = self._journal.put(Unit(at, at, decision.entries, None, cursor))
        evolve(self.state, decision.entries[0].event, seq, at)

    # -- act ---------------------------------------------------------------------------------

    async def _act(self, commands: Sequence[Command]) -> None:
        within = self._exchange_within and self._pacer.unlimited
        if not (self._recorded and all_stay(commands, within=within)):
            await self._commit()  # nothing is sent before it is written
        todo = deque(commands)
        while todo:
            match command := todo.popleft():
                case SubmitOrder() | ChangeOrder():
                    todo += await self._send(command)
                case PreviewOrder() | CancelOrder() | LookUpOrder() | ReadAccount():
                    self._ask_broker(command)
                case LookAgain():
                    self.inbox.put(Tick(self.now()))
                case SetPace():
                    self._set_pace(command.pace)
                case RunJob():
                    self._jobs.start(command)
                case EndSession():
                    self.ended = command.state

    def _ask_broker(self, command: PreviewOrder | CancelOrder | LookUpOrder | ReadAccount) -> None:
        router = self._router
        match command:
            case PreviewOrder():
                router.preview(command.order)
            case CancelOrder():
                router.cancel(command.order_id)
            case LookUpOrder():
                router.look_up(command.order_id)
            case ReadAccount():
                router.read_account(command.trigger)

    async def _send(self, command: SubmitOrder | ChangeOrder) -> Sequence[Command]:
        """Send it, unless what was asked before forbids it; return what that asks for besides."""
        asked = await self._look()
        if isinstance(command, ChangeOrder):
            self._router.change(command.order, self.state)
        else:
            self._router.submit(command.order, self.state)
        return asked

    async def _look(self) -> list[Command]:
        """Take all that is asked by now; a process that was stopped meanwhile looks again."""
        found: list[Command] = []
        looked = self._breath  # it may have been stopped since, before this look
        while True:
            if is_news := self._requests.changed():
                found += await self._take_requests()
            is_fresh = self._clock.monotonic() - looked < _LOOKED_S
            if not is_fresh:
                await self.inbox.rest(0.02)  # a signal that came meanwhile is heard first
                self._breath = self._clock.monotonic()
            if self._router.entries_barred or (is_fresh and not is_news):
                return found
            looked = self._clock.monotonic()

    def _set_pace(self, pace: str) -> None:
        if pace == "step":
            self._steps += 1
        else:
            self._pacer.set(pace)

    @property
    def pace(self) -> str:
        """The pace in force."""
        return self._pacer.text

    # -- when it cannot go on ----------------------------------------------------------------

    def _give_up(self, error: JournalError) -> JournalError:
        """Nothing can be written: send nothing more, cancel entries, note it where it can be."""
        self.bar("the journal cannot be written")
        events = self._halting(f"journal failure: {error}")
        at = self.now()
        said = "the next start begins HALTED"
        for event in events:
            if isinstance(event, CancelRequested):
                self._router.cancel(event.order_id)
            try:
                if self._emergency is not None:
                    self._emergency.note(at, event)
            except JournalError as full:
                said = f"that could not be noted either: {full}"
            evolve(self.state, event, self.state.seq, at)
        asked = sum(isinstance(event, CancelRequested) for event in events)
        return JournalError(
            f"{error}. HALTED: nothing more is sent, {asked} working entries were asked to be "
            f"canceled; {said}"
        )

    async def _fail(self, error: Exception) -> None:
        """A defect: HALTED and FAILED, written if that is possible; the caller raises it."""
        text = f"{type(error).__name__}: {error}"
        self.bar(text)
        events = self._halting(f"broken invariant: {text}")
        before = self.state.session_state
        if before not in SESSION_ENDS:
            failed = SessionState.FAILED
            events.append(
                SessionStateChanged(before=before, after=failed, reason=text, actor="engine")
            )
        for event in events:
            if isinstance(event, CancelRequested):
                self._router.cancel(event.order_id)
        with suppress(Exception):  # what is raised is the defect itself
            entries = [Entry(event, -1) for event in events]
            self._write(Fault(self.now(), "defect", text, halt=True), Decision(entries, ()))
            await self._commit()

    def _halting(self, reason: str) -> list[Event]:
        """Return what a halt by the engine itself means."""
        state, halted = self.state, TradingState.HALTED
        events: list[Event] = [
            TradingStateChanged(
                before=state.trading_state, after=halted, reason=reason, actor="engine"
            )
        ]
        for order_id, row in state.working.items():
            if row.sent and not row.canceling and not row.order.is_exit:
                events.append(CancelRequested(order_id=order_id, reason=reason, actor="engine"))
        return events

    # -- requests, waiting, writing ----------------------------------------------------------

    async def _take_requests(self) -> list[Command]:
        """Take unread operator requests, written before they are answered; return commands."""
        commands: list[Command] = []
        for request in self._unread():
            if is_stale(request, self._machine_time()):
                self._answer(request.request_id, "EXPIRED", "too old when it was read")
                continue
            given = Requested(self.now(), request)
            decision = decide(self.state, given)
            commands += self._write(given, decision)
            await self._commit()
            self._answer(request.request_id, *_answer_in(decision))
        return commands

    def _unread(self) -> list[Request]:
        """Return what is asked. No entry is sent while that cannot be known."""
        try:
            found = self._requests.take()
        except JournalError as error:
            if not self._router.entries_barred:
                self.fault("requests_unreadable", f"{error}; no entry is sent", halt=False)
            self._router.entries_barred = "the request file could not be read"
            return []
        self._router.entries_barred = ""
        return [request for request in found if not self._is_for_a_real_engine(request)]

    def _is_for_a_real_engine(self, request: Request) -> bool:
        """Say whether a dry run must leave a request to the engine that it was meant for.

        A halt that waited for the next start would be lost, a resume would free nothing.
        """
        waited = request.kind in WAITS_FOR_AN_ENGINE and request.asked_at < self._began
        return waited and self.state.context.dry_run

    def _refuse_the_rest(self) -> None:
        """Answer what came too late; halt, reduce and resume wait for the next engine."""
        for request in self._unread():
            if request.kind is RequestKind.STOP:
                self._answer(request.request_id, "DONE", "the session has ended")
            elif request.kind not in WAITS_FOR_AN_ENGINE:
                self._answer(request.request_id, "REFUSED", "the session has ended")

    def _answer(self, request_id: str, result: str, text: str) -> None:
        """Write an answer back; what cannot be written now is tried again at the next look."""
        self._answers.append((request_id, result, text))
        try:
            while self._answers:
                self._requests.answer(*self._answers[0])
                self._answers.popleft()
        except JournalError:
            return

    async def _idle(self, timeout_s: float) -> None:
        """Wait for news; what is done before is part of it, nothing comes after: a slot is due."""
        until = self._clock.monotonic() + timeout_s
        await self._commit()
        await self._poll()
        self._give_up_late()
        await self._pulse.beat_if_due(self, self._journal)
        await self._pulse.rest(self.inbox, until)
        self._breath = self._clock.monotonic()

    def _give_up_late(self) -> None:
        """End a session whose cancels nobody confirms."""
        if self.state.session_state is not SessionState.STOPPING:
            return
        now = self._clock.monotonic()
        if self._stops_by is None:
            self._stops_by = now + self.stop_within_s
        elif now > self._stops_by:
            self.inbox.put(Tick(self.now(), give_up=True))

    async def _breathe(self) -> None:
        await asyncio.sleep(0)
        self._watch(self.position)
        now = self._clock.monotonic()
        if now - self._last_poll > _POLL_S:
            await self._poll()
        waiting = self._journal.waiting
        if waiting >= _GROUP or (waiting and now - self._last_commit > _GROUP_S):
            await self._commit()
        await self._pulse.beat_if_due(self, self._journal)
        self._breath = self._clock.monotonic()

    async def _poll(self) -> None:
        self._last_poll = self._clock.monotonic()
        if self._requests.changed():
            commands = await self._take_requests()
            if commands:
                await self._act(commands)

    async def _commit(self) -> None:
        if self.state.pending:
            self._write_pending(Tick(self.now()))
        if self._journal.waiting:
            began = self._clock.monotonic()
            await self._journal.commit()
            took = self._clock.monotonic() - began
            self._pulse.committed(took)
            if took > _STALL_S and not self._recorded:  # a recorded clock has stood still
                self.bar("the writer stalled")
                self.fault("writer_stalled", f"a commit took {took:.1f} s", halt=True)
        self._last_commit = self._clock.monotonic()

    def now(self) -> datetime:
        """Return the session's clock: the recording's instant, or wall time."""
        if self._recorded and self.state.at is not None:
            return self.state.at
        return self._clock.wall()

    def bar(self, why: str) -> None:
        """Send nothing from this instant on; called from any thread. A halting fault follows."""
        self._router.barred = why

    def fault(self, kind: str, text: str, *, halt: bool) -> None:
        """Report a failure outside the core; it arrives as an input."""
        self.inbox.put(Fault(self.now(), kind, text, halt))


def _moves_session(entries: Sequence[Entry]) -> bool:
    return any([type(entry.event) is SessionStateChanged for entry in entries])


def _answer_in(decision: Decision) -> tuple[str, str]:
    for entry in decision.entries:
        if isinstance(entry.event, RequestAnswered):
            return entry.event.result, entry.event.text
    return "DONE", "asked before; nothing changed"
