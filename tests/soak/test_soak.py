"""Hours at a practice gateway: faults at random, a night, orders all day; looked at every hour.

`make soak HOURS=24 SPEED=60` runs it. Gateway and engine are processes of their own. The market's
day goes by at SPEED; faults come from a seed, by a person's hand, in the market's time. 24 hours
from Thursday 9:50 have two session dates in them, three slots and a night with its restart.

What only a slow machine explains is not held against the engine: a slot that went by while the
processes waited for a processor is told and left out, and a halt of that moment is released.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from engine.domain.request import Request, RequestKind
from engine.runtime.clock import SystemClock
from engine.runtime.ids import SystemIds, request_id
from storage.controls import SqliteRequestBox
from tests.architecture.sources import ROOT
from tests.kin import with_us
from tests.soak.engine import TASKS
from tests.soak.machine import Machine
from tests.tui.commands import home, process
from tests.tui.gateways import Running, running

pytestmark = pytest.mark.soak

HOURS = float(os.environ.get("PILOTHOUSE_SOAK_HOURS", "24"))
SPEED = float(os.environ.get("PILOTHOUSE_SOAK_SPEED", "60"))
SEED = int(os.environ.get("PILOTHOUSE_SOAK_SEED", "7"))
BEGIN = datetime(2026, 11, 19, 14, 50, tzinfo=UTC)  # Thursday, after the morning's slots
MEMORY_GROWTH = 0.05
WARM_HOURS = 2
LOOKS = 3  # one meets the process anywhere between two givings back, which are 2 to 4 MB apart
SLOTS = {"regime": "open", "script": "15min_after_open", "crossover": "15min_before_close"}
DUE = {"open": (14, 30), "15min_after_open": (14, 45), "15min_before_close": (20, 45)}
ORDER_EVERY = timedelta(minutes=10)
FAULT_EVERY = timedelta(minutes=25)
QUIET = timedelta(minutes=10)  # without a fault before an hour is looked at
MATCH_WITHIN_S = 90.0
SLOW_WITHIN = timedelta(seconds=10 * SPEED)  # of the market: ten seconds either side
SLOW_S = 1.0  # waited for a processor in that time; a slot waits for two
SIGNALS = """time,instrument,kind,side,quantity
2026-11-19,SPY,ENTER,BUY,10
2026-11-20,SPY,EXIT,,
2026-11-23,SPY,ENTER,BUY,5
2026-11-24,SPY,EXIT,,
"""


@dataclass
class Look:
    """What was seen at the end of an hour."""

    hour: int
    market: str
    memory_mb: float
    threads: int
    files: int
    tasks: int
    lines: int
    orders: int
    fills: int
    theirs: int
    verdict: str
    faults: int
    open_alerts: int


@dataclass
class Soak:
    """The run: who is asked, and what was gathered."""

    folder: Path
    gateway: Running
    engine: "subprocess.Popen[bytes]"
    rng: random.Random
    machine: Machine
    executions: dict[str, tuple[str, Decimal, Decimal]] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    faults: int = 0
    asked: int = 0
    released: int = 0
    names: dict[str, int] = field(default_factory=dict)

    # -- the market's time --------------------------------------------------------------------

    def now(self) -> datetime:
        """The market's instant."""
        return datetime.fromisoformat(self.gateway.state["now"])

    @staticmethod
    def is_open(at: datetime) -> bool:
        """Say whether the exchange is open; the range has no half day."""
        return at.weekday() < 5 and timedelta(hours=14, minutes=32) <= timedelta(
            hours=at.hour, minutes=at.minute
        ) < timedelta(hours=20, minutes=55)

    @staticmethod
    def is_night(at: datetime) -> bool:
        """Say whether the gateway restarts or the servers reset: 23:40 to 02:00 New York."""
        return (
            timedelta(hours=4, minutes=35)
            <= timedelta(hours=at.hour, minutes=at.minute)
            < timedelta(hours=7)
        )

    # -- what is done to it -------------------------------------------------------------------

    def order(self) -> None:
        """Ask for a market order by hand, in turn a buy and a sell."""
        side = "BUY" if self.asked % 2 == 0 else "SELL"
        args = {
            "action": side, "symbol": "IWM", "strategy": "manual", "quantity": "5",
            "type": "MARKET", "tif": "DAY",
        }  # fmt: skip
        at = SystemClock().wall()
        with SqliteRequestBox(self.database) as box:
            box.ask(
                Request(
                    request_id=request_id(at, SystemIds().bits(80)),
                    kind=RequestKind.ORDER,
                    actor="soak",
                    reason="",
                    args=args,
                    asked_at=at,
                )
            )
        self.asked += 1

    def fault(self) -> None:
        """Something that happens to gateways."""
        rng = self.rng
        choices: list[tuple[str, dict[str, Any]]] = [
            ("drop_socket", {"client": 17}),
            ("drop_socket", {"client": 18}),
            ("drop_socket", {"client": 17, "on": "ack"}),
            ("drop_socket", {"client": 17, "on": "fill"}),
            ("farm_flap", {"farm": "data", "s": 120}),
            ("upstream_lost", {"s": 180}),
            ("upstream_lost", {"s": 180, "data_lost": "true"}),
            ("duplicate", {"kind": 11, "times": 2}),
            ("duplicate", {"kind": 3, "times": 2}),
            ("delay", {"kind": 3, "ms": 20_000}),
            ("commission_late", {"s": 120}),
            ("fill_before_ack", {}),
            ("ack_late", {"s": 60}),
            ("false_error", {"code": 10349, "text": "tif was set"}),
            ("fragment", {"bytes": 7, "client": 17}),
            ("exec_correction", {"price": "230.01"}),
            ("lose", {"kind": 11, "n": 1}),
            ("error", {"kind": 61, "code": 321, "text": "not now"}),
        ]
        name, given = rng.choice(choices)
        self.gateway.fault(name, **given)
        self.faults += 1
        print(f"      {self.now():%a %H:%M}  {name} {given}", flush=True)

    def release(self, now: datetime) -> None:
        """Go on after a halt that the machine is to blame for; another one stays."""
        held = self.rows("SELECT reason FROM books WHERE trading_state = 'HALTED'")
        if not held or not self.machine.was_slow(now, SLOW_WITHIN, SLOW_S):
            return
        said = process(self.folder, "resume", "--reason", "the machine was slow")
        self.released += 1
        print(f"      {now:%a %H:%M}  HALTED, {held[0][0]}: resume {said.code}", flush=True)

    # -- what is seen -------------------------------------------------------------------------

    @property
    def database(self) -> Path:
        """The engine's."""
        return self.folder / "state" / "pilothouse" / "pilothouse.db"

    def rows(self, query: str) -> list[Any]:
        """Read the contract views."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def gather(self) -> None:
        """Remember the executions of the gateway's day: at midnight it forgets them."""
        for one in self.gateway.state["executions"]:
            given = one["execution"]
            root, _, _ = str(given["exec_id"]).rpartition(".")
            if given["client_id"] == 17:
                known = self.executions.get(root)
                if known is None or known[0] < given["exec_id"]:
                    self.executions[root] = (
                        given["exec_id"], Decimal(given["shares"]), Decimal(given["price"]),
                    )  # fmt: skip

    def ours(self) -> dict[str, tuple[str, Decimal, Decimal]]:
        """The fills that the engine has booked, by root."""
        found = {}
        for exec_id, quantity, price in self.rows(
            "SELECT exec_id, quantity, price FROM v_fills WHERE quantity <> 0"
        ):
            found[exec_id.rpartition(".")[0]] = (
                exec_id, Decimal(str(quantity)), Decimal(str(price)),
            )  # fmt: skip
        return found

    def verdict(self) -> str:
        """Ask until both sides agree, or for as long as that may take."""
        limit, said = time.monotonic() + MATCH_WITHIN_S, ""
        while time.monotonic() < limit:
            asked = process(self.folder, "reconcile", "--json")
            said = json.loads(asked.out).get("verdict", "") if asked.out else asked.err.strip()
            if said == "CLEAN":
                return said
            for one in json.loads(asked.out).get("differences", []) if asked.out else []:
                item = str(one["item"])
                if item.startswith(("cash", "cost ")):  # a corrected price is a person's matter
                    process(self.folder, "reconcile", "--accept", item, "--reason", "corrected")
            time.sleep(2)
        return said

    def look(self, hour: int) -> Look:
        """Count what a leak would raise."""
        verdict = self.verdict()
        self.gather()
        pid = self.engine.pid
        told = self.folder / "tasks.json"
        told.unlink(missing_ok=True)
        self.engine.send_signal(signal.SIGUSR2)
        until = time.monotonic() + 10
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.05)
        self.names = json.loads(told.read_text())
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        state = self.gateway.state
        made = Look(
            hour=hour,
            market=self.now().strftime("%a %H:%M"),
            memory_mb=int(status["VmRSS"].split()[0]) / 1024,
            threads=int(status["Threads"]),
            files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
            tasks=sum(self.names.values()),
            lines=state["lines"],
            orders=self.rows("SELECT count(*) FROM v_orders")[0][0],
            fills=len(self.ours()),
            theirs=len(self.executions),
            verdict=verdict,
            faults=self.faults,
            open_alerts=self.rows("SELECT count(*) FROM v_alerts WHERE state = 'OPEN'")[0][0],
        )
        self.looks.append(made)
        print(
            f"{made.hour:4d}  {made.market}  {made.memory_mb:7.1f} MB {made.threads:3d} thr "
            f"{made.files:3d} fd {made.tasks:3d} tasks {made.lines:3d} lines {made.orders:4d} ord "
            f"{made.fills:4d}/{made.theirs:<4d} fills  {made.verdict:<11} {made.faults:3d} faults "
            f"{made.open_alerts:3d} open  {self.machine.waited_s:6.1f} s waited",
            flush=True,
        )
        return made


def expected(begin: datetime, end: datetime) -> dict[tuple[str, str], int]:
    """Return which strategy has to decide on which session date, once each."""
    found = {}
    day = begin.date()
    while day <= end.date():
        for strategy, slot in SLOTS.items():
            due = datetime(day.year, day.month, day.day, *DUE[slot], tzinfo=UTC)
            if day.weekday() < 5 and begin + timedelta(minutes=3) < due < end - timedelta(
                minutes=3
            ):
                found[strategy, day.isoformat()] = 1
        day = date.fromordinal(day.toordinal() + 1)
    return found


def start(folder: Path, gateway: Running) -> "subprocess.Popen[bytes]":
    """The engine, with everything on."""
    (folder / "signals.csv").write_text(SIGNALS)
    keys = {
        "ibkr.port": gateway.where["port"],
        "ibkr.account": gateway.where["account"],
        "ibkr.practice_speed": SPEED,
        "script.file": folder / "signals.csv",
        "crossover.symbol": "GLD",
        "manual.symbols": "IWM",
        "risk.trades_day": "off",
        "risk.orders_day": 100_000,
        "risk.notional_day": 1000,
        **{f"{name}.execution_slot": slot for name, slot in SLOTS.items()},
    }
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    strategies = ",".join((*SLOTS, "manual"))
    given = ("run", "--no-ui", "--mode", "paper", "--strategy", strategies, *sets)
    with (folder / "engine.out").open("wb") as log:
        return subprocess.Popen(
        [sys.executable, "-m", "tests.soak.engine", *given], cwd=ROOT,
        env={**home(folder), "PYTHONPATH": str(ROOT), TASKS: str(folder / "tasks.json")},
        stdout=log, stderr=subprocess.STDOUT, preexec_fn=with_us(),
    )  # fmt: skip


def soaked(soak: Soak) -> datetime:
    """Let the hours pass; return the market's end."""
    rng = soak.rng
    orders = faults = BEGIN
    hour, end = 1, BEGIN + timedelta(hours=HOURS)
    while (now := soak.now()) < end:
        assert soak.engine.poll() is None, (soak.folder / "engine.out").read_text()[-2000:]
        due = BEGIN + timedelta(hours=hour)
        if now >= due:
            if soak.is_night(now):
                print(f"{hour:4d}  {now:%a %H:%M}  night: the gateway comes and goes", flush=True)
            else:
                soak.look(hour)
            hour += 1
        elif now >= faults and due - now > QUIET and not soak.is_night(now):
            faults = now + FAULT_EVERY * rng.uniform(0.5, 1.5)
            soak.fault()
        elif now >= orders and soak.is_open(now):
            orders = now + ORDER_EVERY * rng.uniform(0.5, 1.5)
            soak.order()
        soak.gather()
        soak.machine.look(now)
        soak.release(now)
        time.sleep(0.5)
    return now


def test_a_day_leaves_nothing_behind_and_everything_done(tmp_path: Path) -> None:
    market = ("--start", f"{BEGIN:%Y-%m-%dT%H:%M:%SZ}", "--speed", str(SPEED), "--seed", str(SEED))
    print(f"\n{HOURS:g} hours at {SPEED:g} times, seed {SEED}, {tmp_path}", flush=True)
    with running(tmp_path, *market, "--cash", "1000000") as gateway:
        engine = start(tmp_path, gateway)
        machine = Machine(engine.pid, gateway.child.pid)
        soak = Soak(tmp_path, gateway, engine, random.Random(SEED), machine)
        try:
            limit = time.monotonic() + 240
            while "RUNNING" not in process(tmp_path, "status").out:
                assert time.monotonic() < limit, (tmp_path / "engine.out").read_text()[-2000:]
                time.sleep(0.2)
            begun = soak.now()
            gateway.fault("nightly")
            end = soaked(soak)
            last = soak.look(round(HOURS))
            said = process(tmp_path, "stop")
            assert said.code == 0, said.out + said.err
            engine.wait(60)
            soak.gather()
        finally:
            if engine.poll() is None:
                engine.kill()
                engine.wait()
        judge(soak, begun, end, last)
        assert process(tmp_path, "db", "check").code == 0


def missed_by_the_machine(soak: Soak, strategy: str, day: str) -> bool:
    """Say whether a slot has its row MISSED, from a moment at which the machine was slow."""
    due = datetime.combine(date.fromisoformat(day), time_of_day(*DUE[SLOTS[strategy]]), tzinfo=UTC)
    missed = soak.rows("SELECT job, session_date FROM v_jobs WHERE outcome = 'MISSED'")
    return missed.count((f"decision:{strategy}", day)) == 1 and soak.machine.was_slow(
        due, SLOW_WITHIN, SLOW_S
    )


def judge(soak: Soak, begun: datetime, end: datetime, last: Look) -> None:
    """Hold the run against what was promised."""
    decided: dict[tuple[str, str], int] = {}
    for strategy, day, count in soak.rows(
        "SELECT strategy_id, session_date, count(*) FROM v_decisions GROUP BY 1, 2"
    ):
        decided[strategy, day] = count
    print(f"decided: {decided}")
    print(f"tasks: {soak.names}")
    kinds = soak.rows("SELECT kind, state, count FROM v_alerts ORDER BY 1, 2")
    print(f"alerts: {kinds}")
    wanted = expected(begun, end)
    gone = {key for key in wanted if key not in decided and missed_by_the_machine(soak, *key)}
    print(f"decided {len(decided)} of {len(wanted)}; missed by a slow machine: {sorted(gone)}")
    assert decided == {key: 1 for key in wanted if key not in gone}
    assert soak.ours() == soak.executions
    assert {look.verdict for look in soak.looks} == {"CLEAN"}
    first = next((one for one in soak.looks if one.hour >= WARM_HOURS), soak.looks[0])
    warm = [one.memory_mb for one in soak.looks if one.hour >= first.hour]
    before, after = median(warm[:LOOKS]), median(warm[-LOOKS:])
    growth = after / before - 1
    print(f"memory {before:.1f} → {after:.1f} MB, {growth:+.1%}, middles of {LOOKS} looks")
    assert growth < MEMORY_GROWTH
    assert last.threads <= first.threads
    assert last.files <= first.files + 2
    assert last.tasks <= first.tasks + 2
    assert last.lines <= first.lines
