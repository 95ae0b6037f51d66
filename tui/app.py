"""Show the screen: the order of things before, while and after it.

terminal check → settings are there → what the library reads on import → the library → first
paint → engine. Nothing here imports the screen's library before `run_app` runs.
"""

import gc
import locale
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.settings.model import Settings
from engine.settings.places import state_folder
from tui import terminal

if TYPE_CHECKING:
    from engine.domain.request import Request
    from engine.ports import Clock
    from tui.application import Pilothouse
    from tui.shell import ScreenOptions
    from tui.steering import Requests
    from tui.wiring import EngineThread

ASK_WITHIN_S = 0.2  # the stop key has no more: what was not written by then goes another way


def run_app(settings: Settings) -> int:
    """Run the engine with its screen; return the exit code."""
    if not _fit_for_a_screen():
        return 2
    from engine.runtime.clock import SystemClock
    from tui.application import Pilothouse
    from tui.source import DatabaseSource

    clock = SystemClock()
    path = settings.storage.path
    requests = _requests(path, clock)
    app = Pilothouse(
        make_source=lambda: DatabaseSource(
            path, lambda: app.session_id, clock.wall, lambda: requests.last_id
        ),
        requests=requests,
        clock=clock,
        launch=lambda: _launch(settings),
        options=_options(settings),
    )
    app.run(mouse=settings.screen.mouse)
    return afterwards(app, settings.log.path)


def run_attach(settings: Settings) -> int:
    """Show the screen on the engine of another process; return the exit code."""
    if not _fit_for_a_screen():
        return 2
    from engine.runtime.clock import SystemClock
    from engine.runtime.holder import running
    from storage.migrate import refuse_other_schema
    from tui.attached import Attached, AttachedSource

    clock = SystemClock()
    path = settings.storage.path
    refuse_other_schema(path)
    requests = _requests(path, clock)
    look = partial(running, path)
    app = Attached(
        look,
        make_source=lambda: AttachedSource(path, look, clock.wall, lambda: requests.last_id),
        requests=requests,
        clock=clock,
        options=_options(settings),
    )
    app.run(mouse=settings.screen.mouse)
    return afterwards(app, settings.log.path)


def run_replay(settings: Settings, session: str, at: str | None) -> int:
    """Show the screen on a recorded session; return the exit code."""
    if not _fit_for_a_screen():
        return 2
    from queue import SimpleQueue

    from engine.runtime.clock import SystemClock
    from storage.migrate import refuse_other_schema
    from tui.player import Player
    from tui.replayed import Replayed, ReplaySource, Wish, find_step, recorded

    clock = SystemClock()
    path = settings.storage.path
    refuse_other_schema(path)
    timeline = recorded(path, session)
    player = Player(timeline, find_step(path, timeline, at or "start", clock.wall()))
    wishes: SimpleQueue[Wish] = SimpleQueue()
    app = Replayed(
        partial(find_step, path, timeline),
        wishes,
        make_source=lambda: ReplaySource(path, timeline, player, wishes, clock.wall),
        requests=_requests(path, clock),
        clock=clock,
        options=replace(_options(settings), read_only=True),
    )
    app.run(mouse=settings.screen.mouse)
    return afterwards(app, settings.log.path)


def _fit_for_a_screen() -> bool:
    """Say whether there can be a screen here; set what its library reads when it is imported."""
    why = terminal.unfit(os.environ, stdin=sys.stdin.isatty(), stdout=sys.stdout.isatty())
    if why is not None:
        print(why, file=sys.stderr)  # noqa: T201  there is no screen to show it on
        return False
    gc.disable()  # until the first paint: what is made for it stays
    terminal.prepare(os.environ)
    return True


def _requests(path: Path, clock: "Clock") -> "Requests":
    from engine.runtime.ids import SystemIds
    from storage import controls
    from tui.steering import Requests

    def commit(request: "Request") -> None:
        controls.ask(path, request, within_s=ASK_WITHIN_S)

    return Requests(commit, clock, SystemIds(), terminal.actor())


def _options(settings: Settings) -> "ScreenOptions":
    from tui import memory
    from tui.keymap import checked
    from tui.shell import ScreenOptions
    from tui.theme import theme_name

    screen = settings.screen
    return ScreenOptions(
        theme=theme_name(screen.theme, screen.color, dict(os.environ)),
        ascii_only=screen.ascii or terminal.needs_ascii(os.environ, _encoding()),
        read_only=screen.read_only,
        no_color=screen.color == "none",
        price_band_bps=screen.price_band_bps,
        type_quantity_above_usd=screen.type_quantity_above_usd,
        log=settings.log.path,
        flash=screen.flash,
        memory=state_folder() / memory.NAME,
        keys=checked(screen.keys),
    )


def _launch(settings: Settings) -> "EngineThread":
    """Import and start the engine; slow, so never on the screen's loop."""
    from tui.wiring import EngineThread

    engine = EngineThread(settings)
    engine.watched.has_screen = True
    engine.start()
    return engine


def _encoding() -> str:
    return sys.stdout.encoding or locale.getpreferredencoding(do_setlocale=False)


def afterwards(app: "Pilothouse", log: Path) -> int:
    """Return the exit code once the screen is gone; an engine that runs goes on first."""
    from tui.shell import Left

    if app.launching is not None:
        app.launching.join()  # it may be about to start: then it is watched like any other
    engine = app.engine
    if app.left is Left.HANGUP:
        terminal.write_to_log(log)
    if app.crash is not None:
        _tell_crash(app.crash, log)
    if engine is None:
        if app.launch_error is not None:
            print(f"pilothouse: {app.launch_error}", file=sys.stderr)  # noqa: T201
            return int(getattr(app.launch_error, "exit_code", 1))
        return 1 if app.crash else 0
    if engine.alive:
        from tui.headless import continue_headless

        code = continue_headless(engine)  # type: ignore[arg-type]
    else:
        code = engine.exit_code or 0
        if engine.error is not None:
            print(f"pilothouse: {engine.error}", file=sys.stderr)  # noqa: T201
    return code or (1 if app.crash else 0)


def _tell_crash(text: str, path: Path) -> None:
    """The whole traceback, without local variables, to the log; one line to the terminal."""
    from tui.log import Log

    log = Log(path)
    log.write("the screen crashed", traceback=text)
    log.close()
    last = text.strip().rsplit("\n", 1)[-1]
    print(  # noqa: T201
        f"the screen crashed: {ascii(last)[1:-1]}; see {path}; an engine that runs goes on, "
        "`pilothouse status` shows it",
        file=sys.stderr,
    )
