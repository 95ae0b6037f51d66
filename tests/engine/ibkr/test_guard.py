"""What must never stand in the adapter, however convenient it would be."""

import ast
import inspect
import logging
from pathlib import Path

import pytest

from engine.brokers.ibkr.taps import COPIES, LOSSY
from engine.brokers.practice.gateway import PracticeGateway
from tests.engine.ibkr.wire import desk

ROOT = Path(__file__).parents[3]
FILES = [*sorted((ROOT / "engine/brokers/ibkr").glob("*.py")), ROOT / "engine/market/ibkr.py"]
FORBIDDEN = {
    *("sleep", "run", "startLoop", "patchAsyncio", "logToConsole", "logToFile", "waitOnUpdate"),
    *("Watchdog", "IBC", "waitUntil", "schedule", "useQt"),
}
"""Of the library: they block, patch or print."""


def calls(path: Path) -> list[ast.Call]:
    """Every call in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


async def blocking() -> set[str]:
    """Methods of the library that block: those with an asynchronous twin."""
    from ib_insync import IB

    names = {name for name, _ in inspect.getmembers(IB, inspect.isfunction)}
    return {name.removesuffix("Async") for name in names if name.endswith("Async")} & names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_nothing_of_the_library_that_blocks_is_called(path: Path) -> None:
    forbidden = FORBIDDEN | await blocking()
    found = [
        f"{path.name}:{call.lineno} {call.func.attr}"
        for call in calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in forbidden
        and ast.unparse(call.func.value) in ("ib", "self.ib", "self.connection.ib", "util", "IB")
    ]
    assert not found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_library_is_imported_inside_functions_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_the_top = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom | ast.Import) and "ib_insync" in ast.unparse(node)
    ]
    assert not at_the_top


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_library_is_awaited_under_a_time_limit_only(path: Path) -> None:
    """`Connection` alone awaits it, inside asyncio.timeout or asyncio.wait(…, timeout=…)."""
    awaited = [
        ast.unparse(node.value)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Await)
    ]
    assert not [
        text for text in awaited if text.startswith(("ib.", "self.ib.", "self.connection.ib."))
    ]


async def test_every_tap_is_a_method_of_the_wrapper_and_the_lossy_kinds_have_one() -> None:
    from ib_insync import IB

    ib = IB()  # type: ignore[no-untyped-call]
    missing = [name for name in COPIES if not hasattr(ib.wrapper, name)]
    assert not missing
    by_kind = {
        3: "orderStatus",
        4: "error",
        5: "openOrder",
        11: "execDetails",
        59: "commissionReport",
        61: "position",
        101: "completedOrder",
    }
    assert set(by_kind) == LOSSY
    assert set(by_kind.values()) <= set(COPIES)


async def test_nothing_reaches_stderr_when_links_break(capfd: pytest.CaptureFixture[str]) -> None:
    assert logging.getLogger("ib_insync").handlers
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("drop_socket", client=17)
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
    assert capfd.readouterr().err == ""


async def test_the_library_decodes_without_a_complaint(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="ib_insync.Decoder"):
        async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
            await one.live()
    assert [record for record in caplog.records if record.name == "ib_insync.Decoder"] == []


async def test_the_library_never_asks_for_an_account_summary_by_itself() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        assert len(one.broker.connection.ib.errorEvent) == 0
