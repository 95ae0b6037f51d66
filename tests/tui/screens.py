"""The real application on a seeded database, its clock standing still, driven by keys."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

from textual.app import App
from textual.events import Key
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.pilot import Pilot

from engine.domain.request import Request
from engine.errors import JournalError
from engine.ports import Unit
from storage.queries.pages import Window
from tests.patience import PATIENCE_S
from tests.tui import seed
from tui.application import Pilothouse
from tui.shell import ScreenOptions
from tui.source import DatabaseSource, page_name
from tui.steering import Requests
from tui.view import View


class StillClock:
    """A clock that stands still."""

    def wall(self) -> datetime:
        """The wall time of the seed."""
        return seed.NOW

    def monotonic(self) -> float:
        """Never moves."""
        return 0.0


class CountingIds:
    """Ids in a row."""

    def __init__(self) -> None:
        self.n = 0

    def bits(self, n: int) -> int:
        """The next number."""
        self.n += 1
        return self.n


class Asked:
    """A request file that remembers, and can be broken."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.broken = False

    def __call__(self, request: Request) -> None:
        """Take a request."""
        if self.broken:
            raise JournalError("the request file is locked")
        self.requests.append(request)

    @property
    def kinds(self) -> list[str]:
        """Kinds in the order they were asked."""
        return [request.kind.value for request in self.requests]


class FakeEngine:
    """An engine's thread as the screen sees it."""

    def __init__(self) -> None:
        self.session_id: str | None = seed.SESSION
        self.error: BaseException | None = None
        self.exit_code: int | None = None
        self.alive = True
        self.halted: list[str] = []
        self.handed: list[Request] = []

    def halt(self, why: str) -> None:
        """Remember why."""
        self.halted.append(why)

    def nudge(self) -> None:
        """Nothing to look at."""

    def request(self, request: Request) -> None:
        """Remember what was handed over."""
        self.handed.append(request)


def seeded(path: Path, units: list[Unit] | None = None) -> Path:
    """A database with the story, or with other units."""
    story = seed.story() if units is None else units
    writer = Thread(target=lambda: asyncio.run(seed.build(path, story)))
    writer.start()  # a thread of its own: a test's loop may be running in this one
    writer.join()
    return path


def append(path: Path, unit: Unit) -> None:
    """Write one more unit, as the engine would while the screen looks on."""
    writer = Thread(target=lambda: asyncio.run(seed.append(path, unit)))
    writer.start()
    writer.join()


def application(
    path: Path,
    asked: Asked | None = None,
    *,
    engine: FakeEngine | None = None,
    options: ScreenOptions | None = None,
) -> Pilothouse:
    """The application on a database; with an engine in this process if one is given."""
    requests = Requests(asked or Asked(), StillClock(), CountingIds(), "me@here:pts/1")
    return Pilothouse(
        make_source=lambda: DatabaseSource(path, None, lambda: seed.NOW, lambda: requests.last_id),
        requests=requests,
        clock=StillClock(),
        launch=None if engine is None else lambda: engine,
        options=options,
    )


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str = "") -> None:
    """Let the application work until a condition holds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while not condition():
        assert loop.time() < end, f"waited in vain: {what}\n{text_of(pilot)}"
        await asyncio.sleep(0.005)
        await handled(pilot)


async def ready(pilot: Pilot[None]) -> None:
    """Let the first rows be shown."""
    app = app_of(pilot)
    await until(pilot, lambda: app.view["session"].first() is not None, "first rows")
    await settled(pilot)


async def settled(pilot: Pilot[None]) -> None:
    """Let every shown pane have what it wants and paint it; no table keeps a change back."""
    app = app_of(pilot)
    shown = app.dashboard
    await until(
        pilot,
        lambda: (
            all(
                is_there(app.view, topic)
                for topic in shown.wanted
                if topic != "answers" and not str(topic).startswith("explain:")
            )
            and (shown.confirm.has_focus or shown.panes[shown.current].has_focus)
        ),
        "all topics and the focus",
    )
    await handled(pilot)
    for name in shown.shown:
        shown.panes[name].show(app.view)
        shown.panes[name].flush()
    await handled(pilot)


def is_there(view: View, topic: str | Window) -> bool:
    """Whether a topic was read, a window to its end."""
    if isinstance(topic, str):
        return view[topic].known
    part = view[page_name(topic)].part
    return part is not None and part.window == topic and part.searched and part.counted


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, each handled before the next; without the pilot's 40 ms for every key.

    As a person does, not before the pane shows what the key is about.
    """
    for key in keys:
        await _read(pilot)
        name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
        event = Key(name, key if len(key) == 1 else None)
        event.set_sender(pilot.app)
        pilot.app.post_message(event)
        await handled(pilot)


async def _read(pilot: Pilot[None]) -> None:
    """Let the pane that has the keys get its first rows, where there is a session to read."""
    app = pilot.app
    if not isinstance(app, Pilothouse) or not app.is_running:
        return
    pane = app.dashboard.panes[app.dashboard.current]
    if pane.topics and app.view["session"].first() is not None:
        own = pane.topics[0]
        await until(pilot, lambda: app.view[own].known or bool(app.view[own].failed), own)


async def handled(pilot: Pilot[None]) -> None:
    """Let every message that is queued, and those it causes, be handled."""
    for _ in range(3):
        await _quiet(pilot.app)
        if pilot.app.is_running:
            pilot.app.screen._on_timer_update()  # lay out and paint now, not when it is idle
    await _quiet(pilot.app)


async def _quiet(app: App[None]) -> None:
    """Wait until every pump waits for a message, two turns of the loop long.

    The pilot's own way is a message to each of them: three times the work of the keys themselves.
    """
    end = asyncio.get_running_loop().time() + PATIENCE_S
    turns = 0
    while turns < 2 and app.is_running and app._exception is None:
        await asyncio.sleep(0)
        pumps = (app, *app.screen.walk_children(with_self=True)) if app._screen_stack else (app,)
        turns = turns + 1 if all(_waits(pump) for pump in pumps) else 0
        assert asyncio.get_running_loop().time() < end, "a widget handles its message for ever"


def _waits(pump: MessagePump) -> bool:
    """Whether a pump has nothing to handle, or handles nothing any more."""
    if pump._task is None or pump._task.done():
        return True
    queue: Any = pump._message_queue
    return queue.empty() and bool(queue.ready_event._waiters)


def app_of(pilot: Pilot[None]) -> Pilothouse:
    """The application behind a pilot."""
    app = pilot.app
    assert isinstance(app, Pilothouse)
    return app


def text_of(pilot: Pilot[None]) -> str:
    """Everything that is on the screen, as text."""
    app = app_of(pilot)
    parts = [pane.text for pane in app.dashboard.panes.values() if pane.display]
    shown = app.dashboard
    return "\n".join(
        [shown.status.text, shown.strip.text, shown.message.text, *parts, shown.confirm.text]
    )
