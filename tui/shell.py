"""The program around the screen: how it starts, what it is told, how it ends.

First paint, then the reading thread and the engine's thread. The engine is only watched: its
end is told, its database read. Signals, a terminal that goes away and a crash of the screen
end the screen and never the engine.
"""

import asyncio
import contextlib
import faulthandler
import gc
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import RenderableType
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.driver import Driver
from textual.events import Event, Key, Resize
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from engine.domain.ids import RequestId
from engine.domain.request import Request, RequestKind
from engine.errors import JournalError
from tui import terminal
from tui.actions import use_keys
from tui.dialogs.confirm import TOO_SMALL, Question
from tui.format import Shown, safe, say, show_zone
from tui.keyboard import Keyboard
from tui.messages import Changed, Said
from tui.notices import engine_end, messages
from tui.reader import Reader, Source
from tui.screens.dashboard import Dashboard
from tui.sent import Sent
from tui.steering import Arming, KeyGuard, Requests
from tui.theme import DEFAULTS, themes
from tui.view import Moment, View
from tui.widgets.cells import Cropped
from tui.widgets.lines import Lines, Span
from tui.widgets.table import Table

if TYPE_CHECKING:
    from engine.ports import Clock

ALWAYS = frozenset({RequestKind.HALT, RequestKind.STOP})
"""What a read-only screen may ask too: the emergency stop, and the end of its own session."""

COLLECT = (20_000, 20, 50)
"""When the collector looks from then on, where no engine of this process says it."""

HINT_S = 5.0
WELCOME = Shown("0-9 panes · ? help · ctrl+k stops · Q leaves")
RESIZE_LEAST_S, RESIZE_EVERY_S = 1 / 120, 0.1
LAUNCH_S = 0.3
"""How long an engine's start waits for the first rows: both at once show them later."""
QUIET_S = 1.5
FRESH_S = 0.9
"""A frame painted with what was read since is the one of this second: not another beside it."""
RETRY_S = (1.0, 2.0, 5.0)


class Engine(Protocol):
    """The engine's thread, watched and never touched."""

    error: BaseException | None

    @property
    def session_id(self) -> str | None:
        """The session, once there is one."""

    @property
    def exit_code(self) -> int | None:
        """The exit code of its end, None while it runs."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""

    def halt(self, why: str) -> None:
        """HALT without a file, when nothing can be written."""

    def request(self, request: Request) -> None:
        """Take a request that the request file could not."""

    def nudge(self) -> None:
        """Look at the request file now."""


def output_waits(driver: Driver | None) -> bool:
    """Say whether the terminal has not taken all that was written to it."""
    writer = getattr(driver, "_writer_thread", None)
    return writer is not None and writer._queue.qsize() > 0


class Left(Enum):
    """How the screen ended."""

    STAYS = "it has not"
    DONE = "left; no engine runs, or it was asked to stop"
    RUNNING = "left the engine running"
    HANGUP = "the terminal was taken away"
    SIGNAL = "asked to stop by a signal"


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """How the screen looks and what it may do."""

    theme: str = "pilothouse-dark"
    ascii_only: bool = False
    read_only: bool = False
    no_color: bool = False
    price_band_bps: Decimal = Decimal(50)
    type_quantity_above_usd: Decimal = Decimal(25_000)
    log: Path | None = None
    flash: bool = True
    memory: Path | None = None  # where it is kept how the screen looked
    keys: Mapping[str, str] = field(default_factory=dict)  # a checked map: binding id → keys


class Shell(App[None], inherit_bindings=False):
    """The application without its keys."""

    CSS_PATH = "theme.tcss"
    TITLE = "Pilothouse"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        *,
        make_source: Callable[[], Source],
        requests: Requests,
        clock: "Clock",
        launch: Callable[[], Engine] | None = None,
        options: ScreenOptions | None = None,
    ) -> None:
        self.options = options or ScreenOptions()
        super().__init__()
        for theme in themes():
            self.register_theme(theme)
        self.theme = self.options.theme
        self.set_keymap(dict(self.options.keys))
        use_keys(self.options.keys)
        show_zone("ET")
        if self.no_color or self.options.no_color:
            # the library chose its filter before it knew the theme: greys instead of no color
            self._filters = [f for f in self._filters if not isinstance(f, Monochrome)]
            self._filters.append(NoColor())
        self.requests = requests
        self.clock = clock
        self.launch = launch
        self.engine: Engine | None = None
        self.launching: Thread | None = None
        self.launch_error: BaseException | None = None
        self.view = View(Moment(clock.wall()))
        self.arming = Arming()
        self.guard = KeyGuard()
        self.left = Left.STAYS
        self.crash: str | None = None
        self._hint: tuple[Span, float] | None = None
        self.stopping = False
        self._reader: Reader | None = None
        self._make_source = make_source
        self._read_failures = 0
        self._sent = Sent()
        self._changed_at = monotonic()
        self._painted_at = 0.0
        Lines.ascii_only = self.options.ascii_only
        Table.may_flash = self.options.flash

    def get_driver_class(self) -> type[Driver]:
        """The terminal's driver with our thread that reads keys."""
        return Keyboard

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The style sheet's variables, for themes that are not ours."""
        return DEFAULTS

    def get_default_screen(self) -> Screen[None]:
        """The dashboard."""
        return Dashboard(read_only=self.options.read_only, clock=self.clock.wall)

    @property
    def dashboard(self) -> Dashboard:
        """The one screen."""
        screen = self.screen
        assert isinstance(screen, Dashboard)
        return screen

    # -- begin -----------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Take signals; everything else waits for the first paint."""
        if not self.is_headless:
            self._take_signals()
            if self._driver is not None:
                setattr(self._driver, "write", self._sent.through(self._driver.write))  # noqa: B010
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc.freeze()  # the library and the widgets are there to stay
        gc.set_threshold(*COLLECT)
        gc.enable()
        self._reader = Reader(self, self._make_source, lambda: self.dashboard.wanted)
        self._start_reader()
        self.set_interval(1.0, self._tick)
        self.set_timer(LAUNCH_S, self._start_engine)
        self.say_hint(WELCOME, "quiet")

    def _start_engine(self) -> None:
        """Start it once: what was read is on the screen, or cannot be read yet."""
        if self.launch is not None and self.launching is None and self.left is Left.STAYS:
            self.launching = Thread(target=self._launch, name="engine-start", daemon=True)
            self.launching.start()

    def _launch(self) -> None:
        """On a thread of its own: what the engine imports would freeze the screen's loop."""
        assert self.launch is not None
        try:
            self.engine = self.launch()
        except BaseException as error:  # noqa: BLE001  shown on the screen, and the exit code
            self.launch_error = error

    def _start_reader(self) -> None:
        if self._reader is not None:
            self.run_worker(
                self._reader.run, name="reader", group="reader", thread=True, exit_on_error=False
            )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A reader that died is started again; until then its rows are old."""
        if event.worker.group == "reader" and event.state is WorkerState.ERROR:
            wait = RETRY_S[min(self._read_failures, len(RETRY_S) - 1)]
            self._read_failures += 1
            self.say_hint(say("READ FAILED: {}", safe(str(event.worker.error), 200)), "danger")
            self.set_timer(wait, self._start_reader)

    # -- news ------------------------------------------------------------------------------

    def on_changed(self, event: Changed) -> None:
        """Show what was read."""
        if not self.is_running:
            return  # on the way out there is no screen left to show it on
        self._read_failures = 0
        self._changed_at = monotonic()
        self.view = event.view
        self._disarm_if_wrong()
        self._say_what_is_real()
        self.dashboard.show(self.view)
        self.paint()
        if self._reader is not None:
            self._reader.handled()
        if self.launching is None:
            self.call_after_refresh(self._start_engine)

    def _tick(self) -> None:
        if not self.is_running:
            return
        self._sent.look(monotonic())
        self.guard.tick(waiting=output_waits(self._driver))
        if self.arming.tick(self.guard.unseen_s):
            self.say_hint(Shown("disarmed: the screen stood still"), "warn")
        if self.dashboard.ready:
            self.dashboard.confirm.tick()
        if monotonic() - self._changed_at > QUIET_S:  # nothing is written: ages count all the same
            self.view = replace(self.view, moment=self.view.moment.later(self.clock.wall()))
            self.dashboard.show(self.view)
        if monotonic() - self._painted_at > FRESH_S:
            self.paint()

    def paint(self) -> None:
        """Paint the frame with messages as they are now."""
        self._painted_at = monotonic()
        self.dashboard.armed = self.arming.shown
        self.dashboard.paint_frame(self.notices())
        self.dashboard.paint_now()

    def notices(self) -> list[Span]:
        """Return what the message line has to say now, the most important first."""
        own, end = self.requests.last, self._engine_end()
        return messages(self.view, self.clock.wall(), hint=self.hint, engine_end=end, own=own)

    @property
    def hint(self) -> Span | None:
        """What is said about the last key, for a few seconds."""
        if self._hint is None or monotonic() >= self._hint[1]:
            return None
        return self._hint[0]

    def say_hint(self, text: Shown, ink: str = "warn") -> None:
        """Say something about the last key, for a few seconds."""
        self._hint = (Span(text, ink), monotonic() + HINT_S)
        self.paint()

    def _engine_end(self) -> Span | None:
        if self.launch_error is not None:
            return engine_end(False, None, self.launch_error)
        if self.engine is None:
            return None
        return engine_end(self.engine.alive, self.engine.exit_code, self.engine.error)

    @property
    def session_id(self) -> str | None:
        """The session of the engine in this process, once it has one."""
        return self.engine.session_id if self.engine is not None else None

    @property
    def sent_per_s(self) -> float | None:
        """Bytes a second to the terminal, None before they were counted, or without one."""
        return self._sent.per_s if self._sent.total else None

    @property
    def engine_alive(self) -> bool:
        """Whether an engine runs in this process, or is about to."""
        if self.engine is not None:
            return self.engine.alive
        return self.launch is not None and self.launch_error is None

    def _say_what_is_real(self) -> None:
        """Offline nothing is: said with the welcome, as soon as the mode is known."""
        session, hint = self.view["session"].first(), self.hint
        if session is not None and session["mode"] == "offline" and hint and hint.text == WELCOME:
            assert self._hint is not None
            told = say("{} · offline: nothing is real", WELCOME)
            self._hint = (Span(told, "quiet"), self._hint[1])

    def _disarm_if_wrong(self) -> None:
        """HALTED and a comparison that is not CLEAN end the arming; arming again is allowed."""
        counts, state = self.view["counts"].first(), self.view["trading"].first()
        wrong = (state is not None and state["state"] == "HALTED") or (
            counts is not None and counts["verdict"] in ("DIFFERENCES", "UNKNOWN")
        )
        if wrong and not self._was_wrong and self.arming.disarm():
            self.say_hint(Shown("disarmed: trading state or reconciliation changed"), "warn")
        self._was_wrong = wrong

    _was_wrong = False

    # -- keys and requests -----------------------------------------------------------------

    async def on_event(self, event: Event) -> None:
        """Note when a key's byte was read, then go on as usual."""
        if isinstance(event, Key) and not event.is_forwarded:
            self.guard.pressed_at = event.time
            if event.key == "escape":
                self.guard.escaped_at = event.time
            if self.begins_typing(event.key):
                return
        await super().on_event(event)

    async def _on_resize(self, event: Resize) -> None:
        """Lay out at once, then every 100 ms at most: a window that is dragged sends dozens."""
        event.prevent_default()
        event.stop()
        # a new one: what was prevented here would be prevented on the screens too
        self._resize_event = Resize(
            event.size, event.virtual_size, event.container_size, event.pixel_size
        )
        if self._size == event.size:
            return
        is_first, self._size = self._size is None, event.size
        if is_first:
            self._check_resize()
        elif self._resize_timer is None:
            wait = max(RESIZE_LEAST_S, self._resized_at + RESIZE_EVERY_S - monotonic())
            self._resize_timer = self.set_timer(wait, self._lay_out)

    def _lay_out(self) -> None:
        self._resized_at = monotonic()
        self._check_resize()

    _resized_at = 0.0

    def begins_typing(self, key: str) -> bool:
        """Open at once what the keys after this one belong to; say whether it was such a key.

        An action runs after its key went through the widgets, and by then the letters typed
        behind it would have been keys of the table.
        """
        return False

    def ask(self, question: Question) -> None:
        """Dock a question; keys go to it until it is answered."""
        if not self.dashboard.ready:
            return
        if not self.dashboard.confirm.fits(question):
            self.say_hint(TOO_SMALL)
            return
        self.dashboard.confirm.open(question)
        self.dashboard.place()
        self.dashboard.confirm.focus()

    def on_said(self, message: Said) -> None:
        """What became of a question that was not answered."""
        self.say_hint(message.text, "key")

    def request(
        self, kind: RequestKind, reason: str, asked_as: RequestId | None = None, **args: str
    ) -> bool:
        """Commit a request; say so, or say why it could not be written."""
        if self.options.read_only and kind not in ALWAYS:
            self.say_hint(Shown("this screen is read-only"))
            return False
        try:
            self.requests.ask(kind, reason, args, asked_as)
        except (JournalError, OSError) as error:
            self.say_hint(say("NOT ASKED: {}", safe(str(error), 200)), "danger")
            return False
        if self.engine is not None:
            self.engine.nudge()
        if self._reader is not None:
            self._reader.wake()
        return True

    def insist(self, kind: RequestKind, reason: str) -> None:
        """Ask by the file, as everybody does; by the engine itself if it cannot be written."""
        if self.request(kind, reason) or self.engine is None:
            return
        if kind is RequestKind.HALT:
            self.engine.halt(reason)
        else:
            self.engine.request(self.requests.make(kind, reason))

    def wanted_changed(self) -> None:
        """Another pane or id is shown: paint, and read what it needs."""
        self.paint()
        if self._reader is not None:
            self._reader.wake()

    # -- end -------------------------------------------------------------------------------

    def stop_and_leave(self) -> None:
        """Leave as soon as the engine, which was asked to stop, has ended."""
        self.stopping = True
        self.say_hint(Shown("stopping: leaves when the session has ended"), "quiet")
        self.set_interval(0.1, self._leave_if_stopped)

    def _leave_if_stopped(self) -> None:
        if not self.engine_alive:
            self.leave(Left.DONE)

    def leave(self, how: Left) -> None:
        """End the screen."""
        if self.left is Left.STAYS:
            self.left = how
            self.exit()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop_by_signal, name.name)
        loop.add_signal_handler(signal.SIGQUIT, self._dump_and_stop)
        loop.add_signal_handler(signal.SIGUSR1, self._halt_by_signal)
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # stopped, the engine would stand still

    def _hang_up(self) -> None:
        terminal.let_go()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.leave(Left.HANGUP)

    def _stop_by_signal(self, name: str) -> None:
        self.insist(RequestKind.STOP, name)
        self.leave(Left.SIGNAL)

    def _dump_and_stop(self) -> None:
        if self.options.log is not None:
            with contextlib.suppress(OSError), self.options.log.open("a") as log:
                faulthandler.dump_traceback(file=log, all_threads=True)
        self._stop_by_signal("SIGQUIT")

    def _halt_by_signal(self) -> None:
        self.insist(RequestKind.HALT, "SIGUSR1")

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send what changed, and no cell beside it."""
        if type(renderable) is ChopsUpdate:
            renderable = Cropped(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)

    def _handle_exception(self, error: Exception) -> None:
        """A crash of the screen: keep the traceback, without local variables, and end."""
        if self.crash is None:
            self.crash = "".join(traceback.format_exception(error))
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def panic(self, *renderables: object) -> None:
        """The thread that reads keys died: the terminal is gone, or it is a crash."""
        if terminal.is_gone():
            self._hang_up()
        else:
            self._handle_exception(RuntimeError("the thread that reads keys died"))
