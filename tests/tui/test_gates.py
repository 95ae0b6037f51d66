"""The gates of modes that trade at a broker, over the command line: exit 3 and both values named.

Whatever is refused has left no order at the gateway; most of it has not even called there. What
is let through, and trades, is in `test_live` and `test_cli_paper`.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.tui.commands import Here, Said
from tests.tui.gateways import Running, running

DB = "gates.db"
OURS, OTHER, REAL = "DU0000001", "DU7777777", "U1234567"
PORTS = ("the gateway's", "4001", "4002", "7496", "7497")
"""4001 and 7496 are by custom a live gateway's, 4002 and 7497 a paper one's: nothing goes by it."""

KEYS = ("live.enabled=true", "live.max_order_usd=1000", "live.max_day_usd=5000")


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


def run(here: Here, gateway: Running, mode: str, account: str, port: str, *rest: str) -> Said:
    """Run and return what it said."""
    number = str(gateway.where["port"]) if port == PORTS[0] else port
    keys = [word for word in rest if "=" in word]
    flags = [word for word in rest if "=" not in word]
    sets = (f"ibkr.port={number}", f"ibkr.account={account}", *keys)
    words = [word for one in sets for word in ("--set", one)]
    return here("run", "--no-ui", "--mode", mode, "--db", DB, *words, *flags)


ENABLED, CAPS = ("live.enabled=true",), KEYS[1:]
FLAGS = [
    (*enabled, *caps, *confirm, *dry)
    for enabled, caps, confirm, dry in product(
        ((), ENABLED), ((), CAPS), ((), ("--confirm",)), ((), ("--dry-run",))
    )
]
"""Every choice of the keys and flags that a person can give."""


def expected(mode: str, account: str, flags: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Return the exit code and what has to be named; exit 0: the command line lets it through."""
    is_live, named = mode == "live", []
    if is_live and not set(CAPS) <= set(flags):
        return 2, ("live.max_order_usd", "live.max_day_usd")
    if account.startswith("D") is is_live:
        named += [f"mode is {mode}", account]
    if is_live and not set(ENABLED) <= set(flags):
        named += ["live.enabled = false", "true is needed"]
    if is_live and "--confirm" not in flags:
        named.append("--confirm is not given")
    if is_live and not named and "--dry-run" not in flags:
        named += [account, f"trade real money on {account}", "terminal"]  # the phrase
    return (3 if named else 0), tuple(named)


@pytest.mark.parametrize("account", [OURS, OTHER, REAL])
@pytest.mark.parametrize("mode", ["paper", "live"])
def test_whatever_must_not_trade_is_refused_with_both_values_and_nothing_is_sent(
    here: Here, gateway: Running, mode: str, account: str
) -> None:
    refused = 0
    for flags, port in product(FLAGS, PORTS):
        code, named = expected(mode, account, flags)
        if code:  # what is let through is tried below, where it may trade and where not
            said = run(here, gateway, mode, account, port, *flags)
            assert said.code == code, (flags, port, said.err)
            for words in named:
                assert words in said.err, (flags, port)
            refused += 1
    passes = {("paper", REAL): 0, ("live", OURS): 0, ("live", OTHER): 0, ("live", REAL): 1}
    assert refused == (len(FLAGS) - passes.get((mode, account), len(FLAGS))) * len(PORTS)
    assert gateway.state["orders"] == []
    assert here("sessions", "--json", "--db", DB).json == []  # nothing has even begun


@pytest.mark.parametrize(
    ("mode", "account", "flags"),
    [
        ("paper", OTHER, ()),
        ("paper", OTHER, ("--dry-run",)),
        ("live", REAL, (*KEYS, "--confirm", "--dry-run")),
    ],
)
def test_an_account_that_the_login_does_not_manage_is_refused(
    here: Here, gateway: Running, mode: str, account: str, flags: tuple[str, ...]
) -> None:
    said = run(here, gateway, mode, account, PORTS[0], *flags)
    assert said.code == 3
    assert account in said.err
    assert OURS in said.err
    (session,) = here("sessions", "--json", "--db", DB).json
    assert session["state"] == "FAILED"
    assert gateway.state["orders"] == []
