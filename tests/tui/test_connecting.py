"""A session at a broker that is not there yet: waited for, told of, and ended by a person."""

import socket
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.tui.commands import Here
from tests.tui.test_cli_control import start, until


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


def test_who_waits_for_a_gateway_says_so_and_can_be_stopped(here: Here) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        place = f"ibkr.port={nobody.getsockname()[1]}"
        paper = ("run", "--no-ui", "--mode", "paper", "--set", place)
        with start(here.folder, *paper, "--set", "ibkr.account=DU0000001") as engine:
            until(lambda: here("status", "--json").json["engine"]["running"])
            status = here("status", "--json").json
            assert (status["session"]["state"], status["link"]) == ("CREATED", "DOWN")
            stopped = here("stop", "--reason", "not today", "--json").json
            assert stopped["result"] == "DONE"
            engine.wait(PATIENCE_S)
    assert engine.returncode == 0
    (session,) = here("sessions", "--json").json
    assert (session["state"], session["end_reason"]) == ("STOPPED", "not today")
    kinds = [row["kind"] for row in here("journal", "--json").json]
    moved = ["SessionStateChanged"] * 2
    assert kinds == ["SessionCreated", "RequestReceived", *moved, "RequestAnswered"]
    assert here("status", "--json").json["requests_waiting"] == []
