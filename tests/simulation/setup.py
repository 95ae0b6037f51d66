"""What a seed means: market, strategies, terms, and what goes wrong."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.core.state import State, StrategyBook, Terms, initial
from engine.domain.ids import Book, SessionId, StrategyId
from engine.domain.instrument import symbol_of
from engine.domain.session import FillRule, Mode, SessionContext, Slot, StrategyInfo
from engine.errors import SettingsError
from engine.exchange.costs import Costs
from engine.market.replay import RecordedFeed
from engine.risk.limits import Limits, merge
from engine.strategy import registry
from engine.strategy.base import SlotFacts, Strategy, StrategyVerdict
from tests.simulation.market import BEFORE, MARKETS, Market, market

ACCOUNT = "DU0000001"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_JOBS = (("snapshot", timedelta(minutes=5)), ("reconcile", timedelta(minutes=60)))
_REGIME = {
    "sma_fast": 5,
    "sma_slow": 50,
    "realized_vol_window": 5,
    "vol_baseline_window": 40,
    "bond_sma_fast": 2,
    "bond_sma_slow": 5,
    "osc_smoothness": 3,
}


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything a run is made of; the same seed gives the same setup."""

    seed: int
    market: Market
    first: date
    last: date
    fill_rule: FillRule
    costs: Costs
    capital: Decimal
    names: tuple[str, ...]
    script: str
    share_instruments: bool
    pace: str
    step_s: float  # what the clock advances at every look
    kills: int
    far: bool  # the broker is far away: it outlives kills, its reports are late or doubled
    requests: int
    changes: int  # of working orders, by a person
    gateway: bool  # the far one speaks as Interactive Brokers does, and has its faults
    twins: bool  # a change may leave two orders of one reference at it
    on_disk: bool  # a real database instead of memory
    dry_run: bool
    raises: frozenset[date]  # days on which the first strategy has a defect

    @property
    def is_comparable(self) -> bool:
        """Say whether nothing but kills happens: then the result is that of a quiet run."""
        return not self.far and not self.requests and not self.changes

    @property
    def within(self) -> bool:
        """Say whether the loop knows that the near exchange dies with it: it may do without."""
        return not self.far and self.seed % 2 == 0


def setup(seed: int) -> Setup:
    """Return what this seed means."""
    rng = random.Random(f"setup {seed}")
    made = market(rng.randrange(MARKETS))
    start = BEFORE if rng.random() < 0.9 else 0
    first = made.days[start]
    names = _names(rng)
    count = rng.randrange(20, 40) if "regime" in names else rng.randrange(30, 95)
    last = made.days[min(start + count, len(made.days) - 1)]
    kind = rng.random()
    kills, far, requests = rng.choice((1, 2, 3, 5)), False, 0
    if kind > 0.7:
        far, kills, requests = True, rng.choice((0, 1, 2)), rng.choice((0, 2, 6))
    elif kind > 0.45:
        kills, requests = rng.choice((0, 1, 2, 3)), rng.choice((1, 3, 8, 20))
    gateway = seed % 7 in (0, 3)  # residues that no kept seed has: they stay as they were
    if gateway:
        far, own = True, random.Random(f"gateway {seed}")
        kills, requests = own.choice((0, 0, 1, 2)), own.choice((0, 0, 2, 6))
    script = _script(rng, made, first, last) if "script" in names else ""
    changes = random.Random(f"changes {seed}").choice((0, 3, 8, 20)) if gateway else 0
    if (requests or changes) and seed % 7 in (
        0,
        3,
    ):  # a residue that no kept seed has: they stay as they were
        names = (*names, "manual")
    return Setup(
        seed=seed,
        market=made,
        first=first,
        last=last,
        fill_rule=rng.choice((FillRule.NEXT_OPEN, *FillRule)),
        costs=_costs(rng, made),
        capital=Decimal(rng.choice((2_000, 10_000, 1_000_000))),
        names=names,
        script=script,
        share_instruments=rng.random() < 0.15,
        pace=rng.choice(("max", "max", "max", "100/s", "7/s")),
        step_s=rng.choice((0.00002, 0.0005, 0.004, 0.06)),
        kills=kills,
        far=far,
        requests=requests,
        changes=changes,
        gateway=gateway,
        twins=gateway and seed // 7 % 5 > 2,  # no kept seed of before
        on_disk=kind < 0.04,
        dry_run=rng.random() < 0.04,
        raises=frozenset(rng.sample(made.days, 30 if rng.random() < 0.1 else 0)),
    )


def _names(rng: random.Random) -> tuple[str, ...]:
    some = rng.choice(
        (
            ("crossover",),
            ("crossover", "second"),
            ("script",),
            ("script", "crossover"),
            ("crossover", "script", "second"),
            ("regime",),
            ("regime", "crossover"),
            ("regime", "script"),
        )
    )
    return some if rng.random() < 0.7 else tuple(reversed(some))


def _costs(rng: random.Random, made: Market) -> Costs:
    adjusted = next(iter(made.history.instruments.values())).tick is None
    free = rng.random() < 0.3
    return Costs(
        half_spread_bps=Decimal(0 if free else 1),
        slippage_bps=Decimal(0 if free else rng.choice((2, 30))),
        commission_bps=Decimal(rng.choice((0, 1))),
        adjusted=adjusted,
    )


def strategies(of: Setup) -> tuple[Strategy, ...]:
    """Make the strategies; a second crossover goes by a name of its own."""
    rng = random.Random(f"strategies {of.seed}")
    all_of_them = [_strategy(name, rng, of) for name in of.names]
    if of.raises:
        _spoil(all_of_them[0], of.raises)
    return tuple(all_of_them)


def _spoil(strategy: Strategy, days: frozenset[date]) -> None:
    """Let a strategy raise on some days."""
    decide = strategy.decide

    def raising(memory: Any, facts: SlotFacts) -> StrategyVerdict | None:
        if facts.session_date in days:
            raise ZeroDivisionError(f"a defect on {facts.session_date}")
        return decide(memory, facts)

    strategy.decide = raising  # type: ignore[method-assign]
    strategy.pass_quiet = lambda memory, stretch, owned: 0  # type: ignore[method-assign]


def _strategy(name: str, rng: random.Random, of: Setup) -> Strategy:
    if name == "regime":
        return registry.create(registry.resolve("regime", "default", _REGIME))
    if name == "script":
        resolved = registry.resolve("script", "default", {"file": "script.csv"})
        return registry.create(resolved, script=of.script)
    if name == "manual":
        symbols = " ".join(sorted(symbol_of(i) for i in of.market.history.instruments))
        return registry.create(registry.resolve("manual", "default", {"symbols": symbols}))
    fast = rng.randrange(1, 5)
    symbol = rng.choice(("SPY", "IWM", "QQQ", "TQQQ"))
    values = {"symbol": symbol, "fast": fast, "slow": fast + rng.randrange(1, 8)}
    made = registry.create(registry.resolve("crossover", "default", values))
    if name == "second":
        made.id = StrategyId("second")
    return made


_ROW = "time,instrument,kind,side,quantity,weight,strength,type,limit,stop"


def _script(rng: random.Random, made: Market, first: date, last: date) -> str:
    """Write down signals, good ones and bad ones."""
    series = {symbol_of(key): one for key, one in made.history.series.items()}
    symbols = rng.sample(sorted(series), 3)
    lines = [_ROW]
    for day in (day for day in made.days if first <= day <= last):
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
            symbol = rng.choice(symbols)
            bar = next((b for b in series[symbol].bars if b.session_date == day), None)
            price = bar.open if bar is not None else Decimal(100)
            lines.append(f"{day},{_signal(rng, symbol, price)}")
    return "\n".join(lines) + "\n"


def _signal(rng: random.Random, symbol: str, price: Decimal) -> str:
    kind = rng.choice(
        ("ENTER",) * 5 + ("EXIT",) * 3 + ("TARGET",) * 3 + ("EMERGENCY_EXIT", "SETUP")
    )
    strength = rng.choice(("", "", "0.7", "NaN", "1.7"))
    if kind == "TARGET":
        return f"{symbol},TARGET,,,{rng.choice(('0', '0.1', '0.25', '0.9', '-1'))},,,,"
    if kind != "ENTER":
        part = rng.choice(("", "", "3"))
        return f"{symbol},{kind},,{part},,,,,"
    quantity = rng.choice(("1", "5", "12", "40", "400", "0", "-5", "1e18"))
    order_type = rng.choice(
        ("",) * 5
        + ("LIMIT", "LIMIT", "STOP", "STOP_LIMIT", "MARKET_ON_OPEN", "MARKET_ON_CLOSE")
        + ("LIMIT_ON_OPEN", "LIMIT_ON_CLOSE")
    )
    limit = stop = ""
    if "LIMIT" in order_type:
        limit = str((price * Decimal(rng.choice(("0.98", "0.995", "1.01")))).quantize(price))
    if "STOP" in order_type:
        stop = str((price * Decimal(rng.choice(("1.002", "1.02")))).quantize(price))
    return f"{symbol},ENTER,BUY,{quantity},,{strength},{order_type},{limit},{stop}"


# -- the parts of an engine ------------------------------------------------------------------


def feed(of: Setup) -> RecordedFeed:
    """Return the recorded market of a setup."""
    slot = Slot.OPEN if of.fill_rule is FillRule.NEXT_OPEN else Slot.CLOSE
    return RecordedFeed(
        of.market.history,
        of.market.calendar,
        of.first,
        of.last,
        fill_rule=of.fill_rule,
        slots=(slot,),
        jobs=_JOBS,
    )


def _rebuild(strategy: Strategy, key: str, value: str) -> Strategy:
    if key not in strategy.parameters:
        raise SettingsError(f"{strategy.id}.{key}: unknown parameter")
    texts = {**strategy.parameters, key: value}
    kind = "crossover" if strategy.id == "second" else strategy.id
    made = registry.create(registry.resolve(kind, "default", texts))
    made.id = strategy.id
    return made


def shares(of: Setup) -> Decimal:
    """Return the cash that each strategy starts with."""
    return (of.capital / len(of.names)).quantize(Decimal("0.01"))


def state(of: Setup, context: SessionContext) -> State:
    """Return the state before the first event."""
    share = 1 / Decimal(len(of.names))
    books = {}
    for strategy in strategies(of):
        limits = merge(Limits(), strategy.limits, {})
        books[strategy.id] = StrategyBook(strategy, strategy.memory(), shares(of), share, limits)
    terms = Terms(
        costs=of.costs,
        minimum=Decimal(100),
        entry_ttl_s=600,
        limits=Limits(),
        rebuild=_rebuild,
        share_instruments=of.share_instruments,
    )
    return initial(context, terms, dict(of.market.history.instruments), books)


def context(of: Setup, number: int, parent: SessionContext | None) -> SessionContext:
    """Return the n-th session of a book."""
    mode = Mode.PAPER if of.gateway and of.far else Mode.OFFLINE
    sid = SessionId(f"{mode.value}-20261120T120000Z-{number:08x}")
    return SessionContext(
        session_id=sid,
        parent_session_id=None if parent is None else parent.session_id,
        book=Book(f"{mode.value}:{sid}") if parent is None else parent.book,
        mode=mode,
        dry_run=of.dry_run,
        account=ACCOUNT if mode is Mode.PAPER else "SIM",
        strategies=tuple(
            StrategyInfo(
                strategy=one.id,
                preset=one.preset,
                parameter_hash=one.parameter_hash,
                parameters=dict(one.parameters),
                cash=shares(of),
            )
            for one in strategies(of)
        ),
        capital=of.capital,
        fill_rule=of.fill_rule,
        costs=dict(of.costs.describe()),
        seed=of.seed,
        calendar="always",
        pace=of.pace,
        recorded_clock=True,
        source=of.market.history.source,
        feed="SYNTHETIC",
        data_hash=of.market.history.data_hash,
        data_from=of.first,
        data_to=of.last,
        config_hash="0" * 16,
        config={},
        origins={},
        build="simulation",
        started_at=NOW + timedelta(seconds=number),
        pid=1,
        host="simulation",
    )
