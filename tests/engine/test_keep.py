"""Work that dies is started again, and the fifth time halts."""

import asyncio

from engine.domain.alert import Severity
from engine.domain.input import Fault, Input
from engine.runtime.clock import SystemClock
from engine.runtime.keep import Kept
from tests.patience import PATIENCE_S


class Ill:
    """Work that dies some times and then ends well."""

    def __init__(self, deaths: int) -> None:
        self.left = deaths
        self.runs = 0

    async def run(self) -> None:
        """Die while deaths are left."""
        self.runs += 1
        if self.left:
            self.left -= 1
            raise KeyError("not there")


class Said(list[Input]):
    """What was said."""

    def __call__(self, given: Input) -> None:
        """Keep it."""
        self.append(given)


async def told(work: Ill) -> list[Fault]:
    """The faults of a piece of work that is kept until it ends well."""
    said = Said()
    async with asyncio.timeout(PATIENCE_S):
        await Kept(said, SystemClock(), first_s=0.001)("quotes", work.run)
    return [one for one in said if isinstance(one, Fault)]


async def test_work_that_dies_is_started_again_and_told() -> None:
    work = Ill(2)
    faults = await told(work)
    assert work.runs == 3
    assert [(one.kind, one.halt, one.severity) for one in faults] == [
        ("task_failed", False, Severity.WARNING)
    ] * 2
    assert "quotes: KeyError: 'not there'; started again in 0.001 s" in faults[0].text


async def test_the_fifth_death_in_ten_minutes_halts_and_it_goes_on_being_started() -> None:
    work = Ill(6)
    faults = await told(work)
    assert [one.halt for one in faults] == [False] * 4 + [True] * 2
    assert faults[4].severity is Severity.CRITICAL
    assert work.runs == 7


async def test_a_cancelled_task_is_not_started_again() -> None:
    said = Said()
    task = asyncio.create_task(Kept(said, SystemClock())("quotes", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert said == []
