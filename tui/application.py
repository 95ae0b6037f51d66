"""What keys do: look, view, protect, engine and market, by the classes of the action table.

Nothing here decides about trading: a key becomes a row in the request file, and what came of
it is read back from the database.
"""

from engine.domain.request import RequestKind
from tui import steering
from tui.actions import allowed, bindings, of
from tui.commanding import Commanding
from tui.format import Shown, safe, say
from tui.messages import CancelWanted
from tui.screens.help import HelpPane
from tui.shell import Left


class Pilothouse(Commanding, inherit_bindings=False):
    """The screen and its keys."""

    BINDINGS = [*bindings("app")]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A read-only screen has no action that changes anything."""
        found = next((a for a in of("app") if a.id == action), None)
        return found is None or allowed(found, read_only=self.options.read_only)

    # -- look -------------------------------------------------------------------------------

    def action_pane(self, name: str) -> None:
        """Go to a pane."""
        self.dashboard.go(name)
        self.wanted_changed()

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self.dashboard.cycle(1)
        self.wanted_changed()

    def action_previous_pane(self) -> None:
        """Go to the previous pane."""
        self.dashboard.cycle(-1)
        self.wanted_changed()

    def action_step_back(self) -> None:
        """One step back."""
        self.dashboard.back()
        self.wanted_changed()

    def action_zoom(self) -> None:
        """Give the focused pane the whole area, and back."""
        self.dashboard.zoomed = not self.dashboard.zoomed
        self.dashboard.place()
        self.wanted_changed()

    def action_help(self) -> None:
        """Keys, columns and signs of this pane; once more, of all panes."""
        shown, found = self.dashboard.current, self.dashboard.panes["help"]
        assert isinstance(found, HelpPane)
        if shown == "help":
            found.explain_pane(None)
        else:
            found.explain_pane(shown, self.dashboard.panes[shown].columns)
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
        self.wanted_changed()

    def action_say_how_to_leave(self) -> None:
        """ctrl+c neither leaves nor copies."""
        self.say_hint(Shown("Q leaves · ctrl+k stops trading"))

    # -- view -------------------------------------------------------------------------------

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

    # -- protect ----------------------------------------------------------------------------

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
        self.insist(RequestKind.HALT, "stop key")
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

    # -- engine and market ------------------------------------------------------------------

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

    def action_leave(self) -> None:
        """Leave; with a session in this process ask what becomes of it."""
        if self.engine_alive and not self.stopping:
            self.ask(steering.leave_question(self._leave_answered, self.view))
        else:
            self.leave(Left.DONE)

    def _leave_answered(self, key: str, _: str) -> None:
        if key == "d":
            self.leave(Left.RUNNING)
        else:
            self.insist(RequestKind.STOP, "key Q")
            self.stop_and_leave()
