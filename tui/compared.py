"""`reconcile` without an engine: connect, read, compare, write the report, send nothing.

It is a session of its own, under the instance lock and with the configured client id, that never
becomes RUNNING: what was filled while nobody looked is booked, orders without an answer are asked
for, and every wish to send or cancel is left to the next start. What a person decides, to accept
a difference or settle an order, needs no broker: a session that only writes it.
"""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.brokers.ibkr.terms import Timings
from engine.core.decide import decide
from engine.core.evolve import evolve
from engine.core.state import State, shares_of
from engine.domain.command import Command, LookUpOrder
from engine.domain.event import (
    Event,
    ReconciliationDone,
    RequestAnswered,
    SessionStateChanged,
)
from engine.domain.input import Input, Requested
from engine.domain.request import Request
from engine.domain.session import SessionContext, SessionState
from engine.errors import BrokerUnreachable, EngineError, SettingsError
from engine.execution.router import Router
from engine.ports import Clock, Entry, Unit
from engine.runtime.ibkr import IbkrSession
from engine.runtime.inbox import Inbox
from engine.runtime.start import fold
from engine.settings.model import Settings
from storage.connect import reading
from storage.emergency import EmergencyFile
from storage.journal import SqliteJournal
from storage.queries.book import is_known
from tui import making
from tui import plan as plans
from tui.connecting import never_started
from tui.wiring import Watched, run_engine

_TRIGGER = "request"
_WITHIN_S = 60.0  # four questions to the broker, each answered or given up in 10 s
_READY_S = 20.0  # a person waits; an engine has more patience
_POLL_S = 0.02
_S = SessionState


def compare_once(settings: Settings) -> None:
    """Compare the account of these settings with its book; the report is the newest run.

    Raises SettingsError where there is nothing to compare, SafetyRefusal (exit 3) where account,
    mode and gateway disagree, BrokerUnreachable, EngineRunning.
    """
    _look_for_book(settings)
    asyncio.run(run_engine(settings, Watched(), trade=_compare))


def decide_alone(settings: Settings, request: Request) -> tuple[str, str]:
    """Write what a person decides about a difference or an order; return what came of it.

    Raises SettingsError where there is nothing to decide about, EngineRunning.
    """
    _look_for_book(settings)
    answers: list[RequestAnswered] = []
    asyncio.run(run_engine(settings, Watched(), trade=partial(_decide, request, answers)))
    return answers[0].result, answers[0].text


def _look_for_book(settings: Settings) -> None:
    mode, account = settings.run.mode.value, settings.ibkr.account
    if not plans.at_broker(settings):
        raise SettingsError(
            f"run.mode = {mode!r}: no engine runs, and there is no broker to compare with; "
            "paper and live have one"
        )
    book = f"{mode}:{account}" + (":dry" if settings.run.dry_run else "")
    with reading(Path(settings.storage.path)) as database:
        if database is None or not is_known(database, book):
            raise SettingsError(
                f"book {book} in {settings.storage.path}: no session of it ever ran; "
                "there is nothing to compare before its first start"
            )


def _state(
    settings: Settings, plan: plans.Plan, context: SessionContext, journal: SqliteJournal
) -> State:
    """Return the book as it stands; nothing is made anew in it, for nothing would be sent."""
    under = replace(making.terms(settings, plan), reissue_lost=False)
    state = making.beginning(settings, plan, context, under)
    fold(state, journal)
    return state


async def _decide(
    request: Request,
    answers: list[RequestAnswered],
    settings: Settings,
    plan: plans.Plan,
    context: SessionContext,
    journal: SqliteJournal,
    clock: Clock,
    watched: Watched,
    emergency: EmergencyFile,
) -> None:
    looker = _Looker(_state(settings, plan, context, journal), journal, clock)
    await looker.move(_S.CREATED, _S.STOPPING, "STOPPED: a person decides without an engine")
    answers.append(await looker.ask(request))
    await looker.move(_S.STOPPING, _S.STOPPED, f"{request.kind.value} {answers[0].result}")


async def _compare(
    settings: Settings,
    plan: plans.Plan,
    context: SessionContext,
    journal: SqliteJournal,
    clock: Clock,
    watched: Watched,
    emergency: EmergencyFile,
) -> None:
    state = _state(settings, plan, context, journal)
    inbox = Inbox()
    times = Timings(ready=_READY_S)
    session = IbkrSession(settings, inbox.put, clock, timings=times, only_asks=True)
    session.restore(state.orders.values(), state.fills.values())
    session.set_ledger(lambda instrument: shares_of(state, instrument))
    router = Router(session.broker, inbox.put, clock.wall)
    looker = _Looker(state, journal, clock, router)
    try:
        await session.start()
    except EngineError as error:
        await never_started(journal, clock.wall(), error)
        raise
    try:
        await looker.move(_S.CREATED, _S.STOPPING, "STOPPED: comparing without an engine")
        await looker.drain(inbox)
        router.read_account(_TRIGGER)
        async with asyncio.timeout(_WITHIN_S):
            while looker.found is None:
                await asyncio.sleep(_POLL_S)
                await looker.drain(inbox)
        verdict = looker.found.verdict.value
        await looker.move(_S.STOPPING, _S.STOPPED, f"compared without an engine: {verdict}")
    except TimeoutError:
        text = f"no answer within {_WITHIN_S:g} s"
        await looker.move(_S.STOPPING, _S.FAILED, text)
        raise BrokerUnreachable(f"{session.terms.where}: {text}") from None
    finally:
        await session.stop()


class _Looker:
    """Decides and writes as an engine does, and asks; it carries out nothing else."""

    def __init__(
        self, state: State, journal: SqliteJournal, clock: Clock, router: Router | None = None
    ) -> None:
        self._state = state
        self._journal = journal
        self._clock = clock
        self._router = router
        self.found: ReconciliationDone | None = None
        self._answer: RequestAnswered | None = None

    async def ask(self, request: Request) -> RequestAnswered:
        """Take what a person asks; return what came of it."""
        await self._take(Requested(self._clock.wall(), request))
        assert self._answer is not None
        return self._answer

    async def drain(self, inbox: Inbox) -> None:
        """Take what has come."""
        while (given := inbox.take()) is not None:
            await self._take(given)

    async def _take(self, given: Input) -> None:
        entries, commands, cause = decide(self._state, given)
        if entries:
            seq = self._journal.put(Unit(given.at, given.at, entries, cause, None, durable=True))
            for n, entry in enumerate(entries):
                evolve(self._state, entry.event, seq + n, given.at)
                self._note(entry.event)
            await self._journal.commit()
        for command in commands:
            self._look(command)

    def _look(self, command: Command) -> None:
        if isinstance(command, LookUpOrder) and self._router is not None:
            self._router.look_up(command.order_id)

    def _note(self, event: Event) -> None:
        if isinstance(event, ReconciliationDone) and event.trigger == _TRIGGER:
            self.found = event
        elif isinstance(event, RequestAnswered):
            self._answer = event

    async def move(self, before: SessionState, after: SessionState, reason: str) -> None:
        """Write a step of the session's life."""
        state, at = self._state, self._clock.wall()
        ends = after is _S.STOPPED
        event = SessionStateChanged(
            before=before,
            after=after,
            reason=reason,
            actor="engine",
            decisions_hash=state.decisions_digest.hexdigest() if ends else None,
            fills_hash=state.fills_digest.hexdigest() if ends else None,
        )
        seq = self._journal.put(Unit(at, at, [Entry(event, -1)], durable=True))
        evolve(state, event, seq, at)
        await self._journal.commit()
