"""The gates that bars and quotes pass before anything is decided from them.

Pure functions over plain numbers: each says PASS, WARN or HOLD with both values and the limit
(regime-strategy.md 12). A flat rule such as "a drop of 20 % is a split" is not among them:
TQQQ fell by more than that without one. A leveraged fund is judged by its underlying.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from statistics import median
from typing import NamedTuple

from engine.domain.ids import InstrumentId
from engine.domain.instrument import Stock, stock_id
from engine.domain.market import Bar, DataFinding

UNDERLYING_WARN, UNDERLYING_HOLD = 0.03, 0.10  # final bars
OPEN_WARN, OPEN_HOLD = 0.05, 0.15  # quotes and opening prices
SPLIT_TOLERANCE, SPLIT_MAX = 0.02, 20
VOLUME_RATIO = (0.05, 20.0)
_QUIET = 0.4  # a move that can be neither a split nor a jump
JUMP = 5.0  # times or a fifth: for instruments without a band of their own
MISFIT = 1 / 3  # share of the expected move that a fund may miss at the median
_MISFIT_MOVES = 60  # moves in common below which nothing can be said


class Level(Enum):
    """What a gate says."""

    PASS = "PASS"
    WARN = "WARN"
    HOLD = "HOLD"


_SEVERITY = {Level.PASS: 0, Level.WARN: 1, Level.HOLD: 2}


class GateResult(NamedTuple):
    """One gate: level, which one, and a text with both values and the limit."""

    level: Level
    kind: str  # own_close, underlying, suspected_split, volume, jump
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Which symbols are held to which rule."""

    own_close: Mapping[str, float]  # symbol → largest believable move, as a fraction
    volume: frozenset[str]  # symbols whose volume is read: zero is not final


REGIME_BANDS = Bands(own_close={"QQQ": 0.15, "TLT": 0.12}, volume=frozenset({"QQQ"}))
"""Bands of the regime strategy's default symbols."""

NO_BANDS = Bands(own_close={}, volume=frozenset())
"""For strategies that know no believable move and read no volume: only splits and jumps hold."""


def own_move(symbol: str, price: float, before: float, limit: float) -> GateResult:
    """Hold a price to a band around the symbol's last final close."""
    move = price / before - 1
    level = Level.PASS if abs(move) <= limit else Level.HOLD
    text = f"{symbol} {price:g} after {before:g}: {move:+.1%}, limit ±{limit:.0%}"
    return GateResult(level, "own_close", text)


def underlying_move(
    leg: str, move: float, multiple: float, underlying: str, base: float, *, opening: bool = False
) -> GateResult:
    """Hold a fund's move to multiple × the move of its underlying."""
    warn, hold = (OPEN_WARN, OPEN_HOLD) if opening else (UNDERLYING_WARN, UNDERLYING_HOLD)
    off = abs(move - multiple * base)
    level = Level.HOLD if off > hold else Level.WARN if off > warn else Level.PASS
    limit = hold if level is Level.HOLD else warn
    text = (
        f"{leg} {move:+.1%} where {multiple:g} × {underlying} {base:+.1%} is expected:"
        f" off by {off:.1%}, limit {limit:.0%}"
    )
    return GateResult(level, "underlying", text)


def suspected_split(symbol: str, price: float, expected: float) -> GateResult:
    """Recognise a price that is n times or 1/n of what is expected, n = 2..20."""
    ratio = price / expected
    n = round(max(ratio, 1 / ratio))
    scaled = ratio / n if ratio > 1 else ratio * n
    if 2 <= n <= SPLIT_MAX and abs(scaled - 1) <= SPLIT_TOLERANCE:
        kind = f"1:{n}" if ratio > 1 else f"{n}:1"
        text = f"{symbol} {price:g} where {expected:g} is expected: looks like a {kind} split"
        return GateResult(Level.HOLD, "suspected_split", text)
    return GateResult(Level.PASS, "suspected_split", f"{symbol} {price:g}, expected {expected:g}")


def jump(symbol: str, price: float, before: float) -> GateResult:
    """Hold a price that is many times, or a small part of, the last final close."""
    ratio = price / before
    level = Level.PASS if 1 / JUMP < ratio < JUMP else Level.HOLD
    text = f"{symbol} {price:g} after {before:g}: {ratio:g} times, limit {JUMP:g} times"
    return GateResult(level, "jump", text)


def signal_volume(symbol: str, volume: float, before: float | None) -> GateResult:
    """Refuse no volume of the signal symbol; warn of one far from the session before."""
    if volume <= 0:
        text = f"{symbol} volume {volume:g}: not stored as final, more than 0 is needed"
        return GateResult(Level.HOLD, "zero_volume", text)
    low, high = VOLUME_RATIO
    ratio = volume / before if before else 1.0
    level = Level.PASS if low <= ratio <= high else Level.WARN
    text = f"{symbol} volume {volume:g} after {before or 0:g}: limits {low:g} and {high:g} times"
    return GateResult(level, "volume", text)


def misfit(moves: Sequence[float], multiple: float, base: Sequence[float]) -> float | None:
    """Return the median miss of multiple × base, relative to the median expected move.

    Right files give 0.05-0.07; a fund's file that holds another fund 0.67 and more.
    None where too few moves are in common to say anything.
    """
    if len(moves) < _MISFIT_MOVES:
        return None
    expected = median(abs(multiple * b) for b in base)
    missed = median(abs(m - multiple * b) for m, b in zip(moves, base, strict=True))
    return missed / expected if expected > 0 else None


class Gap(NamedTuple):
    """Sessions without a bar, one after the other."""

    first: date
    last: date
    sessions: int


def gaps(found: Sequence[date], expected: Sequence[date]) -> list[Gap]:
    """Return the runs of expected sessions that are missing among the found ones."""
    present = set(found)
    runs: list[Gap] = []
    joined = False
    for day in expected:
        if day in present:
            joined = False
        elif joined:
            runs[-1] = Gap(runs[-1].first, day, runs[-1].sessions + 1)
        else:
            runs.append(Gap(day, day, 1))
            joined = True
    return runs


class _Track:
    """One series in floats, walked once: which bars pass, and which do not."""

    def __init__(self, stock: Stock, bars: Sequence[Bar]) -> None:
        self.stock = stock
        self.days = [bar.session_date for bar in bars]
        self.opens = [float(bar.open) for bar in bars]
        self.closes = [float(bar.close) for bar in bars]
        self.volumes = [bar.volume for bar in bars]
        self.index = {day: index for index, day in enumerate(self.days)}
        self.held: set[date] = set()  # the bar must not be used
        self.bad_opens: set[date] = set()

    def move(self, since: date, day: date, *, opening: bool) -> float | None:
        """Return the move from a session's close to another's open or close, if both are good."""
        start, end = self.index.get(since), self.index.get(day)
        if start is None or end is None or since in self.held:
            return None
        if day in (self.bad_opens if opening else self.held):
            return None
        return (self.opens if opening else self.closes)[end] / self.closes[start] - 1


def examine(
    stocks: Mapping[InstrumentId, Stock],
    series: Mapping[InstrumentId, Sequence[Bar]],
    bands: Bands = REGIME_BANDS,
) -> list[DataFinding]:
    """Walk all series through the gates for prices and volumes; return what is odd.

    A HOLD on a final bar blocks: the bar is not to be used and nothing is decided from its
    session on. A HOLD on an opening price alone (kind `bad_open`) only withholds that price.
    """
    tracks = {key: _Track(stocks[key], bars) for key, bars in series.items()}
    findings: list[DataFinding] = []
    # underlyings first: a fund is not blamed for what its underlying did
    for track in sorted(tracks.values(), key=lambda t: t.stock.underlying is not None):
        base = tracks.get(stock_id(track.stock.underlying)) if track.stock.underlying else None
        findings += _walk(track, base, bands)
    return findings


def _walk(track: _Track, base: _Track | None, bands: Bands) -> list[DataFinding]:
    findings = _volumes(track, bands)
    limit = bands.own_close.get(track.stock.symbol, _QUIET)
    good = -1  # the last bar that passed
    for now, day in enumerate(track.days):
        if day in track.held:
            continue
        if good < 0 or _is_quiet(track, base, min(limit, _QUIET), good, now):
            good = now
            continue
        since, result = _against_last(track, base, bands, good, now)
        opening = _judge(track, base, bands, since, now, opening=True)
        if opening.level is Level.HOLD:
            track.bad_opens.add(day)
            findings.append(_finding(track, day, "bad_open", f"open: {opening.text}"))
        elif opening.level is Level.WARN:
            findings.append(_finding(track, day, "open", f"open: {opening.text}"))
        if result.level is not Level.PASS:
            holds = result.level is Level.HOLD
            findings.append(_finding(track, day, result.kind, result.text, blocks=holds))
        if result.level is Level.HOLD:
            track.held.add(day)
        else:
            good = now
    return findings


def _against_last(
    track: _Track, base: _Track | None, bands: Bands, good: int, now: int
) -> tuple[int, GateResult]:
    """Judge a close by the last good one, or by the one before it if that level has lasted."""
    result = _judge(track, base, bands, good, now, opening=False)
    if result.level is Level.HOLD and good != now - 1:
        lasting = _judge(track, base, bands, now - 1, now, opening=False)
        if lasting.level is not Level.HOLD:
            return now - 1, lasting
    return good, result


def _is_quiet(track: _Track, base: _Track | None, limit: float, good: int, now: int) -> bool:
    """Tell quickly that every gate passes; most bars end here."""
    before = track.closes[good]
    opening, move = track.opens[now] / before - 1, track.closes[now] / before - 1
    if not (-limit <= move <= limit and -limit <= opening <= limit):
        return False
    if base is None:
        return True
    since, day, multiple = track.days[good], track.days[now], float(track.stock.multiple)
    base_move = base.move(since, day, opening=False)
    base_opening = base.move(since, day, opening=True)
    return (
        base_move is not None
        and base_opening is not None
        and abs(move - multiple * base_move) <= UNDERLYING_WARN
        and abs(opening - multiple * base_opening) <= OPEN_WARN
    )


def _judge(
    track: _Track, base: _Track | None, bands: Bands, since: int, now: int, *, opening: bool
) -> GateResult:
    """Return the worst gate of a price against an earlier close."""
    stock, symbol = track.stock, track.stock.symbol
    price = (track.opens if opening else track.closes)[now]
    before = track.closes[since]
    expected = before
    results = []
    move = base.move(track.days[since], track.days[now], opening=opening) if base else None
    if base is not None and move is not None:
        multiple = float(stock.multiple)
        expected = before * max(1 + multiple * move, 0.01)
        results.append(
            underlying_move(
                symbol, price / before - 1, multiple, base.stock.symbol, move, opening=opening
            )
        )
    # a split is named before "the move is too large", which it is as well
    results.insert(0, suspected_split(symbol, price, expected))
    limit = bands.own_close.get(symbol)
    results.append(
        jump(symbol, price, before) if limit is None else own_move(symbol, price, before, limit)
    )
    return max(results, key=lambda result: _SEVERITY[result.level])


def _volumes(track: _Track, bands: Bands) -> list[DataFinding]:
    symbol = track.stock.symbol
    is_read = symbol in bands.volume
    if not any(track.volumes):
        text = f"{symbol} has no volume in any bar: nothing is judged by it"
        return [_finding(track, day, "no_volume", text, blocks=is_read) for day in track.days[:1]]
    findings: list[DataFinding] = []
    before: float | None = None
    for day, shares in zip(track.days, track.volumes, strict=True):
        if shares and not is_read:
            continue
        volume = float(shares)
        result = signal_volume(symbol, volume, before)
        holds = is_read and result.level is Level.HOLD
        if holds:
            track.held.add(day)
        else:
            before = volume
        if result.level is not Level.PASS:
            findings.append(_finding(track, day, result.kind, result.text, blocks=holds))
    return findings


def _finding(
    track: _Track, day: date, kind: str, text: str, *, blocks: bool = False
) -> DataFinding:
    return DataFinding(
        kind=kind, symbol=track.stock.symbol, session_date=day, text=text, blocks=blocks
    )
