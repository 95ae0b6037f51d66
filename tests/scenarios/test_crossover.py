"""Crossover through the whole product against exact arithmetic of its own, with ties."""

from contextlib import closing
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from engine.domain.session import FillRule
from engine.settings.load import load
from engine.settings.sources import Flag
from engine.strategy.crossover import CrossoverStrategy
from storage.connect import open_reader
from storage.queries.listing import rows
from tui.wiring import RunOutcome, run_session

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


def ran(database: Path, data: Path, first: date, **more: str) -> RunOutcome:
    """Run the strategy over a folder, every event written into this database."""
    given = {
        "storage.path": str(database),
        "run.mode": "backtest",
        "run.pace": "max",
        "run.strategy": "crossover",
        "run.data": str(data),
        "run.from": first.isoformat(),
        "run.capital": "10000",
        "market.calendar": "always",
        "sim.half_spread_bps": "0",
        "sim.slippage_bps": "0",
        "sim.commission_bps": "1",
        **more,
    }
    flags = [Flag(f"--set {key}", key, value) for key, value in given.items()]
    settings = load(flags=flags, env={}, here=database.parent, today=date(2026, 11, 20))
    return run_session(settings)


def test_crossover_is_exact_fill_by_fill_and_to_the_cent(tmp_path: Path) -> None:
    bars = series(6_000, seed=11)
    assert ties(bars) > 100
    want, equity = exact_fills(bars, 10_000)
    assert len(want) > 50
    database = tmp_path / "run.db"
    outcome = ran(database, write_csv(tmp_path / "bars", bars), FIRST)
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


@pytest.mark.parametrize("rule", list(FillRule))
def test_quiet_bars_taken_at_once_leave_what_bars_one_by_one_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: FillRule
) -> None:
    data = write_csv(tmp_path / "bars", series(1_500, seed=5))
    first = FIRST + timedelta(days=200)  # the baseline counts from a close before it
    at_once = kept(tmp_path / "at_once.db", data, first, rule)
    monkeypatch.setattr(CrossoverStrategy, "pass_quiet", lambda *given: 0)
    assert kept(tmp_path / "one_by_one.db", data, first, rule) == at_once


def kept(database: Path, data: Path, first: date, rule: FillRule) -> list[object]:
    """Run, and return all that says anything of the market, without ids of the session."""
    outcome = ran(database, data, first, **{"sim.fill": rule.value})
    assert outcome.result is not None
    with closing(open_reader(database)) as reader:
        days = reader.execute(
            "SELECT session_date, equity, cash, daily_return, cumulative_return, drawdown, "
            "high_water, equity_at_fill, baseline, fees_to_date, final, holdings FROM v_snapshots "
            "ORDER BY session_date"
        ).fetchall()
        decided = reader.execute("SELECT at, text, equity, cash FROM v_decisions ORDER BY seq")
        written = reader.execute(
            "SELECT kind, count(*) FROM events WHERE kind <> 'SnapshotTaken' GROUP BY 1"
        )
        others = [tuple(row) for row in (*decided, *written)]
    assert len(days) == outcome.result["sessions"] == 1_300
    assert all(abs(day["daily_return"]) < 0.1 for day in days)
    hashes = [outcome.result[name] for name in ("decisions_hash", "fills_hash")]
    return [hashes, [tuple(day) for day in days], others]
