"""The application: what keys do, when the engine starts, how the screen ends.

It decides nothing about trading. A key becomes a row in the request file; everything shown
was read back from the database. The engine runs on a thread of its own and is only watched.
"""

import asyncio
import contextlib
import faulthandler
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Protocol

from textual.app import App
from textual.events import Event, Key
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from engine.domain.ids import RequestId
from engine.domain.request import RequestKind
from engine.errors import JournalError
from engine.ports import Clock
from tui import steering
from tui.actions import allowed, bindings, of
from tui.dialogs.confirm import Question
from tui.format import Shown, safe, say
from tui.messages import AcknowledgeWanted, CancelWanted, Changed, ReconcileWanted, Said
from tui.notices import engine_end, messages
from tui.reader import Reader, Source
from tui.screens.dashboard import Dashboard
from tui.steering import Arming, KeyGuard, Requests
from tui.theme import DEFAULTS, themes
from tui.view import Moment, View
from tui.widgets.lines import Lines, Span

HINT_S = 5.0
QUIET_S = 1.5
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
    log: Path | None = None


class Pilothouse(App[None], inherit_bindings=False):
    """The screen."""

    CSS_PATH = "theme.tcss"
    TITLE = "Pilothouse"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [*bindings("app")]

    def __init__(
        self,
        *,
        make_source: Callable[[], Source],
        requests: Requests,
        clock: Clock,
        launch: Callable[[], Engine] | None = None,
        options: ScreenOptions | None = None,
    ) -> None:
        self.options = options or ScreenOptions()
        super().__init__()
        for theme in themes():
            self.register_theme(theme)
        self.theme = self.options.theme
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
        self._stopping = False
        self._reader: Reader | None = None
        self._make_source = make_source
        self._read_failures = 0
        self._changed_at = monotonic()
        Lines.ascii_only = self.options.ascii_only

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
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._reader = Reader(self, self._make_source, lambda: self.dashboard.wanted)
        self._start_reader()
        self.set_interval(1.0, self._tick)
        if self.launch is not None:
            self.launching = Thread(target=self._launch, name="engine-start", daemon=True)
            self.launching.start()
        self.say_hint(Shown("0-8 panes · ? help · ctrl+k stops trading · Q leaves"), "quiet")

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
        self._read_failures = 0
        self._changed_at = monotonic()
        self.view = event.view
        self._disarm_if_wrong()
        self.dashboard.show(self.view)
        self.paint()
        if self._reader is not None:
            self._reader.handled()

    def _tick(self) -> None:
        if self.arming.tick():
            self.say_hint(Shown("disarmed: the screen stood still"), "warn")
        if self.dashboard.ready:
            self.dashboard.confirm.tick()
        if monotonic() - self._changed_at > QUIET_S:  # nothing is written: ages count all the same
            self.view = replace(self.view, moment=self.view.moment.later(self.clock.wall()))
            self.dashboard.show(self.view)
        if self._stopping and not self.engine_alive:
            self.leave(Left.DONE)
        self.paint()

    def paint(self) -> None:
        """Paint the frame with messages as they are now."""
        hint = None
        if self._hint is not None:
            span, until = self._hint
            hint = span if monotonic() < until else None
        own = self.requests.last
        end = self._engine_end()
        found = messages(self.view, self.clock.wall(), hint=hint, engine_end=end, own=own)
        self.dashboard.armed = self.arming.shown
        self.dashboard.paint_frame(found)

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
    def engine_alive(self) -> bool:
        """Whether an engine runs in this process, or is about to."""
        if self.engine is not None:
            return self.engine.alive
        return self.launch is not None and self.launch_error is None

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

    # -- keys ------------------------------------------------------------------------------

    async def on_event(self, event: Event) -> None:
        """Note when a key's byte was read, then go on as usual."""
        if isinstance(event, Key) and not event.is_forwarded:
            self.guard.pressed_at = event.time
            if event.key == "escape":
                self.guard.escaped_at = event.time
        await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A read-only screen has no action that changes anything."""
        found = next((a for a in of("app") if a.id == action), None)
        return found is None or allowed(found, read_only=self.options.read_only)

    def ask(self, question: Question) -> None:
        """Dock a question; keys go to it until it is answered."""
        if not self.dashboard.ready:
            return
        self.dashboard.confirm.open(question)
        self.dashboard.place()
        self.dashboard.confirm.focus()

    def on_said(self, message: Said) -> None:
        """What became of a question that was not answered."""
        self.say_hint(message.text, "quiet")

    def request(
        self, kind: RequestKind, reason: str, asked_as: RequestId | None = None, **args: str
    ) -> bool:
        """Commit a request; say so, or say why it could not be written."""
        if self.options.read_only and kind is not RequestKind.HALT:
            self.say_hint(Shown("this screen is read-only"))
            return False
        try:
            self.requests.ask(kind, reason, args, asked_as)
        except (JournalError, OSError) as error:
            self.say_hint(say("NOT ASKED: {}", safe(str(error), 200)), "danger")
            return False
        if self._reader is not None:
            self._reader.wake()
        return True

    def _may_act(self) -> bool:
        """The guard in front of engine and market keys."""
        why = self.guard.refuses()
        if why:
            self.say_hint(why)
            return False
        if not self.arming.armed:
            self.say_hint(Shown("not armed: ctrl+o arms this screen"))
            return False
        return True

    # look

    def action_pane(self, name: str) -> None:
        """Go to a pane."""
        self.dashboard.go(name)
        self._wanted_changed()

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self.dashboard.cycle(1)
        self._wanted_changed()

    def action_previous_pane(self) -> None:
        """Go to the previous pane."""
        self.dashboard.cycle(-1)
        self._wanted_changed()

    def action_step_back(self) -> None:
        """One step back."""
        self.dashboard.back()
        self._wanted_changed()

    def action_zoom(self) -> None:
        """Give the focused pane the whole area, and back."""
        self.dashboard.zoomed = not self.dashboard.zoomed
        self.dashboard.place()
        self._wanted_changed()

    def action_help(self) -> None:
        """Keys and signs."""
        self.dashboard.go("help")

    def action_explain(self) -> None:
        """The chain behind the id under the cursor."""
        pane = self.dashboard.panes[self.dashboard.current]
        id = pane.explainable()
        if id is None:
            self.say_hint(Shown("nothing under the cursor to explain"))
            return
        pane.explained = id
        pane.flush()
        self._wanted_changed()

    def _wanted_changed(self) -> None:
        self.paint()
        if self._reader is not None:
            self._reader.wake()

    def action_say_how_to_leave(self) -> None:
        """ctrl+c neither leaves nor copies."""
        self.say_hint(Shown("Q leaves · ctrl+k stops trading"))

    # view

    def action_step(self) -> None:
        """One input of a paused recorded clock."""
        if self._recorded() and self._state() == "PAUSED":
            self.request(RequestKind.STEP, "key ]")
        else:
            self.say_hint(Shown("] steps a recorded clock while it is paused: p pauses"))

    def action_slower(self) -> None:
        """The recorded clock, slower."""
        self._pace("slower")

    def action_faster(self) -> None:
        """The recorded clock, faster."""
        self._pace("faster")

    def _pace(self, which: str) -> None:
        if not self._recorded():
            self.say_hint(Shown("only a recorded clock has a pace"))
        elif self.request(RequestKind.PACE, f"key {which}", pace=which):
            self.say_hint(say("{} asked", Shown(which)), "quiet")

    def _recorded(self) -> bool:
        session = self.view["session"].first()
        return bool(session and session["recorded_clock"])

    def _state(self) -> str:
        session = self.view["session"].first()
        return str(session["state"]) if session is not None else ""

    def on_acknowledge_wanted(self, message: AcknowledgeWanted) -> None:
        """Acknowledge an alert."""
        self.request(RequestKind.ACKNOWLEDGE, "key a", alert_id=message.alert["alert_id"])

    def on_reconcile_wanted(self, _: ReconcileWanted) -> None:
        """Compare with the broker now."""
        if self.request(RequestKind.RECONCILE, "key r"):
            self.say_hint(Shown("reconciliation asked"), "quiet")

    # protect

    def action_pause(self) -> None:
        """Pause at once; go on at once where nothing real can happen, else armed."""
        if self._state() != "PAUSED":
            self.request(RequestKind.PAUSE, "key p")
            return
        session = self.view["session"].first()
        if session is not None and session["mode"] in ("paper", "live") and not self._may_act():
            return
        self.request(RequestKind.CONTINUE, "key p")

    def action_halt(self) -> None:
        """Level 1: commit the row here and now, then stay with what can follow."""
        state = self.view["trading"].first()
        may_reduce = state is not None and state["state"] != "HALTED"
        if not self.request(RequestKind.HALT, "stop key") and self.engine is not None:
            self.engine.halt("stop key")
        self.ask(
            steering.stop_question(
                self._stop_answered, lambda: steering.stop_facts(self.view), may_reduce=may_reduce
            )
        )

    def _stop_answered(self, key: str, _: str) -> None:
        facts = steering.stop_facts(self.view)
        if key == "2":
            self.ask(steering.cancel_all_question(self._cancel_all, facts))
        elif key == "3":
            self.ask(steering.flatten_question(self._flatten, facts))
        else:
            title = Shown("REDUCING instead of HALTED: exits run again")
            self.ask(steering.reason_question(title, facts, self._reduce))

    def _cancel_all(self, _: str, __: str) -> None:
        self.request(RequestKind.CANCEL_ALL, "stop key, level 2")

    def _flatten(self, _: str, __: str) -> None:
        self.request(RequestKind.FLATTEN, "stop key, level 3")

    def _reduce(self, _: str, reason: str) -> None:
        self.request(RequestKind.REDUCE, reason)

    def _resume(self, _: str, reason: str) -> None:
        self.request(RequestKind.RESUME, reason)

    def action_trading_state(self) -> None:
        """Ask which trading state."""
        self.ask(steering.state_question(self._state_answered, self.view, armed=self.arming.armed))

    def _state_answered(self, key: str, _: str) -> None:
        facts = steering.session_facts(self.view)
        if key == "h":
            self.request(RequestKind.HALT, "key T")
        elif key == "r":
            self.ask(steering.reason_question(Shown("REDUCING: exits only"), facts, self._reduce))
        elif self._may_act():
            self.ask(steering.reason_question(Shown("ACTIVE: all orders"), facts, self._resume))

    # engine and market

    def action_arm(self) -> None:
        """Arm for some minutes; armed, disarm."""
        if self.arming.disarm():
            self.say_hint(Shown("disarmed"), "quiet")
        else:
            self.ask(steering.arm_question(self._arm, self.view))

    def _arm(self, key: str, _: str) -> None:
        self.arming.arm(steering.ARM_MINUTES[key])
        self.paint()

    def on_cancel_wanted(self, message: CancelWanted) -> None:
        """Cancel one order, after a question."""
        if self.options.read_only or not self._may_act():
            return
        order = message.order
        if message.selection_changed:
            self.say_hint(Shown("selection changed: look, then press again"))
        elif order is None:
            self.say_hint(Shown("choose an order first: ↓"))
        elif order["status"] in steering.ENDED:
            self.say_hint(say("this order has ended: {}", safe(order["status"])))
        else:
            asked_as = self.requests.new_id()

            def cancel(_: str, __: str) -> None:
                self.request(RequestKind.CANCEL, "key C", asked_as, order_id=str(order["order_id"]))

            self.ask(steering.cancel_question(order, cancel, self.view))

    # -- end -------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; with a session in this process ask what becomes of it."""
        if self.engine_alive and not self._stopping:
            self.ask(steering.leave_question(self._leave_answered, self.view))
        else:
            self.leave(Left.DONE)

    def _leave_answered(self, key: str, _: str) -> None:
        if key == "d":
            self.leave(Left.RUNNING)
        elif self.request(RequestKind.STOP, "key Q"):
            self._stopping = True
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
        from tui.terminal import let_go

        let_go()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.leave(Left.HANGUP)

    def _stop_by_signal(self, name: str) -> None:
        self.request(RequestKind.STOP, name)
        self.leave(Left.SIGNAL)

    def _dump_and_stop(self) -> None:
        if self.options.log is not None:
            with contextlib.suppress(OSError), self.options.log.open("a") as log:
                faulthandler.dump_traceback(file=log, all_threads=True)
        self._stop_by_signal("SIGQUIT")

    def _halt_by_signal(self) -> None:
        if not self.request(RequestKind.HALT, "SIGUSR1") and self.engine is not None:
            self.engine.halt("SIGUSR1")

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
        from tui.terminal import is_gone

        if is_gone():
            self._hang_up()
        else:
            self._handle_exception(RuntimeError("the thread that reads keys died"))
