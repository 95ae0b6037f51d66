"""Looking around: to the row that is meant, at a screen that stands still, as it was last time."""

from typing import Any

from tui import memory
from tui.acting import Acting
from tui.format import EXCHANGE_ZONE, Shown, safe, say, word
from tui.messages import Changed, OpenWanted
from tui.player import when_is
from tui.shell import Left
from tui.widgets.lines import Span


class Looking(Acting, inherit_bindings=False):
    """The application as somebody sees it who only looks."""

    # -- to a row ----------------------------------------------------------------------------

    def on_open_wanted(self, message: OpenWanted) -> None:
        """Go to a row of another pane."""
        self.show_row(message.pane, message.key)

    def show_row(self, pane: str, key: str | None) -> None:
        """Go to a pane, and there to a row."""
        self.dashboard.go(pane)
        if key is not None:
            self.dashboard.panes[pane].seek(key)
        self.wanted_changed()

    def goto(self, text: str) -> None:
        """Go to what a person means: an id, a place or an instant of the journal."""
        now = (self.view.moment.clock or self.clock.wall()).astimezone(EXCHANGE_ZONE)
        at = when_is(text.strip(), now)
        self.dashboard.sought = "goto:" + (text.strip() if at is None else at)
        self.wanted_changed()

    def on_changed(self, event: Changed) -> None:
        """What was sought may have been found; the base class shows the rest."""
        if not self.is_running:
            return
        sought = self.dashboard.sought
        found = None if sought is None else event.view[sought].first()
        if found is None:
            return
        self.dashboard.sought = None
        if found.get("pane"):
            self.call_next(self.show_row, found["pane"], found["key"])
        else:
            self.say_hint(safe(found["why"], 200))

    # -- standing still ----------------------------------------------------------------------

    def action_freeze(self) -> None:
        """Let the panes stand still, or go on."""
        if self.dashboard.thaw():
            self.say_hint(Shown("the panes go on"), "quiet")
        else:
            self.dashboard.freeze()
        self.paint()

    def _may_act(self) -> bool:
        """Nobody acts on a picture of before."""
        if self.dashboard.thaw():
            self.say_hint(Shown("the panes stood still: look, then press again"))
            return False
        return super()._may_act()

    def notices(self) -> list[Span]:
        """That the panes stand still, and since when, before all else."""
        frozen = self.dashboard.frozen_text
        found = super().notices()
        if not frozen:
            return found
        return [Span(say("{}: the panes stand still, the engine goes on. f", frozen), "warn"),
                *found]  # fmt: skip

    # -- as it was ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Pane, zone, filters and orders of the last time; the base class begins the rest."""
        if self.options.memory is not None:
            self._recall(memory.load(self.options.memory))

    def _recall(self, known: dict[str, Any]) -> None:
        if known:
            self.call_after_refresh(memory.recall, self.dashboard, known)
            filtered = [name for name, table in known["tables"].items() if table.get("filter")]
            if filtered:
                names = Shown(" ".join(word(name) for name in filtered))
                self.say_hint(say("filters of the last time in: {}", names), "quiet")

    def leave(self, how: Left) -> None:
        """Keep how it looked."""
        if self.options.memory is not None and self.left is Left.STAYS:
            memory.save(self.options.memory, memory.remembered(self.dashboard))
        super().leave(how)
