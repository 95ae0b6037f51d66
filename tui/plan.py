"""What a session trades: market, range, strategies, costs. Loaded and checked, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from engine.domain.instrument import symbol_of
from engine.domain.market import Adjustment
from engine.domain.session import (
    FillRule,
    Mode,
    Slot,
)
from engine.domain.times import utc_text
from engine.errors import MarketDataError, SettingsError
from engine.exchange.costs import Costs
from engine.market.files import load_folder
from engine.market.history import coverage, stock
from engine.market.quality import NO_BANDS, REGIME_BANDS, Bands
from engine.market.replay import RecordedFeed, WallFeed
from engine.market.synthetic import synthetic_market
from engine.ports import Calendar, MarketHistory
from engine.runtime.clock import SystemClock
from engine.runtime.pace import parse
from engine.runtime.patience import patient
from engine.runtime.wall import WallSource
from engine.schedule.calendar import FIRST, AlwaysCalendar, ExchangeCalendar, year_ahead
from engine.schedule.slots import JOBS as SCHEDULED
from engine.schedule.slots import next_turn, slot_at, upcoming
from engine.settings.model import DEFAULT, Settings
from engine.strategy import registry
from engine.strategy.base import Strategy, contested
from engine.strategy.parameter import SLOT_KEY, Resolved

_HISTORY_DAYS = 1_240  # calendar days that hold 800 sessions and some
_DEMO_FIRST = date(2014, 1, 2)
"""Where the demonstration starts: cells change within seconds from here on, with seed 7."""
_COVERAGE_MIN = 0.5
_COVERAGE_WARN = 0.9
_LATE_SLOTS = frozenset({Slot.BEFORE_CLOSE_15, Slot.BEFORE_CLOSE_5, Slot.CLOSE})
WALL_JOBS = tuple(
    (job, offset)
    for job, offset in SCHEDULED.items()
    if job != "final"  # bars are final at once
)
JOBS = (("snapshot", timedelta(minutes=5)), ("reconcile", timedelta(minutes=60)))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a session needs, checked."""

    strategies: tuple[Strategy, ...]
    calendar: Calendar
    history: MarketHistory
    feed: RecordedFeed | WallSource | None  # None: the broker's, once it is connected
    sessions: Sequence[date]  # the range; of a market on the wall clock only its first
    first: date
    before: date  # the session before the first
    last: date
    fill_rule: FillRule
    costs: Costs
    warnings: tuple[str, ...]


def prepare(settings: Settings, now: datetime) -> Plan:
    """Load and check market and strategies. SettingsError, MarketDataError with all findings."""
    parse(settings.run.pace)
    calendar, history = _market(settings, _symbols(settings), now)
    strategies = tuple(
        make(settings.strategy(name), settings, calendar) for name in settings.run.strategy
    )
    first, last = _range(settings, strategies, history, now)
    fill_rule = _fill_rule(settings, strategies)
    if on_wall_clock(settings):
        slots = list(slots_of(strategies).values())
        market = WallFeed(history, calendar, slots, slot_at, WALL_JOBS)
        feed: RecordedFeed | WallSource = WallSource(market, SystemClock())
        sessions: Sequence[date] = (first,)
        warnings = _contested(settings, strategies)
    else:
        feed = RecordedFeed(
            history,
            calendar,
            first,
            last,
            fill_rule=fill_rule,
            slots=(Slot.OPEN if fill_rule is FillRule.NEXT_OPEN else Slot.CLOSE,),
            jobs=JOBS,
            close_out=settings.sim.at_end == "close",
        )
        sessions = feed.sessions
        warnings = _coverage(settings, history, calendar, sessions)
        warnings += _contested(settings, strategies)
    adjusted = any(s.adjustment is Adjustment.SPLIT for s in history.series.values())
    costs = _costs(settings, adjusted=adjusted)
    return Plan(
        strategies,
        calendar,
        history,
        feed,
        sessions,
        sessions[0],
        _before(calendar, sessions[0]),
        sessions[-1],
        fill_rule,
        costs,
        tuple(warnings),
    )


def _costs(settings: Settings, *, adjusted: bool) -> Costs:
    return Costs(
        half_spread_bps=settings.sim.half_spread_bps,
        slippage_bps=settings.sim.slippage_bps,
        commission_bps=settings.sim.commission_bps,
        commission_per_share=settings.sim.commission_per_share,
        commission_min=settings.sim.commission_min,
        commission_max_fraction=settings.sim.commission_max_fraction,
        volume_share=settings.sim.volume_share,
        adjusted=adjusted,
    )


def prepare_at_broker(settings: Settings, now: datetime) -> Plan:
    """Check what can be checked before a broker is asked for the history."""
    today = date.fromordinal(now.toordinal())
    calendar = _exchange(settings, FIRST, year_ahead(today))
    strategies = tuple(
        make(settings.strategy(name), settings, calendar) for name in settings.run.strategy
    )
    ids = dict.fromkeys(i for s in strategies for i in (*s.inputs, *s.legs))
    history = MarketHistory(
        instruments={i: stock(symbol_of(i), Adjustment.NONE) for i in ids},
        series={},
        findings=(),
        source=f"IB {settings.ibkr.host}:{settings.ibkr.port}",
        data_hash="",
    )
    return Plan(
        strategies,
        calendar,
        history,
        None,
        (today,),
        today,
        _before(calendar, today),
        today,
        FillRule.NEXT_OPEN,
        _costs(settings, adjusted=False),
        (),
    )


def at_broker(settings: Settings) -> bool:
    """Say whether orders of this run go to a broker."""
    return settings.run.mode in (Mode.PAPER, Mode.LIVE)


def on_wall_clock(settings: Settings) -> bool:
    """Say whether this run goes with the clock on the wall: at a broker, or built-in and now."""
    if at_broker(settings):
        return True
    run = settings.run
    return (
        run.mode is Mode.OFFLINE
        and run.pace == "realtime"
        and run.first is None
        and run.data is None
    )


def _before(calendar: Calendar, first: date) -> date:
    """Return the session before the range; the range's own start where there is none."""
    try:
        return calendar.previous_session(first)
    except SettingsError:
        return first


def make(resolved: Resolved, settings: Settings, calendar: Calendar) -> Strategy:
    """Return a strategy with these values; SettingsError if its script cannot be read."""
    script = ""
    if resolved.strategy == "script":
        path = Path(str(resolved.values["file"]))
        try:
            script = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"script.file = {str(path)!r}: cannot be read: {error}") from None
    late = resolved.texts.get(SLOT_KEY) in {slot.value for slot in _LATE_SLOTS}

    def session_for(at: datetime) -> date:
        """Return the session whose slot comes next after an instant."""
        day = date.fromordinal(at.toordinal() - 1)
        while True:
            day = calendar.next_session(day)
            slot = calendar.closes_at(day) if late else calendar.opens_at(day)
            if slot >= at:
                return day

    source = "the built-in market" if settings.run.data is None else f"CSV {settings.run.data}"
    made = registry.create(resolved, source=source, script=script, session_for=session_for)
    return patient(made) if on_wall_clock(settings) else made


def _fill_rule(settings: Settings, strategies: Sequence[Strategy]) -> FillRule:
    """Return sim.fill; unless it was set, a slot near the close means same_close."""
    slots = slots_of(strategies).values()
    late = bool(slots) and all(slot in _LATE_SLOTS for slot in slots)
    if settings.origin("sim.fill") == DEFAULT and late:
        return FillRule.SAME_CLOSE
    return settings.sim.fill


def slots_of(strategies: Sequence[Strategy]) -> dict[str, Slot]:
    """Return when each strategy is asked; one that is asked at no slot is left out."""
    return {one.id: one.slot for one in strategies if one.slot is not None}


def _symbols(settings: Settings) -> list[str] | None:
    """Return the symbols that the strategies need; None for all there are (a script's choice)."""
    if "script" in settings.run.strategy:
        return None
    made = [registry.create(settings.strategy(name)) for name in settings.run.strategy]
    return list(dict.fromkeys(symbol_of(i) for s in made for i in (*s.inputs, *s.legs)))


def _market(
    settings: Settings, symbols: list[str] | None, now: datetime
) -> tuple[Calendar, MarketHistory]:
    yesterday = date.fromordinal(now.toordinal() - 1)
    if settings.run.data is None:
        last = settings.run.last or yesterday
        if on_wall_clock(settings):
            last = year_ahead(yesterday)
        anchor = _demo_first(settings, last) - timedelta(days=_HISTORY_DAYS)
        built_in = _exchange(settings, anchor, year_ahead(last))  # the market ends before it
        history = synthetic_market(built_in, settings.market.seed, anchor, last)
        known = {symbol_of(i) for i in history.instruments}
        unknown = [symbol for symbol in symbols or () if symbol not in known]
        if unknown:
            raise SettingsError(
                f"symbol {', '.join(unknown)}: the built-in market has {', '.join(sorted(known))}"
            )
        return built_in, history
    folder, adjustment = Path(settings.run.data), Adjustment(settings.market.adjustment)
    believable = bands(settings)
    if settings.market.calendar == "always":
        history = load_folder(
            folder, None, now, symbols=symbols, adjustment=adjustment, bands=believable
        )
        days = {bar.session_date for s in history.series.values() for bar in s.bars}
        return AlwaysCalendar(days), history
    calendar = _exchange(settings, FIRST, year_ahead(yesterday))
    history = load_folder(
        folder, calendar, now, symbols=symbols, adjustment=adjustment, bands=believable
    )
    return calendar, history


def bands(settings: Settings) -> Bands:
    """Return the believable moves of the symbols that the regime strategy reads."""
    if "regime" not in settings.run.strategy:
        return NO_BANDS
    texts = settings.strategy("regime").texts
    signal, bond = texts["signal_symbol"], texts["treasury_trend_symbol"]
    own = {bond: REGIME_BANDS.own_close["TLT"], signal: REGIME_BANDS.own_close["QQQ"]}
    return Bands(own_close=own, volume=frozenset({signal}))


def _demo_first(settings: Settings, last: date) -> date:
    """Return --from, else the start of the built-in market's demonstration."""
    if settings.run.first is not None:
        return settings.run.first
    return min(_DEMO_FIRST, last - timedelta(days=366))


def _range(
    settings: Settings, strategies: Sequence[Strategy], history: MarketHistory, now: datetime
) -> tuple[date, date]:
    """Return --from and --to, else the first session on which every strategy is warm, and all."""
    ends = [s.bars[-1].session_date for s in history.series.values() if s.bars]
    if not ends:
        raise MarketDataError(f"{history.source}: no series has a usable bar")
    last = settings.run.last or max(ends)
    if settings.run.first is not None:
        return settings.run.first, last
    if on_wall_clock(settings):
        return date.fromordinal(now.toordinal()), last
    if settings.run.data is None:
        return _demo_first(settings, last), last
    days = [min(s.bars[0].session_date for s in history.series.values() if s.bars)]
    for strategy in strategies:
        for instrument in strategy.inputs[:1]:
            bars = history.series[instrument].bars
            if bars:
                days.append(bars[min(strategy.warmup_bars, len(bars) - 1)].session_date)
    return max(days), last


def _exchange(settings: Settings, first: date, last: date) -> Calendar:
    return ExchangeCalendar(
        settings.market.calendar, first, last, settings.market.calendar_overrides
    )


def _coverage(
    settings: Settings, history: MarketHistory, calendar: Calendar, sessions: Sequence[date]
) -> list[str]:
    """Refuse data that covers less than half of the range, warn below nine tenths."""
    first = settings.run.first or sessions[0]
    last = settings.run.last or sessions[-1]
    refused, warned = [], []
    for instrument, covered in coverage(history, calendar, first, last).items():
        text = (
            f"{symbol_of(instrument)}: {covered.found} of {covered.expected} sessions"
            f" from {first} to {last}"
        )
        if covered.expected and covered.fraction < _COVERAGE_MIN:
            refused.append(f"{text}: less than half, refused")
        elif covered.fraction < _COVERAGE_WARN:
            warned.append(text)
    if refused:
        raise MarketDataError("\n".join(refused))
    return warned


def _contested(settings: Settings, strategies: Sequence[Strategy]) -> list[str]:
    """Say which instruments several strategies trade, unless they share them."""
    shared = settings.sessions.share_instruments
    return [] if shared else list(contested(strategies).values())


def next_slot(plan: Plan, at: datetime) -> str:
    """Return the next slot after an instant as "name instant", empty where none is known."""
    slots = slots_of(plan.strategies)
    for due in upcoming(plan.calendar, at, len(slots) + len(SCHEDULED) + 1, slots):
        if due.slot is not None:
            return f"{due.slot.value} {utc_text(due.at)}"
    return ""


def hours(plan: Plan, at: datetime) -> str:
    """Return when the exchange shuts or opens next, as "close instant" or "open instant"."""
    turn = next_turn(plan.calendar, at)
    return "" if turn is None else f"{turn[0]} {utc_text(turn[1])}"
