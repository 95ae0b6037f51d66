"""Reconciliation: the last comparison of our ledger with the broker, item by item."""

from collections.abc import Iterable

from tui.actions import bindings
from tui.format import Shown, age, cell, money, say, when, whole, word
from tui.messages import AcceptWanted, ReconcileWanted
from tui.panes.pane import Pane
from tui.view import Row, View, compared_at
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column

COLUMNS = (
    Column(Shown("Item"), 14, lambda r, m: cell(_item(r["item"])), of="item"),
    Column(
        Shown("Kind"), 14, lambda r, m: word(r["kind"]), lambda r, m: _ink(r["kind"]), of="kind"
    ),
    Column(Shown("Ours"), 12, lambda r, m: cell(str(r["ours"])), right=True, of="ours"),
    Column(Shown("Broker"), 12, lambda r, m: cell(str(r["theirs"])), right=True, of="theirs"),
    Column(
        Shown("Effect"),
        10,
        lambda r, m: money(r["effect"], signed=True, width=10),
        right=True,
        of="effect",
    ),
)


def _item(item: str) -> str:
    """An instrument by its symbol, anything else as it is."""
    return item.split(":")[1] if item.count(":") >= 2 else item


def _ink(kind: str) -> str:
    return "plain" if kind == "MATCHED" else "warn"


class ReconciliationPane(Pane):
    """Differences by money effect; CLEAN never without a time."""

    BINDINGS = [*bindings("reconciliation")]

    pane = "reconciliation"
    title = Shown("Reconciliation")
    topics = ("reconciliation", "differences")
    columns = COLUMNS

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """The largest effect first."""
        rows = list(view["differences"].rows or ())
        rows.sort(key=lambda r: (r["effect"] is None, -abs(r["effect"] or 0)))
        return ((f"{row['kind']}|{row['item']}", row) for row in rows)

    def title_parts(self, view: View) -> list[Shown]:
        """Verdict and age."""
        run = view["reconciliation"].first()
        if run is None:
            return []
        return [word(run["verdict"]), say("{} ago", age(view.moment.age(compared_at(view))))]

    def nothing(self) -> tuple[Line, ...]:
        """The verdict in words, with its time and what was compared."""
        view = self.view
        run = view["reconciliation"].first() if view is not None else None
        if view is None or run is None or self.reading.failed:
            return super().nothing()
        at = when(compared_at(view), view.moment.session_date)
        verdict = run["verdict"]
        ink = "gain" if verdict == "CLEAN" else "danger" if verdict == "UNKNOWN" else "warn"
        words = {"CLEAN": Shown("nothing differs")}.get(verdict, cell(run.get("text") or ""))
        return (
            line(Span(say(" {}", word(verdict)), ink), say(" at {}: {}", at, words)),
            line(say(" {} items compared and equal", whole(run["matched"]))),
            line(Shown(" r compares again now"), ink="quiet"),
        )

    def empty_text(self, view: View) -> Shown:
        """Never compared is not clean."""
        return Shown("not compared yet")

    def action_accept(self) -> None:
        """Ask whether to accept the difference under the cursor."""
        self.post_message(AcceptWanted(None if self.row_left else self.row))
        self.row_left = False

    def action_reconcile(self) -> None:
        """Ask for a comparison now."""
        self.post_message(ReconcileWanted())
