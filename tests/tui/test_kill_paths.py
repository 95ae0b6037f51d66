"""The ways to stop everything: halt in a burst of orders, panic beside a frozen engine.

Counted is what the gateway received, not what the engine says.
"""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.domain.request import Request, RequestKind
from engine.runtime.clock import SystemClock
from engine.runtime.ids import SystemIds, request_id
from storage.controls import SqliteRequestBox
from tests.tui.commands import Here
from tests.tui.gateways import Running, running
from tests.tui.test_cli_control import start, until
from tests.tui.test_cli_paper import state_of

SPEED = "2"
EVERY_S = 0.02  # an order asked
UNDER_WAY = {"APPROVED", "SUBMITTED", "ACCEPTED"}
CANCELED_WITHIN_S = 5.0  # 2 on a quiet machine; everybody's tests run on two cores


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


class Burst:
    """Somebody who asks for one limit order after the other, far from the market."""

    def __init__(self, database: Path, engine: "subprocess.Popen[str]") -> None:
        self.asked = 0
        self.engine = engine
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(database,))
        self._thread.start()

    def _run(self, database: Path) -> None:
        with SqliteRequestBox(database) as box:
            while not self._ends.wait(EVERY_S):
                now = SystemClock().wall()
                args = {
                    "action": "BUY", "symbol": "QQQ", "strategy": "manual", "quantity": "1",
                    "type": "LIMIT", "limit": "400.00", "tif": "GTC",
                }  # fmt: skip
                asked = Request(
                    request_id=request_id(now, SystemIds().bits(80)), kind=RequestKind.ORDER,
                    actor="a test", reason="", args=args, asked_at=now,
                )  # fmt: skip
                box.ask(asked)
                self.asked += 1

    def end(self) -> None:
        """Ask no more."""
        self._ends.set()
        self._thread.join()


@contextmanager
def bursting(here: Here, gateway: Running) -> Iterator[Burst]:
    """A paper session that is flooded with orders, of which some work already."""
    keys = {
        "ibkr.port": gateway.where["port"],
        "ibkr.account": gateway.where["account"],
        "ibkr.practice_speed": SPEED,
        "manual.symbols": "QQQ",
        "risk.orders_minute": 1000,
        "risk.orders_working": 1000,
        "risk.orders_day": 100_000,
    }
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    given = ("run", "--no-ui", "--mode", "paper", "--strategy", "manual", *sets)
    with start(here.folder, *given) as engine:
        until(lambda: state_of(here) == "RUNNING")
        burst = Burst(Path(here("status", "--json").json["database"]), engine)
        try:
            until(lambda: len(gateway.living()) >= 5)
            yield burst
        finally:
            burst.end()


def test_in_a_burst_nothing_is_sent_after_halt_and_panic_needs_no_engine(here: Here) -> None:
    market = ("--start", "2026-11-20T15:00:00Z", "--speed", SPEED)
    with running(here.folder, *market) as gateway, bursting(here, gateway) as burst:
        halts(here, gateway, burst)
        resumed = here("resume", "--reason", "the burst is known")
        assert resumed.code == 0
        until(lambda: len(gateway.living()) >= 5)
        panics(here, gateway, burst)


def halts(here: Here, gateway: Running, burst: Burst) -> None:
    """Nothing arrives after it has returned, and what worked is canceled within two seconds."""
    assert here("halt", "--reason", "too many").code == 0
    asked = burst.asked
    gateway.until(lambda: not gateway.living(), CANCELED_WITHIN_S)
    every = ("orders", "--json", "--limit", "100000")
    until(lambda: not any(one["status"] in UNDER_WAY for one in here(*every).json))
    sent = len(gateway.state["orders"])
    until(lambda: burst.asked >= asked + 50)
    assert len(gateway.state["orders"]) == sent
    assert gateway.living() == []


def panics(here: Here, gateway: Running, burst: Burst) -> None:
    """An engine that is frozen while it sends cannot keep an order alive."""
    engine = burst.engine
    engine.send_signal(signal.SIGSTOP)
    try:
        burst.end()
        said = here("panic", "--confirm", "--set", f"ibkr.port={gateway.where['port']}")
        assert said.code == 0, said.out + said.err
        assert gateway.living() == []
        sent = len(gateway.state["orders"])
    finally:
        engine.send_signal(signal.SIGCONT)
    until(lambda: here("status", "--json").json["trading_state"]["state"] == "HALTED")
    until(lambda: not here("status", "--json").json["requests_waiting"])
    until(lambda: not gateway.living())
    assert len(gateway.state["orders"]) == sent
