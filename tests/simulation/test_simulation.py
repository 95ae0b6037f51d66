"""Seeds: whole engines in random worlds, and what the machinery itself must be able to do."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.domain.event import SnapshotTaken
from engine.domain.snapshot import Snapshot
from engine.ports import Journal, Recorded, Unit
from tests.simulation.journal import Disk, MemoryJournal
from tests.simulation.life import run_seed
from tests.storage import samples

_ONE = os.environ.get("PILOTHOUSE_SIM_SEED", "")
_FIRST = int(os.environ.get("PILOTHOUSE_SIM_FIRST", "0"))
_COUNT = int(os.environ.get("PILOTHOUSE_SIM_SEEDS", "150"))
_EACH = 25  # seeds of one test, so that the cores share the work

KEPT = (
    9,
    194,
    106,
    181,
    1090,
    1112,
    2083,
    2501,
    2816,
    87,
    287,
    399,
    647,
    808,
    50435,
    63,
    343,
    67301,
    69097,
)
"""Seeds that found something once, in the engine or in a mutant of it (two orders of one name)."""


def _chunks() -> Iterator[range]:
    if _ONE:
        yield range(int(_ONE), int(_ONE) + 1)
        return
    last = _FIRST + _COUNT
    for first in range(_FIRST, last, _EACH):
        yield range(first, min(first + _EACH, last))


def _run(seed: int) -> None:
    try:
        run_seed(seed)
    except Exception as error:
        text = f"seed {seed}: {type(error).__name__}: {error}\n    make sim SEED={seed}"
        raise AssertionError(text) from error


@pytest.mark.sim
@pytest.mark.parametrize("seeds", _chunks(), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_invariants_hold(seeds: range, record_property: Callable[[str, object], None]) -> None:
    """Kills, requests and late reports break nothing; kills alone change nothing."""
    wrong = []
    for seed in seeds:
        try:
            _run(seed)
        except AssertionError as error:
            wrong.append(str(error))
    record_property("seeds", len(seeds))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("seed", KEPT)
def test_what_a_seed_found_once_stays_mended(seed: int) -> None:
    """Every seed that failed once is run for ever."""
    _run(seed)


def test_a_seed_gives_the_same_run_again() -> None:
    """Otherwise the command that a failure prints would be worth nothing."""
    first, second = run_seed(57), run_seed(57)
    assert first == second


def _puts() -> list[tuple[Unit, bool]]:
    """Units of every shape, and whether a commit follows: trades and rows that may be joined."""
    rows = [samples.unit(SnapshotTaken(rows=(row,)), cursor=n) for n, row in _numbered_rows()]
    return [
        (samples.created(), True),
        (samples.unit(*samples.a_trade(), cursor=3), False),
        (rows[0], False),
        (rows[1], False),
        (rows[2], True),
        (rows[3], False),
        (samples.unit(*samples.a_trade(2)[:2], cursor=40), False),
        (rows[4], True),
        (rows[5], False),  # never committed
    ]


def _numbered_rows() -> Iterator[tuple[int, Snapshot]]:
    return enumerate(samples.snapshots(6), start=10)


async def _contract(journal: Journal) -> tuple[list[int], int, list[Recorded], int]:
    book = samples.context().book
    numbers = []
    for unit, commits in _puts():
        numbers.append(journal.put(unit))
        if commits:
            await journal.commit()
    return numbers, journal.waiting, list(journal.replay(book)), journal.cursor(book)


async def test_the_journal_in_memory_is_like_the_real_one(tmp_path: Path) -> None:
    """Numbers, joined rows, what is read back, cursors: the fake passes the same contract."""
    async with await samples.open_journal(tmp_path / "p.db") as real:
        expected = await _contract(real)
    assert await _contract(MemoryJournal(Disk())) == expected
