"""Nine years of the regime strategy on six real series, every event written."""

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.core.decide import STEPS
from engine.core.draft import NOTHING
from engine.domain.input import BarsClosed, QuotesSeen, SlotDue
from engine.runtime.loop import Loop
from engine.settings.load import load
from engine.settings.sources import Flag
from tests.architecture.sources import ROOT
from tests.tui.commands import home
from tui import wiring

DATA = ROOT.parent / "shared" / "data" / "market"

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"real bars are not there: {DATA}"),
]

FLAGS = {
    "run.mode": "backtest", "run.data": str(DATA), "run.from": "2010-01-04",
    "run.to": "2018-12-31", "run.capital": "10000", "run.pace": "max",
    "sim.half_spread_bps": "5", "sim.slippage_bps": "0",
}  # fmt: skip

# the kernel's ru_maxrss of a child begins with what its parent had: VmHWM is the child's own
CHILD = """
import json, sys, time
from pathlib import Path
import pandas, tui.cli, tui.wiring
from engine.settings.load import load
from engine.settings.sources import Flag
began = time.perf_counter()
flags = [Flag(key, key, value) for key, value in json.loads(sys.argv[1]).items()]
outcome = tui.wiring.run_session(load(flags=flags, env={}))
took = time.perf_counter() - began
told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak = int(told["VmHWM"].split()[0]) / 1000 * 1.024
print(json.dumps({"took": took, "peak_mb": peak, **outcome.result}))
"""


def test_nine_years_take_two_seconds_and_200_mb(tmp_path: Path) -> None:
    best, peak, result = float("inf"), 0.0, {}
    for n in range(3):
        flags = FLAGS | {"storage.path": str(tmp_path / f"{n}.db")}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps(flags)], check=True,
            stdout=subprocess.PIPE, cwd=tmp_path, env={**home(tmp_path), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        result = json.loads(done.stdout)
        best, peak = min(best, result["took"]), max(peak, result["peak_mb"])
        assert (result["fills"], result["final_equity_exact"]) == (332, "43309.871645")
    size = (tmp_path / "0.db").stat().st_size / 1e6
    print(
        f"\nnine regime years: {best:.2f} s after import, of it {result['wall_s']:.2f} s in the "
        f"loop; peak {peak:.0f} MB; {size:.1f} MB written"
    )
    assert best <= 2.0
    assert peak <= 200


RUNS = 5
"""The same inputs cost the same; what a run adds to one of them is the machine's."""


class Spent(NamedTuple):
    """CPU seconds of an input in absorb, decide and evolve."""

    kind: str
    session: str
    seconds: float
    orders: int


class TimedLoop(Loop):
    """The loop, which notes what each input of the feed costs in the core."""

    spent: list[Spent]

    async def _sprint(self) -> None:
        for position, given in enumerate(self._feed, self.position + 1):
            self.position = position
            if isinstance(given, QuotesSeen | BarsClosed):
                self._market(given)
                if self.inbox:
                    await self._after_matching(given)
                    return
            began = time.thread_time()
            take, look = STEPS[type(given)]
            take(self.state, given)
            decision = look(self.state, given)
            commands = [] if decision is NOTHING else self._write(given, decision)
            took = time.thread_time() - began
            day = str(getattr(given, "session_date", ""))
            self.spent.append(Spent(type(given).__name__, day, took, len(commands)))
            if commands:
                await self._act(commands)
                return
            if not position & 63 and self._clock.monotonic() > self._breath + 0.005:
                return
        await self._data_ended()


@pytest.fixture
def spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Spent]:
    """What each input of the nine years costs, undisturbed: its least in equal runs."""
    monkeypatch.setattr(wiring, "Loop", TimedLoop)
    runs: list[list[Spent]] = []
    for n in range(RUNS):
        TimedLoop.spent = []
        values = FLAGS | {"storage.path": str(tmp_path / f"{n}.db")}
        flags = [Flag(key, key, value) for key, value in values.items()]
        wiring.run_session(load(flags=flags, env={}, here=tmp_path))
        runs.append(TimedLoop.spent)
    least = [min(same, key=lambda one: one.seconds) for same in zip(*runs, strict=True)]
    assert [(one.kind, one.session) for one in least] == [
        (one.kind, one.session) for one in runs[0]
    ]
    return least


def test_decide_and_evolve_of_a_daily_bar(spent: list[Spent]) -> None:
    print("\ncore alone (absorb, decide, evolve), µs of CPU    p50    p99    max")
    by_kind: dict[str, list[float]] = defaultdict(list)
    sessions: dict[str, float] = defaultdict(float)
    for one in spent:
        name = one.kind + (" with orders" if one.kind == "SlotDue" and one.orders else "")
        by_kind[name].append(one.seconds)
        sessions[one.session] += one.seconds
    for name, took in [*by_kind.items(), ("a session", list(sessions.values()))]:
        print(f"  {name:24} {len(took):6} times {at(took, 0.5):8.1f} {at(took, 0.99):6.1f}"
              f" {at(took, 1):6.1f}")  # fmt: skip
    assert at(by_kind[BarsClosed.__name__], 0.99) < 100
    assert at(by_kind[SlotDue.__name__], 0.99) < 100


def at(seconds: list[float], part: float) -> float:
    """The value below which this part of them lies, in µs."""
    return 1e6 * sorted(seconds)[min(len(seconds) - 1, int(part * len(seconds)))]
