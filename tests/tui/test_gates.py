"""The gates of modes that trade at a broker, over the command line: exit 3 and both values named.

Whatever is refused has left no order at the gateway; most of it has not even called there.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.commands import Here
from tests.tui.gateways import Running, running

DB = "gates.db"
OURS, OTHER, REAL = "DU0000001", "DU7777777", "U1234567"
PORTS = ("the gateway's", "4001", "4002", "7496", "7497")
"""4001 and 7496 are by custom a live gateway's, 4002 and 7497 a paper one's: nothing goes by it."""

KEYS = ("live.enabled=true", "live.max_order_usd=1000", "live.max_day_usd=5000")
CAPS = KEYS[1:]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway of account DU0000001 for all tests of this file."""
    with running(tmp_path_factory.mktemp("gateway"), "--start", "2026-11-20T15:00:00Z") as one:
        yield one


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


def run(here: Here, gateway: Running, mode: str, account: str, port: str, *rest: str) -> str:
    """Run; it must be refused as unsafe and leave no order. Return what it said."""
    number = str(gateway.where["port"]) if port == PORTS[0] else port
    keys = [word for word in rest if "=" in word]
    flags = [word for word in rest if "=" not in word]
    sets = (f"ibkr.port={number}", f"ibkr.account={account}", *keys)
    words = [word for one in sets for word in ("--set", one)]
    said = here("run", "--no-ui", "--mode", mode, "--db", DB, *words, *flags)
    assert said.code == 3, said.err
    assert gateway.state["orders"] == []
    return said.err


@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--confirm",), ("--confirm", *KEYS)])
@pytest.mark.parametrize("port", PORTS)
def test_paper_on_a_real_account_is_refused(
    here: Here, gateway: Running, port: str, flags: tuple[str, ...]
) -> None:
    text = run(here, gateway, "paper", REAL, port, *flags)
    assert "paper" in text
    assert REAL in text
    assert here("sessions", "--json", "--db", DB).json == []


@pytest.mark.parametrize("flags", [CAPS, KEYS, (*KEYS, "--confirm"), (*KEYS, "--dry-run")])
@pytest.mark.parametrize("port", PORTS)
def test_live_on_a_paper_account_is_refused(
    here: Here, gateway: Running, port: str, flags: tuple[str, ...]
) -> None:
    text = run(here, gateway, "live", OURS, port, *flags)
    assert "mode is live" in text
    assert OURS in text


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (CAPS, ("live.enabled = false", "--confirm is not given")),
        ((*CAPS, "--confirm"), ("live.enabled = false",)),
        (KEYS, ("--confirm is not given",)),
        ((*KEYS, "--dry-run"), ("--confirm is not given",)),
        ((*KEYS, "--confirm"), ("--mode live", "practice gateway only")),
        ((*KEYS, "--confirm", "--dry-run"), ("--mode live", "practice gateway only")),
    ],
)
def test_live_needs_its_keys_and_is_refused_with_them(
    here: Here, gateway: Running, port: str, flags: tuple[str, ...], named: tuple[str, ...]
) -> None:
    text = run(here, gateway, "live", REAL, port, *flags)
    for words in named:
        assert words in text


@pytest.mark.parametrize("missing", KEYS[1:])
def test_live_without_a_cap_is_a_mistake_in_the_settings(
    here: Here, gateway: Running, missing: str
) -> None:
    keys = [word for key in KEYS if key != missing for word in ("--set", key)]
    place = ("--set", f"ibkr.port={gateway.where['port']}", "--set", f"ibkr.account={REAL}")
    said = here("run", "--no-ui", "--mode", "live", "--confirm", *keys, *place)
    assert said.code == 2
    assert missing.partition("=")[0] in said.err


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_an_account_that_the_login_does_not_manage_is_refused(
    here: Here, gateway: Running, flags: tuple[str, ...]
) -> None:
    text = run(here, gateway, "paper", OTHER, PORTS[0], *flags)
    assert OTHER in text
    assert OURS in text
    (session,) = here("sessions", "--json", "--db", DB).json
    assert session["state"] == "FAILED"
