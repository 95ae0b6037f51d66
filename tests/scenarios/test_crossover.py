"""Crossover through the whole product against exact arithmetic of its own, with ties."""

from contextlib import closing
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

from engine.settings.load import load
from engine.settings.sources import Flag
from storage.connect import open_reader
from storage.queries.listing import rows
from tui.wiring import run_session

FAST, SLOW = 40, 140
EXPOSURE = Fraction(98, 100)
COMMISSION = Fraction(1, 10_000)
FIRST = date(1990, 1, 1)

Bar = tuple[date, int, int]  # open and close in cents


def series(length: int, seed: int) -> list[Bar]:
    """Cents that walk, then stand still for longer than the slow window, so that means tie."""
    rng, price, bars = Random(seed), 10_000, []
    still = 0
    for n in range(length):
        if still:
            still -= 1
            opening = price
        else:
            opening = max(500, price + rng.randint(-40, 40))
            price = max(500, opening + rng.randint(-160, 163))
            if rng.random() < 0.004:
                still = SLOW + 20
                opening = price
        bars.append((FIRST + timedelta(days=n), opening, price))
    return bars


def exact_fills(bars: list[Bar], capital: int) -> tuple[list[tuple[str, str, int, int]], Fraction]:
    """Return (date, side, shares, cents) of every fill and the final equity in dollars."""
    cash, shares, fills = Fraction(capital), 0, []
    closes: list[int] = []
    for day, opening, close in bars:
        if len(closes) >= SLOW:
            fast = Fraction(sum(closes[-FAST:]), FAST)
            slow = Fraction(sum(closes[-SLOW:]), SLOW)
            price = Fraction(opening, 100)
            if fast > slow and not shares:
                wanted = int(EXPOSURE * cash / Fraction(closes[-1], 100))
                if wanted and wanted * price * (1 + COMMISSION) <= cash:
                    shares = wanted
                    cash -= wanted * price * (1 + COMMISSION)
                    fills.append((day.isoformat(), "BUY", wanted, opening))
            elif fast <= slow and shares:
                cash += shares * price * (1 - COMMISSION)
                fills.append((day.isoformat(), "SELL", shares, opening))
                shares = 0
        closes.append(close)
    return fills, cash + shares * Fraction(bars[-1][2], 100)


def write_csv(folder: Path, bars: list[Bar]) -> Path:
    """Write the series as the only instrument of a folder."""
    folder.mkdir()
    lines = ["date,open,high,low,close,volume"]
    for day, opening, close in bars:
        high, low = max(opening, close), min(opening, close)
        cents = ",".join(f"{c // 100}.{c % 100:02d}" for c in (opening, high, low, close))
        lines.append(f"{day},{cents},1000000")
    (folder / "QQQ.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def ties(bars: list[Bar]) -> int:
    """Count the sessions on which the two means are exactly equal."""
    closes = [close for _, _, close in bars]
    return sum(
        SLOW * sum(closes[n - FAST : n]) == FAST * sum(closes[n - SLOW : n])
        for n in range(SLOW, len(closes))
    )


def test_crossover_is_exact_fill_by_fill_and_to_the_cent(tmp_path: Path) -> None:
    bars = series(6_000, seed=11)
    assert ties(bars) > 100
    want, equity = exact_fills(bars, 10_000)
    assert len(want) > 50
    database = tmp_path / "run.db"
    given = {
        "storage.path": str(database),
        "run.mode": "backtest",
        "run.pace": "max",
        "run.strategy": "crossover",
        "run.data": str(write_csv(tmp_path / "bars", bars)),
        "run.from": FIRST.isoformat(),
        "run.capital": "10000",
        "market.calendar": "always",
        "sim.half_spread_bps": "0",
        "sim.slippage_bps": "0",
        "sim.commission_bps": "1",
    }
    flags = [Flag(f"--set {key}", key, value) for key, value in given.items()]
    outcome = run_session(load(flags=flags, env={}, here=tmp_path, today=date(2026, 11, 20)))
    assert outcome.result is not None
    with closing(open_reader(database)) as reader:
        trades = rows(reader, "trades", session_id=outcome.session_id)
    got = [
        (row["at"][:10], row["side"], int(row["quantity"]), round(row["price"] * 100))
        for row in trades
    ]
    assert got == want
    assert abs(Fraction(outcome.result["final_equity_exact"]) - equity) < Fraction(1, 100)
    assert outcome.result["latches"] == []
