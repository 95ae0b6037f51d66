"""Help: every key of the shown pane and the common ones, generated from the action table."""

from itertools import groupby

from tui.actions import ACTIONS, Action, allowed
from tui.format import Shown, fit, say
from tui.panes.pane import Pane
from tui.widgets.lines import Line, Span, line

_CONTEXTS = {
    "app": Shown("Everywhere"),
    "table": Shown("In every pane"),
    "replay": Shown("The clock of a replay"),
}

SIGNS = (
    (Shown("·"), Shown("unknown; never 0, never blank")),
    (Shown("~"), Shown("the last read of this pane failed; rows are old")),
    (Shown("≈"), Shown("near a threshold: one cent can flip it")),
    (Shown("!2"), Shown("open alerts; ≠1 differences with the broker")),
    (Shown("Wgt% Tgt%"), Shown("value ÷ equity, and the weight last decided")),
    (Shown("Slip"), Shown("basis points against the decision price; + is worse, both sides")),
)


def help_lines(*, read_only: bool, contexts: tuple[str, ...] = ("app",)) -> list[Line]:
    """Return keys by context with their class, then the signs."""
    lines: list[Line] = []
    shown = [
        action
        for action in ACTIONS
        if allowed(action, read_only=read_only)
        and (action.context != "replay" or "replay" in contexts)
    ]
    for context, actions in groupby(shown, key=lambda action: action.context):
        name = _CONTEXTS.get(context) or say("In {}", Shown(context))
        lines.append(line(say(" {}", name), ink="head"))
        lines += [_key_line(action) for action in actions]
    lines.append(line(Shown(" Signs"), ink="head"))
    for sign, meaning in SIGNS:
        lines.append(line(Span(say("  {} ", fit(sign, 11)), "key"), meaning))
    return lines


def _key_line(action: Action) -> Line:
    dots = Shown("…") if action.asks else Shown("")
    return line(
        Span(say("  {} ", fit(action.shown_keys, 11)), "key"),
        fit(say("{}{}", action.label, dots), 34),
        Span(Shown(action.act.value), "quiet"),
    )


class HelpPane(Pane):
    """Replaces the panes until esc."""

    pane = "help"
    title = Shown("Help · ↑ ↓ scroll · esc back")

    def __init__(self, *, read_only: bool, contexts: tuple[str, ...] = ("app",)) -> None:
        super().__init__()
        self.instead: list[Line] | None = None  # other text that is shown for a while
        self._lines_of_help = help_lines(read_only=read_only, contexts=contexts)

    def detail_lines(self) -> list[Line] | None:
        """Help is a detail that is always open, so that movement keys scroll it."""
        return self._lines_of_help if self.instead is None else self.instead

    def back(self) -> bool:
        """Leaving, the keys come back."""
        self.instead = None
        return False

    def _step(self, rows: int) -> None:
        self._detail_top += rows
        self.flush()
