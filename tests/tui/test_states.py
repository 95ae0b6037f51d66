"""What each pane says when there is nothing, nothing yet, nothing new, and when a read failed.

Words in one file of text: these states are told apart without color. `pytest --snapshot-update`
after reading the difference.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from engine.domain.session import SessionState
from tests.storage.samples import context, created, moved, unit
from tests.tui import seed
from tests.tui.screens import (
    Asked,
    CountingIds,
    StillClock,
    app_of,
    press,
    ready,
    seeded,
    settled,
    until,
)
from tui.actions import MORE_PANES, PANES
from tui.application import Pilothouse
from tui.source import DatabaseSource
from tui.steering import Requests
from tui.view import Reading, View, Wanted

SMALL = (80, 24)
LATER = timedelta(minutes=20)
WALK = [(key, pane) for key, pane, _, _ in (*PANES, *MORE_PANES)]


class Failing(DatabaseSource):
    """Reads once; from then on every pane's own rows cannot be read."""

    broken = False

    def read(self, wanted: Wanted) -> View | None:
        """What was read before, and why nothing newer was."""
        view = super().read(wanted)
        if view is None or not self.broken:
            return view
        frame = ("session", "beat", "trading", "counts")
        failed = {
            topic: reading if topic in frame else failing(reading)
            for topic, reading in view.readings.items()
        }
        return View(view.moment, failed)


def failing(reading: Reading) -> Reading:
    """Old rows, and the words of SQLite."""
    return replace(reading, failed="the disk is full or failing (SQLITE_IOERR)")


def app_on(make: Callable[[], DatabaseSource], clock: StillClock) -> Pilothouse:
    """The application on a source."""
    requests = Requests(Asked(), clock, CountingIds(), "me@here:pts/1")
    return Pilothouse(make_source=make, requests=requests, clock=clock)


async def walked(pilot: Pilot[None], *, rows: bool = True) -> str:
    """The words of every pane, one after the other."""
    said = []
    for key, name in WALK:
        await press(pilot, key)
        pane = app_of(pilot).dashboard.panes[name]
        await until(pilot, lambda p=pane: p.has_focus, name)  # type: ignore[misc]
        if rows:
            await settled(pilot)
        pane.flush()
        said.append("\n".join([f"[{name}]", *(line.rstrip() for line in pane.text.split("\n"))]))
    return "\n\n".join(said)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story."""
    return seeded(tmp_path_factory.mktemp("story") / "story.db")


async def test_every_pane_without_rows(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    begun = created(context(seed.SESSION, started_at=seed.ago(600), recorded_clock=False))
    running = unit(moved(SessionState.CREATED, SessionState.STARTING), at=seed.ago(590))
    path = seeded(tmp_path / "empty.db", [begun, running])
    app = app_on(lambda: DatabaseSource(path, None, lambda: seed.NOW), StillClock())
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        assert await walked(pilot) == snapshot


async def test_every_pane_before_anything_was_read(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    nowhere = tmp_path / "none.db"
    app = app_on(lambda: DatabaseSource(nowhere, None, lambda: seed.NOW), StillClock())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app_of(pilot).dashboard.ready, "the screen")
        assert await walked(pilot, rows=False) == snapshot


async def test_every_pane_after_a_failed_read(story: Path, snapshot: SnapshotAssertion) -> None:
    source = Failing(story, None, lambda: seed.NOW)
    app = app_on(lambda: source, StillClock())
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        for key, _ in WALK:
            await press(pilot, key)
            await settled(pilot)
        source.broken = True
        await press(pilot, WALK[0][0])
        await until(pilot, lambda: bool(app_of(pilot).view["positions"].failed), "a failed read")
        said = await walked(pilot)
    assert said == snapshot
    for name in (pane for _, pane in WALK):
        own = said.split(f"[{name}]\n", 1)[1].split("\n\n[", 1)[0]
        assert "READ FAILED" in own, name


async def test_every_pane_of_a_silent_engine(story: Path, snapshot: SnapshotAssertion) -> None:
    class Late(StillClock):
        def wall(self):  # type: ignore[no-untyped-def]
            return seed.NOW + LATER

    app = app_on(lambda: DatabaseSource(story, None, lambda: seed.NOW + LATER), Late())
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        said = await walked(pilot)
        message = app_of(pilot).dashboard.message.text
    assert said == snapshot
    assert "ENGINE SILENT 20m" in message
    positions = said.split("[positions]")[1].split("[orders]")[0]
    assert "2 STALE" in positions
    assert "USD               2 unkn." in positions
