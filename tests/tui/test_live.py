"""Mode live at a practice gateway whose account stands for a real one: keys, phrase, caps."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, crowding
from tests.tui.commands import Here
from tests.tui.commands import home as surroundings
from tests.tui.gateways import Running, running
from tests.tui.ptys import Terminal
from tests.tui.test_cli_control import start, until

ACCOUNT = "U0000001"
PHRASE = f"trade real money on {ACCOUNT}"
SIGNALS = """time,instrument,kind,side,quantity
2026-11-20,QQQ,ENTER,BUY,5
2026-11-20,SPY,ENTER,BUY,50
"""


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


@cache
def speed() -> str:
    """A minute a second on a quiet machine: an engine must be there before its slot."""
    return str(max(5, round(60 / crowding())))


def flags(here: Here, gateway: Running, slot: str) -> tuple[str, ...]:
    """A live session of the script with everything that it needs, but for the phrase."""
    keys = {
        "ibkr.port": gateway.where["port"],
        "ibkr.account": ACCOUNT,
        "ibkr.practice_speed": speed(),
        "live.enabled": "true",
        "live.max_order_usd": "5000",
        "live.max_day_usd": "20000",
        "script.file": here.folder / "signals.csv",
        "script.execution_slot": slot,
    }
    sets = (word for key, value in keys.items() for word in ("--set", f"{key}={value}"))
    return ("--no-ui", "--mode", "live", "--confirm", "--strategy", "script", *sets)


@contextmanager
def typing(here: Here, *arguments: str) -> Iterator[Terminal]:
    """A command at a terminal that a person sits at."""
    with Terminal(
        ["-m", "tui", "run", *arguments], size=(200, 24), env=surroundings(here.folder)
    ) as one:
        yield one


def orders(here: Here) -> dict[str, str]:
    """Status and reason of our orders, by symbol."""
    rows = here("orders", "--json").json
    return {one["symbol"]: f"{one['status']} {one['reason']}".strip() for one in rows}


def ended(here: Here) -> None:
    """Stop the engine and wait for its end."""
    assert here("stop").code == 0
    until(lambda: not here("status", "--json").json["engine"]["running"])


def state(here: Here) -> str:
    """The session's state."""
    return str((here("status", "--json").json["session"] or {}).get("state"))


def test_live_trades_with_its_keys_and_the_phrase_and_not_without(here: Here) -> None:
    market = ("--account", ACCOUNT, "--start", "2026-11-20T14:20:00Z", "--speed", speed())
    (here.folder / "signals.csv").write_text(SIGNALS)
    with running(here.folder, *market) as gateway:
        with start(here.folder, "run", *flags(here, gateway, "open"), "--dry-run") as engine:
            until(lambda: set(orders(here)) == {"QQQ", "SPY"}, 5 * PATIENCE_S)
            assert orders(here)["QQQ"].split()[0] == "DRY_RUN"  # then the what-if, once it is there
            ended(here)
            engine.wait(PATIENCE_S)

        real = flags(here, gateway, "15min_after_open")
        refused = here("run", *real)
        assert refused.code == 3
        assert PHRASE in refused.err
        with typing(here, *real) as terminal:
            terminal.shows(f"Type: {PHRASE}")
            terminal.send(b"yes\r")
            assert terminal.exit_code() == 3
            terminal.shows(f"'yes' was typed, '{PHRASE}' is needed")
        assert gateway.state["orders"] == []

        with typing(here, *real) as terminal:
            terminal.shows(f"Type: {PHRASE}")
            terminal.send(f"{PHRASE}\r".encode())
            until(lambda: orders(here).get("QQQ") == "FILLED", 5 * PATIENCE_S)
            assert orders(here)["SPY"] == "DENIED order_size"  # beyond live.max_order_usd
            ended(here)
            assert terminal.exit_code() == 0
        (there,) = gateway.state["orders"]
        assert there["status"].upper() == "FILLED"

        with start(here.folder, "run", *real) as engine:  # its first order was sent: no phrase
            until(lambda: state(here) == "RUNNING")
            said = here("reconcile", "--json")
            assert (said.code, said.json["verdict"]) == (0, "CLEAN")
            ended(here)
            assert engine.wait(PATIENCE_S) == 0
