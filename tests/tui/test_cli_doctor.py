"""doctor at a broker: every line asked over a real socket, and each with what to do about it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.commands import Here
from tests.tui.gateways import Running, running, started


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway whose clock is the one on the wall."""
    with running(tmp_path_factory.mktemp("gateway")) as one:
        yield one


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


def looked(here: Here, gateway: Running | int, **keys: object) -> dict[str, tuple[str, str]]:
    """Verdict and text by item, of the lines about the broker."""
    port = gateway if isinstance(gateway, int) else gateway.where["port"]
    given = {"run.mode": "paper", "ibkr.port": port, "ibkr.account": "DU0000001"} | {
        name.replace("__", "."): value for name, value in keys.items()
    }
    words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    lines = here("doctor", "--json", "--db", "doctor.db", *words).json
    found = {line["item"]: (line["verdict"], line["text"]) for line in lines}
    return {item: seen for item, seen in found.items() if item.startswith("broker")}


def test_a_healthy_gateway_is_ok_in_every_line(here: Here, gateway: Running) -> None:
    found = looked(here, gateway)
    assert {item: verdict for item, (verdict, _) in found.items()} == dict.fromkeys(
        (
            "broker time zones", "broker messages", "broker", "broker version", "broker account",
            "broker mode", "broker access", "broker data", "broker clock",
        ),
        "ok",
    ), found  # fmt: skip


def test_without_a_port_nothing_is_asked(here: Here) -> None:
    lines = here("doctor", "--json", "--db", "doctor.db").json
    assert not [line for line in lines if line["item"].startswith("broker")]


def test_nobody_there_says_what_to_start(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    verdict, text = looked(here, port)["broker"]
    assert verdict == "BAD"
    assert "Start TWS or IB Gateway" in text


def test_another_account_and_another_mode_name_both_values(here: Here, gateway: Running) -> None:
    found = looked(here, gateway, ibkr__account="U7654321")
    assert found["broker account"][0] == found["broker mode"][0] == "BAD"
    assert "U7654321" in found["broker account"][1]
    assert "DU0000001" in found["broker account"][1]
    assert "paper" in found["broker mode"][1]


def test_a_read_only_gateway_and_a_busy_id_are_told(here: Here, gateway: Running) -> None:
    gateway.fault("read_only", count=0)
    with started(gateway, 19):
        found = looked(here, gateway)
    gateway.ask(op="clear")
    assert found["broker access"][0] == "BAD"
    assert "Read-Only API" in found["broker access"][1]
    assert found["broker"][0] == "look"
    assert "client id 19 is in use" in found["broker"][1]


def test_a_clock_that_is_off_says_so(here: Here, gateway: Running) -> None:
    gateway.fault("clock_skew", s=7)
    verdict, text = looked(here, gateway)["broker clock"]
    gateway.ask(op="clear")
    assert verdict == "BAD"
    assert "NTP" in text


def test_a_gateway_that_is_too_old_says_what_to_install(here: Here, tmp_path: Path) -> None:
    with running(tmp_path, "--server-version", "156") as old:
        verdict, text = looked(here, old)["broker version"]
    assert verdict == "BAD"
    assert text == "156; 157 is needed: install a current TWS or IB Gateway"


def test_a_time_zone_that_does_not_load_is_named(here: Here, gateway: Running) -> None:
    verdict, text = looked(here, gateway, ibkr__tws_zone="XYZ/Nowhere")["broker time zones"]
    assert verdict == "BAD"
    assert text.startswith("XYZ/Nowhere cannot be loaded: install tzdata")


@pytest.mark.parametrize(
    ("fault", "keys", "verdict", "words"),
    [
        (("quote", {"mode": "delayed"}), {}, "look", "delayed quotes: subscribe to market data"),
        (
            ("quote", {"mode": "delayed"}),
            {"ibkr__allow_delayed": "true"},
            "note",
            "delayed quotes",
        ),
        (("error", {"kind": 1, "code": 354, "text": "none"}), {}, "BAD", "354 none: subscribe"),
        (("silent", {"kind": 1}), {}, "look", "no quote of SPY within"),
    ],
    ids=["delayed", "allowed", "refused", "silent"],
)
def test_data_that_cannot_decide_is_told_with_what_to_do(
    here: Here,
    gateway: Running,
    monkeypatch: pytest.MonkeyPatch,
    fault: tuple[str, dict[str, object]],
    keys: dict[str, object],
    verdict: str,
    words: str,
) -> None:
    monkeypatch.setattr("tui.commands.examination.ANSWER_S", 0.5)
    gateway.fault(fault[0], **fault[1])
    found = looked(here, gateway, **keys)["broker data"]
    gateway.ask(op="clear")
    assert found[0] == verdict
    assert found[1].startswith(words)
