"""The crash matrix, dealt in any order: `make kills N=400`, one cell by `make kills CELL=…`."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.kills.matrix.cell import Cell, deck, named
from tests.kills.matrix.play import TooSlow, book_of, play
from tests.kills.matrix.stage import Nursery, Template, nursery

_WANTED = os.environ.get("PILOTHOUSE_KILLS", "")
_SEED = int(os.environ.get("PILOTHOUSE_KILLS_SEED", "7"))
_CELL = os.environ.get("PILOTHOUSE_KILLS_CELL", "")
_EACH = 1 if _WANTED else 15  # cells of one test: the workers share them, or one nursery does
_CELL_S = 300  # a cell that takes so long hangs; one takes 2 to 10 s

SAMPLE = (
    "entry/before approval/-/plain",
    "entry/approved/-/plain",
    "entry/in the queue/-/gateway",
    "entry/called/late/plain",
    "entry/partly filled/fills/gateway",
    "entry/cancel called/cancel lost/plain",
    "entry/filled/fee late/plain",
    "entry/comparing, executions/got it/midnight",
)
"""What every run of the tests plays."""

_books: dict[str, Template] = {}  # made once in a worker


def _cells() -> list[Cell]:
    if _CELL:
        return [named(_CELL)]
    if not _WANTED:
        return [named(name) for name in SAMPLE]
    return deck(_SEED, int(_WANTED) // 2)  # the other half dies offline


def _chunks() -> Iterator[list[Cell]]:
    every = _cells()
    for first in range(0, len(every), _EACH):
        yield every[first : first + _EACH]


def _title(cells: list[Cell]) -> str:
    return cells[0].name if len(cells) == 1 else f"{len(cells)} cells"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nursery]:
    """Once per worker."""
    async with nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.mark.kills
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("cells", _chunks(), ids=_title)
async def test_whatever_dies_every_decision_has_one_order_or_none(
    cells: list[Cell],
    engines: Nursery,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
) -> None:
    """As the restart table says; each fill once, shares and cash the gateway's, one chain."""
    kills, wrong = 0, []
    for number, cell in enumerate(cells):
        try:
            async with asyncio.timeout(_CELL_S):
                book = await _book(cell.side, engines, tmp_path_factory)
                kills += await _patiently(cell, tmp_path / str(number), engines, book)
        except (AssertionError, TimeoutError) as error:
            wrong.append(f"{cell.name}: {error!r}\n    make kills CELL='{cell.name}'")
    record_property("kills", kills)
    assert not wrong, "\n\n".join(wrong)


async def _patiently(cell: Cell, folder: Path, engines: Nursery, book: Template) -> int:
    """Play a cell; again, a few times, where the machine was too slow to prove anything."""
    for attempt in range(4):
        again = folder / str(attempt)
        again.mkdir(parents=True)
        try:
            return await play(cell, again, engines, book)
        except TooSlow as error:
            print(f"{cell.name}: too slow, again; {error}")
    raise AssertionError("the machine was too slow, four times")


async def _book(side: str, engines: Nursery, folders: pytest.TempPathFactory) -> Template:
    if side not in _books:
        _books[side] = await book_of(side, folders.mktemp(side), engines)
    return _books[side]
