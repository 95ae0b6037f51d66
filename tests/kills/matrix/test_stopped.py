"""An engine that is stopped in the middle of a send: what is halted meanwhile never leaves."""

import os
import signal
from pathlib import Path

import pytest

from engine.domain.request import RequestKind
from tests.kills.matrix.play import FRIDAY, book_of
from tests.kills.matrix.stage import Life, Stage, nursery, prepared

_HALTED = "SELECT 1 FROM events WHERE kind = 'TradingStateChanged' AND payload LIKE '%HALTED%'"
_NEWEST = "SELECT status, order_ref FROM v_orders ORDER BY created_at DESC LIMIT 1"


def stands_still(life: Life) -> bool:
    """Say whether the process is stopped."""
    stat = Path(f"/proc/{life.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


async def halted_while_it_stands_still(made: Stage, life: Life) -> None:
    """Wait for the stop, halt, let it go on, and wait until it knows."""
    assert await made.until(lambda: stands_still(life), life), made.told()
    made.ask(RequestKind.HALT)
    os.kill(life.pid, signal.SIGCONT)
    assert await made.until(lambda: made.rows(_HALTED), life), made.told()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
async def test_an_order_halted_between_its_last_check_and_its_bytes_never_leaves(
    tmp_path: Path,
) -> None:
    (tmp_path / "book").mkdir()
    async with nursery(tmp_path) as engines:
        book = await book_of("entry", tmp_path / "book", engines)
        async with prepared(tmp_path / "run", engines, book, FRIDAY) as made:
            life = await made.start({"at": "stopped", "what": "call"})
            await halted_while_it_stands_still(made, life)
            ended = ("CANCELED", "EXPIRED", "DENIED")
            assert await made.until(lambda: made.rows(_NEWEST)[0]["status"] in ended, life)
            newest = made.rows(_NEWEST)[0]["order_ref"]
            assert newest not in set(made.placed()), made.told()
            assert set(made.orders) == made.before, made.told()
            assert (await made.stop(life))["ended"] == 0, made.told()
