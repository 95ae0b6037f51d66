"""Help: the keys and columns of the shown pane, common keys and signs; generated."""

from collections.abc import Sequence

from tui.actions import ACTIONS, Action, allowed
from tui.format import BLANK, Shown, fit, say
from tui.panes.pane import Pane
from tui.view import View
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column

_CONTEXTS = {
    "app": Shown("Everywhere"),
    "table": Shown("In every pane"),
    "replay": Shown("The clock of a replay"),
}

SIGNS = (
    (Shown("·"), Shown("unknown; never 0, never blank")),
    (Shown("~"), Shown("rows are old: the last read failed, or a price is stale")),
    (Shown("≈"), Shown("near a threshold: one cent can flip it")),
    (Shown("!2"), Shown("open alerts; ≠1 differences with the broker")),
    (Shown("≠ +"), Shown("before a row: differs from the broker's, or from then; was not there")),
    (Shown("> *"), Shown("before a row: the cursor; marked")),
    (Shown("x c i"), Shown("before a fill: replaced; what replaced it; inferred, nobody lists it")),
    (Shown("?"), Shown("before a status: the link was lost, not compared since")),
)

MEANINGS = {
    "Age": Shown("how old: of a price, of an order, of a comparison"),
    "Avg": Shown("dollars a share: what it cost, fees in it; of an order its fills' average"),
    "Comm": Shown("dollars; … until it is reported"),
    "Cell": Shown("the cell of the decision behind it"),
    "DD%": Shown("deepest fall from the highest equity by then"),
    "Day": Shown("dollars: value now + cash of fills since the last close − value then"),
    "Diff": Shown("the broker's less ours"),
    "Dist%": Shown("limit or stop ÷ price − 1: how far the price has to go"),
    "Effect": Shown("dollars that the difference is worth"),
    "Lag": Shown("from when it happened to when it was known"),
    "Ret%": Shown("last equity ÷ capital − 1"),
    "Slip": Shown("basis points against the decision price; + is worse, both sides"),
    "Tgt%": Shown("of the strategy's equity, as last decided"),
    "Value": Shown("dollars: quantity × price"),
    "Wgt%": Shown("value ÷ equity of the strategy: its cash and all its positions"),
    "Work": Shown("shares that working orders still buy (+) or sell (−)"),
    "n": Shown("how often it came"),
    "rPnL": Shown("dollars realized, fees taken off"),
    "uPnL": Shown("dollars: value − cost"),
    "Δ%": Shown("Wgt% − Tgt%"),
}
"""What a column holds, and how it is worked out, where its name does not say it all."""


def help_lines(
    *,
    read_only: bool,
    contexts: tuple[str, ...] = ("app",),
    pane: str | None = None,
    columns: Sequence[Column] = (),
) -> list[Line]:
    """Return the keys of a pane with their class, common keys, its columns and the signs.

    Without a pane: the keys of all of them.
    """
    wanted = [*contexts, "table"] if pane is None else [pane, "table", *contexts]
    others = [a.context for a in ACTIONS if a.context not in ("replay", *wanted)]
    lines: list[Line] = []
    for context in dict.fromkeys([*wanted, *(others if pane is None else ())]):
        known = [a for a in ACTIONS if a.context == context and allowed(a, read_only=read_only)]
        if known:
            name = _CONTEXTS.get(context) or say("In {}", Shown(context))
            lines.append(line(say(" {}", name), ink="head"))
            lines += [_key_line(action) for action in known]
    lines.append(line(Shown(" Signs"), ink="head"))
    for sign, meaning in SIGNS:
        lines.append(line(Span(say("  {} ", fit(sign, 11)), "key"), meaning))
    if columns:
        lines.append(line(Shown(" Columns; what is not explained is as stored"), ink="head"))
        lines += [_column_line(column) for column in columns]
    return lines


def _key_line(action: Action) -> Line:
    dots = Shown("…") if action.asks else Shown("")
    return line(
        Span(say("  {} ", fit(action.shown_keys, 11)), "key"),
        fit(say("{}{}", action.label, dots), 34),
        Span(Shown(action.act.value), "quiet"),
    )


_WIDTHS = {0: BLANK, 1: Shown("from 120 columns"), 2: Shown("from 200 columns")}


def _column_line(column: Column) -> Line:
    known = MEANINGS.get(str(column.label), BLANK)
    name = Shown(column.of.replace("_", " "))
    return line(
        Span(say("  {} ", fit(column.label, 11)), "key"),
        known or name,
        Span(say("  {}", _WIDTHS[column.level]), "quiet"),
    )


class HelpPane(Pane):
    """Replaces the panes until esc."""

    pane = "help"
    title = Shown("Help · ↑ ↓ scroll · esc back")

    def __init__(self, *, read_only: bool, contexts: tuple[str, ...] = ("app",)) -> None:
        super().__init__()
        self.instead: list[Line] | None = None  # other text that is shown for a while
        self._read_only, self._contexts = read_only, contexts
        self._lines_of_help = help_lines(read_only=read_only, contexts=contexts)

    def explain_pane(self, pane: str | None, columns: Sequence[Column] = ()) -> None:
        """Show the keys and columns of a pane; None shows all panes."""
        self._lines_of_help = help_lines(
            read_only=self._read_only, contexts=self._contexts, pane=pane, columns=columns
        )
        self._detail_top = 0
        self.flush()

    def title_parts(self, view: View) -> list[Shown]:
        """How to see the rest."""
        return [] if self.instead is not None else [Shown("? all panes")]

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
