"""What a session is: terms, ledgers, limits, context. Nothing is written."""

import hashlib
import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.metadata import version

from engine.core.slot import LATE_S
from engine.core.state import State, StrategyBook, Terms, initial
from engine.domain.event import SessionCreated, SessionStateChanged, TradingStateChanged
from engine.domain.ids import Book, StrategyId
from engine.domain.market import Feed
from engine.domain.session import (
    Mode,
    SessionContext,
    SessionState,
    StrategyInfo,
    TradingState,
)
from engine.errors import SettingsError
from engine.ports import Journal
from engine.risk.limits import Limits
from engine.runtime.ids import session_id
from engine.settings.model import Settings
from engine.settings.strategies import limits_of
from engine.strategy import registry
from engine.strategy.base import Strategy
from tui.plan import Plan, at_broker, make, on_wall_clock

_RUNS = frozenset({SessionState.RUNNING, SessionState.PAUSED})
_SLOT_IN_HAND = timedelta(seconds=LATE_S + 10)


def terms(settings: Settings, plan: Plan) -> Terms:
    """Return what the session trades under."""

    def rebuild(strategy: Strategy, key: str, value: str) -> Strategy:
        texts = {**strategy.parameters, key: value}
        if key not in strategy.parameters:
            known = ", ".join(sorted(strategy.parameters))
            raise SettingsError(f"{strategy.id}.{key}: unknown parameter; known are {known}")
        preset = strategy.preset.partition("+")[0]
        return make(registry.resolve(strategy.id, preset, texts), settings, plan.calendar)

    is_live = settings.run.mode is Mode.LIVE
    return Terms(
        costs=plan.costs,
        minimum=settings.orders.minimum_usd,
        entry_ttl_s=settings.orders.entry_ttl_s,
        limits=Limits(),
        rebuild=rebuild,
        share_instruments=settings.sessions.share_instruments,
        close_at_end=settings.sim.at_end == "close",
        reissue_lost=at_broker(settings) and settings.ibkr.reissue_lost == "limit",
        order_usd=settings.live.max_order_usd if is_live else None,
        day_usd=settings.live.max_day_usd if is_live else None,
    )


def shares(settings: Settings) -> dict[str, Decimal]:
    """Return each strategy's share of the capital: as set, the rest equally."""
    names = settings.run.strategy
    given = {
        n: settings.sessions.capital_shares[n]
        for n in names
        if n in settings.sessions.capital_shares
    }
    rest = [n for n in names if n not in given]
    left = Decimal(1) - sum(given.values(), Decimal(0))
    return {n: given.get(n, left / len(rest) if rest else Decimal(0)) for n in names}


def beginning(
    settings: Settings, plan: Plan, context: SessionContext, under: Terms | None = None
) -> State:
    """Return the state a session begins with; `under`: other terms than those of the settings."""
    instruments = dict(plan.history.instruments)
    return initial(context, under or terms(settings, plan), instruments, books(settings, plan))


def books(settings: Settings, plan: Plan) -> dict[StrategyId, StrategyBook]:
    """Return each strategy with its own ledger and limits."""
    share = shares(settings)
    cent = Decimal("0.01")
    made = {}
    for strategy in plan.strategies:
        made[strategy.id] = StrategyBook(
            strategy=strategy,
            memory=strategy.memory(),
            capital=(settings.run.capital * share[strategy.id]).quantize(cent),
            share=share[strategy.id],
            limits=limits_of(settings, strategy.id),
        )
    return made


def context(
    settings: Settings,
    plan: Plan,
    older: Sequence[SessionContext],
    now: datetime,
    bits: int,
) -> SessionContext:
    """Return our session: a continuation of an interrupted one, or a fresh book."""
    mode = settings.run.mode
    sid = session_id(mode, now, bits)
    parent = next((old for old in older if _continues(old, settings, plan)), None)
    root = sid if parent is None else None
    book = Book(f"{mode.value}:{root}") if parent is None else parent.book
    if at_broker(settings):
        book = Book(f"{mode.value}:{settings.ibkr.account}")
    share = shares(settings)
    series = list(plan.history.series.values())
    return SessionContext(
        session_id=sid,
        parent_session_id=None if parent is None else parent.session_id,
        book=Book(f"{book}:dry") if settings.run.dry_run and parent is None else book,
        mode=mode,
        dry_run=settings.run.dry_run,
        account=settings.ibkr.account or "" if at_broker(settings) else "SIM",
        strategies=tuple(
            StrategyInfo(
                strategy=one.id,
                preset=one.preset,
                parameter_hash=one.parameter_hash,
                parameters=dict(one.parameters),
                cash=(settings.run.capital * share[one.id]).quantize(Decimal("0.01")),
            )
            for one in plan.strategies
        ),
        capital=settings.run.capital,
        fill_rule=plan.fill_rule,
        costs=dict(plan.costs.describe()),
        seed=settings.sim.seed,
        calendar=plan.calendar.name,
        pace=settings.run.pace,
        recorded_clock=not on_wall_clock(settings),
        source=plan.history.source,
        feed=series[0].feed.value if series else Feed.LIVE.value,
        data_hash=_data_hash(plan),
        data_from=plan.first,
        data_to=plan.last,
        config_hash=settings.config_hash,
        config=settings.effective(),
        origins=settings.origins(),
        build=version("pilothouse"),
        started_at=now,
        pid=os.getpid(),
        host=socket.gethostname(),
    )


def _data_hash(plan: Plan) -> str:
    """Return the hash of bars and range: a continued session must be fed the same."""
    text = f"{plan.history.data_hash}|{plan.first}|{plan.last}|{plan.calendar.name}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _continues(old: SessionContext, settings: Settings, plan: Plan) -> bool:
    """Say whether our session goes on with an older one's book.

    On the wall clock with the newest of its mode, however it ended and whatever was changed
    since; on a recorded one only where the same settings get the same data.
    """
    if old.mode is not settings.run.mode or old.dry_run != settings.run.dry_run:
        return False
    if at_broker(settings):
        return old.account == settings.ibkr.account
    if on_wall_clock(settings):
        return not old.recorded_clock
    return (
        old.recorded_clock
        and old.config_hash == settings.config_hash
        and old.data_hash == _data_hash(plan)
    )


def inherited_state(
    settings: Settings, newest: tuple[str, str, str] | None, tail_lost: str
) -> TradingStateChanged | None:
    """Return the trading state that a fresh book starts in, None for ACTIVE.

    A person's HALTED or REDUCING outlives an offline book: leaving it takes a person.
    """
    if tail_lost:
        return halted(tail_lost)
    if newest is None or settings.run.mode is Mode.BACKTEST:
        return None
    state, reason, old = newest
    if state == TradingState.ACTIVE.value:
        return None
    return TradingStateChanged(
        before=TradingState.ACTIVE,
        after=TradingState(state),
        reason=f"as session {old} left it: {reason}",
        actor="engine",
    )


def halted(tail_lost: str) -> TradingStateChanged:
    """Return the start in HALTED after the journal has lost its tail."""
    return TradingStateChanged(
        before=TradingState.ACTIVE,
        after=TradingState.HALTED,
        reason=f"journal tail lost: {tail_lost}",
        actor="engine",
    )


def last_running(journal: Journal, book: Book) -> datetime | None:
    """Return from when on what came due counts as not given; None if no session ever ran.

    A start that writes its own beginning, and the end of a dead session that it writes, say
    nothing about it; nor does a session that only compared. One that ran may have died with a
    slot in its hand, for as long as a slot may be late; what was done is not done twice.
    """
    first = last = None
    runs = False
    for recorded in journal.replay(book):
        event = recorded.event
        if isinstance(event, SessionCreated):
            runs = False
        elif isinstance(event, SessionStateChanged):
            if event.before in _RUNS and event.after is not SessionState.INTERRUPTED:
                last = recorded.at
            runs = event.after in _RUNS
        if runs:
            first, last = first or recorded.at, recorded.at
    return None if first is None or last is None else max(first, last - _SLOT_IN_HAND)
