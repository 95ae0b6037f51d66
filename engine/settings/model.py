"""Every section and key, with unit, default, range and one sentence. config.toml repeats them.

A key stands here only if something reads it. Money in dollars, fractions as fractions.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.domain.session import FillRule, Mode
from engine.settings.fields import (
    AS_LIMIT,
    Day,
    FillWord,
    ModeWord,
    Names,
    Number,
    Place,
    Section,
    key,
    shown,
)
from engine.settings.places import DATABASE, LOG, state_folder
from engine.settings.sources import keys_of, strategies_of
from engine.strategy.parameter import Resolved
from engine.strategy.registry import SCHEMAS


class Storage(Section):
    """Where rows and copies are kept."""

    path: Place = key(
        lambda: state_folder() / DATABASE,
        "the database; without it pilothouse.db in the user's state folder",
    )
    backups: Place | None = key(
        None, "folder of the copies; without it the folder `backups` beside the database"
    )
    keep_daily: int = key(7, "daily copies to keep", unit="copies", ge=1, le=365)
    keep_weekly: int = key(4, "weekly copies to keep", unit="copies", ge=0, le=520)
    keep_monthly: int = key(12, "monthly copies to keep", unit="copies", ge=0, le=1200)

    @property
    def keep(self) -> tuple[int, int, int]:
        """How many daily, weekly and monthly copies stay."""
        return self.keep_daily, self.keep_weekly, self.keep_monthly


class Run(Section):
    """What a run is."""

    mode: ModeWord = key(Mode.OFFLINE, "which data, clock and broker")
    strategy: Names = key(
        ("regime",),
        "strategies of the session; earlier ones claim an instrument first",
        allowed="a list of strategy names, each once",
        min_length=1,
    )
    dry_run: bool = key(False, "orders end as DRY_RUN rows, nothing is sent")
    capital: Number = key(
        Decimal(100_000), "cash a new book starts with", unit="USD", ge=100, le=1_000_000_000
    )
    first: Day | None = key(None, "first session date to trade; earlier bars warm up", alias="from")
    last: Day | None = key(None, "last session date to trade", alias="to")
    data: Place | None = key(
        None, "folder with one <SYMBOL>.csv of daily bars each; without it the built-in market"
    )
    pace: str = key(
        "10/s",
        "speed of a recorded clock; the command backtest runs at max",
        unit="session instants a second",
        allowed="max, realtime or N/s",
        pattern=r"^(max|realtime|[1-9]\d{0,5}/s)$",
    )


class Sim(Section):
    """The simulated exchange: prices and costs."""

    fill: FillWord = key(
        FillRule.NEXT_OPEN, "where orders fill on daily bars; same_close is not achievable"
    )
    half_spread_bps: Number = key(
        Decimal(1),
        "half of the bid-ask spread, paid by every fill",
        unit="basis points",
        ge=0,
        le=1000,
    )
    slippage_bps: Number = key(
        Decimal(2), "the most a fill slips beyond that", unit="basis points", ge=0, le=1000
    )
    commission_bps: Number = key(
        Decimal(0), "commission on the value traded", unit="basis points", ge=0, le=1000
    )
    commission_per_share: Number = key(
        Decimal("0.005"), "commission a share, on prices as traded only", unit="USD", ge=0, le=10
    )
    commission_min: Number = key(
        Decimal(1), "least charge by share for an order", unit="USD", ge=0, le=1000
    )
    commission_max_fraction: Number = key(
        Decimal("0.01"),
        "most charge by share for an order, of its value",
        unit="fraction",
        gt=0,
        le=1,
    )
    volume_share: Number = key(
        Decimal("0.10"), "most of a bar's volume that one order gets", unit="fraction", gt=0, le=1
    )
    seed: int = key(7, "seed of the slippage", ge=0, le=2**63 - 1)
    at_end: Literal["keep", "close"] = key(
        "keep", "what becomes of positions when recorded data ends"
    )


_DAY = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_OPENING = r"^(closed|([01][0-9]|2[0-3]):[0-5][0-9])$"


def _is_day(text: str) -> str:
    date.fromisoformat(text)
    return text


DayText = Annotated[str, Field(pattern=_DAY), AfterValidator(_is_day)]
Opening = Annotated[str, Field(pattern=_OPENING)]


class Market(Section):
    """Where prices come from and when the exchange is open."""

    calendar: Literal["XNYS", "always"] = key(
        "XNYS", "sessions of which exchange; always: every weekday and weekend is one"
    )
    overrides: Mapping[DayText, Opening] = key(
        dict,
        "ad-hoc changes of the calendar, by date: closed all day, or an early close",
        unit="time of day in the exchange's zone",
        allowed='a table of "YYYY-MM-DD" = "closed" or "HH:MM"',
    )
    adjustment: Literal["split", "none"] = key(
        "split", "what the prices of CSV files are corrected for; split means no tick"
    )
    seed: int = key(7, "seed of the built-in market", ge=0, le=2**63 - 1)

    @property
    def calendar_overrides(self) -> dict[date, time | None]:
        """The ad-hoc changes: None is closed all day, a time is an early close."""
        return {
            date.fromisoformat(day): None if at == "closed" else time.fromisoformat(at)
            for day, at in self.overrides.items()
        }


Share = Annotated[Number, Field(gt=0, le=1)]
Exposure = Annotated[Annotated[Decimal, Field(gt=0, le=10)] | Literal["off"], AS_LIMIT]
Leverage = Annotated[Annotated[Decimal, Field(gt=0, le=20)] | Literal["off"], AS_LIMIT]
Part = Annotated[Annotated[Decimal, Field(gt=0, le=1)] | Literal["off"], AS_LIMIT]
Count = Annotated[int, Field(ge=1, le=1000)] | Literal["off"]
Entries = Annotated[int, Field(ge=1, le=10_000)] | Literal["off"]
Strikes = Annotated[int, Field(ge=1, le=100)] | Literal["off"]

_TO_10 = "a number above 0 to 10, or off"
_TO_20 = "a number above 0 to 20, or off"
_TO_1 = "a number above 0 to 1, or off"
_TO_1000 = "a whole number from 1 to 1000, or off"
_TO_10_000 = "a whole number from 1 to 10000, or off"
_TO_100 = "a whole number from 1 to 100, or off"
_EQUITY = "fraction of equity"


class StrategyLimits(Section):
    """Limits of the risk gate that a strategy may have for itself."""

    order_size: Exposure = key(Decimal("0.30"), "largest order", unit=_EQUITY, allowed=_TO_10)
    symbol_exposure: Exposure = key(
        Decimal("0.30"), "most value in one instrument", unit=_EQUITY, allowed=_TO_10
    )
    strategy_budget: Exposure = key(
        Decimal("1.02"), "most value of a strategy", unit="times its share", allowed=_TO_10
    )
    gross_exposure: Exposure = key(
        Decimal("1.02"), "most absolute value held", unit="times equity", allowed=_TO_10
    )
    leveraged_exposure: Leverage = key(
        Decimal("2.5"),
        "most value held times each fund's leverage",
        unit="times equity",
        allowed=_TO_20,
    )
    open_positions: Count = key(
        20, "most instruments held at once", unit="positions", allowed=_TO_1000
    )
    trades_day: Entries = key(
        10, "most entries filled a session date", unit="entries", allowed=_TO_10_000
    )
    slippage_warn: Number = key(
        Decimal("0.003"), "expected slippage that is warned of", unit="fraction", gt=0, le=1
    )
    slippage: Number = key(
        Decimal("0.010"), "expected slippage that denies an entry", unit="fraction", gt=0, le=1
    )
    liquidity: Part = key(
        Decimal("0.05"),
        "largest order, of 20 sessions' mean volume",
        unit="fraction",
        allowed=_TO_1,
    )
    loss_day: Part = key(
        Decimal("0.05"),
        "loss since the last snapshot that stops entries until the next open",
        unit=_EQUITY,
        allowed=_TO_1,
    )
    loss_severe: Part = key(
        Decimal("0.10"),
        "loss over five session dates that leaves only exits",
        unit=_EQUITY,
        allowed=_TO_1,
    )
    drawdown: Part = key(
        Decimal("0.15"),
        "fall from the highest equity that leaves only exits",
        unit=_EQUITY,
        allowed=_TO_1,
    )
    quality: Strikes = key(
        3,
        "rejected or timed-out orders in a row that stop entries for half an hour",
        unit="orders",
        allowed=_TO_100,
    )


class Risk(StrategyLimits):
    """Limits of the risk gate: what is set here binds every strategy."""

    orders_minute: int = key(20, "most orders a minute", unit="orders", ge=1, le=1000)
    orders_working: int = key(20, "most orders working at once", unit="orders", ge=1, le=1000)
    orders_day: int = key(200, "most orders a session date", unit="orders", ge=1, le=100_000)
    notional_day: Number = key(
        Decimal("4.0"), "most value ordered a session date", unit="times equity", gt=0, le=1000
    )
    margin_use: Number = key(
        Decimal("0.80"), "most margin in use after an order", unit="fraction", gt=0, le=1
    )
    quote_age_s: Number = key(
        Decimal(30), "oldest quote that an entry may be sized from", unit="seconds", gt=0, le=3600
    )
    quote_spread: Number = key(
        Decimal("0.01"), "widest bid-ask spread of a sane quote", unit="fraction", gt=0, le=1
    )
    quote_move: Number = key(
        Decimal("0.25"),
        "largest move of a quote from the last close, times the fund's leverage",
        unit="fraction",
        gt=0,
        le=1,
    )
    quote_move_max: Number = key(
        Decimal("0.75"),
        "largest move of a quote whatever the leverage",
        unit="fraction",
        gt=0,
        le=1,
    )
    regime: StrategyLimits = key(StrategyLimits, "limits of the strategy regime alone")
    crossover: StrategyLimits = key(StrategyLimits, "limits of the strategy crossover alone")
    script: StrategyLimits = key(StrategyLimits, "limits of the strategy script alone")
    manual: StrategyLimits = key(StrategyLimits, "limits of orders by hand alone")

    def of(self, strategy: str) -> StrategyLimits:
        """Return the table of one strategy; only the keys in `model_fields_set` say anything."""
        own: StrategyLimits = getattr(self, strategy)
        return own


class Orders(Section):
    """How orders are carried out."""

    minimum_usd: Number = key(
        Decimal(100),
        "smaller orders are not made, but for closing a position",
        unit="USD",
        ge=0,
        le=1_000_000,
    )
    entry_ttl_s: int = key(
        600, "how long an entry's signal lives after its slot", unit="seconds", ge=1, le=86_400
    )


class Sessions(Section):
    """How strategies share a session."""

    share_instruments: bool = key(
        False, "several strategies may hold the same instrument, each its own position"
    )
    capital_shares: Mapping[str, Share] = key(
        dict,
        "share of the capital by strategy; without it equal shares",
        unit="fraction",
        allowed="a table of strategy = fraction, together 1 at most",
    )


class Live(Section):
    """What live trading needs beside `--confirm`; there are no defaults for the two caps."""

    enabled: bool = key(False, "live trading is wanted at all")
    max_order_usd: Number | None = key(
        None, "largest order in live mode", unit="USD", gt=0, le=1_000_000_000
    )
    max_day_usd: Number | None = key(
        None, "most value ordered a session date in live mode", unit="USD", gt=0, le=1_000_000_000
    )


class Ibkr(Section):
    """Interactive Brokers: modes paper and live. Ports never decide which of the two it is."""

    host: str = key("127.0.0.1", "where TWS or IB Gateway listens", min_length=1)
    port: int | None = key(
        None, "its API port; modes paper and live need it", unit="TCP port", ge=1, le=65_535
    )
    account: str | None = key(
        None,
        "the one account that is acted on; paper accounts begin with D",
        allowed="letters and digits, such as DU0000001",
        pattern=r"^[A-Z][A-Z0-9]{1,15}$",
    )
    client_id: int = key(
        17,
        "names our orders at the gateway; the next two ids are for market data and for panic",
        ge=1,
        le=9_999,
    )
    message_limit: int = key(
        40, "most messages we send on a connection", unit="messages a second", ge=5, le=45
    )
    line_limit: int = key(100, "most quotes streamed at once", unit="lines", ge=1, le=1_000)
    tws_zone: str = key(
        "US/Eastern", "zone of times that an old gateway writes without one", min_length=1
    )
    restart_time: str = key(
        "23:45",
        "daily restart of the gateway; nothing is sent from 5 minutes before to 25 after",
        unit="time of day in New York",
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    )
    reset_region: Literal["north_america", "europe", "asia"] = key(
        "north_america", "whose nightly reset of the broker's servers raises no alert"
    )
    allow_delayed: bool = key(False, "delayed quotes may decide; paper only")
    practice_speed: Number = key(
        Decimal(1),
        "how fast the clock of a practice gateway runs, as its --speed says",
        unit="times the clock on the wall",
        ge=1,
        le=100_000,
    )
    reissue_lost: Literal["ask", "limit"] = key(
        "ask", "orders that provably never arrived: ask a person, or send limit orders once more"
    )


class Screen(Section):
    """The screen."""

    theme: Literal["dark", "light", "high-contrast", "ansi", "classic"] = key("dark", "colors")
    color: Literal["auto", "truecolor", "256", "16", "none"] = key(
        "auto", "how many colors the terminal has; auto follows COLORTERM and TERM"
    )
    ascii: bool = key(False, "no box drawing, arrows, blocks or dots")
    read_only: bool = key(False, "the screen only looks: nothing but the emergency stop acts")
    price_band_bps: Number = key(
        Decimal(50),
        "how far a price may have moved from the one that was seen, before it is asked again",
        unit="basis points",
        gt=0,
        le=10_000,
    )
    type_quantity_above_usd: Number = key(
        Decimal(25_000),
        "a live order above it is confirmed by typing its quantity",
        unit="USD",
        ge=0,
        le=1_000_000_000,
    )
    flash: bool = key(True, "a cell that changed stands out for a moment")
    mouse: bool = key(False, "take mouse events, which nothing needs")
    keys: Mapping[str, str] = key(
        dict,
        "own keys by action, as the help names them",
        allowed='a table of "orders.cancel" = "D" or "f2,ctrl+r"',
    )


class Log(Section):
    """The log file."""

    path: Place = key(
        lambda: state_folder() / LOG,
        "the log; without it pilothouse.log in the user's state folder",
    )
    max_mb: int = key(10, "size at which a new file begins", unit="MB", ge=1, le=1000)
    keep: int = key(5, "old files kept", unit="files", ge=0, le=100)


DEFAULT = "default"

_NO_INFLUENCE = ("storage.", "screen.", "log.", "ibkr.", "run.pace", "run.data", "run.mode")
"""Where rows are kept, how they look and how fast they come changes no result; the data has a
hash of its own, and mode and account are part of every book's name."""


class Settings(BaseSettings):
    """Everything that can be set, checked and frozen. `load` makes one; tests may too."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, strict=True)

    storage: Storage = Field(default_factory=Storage)  # its default is the user of now
    run: Run = Run()
    sim: Sim = Sim()
    market: Market = Market()
    risk: Risk = Risk()
    orders: Orders = Orders()
    sessions: Sessions = Sessions()
    live: Live = Live()
    ibkr: Ibkr = Ibkr()
    screen: Screen = Screen()
    log: Log = Field(default_factory=Log)
    regime: Mapping[str, Any] = key(dict, "parameters of the strategy regime")
    crossover: Mapping[str, Any] = key(dict, "parameters of the strategy crossover")
    manual: Mapping[str, Any] = key(dict, "parameters of orders by hand")
    script: Mapping[str, Any] = key(dict, "parameters of the strategy script")
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _strategies: Mapping[str, Resolved] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, layers: Sequence[PydanticBaseSettingsSource]) -> Self:
        """Return the settings of layers that were read and checked, the strongest first."""
        return cls(_build_sources=(tuple(layers), {}))

    @classmethod
    def known_strategies(cls) -> tuple[str, ...]:
        """Return the strategies that have a table."""
        return strategies_of(cls)

    def adopt(self, origins: Mapping[str, str], strategies: Mapping[str, Resolved]) -> None:
        """Remember where each key that is not at its default comes from, and what it led to."""
        self._origins = dict(origins)
        self._strategies = dict(strategies)

    def table(self, strategy: str) -> dict[str, Any]:
        """Return a strategy's own table as it was given, a copy."""
        return dict(getattr(self, strategy))

    def strategy(self, name: str) -> Resolved:
        """Return the parameters in force of a strategy."""
        return self._strategies[name]

    def origin(self, name: str) -> str:
        """Return where the value of a key comes from: a flag, a variable, a file, `default`."""
        origin = self._origins.get(name, DEFAULT)
        strategy, _, parameter = name.partition(".")
        if origin is DEFAULT and strategy in self._strategies:
            preset = self._strategies[strategy].preset
            if parameter in SCHEMAS[strategy].presets[preset]:
                return f"preset {preset}"
        return origin

    def origins(self) -> dict[str, str]:
        """Return the origin of every effective key."""
        return {name: self.origin(name) for name in self.effective()}

    def value(self, name: str) -> Any:
        """Return the value of a dotted key as config.toml spells it."""
        found: Any = self
        for section in name.split(".")[:-1]:
            found = getattr(found, section)
        return getattr(found, keys_of(type(self))[name].attribute)

    def effective(self) -> dict[str, str]:
        """Return every setting in force as canonical text, secrets masked."""
        texts = {}
        for name in keys_of(type(self)):
            if name.count(".") == 1 or name in self._origins:
                texts[name] = shown(self.value(name))
        for strategy, resolved in self._strategies.items():
            texts[f"{strategy}.preset"] = resolved.preset
            texts |= {f"{strategy}.{name}": text for name, text in resolved.texts.items()}
        return texts

    @property
    def config_hash(self) -> str:
        """First 16 hex digits of the SHA-256 over everything that influences results."""
        idle = set(self.known_strategies()) - set(self.run.strategy)
        lines = [
            f"{name}={text}"
            for name, text in sorted(self.effective().items())
            if not name.startswith((*_NO_INFLUENCE, *(f"{one}." for one in idle)))
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
