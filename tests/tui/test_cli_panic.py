"""panic: everything cancelled at the gateway, by a process that needs no engine and no library."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.brokers.panic import Ended, Outcome, Timings, panic
from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.request import request
from engine.errors import BrokerUnreachable
from tests.tui.commands import Here, process
from tests.tui.gateways import Running, order, placed, running, started

SOON = Timings(poll=0.2, patience=2.0)
FORBIDDEN = ("pandas", "textual", "ib_insync", "eventkit")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway for all tests of this file."""
    with running(tmp_path_factory.mktemp("gateway"), "--start", "2026-11-20T15:00:00Z") as one:
        yield one


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


def ask(gateway: Running, lines: list[str]) -> Outcome:
    """Panic in this process."""
    return panic("127.0.0.1", gateway.where["port"], 19, lines.append, SOON)


def test_without_confirm_nothing_is_sent_and_manual_orders_are_named(
    gateway: Running, here: Here
) -> None:
    with started(gateway, 5) as line:
        placed(line, order(1))
        said = here("panic", "--set", f"ibkr.port={gateway.where['port']}")
        assert said.code == 3
        assert "needs --confirm" in said.err
        assert "entered by hand" in said.err
        assert len(gateway.living()) == 1
        line.sendall(frame.framed(request("reqGlobalCancel", 178)))
        gateway.until(lambda: not gateway.living())


def test_it_cancels_orders_of_every_client_and_leaves_a_halt_request(
    gateway: Running, tmp_path: Path
) -> None:
    port = gateway.where["port"]
    with started(gateway, 17) as ours, started(gateway, 0) as by_hand:
        placed(ours, order(1))
        placed(by_hand, order(1, orderRef=""))
        assert len(gateway.living()) == 2
        said = process(tmp_path, "panic", "--confirm", "--set", f"ibkr.port={port}", "--json")
        assert said.code == 0, said.err
        assert said.json["result"] == "NONE_LEFT"
        assert "halt request is left" in said.json["halt"]
        assert "in use" not in said.err  # it has an id of its own beside the engine's
        assert gateway.living() == []
    assert process(tmp_path, "status", "--json").json["trading_state"]["state"] == "HALTED"


def test_it_loads_neither_pandas_nor_textual_nor_the_library(
    gateway: Running, tmp_path: Path
) -> None:
    code = (
        "import sys; from tui.cli import run; code = run(sys.argv[1:]);"
        "sys.stderr.write('LOADED ' + ','.join(sys.modules)); sys.exit(code)"
    )
    port = gateway.where["port"]
    said = process(tmp_path, "panic", "--confirm", "--set", f"ibkr.port={port}", code=code)
    assert said.code == 0, said.err
    loaded = said.err.partition("LOADED ")[2].split(",")
    assert not [name for name in FORBIDDEN if name in loaded]


def test_a_broken_database_and_broken_settings_do_not_stand_in_its_way(
    gateway: Running, here: Here
) -> None:
    database = here.folder / "broken.db"
    database.write_bytes(b"no database" * 100)
    (here.folder / "broken.db.requests").mkdir()
    port = gateway.where["port"]
    config = here.folder / "config.toml"
    config.write_text(f"[ibkr]\nport = {port}\n[risk]\nno_such_key = 1\n")
    said = here("panic", "--confirm", "--db", str(database))
    assert said.code == 0, said.err
    assert "no halt request could be left" in said.out
    assert f"127.0.0.1:{port}: asked to cancel every order" in said.out


def test_nobody_listening_is_exit_4_and_no_port_is_exit_2(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = here("panic", "--confirm", "--set", f"ibkr.port={port}")
    assert said.code == 4
    assert f"127.0.0.1:{port}" in said.err
    said = here("panic", "--confirm")
    assert said.code == 2
    assert "ibkr.port: missing" in said.err


def test_orders_that_refuse_to_be_cancelled_are_named_and_exit_is_7(
    gateway: Running, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.brokers.panic.Timings", lambda: SOON)
    with started(gateway, 6) as line:
        placed(line, order(1, orderRef="stuck"))
        gateway.fault("refuse_cancel", count=0)
        said = here("panic", "--confirm", "--set", f"ibkr.port={gateway.where['port']}")
        gateway.ask(op="clear")
        assert said.code == 7
        assert "stuck" in said.out
        assert "1 orders are left" in said.out
        line.sendall(frame.framed(request("reqGlobalCancel", 178)))
        gateway.until(lambda: not gateway.living())


def test_a_read_only_gateway_is_named(gateway: Running, here: Here) -> None:
    gateway.fault("read_only", count=0)
    said = here("panic", "--confirm", "--set", f"ibkr.port={gateway.where['port']}")
    gateway.ask(op="clear")
    assert said.code == 7
    assert "nothing was canceled" in said.out
    assert "read-only" in said.out


def test_one_empty_answer_is_no_proof(gateway: Running) -> None:
    with started(gateway, 7) as line:
        placed(line, order(1))
        gateway.fault("refuse_cancel", count=0)
        gateway.fault("empty", kind=16)
        lines: list[str] = []
        outcome = ask(gateway, lines)
        assert outcome.ended is Ended.SOME_LEFT
        gateway.ask(op="clear")
        line.sendall(frame.framed(request("reqGlobalCancel", 178)))
        gateway.until(lambda: not gateway.living())


def test_a_cancel_that_was_lost_is_asked_again(gateway: Running) -> None:
    with started(gateway, 8) as line:
        placed(line, order(1))
        gateway.fault("silent", kind=58)
        assert ask(gateway, []).ended is Ended.NONE_LEFT
    assert not gateway.living()


def test_a_silent_answer_is_not_taken_for_an_empty_one(gateway: Running) -> None:
    gateway.fault("silent", kind=16, count=0)
    outcome = ask(gateway, [])
    gateway.ask(op="clear")
    assert outcome.ended is Ended.UNANSWERED


def test_a_busy_client_id_is_passed_over(gateway: Running) -> None:
    with started(gateway, 19):
        lines: list[str] = []
        assert ask(gateway, lines).ended is Ended.NONE_LEFT
        assert "client id 19 is in use" in lines[0]


def test_a_port_that_never_greets_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(BrokerUnreachable, match="no TWS or IB Gateway greets there"):
            panic("127.0.0.1", port, 19, lambda text: None, Timings(start=0.3))
