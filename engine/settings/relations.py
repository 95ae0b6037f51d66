"""What must hold between settings, as findings that name the values on both sides."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from engine.domain.money import text
from engine.domain.session import Mode
from engine.settings.fields import quoted
from engine.settings.model import Settings

NOBODYS = "U000"
"""How accounts of a practice gateway begin that stand for a real one; no broker gives such out."""

Names = Mapping[str, str]
"""Key to how a finding names it; a key that stands at its default is missing."""


def relations(settings: Settings, names: Names, today: date | None) -> list[str]:
    """Return a finding for every relation between settings that is violated."""
    return [
        *_strategies(settings, names),
        *_range(settings, names, today),
        *_dry_run(settings, names),
        *_shares(settings, names),
        *_slippage(settings, names),
        *_live(settings),
        *_ibkr(settings),
    ]


def said(names: Names, key: str, value: object) -> str:
    """Return `origin: key = value`, as findings begin."""
    return f"{names.get(key, f'default: {key}')} = {quoted(value)}"


def _strategies(settings: Settings, names: Names) -> Iterator[str]:
    chosen = settings.run.strategy
    known = settings.known_strategies()
    for name in dict.fromkeys(chosen):
        begin = said(names, "run.strategy", name)
        if name not in known:
            yield f"{begin}: unknown strategy; there are {', '.join(known)}"
        if chosen.count(name) > 1:
            yield f"{begin}: named {chosen.count(name)} times, once is allowed"


def _range(settings: Settings, names: Names, today: date | None) -> Iterator[str]:
    first, last = settings.run.first, settings.run.last
    if first and last and first >= last:
        yield f"{said(names, 'run.from', first)}: must be before run.to = {last}"
    if settings.run.data and not settings.run.data.is_dir():
        yield f"{said(names, 'run.data', str(settings.run.data))}: no such folder"
    if today is not None:
        for key, day in (("run.from", first), ("run.to", last)):
            if day and day > today:
                yield f"{said(names, key, day)}: must not be after today, {today}"


def _dry_run(settings: Settings, names: Names) -> Iterator[str]:
    if settings.run.dry_run and settings.run.mode is Mode.BACKTEST:
        begin = said(names, "run.dry_run", True)
        yield f"{begin}: a backtest sends nothing; allowed with mode offline, paper and live"


def _shares(settings: Settings, names: Names) -> Iterator[str]:
    shares = settings.sessions.capital_shares
    begin = said(names, "sessions.capital_shares", ", ".join(shares))
    for name in shares:
        if name not in settings.known_strategies():
            yield f"{begin}: {name} is no strategy"
    total = sum(shares.values(), Decimal(0))
    if total > 1:
        yield f"{begin}: the shares add up to {text(total)}, at most 1 is allowed"


def _slippage(settings: Settings, names: Names) -> Iterator[str]:
    warn, deny = settings.risk.slippage_warn, settings.risk.slippage
    if warn > deny:
        begin = said(names, "risk.slippage_warn", warn)
        yield f"{begin}: must not be above risk.slippage = {text(deny)}"


def _live(settings: Settings) -> Iterator[str]:
    """Mode live with its caps is refused for its other keys first, before port and account."""
    if settings.run.mode is not Mode.LIVE:
        return
    missing = [key for key in ("max_order_usd", "max_day_usd") if not getattr(settings.live, key)]
    for key in missing:
        yield f"live.{key}: missing; mode live needs it, a number of USD above 0"
    if missing:
        yield from _of_a_broker(settings)


def _of_a_broker(settings: Settings) -> Iterator[str]:
    for key in ("port", "account"):
        if getattr(settings.ibkr, key) is None:
            yield f"ibkr.{key}: missing; mode {settings.run.mode.value} needs it"


def _ibkr(settings: Settings) -> Iterator[str]:
    if settings.run.mode is Mode.PAPER:
        yield from _of_a_broker(settings)
    if settings.run.mode is Mode.LIVE and settings.ibkr.allow_delayed:
        yield "ibkr.allow_delayed = true: mode live decides on live quotes only"
    loopback = settings.ibkr.host in ("127.0.0.1", "localhost", "::1")
    invented = (settings.ibkr.account or "").startswith(NOBODYS)
    practice = settings.run.mode is Mode.PAPER or (settings.run.mode is Mode.LIVE and invented)
    if settings.ibkr.practice_speed != 1 and not (practice and loopback):
        yield (
            f"ibkr.practice_speed = {text(settings.ibkr.practice_speed)}: only for mode paper, or"
            f" mode live on an account {NOBODYS}…, at a practice gateway on loopback"
        )
