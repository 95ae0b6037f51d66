"""A practice gateway in a process of its own, and bare clients of it."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.brokers.practice.control import ask
from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.request import request
from tests.architecture.sources import ROOT
from tests.kin import with_us
from tests.patience import PATIENCE_S
from tests.tui.commands import Said, home

_ENDS = {"FILLED", "CANCELLED", "REJECTED", "EXPIRED", "INACTIVE"}


class Running:
    """A gateway in a process of its own."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.child = child
        assert child.stdout is not None
        text = child.stdout.readline()
        while not text.rstrip().endswith("}"):
            more = child.stdout.readline()
            assert more, f"no line; {child.stderr.read() if child.stderr else ''}"
            text += more
        self.where: dict[str, Any] = json.loads(text)

    def ask(self, **document: Any) -> dict[str, Any]:
        """Ask the control port."""
        return ask(self.where["host"], self.where["control_port"], document)

    def fault(self, name: str, **given: Any) -> int:
        """Ask for a fault; return its id."""
        answer = self.ask(op="fault", name=name, **given)
        assert answer["ok"], answer
        return int(answer["id"])

    @property
    def state(self) -> dict[str, Any]:
        """The true history."""
        found: dict[str, Any] = self.ask(op="state")["state"]
        return found

    def living(self) -> list[dict[str, Any]]:
        """The orders that still work."""
        return [one for one in self.state["orders"] if one["status"].upper() not in _ENDS]

    def until(self, holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, "not seen in time"
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> Said:
        """Send a signal and wait."""
        self.child.send_signal(number)
        out, err = self.child.communicate(timeout=PATIENCE_S)
        return Said(self.child.returncode, out, err)


@contextmanager
def running(folder: Path, *arguments: str, quiet: bool = True) -> Iterator[Running]:
    """Run a gateway until the test is done with it."""
    options = ("--quiet", *arguments) if quiet else arguments
    child = subprocess.Popen(
        [sys.executable, "-m", "tui", "gateway", "--port", "0", "--json", *options],
        cwd=folder, env={**home(folder), "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=with_us(),
    )  # fmt: skip
    try:
        yield Running(child)
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def started(gateway: Running, client: int = 17) -> socket.socket:
    """A started client's socket."""
    line = socket.create_connection(
        (gateway.where["host"], gateway.where["port"]), timeout=PATIENCE_S
    )
    line.sendall(frame.hello(151, 178) + frame.framed(request("startApi", 178, clientId=client)))
    heard = b""
    while b"secdefil" not in heard:
        heard += line.recv(4096)
    return line


def order(number: int, **values: Any) -> dict[str, Any]:
    """A limit order far from the market."""
    return {
        "orderId": number, "conId": 756733, "secType": "STK", "exchange": "SMART",
        "currency": "USD", "symbol": "SPY", "action": "BUY", "totalQuantity": 10,
        "orderType": "LMT", "lmtPrice": 100, "tif": "GTC", "account": "DU0000001",
        "orderRef": "other", "transmit": True, **values,
    }  # fmt: skip


def placed(line: socket.socket, values: dict[str, Any]) -> None:
    """Place an order and wait until it works."""
    line.sendall(frame.framed(request("placeOrder", 178, **values)))
    heard = b""
    while b"Submitted" not in heard:
        heard += line.recv(2**16)
