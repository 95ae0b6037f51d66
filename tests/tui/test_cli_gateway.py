"""pilothouse gateway as a process: one line, faults from outside, frames on file, state kept."""

import json
import os
import signal
from pathlib import Path

import pytest

from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.answer import read_answer
from engine.brokers.practice.wire.request import request
from tests.architecture.sources import ROOT
from tests.patience import PATIENCE_S
from tests.tui.commands import Here
from tests.tui.gateways import order, running, started

START = ("--start", "2026-11-20T15:00:00Z")


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


ORDER = order(1, orderRef="kept")


def test_a_gateway_tells_where_it_listens_serves_and_ends_cleanly(
    tmp_path: Path, here: Here
) -> None:
    frames, state = tmp_path / "frames.jsonl", tmp_path / "state.json"
    options = (*START, "--json-log", str(frames), "--state", str(state))
    with running(tmp_path, *options, quiet=False) as gateway:
        assert gateway.where.keys() == {"host", "port", "control_port", "account"}
        line = started(gateway)
        line.sendall(frame.framed(request("placeOrder", 178, **ORDER)))
        while b"PreSubmitted" not in line.recv(2**16):
            pass
        said = here("gateway", "fault", "drop_socket", "client=17")
        assert (said.code, said.out) == (0, "fault 1: drop_socket\n")
        assert gateway.ask(op="wait", id=1) == {"ok": True}
        line.close()
        ended = gateway.end()
    assert ended.code == 0
    assert ended.out == ""
    assert ended.err.splitlines()[0] == "client 17 started at version 178"
    lines = [json.loads(one) for one in frames.read_text().splitlines()]
    told = [one["message"] for one in lines if one["way"] == "in"]
    assert told == ["hello", "startApi", "placeOrder"]
    with running(tmp_path, *START, "--state", str(state)) as again:
        kept = again.ask(op="state")["state"]["orders"]
        assert [one["request"]["order_ref"] for one in kept] == ["kept"]
        line = started(again)
        assert again.ask(op="quit") == {"ok": True}
        again.child.wait(timeout=PATIENCE_S)
        line.close()
        assert again.child.returncode == 0
        assert again.child.stderr is not None
        assert again.child.stderr.read() == ""


def test_a_fault_without_a_gateway_is_exit_4(here: Here) -> None:
    said = here("gateway", "fault", "restart")
    assert said.code == 4
    assert "no practice gateway runs" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--host", "0.0.0.0"), 3, "0.0.0.0"),
        (("--start", "2026-11-20"), 2, "--start"),
        (("--cash", "0"), 2, "--cash"),
        (("--server-version", "150"), 2, "--server-version"),
        (("--faults", "nowhere.toml"), 2, "nowhere.toml"),
        (("--script", "nowhere.csv"), 2, "nowhere.csv"),
        (("--bars", "nowhere"), 2, "nowhere"),
        (("fault", "restart", "down_s"), 2, "down_s"),
    ],
)
def test_what_cannot_be_is_refused_with_its_value(
    here: Here, arguments: tuple[str, ...], code: int, word: str
) -> None:
    said = here("gateway", *arguments)
    assert said.code == code, said.err
    assert word in said.err
    assert "Traceback" not in said.err


def test_bars_quotes_and_faults_come_from_files(tmp_path: Path) -> None:
    folder = ROOT.parent / "shared" / "data" / "market"
    if not folder.is_dir():
        pytest.skip("the shared market data is not here")
    only = tmp_path / "bars"
    only.mkdir()
    os.symlink(folder / "QQQ.csv", only / "QQQ.csv")
    (tmp_path / "faults.toml").write_text(
        '[[fault]]\nname = "clock_skew"\ns = 5\n\n[[fault]]\nname = "slow"\non = "request:61"\n'
    )
    (tmp_path / "quotes.csv").write_text("at,symbol,bid,ask,last\n+0,SPY,500.00,500.02,500.01\n")
    options = ("--faults", "faults.toml", "--script", "quotes.csv", "--bars", str(only))
    start = ("--start", "2018-06-01T15:00:00Z", "--speed", "0")
    with running(tmp_path, *options, *start, quiet=False) as gateway:
        assert gateway.ask(op="wait", id=1) == {"ok": True}
        assert gateway.ask(op="clear", name="slow") == {"ok": True, "cleared": 1}
        assert gateway.ask(op="advance", s=60)["now"] == "2018-06-01T15:01:00+00:00"
        line = started(gateway)
        words = {
            "symbol": "QQQ", "secType": "STK", "exchange": "SMART", "currency": "USD", "r": 3,
            "duration": "3 D", "barSize": "1 day", "what": "TRADES", "useRTH": True,
            "formatDate": 1,
        }  # fmt: skip
        line.sendall(frame.framed(request("reqHistoricalData", 178, **words)))
        frames = frame.Frames()
        while (payload := frames.take()) is None:
            frames.feed(line.recv(2**16))
        line.close()
        assert gateway.end(signal.SIGINT).code == 0
    assert not (tmp_path / "state" / "pilothouse" / "gateway.json").exists()
    bars = read_answer(payload, 178)[1]["bars"]
    known = (folder / "QQQ.csv").read_text().splitlines()
    closes = {row.split(",")[0].replace("-", ""): row for row in known}
    for bar in bars[:-1]:  # the last one is of the running day
        assert str(bar["close"]) in closes[bar["date"]]
